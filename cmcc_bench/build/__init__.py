"""`cmcc build`: the folder that is uploaded to the Hub as it is, made from raw files."""

from cmcc_bench.build.folder import build, raw_bytes
from cmcc_bench.build.result import BuildResult

__all__ = ["BuildResult", "build", "raw_bytes"]

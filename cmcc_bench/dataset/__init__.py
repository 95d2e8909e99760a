"""`cmcc build`: the folder that is uploaded to the Hub as it is, made from raw files."""

from cmcc_bench.dataset.folder import build, raw_bytes
from cmcc_bench.dataset.result import BuildResult

__all__ = ["BuildResult", "build", "raw_bytes"]

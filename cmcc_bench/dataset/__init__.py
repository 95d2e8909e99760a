"""`cmcc build`: makes a folder of Parquet files from raw files, ready to be uploaded to the Hub."""

from cmcc_bench.dataset.folder import build, raw_bytes
from cmcc_bench.dataset.result import BuildResult

__all__ = ["BuildResult", "build", "raw_bytes"]

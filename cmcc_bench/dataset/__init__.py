"""`cmcc build`: makes a folder of Parquet files from raw files, ready to be uploaded to the Hub.

The names are imported when they are used, because worker processes need only a part of the package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmcc_bench.dataset.folder import build, raw_bytes
    from cmcc_bench.dataset.result import BuildResult

__all__ = ["BuildResult", "build", "raw_bytes"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'result' if name == 'BuildResult' else 'folder'}"), name)

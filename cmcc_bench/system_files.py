"""Files that operating systems and editors leave in any folder: never data, never uploaded, never in the way."""

from __future__ import annotations

from pathlib import PurePath

_NAMES = frozenset(
    (
        ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".directory", ".localized", "__macosx",
        ".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems", "$recycle.bin", "system volume information",
        ".ipynb_checkpoints", "__pycache__",
    )
)  # fmt: skip


def is_system_file(path: PurePath | str) -> bool:
    """Whether a path, relative to the folder that is looked at, is such a file or lies in such a folder.

    That is by any part of it, whatever its case, and for names that begin with `._` (macOS's AppleDouble files).
    """
    return any(part.startswith("._") or part.lower() in _NAMES for part in PurePath(path).parts)

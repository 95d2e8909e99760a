"""Comparing folders."""

import hashlib
from pathlib import Path


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

"""Putting a finished folder in its place so that a reader, or a crash, meets the old one or the new one."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def put_in_place(new: Path, place: Path) -> None:
    """Moves the folder `new` to `place`, both on one file system, and removes what was at `place`.

    Where the system can exchange two names (Linux), there is no moment without a folder. Elsewhere there is one between
    two renames; the old folder then stands beside it under the name of `new` and `recover` puts it back.
    What cannot be removed of the old folder stays at `new`: the new one is in its place all the same.
    """
    if not place.exists():
        new.rename(place)
        return
    if not _exchange(new, place):
        old = _old(place)
        place.rename(old)
        try:
            new.rename(place)
        finally:
            recover(place)
        old.rename(new)
    shutil.rmtree(new, ignore_errors=True)


def recover(place: Path) -> None:
    """Undoes a `put_in_place` that was cut off between its two renames."""
    if _old(place).exists() and not place.exists():
        _old(place).rename(place)


def identity(place: Path) -> tuple[int, int] | None:
    """What tells a folder from another at the same place (device and inode); None where there is none."""
    if not place.exists():
        return None
    stat = place.stat()
    return stat.st_dev, stat.st_ino


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def _exchange(first: Path, second: Path) -> bool:
    """Exchanges two names in one step, for which os has no call; False where the (file) system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0  # type: ignore[no-any-return]

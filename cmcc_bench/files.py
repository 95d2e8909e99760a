"""Files and folders that are replaced in one step, so that a reader, or a crash, meets the old one or the new one.

Every file that users keep is written by `write_bytes`, `write_text` or `write_json`; every folder is made beside its
path and moved there by `replace_folder`. `resource_folder` finds the folders that ship with the package, and
`is_system_file` tells what operating systems leave in folders.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO

from cmcc_bench.distribution import NAME

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

# What operating systems and editors leave in any folder: never data, never uploaded, never in the way.
_SYSTEM_NAMES = frozenset(
    (
        ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".directory", ".localized", "__macosx",
        ".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems", "$recycle.bin", "system volume information",
        ".ipynb_checkpoints", "__pycache__",
    )
)  # fmt: skip


def write_bytes(path: Path, content: bytes, private: bool = False) -> None:
    """Replaces the file at `path`, whole or not at all. Raises OSError; the file there before is then unchanged.

    private: only its owner may read the new file.
    """
    with open_replacement(path, private) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of a text in UTF-8, with the line breaks that it has."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object, sort_keys: bool = False) -> None:
    """`write_text` of a value as JSON: indented by one, Chinese as it is, one line break at the end."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=sort_keys) + "\n")


@contextmanager
def open_replacement(path: Path, private: bool = False) -> Iterator[IO[bytes]]:
    """A file to write into that takes the place of `path` at the end; after an error there is nothing left of it.

    Missing parent folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # a killed process left it, perhaps for all to read
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600 if private else 0o666)) as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def replace_folder(new: Path, path: Path) -> None:
    """Moves the folder `new` to `path`, both on one file system, and removes the folder that was at `path`.

    Where the system can exchange two names (Linux), there is no moment without a folder. Elsewhere there is one between
    two renames; the old folder then stands beside it and `recover_folder` puts it back. If files of the old folder
    cannot be removed, they stay at `new`; the new folder is at `path` all the same.
    """
    if not path.exists():
        new.rename(path)
        return
    if not _exchange(new, path):
        old = _old(path)
        path.rename(old)
        try:
            new.rename(path)
        finally:
            recover_folder(path)
        old.rename(new)
    shutil.rmtree(new, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Undoes a `replace_folder` that was cut off between its two renames."""
    if _old(path).exists() and not path.exists():
        _old(path).rename(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill that takes the place of `path` at the end; an error leaves the old folder as it was."""
    recover_folder(path)
    part = path.with_name(f".{path.name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        replace_folder(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def folder_identity(path: Path) -> tuple[int, int] | None:
    """Device and inode, which tell a folder from another at the same path; None where there is none."""
    if not path.exists():
        return None
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def resource_folder(name: str) -> Path:
    """The folder `name` that ships with the package: dataset_card, model_cards, metrics, leaderboard.

    In a checkout it stands beside the library, in an installation under share/cmcc. Raises FileNotFoundError when the
    installation lacks it.
    """
    for above in (Path(__file__).parents[1], Path(sysconfig.get_path("data")) / "share" / "cmcc"):
        if (above / name).is_dir():
            return above / name
    raise FileNotFoundError(f"the folder {name} is not part of this installation: reinstall {NAME} with pip")


def is_system_file(path: PurePath | str) -> bool:
    """Whether a path, relative to the folder that is looked at, is one that an operating system or an editor left.

    Any part of it counts, whatever its case, and so do names that begin with `._` (macOS's AppleDouble files).
    """
    return any(part.startswith("._") or part.lower() in _SYSTEM_NAMES for part in PurePath(path).parts)


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _exchange(first: Path, second: Path) -> bool:
    """Exchanges two names in one step, for which os has no call; False where the (file) system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0  # type: ignore[no-any-return]

"""Writes files and folders in one step: a reader, or a crash, finds the old version or the new one, never a part.

Every file that users keep is written by `write_bytes`, `write_text` or `write_json`; `read_facts` reads the records of
commands. Every folder is made under a hidden name and moved to its path by `replace_folder`. `resource_folder` finds
the folders that ship with the package, and `is_system_file` recognizes the files that operating systems leave in
folders.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, Any
from uuid import uuid4

from cmcc_bench.distribution import NAME
from cmcc_bench.errors import DataError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

# Files that operating systems and editors leave in folders. They are never read as data and never uploaded.
_SYSTEM_NAMES = frozenset(
    (
        ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".directory", ".localized", "__macosx",
        ".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems", "$recycle.bin", "system volume information",
        ".ipynb_checkpoints", "__pycache__",
    )
)  # fmt: skip


def write_bytes(path: Path, content: bytes, private: bool = False) -> None:
    """Writes or replaces the file at `path` in one step. Raises OSError; an existing file is then unchanged.

    private: gives only the owner of the file permission to read it.
    """
    with open_replacement(path, private) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8 with `write_bytes`. Line breaks are not converted."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object, sort_keys: bool = False) -> None:
    """Writes a value as JSON with `write_text`: indented by one, Chinese not escaped, one line break at the end."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=sort_keys) + "\n")


def read_facts(path: Path, may_lack: bool = False) -> dict[str, Any]:
    """The JSON object in a file that a command wrote, such as run.json. Raises cmcc.DataError if it cannot be read.

    may_lack: without a file it is empty.
    """
    if may_lack and not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text("utf-8"))
        if not isinstance(facts, dict):
            raise TypeError(f"a JSON {type(facts).__name__}")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise unreadable_facts(path, error) from error
    return facts


def unreadable_facts(path: Path, error: Exception) -> DataError:
    """The error for a file of facts that lacks something, or is none."""
    reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    hint = "Run the command that wrote it again, or copy it with the files beside it."
    return DataError(f"cannot read the record that cmcc wrote ({reason})", "", hint, file=str(path))


@contextmanager
def open_replacement(path: Path, private: bool = False) -> Iterator[IO[bytes]]:
    """Opens a temporary file for writing that replaces `path` at the end; after an error it is deleted.

    Missing parent folders are created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # left by a killed process, perhaps readable by everyone
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600 if private else 0o666)) as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def replace_folder(new: Path, path: Path) -> None:
    """Moves the folder `new` to `path`, both on one file system, and removes the folder that was at `path`.

    Linux exchanges the two names in one step. Other systems need two renames; for a moment there is no folder at
    `path`. After a crash in that moment, `recover_folder` moves the old folder back. If files of the old folder cannot
    be removed, they stay at `new`; the new folder is at `path` all the same.
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
    """Moves the old folder back after a `replace_folder` that crashed between its two renames."""
    if _old(path).exists() and not path.exists():
        _old(path).rename(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Creates an empty folder to fill that replaces `path` at the end; after an error the old folder is unchanged."""
    recover_folder(path)
    part = path.with_name(f".{path.name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(0o700, parents=True)
    try:
        yield part
        replace_folder(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def add_folder(path: Path) -> Iterator[Path]:
    """Creates a folder to fill, for its owner only, that is moved to `path` at the end, unless it exists by then.

    After an error there is no folder.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    part.mkdir(parents=True)
    try:
        yield part
        try:
            part.rename(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process made it
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def folder_identity(path: Path) -> tuple[int, int] | None:
    """The device and inode of a folder, which change when it is replaced; None if there is no folder."""
    if not path.exists():
        return None
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def resource_folder(name: str) -> Path:
    """The folder `name` that ships with the package: dataset_card, model_cards, metrics, leaderboard.

    In a checkout it is next to cmcc_bench, in an installation under share/cmcc. Raises FileNotFoundError when the
    installation lacks it.
    """
    for parent in (Path(__file__).parents[1], Path(sysconfig.get_path("data")) / "share" / "cmcc"):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(
        f"the folder {name} is missing in this installation. Reinstall it: pip install --force-reinstall {NAME}"
    )


def is_system_file(path: PurePath | str) -> bool:
    """Whether a path, relative to the folder that is searched, is a file that an operating system or an editor left.

    Every part of the path is checked, without regard to case. Names that begin with `._` are AppleDouble files (macOS).
    """
    return any(part.startswith("._") or part.lower() in _SYSTEM_NAMES for part in PurePath(path).parts)


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _exchange(first: Path, second: Path) -> bool:
    """Exchanges two names in one step; False where the system or file system cannot. `os` has no function for it."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0  # type: ignore[no-any-return]

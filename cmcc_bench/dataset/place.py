"""The output folder of a build: only an earlier build may be replaced, and a failed build leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from cmcc_bench.dataset.parquet import parquet_name
from cmcc_bench.dataset.spool import CONFIGS
from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import folder_identity, is_system_file, recover_folder
from cmcc_bench.reader.splits import SPLITS

CARD_NAME = "README.md"
REPORT_NAME = "report.json"
SPLIT_IDS_NAME = "split_ids.json"
EVAL_NAME = "eval.yaml"  # only in a build with a test split
EVAL_BEGINS = "# Written by cmcc build.\n"  # distinguishes it from a file that the user wrote

_TOP_FILES = {CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME}
FIGURES = "figures"  # the folder of the figures, if the build draws any
FIGURE_NAME = re.compile(rf"{FIGURES}/figure-\d-[a-z-]+\.svg")
_REPORT_KEYS = {"read", "repaired", "set_aside", "rejected", "dialogues", "rows"}  # in reports of all versions
_SHOWN = 3  # file names in a message


def check_out(out: Path, data_dir: Path) -> None:
    """Raises cmcc.DataError if replacing `out` (resolved) would remove raw files or the working directory."""
    raw = data_dir.resolve()
    if out.is_relative_to(raw):
        problem = "this is inside the folder of raw files"
    elif raw.is_relative_to(out):
        problem = "this folder holds the raw files"
    elif Path.cwd().is_relative_to(out):
        problem = "this is the working directory, or a folder above it"
    else:
        return
    raise DataError(f"{problem}, so it cannot be replaced", "", "Choose another --out.", folder=str(out))


def check_replaceable(out: Path) -> None:
    """Raises cmcc.DataError unless `out` does not exist, is empty, or holds an earlier build and no other files."""
    if not out.exists():
        return
    hint = "Move it away, or choose another --out."
    if not out.is_dir():
        problem = "this is a file, not a folder"
    elif names := foreign_files(out):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        problem = (
            f"the folder holds files that cmcc build did not write: {', '.join(map(printable, names[:_SHOWN]))}{more}"
        )
        hint = "Move them away, or choose another --out."
        if ".git" in names:
            hint = "Choose another --out, then upload it with cmcc push or copy its files into this clone."
    elif not all(is_system_file(path.name) for path in out.iterdir()) and not is_earlier_build(out):
        problem = "the folder exists and cmcc build did not write it"
    else:
        return
    raise DataError(problem, "", hint, folder=str(out))


def foreign_files(out: Path) -> list[str]:
    """The paths of files in a folder that a build does not write."""
    parquet = {parquet_name(config, split) for source in CONFIGS.values() for config in source for split in SPLITS}
    folders = {FIGURES} | {name.split("/")[0] for name in parquet}
    names = []
    for path in sorted(out.iterdir()):
        if path.name in folders and path.is_dir() and not path.is_symlink():
            names += sorted(f"{path.name}/{file.name}" for file in path.iterdir())
        else:
            names.append(path.name)
    own_names = parquet | _TOP_FILES | ({EVAL_NAME} if _is_own_eval_file(out / EVAL_NAME) else set())
    return [name for name in names if name not in own_names and not is_figure(name) and not is_system_file(name)]


def _is_own_eval_file(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as stream:
        return stream.read(len(EVAL_BEGINS)) == EVAL_BEGINS.encode()


def is_figure(name: str) -> bool:
    """Whether a path, relative to a built folder, is the path of a figure that a build draws."""
    return FIGURE_NAME.fullmatch(name) is not None


def is_earlier_build(out: Path) -> bool:
    """Whether a folder has the card, split ids and report of a build."""
    try:
        report = orjson.loads((out / REPORT_NAME).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return False
    complete = all((out / name).is_file() for name in _TOP_FILES)
    return complete and isinstance(report, dict) and report.keys() >= _REPORT_KEYS


@contextmanager
def building_folder(out: Path) -> Iterator[Path]:
    """A temporary folder next to `out`. It is removed at the end, as are parents of `out` created by a failed build.

    Cleans up after a build that was killed. Raises cmcc.DataError while another build writes to `out`, or if `out` may
    not be replaced.
    """
    lock = Path(tempfile.gettempdir()) / f"cmcc-{hashlib.sha256(str(out).encode()).hexdigest()[:16]}.lock"
    try:
        with locked(lock):
            recover_folder(out)
            check_replaceable(out)
            with _work_folder(out) as work:
                yield work
    except Timeout:
        hint = "Wait until it has finished, or choose another --out."
        raise DataError("another build is writing to this folder", "", hint, folder=str(out)) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock and removes its file at the end. Raises filelock.Timeout if another process holds the lock.

    A holder removes the file before it releases the lock. A process that had opened the file before that gets the lock
    of a removed file, which locks out no other process. So each one checks that the locked file is still at the path.
    """
    with FileLock(path, timeout=0) as lock:
        if os.name != "posix":  # Windows locks the file itself, and FileLock removes it
            yield
            return
        if not _is_at(lock._context.lock_file_fd, path):
            raise Timeout(str(path))
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def _is_at(descriptor: int | None, path: Path) -> bool:
    """Whether an open file is still the one at `path`."""
    try:
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    work = out.with_name(f".{out.name}.building")
    missing = [parent for parent in out.parents if not parent.exists()]
    if work.exists():
        shutil.rmtree(work)
    try:
        work.mkdir(parents=True)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with suppress(OSError):  # rmdir fails at the first parent that is not empty; it and those above it are kept
            for parent in missing:
                parent.rmdir()


@contextmanager
def note_when_unchanged(out: Path) -> Iterator[None]:
    """Adds the note "Nothing was changed." to an error that ends the block, if `out` was not replaced."""
    before = folder_identity(out)
    try:
        yield
    except (OSError, KeyboardInterrupt) as error:
        if folder_identity(out) == before:
            error.add_note("Nothing was changed.")
        raise

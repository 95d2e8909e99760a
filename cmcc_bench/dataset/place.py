"""Where a build may write: it replaces nothing but an earlier build, and one that fails leaves nothing behind."""

from __future__ import annotations

import hashlib
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
EVAL_NAME = "eval.yaml"  # a build without a test split has none
EVAL_BEGINS = "# Written by cmcc build.\n"  # by which it is told from one of the user's own

_TOP_FILES = {CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME}
FIGURES = "figures"  # the folder of figures, where a build draws them
FIGURE_NAME = re.compile(rf"{FIGURES}/figure-\d-[a-z-]+\.svg")
_REPORT_KEYS = {"read", "repaired", "set_aside", "rejected", "dialogues", "rows"}  # in the report of every version
_SHOWN = 3  # names that a message quotes


def check_place(out: Path, data_dir: Path) -> None:
    """Raises cmcc.DataError where `out`, resolved, cannot be exchanged for another folder without harm."""
    raw = data_dir.resolve()
    if out.is_relative_to(raw):
        found = "a place inside the folder of raw files"
    elif raw.is_relative_to(out):
        found = "a folder that holds the raw files"
    elif Path.cwd().is_relative_to(out):
        found = "the working directory, or a folder above it"
    else:
        return
    raise DataError(found, "a folder of its own", "Name another --out.", folder=str(out))


def check_replaceable(out: Path) -> None:
    """Raises cmcc.DataError unless `out` is free, an empty folder, or an earlier build and nothing besides."""
    if not out.exists():
        return
    hint = "Move it away, or name another --out."
    if not out.is_dir():
        found = "a file"
    elif strange := not_of_a_build(out):
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        found = f"{', '.join(map(printable, strange[:_SHOWN]))}{more}, which no build writes"
        if ".git" in strange:
            hint = "Name another --out, then upload it with cmcc push, or copy its files into this clone."
    elif not all(is_system_file(path.name) for path in out.iterdir()) and not is_earlier_build(out):
        found = "a folder that no build made"
    else:
        return
    raise DataError(found, "a free name, or an earlier build and nothing besides", hint, folder=str(out))


def not_of_a_build(out: Path) -> list[str]:
    """What a folder holds that a build would not have put there."""
    parquet = {parquet_name(config, split) for source in CONFIGS.values() for config in source for split in SPLITS}
    folders = {FIGURES} | {name.split("/")[0] for name in parquet}
    strange = []
    for path in sorted(out.iterdir()):
        if path.name in folders and path.is_dir() and not path.is_symlink():
            strange += sorted(f"{path.name}/{file.name}" for file in path.iterdir())
        else:
            strange.append(path.name)
    known = parquet | _TOP_FILES | ({EVAL_NAME} if _is_eval_of_a_build(out / EVAL_NAME) else set())
    return [name for name in strange if name not in known and not is_figure(name) and not is_system_file(name)]


def _is_eval_of_a_build(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as stream:
        return stream.read(len(EVAL_BEGINS)) == EVAL_BEGINS.encode()


def is_figure(name: str) -> bool:
    """Whether a path below a built folder is that of a figure which a build draws."""
    return FIGURE_NAME.fullmatch(name) is not None


def is_earlier_build(out: Path) -> bool:
    """Whether a folder holds all that stands beside the data of a build."""
    try:
        report = orjson.loads((out / REPORT_NAME).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return False
    complete = all((out / name).is_file() for name in _TOP_FILES)
    return complete and isinstance(report, dict) and report.keys() >= _REPORT_KEYS


@contextmanager
def building_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` to work in, gone afterwards, as are parents of `out` that a build made in vain.

    What a killed build left is put right first. Raises cmcc.DataError while another build works there, or when `out`
    may not be replaced.
    """
    lock = Path(tempfile.gettempdir()) / f"cmcc-{hashlib.sha256(str(out).encode()).hexdigest()[:16]}.lock"
    try:
        with FileLock(lock, timeout=0):
            recover_folder(out)
            check_replaceable(out)
            with _work_folder(out) as work:
                yield work
    except Timeout:
        hint = "Wait for it, or name another --out."
        raise DataError("another build that writes there now", "one at a time", hint, folder=str(out)) from None


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
        with suppress(OSError):  # the first that holds something, such as the finished folder, and all above it stay
            for parent in missing:
                parent.rmdir()


@contextmanager
def note_when_unchanged(out: Path) -> Iterator[None]:
    """Adds to an error that ends the block the note that nothing was changed, if `out` is still what it was."""
    before = folder_identity(out)
    try:
        yield
    except (OSError, KeyboardInterrupt) as error:
        if folder_identity(out) == before:
            error.add_note("Nothing was changed.")
        raise

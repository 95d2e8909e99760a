"""The raw files and care files in a folder."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

from cmcc_bench.errors import WHERE_TO_GET, DataError
from cmcc_bench.files import is_system_file
from cmcc_bench.reader.encoding import SUFFIXES, RawFile
from cmcc_bench.reader.json_stream import holds_no_dialogues
from cmcc_bench.reader.splits import SPLIT_RANK, split_in_name

SAMPLE_DIR = Path(__file__).parents[1] / "sample"  # the raw file of the config "sample"


def find_files(data_dir: str | Path) -> tuple[list[RawFile], list[Path]]:
    """The dialogue files and the care files in `data_dir`: a folder, searched whole, or one file.

    Files whose names fix a split come first, test before validation before train, and then the others, each sorted by
    path. A dialogue that several files hold is taken from the first, so it takes the split that a name fixes. Where two
    names fix it differently, test wins over validation over train: no call of an evaluation gets into training.
    A care file is a .json file whose name begins with "care" and whose content is an object without dialogues. What
    lies beside a single file is not looked at. Raises DataError when there is nothing to read.
    """
    root = Path(data_dir)
    if not str(data_dir) or not root.exists():
        raise DataError("no such folder", "a folder of raw files", WHERE_TO_GET, file=str(data_dir))
    paths = [path for path in _paths(root) if path.name.lower().endswith(SUFFIXES)]
    care = [path for path in paths if path.name.lower().startswith("care") and holds_no_dialogues(path)]
    base = root.parent if root.is_file() else root
    files = [_raw_file(path, base) for path in paths if path not in care]
    files.sort(key=lambda file: SPLIT_RANK[file.split])
    if not files:
        expected = f"files that end in {', '.join(SUFFIXES)}"
        raise DataError("no dialogue files", expected, WHERE_TO_GET, file=str(data_dir))
    return files, care


def skipped_files(data_dir: str | Path) -> Counter[str]:
    """How many files in `data_dir` are of no kind that is read, by "file_not_read:SUFFIX"."""
    others = [path for path in _paths(Path(data_dir)) if not path.name.lower().endswith(SUFFIXES)]
    return Counter(f"file_not_read:{path.suffix.lower() or 'none'}" for path in others)


def skipped_care_files(data_dir: str | Path) -> list[Path]:
    """The files in `data_dir` that are named like a care file but not read because of their suffix: care.json.txt."""
    care = [path for path in _paths(Path(data_dir)) if path.name.lower().startswith("care")]
    return [path for path in care if not path.name.lower().endswith(SUFFIXES)]


def _paths(root: Path) -> list[Path]:
    """The files below a folder, sorted, also those behind links; hidden files are skipped."""
    if root.is_file():
        return [root]
    found, seen = [], set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        kept = [name for name in folders if not (name.startswith(".") or is_system_file(name))]
        folders[:] = [] if real in seen else kept
        if real not in seen:
            found += [Path(folder, name) for name in names if not (name.startswith(".") or is_system_file(name))]
        seen.add(real)
    return sorted(path for path in found if path.is_file())


def _raw_file(path: Path, base: Path) -> RawFile:
    """A file with the split that its name fixes, train.json or test-00.json, or the nearest folder that it is in."""
    name = path.relative_to(base)
    file_name = next(name.name[: -len(end)] for end in reversed(SUFFIXES) if name.name.lower().endswith(end))
    for part in (file_name, *reversed(name.parts[:-1])):
        split = split_in_name(part)
        if split:
            return RawFile(path, name.as_posix(), split)
    return RawFile(path, name.as_posix(), None)


def choose_care_file(care_files: list[Path]) -> Path | None:
    """The one care file to merge: the only one, or care.json or care_adjudicated.json among several.

    Files of single annotators may lie beside the adjudicated one. Raises DataError when it is not clear which to take.
    """
    named = re.compile(r"care(_adjudicated)?\.json(\.gz)?", re.IGNORECASE)
    final = [path for path in care_files if named.fullmatch(path.name)] or care_files
    if len(final) > 1:
        names = ", ".join(p.name for p in final)
        hint = "Keep one, or call the one to merge care.json."
        raise DataError(f"several care files: {names}", "one to merge", hint, file=str(final[0].parent))
    return final[0] if final else None

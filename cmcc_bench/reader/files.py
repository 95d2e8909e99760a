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

SAMPLE_DIR = Path(__file__).parents[1] / "sample"  # the folder of the config "sample"


def find_files(data_dir: str | Path) -> tuple[list[RawFile], list[Path]]:
    """Finds the dialogue files and the care files in `data_dir`: a folder, with its subfolders, or one file.

    Files whose names set a split come first, in the order test, validation, train, then the others; each group is
    sorted by path. A dialogue that occurs in several files is taken from the first, so a split set by a name has
    priority, and test has priority over validation over train: no call of the test split gets into training.
    A care file is a .json file whose name begins with "care" and whose content is an object without dialogues. If
    `data_dir` is a file, other files in its folder are not read. Raises DataError when there is nothing to read.
    """
    root = Path(data_dir)
    if not str(data_dir) or not root.exists():
        hint = f"Check the path. {WHERE_TO_GET}"
        raise DataError("no such folder or file", "", hint, file=str(data_dir))
    paths = [path for path in _paths(root) if path.name.lower().endswith(SUFFIXES)]
    care = [path for path in paths if path.name.lower().startswith("care") and holds_no_dialogues(path)]
    base = root.parent if root.is_file() else root
    files = [_raw_file(path, base) for path in paths if path not in care]
    files.sort(key=lambda file: SPLIT_RANK[file.split])
    if not files:
        problem = f"no dialogue files, which end in {', '.join(SUFFIXES)}"
        raise DataError(problem, "", f"Check the path. {WHERE_TO_GET}", file=str(data_dir))
    return files, care


def skipped_files(data_dir: str | Path) -> Counter[str]:
    """Counts the files in `data_dir` that are not read because of their suffix, by "file_not_read:SUFFIX"."""
    skipped = [path for path in _paths(Path(data_dir)) if not path.name.lower().endswith(SUFFIXES)]
    return Counter(f"file_not_read:{path.suffix.lower() or 'none'}" for path in skipped)


def skipped_care_files(data_dir: str | Path) -> list[Path]:
    """The files in `data_dir` that are named like a care file but not read because of their suffix: care.json.txt."""
    care = [path for path in _paths(Path(data_dir)) if path.name.lower().startswith("care")]
    return [path for path in care if not path.name.lower().endswith(SUFFIXES)]


def _paths(root: Path) -> list[Path]:
    """All files in a folder and its subfolders, sorted. Links are followed; hidden files are skipped."""
    if root.is_file():
        return [root]
    paths, seen = [], set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        kept = [name for name in folders if not (name.startswith(".") or is_system_file(name))]
        folders[:] = [] if real in seen else kept
        if real not in seen:
            paths += [Path(folder, name) for name in names if not (name.startswith(".") or is_system_file(name))]
        seen.add(real)
    return sorted(path for path in paths if path.is_file())


def _raw_file(path: Path, base: Path) -> RawFile:
    """A file with the split set by its name, as in train.json or test-00.json, or else by its innermost folder."""
    name = path.relative_to(base)
    file_name = next(name.name[: -len(end)] for end in reversed(SUFFIXES) if name.name.lower().endswith(end))
    for part in (file_name, *reversed(name.parts[:-1])):
        split = split_in_name(part)
        if split:
            return RawFile(path, name.as_posix(), split)
    return RawFile(path, name.as_posix(), None)


def choose_care_file(care_files: list[Path]) -> Path | None:
    """Chooses the care file to merge: the only one, or care.json or care_adjudicated.json if there are several.

    The other files may be those of single annotators. Raises DataError when the choice is not clear.
    """
    named = re.compile(r"care(_adjudicated)?\.json(\.gz)?", re.IGNORECASE)
    final = [path for path in care_files if named.fullmatch(path.name)] or care_files
    if len(final) > 1:
        names = ", ".join(p.name for p in final)
        hint = "Keep one of them, or rename the one to merge to care.json."
        raise DataError(f"several care files: {names}", "", hint, folder=str(final[0].parent))
    return final[0] if final else None

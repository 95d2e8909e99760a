"""Reads calls for quality control: from raw files, a built folder, a repository on the Hub, or the sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from cmcc_bench.corpus import has_config, open_tables
from cmcc_bench.dataset.place import CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME
from cmcc_bench.errors import DataError
from cmcc_bench.reader.care import read_care
from cmcc_bench.reader.dialogue import DialogueReader
from cmcc_bench.reader.encoding import RawFile
from cmcc_bench.reader.files import SAMPLE_DIR, choose_care_file, find_files
from cmcc_bench.reader.folder import Unreadable, read_files
from cmcc_bench.types import Advance, Row

OnUnreadable = Callable[[str, DataError], None]  # takes the place of data that cannot be read, and the error

_ROWS = 10  # converted to Python objects at a time
_BUILT = (CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME)  # files in every built folder


@dataclass(frozen=True)
class Call:
    """A call: its row of `labeled` or `unlabeled`, and its source.

    file, index: of raw data, the path relative to the data folder and the position in the file.
    repaired: counts of the reader's repairs.
    """

    row: Row
    split: str
    labeled: bool
    file: str | None = None
    index: int | None = None
    repaired: Counter[str] = field(default_factory=Counter)

    @property
    def dialogue_id(self) -> str:
        """The id of the dialogue."""
        return str(self.row["dialogue_id"])


@dataclass(frozen=True)
class CallSource:
    """The data that a DATA argument names. folder: the path of raw files, None for a built data set.

    care: the care file to merge, if any. size: unpacked bytes of raw files, or the number of rows.
    """

    name: str
    folder: Path | None
    care: Path | None
    size: int


def find_source(data: str, care: Path | None = None, without_care: bool = False) -> CallSource:
    """Finds the data that `data` names: a raw file, a folder of raw files, a built folder, a Hub id, or `sample`.

    care: the care file to merge; by default the one among the raw files, unless `without_care` is set.
    Raises cmcc.DataError if there is no such data, or if `care` is given for a built data set.
    """
    folder = SAMPLE_DIR if data == "sample" else Path(data)
    if data and folder.exists() and not all((folder / name).exists() for name in _BUILT):
        files, care_files = find_files(folder)
        size = sum(file.unpacked_size for file in files)
        chosen = None if without_care else care or choose_care_file(care_files)
        return CallSource(data, folder, chosen, size)
    if care is not None:
        problem = "--care cannot be used with a built data set, which has its care labels already"
        hint = "Check the raw files instead, or build with --care and check the new folder."
        raise DataError(problem, "", hint, dataset=data)
    rows = sum(split.num_rows for config in _configs(data) for split in open_tables(data, config).values())
    return CallSource(data, None, None, rows)


def read_calls(
    source: CallSource, on_error: OnUnreadable | None = None, progress: Advance = lambda _: None
) -> Iterator[Call]:
    """Yields all calls of a source in order, including repeated ones.

    on_error: is called for data that cannot be read; without it, cmcc.DataError is raised.
    progress: is called with the amount read since its last call, in the unit of `CallSource.size`.
    """
    return _built_calls(source, progress) if source.folder is None else _raw_calls(source, on_error, progress)


def _built_calls(source: CallSource, progress: Advance) -> Iterator[Call]:
    for config in _configs(source.name):
        for split, tables in open_tables(source.name, config).items():
            for row in _rows(tables):
                progress(1)
                yield Call(row, split, config == "labeled")


def _rows(tables: Iterable[pa.Table]) -> Iterator[Row]:
    """The rows of tables, a few at a time: with more, Python's garbage collector takes half of the time."""
    for table in tables:
        for start in range(0, len(table), _ROWS):
            yield from table.slice(start, _ROWS).to_pylist()


def _configs(name: str) -> list[str]:
    """The configs of a data set that hold calls. `labeled` if there are none: opening it raises the right error."""
    return [config for config in ("labeled", "unlabeled") if has_config(name, config)] or ["labeled"]


def _raw_calls(source: CallSource, on_error: OnUnreadable | None, progress: Advance) -> Iterator[Call]:
    assert source.folder is not None
    reader = DialogueReader(read_care(source.care) if source.care else None)
    splits: dict[str, str] = {}  # of labeled dialogues, by id

    def reject(item: Unreadable, error: DataError) -> None:
        """Calls on_error with the place: the id of a dialogue, the number of a line, or the name of a file."""
        if on_error is None:
            raise error
        place = error.place
        if isinstance(item, RawFile):
            on_error(item.name, error)
        elif isinstance(item, str):
            on_error(f"line {place.get('line')} of {place.get('file')}", error)
        else:
            on_error(str(place.get("dialogue", item.index)), error)

    for raw, dialogue in read_files(find_files(source.folder)[0], reader, reject, progress=progress):
        labeled, split = dialogue.config == "labeled", dialogue.split
        if labeled:
            first = splits.setdefault(dialogue.row["dialogue_id"], split)
            # As in a build: a repeated dialogue in a file without a fixed split keeps the split of its first file.
            split = raw.file.split or first
        yield Call(dialogue.row, split, labeled, raw.file.name, raw.index, +dialogue.repaired)

"""The calls that are checked: from raw files, a built folder, a repository on the Hub, or the sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cmcc_bench.corpus import has_config, open_dataset
from cmcc_bench.dataset.place import CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME
from cmcc_bench.errors import DataError
from cmcc_bench.reader.care import read_care
from cmcc_bench.reader.dialogue import DialogueReader
from cmcc_bench.reader.encoding import RawFile
from cmcc_bench.reader.files import SAMPLE_DIR, choose_care_file, find_files
from cmcc_bench.reader.folder import Unreadable, read_files
from cmcc_bench.types import Advance, Row

OnUnreadable = Callable[[str, DataError], None]  # takes where something stands that cannot be read, and why

_BUILT = (CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME)  # stand in every folder that a build made


@dataclass(frozen=True)
class Call:
    """A call: its row of `labeled` or `unlabeled`, and where it is from.

    file, index: of raw data, the file below the data folder and the place in it. repaired: what the reader mended.
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
    """What a DATA argument names; `folder` is where raw files are, None for data that were built.

    care: the care file that is merged, if any. size: bytes of raw files, unpacked, or rows.
    """

    name: str
    folder: Path | None
    care: Path | None
    size: int


def find_source(data: str, care: Path | None = None, without_care: bool = False) -> CallSource:
    """What is there to read: a file or folder of raw files, a built folder, a Hub id, or `sample`.

    care: the care file to merge; without it the one among the raw files, unless `without_care`. Raises cmcc.DataError
    when there is nothing, and for a care file with data that were built, whose labels are merged already.
    """
    folder = SAMPLE_DIR if data == "sample" else Path(data)
    if data and folder.exists() and not all((folder / name).exists() for name in _BUILT):
        files, care_files = find_files(folder)
        size = sum(file.unpacked_size for file in files)
        chosen = None if without_care else care or choose_care_file(care_files)
        return CallSource(data, folder, chosen, size)
    if care is not None:
        hint = "Check the raw files, or build with --care and check the new folder."
        raise DataError("a care file", "none: a built data set has its care labels", hint, dataset=data)
    rows = sum(split.num_rows for config in _configs(data) for split in open_dataset(data, config).values())
    return CallSource(data, None, None, rows)


def read_calls(
    source: CallSource, on_error: OnUnreadable | None = None, progress: Advance = lambda _: None
) -> Iterator[Call]:
    """Every call of a source in order, repeats included.

    on_error: takes what cannot be read instead of raising.
    progress: takes how much was read since its last call, in the unit of `CallSource.size`. Raises cmcc.DataError.
    """
    return _built_calls(source, progress) if source.folder is None else _raw_calls(source, on_error, progress)


def _built_calls(source: CallSource, progress: Advance) -> Iterator[Call]:
    for config in _configs(source.name):
        for split, rows in open_dataset(source.name, config).items():
            for row in rows:
                progress(1)
                yield Call(row, split, config == "labeled")


def _configs(name: str) -> list[str]:
    """Those of a data set's configs that hold calls; `labeled` where none do: opening it says what is wrong."""
    return [config for config in ("labeled", "unlabeled") if has_config(name, config)] or ["labeled"]


def _raw_calls(source: CallSource, on_error: OnUnreadable | None, progress: Advance) -> Iterator[Call]:
    assert source.folder is not None
    reader = DialogueReader(read_care(source.care) if source.care else None)
    splits: dict[str, str] = {}  # of labeled dialogues, by id

    def reject(item: Unreadable, error: DataError) -> None:
        """Hands on where it stands: a dialogue by its id, a line by its number, a file by its name."""
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
            # As in a build: what a file without a split repeats has the split of the file that fixes it.
            split = raw.file.split or first
        yield Call(dialogue.row, split, labeled, raw.file.name, raw.index, +dialogue.repaired)

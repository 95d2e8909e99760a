"""The first half of a build: one raw file becomes Arrow streams on disk, a stream for each config and split.

The simple version of a build is one loop in one process:

    for _, dialogue in read_files(files, reader, reject, Uniqueness()):
        for config in CONFIGS[dialogue.config]:
            writers[config, dialogue.split].write(table_of(view(config)(dialogue.row), config))

A build makes the same bytes in two halves, so that files can be read in any number of processes:

1. `spool_file` runs this loop over one file. What it cannot know, whether an earlier file has a dialogue, it leaves
   open: it returns id, digest and place of each dialogue that it wrote (`Accepted`), a few hundred bytes each.
2. dataset/folder.py takes the spooled files in their order, decides by id and digest what is there already, and copies
   the streams into one Parquet file for each config and split, less these ids. Nothing is parsed twice, except a
   file in which such a dialogue is rejected: its raw text is wanted then.

The streams are Arrow and not Parquet because row groups must not depend on how the rows were spread over files: the
second half cuts them anew. Memory does not grow with a file: a block of dialogues is in memory at a time.
"""

from __future__ import annotations

import gc
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path

import pyarrow as pa

from cmcc_bench.dataset.rejects import RejectFiles
from cmcc_bench.errors import DataError, printable
from cmcc_bench.features import BLOCK, table_of
from cmcc_bench.masking import mask_error
from cmcc_bench.reader.care import CareLabels
from cmcc_bench.reader.dialogue import Dialogue, DialogueReader
from cmcc_bench.reader.encoding import RawFile
from cmcc_bench.reader.folder import Uniqueness, Unreadable, read_files
from cmcc_bench.reader.json_stream import raw_dialogues
from cmcc_bench.reader.report import Report
from cmcc_bench.types import Advance, Row
from cmcc_bench.views.configs import view
from cmcc_bench.views.exchanges import USER

CONFIGS = {"labeled": ("labeled", "emotion", "response", "satisfaction"), "unlabeled": ("unlabeled",)}

_BLOCK_CHARACTERS = 8_000_000  # of raw text, or of texts in a table's rows: what ends a block before it is full


@dataclass(frozen=True)
class SpoolJob:
    """What a process needs to spool one file: `folder` is new and its own."""

    file: RawFile
    folder: Path
    care: CareLabels
    skip_errors: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """A dialogue that was spooled.

    digest: of its row. index: its place in the raw file. split: None when it is unlabelled.
    exchanges, outside: of a labelled dialogue, how many exchanges it has and how many utterances are in none.
    """

    digest: bytes
    index: int
    split: str | None = None
    exchanges: int = 0
    outside: int = 0


@dataclass
class Spooled:
    """What came of a file: its dialogues in order, and counts."""

    job: SpoolJob
    report: Report
    merged: set[str]  # keys of care labels that found their dialogue
    accepted: dict[str, Accepted] = field(default_factory=dict)  # by dialogue id
    rejected: Counter[str] = field(default_factory=Counter)  # by the field, or else the place, that could not be read

    @property
    def rejects(self) -> RejectFiles:
        """The raw texts of rejected dialogues, and why they were rejected."""
        return RejectFiles.inside(self.job.folder)

    def stream(self, config: str, split: str) -> Path:
        """The Arrow stream of a config and split; it is not there when the file has no such rows."""
        return self.job.folder / f"{config}.{split}.arrow"

    def reject(self, item: Unreadable, error: DataError) -> None:
        """Keeps the raw text of a dialogue or line that cannot be read; raises the error unless the job skips errors.

        A file that is broken from some place on always raises: nobody can tell what it held.
        """
        if isinstance(item, RawFile) or not self.job.skip_errors:
            raise error
        shown = mask_error(error)
        self.report.rejected.append(str(shown))
        field_name = error.place.get("field")  # where the error names none: the smallest place, turn, dialogue or line
        self.rejected[list(error.place)[-1] if field_name is None else printable(str(field_name), 40)] += 1
        self.rejects.add(item if isinstance(item, str) else item.text, shown)

    def reject_accepted(self, errors: Mapping[int, DataError]) -> None:
        """Rejects dialogues that were spooled already, by place in the file, which is read again for their texts."""
        if not errors:
            return
        if not self.job.skip_errors:
            raise next(iter(errors.values()))
        for raw in raw_dialogues(self.job.file, lambda *_: None):
            if raw.index in errors:
                self.reject(raw, errors[raw.index])


def spool_file(job: SpoolJob, progress: Advance) -> Spooled:
    """Reads one raw file and writes its streams.

    Raises cmcc.DataError for the first dialogue that cannot be read, unless the job skips errors: such dialogues are
    then written whole to `rejects`. Raises OSError when the disk is full.
    """
    job.folder.mkdir(parents=True)
    reader, unique = DialogueReader(job.care), Uniqueness()
    spooled = Spooled(job, reader.report, reader.merged)
    with _cycles_not_collected(), ExitStack() as stack:
        writers = _StreamWriters(spooled, stack)
        for raw, dialogue in read_files([job.file], reader, spooled.reject, unique, progress):
            facts = (dialogue.split, *count_exchanges(dialogue.row)) if dialogue.config == "labeled" else ()
            spooled.accepted[dialogue.row["dialogue_id"]] = Accepted(dialogue.digest, raw.index, *facts)
            writers.add(dialogue, len(raw.text))
        writers.flush()
    return spooled


@contextmanager
def _cycles_not_collected() -> Iterator[None]:
    """Rows are trees: counting references frees them, and looking for cycles in a block takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def count_exchanges(row: Row) -> tuple[int, int]:
    """How many exchanges a labelled row has, and how many of its utterances are in none.

    It counts what cmcc_bench.views.exchanges makes, from the speakers alone: making them takes a tenth of a build.
    """
    said_by_user = [utterance["speaker"] == USER for utterance in row["utterances"]]
    replies = sum(user and not following for user, following in pairwise(said_by_user))
    greeting = len(list(takewhile(operator.not_, said_by_user)))
    last_word = len(list(takewhile(bool, reversed(said_by_user))))
    return replies, greeting + last_word


class _StreamWriters:
    """Collects dialogues in blocks and appends each config's rows to its stream."""

    def __init__(self, spooled: Spooled, stack: ExitStack) -> None:
        self._spooled, self._stack = spooled, stack
        self._blocks: dict[tuple[str, str], list[Row]] = {}
        self._characters: Counter[tuple[str, str]] = Counter()
        self._writers: dict[tuple[str, str], pa.RecordBatchStreamWriter] = {}

    def add(self, dialogue: Dialogue, characters: int) -> None:
        """Adds a dialogue whose raw text has so many characters."""
        key = dialogue.config, dialogue.split
        block = self._blocks.setdefault(key, [])
        block.append(dialogue.row)
        self._characters[key] += characters
        if len(block) == BLOCK or self._characters[key] > _BLOCK_CHARACTERS:
            self._write(*key, block)
            block.clear()
            self._characters[key] = 0

    def flush(self) -> None:
        """Writes what waits."""
        for (source, split), block in self._blocks.items():
            self._write(source, split, block)

    def _write(self, source: str, split: str, block: list[Row]) -> None:
        for config in CONFIGS[source]:
            to_rows = view(config)
            for rows in _pieces(new for row in block for new in to_rows(row)):
                table = table_of(rows, config)
                self._writer(config, split, table.schema).write_table(table)

    def _writer(self, config: str, split: str, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
        if (config, split) not in self._writers:
            sink = self._stack.enter_context(pa.OSFile(str(self._spooled.stream(config, split)), "wb"))
            self._writers[config, split] = self._stack.enter_context(pa.ipc.new_stream(sink, schema))
        return self._writers[config, split]


def _pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists that end where their texts are many: the rows of a dialogue share its KB, a table copies it."""
    piece: list[Row] = []
    characters = 0
    for row in rows:
        piece.append(row)
        characters += sum(len(value) for value in row.values() if type(value) is str)
        if characters > _BLOCK_CHARACTERS:
            yield piece
            piece, characters = [], 0
    if piece:
        yield piece

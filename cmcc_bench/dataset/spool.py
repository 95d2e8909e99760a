"""The first half of a build: one raw file becomes Arrow streams on disk, a stream for each config and split.

Files are spooled independently of each other, so in any number of processes; a dialogue is parsed once for all configs.
Memory does not grow with the file: a block of dialogues is in memory at a time.
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
from cmcc_bench.reader.folder import Uniqueness, read_each
from cmcc_bench.reader.json_stream import RawDialogue, raw_dialogues
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

    def reject(self, text: str, error: DataError) -> None:
        """Keeps the raw text of a dialogue that cannot be read; raises the error unless the job skips errors."""
        if not self.job.skip_errors:
            raise error
        shown = mask_error(error)
        self.report.rejected.append(str(shown))
        self.rejected[_kind(error)] += 1
        self.rejects.add(text, shown)

    def reject_accepted(self, errors: Mapping[int, DataError]) -> None:
        """Rejects dialogues that were spooled already, by place in the file, which is read again for their texts."""
        if not errors:
            return
        if not self.job.skip_errors:
            raise next(iter(errors.values()))
        for raw in raw_dialogues(self.job.file, lambda *_: None):
            if raw.index in errors:
                self.reject(raw.text, errors[raw.index])


def _kind(error: DataError) -> str:
    """The field that could not be read; where the error names none, the smallest place: turn, dialogue, line."""
    field_name = error.place.get("field")
    return printable(str(field_name), 40) if field_name is not None else list(error.place)[-1]


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
        raws = _ticked(raw_dialogues(job.file, spooled.reject), progress)
        for raw, dialogue in read_each(raws, reader, unique, lambda raw, error: spooled.reject(raw.text, error)):
            spooled.accepted[dialogue.row["dialogue_id"]] = _accepted(dialogue, raw.index)
            writers.add(dialogue, len(raw.text))
        writers.flush()
    return spooled


def _ticked(raws: Iterable[RawDialogue], progress: Advance) -> Iterator[RawDialogue]:
    waiting = 0
    for raw in raws:
        yield raw
        waiting += len(raw.text.encode(errors="surrogatepass"))
        if waiting > 1 << 20:
            progress(waiting)
            waiting = 0
    progress(waiting)


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


def _accepted(dialogue: Dialogue, index: int) -> Accepted:
    if dialogue.config != "labeled":
        return Accepted(dialogue.digest, index)
    return Accepted(dialogue.digest, index, dialogue.split, *count_exchanges(dialogue.row))


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

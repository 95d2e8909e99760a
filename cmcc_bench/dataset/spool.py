"""The first half of a build: writes the rows of one raw file to Arrow streams, one per config and split.

The simple version of a build is one loop in one process:

    for _, dialogue in read_files(files, reader, reject, Uniqueness()):
        for config in CONFIGS[dialogue.config]:
            writers[config, dialogue.split].write(table_of(view(config)(dialogue.row), config))

A build writes the same bytes in two halves, so that files can be read by any number of processes:

1. `spool_file` runs this loop over one file. It cannot know whether an earlier file has the same dialogue. It therefore
   returns id, digest and position of each dialogue that it wrote (`Accepted`), a hundred bytes each.
2. dataset/folder.py takes the spooled files in order, finds repeated dialogues by id and digest, and copies the streams
   without these ids into one Parquet file for each config and split. Nothing is parsed twice, with one exception: when
   a repeated id is rejected, its file is read again to get the raw text.

The streams are Arrow and not Parquet because row groups must not depend on how the rows were spread over files: the
second half forms new row groups. Memory does not grow with the file: one block of dialogues is in memory at a time.
"""

from __future__ import annotations

import gc
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cmcc_bench.blocks import BLOCK
from cmcc_bench.dataset.rejects import RejectFiles
from cmcc_bench.errors import DataError, printable
from cmcc_bench.masking import mask_error
from cmcc_bench.reader.care import CareLabels
from cmcc_bench.reader.dialogue import Dialogue, DialogueReader, Texts
from cmcc_bench.reader.encoding import RawFile
from cmcc_bench.reader.folder import Uniqueness, Unreadable, read_files
from cmcc_bench.reader.json_stream import raw_dialogues
from cmcc_bench.reader.report import Report
from cmcc_bench.types import Advance, Row
from cmcc_bench.views.columns import TABLE_VIEWS
from cmcc_bench.views.configs import view
from cmcc_bench.vocabulary import SPEAKERS

CONFIGS = {"labeled": ("labeled", "emotion", "response", "satisfaction"), "unlabeled": ("unlabeled",)}

_BLOCK_CHARACTERS = 8_000_000  # characters of raw text, or of texts in rows, that end a block before it is full


def _schemas() -> dict[str, pa.Schema]:
    from cmcc_bench.features import schema_of  # it imports `datasets`, which worker processes never need

    return {config: schema_of(config) for source in CONFIGS.values() for config in source}


@dataclass(frozen=True)
class SpoolJob:
    """The arguments to spool one file. `folder` must not exist; no other job uses it. schemas: of each config."""

    file: RawFile
    folder: Path
    care: CareLabels
    skip_errors: bool
    schemas: Mapping[str, pa.Schema] = field(default_factory=_schemas)


@dataclass
class Accepted:
    """The spooled dialogues of a file in order, by column: a worker sends them to the parent.

    digests: of their rows, joined. indices: their positions in the raw file. splits: None if unlabeled.
    exchanges, outside: of labeled dialogues, the number of exchanges and of utterances that belong to none; else 0.
    """

    ids: list[str] = field(default_factory=list)
    digests: bytearray = field(default_factory=bytearray)
    indices: array[int] = field(default_factory=lambda: array("Q"))
    splits: list[str | None] = field(default_factory=list)
    exchanges: array[int] = field(default_factory=lambda: array("Q"))
    outside: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, dialogue: Dialogue, index: int) -> None:
        """Adds a dialogue. index: its position in the raw file."""
        is_labeled = dialogue.config == "labeled"
        exchanges, outside = count_exchanges(dialogue.row) if is_labeled else (0, 0)
        self.ids.append(dialogue.dialogue_id)
        self.digests += dialogue.digest
        self.indices.append(index)
        self.splits.append(dialogue.split if is_labeled else None)
        self.exchanges.append(exchanges)
        self.outside.append(outside)


@dataclass
class Spooled:
    """The result of spooling a file: its dialogues in order, and counts."""

    job: SpoolJob
    report: Report
    merged: set[str]  # keys of the care labels that were merged
    accepted: Accepted = field(default_factory=Accepted)
    rejected: Counter[str] = field(
        default_factory=Counter
    )  # by the field that is wrong, or else turn, dialogue or line

    @property
    def rejects(self) -> RejectFiles:
        """The files with the raw texts of rejected dialogues and the reasons."""
        return RejectFiles.inside(self.job.folder)

    def stream(self, config: str, split: str) -> Path:
        """The path of the Arrow stream of a config and split. It does not exist if the raw file has no such rows."""
        return self.job.folder / f"{config}.{split}.arrow"

    def reject(self, item: Unreadable, error: DataError) -> None:
        """Writes a dialogue or line that cannot be read to the rejects; raises the error unless the job skips errors.

        An error about a whole file (such as a truncated one) is always raised, because the lost dialogues are unknown.
        """
        if isinstance(item, RawFile) or not self.job.skip_errors:
            raise error
        masked = mask_error(error)
        self.report.rejected.append(str(masked))
        field_name = error.place.get("field")  # without a field, count by the last part of the place: turn or line
        self.rejected[list(error.place)[-1] if field_name is None else printable(str(field_name), 40)] += 1
        self.rejects.add(item if isinstance(item, str) else item.text, masked)

    def reject_accepted(self, errors: Mapping[int, DataError]) -> None:
        """Rejects spooled dialogues. errors: by position in the file, which is read again for the raw texts."""
        if not errors:
            return
        if not self.job.skip_errors:
            raise next(iter(errors.values()))
        for raw in raw_dialogues(self.job.file, lambda *_: None):
            if raw.index in errors:
                self.reject(raw, errors[raw.index])


def spool_file(job: SpoolJob, progress: Advance) -> Spooled:
    """Reads one raw file and writes its Arrow streams.

    progress: is called with the number of bytes read since its last call.
    Raises cmcc.DataError for the first dialogue that cannot be read, unless the job skips errors: the raw texts of such
    dialogues are then written to the rejects. Raises OSError when the disk is full.
    """
    job.folder.mkdir(parents=True)
    reader, unique = DialogueReader(job.care), Uniqueness()
    spooled = Spooled(job, reader.report, reader.merged)
    with garbage_collection_off(), ExitStack() as stack:
        writers = _StreamWriters(spooled, stack)
        for raw, dialogue in read_files([job.file], reader, spooled.reject, unique, progress):
            spooled.accepted.add(dialogue, raw.index)
            writers.add(dialogue, raw.characters)
        writers.flush()
    return spooled


@contextmanager
def garbage_collection_off() -> Iterator[None]:
    """Turns the cyclic garbage collector off: rows have no cycles, and its search takes much of the time of a build."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def count_exchanges(row: Row) -> tuple[int, int]:
    """The number of exchanges of a labeled row, and the number of its utterances that belong to none.

    The counts equal those from cmcc_bench.views.exchanges, but need only the speakers: forming the exchanges would take
    a tenth of the time of a build.
    """
    speakers = bytes([utterance["speaker"] for utterance in row["utterances"]])
    before_user = len(speakers) - len(speakers.lstrip(_SERVICE))
    without_reply = len(speakers) - len(speakers.rstrip(_USER))
    return speakers.count(_USER + _SERVICE), before_user + without_reply


_SERVICE, _USER = (bytes([SPEAKERS.id_of(name)]) for name in ("service", "user"))


class _StreamWriters:
    """Collects dialogues in blocks and appends the rows of each config to its stream."""

    def __init__(self, spooled: Spooled, stack: ExitStack) -> None:
        self._spooled, self._stack = spooled, stack
        self._blocks: dict[tuple[str, str], list[Dialogue]] = {}
        self._characters: Counter[tuple[str, str]] = Counter()
        self._writers: dict[tuple[str, str], pa.RecordBatchStreamWriter] = {}

    def add(self, dialogue: Dialogue, characters: int) -> None:
        """Adds a dialogue. characters: the length of its raw text."""
        key = dialogue.config, dialogue.split
        block = self._blocks.setdefault(key, [])
        block.append(dialogue)
        self._characters[key] += characters
        if len(block) == BLOCK or self._characters[key] > _BLOCK_CHARACTERS:
            self._write(*key, block)
            block.clear()
            self._characters[key] = 0

    def flush(self) -> None:
        """Writes the blocks that are not full."""
        for (source, split), block in self._blocks.items():
            self._write(source, split, block)

    def _write(self, source: str, split: str, block: list[Dialogue]) -> None:
        for config, table in tables_of(block, source, self._spooled.job.schemas):
            self._writer(config, split, table.schema).write_table(table)

    def _writer(self, config: str, split: str, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
        if (config, split) not in self._writers:
            sink = self._stack.enter_context(pa.OSFile(str(self._spooled.stream(config, split)), "wb"))
            self._writers[config, split] = self._stack.enter_context(pa.ipc.new_stream(sink, schema))
        return self._writers[config, split]


def tables_of(
    dialogues: list[Dialogue], source: str, schemas: Mapping[str, pa.Schema]
) -> Iterator[tuple[str, pa.Table]]:
    """Makes the rows of each config of `source`, in tables of bounded size, from dialogues that are all of `source`.

    source: "labeled" or "unlabeled". Yields (config, table); a config without rows has no table.
    """
    if source == "unlabeled":
        texts = [dialogue.content for dialogue in dialogues if isinstance(dialogue.content, Texts)]
        yield source, _table_of_texts([dialogue.dialogue_id for dialogue in dialogues], texts, schemas[source])
        return
    labeled = list(_tables_of_rows(dialogues, source, schemas[source]))
    yield from ((source, table) for table in labeled)
    for config in CONFIGS[source][1:] if labeled else ():
        table = TABLE_VIEWS[config](labeled[0], schemas[config]) if config in TABLE_VIEWS else None
        if table is None or len(labeled) > 1 or table.nbytes > _BLOCK_CHARACTERS:
            yield from ((config, table) for table in _tables_of_rows(dialogues, config, schemas[config]))
        elif table.num_rows:
            yield config, table


def _tables_of_rows(dialogues: list[Dialogue], config: str, schema: pa.Schema) -> Iterator[pa.Table]:
    to_rows = view(config)
    rows = [row for dialogue in dialogues for row in to_rows(dialogue.row)]
    strings = [number for number, column in enumerate(schema) if pa.types.is_string(column.type)]
    for columns in _pieces(rows, schema.names, strings):  # by column, because from_pylist takes longer
        arrays = [pa.array(values, column.type) for values, column in zip(columns, schema, strict=True)]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _table_of_texts(ids: list[str], texts: list[Texts], schema: pa.Schema) -> pa.Table:
    """A table of `unlabeled`, equal to table_of of the same rows, without making the rows."""
    of_lists = schema.field("utterances").type
    strings = list(chain.from_iterable([dialogue.text for dialogue in texts]))
    speakers = np.fromiter(chain.from_iterable([dialogue.speaker for dialogue in texts]), np.int64, len(strings))
    turns = np.fromiter(chain.from_iterable([dialogue.turn for dialogue in texts]), np.int32, len(strings))
    columns = [pa.array(speakers), pa.array(strings, pa.string()), pa.array(turns)]
    utterances = pa.StructArray.from_arrays(columns, fields=list(of_lists.value_type))
    offsets = pa.array([0, *accumulate(len(dialogue.text) for dialogue in texts)], pa.int32())
    lists = pa.ListArray.from_arrays(offsets, utterances, type=of_lists)
    return pa.Table.from_arrays([pa.array(ids, pa.string()), lists], schema=schema)


def _pieces(rows: list[Row], names: Sequence[str], strings: Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
    """Splits rows into columns of bounded text size. Rows of a dialogue share its KB, but a table has a copy per row.

    names: of the columns. strings: the numbers of the columns with text.
    """
    values_of = itemgetter(*names)
    columns = list(zip(*map(values_of, rows), strict=True))
    if sum(sum(map(len, columns[number])) for number in strings if rows) <= _BLOCK_CHARACTERS:
        yield from [columns] if rows else []
        return
    piece: list[tuple[Any, ...]] = []
    characters = 0
    for values in map(values_of, rows):
        piece.append(values)
        characters += sum(len(values[number]) for number in strings)
        if characters > _BLOCK_CHARACTERS:
            yield list(zip(*piece, strict=True))
            piece, characters = [], 0
    if piece:
        yield list(zip(*piece, strict=True))

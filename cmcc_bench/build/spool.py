"""The first half of a build: one raw file becomes Arrow streams on disk, a stream for each config and split.

Files are spooled independently of each other, so in any number of processes; a dialogue is parsed once for all configs.
Memory does not grow with the file: a block of dialogues is in memory at a time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

import cmcc

CONFIGS = {"labeled": ("labeled", "emotion", "response", "satisfaction"), "unlabeled": ("unlabeled",)}

Tick = Callable[[int], None]  # takes the bytes that were read since the last call


@dataclass(frozen=True)
class SpoolJob:
    """What a process needs to spool one file: `folder` is new and its own."""

    file: cmcc.RawFile
    folder: Path
    care: cmcc.CareLabels
    skip_errors: bool


@dataclass
class Spooled:
    """What came of a file: its dialogues in order, and counts."""

    job: SpoolJob
    digests: dict[str, bytes] = field(default_factory=dict)  # by dialogue id
    splits: dict[str, str] = field(default_factory=dict)  # of labelled dialogues, by id
    merged: set[str] = field(default_factory=set)  # keys of care labels that found their dialogue
    report: cmcc.Report = field(default_factory=cmcc.Report)

    @property
    def rejects(self) -> Path:
        """The raw texts of rejected dialogues, one JSON text a line."""
        return self.job.folder / "rejects.jsonl"

    def stream(self, config: str, split: str) -> Path:
        """The Arrow stream of a config and split; it is not there when the file has no such rows."""
        return self.job.folder / f"{config}.{split}.arrow"


def spool_file(job: SpoolJob, tick: Tick) -> Spooled:
    """Reads one raw file and writes its streams.

    Raises cmcc.DataError for the first dialogue that cannot be read, unless the job skips errors: such dialogues are
    then written whole to `rejects`. Raises OSError when the disk is full.
    """
    job.folder.mkdir(parents=True)
    spooled = Spooled(job)
    reader, unique = cmcc.DialogueReader(job.care), cmcc.Uniqueness()
    spooled.report = reader.report

    def reject(text: str, error: cmcc.DataError) -> None:
        if not job.skip_errors:
            raise error
        reader.report.rejected.append(str(error))
        with spooled.rejects.open("a", encoding="utf-8", errors="surrogatepass") as stream:
            stream.write(" ".join(text.splitlines()) + "\n")

    with _cycles_not_collected(), ExitStack() as stack:
        writers = _StreamWriters(spooled, stack)
        bytes_read = 0
        for raw in cmcc.raw_dialogues(job.file, reject):
            bytes_read += len(raw.text.encode(errors="surrogatepass"))
            try:
                dialogue = reader.read(raw)
                if dialogue is not None and _is_new(dialogue, unique, spooled):
                    writers.add(dialogue)
            except cmcc.DataError as error:
                reject(raw.text, error)
            if bytes_read > 1 << 20:
                tick(bytes_read)
                bytes_read = 0
        writers.flush()
        tick(bytes_read)
    spooled.merged = reader.merged
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


def _is_new(dialogue: cmcc.Dialogue, unique: cmcc.Uniqueness, spooled: Spooled) -> bool:
    dialogue_id, digest = dialogue.row["dialogue_id"], cmcc.digest_of(dialogue.row)
    if not unique.add(dialogue_id, digest, spooled.job.file.name):
        spooled.report.set_aside["repeated_dialogue"] += 1
        return False
    spooled.digests[dialogue_id] = digest
    if dialogue.config == "labeled":
        spooled.splits[dialogue_id] = dialogue.split
    return True


class _StreamWriters:
    """Collects dialogues in blocks and appends each config's rows to its stream."""

    def __init__(self, spooled: Spooled, stack: ExitStack) -> None:
        self._spooled, self._stack = spooled, stack
        self._blocks: dict[tuple[str, str], list[cmcc.Row]] = {}
        self._writers: dict[tuple[str, str], pa.RecordBatchStreamWriter] = {}

    def add(self, dialogue: cmcc.Dialogue) -> None:
        block = self._blocks.setdefault((dialogue.config, dialogue.split), [])
        block.append(dialogue.row)
        if len(block) == cmcc.BLOCK:
            self._write(dialogue.config, dialogue.split, block)
            block.clear()

    def flush(self) -> None:
        for (source, split), block in self._blocks.items():
            self._write(source, split, block)

    def _write(self, source: str, split: str, block: list[cmcc.Row]) -> None:
        for config in CONFIGS[source]:
            to_rows = cmcc.view(config)
            table = cmcc.table_of((new for row in block for new in to_rows(row)), config)
            if table.num_rows:
                self._writer(config, split, table.schema).write_table(table)

    def _writer(self, config: str, split: str, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
        if (config, split) not in self._writers:
            sink = self._stack.enter_context(pa.OSFile(str(self._spooled.stream(config, split)), "wb"))
            self._writers[config, split] = self._stack.enter_context(pa.ipc.new_stream(sink, schema))
        return self._writers[config, split]

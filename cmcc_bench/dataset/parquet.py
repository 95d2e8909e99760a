"""The second half of a build: writes the Arrow streams into one Parquet file for each config and split."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Rows in a row group: a few MB of text. Row groups depend only on the rows, so that the bytes do not depend on the raw
# files or on the number of processes.
ROW_GROUP = {"labeled": 2_000, "unlabeled": 10_000, "emotion": 20_000, "response": 20_000, "satisfaction": 5_000}

# Bytes of text that end a row group before it is full. Each row of `response` repeats the whole KB and goal of its
# dialogue: in a dialogue with thousands of exchanges that is far more than the dialogue itself.
_ROW_GROUP_BYTES = 1 << 27


@dataclass(frozen=True)
class SplitSize:
    """The number of rows of a split, and its size in memory as Arrow tables, in bytes."""

    rows: int
    bytes: int


Sizes = dict[str, dict[str, SplitSize]]  # by config and split


def parquet_name(config: str, split: str) -> str:
    """The path of the file of a split, relative to the built folder."""
    return f"{config}/{split}-00000-of-00001.parquet"


def read_stream(path: Path, left_out: set[str]) -> Iterator[pa.Table]:
    """The tables of a spooled stream, without the dialogues whose ids are in `left_out`.

    A long stream is mapped into memory: its rows are read when they are written, and take no memory while they wait.
    """
    open_file = pa.memory_map if path.stat().st_size > _MAPPED_BYTES else pa.OSFile
    with open_file(str(path)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            table = pa.Table.from_batches([batch])
            if left_out:
                table = table.filter(pc.invert(pc.is_in(table["dialogue_id"], pa.array(sorted(left_out)))))
            yield table


_MAPPED_BYTES = 1 << 20  # shorter streams are read: the number of mappings is limited

_RELEASED_BYTES = 1 << 24  # row groups after which unused memory is released; doing it takes about 10 ms

RunSoon = Callable[[Callable[[], None]], None]  # runs a function, at once or soon


@contextmanager
def in_background() -> Iterator[RunSoon]:
    """Gives a function that runs functions in a thread, in order; at most `_WAITING` wait while the caller goes on.

    Arrow writes Parquet without the lock of the interpreter, so that rows are read meanwhile. A later call raises the
    error of a function, or the end of the block, which waits for all.
    """
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as thread:

        def run(function: Callable[[], None]) -> None:
            """Adds a function to run."""
            while len(waiting) > _WAITING:
                waiting.popleft().result()
            waiting.append(thread.submit(function))

        yield run
        for future in waiting:
            future.result()


@contextmanager
def system_memory_pool() -> Iterator[None]:
    """Lets Arrow use the memory of the system instead of its own pool, which keeps 50 MB more and is no faster."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


_WAITING = 2  # row groups in memory besides those that are being written and filled


class SplitWriter:
    """Writes the rows of one config and split in row groups of a fixed size. The file is created with the first row.

    Chunk borders depend on the content (content-defined chunking), so uploading a later version sends only the changes.
    run: runs the functions that write; by default at once.
    """

    def __init__(self, path: Path, config: str, run: RunSoon = lambda function: function()) -> None:
        self.path, self.rows, self.bytes, self._run = path, 0, 0, run
        self._group = ROW_GROUP[config]
        self._buffer: list[pa.Table] = []
        self._buffered_rows = self._buffered_bytes = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Appends the rows of a table."""
        self.rows += table.num_rows
        self.bytes += table.nbytes
        sizes = np.cumsum(_text_bytes(table))
        start = 0
        while start < table.num_rows:
            before = int(sizes[start - 1]) if start else 0
            room = before + _ROW_GROUP_BYTES - self._buffered_bytes
            end = min(start + self._group - self._buffered_rows, int(np.searchsorted(sizes, room)) + 1, table.num_rows)
            self._buffer.append(table.slice(start, end - start))
            self._buffered_rows += end - start
            self._buffered_bytes += int(sizes[end - 1]) - before
            if self._buffered_rows == self._group or self._buffered_bytes >= _ROW_GROUP_BYTES:
                self._write_group()
            start = end

    def close(self) -> None:
        """Writes the buffered rows and closes the file."""
        if self._buffered_rows:
            self._write_group()
        self._run(self._close_file)

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write_group(self) -> None:
        tables, self._buffer, self._buffered_rows, self._buffered_bytes = self._buffer, [], 0, 0
        self._run(partial(self._write_tables, tables))

    def _write_tables(self, tables: list[pa.Table]) -> None:
        table = pa.concat_tables(tables).combine_chunks()
        tables.clear()  # the function that runs has the list until it ends
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = open_parquet(self.path, table.schema)
        self._writer.write_table(table, row_group_size=self._group)
        is_large = table.nbytes > _RELEASED_BYTES
        del table
        if is_large:
            pa.default_memory_pool().release_unused()  # to the system


def _text_bytes(table: pa.Table) -> npt.NDArray[np.int64]:
    """UTF-8 bytes of the string columns in each row, without strings in lists. Shape: (rows,)."""
    total = np.zeros(table.num_rows, dtype=np.int64)
    for column in table.columns:
        if pa.types.is_string(column.type):
            total += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return total


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A Parquet writer with the settings that all files of the data set share."""
    return pq.ParquetWriter(
        path,
        with_older_lists(schema),
        compression="zstd",
        use_content_defined_chunking=datasets.config.DEFAULT_CDC_OPTIONS,
        write_page_index=True,
    )


def with_older_lists(schema: pa.Schema) -> pa.Schema:
    """A schema whose metadata describe the features so that datasets 3, 4 and 5 can read them.

    `datasets` writes its features into the metadata as JSON. Since 4.0 a list is {"feature": X, "_type": "List"}, which
    raises an error in datasets 3. All versions read the older form, [X], into the same features.
    """
    metadata = dict(schema.metadata or {})
    if b"huggingface" in metadata:
        facts = json.loads(metadata[b"huggingface"])
        facts["info"]["features"] = _with_older_lists(facts["info"]["features"])
        metadata[b"huggingface"] = json.dumps(facts).encode()
    return schema.with_metadata(metadata)


def _with_older_lists(feature: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(feature, dict):
        return feature
    if feature.get("_type") == "List":
        return [_with_older_lists(feature["feature"])]
    return {name: _with_older_lists(inner) for name, inner in feature.items()}

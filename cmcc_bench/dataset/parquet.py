"""The second half of a build: Arrow streams become one Parquet file for each config and split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Rows of a row group: some MB of text each. It depends on the rows alone, so that the bytes do not depend on the files
# that the rows came from, nor on how many processes read them.
ROW_GROUP = {"labeled": 2_000, "unlabeled": 10_000, "emotion": 20_000, "response": 20_000, "satisfaction": 5_000}

# Bytes of text that end a row group before it is full. Each row of `response` holds the dialogue's whole KB and goal,
# which in a dialogue with thousands of exchanges is far more than the dialogue itself.
_ROW_GROUP_BYTES = 1 << 27


@dataclass(frozen=True)
class SplitSize:
    """A split's number of rows, and its bytes as Arrow tables (what loading it takes)."""

    rows: int
    bytes: int


Sizes = dict[str, dict[str, SplitSize]]  # by config and split


def parquet_name(config: str, split: str) -> str:
    """The path of a split's file in the built folder."""
    return f"{config}/{split}-00000-of-00001.parquet"


def read_stream(path: Path, left_out: set[str]) -> Iterator[pa.Table]:
    """The tables of a spooled stream, without the dialogues whose ids are in `left_out`."""
    with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            table = pa.Table.from_batches([batch])
            if left_out:
                table = table.filter(pc.invert(pc.is_in(table["dialogue_id"], pa.array(sorted(left_out)))))
            yield table


class SplitWriter:
    """Writes the rows of one config and split in row groups of a fixed size; the file appears with the first row.

    Chunks follow the content, as the Hub's own writer does it: a later version uploads only what changed.
    """

    def __init__(self, path: Path, config: str) -> None:
        self.path, self.rows, self.bytes = path, 0, 0
        self._group = ROW_GROUP[config]
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Adds the rows of a table."""
        self.rows += table.num_rows
        self.bytes += table.nbytes
        sizes = np.cumsum(_text_bytes(table))
        start = 0
        while start < table.num_rows:
            before = int(sizes[start - 1]) if start else 0
            room = before + _ROW_GROUP_BYTES - self._waiting_bytes
            end = min(start + self._group - self._waiting_rows, int(np.searchsorted(sizes, room)) + 1, table.num_rows)
            self._waiting.append(table.slice(start, end - start))
            self._waiting_rows += end - start
            self._waiting_bytes += int(sizes[end - 1]) - before
            if self._waiting_rows == self._group or self._waiting_bytes >= _ROW_GROUP_BYTES:
                self._write_group()
            start = end

    def close(self) -> None:
        """Writes what waits and finishes the file."""
        if self._waiting_rows:
            self._write_group()
        if self._writer is not None:
            self._writer.close()

    def _write_group(self) -> None:
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = open_parquet(self.path, table.schema)
        self._writer.write_table(table, row_group_size=self._group)


def _text_bytes(table: pa.Table) -> npt.NDArray[np.int64]:
    """UTF-8 bytes of the texts in each row, those in lists not counted. Shape: (rows,)."""
    total = np.zeros(table.num_rows, dtype=np.int64)
    for column in table.columns:
        if pa.types.is_string(column.type):
            total += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return total


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A Parquet writer with the settings of every file of the data set."""
    return pq.ParquetWriter(
        path,
        with_older_lists(schema),
        compression="zstd",
        use_content_defined_chunking=datasets.config.DEFAULT_CDC_OPTIONS,
        write_page_index=True,
    )


def with_older_lists(schema: pa.Schema) -> pa.Schema:
    """A schema whose metadata say the features in a form that datasets 3 and 4 read as well as 5.

    `datasets` writes its features into the metadata as JSON. A list is {"feature": X, "_type": "List"} there since 4.0,
    at which 3 stops with an error; the form before it, [X], is read by all of them, into equal features.
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

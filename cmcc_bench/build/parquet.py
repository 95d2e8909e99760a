"""The second half of a build: Arrow streams become one Parquet file for each config and split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Rows of a row group: some MB of text each. It depends on the rows alone, so that the bytes do not depend on the files
# that the rows came from, nor on how many processes read them.
ROW_GROUP = {"labeled": 2_000, "unlabeled": 10_000, "emotion": 20_000, "response": 20_000, "satisfaction": 5_000}


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
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Adds the rows of a table."""
        self.rows += table.num_rows
        self.bytes += table.nbytes
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= self._group:
            joined = pa.concat_tables(self._waiting)
            whole = joined.num_rows - joined.num_rows % self._group
            for start in range(0, whole, self._group):
                self._write_group(joined.slice(start, self._group))
            self._waiting = [joined.slice(whole)]
            self._waiting_rows = joined.num_rows - whole

    def close(self) -> None:
        """Writes what waits and finishes the file."""
        if self._waiting_rows:
            self._write_group(pa.concat_tables(self._waiting))
        if self._writer is not None:
            self._writer.close()

    def _write_group(self, table: pa.Table) -> None:
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = open_parquet(self.path, table.schema)
        self._writer.write_table(table.combine_chunks(), row_group_size=self._group)


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A Parquet writer with the settings of every file of the data set."""
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_content_defined_chunking=datasets.config.DEFAULT_CDC_OPTIONS,
        write_page_index=True,
    )

"""Counts over the labeled splits of a built folder, for its card and figures."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cmcc_bench.blocks import BLOCK
from cmcc_bench.dataset.parquet import Sizes, parquet_name
from cmcc_bench.statistics.columns import columns_of
from cmcc_bench.statistics.counts import Counts, count


def count_splits(folder: Path, sizes: Sizes) -> dict[str, Counts]:
    """Counts for each split of `labeled`, read block by block; empty if there are no labeled dialogues."""
    counts = {}
    for split in sizes.get("labeled", {}):
        with pq.ParquetFile(folder / parquet_name("labeled", split)) as file:
            blocks = (pa.Table.from_batches([batch]) for batch in file.iter_batches(BLOCK))
            counts[split] = sum((count(columns_of(block)) for block in blocks), Counts())
    return counts

"""`cmcc build --hide-test-labels`: the test split without its labels, and beside it a folder of that split whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from cmcc_bench.build.parquet import SplitSize, SplitWriter, parquet_name
from cmcc_bench.build.result import BuildResult
from cmcc_bench.build.spool import CONFIGS, count_exchanges
from cmcc_bench.errors import DataError
from cmcc_bench.features import BLOCK, table_of
from cmcc_bench.hidden import SPLIT, hide_labels
from cmcc_bench.vocabulary import SYNTHETIC_ID


def labels_place(out: Path) -> Path:
    """Where the folder with the labels stands: beside the other, for a private repository that only scoring reads."""
    return out.with_name(f"{out.name}-test-labels")


def hide_test_labels(folder: Path, labels: Path, result: BuildResult) -> BuildResult:
    """Moves the test split of the finished `folder` to `labels` and writes it without labels in its place.

    result: of the whole build; its sizes become those of what is public. Returns the result of the folder `labels`.
    Raises cmcc.DataError when no labelled dialogue is in the test split.
    """
    kept = BuildResult(labels_place(result.out), result.report, care_file=result.care_file, test_labels="only")
    kept.split_ids = {SPLIT: result.split_ids.get(SPLIT, [])}
    kept.dialogues = len(kept.split_ids[SPLIT])
    kept.synthetic = sum(name.startswith(SYNTHETIC_ID) for name in kept.split_ids[SPLIT])
    if not kept.dialogues:
        hint = "Leave --hide-test-labels out, or name a file or folder test."
        raise DataError("no dialogue in the split test", "some whose labels can be hidden", hint)
    for config in CONFIGS["labeled"]:
        if SPLIT in result.sizes.get(config, {}):
            kept.sizes[config] = {SPLIT: result.sizes[config][SPLIT]}
            result.sizes[config][SPLIT] = _hide_file(folder, labels, config, kept)
    result.test_labels = "hidden"
    return kept


def _hide_file(folder: Path, labels: Path, config: str, kept: BuildResult) -> SplitSize:
    """Hides one file's labels; counts into `kept` what the card says of exchanges."""
    name = parquet_name(config, SPLIT)
    (labels / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).rename(labels / name)
    writer = SplitWriter(folder / name, config)
    with pq.ParquetFile(labels / name) as file:
        for batch in file.iter_batches(batch_size=BLOCK):
            rows = batch.to_pylist()
            if config == "labeled":
                counted = [count_exchanges(row) for row in rows]
                kept.without_exchange += sum(exchanges == 0 for exchanges, _ in counted)
                kept.outside_exchanges += sum(outside for _, outside in counted)
            writer.write(table_of((hide_labels(row, config) for row in rows), config))
    writer.close()
    return SplitSize(writer.rows, writer.bytes)

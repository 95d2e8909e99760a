"""`cmcc build --hide-test-labels`: the test split without its labels, and beside it a folder of that split whole.

Texts stay, as emotions and satisfaction are recognised in them. So the replies stay in `labeled`, too, and BLEU relies
on the word of whoever submits; all other scores are made from what is hidden.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from cmcc_bench.dataset.parquet import SplitSize, SplitWriter, parquet_name
from cmcc_bench.dataset.result import BuildResult
from cmcc_bench.dataset.spool import CONFIGS, count_exchanges
from cmcc_bench.errors import DataError
from cmcc_bench.features import BLOCK, table_of
from cmcc_bench.tasks import TASKS, Row
from cmcc_bench.tasks.entities import DIALOGUE_LABELS
from cmcc_bench.types import Row as PlainRow
from cmcc_bench.vocabulary import SYNTHETIC_ID

SPLIT = "test"


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


def hide_labels(row: Row, config: str) -> PlainRow:
    """A row of a config without its labels.

    What was annotated, so that answers are expected for it, can still be told: an empty list stands for the labels of
    an utterance, and what the task says (tasks.Task.labels) for those of its rows.
    """
    if config != "labeled":
        return {**row, **next(task.labels for task in TASKS.values() if task.config == config)}
    utterances = [
        {**utterance, **{name: None if utterance[name] is None else [] for name in DIALOGUE_LABELS}}
        for utterance in row["utterances"]
    ]
    return {**row, "satisfaction": None, "utterances": utterances}

"""`cmcc build --hide-test-labels`: removes the labels from the test split and keeps them in a second folder.

The texts stay, because systems predict emotions and satisfaction from them. This leaves the replies readable in
`labeled`: a submitter could copy them, so BLEU depends on honest submissions. All other scores need the hidden labels.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from cmcc_bench.blocks import BLOCK
from cmcc_bench.dataset.parquet import SplitSize, SplitWriter, parquet_name
from cmcc_bench.dataset.result import BuildResult
from cmcc_bench.dataset.spool import CONFIGS, count_exchanges
from cmcc_bench.errors import DataError
from cmcc_bench.features import table_of
from cmcc_bench.tasks import TASKS
from cmcc_bench.tasks.entities import DIALOGUE_LABELS
from cmcc_bench.types import Row
from cmcc_bench.vocabulary import SYNTHETIC_ID

SPLIT = "test"


def labels_folder(out: Path) -> Path:
    """The path of the folder with the hidden labels, next to `out`. Upload it to a private repository only."""
    return out.with_name(f"{out.name}-test-labels")


def hide_test_labels(folder: Path, labels: Path, result: BuildResult) -> BuildResult:
    """Moves the test split of the finished `folder` to `labels` and writes a copy without labels into `folder`.

    result: of the whole build; its sizes are updated to those of the public files.
    Returns the result of the folder `labels`. Raises cmcc.DataError if the test split has no labeled dialogues.
    """
    test_result = BuildResult(labels_folder(result.out), result.report, care_file=result.care_file, test_labels="only")
    test_result.split_ids = {SPLIT: result.split_ids.get(SPLIT, [])}
    test_result.dialogues = len(test_result.split_ids[SPLIT])
    test_result.synthetic = sum(name.startswith(SYNTHETIC_ID) for name in test_result.split_ids[SPLIT])
    if not test_result.dialogues:
        hint = "Remove --hide-test-labels, or give a raw file or folder the name test."
        raise DataError("the test split has no labeled dialogues, so there are no labels to hide", "", hint)
    for config in CONFIGS["labeled"]:
        if SPLIT in result.sizes.get(config, {}):
            test_result.sizes[config] = {SPLIT: result.sizes[config][SPLIT]}
            result.sizes[config][SPLIT] = _hide_file(folder, labels, config, test_result)
    result.test_labels = "hidden"
    return test_result


def _hide_file(folder: Path, labels: Path, config: str, test_result: BuildResult) -> SplitSize:
    """Hides the labels of one file. Adds to `test_result` the counts of exchanges that the card shows."""
    name = parquet_name(config, SPLIT)
    (labels / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).rename(labels / name)
    writer = SplitWriter(folder / name, config)
    with pq.ParquetFile(labels / name) as file:
        for batch in file.iter_batches(batch_size=BLOCK):
            rows = batch.to_pylist()
            if config == "labeled":
                counts = [count_exchanges(row) for row in rows]
                test_result.without_exchange += sum(exchanges == 0 for exchanges, _ in counts)
                test_result.outside_exchanges += sum(outside for _, outside in counts)
            writer.write(table_of((hide_labels(row, config) for row in rows), config))
    writer.close()
    return SplitSize(writer.rows, writer.bytes)


def hide_labels(row: Row, config: str) -> Row:
    """A row of a config without its labels.

    Rows still show what was annotated, so that a checker knows for which rows it expects predictions: the labels of an
    utterance become an empty list, those of a task's rows become the values of `tasks.Task.labels`.
    """
    if config != "labeled":
        return {**row, **next(task.labels for task in TASKS.values() if task.config == config)}
    utterances = [
        {**utterance, **{name: None if utterance[name] is None else [] for name in DIALOGUE_LABELS}}
        for utterance in row["utterances"]
    ]
    return {**row, "satisfaction": None, "utterances": utterances}

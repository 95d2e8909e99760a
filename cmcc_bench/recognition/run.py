"""`cmcc predict` for recognizers: writes a model's answers for a split to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import orjson

from cmcc_bench.corpus import fingerprint_of, is_synthetic
from cmcc_bench.decoding.processes import ALONE, Processes
from cmcc_bench.decoding.run import library_versions
from cmcc_bench.decoding.run_files import PredictionRun, RunFiles, share_run
from cmcc_bench.errors import DataError
from cmcc_bench.files import open_replacement
from cmcc_bench.models.digest import digest_of_model, parameters_of_model
from cmcc_bench.models.record import TrainingRecord, read_training
from cmcc_bench.recognition import Recognizer
from cmcc_bench.tasks import TASKS, Row, task_of

BATCH_SIZE = 32  # texts at a time
_UNIT = 256  # minimum rows of whole dialogues in a unit of work; texts of similar length are batched within it


def recognize(
    model_dir: str | Path,
    dataset: str,
    out: str | Path,
    *,
    split: str = "test",
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int, int], None] | None = None,
    training: TrainingRecord | None = None,
    processes: Processes = ALONE,
) -> PredictionRun:
    """Writes the answers for every row of a split to `out`, and the record of the run to out.run.json.

    dataset: a built folder, a Hub id or `sample`. progress: called with the number of finished rows and the total.
    training: the model's record, if it was read already. processes: share the dialogues; the file is the same for any
    number of them. A stopped run goes on from out.part; a finished one is not repeated. Returns the record of the run.
    Raises cmcc.DataError if the model, the data set or the split cannot be used, or another process fails.
    """
    training = training or read_training(model_dir)
    rows = task_of(training.task).split_rows(dataset, split)
    run = _new_run(Path(model_dir), training, dataset, split, rows, batch_size)
    recognizer, places = open_recognizer(model_dir, batch_size, training), units_of(rows)

    def work(units: Sequence[int], add: Callable[[int], None]) -> Iterator[tuple[int, list[Any]]]:
        """Answers the rows of each unit."""
        for unit in units:
            answers = recognizer(rows[places[unit]])
            yield unit, list(map(asdict, answers))
            add(len(answers))

    sizes = [place.stop - place.start for place in places]
    return share_run(run, Path(out), sizes, work, _write, processes, progress)


def units_of(rows: Sequence[Row]) -> list[slice]:
    """Slices of whole dialogues with at least 256 rows each; the last one may have fewer."""
    starts = [0]
    for index in range(1, len(rows)):
        is_new = rows[index]["dialogue_id"] != rows[index - 1]["dialogue_id"]
        if is_new and index - starts[-1] >= _UNIT:
            starts.append(index)
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True)]


def _write(files: RunFiles, lines: Iterator[Any], run: PredictionRun) -> PredictionRun:
    with open_replacement(files.out) as stream:
        for line in lines:
            stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return run


def open_recognizer(
    model_dir: str | Path, batch_size: int = BATCH_SIZE, training: TrainingRecord | None = None
) -> Recognizer:
    """Opens a trained model as a function from rows to answers. Raises cmcc.DataError if it is not a recognizer.

    Each task declares the function that opens its models: `recognizer`. training: the model's record, if it was read
    already.
    """
    name = (training or read_training(model_dir)).task
    recognizers = {task.name: task.recognizer for task in TASKS.values() if task.recognizer}
    if name not in recognizers:
        hint = "Give the best checkpoint of a run of cmcc train emotion, joint or satisfaction."
        raise DataError(f"a model of the task {name}", f"one of {', '.join(recognizers)}", hint, model=str(model_dir))
    opened: Recognizer = resolve_name(recognizers[name])(model_dir, batch_size)
    return opened


def _new_run(
    model_dir: Path, training: TrainingRecord, dataset: str, split: str, rows: Sequence[Row], batch_size: int
) -> PredictionRun:
    if not model_dir.is_dir():
        hint = "Give the folder of a run's best checkpoint, for instance RUN/best."
        raise DataError("no such folder", "", hint, model=str(model_dir))
    return PredictionRun(
        model=str(model_dir),
        model_digest=digest_of_model(model_dir),
        form="",
        mode="",
        dataset=dataset,
        dataset_version=None,
        fingerprint=fingerprint_of(rows),
        split=split,
        format="jsonl",
        synthetic=is_synthetic(rows),
        batch_size=batch_size,
        versions=library_versions(),
        task=training.task,
        training=training.as_dict(),
        parameters=parameters_of_model(model_dir),
    )

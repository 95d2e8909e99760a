"""`cmcc predict` for recognizers: writes a model's answers for a split to a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from cmcc_bench.corpus import fingerprint_of, is_synthetic
from cmcc_bench.decoding.run import library_versions
from cmcc_bench.decoding.run_files import PredictionRun, RunFiles, now
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.models.digest import digest_of_model, parameters_of_model
from cmcc_bench.models.record import TrainingRecord, read_training
from cmcc_bench.recognition import Recognizer
from cmcc_bench.tasks import TASKS, Row, answer_line, task_of

BATCH_SIZE = 32  # texts at a time
_CHUNK = 512  # rows between two progress updates; texts of similar length are batched within a chunk


def recognize(
    model_dir: str | Path,
    dataset: str,
    out: str | Path,
    *,
    split: str = "test",
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int, int], None] | None = None,
    training: TrainingRecord | None = None,
) -> PredictionRun:
    """Writes the answers for every row of a split to `out`, and the record of the run to out.run.json.

    dataset: a built folder, a Hub id or `sample`. progress: called with the number of finished rows and the total.
    training: the model's record, if it was read already. A finished run is not repeated. Returns the record of the run.
    Raises cmcc.DataError if the model, the data set or the split cannot be used.
    """
    training = training or read_training(model_dir)
    rows = task_of(training.task).split_rows(dataset, split)
    run = _new_run(Path(model_dir), training, dataset, split, rows, batch_size)
    files, total = RunFiles(Path(out)), len(rows)
    if finished := files.finished_run(run):
        return finished
    files.check_free(run)
    recognizer, begin, answers = open_recognizer(model_dir, batch_size, training), time.perf_counter(), list[Any]()
    for start in range(0, total, _CHUNK):
        answers += recognizer(rows[start : start + _CHUNK])
        if progress:
            progress(len(answers), total)
    seconds = time.perf_counter() - begin
    write_bytes(Path(out), b"".join(map(answer_line, answers)))
    speed = round(total / max(seconds, 1e-9), 3)
    run = replace(
        run, finished=True, date=now(), exchanges=total, seconds=round(seconds, 3), exchanges_per_second=speed
    )
    files.write_record(run)
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

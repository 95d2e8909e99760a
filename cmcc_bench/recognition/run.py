"""`cmcc predict` for recognisers: what a trained model says of a split, in a file of answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cmcc_bench import vocabulary
from cmcc_bench.corpus import fingerprint_of, is_synthetic
from cmcc_bench.decoding.run import library_versions
from cmcc_bench.decoding.run_files import PredictionRun, RunFiles, now
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.models.classifier import encode_texts, load_classifier, longest_text, probabilities
from cmcc_bench.models.digest import digest_of_model
from cmcc_bench.models.tokenizer import load_tokenizer
from cmcc_bench.models.training import read_training
from cmcc_bench.tasks import EMOTION, ENTITIES, SATISFACTION, Row, SatisfactionAnswer, answer_line, task_of
from cmcc_bench.vocabulary import EMOTIONS

from .emotion import emotion_answers, emotion_probabilities, model_thresholds
from .entities import entity_answers, load_tagger

BATCH_SIZE = 32  # texts at a time
_CHUNK = 512  # rows between two signs of progress; texts of similar length are put together within one

_SATISFACTION = vocabulary.SATISFACTION.names

Recogniser = Callable[[Sequence[Row]], list[Any]]  # an answer for each row, in order


def recognise(
    model_dir: str | Path,
    dataset: str,
    out: str | Path,
    *,
    split: str = "test",
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int, int], None] | None = None,
) -> PredictionRun:
    """Writes the answers for every row of a split's task into `out`, and out.run.json beside it.

    dataset: a built folder, a Hub id or `sample`. progress: called with the rows done and all there are. A finished run
    is not run again. Raises cmcc.DataError for what is not a model, a data set or a split.
    """
    task = read_training(model_dir).task
    rows = task_of(task).split_rows(dataset, split)
    run = _new_run(Path(model_dir), dataset, task, split, rows, batch_size)
    files, total = RunFiles(Path(out)), len(rows)
    if finished := files.finished_run(run):
        return finished
    files.check_free(run)
    recognised, begin, answers = open_recogniser(model_dir, batch_size), time.perf_counter(), list[Any]()
    for chunk in _chunks(rows):
        answers += recognised(chunk)
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


def open_recogniser(model_dir: str | Path, batch_size: int = BATCH_SIZE) -> Recogniser:
    """The function that a trained model in a folder is. Raises cmcc.DataError when it is no recogniser."""
    task = read_training(model_dir).task
    opened = {EMOTION.name: _emotions, ENTITIES.name: _entities, SATISFACTION.name: _satisfaction}
    if task not in opened:
        hint = "Name the best checkpoint of a run of cmcc train emotion, joint or satisfaction."
        raise DataError(f"a model of the task {task}", ", ".join(opened), hint, model=str(model_dir))
    return opened[task](model_dir, batch_size)


def _emotions(model_dir: str | Path, batch_size: int) -> Recogniser:
    tokenizer, model = load_tokenizer(model_dir, ()), load_classifier(model_dir, EMOTIONS)
    thresholds = model_thresholds(model)

    def answers(rows: Sequence[Row]) -> list[Any]:
        return list(emotion_answers(rows, emotion_probabilities(model, tokenizer, rows, batch_size), thresholds))

    return answers


def _entities(model_dir: str | Path, batch_size: int) -> Recogniser:
    tokenizer, model = load_tokenizer(model_dir, ()), load_tagger(model_dir)

    def answers(rows: Sequence[Row]) -> list[Any]:
        found = dict(entity_answers(model, tokenizer, rows, batch_size))
        return [found[place] for place in range(len(rows))]

    return answers


def _satisfaction(model_dir: str | Path, batch_size: int) -> Recogniser:
    tokenizer, model = load_tokenizer(model_dir, ()), load_classifier(model_dir, vocabulary.SATISFACTION)

    def answers(rows: Sequence[Row]) -> list[Any]:
        texts = encode_texts(tokenizer, [row["text"] for row in rows], longest_text(model, tokenizer))
        found = dict(probabilities(model, texts, batch_size))
        return [_satisfaction_answer(row, found[place]) for place, row in enumerate(rows)]

    return answers


def _satisfaction_answer(row: Row, scores: Sequence[float]) -> SatisfactionAnswer:
    best = max(range(len(scores)), key=scores.__getitem__)
    return SatisfactionAnswer(row["dialogue_id"], _SATISFACTION[best], tuple(round(score, 6) for score in scores))


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def _new_run(
    model_dir: Path, dataset: str, task: str, split: str, rows: Sequence[Row], batch_size: int
) -> PredictionRun:
    if not model_dir.is_dir():
        hint = "Name the folder of a run's best checkpoint, for instance RUN/best."
        raise DataError("no such folder", "a folder of a trained model", hint, model=str(model_dir))
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
        task=task,
        training=read_training(model_dir).as_dict(),
    )

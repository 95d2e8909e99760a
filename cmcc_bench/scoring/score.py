"""Scores of a system with confidence intervals, and the paired bootstrap test of two systems, for any task.

    score("emotion", answers, rows).scores["macro_f1"]     # Interval(point=0.30, low=0.28, high=0.33)
    compare("emotion", answers, others, rows).differences["macro_f1"]

The declaration of the task (cmcc_bench.tasks) says what is counted, and which scores are computed from the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.scoring.bootstrap import Bootstrap, Interval, PairedResult, intervals, paired_results
from cmcc_bench.scoring.predictions import align
from cmcc_bench.tasks import Answer, Measure, PredictedDialogue, Row, Task, task_of
from cmcc_bench.tasks.base import Array
from cmcc_bench.tasks.counts import f1, precision, recall


@dataclass(frozen=True)
class LabelResult:
    """The scores of one label, in [0, 1], nan if undefined.

    support: number of gold instances. predicted: number of predicted instances.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of a system.

    version, fold_caring, signature: settings of the measure (tasks.Measure). dialogues: their number. items: the number
    of rows: exchanges, utterances or dialogues. scores: name -> score with its confidence interval, nan if undefined.
    labels: label -> its scores, in the order of the vocabulary. totals: name -> summed count, if the measure names its
    counts. counts: the counts by dialogue, (dialogues, k). dialogue_ids: the ids of these dialogues.
    """

    task: str
    version: str
    fold_caring: bool
    signature: str
    dialogues: int
    items: int
    bootstrap: Bootstrap
    scores: Mapping[str, Interval]
    labels: Mapping[str, LabelResult]
    totals: Mapping[str, int]
    counts: NDArray[np.int64] = field(compare=False, repr=False)
    dialogue_ids: tuple[str, ...] = field(compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The scores as JSON values: `cmcc score --json`."""
        scores = {name: asdict(interval) for name, interval in self.scores.items()}
        labels = {label: asdict(result) for label, result in self.labels.items()}
        last = {"scores": scores} | ({"counts": dict(self.totals)} if self.totals else {"labels": labels})
        return _head(self) | last

    def flat(self) -> dict[str, Any]:
        """The result of a metric of `evaluate`: each score with NAME_low and NAME_high, the sizes and the settings."""
        scores: dict[str, Any] = {}
        for name, interval in self.scores.items():
            scores |= {name: interval.point, f"{name}_low": interval.low, f"{name}_high": interval.high}
        others = {key: value for key, value in self.as_dict().items() if key not in _NOT_FLAT}
        return scores | others


_NOT_FLAT = ("task", "resamples", "seed", "scores", "counts")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The paired bootstrap test of two systems on the same dialogues.

    differences: name of a score -> system a minus system b. The other attributes are as in Scores.
    """

    task: str
    version: str
    fold_caring: tuple[bool, bool]
    dialogues: int
    items: int
    bootstrap: Bootstrap
    differences: Mapping[str, PairedResult]

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON values: `cmcc score --against OTHER --json`."""
        differences = {name: asdict(result) for name, result in self.differences.items()}
        return _head(self) | {"differences": differences}


def _head(result: Scores | Comparison) -> dict[str, Any]:
    """The first keys of a result's JSON. For responses these are the version's settings and `exchanges`."""
    head: dict[str, Any] = {"task": result.task}
    if result.version:
        head = {"version": result.version, "fold_caring": result.fold_caring}
        head |= {"signature": result.signature} if isinstance(result, Scores) else {}
    items = "exchanges" if result.version else "items"
    return head | {"dialogues": result.dialogues, items: result.items} | asdict(result.bootstrap)


def score(
    task: Task | str,
    answers: Iterable[Answer],
    gold_rows: Iterable[Row],
    bootstrap: Bootstrap = Bootstrap(),
    *,
    measure: Measure | None = None,
    file: str | Path | None = None,
) -> Scores:
    """The scores of one system.

    task: a task or its name. answers: one for each row, in any order. gold_rows: the task's rows (Task.rows) of whole
    dialogues. bootstrap: settings of the confidence intervals. measure: a measure to use instead of the task's, such as
    scoring.response_measure("seretod"). file: the path of the answers, for errors.
    Raises cmcc.DataError for missing, unknown or repeated answers, and for rows whose labels are hidden.
    """
    task = task_of(task)
    dialogues = align_with_gold(task, answers, list(gold_rows), file)
    return scores_of(task, measure or task.measure, dialogues, bootstrap)


def compare(
    task: Task | str,
    answers_a: Iterable[Answer],
    answers_b: Iterable[Answer],
    gold_rows: Iterable[Row],
    bootstrap: Bootstrap = Bootstrap(),
    *,
    measures: tuple[Measure, Measure] | None = None,
    files: tuple[str | Path | None, str | Path | None] = (None, None),
) -> Comparison:
    """Compares two systems on the same dialogues: system a minus system b.

    The arguments and errors are those of `score`; measures and files have one element for each system.
    """
    task, rows = task_of(task), list(gold_rows)
    pairs = zip((answers_a, answers_b), files, strict=True)
    a, b = (align_with_gold(task, answers, rows, file) for answers, file in pairs)
    return comparison_of(task, measures or (task.measure, task.measure), a, b, bootstrap)


def align_with_gold(
    task: Task, answers: Iterable[Answer], rows: Sequence[Row], file: str | Path | None = None
) -> list[PredictedDialogue[Any]]:
    """Aligns a system's answers with their rows. The result can be passed to scores_of and comparison_of several times.

    The errors are those of `score`.
    """
    task.check_labels(rows)
    return align(answers, rows, file, task.key)


def scores_of(
    task: Task, measure: Measure, dialogues: Sequence[PredictedDialogue[Any]], bootstrap: Bootstrap
) -> Scores:
    """Like `score`, for answers that are aligned with their rows (align_with_gold)."""
    counts = _counts_of(measure, dialogues)
    sums = counts.sum(axis=0)
    return Scores(
        task=task.name,
        version=measure.version,
        fold_caring=measure.fold_caring,
        signature=measure.signature(),
        dialogues=len(dialogues),
        items=sum(len(dialogue.rows) for dialogue in dialogues),
        bootstrap=bootstrap,
        scores=intervals(counts, measure.statistics, bootstrap),
        labels={label: _label_result(count(sums.astype(np.float64))) for label, count in measure.labels.items()},
        totals=dict(zip(measure.columns, sums.tolist(), strict=True)) if measure.columns else {},
        counts=counts,
        dialogue_ids=tuple(dialogue.dialogue_id for dialogue in dialogues),
    )


def comparison_of(
    task: Task,
    measures: tuple[Measure, Measure],
    a: Sequence[PredictedDialogue[Any]],
    b: Sequence[PredictedDialogue[Any]],
    bootstrap: Bootstrap,
) -> Comparison:
    """Like `compare`, for answers that are aligned with their rows; both have the same dialogues in the same order."""
    counts_a, counts_b = _counts_of(measures[0], a), _counts_of(measures[1], b)
    return Comparison(
        task=task.name,
        version=measures[0].version,
        fold_caring=(measures[0].fold_caring, measures[1].fold_caring),
        dialogues=len(a),
        items=sum(len(dialogue.rows) for dialogue in a),
        bootstrap=bootstrap,
        differences=paired_results(counts_a, counts_b, measures[0].statistics, bootstrap),
    )


def comparison_of_scores(measure: Measure, a: Scores, b: Scores) -> Comparison:
    """`compare` of scores of the same dialogues, from their counts: nothing is counted again.

    measure: the one that made them. Raises ValueError for scores of different numbers of dialogues.
    """
    return Comparison(
        task=a.task,
        version=a.version,
        fold_caring=(a.fold_caring, b.fold_caring),
        dialogues=a.dialogues,
        items=a.items,
        bootstrap=a.bootstrap,
        differences=paired_results(a.counts, b.counts, measure.statistics, a.bootstrap),
    )


def _counts_of(measure: Measure, dialogues: Sequence[PredictedDialogue[Any]]) -> NDArray[np.int64]:
    """The counts of each dialogue: (dialogues, k)."""
    return np.array([measure.count(dialogue) for dialogue in dialogues], dtype=np.int64)


def _label_result(counts: Array) -> LabelResult:
    """The scores of a label. counts: true, false and missed, (3,)."""
    true, false, missed = (int(count) for count in counts)
    p, r, f = (float(function(counts)) for function in (precision, recall, f1))
    return LabelResult(p, r, f, support=true + missed, predicted=true + false)

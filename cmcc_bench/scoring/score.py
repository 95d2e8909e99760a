"""Scores of a system with confidence intervals, and the paired bootstrap test of two systems, for any task.

    score("emotion", answers, rows).scores["macro_f1"]     # Interval(point=0.30, low=0.28, high=0.33)
    compare("emotion", answers, others, rows).differences["macro_f1"]

What is counted and which scores are made of it is in the task's declaration, cmcc_bench.tasks.
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
    """One label's scores in [0, 1], nan where undefined; support: how often it is gold; predicted: how often said."""

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of a system: name -> score with its interval (tasks.Measure.statistics), nan where undefined.

    items: exchanges or utterances; dialogues where a row is one. labels: by label, in the vocabulary's order. totals:
    the sums that the scores are made of, by name, where results show them. version, fold_caring, signature: how they
    were made (tasks.Measure). counts: of each dialogue, (dialogues, k), and dialogue_ids which these are.
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
        """As a dict of JSON values."""
        scores = {name: asdict(interval) for name, interval in self.scores.items()}
        labels = {label: asdict(result) for label, result in self.labels.items()}
        last = {"scores": scores} | ({"counts": dict(self.totals)} if self.totals else {"labels": labels})
        return _head(self) | last

    def flat(self) -> dict[str, Any]:
        """As evaluate modules give it: each score, its `_low` and `_high`, the sizes, and how they were made."""
        found: dict[str, Any] = {}
        for name, interval in self.scores.items():
            found |= {name: interval.point, f"{name}_low": interval.low, f"{name}_high": interval.high}
        made = {key: value for key, value in self.as_dict().items() if key not in _NOT_FLAT}
        return found | made


_NOT_FLAT = ("task", "resamples", "seed", "scores", "counts")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """System a minus system b, per score, tested on the same resampled dialogues; names as in Scores."""

    task: str
    version: str
    fold_caring: tuple[bool, bool]
    dialogues: int
    items: int
    bootstrap: Bootstrap
    differences: Mapping[str, PairedResult]

    def as_dict(self) -> dict[str, Any]:
        """As a dict of JSON values."""
        differences = {name: asdict(result) for name, result in self.differences.items()}
        return _head(self) | {"differences": differences}


def _head(found: Scores | Comparison) -> dict[str, Any]:
    """What a result's JSON begins with: a task that has versions tells them, and calls its items exchanges."""
    made: dict[str, Any] = {"task": found.task}
    if found.version:
        made = {"version": found.version, "fold_caring": found.fold_caring}
        made |= {"signature": found.signature} if isinstance(found, Scores) else {}
    items = "exchanges" if found.version else "items"
    return made | {"dialogues": found.dialogues, items: found.items} | asdict(found.bootstrap)


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

    task: a task or its name. gold_rows: the task's rows (tasks.Task.rows), whole dialogues. bootstrap: of the
    intervals. measure: to score otherwise than the task says (scoring.response_measure). file: where the answers are
    from, for the errors.
    Raises cmcc.DataError for answers that do not fit the rows, and for rows whose labels are hidden.
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
    """System a minus system b on the same dialogues.

    The arguments are those of `score`, one for each system where there are two; so are the errors.
    """
    task, rows = task_of(task), list(gold_rows)
    a, b = (align_with_gold(task, found, rows, file) for found, file in zip((answers_a, answers_b), files, strict=True))
    return comparison_of(task, measures or (task.measure, task.measure), a, b, bootstrap)


def align_with_gold(
    task: Task, answers: Iterable[Answer], rows: Sequence[Row], file: str | Path | None = None
) -> list[PredictedDialogue[Any]]:
    """A system's answers beside their rows, for several scores or comparisons of it; the errors are those of `score`.

    Hand the result to scores_of and comparison_of.
    """
    task.check_labels(rows)
    return align(answers, rows, file, task.key)


def scores_of(
    task: Task, measure: Measure, dialogues: Sequence[PredictedDialogue[Any]], bootstrap: Bootstrap
) -> Scores:
    """`score` of answers that stand beside their rows (align_with_gold)."""
    counts = _counted(measure, dialogues)
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
        labels={label: _label_result(of(sums.astype(np.float64))) for label, of in measure.labels.items()},
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
    """`compare` of answers that stand beside their rows, the same dialogues in the same order."""
    counts_a, counts_b = _counted(measures[0], a), _counted(measures[1], b)
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


def _counted(measure: Measure, dialogues: Sequence[PredictedDialogue[Any]]) -> NDArray[np.int64]:
    """The counts that all scores are made of: (dialogues, k)."""
    return np.array([measure.count(dialogue) for dialogue in dialogues], dtype=np.int64)


def _label_result(counted: Array) -> LabelResult:
    true, false, missed = (int(number) for number in counted)
    p, r, f = (float(function(counted)) for function in (precision, recall, f1))
    return LabelResult(p, r, f, support=true + missed, predicted=true + false)

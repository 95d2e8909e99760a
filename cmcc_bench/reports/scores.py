"""Tables of scores and of paired bootstrap tests. The task declares the scores that are shown, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cmcc_bench.corpus import is_synthetic
from cmcc_bench.reports.facts import KINDS, UNKNOWN
from cmcc_bench.reports.table import (
    DIFFERENCES,
    NOTHING,
    ReportTable,
    decimals_of,
    difference_cells,
    mark,
    published_cell,
    score_cell,
    score_name,
    verdict,
)
from cmcc_bench.scoring import Comparison, Scores
from cmcc_bench.tasks import Row, Task, task_of


@dataclass(frozen=True)
class Data:
    """The data of a report.

    rows: the task's rows that are scored. train: its training rows, for the bounds. labeled: the rows of the config
    `labeled` that `rows` were made from.
    """

    rows: Sequence[Row]
    train: Sequence[Row]
    labeled: Sequence[Row] = ()

    @property
    def synthetic(self) -> bool:
        """Whether any of the dialogues is simulated."""
        return is_synthetic(self.rows)


@dataclass(frozen=True)
class Entry:
    """A system's row of a table.

    published: its scores in the paper. missing_scores: scores that the system does not have, such as span F1 of a model
    that writes names only. kind: a key of reports.facts.KINDS, BOUND, or "" if it is not known.
    """

    name: str
    scores: Scores
    published: Mapping[str, float] = field(default_factory=dict)
    missing_scores: Sequence[str] = ()
    kind: str = ""


def published_difference(score: str, first: Entry, second: Entry) -> float | None:
    """The paper's score of the first system minus that of the second; None if the paper lacks one of them."""
    a, b = first.published.get(score), second.published.get(score)
    return None if a is None or b is None else a - b


@dataclass(frozen=True)
class SystemPair:
    """The paired bootstrap test of two systems: the first minus the second, on the same dialogues.

    missing_scores: scores that one of the two does not have.
    """

    first: str
    second: str
    compared: Comparison
    missing_scores: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the pair in tables."""
        return f"{self.first} minus {self.second}"


def label_of(task: Task, score: str) -> str:
    """The name of a score in reports."""
    return task.names.get(score, score_name(score))


def sizes(scores: Scores) -> str:
    """A note with the number of dialogues and the bootstrap's settings."""
    task, bootstrap = task_of(scores.task), scores.bootstrap
    items = f" ({scores.items} {task.items})" if task.key else ""
    sample = f"{bootstrap.resamples} bootstrap resamples of {scores.dialogues} dialogues{items}, seed {bootstrap.seed}"
    note = f"95 % confidence intervals from {sample}."
    return f"{note} Version of the scores: {scores.version}. BLEU: {scores.signature}" if scores.version else note


def systems_table(
    title: str, task: Task, entries: Sequence[Entry], synthetic: bool, notes: Sequence[str] = ()
) -> ReportTable:
    """One row per system with its kind and the task's scores, beside those of the paper if it has any."""
    published = {name for row in task.published for name in row.scores}

    def cells(entry: Entry) -> Iterator[str]:
        """The cells of one system's row."""
        yield from (entry.name, KINDS.get(entry.kind, entry.kind) or UNKNOWN)
        for name in task.shown:
            own = NOTHING if name in entry.missing_scores else score_cell(entry.scores.scores[name], decimals_of(name))
            yield from (own, published_cell(entry.published.get(name))) if name in published else (own,)

    heads = [head for name in task.shown for head in (label_of(task, name), "paper")[: 1 + (name in published)]]
    rows = tuple(tuple(cells(entry)) for entry in entries)
    return ReportTable(f"{title}{mark(synthetic)}", ("system", "kind", *heads), rows, tuple(notes))


def score_table(name: str, scores: Scores, synthetic: bool, missing_scores: Sequence[str] = ()) -> ReportTable:
    """All scores of one system, one per row, and F1 and support of each label.

    missing_scores: scores that the system does not have; if there are any, the rows of the labels are left out.
    """
    task, labels = task_of(scores.task), {} if missing_scores else scores.labels
    rows = [
        (label_of(task, key), score_cell(interval), "")
        for key, interval in scores.scores.items()
        if key not in missing_scores
    ]
    rows += [(f"F1 of {label}", _number(result.f1), str(result.support)) for label, result in labels.items()]
    folded = ("Act F1: caring acts are folded back into the 13 acts of MobileCS.",) if scores.fold_caring else ()
    columns = ("score", "value [95 % CI]", "support")[: 3 if labels else 2]
    title = f"{name}, {scores.version or scores.task}{mark(synthetic)}"
    shown = tuple(row[: len(columns)] for row in rows)
    return ReportTable(title, columns, shown, (*folded, *task.notes, sizes(scores)))


def label_table(title: str, scores: Scores, synthetic: bool) -> ReportTable:
    """Precision, recall, F1 and support of each label."""
    rows = tuple(
        (label, *map(_number, (result.precision, result.recall, result.f1)), str(result.support), str(result.predicted))
        for label, result in scores.labels.items()
    )
    columns = ("label", "precision", "recall", "F1", "support", "predicted")
    return ReportTable(f"{title}{mark(synthetic)}", columns, rows)


def _number(value: float) -> str:
    return NOTHING if value != value else f"{value:.3f}"


def main_score(task: Task, missing_scores: Sequence[str] = ()) -> str:
    """The main score of a comparison: the task's main score, or the next one that both systems have."""
    return next(name for name in (task.main, *task.shown) if name not in missing_scores)


def difference_table(
    name: str, compared: Comparison, synthetic: bool, missing_scores: Sequence[str] = ()
) -> ReportTable:
    """The paired bootstrap test of two systems, one row per score.

    missing_scores: scores that one of them does not have.
    """
    task = task_of(compared.task)
    shown = [score for score in task.compared or compared.differences if score not in missing_scores]
    results = {label_of(task, score): compared.differences[score] for score in shown}
    rows = tuple((label, *difference_cells(result)) for label, result in results.items())
    notes = (verdict(name, results),)
    return ReportTable(f"{name}, {compared.version or task.name}{mark(synthetic)}", DIFFERENCES, rows, notes)


def compared_scores(task: Task, pair: SystemPair) -> list[str]:
    """The scores of a paired test that reports show: those that the task compares, or its main score."""
    main = main_score(task, pair.missing_scores)
    return [score for score in task.compared or (main,) if score not in pair.missing_scores]


def paired_table(title: str, task: Task, pairs: Iterable[SystemPair], synthetic: bool) -> ReportTable:
    """Paired bootstrap tests of several pairs of systems, by the scores that the task compares, or its main score."""
    rows, notes = [], []
    for pair in pairs:
        results = {label_of(task, score): pair.compared.differences[score] for score in compared_scores(task, pair)}
        rows += [(pair.name, label, *difference_cells(result)) for label, result in results.items()]
        notes.append(verdict(pair.name, results))
    if not rows:
        note = "Left out: no two systems to compare; run cmcc score FILE DATASET --against OTHER to compare any two."
        return ReportTable(f"{title}{mark(synthetic)}", (), (), (note,))
    return ReportTable(f"{title}{mark(synthetic)}", ("systems", *DIFFERENCES), tuple(rows), tuple(notes))

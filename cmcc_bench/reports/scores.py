"""Scores and paired tests as tables, of any task: what is shown, and what scores are called, its declaration says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cmcc_bench.corpus import is_synthetic
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
    """A task's rows to score on and to make bounds of, and the rows of `labeled` that the former are of."""

    rows: Sequence[Row]
    train: Sequence[Row]
    labeled: Sequence[Row] = ()

    @property
    def synthetic(self) -> bool:
        """Whether any dialogue is simulated."""
        return is_synthetic(self.rows)


@dataclass(frozen=True)
class Entry:
    """A row of a table. published: what the paper has for it. untold: scores that are not the system's own."""

    name: str
    scores: Scores
    published: Mapping[str, float] = field(default_factory=dict)
    untold: Sequence[str] = ()


def label_of(task: Task, score: str) -> str:
    """What a report calls a score."""
    return task.names.get(score, score_name(score))


def sizes(scores: Scores) -> str:
    """What was scored and resampled, in words."""
    task = task_of(scores.task)
    items = f" ({scores.items} {task.items})" if task.key else ""
    drawn = f"95 % intervals, {scores.bootstrap.resamples} resamples of {scores.dialogues} dialogues{items}"
    if scores.version:
        return f"Scores: {scores.version}; {drawn}. BLEU: {scores.signature}"
    return f"{drawn}, seed {scores.bootstrap.seed}."


def systems_table(
    title: str, task: Task, entries: Sequence[Entry], synthetic: bool, notes: Sequence[str] = ()
) -> ReportTable:
    """A row a system: the task's scores, each beside the paper's where the paper has any."""
    published = {name for row in task.published for name in row.scores}

    def cells(entry: Entry) -> Iterator[str]:
        yield entry.name
        for name in task.shown:
            own = NOTHING if name in entry.untold else score_cell(entry.scores.scores[name], decimals_of(name))
            yield from (own, published_cell(entry.published.get(name))) if name in published else (own,)

    heads = [head for name in task.shown for head in (label_of(task, name), "paper")[: 1 + (name in published)]]
    rows = tuple(tuple(cells(entry)) for entry in entries)
    return ReportTable(f"{title}{mark(synthetic)}", ("system", *heads), rows, tuple(notes))


def score_table(name: str, scores: Scores, synthetic: bool, untold: Sequence[str] = ()) -> ReportTable:
    """All scores of one system, a row each, and F1 and support of each label.

    untold: scores that are not its own; by label it has none then.
    """
    task, labels = task_of(scores.task), {} if untold else scores.labels
    rows = [(label_of(task, key), score_cell(found), "") for key, found in scores.scores.items() if key not in untold]
    rows += [(f"F1 of {label}", _number(found.f1), str(found.support)) for label, found in labels.items()]
    folded = ("Acts are scored with the caring ones folded back.",) if scores.fold_caring else ()
    columns = ("score", "value [95 %]", "support")[: 3 if labels else 2]
    title = f"{name}, {scores.version or scores.task}{mark(synthetic)}"
    shown = tuple(row[: len(columns)] for row in rows)
    return ReportTable(title, columns, shown, (*folded, *task.notes, sizes(scores)))


def label_table(title: str, scores: Scores, synthetic: bool) -> ReportTable:
    """Precision, recall, F1 and support of each label."""
    rows = tuple(
        (label, *map(_number, (found.precision, found.recall, found.f1)), str(found.support), str(found.predicted))
        for label, found in scores.labels.items()
    )
    columns = ("label", "precision", "recall", "F1", "support", "predicted")
    return ReportTable(f"{title}{mark(synthetic)}", columns, rows)


def _number(value: float) -> str:
    return NOTHING if value != value else f"{value:.3f}"


def main_score(task: Task, untold: Sequence[str] = ()) -> str:
    """The score that two systems are compared by first: the task's, or the next one that both have."""
    return next(name for name in (task.main, *task.shown) if name not in untold)


def difference_table(name: str, compared: Comparison, synthetic: bool, untold: Sequence[str] = ()) -> ReportTable:
    """The paired test of two systems, a row a score. untold: scores that either cannot have."""
    task = task_of(compared.task)
    main = main_score(task, untold)
    shown = [score for score in task.compared or compared.differences if score not in untold]
    rows = tuple((label_of(task, score), *difference_cells(compared.differences[score])) for score in shown)
    notes = (verdict(name, label_of(task, main), compared.differences[main]),)
    return ReportTable(f"{name}, {compared.version or task.name}{mark(synthetic)}", DIFFERENCES, rows, notes)


def paired_table(
    title: str, task: Task, pairs: Iterable[tuple[str, Comparison, Sequence[str]]], synthetic: bool
) -> ReportTable:
    """Paired tests of several pairs (name, comparison, untold scores), by what the task compares or its main score."""
    rows, notes = [], []
    for name, compared, untold in pairs:
        main = main_score(task, untold)
        shown = [score for score in task.compared or (main,) if score not in untold]
        rows += [(name, label_of(task, score), *difference_cells(compared.differences[score])) for score in shown]
        notes.append(verdict(name, label_of(task, main), compared.differences[main]))
    return ReportTable(f"{title}{mark(synthetic)}", ("systems", *DIFFERENCES), tuple(rows), tuple(notes))

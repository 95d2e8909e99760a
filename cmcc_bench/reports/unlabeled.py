"""The gain from unlabeled dialogues: systems trained on shares of the labels, with and without pseudo-labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cmcc_bench.reports.scores import Data
from cmcc_bench.reports.systems import ResponseSystem, System
from cmcc_bench.reports.table import ReportTable, difference_cells, mark, score_cell, score_name, verdict
from cmcc_bench.scoring import Bootstrap, PairedResult, compare, score
from cmcc_bench.tasks import Task


def unlabeled_table(task: Task, systems: Sequence[System], data: Data, bootstrap: Bootstrap) -> ReportTable | None:
    """One row per system with its share of labels and its number of pseudo-labels; None without pseudo-labels.

    systems: those of the task. Of dialogue models, only the variant in the mode end2end is shown.
    """
    chosen = [system for system in systems if not _has_other_settings(system)]
    if not task.gained or not any(system.training.pseudo_labeled for system in chosen):
        return None
    chosen.sort(key=lambda system: (-system.training.labeled_share, system.training.pseudo_labeled))
    main, rows, lines, notes = task.gained[-1], data.rows, [], []
    for system in chosen:
        training = system.training
        scores = score(task, system.answers, rows, bootstrap, measure=system.measure()).scores
        cells = [f"{training.labeled_share:.0%}", str(training.pseudo_labeled)]
        cells += [score_cell(scores[name]) for name in task.gained]
        if plain := _without_pseudo_labels(system, chosen):
            measures = system.measure(), plain.measure()
            comparison = compare(task, system.answers, plain.answers, rows, bootstrap, measures=measures)
            difference = comparison.differences[main]
            notes.append(_verdict(main, f"{training.labeled_share:.0%} of the labels", difference))
        lines.append((*cells, difference_cells(difference)[0] if plain else ""))
    gain = f"gain in {score_name(main)} [95 % CI]"
    columns = ("share of labels", "pseudo-labeled examples", *map(score_name, task.gained), gain)
    title = f"Unlabeled dialogues, {task.name}{mark(data.synthetic)}"
    return ReportTable(title, columns, tuple(lines), tuple(notes))


def _has_other_settings(system: System) -> bool:
    """Whether the system differs from the others of the table in more than its labels."""
    if isinstance(system, ResponseSystem) and (system.form.name, system.mode) != ("variant", "end2end"):
        return True
    return bool(system.training.options)


def _without_pseudo_labels(system: System, systems: Iterable[System]) -> System | None:
    """The system with the same share of labels and without pseudo-labels."""
    if not system.training.pseudo_labeled:
        return None
    share = system.training.labeled_share
    plain = (s for s in systems if not s.training.pseudo_labeled and s.training.labeled_share == share)
    return next(plain, None)


def _verdict(score: str, share: str, result: PairedResult) -> str:
    return verdict(f"With {share}, with minus without pseudo-labels", {score_name(score): result})

"""The tables of a model's card: its scores with their intervals, in both versions, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Sequence

from cmcc_bench.cards.escape import shown
from cmcc_bench.cards.scores import Scored, ScoredResponses
from cmcc_bench.reports.scores import label_of, label_table
from cmcc_bench.reports.table import ReportTable, decimals_of, mark, published_cell, score_cell
from cmcc_bench.scoring import Scores
from cmcc_bench.tasks import TASKS

_MODES = {"end2end": "End to end", "oracle": "With gold segments before the response (oracle)"}


def result_tables(scored: Sequence[Scored]) -> list[ReportTable]:
    """The tables of all files that were scored."""
    return [
        table
        for one in scored
        for table in (response_tables(one) if isinstance(one, ScoredResponses) else answer_tables(one))
    ]


def response_tables(scored: ScoredResponses) -> list[ReportTable]:
    """A dialogue model's table, and those of what it wrote along."""
    system, strict = scored.system, scored.scores
    published, rows = system.task.published_for(system.key), []
    for key in system.task.shown:
        if key in system.untold:
            continue  # gold, not the model's own
        cells = (score_cell(one.scores[key], decimals_of(key)) for one in (strict, scored.seretod))
        rows.append((label_of(system.task, key), *cells, published_cell(published.get(key))))
        if key == "act_f1" and strict.fold_caring:
            whole = score_cell(scored.all_acts.scores["act_f1"])
            rows.append(("act F1 against all 17 acts", whole, "–", "–"))
    notes = [
        *(["Act F1: against gold with the caring acts folded back, as the paper scores it."] * strict.fold_caring),
        _sizes(strict),
        f"BLEU-4, strict: {shown(strict.signature)}; seretod: {shown(scored.seretod.signature)}",
    ]
    title = f"{_MODES.get(system.mode, shown(system.mode))}{_place(scored)}"
    columns = ("score", "strict [95 %]", "seretod [95 %]", "paper")
    table = ReportTable(title, columns, tuple(rows), tuple(notes))
    return [table, *(_written_table(scored, found) for found in scored.along.values())]


def _written_table(scored: ScoredResponses, found: Scores) -> ReportTable:
    task = TASKS[found.task]
    assert task.written is not None
    title = f"{task.name.capitalize()}s{_place(scored)}"
    return _table(title, scored, found, task.written.on_card, task.written.note)


def answer_tables(scored: Scored) -> list[ReportTable]:
    """A recognizer's table, and that by label."""
    found, name = scored.scores, scored.system.task.name.capitalize()
    note = "A label that occurs on neither side counts 0 in a macro score."
    table = _table(f"{name}{_place(scored)}", scored, found, tuple(found.scores), note)
    return [table, *([label_table(f"{name} by label", found, scored.synthetic)] if found.labels else [])]


def _table(title: str, scored: Scored, found: Scores, keys: Sequence[str], note: str) -> ReportTable:
    task = TASKS[found.task]
    published = task.published_for(scored.system.key)
    rows = [(label_of(task, k), score_cell(found.scores[k]), published_cell(published.get(k))) for k in keys]
    return ReportTable(title, ("score", "value [95 %]", "paper"), tuple(rows), (note, _sizes(found)))


def _place(scored: Scored) -> str:
    """Where the scores are from; scored anew from the file of this name."""
    return f", {scored.system.split} split{mark(scored.synthetic)}"


def _sizes(found: Scores) -> str:
    task = TASKS[found.task]
    items = f", {found.items} {task.items}" if task.key else ""
    drawn = f"95 % intervals from {found.bootstrap.resamples} resamples of the dialogues, seed {found.bootstrap.seed}"
    return f"{found.dialogues} dialogues{items}; {drawn}."

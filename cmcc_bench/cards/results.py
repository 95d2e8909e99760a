"""The tables of a model card: scores with 95 % confidence intervals, in both versions, beside those of the paper."""

from __future__ import annotations

from collections.abc import Sequence

from cmcc_bench.cards.escape import shown
from cmcc_bench.cards.scores import Scored, ScoredResponses
from cmcc_bench.reports.scores import label_of, label_table
from cmcc_bench.reports.table import ReportTable, decimals_of, mark, published_cell, score_cell
from cmcc_bench.scoring import Scores
from cmcc_bench.tasks import TASKS

_MODES = {"end2end": "End to end", "oracle": "Oracle (gold segments before the response)"}


def result_tables(scored: Sequence[Scored]) -> list[ReportTable]:
    """The tables of all scored prediction files."""
    return [
        table
        for item in scored
        for table in (response_tables(item) if isinstance(item, ScoredResponses) else answer_tables(item))
    ]


def response_tables(scored: ScoredResponses) -> list[ReportTable]:
    """The table of a dialogue model, and those of its answers to other tasks."""
    system, strict = scored.system, scored.scores
    published, rows = system.task.published_for(system.key), []
    for key in system.task.shown:
        if key in system.missing_scores:
            continue  # gold, not predicted
        cells = (score_cell(scores.scores[key], decimals_of(key)) for scores in (strict, scored.seretod))
        rows.append((label_of(system.task, key), *cells, published_cell(published.get(key))))
        if key == "act_f1" and strict.fold_caring:
            all_acts = score_cell(scored.all_acts.scores["act_f1"])
            rows.append(("act F1, all 17 acts", all_acts, "–", "–"))
    notes = [
        *(
            ["Act F1: caring acts in the gold are folded back into the 13 acts of MobileCS, as in the paper."]
            * strict.fold_caring
        ),
        _sizes(strict),
        f"BLEU-4, strict: {shown(strict.signature)}; seretod: {shown(scored.seretod.signature)}",
    ]
    title = f"{_MODES.get(system.mode, shown(system.mode))}{_place(scored)}"
    columns = ("score", "strict [95 % CI]", "seretod [95 % CI]", "paper")
    table = ReportTable(title, columns, tuple(rows), tuple(notes))
    return [table, *(_written_table(scored, scores) for scores in scored.along.values())]


def _written_table(scored: ScoredResponses, scores: Scores) -> ReportTable:
    task = TASKS[scores.task]
    assert task.written is not None
    title = f"{task.name.capitalize()}s{_place(scored)}"
    return _table(title, scored, scores, task.written.on_card, task.written.note)


def answer_tables(scored: Scored) -> list[ReportTable]:
    """The table of a recognizer, and its scores per label."""
    scores, name = scored.scores, scored.system.task.name.capitalize()
    note = "Macro scores: a label with neither gold nor predicted instances counts as 0."
    table = _table(f"{name}{_place(scored)}", scored, scores, tuple(scores.scores), note)
    return [table, *([label_table(f"{name}, per label", scores, scored.synthetic)] if scores.labels else [])]


def _table(title: str, scored: Scored, scores: Scores, keys: Sequence[str], note: str) -> ReportTable:
    task = TASKS[scores.task]
    published = task.published_for(scored.system.key)
    rows = [(label_of(task, k), score_cell(scores.scores[k]), published_cell(published.get(k))) for k in keys]
    return ReportTable(title, ("score", "value [95 % CI]", "paper"), tuple(rows), (note, _sizes(scores)))


def _place(scored: Scored) -> str:
    """The end of a title: the split, and whether the data are synthetic."""
    return f", {scored.system.split} split{mark(scored.synthetic)}"


def _sizes(scores: Scores) -> str:
    """A note with the number of dialogues and the bootstrap's settings."""
    task, bootstrap = TASKS[scores.task], scores.bootstrap
    items = f", {scores.items} {task.items}" if task.key else ""
    sample = f"{bootstrap.resamples} bootstrap resamples of the dialogues, seed {bootstrap.seed}"
    return f"{scores.dialogues} dialogues{items}. 95 % confidence intervals from {sample}."

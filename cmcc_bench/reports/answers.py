"""The tables of all tasks but response generation: the paper's tables 5 and 9, satisfaction, and further tasks.

Each table has the systems and the bounds (gold, majority, random); a second one has the paired bootstrap tests. Every
score is computed again from the prediction files. If a table has a dialogue model, all systems are scored on the
utterances that have a reply, because a dialogue model reads no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cmcc_bench.reports.response import system_name
from cmcc_bench.reports.scores import Data, Entry, label_table, paired_table, sizes, systems_table
from cmcc_bench.reports.systems import ResponseSystem, System
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.scoring.score import align_with_gold, comparison_of, scores_of
from cmcc_bench.tasks import Task
from cmcc_bench.tasks.written import only_answered


def answer_tables(
    task: Task,
    systems: Sequence[System],
    writers: Sequence[ResponseSystem],
    data: Data,
    bootstrap: Bootstrap = Bootstrap(),
) -> list[ReportTable]:
    """The table of a task, the scores per label of its first system, and the paired bootstrap tests.

    writers: dialogue models, whose predictions for this task are scored, too, if the task has any (tasks.Written).
    """
    plain_first = sorted(systems, key=lambda system: bool(system.training.suffix))
    answers = {task.model + system.training.suffix: (list[Any](system.answers), system.key) for system in plain_first}
    notes = []
    if written := _written(task, writers, data):
        answered = only_answered(data.rows, data.labeled)
        notes = [f"Scored on the {len(answered)} of {len(data.rows)} user utterances that have a reply."]
        scored = {name: (only_answered(given, data.labeled), key) for name, (given, key) in answers.items()}
        answers = scored | written
        data = Data(answered, data.train)
    bounds = task.bounds(data.train, data.rows, bootstrap.seed)
    every = answers | {name: (given, ()) for name, given in bounds.items()}
    aligned = {name: align_with_gold(task, given, data.rows) for name, (given, _) in every.items()}
    entries = [
        Entry(
            name,
            scores_of(task, task.measure, aligned[name], bootstrap),
            task.published_for(key),
            task.untold(given),
        )
        for name, (given, key) in every.items()
    ]
    notes = [*notes, *task.notes, sizes(entries[0].scores)]
    tables = [systems_table(task.table, task, entries, data.synthetic, notes)]
    if answers:
        first = entries[0]
        if first.scores.labels:
            tables.append(label_table(f"{task.table}, per label: {first.name}", first.scores, data.synthetic))
        compared = [*answers, *([task.cheap[0]] if task.cheap else [])]
        others = [entry for entry in entries[1:] if entry.name in compared]
        pairs = [
            (
                f"{first.name} minus {other.name}",
                comparison_of(task, (task.measure, task.measure), aligned[first.name], aligned[other.name], bootstrap),
                other.untold,
            )
            for other in others
        ]
        tables.append(paired_table(f"{task.table}, paired bootstrap test", task, pairs, data.synthetic))
    return tables


def _written(task: Task, writers: Sequence[ResponseSystem], data: Data) -> dict[str, tuple[list[Any], tuple[str, ...]]]:
    """Name in the table -> the answers of a dialogue model for this task, and the model's key."""
    written = task.written
    if written is None:
        return {}
    return {
        written.prefix + system_name(system.key): (written.read(system.answers, data.labeled), system.key)
        for system in writers
        if written.by(system.key)
    }

"""The tables of all tasks but response generation: the paper's tables 5 and 9, satisfaction, and further tasks.

Each table has the systems and the bounds (gold, majority, random); a second one has the paired bootstrap tests. Every
score is computed again from the prediction files. If a table has a dialogue model, all systems are scored on the
utterances that have a reply, because a dialogue model reads no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cmcc_bench.reports.confusion import confusion_of
from cmcc_bench.reports.facts import BOUND
from cmcc_bench.reports.runs import backbone_notes
from cmcc_bench.reports.scores import (
    Data,
    Entry,
    SystemPair,
    compared_scores,
    label_of,
    label_table,
    paired_table,
    sizes,
    systems_table,
)
from cmcc_bench.reports.section import Section, TaskReport, finding, simple_finding
from cmcc_bench.reports.systems import ResponseSystem, System
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.scoring.score import align_with_gold, comparison_of_scores, scores_of
from cmcc_bench.tasks import Task
from cmcc_bench.tasks.written import only_answered


@dataclass(frozen=True)
class _Answers:
    """The answers of a system, with its key and kind (Entry.kind)."""

    answers: list[Any]
    key: tuple[str, ...]
    kind: str


def answer_report(
    task: Task,
    systems: Sequence[System],
    writers: Sequence[ResponseSystem],
    data: Data,
    bootstrap: Bootstrap = Bootstrap(),
) -> TaskReport:
    """The table of a task, the scores per label of its first system, paired bootstrap tests, and confusion matrices.

    writers: dialogue models, whose predictions for this task are scored, too, if the task has any (tasks.Written).
    """
    plain_first = sorted(systems, key=lambda system: bool(system.training.suffix))
    answers = {s.name: _Answers(list[Any](s.answers), s.key, s.facts.kind) for s in plain_first}
    notes = []
    if written := _written(task, writers, data):
        answered = only_answered(data.rows, data.labeled)
        notes = [f"Scored on the {len(answered)} of {len(data.rows)} user utterances that have a reply."]
        scored = {name: replace(one, answers=only_answered(one.answers, data.labeled)) for name, one in answers.items()}
        answers = scored | written
        data = Data(answered, data.train)
    bounds = task.bounds(data.train, data.rows, bootstrap.seed)
    all_answers = answers | {name: _Answers(given, (), BOUND) for name, given in bounds.items()}
    aligned = {name: align_with_gold(task, one.answers, data.rows) for name, one in all_answers.items()}
    entries = {
        name: Entry(
            name,
            scores_of(task, task.measure, aligned[name], bootstrap),
            task.published_for(one.key),
            task.missing_scores(one.answers),
            one.kind,
        )
        for name, one in all_answers.items()
    }
    first = next(iter(entries.values()))
    notes = [*notes, *task.notes, sizes(first.scores)]
    tables = [systems_table(task.table, task, [*entries.values()], data.synthetic, notes)]
    if first.scores.labels:
        tables.append(label_table(f"{task.table}, per label: {first.name}", first.scores, data.synthetic))

    others, simple = _pairs(task, entries, [*answers])
    about_backbones = backbone_notes(systems, task.simple_baseline[0]) if simple and task.simple_baseline else []
    section = _section(task, entries, ([*answers], [*bounds]), (others, simple), notes)
    section = replace(section, findings=(*section.findings, *about_backbones))
    table = paired_table(f"{task.table}, paired bootstrap test", task, section.pairs, data.synthetic)
    tables.append(replace(table, notes=(*table.notes, *(section.findings if simple else ()))))
    drawn = [*answers, *([task.simple_baseline[0]] if task.simple_baseline else [])]
    confusions = (confusion_of(name, task, aligned[name]) for name in drawn)
    return TaskReport((section,), tuple(tables), tuple(filter(None, confusions)))


def _pairs(task: Task, entries: Mapping[str, Entry], names: Sequence[str]) -> tuple[list[SystemPair], list[SystemPair]]:
    """The first of the named systems compared with the others, and each of them with the simple baseline."""

    def pair_of(name: str, other: str) -> SystemPair:
        """The paired test of two of the entries."""
        compared = comparison_of_scores(task.measure, entries[name].scores, entries[other].scores)
        return SystemPair(name, other, compared, (*entries[name].missing_scores, *entries[other].missing_scores))

    others = [pair_of(names[0], name) for name in names[1:]]
    return others, [
        pair_of(name, task.simple_baseline[0]) for name in names if task.simple_baseline and not _is_simple(task, name)
    ]


def _section(
    task: Task,
    entries: Mapping[str, Entry],
    names: tuple[Sequence[str], Sequence[str]],
    pairs: tuple[Sequence[SystemPair], Sequence[SystemPair]],
    notes: Sequence[str],
) -> Section:
    """The section of the task. names: of the systems and of the bounds. pairs: the result of _pairs."""
    systems, bounds = names
    others, simple = pairs
    about_others = [
        sentence
        for pair in others
        if (sentence := finding(pair, {score: label_of(task, score) for score in compared_scores(task, pair)}))
    ]
    about_simple = [*filter(None, [simple_finding(task, simple)])]
    return Section(
        title=task.table,
        shown={score: label_of(task, score) for score in task.shown},
        headline=_headline(task),
        compared=tuple(score for score in task.shown if score in task.headline),
        systems=tuple(entries[name] for name in systems),
        bounds=tuple(entries[name] for name in bounds),
        pairs=(*others, *simple),
        findings=tuple(about_simple or about_others),
        details=tuple(about_others if about_simple else ()),
        notes=tuple(notes),
    )


def _is_simple(task: Task, name: str) -> bool:
    """Whether a system is the simple baseline itself, trained and predicted as a model of its own."""
    return task.simple_baseline is not None and task.simple_baseline[0].split(",")[0] in name


def _headline(task: Task) -> tuple[str, ...]:
    """The scores on the screen: those that the paper has, or else the main scores."""
    published = {score for row in task.published for score in row.scores}
    return tuple(score for score in task.shown if score in (published or task.headline[:2]))


def _written(task: Task, writers: Sequence[ResponseSystem], data: Data) -> dict[str, _Answers]:
    """Name in the table -> the answers of a dialogue model for this task, and the model's key."""
    written = task.written
    if written is None:
        return {}
    return {
        written.prefix + system.name: _Answers(
            written.read(system.answers, data.labeled), system.key, system.facts.kind
        )
        for system in writers
        if written.by(system.key)
    }

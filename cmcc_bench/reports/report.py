"""`cmcc report`: what the systems in the given prediction files score, with every score computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from cmcc_bench.corpus import fingerprint_of, is_licensed, open_split, short_name
from cmcc_bench.reports.answers import answer_report
from cmcc_bench.reports.confusion import Confusion
from cmcc_bench.reports.examples import Examples
from cmcc_bench.reports.response import response_report
from cmcc_bench.reports.runs import facts_table
from cmcc_bench.reports.scores import Data, Entry
from cmcc_bench.reports.section import Section, TaskReport
from cmcc_bench.reports.systems import System, check_data, find_systems, response_systems
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.reports.unlabeled import unlabeled_table
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.tasks import RESPONSE, TASKS, Task


@dataclass(frozen=True)
class SystemReport:
    """Everything that a report shows.

    dataset: the name of the main one, without its place. synthetic, licensed: whether any of the scored dialogues are
    simulated, and whether any are real calls.
    """

    dataset: str
    split: str
    synthetic: bool
    licensed: bool
    bootstrap: Bootstrap
    systems: tuple[System, ...]
    tasks: tuple[TaskReport, ...]

    @property
    def sections(self) -> list[Section]:
        """The sections of all tasks, in order."""
        return list(chain.from_iterable(task.sections for task in self.tasks))

    @property
    def tables(self) -> list[ReportTable]:
        """All tables: 2 to 5, 9, satisfaction, and the gain from unlabeled dialogues."""
        return list(chain.from_iterable(task.tables for task in self.tasks))

    @property
    def confusions(self) -> list[Confusion]:
        """The confusion matrices of all tasks."""
        return list(chain.from_iterable(task.confusions for task in self.tasks))

    @property
    def examples(self) -> Examples | None:
        """Table 4, if there is one."""
        return next((task.examples for task in self.tasks if task.examples), None)

    @property
    def facts(self) -> ReportTable:
        """What each system is and what its answers took."""
        return facts_table(self.systems, self.licensed)

    def markdown(self) -> str:
        """All tables as Markdown, the systems first."""
        return "\n".join(table.markdown() for table in (self.facts, *self.tables))

    def as_dict(self) -> dict[str, Any]:
        """The systems, scores and paired tests as plain values for JSON; what is not defined or not known is None."""
        systems = [
            {"name": system.name, "task": system.task.name, "file": system.path.name, **asdict(system.facts)}
            for system in self.systems
        ]
        value = {
            "dataset": self.dataset,
            "split": self.split,
            "synthetic": self.synthetic,
            "licensed": self.licensed,
            "bootstrap": asdict(self.bootstrap),
            "systems": [{key: None if one == "" else one for key, one in system.items()} for system in systems],
            "contamination": next(iter(self.facts.notes), ""),
            "sections": [_section_dict(section) for section in self.sections],
        }
        plain: dict[str, Any] = orjson.loads(orjson.dumps(value))  # nan becomes None
        return plain


def _section_dict(section: Section) -> dict[str, Any]:
    """A section as plain values; scores that a system does not have are left out."""

    def scores_of(entry: Entry) -> dict[str, Any]:
        """The scores of a row that the section shows, with their intervals."""
        scores = entry.scores.scores
        return {name: asdict(scores[name]) for name in section.shown if name not in entry.missing_scores}

    return {
        "title": section.title,
        "rows": [
            {"name": row.name, "kind": row.kind or None, "scores": scores_of(row), "published": dict(row.published)}
            for row in (*section.systems, *section.bounds)
        ],
        "differences": [
            {
                "first": pair.first,
                "second": pair.second,
                "scores": {
                    name: asdict(result)
                    for name, result in pair.compared.differences.items()
                    if name not in pair.missing_scores
                },
            }
            for pair in section.pairs
        ],
        "findings": [*section.findings, *section.details],
    }


def make_report(
    paths: Sequence[Path],
    bootstrap: Bootstrap = Bootstrap(),
    examples: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SystemReport:
    """The report of the systems in files and folders.

    Recognizers may predict another data set than the dialogue models: its systems have tables of their own.
    examples: number of exchanges in table 4 (reports.examples.find_examples). progress: called with the number of
    finished steps and of all steps.
    Raises cmcc.DataError if there are no predictions, or they are of several splits or of data that have changed.
    """
    systems = find_systems(paths)
    tasks, synthetic, licensed = list[TaskReport](), False, False
    datasets = _datasets(systems)
    for number, task in enumerate(TASKS.values(), 1):
        for dataset in datasets:
            of_data = [system for system in systems if system.dataset == dataset]
            own = [system for system in of_data if system.task is task]
            if own:
                data = _data_of(task, own)
                synthetic, licensed = synthetic or data.synthetic, licensed or is_licensed(data.rows)
                place = "" if dataset == datasets[0] else f" ({short_name(dataset)})"
                named = replace(task, table=task.table + place) if place else task
                tasks.append(_report_of(named, own, of_data, data, bootstrap, examples))
        if progress:
            progress(number, len(TASKS))
    return SystemReport(
        short_name(datasets[0]), systems[0].split, synthetic, licensed, bootstrap, tuple(systems), tuple(tasks)
    )


def _datasets(systems: Sequence[System]) -> list[str]:
    """The data sets of the systems: first that of the dialogue models, or else the one with most systems."""
    counts = Counter(system.dataset for system in systems)
    main = {system.dataset for system in response_systems(systems)}
    return sorted(counts, key=lambda dataset: (dataset not in main, -counts[dataset], dataset))


def _data_of(task: Task, systems: Sequence[System]) -> Data:
    dataset, split = systems[0].dataset, systems[0].split
    rows = task.rows(dataset, (split, "train"))
    check_data(systems, fingerprint_of(rows[split]))
    labeled = list(open_split(dataset, "labeled", split)) if task.written else []
    return Data(rows[split], rows["train"], labeled)


def _report_of(
    task: Task,
    own: Sequence[System],
    systems: Sequence[System],
    data: Data,
    bootstrap: Bootstrap,
    examples: int | None,
) -> TaskReport:
    writers = response_systems(systems)
    if task is RESPONSE:
        report = response_report(writers, data, bootstrap, examples)
    else:
        report = answer_report(task, own, writers, data, bootstrap)
    unlabeled = unlabeled_table(task, own, data, bootstrap)
    return replace(report, tables=(*report.tables, *([unlabeled] if unlabeled else [])))

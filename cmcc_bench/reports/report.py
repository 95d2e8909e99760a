"""`cmcc report`: all tables of the systems in the given prediction files, with every score computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cmcc_bench.corpus import fingerprint_of, open_split
from cmcc_bench.reports.answers import answer_tables
from cmcc_bench.reports.response import response_tables
from cmcc_bench.reports.scores import Data
from cmcc_bench.reports.systems import System, check_data, find_systems, response_systems
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.reports.unlabeled import unlabeled_table
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.tasks import RESPONSE, TASKS, Task


def all_tables(
    paths: Sequence[Path],
    bootstrap: Bootstrap = Bootstrap(),
    examples: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> list[ReportTable]:
    """The tables of the systems in files and folders: 2 to 5, 9, satisfaction, and the gain from unlabeled dialogues.

    examples: number of exchanges in table 4. progress: called with the number of finished steps and of all steps.
    Raises cmcc.DataError if there are no predictions, or they are of different data or of data that have changed.
    """
    systems = find_systems(paths)
    tables: list[ReportTable] = []
    for number, task in enumerate(TASKS.values(), 1):
        tables += _tables_of(task, systems, bootstrap, examples)
        if progress:
            progress(number, len(TASKS))
    return tables


def _tables_of(task: Task, systems: Sequence[System], bootstrap: Bootstrap, examples: int) -> Iterator[ReportTable]:
    own, writers = [system for system in systems if system.task is task], response_systems(systems)
    if not own:
        return
    dataset, split = own[0].dataset, own[0].split
    rows = task.rows(dataset, (split, "train"))
    check_data(own, fingerprint_of(rows[split]))
    labeled = list(open_split(dataset, "labeled", split)) if task.written else []
    data = Data(rows[split], rows["train"], labeled)
    if task is RESPONSE:
        yield from response_tables(writers, data, bootstrap, examples)
    else:
        yield from answer_tables(task, own, writers, data, bootstrap)
    if table := unlabeled_table(task, own, data, bootstrap):
        yield table

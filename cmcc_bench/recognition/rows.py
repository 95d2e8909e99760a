"""The rows of a task by split, as train/ asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from cmcc_bench.tasks import Row, task_of


def task_rows(dataset: str, task: str, splits: Sequence[str]) -> dict[str, list[Row]]:
    """tasks.Task.rows of the task of this name."""
    return task_of(task).rows(dataset, splits)

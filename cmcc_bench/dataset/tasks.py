"""The eval.yaml of a built folder: the tasks of the Hub's leaderboard for which the build has data."""

from __future__ import annotations

from typing import Any

import yaml

from cmcc_bench.dataset.hide import SPLIT
from cmcc_bench.dataset.parquet import Sizes
from cmcc_bench.dataset.place import EVAL_BEGINS
from cmcc_bench.files import resource_folder
from cmcc_bench.tasks import hub_tasks


def eval_template() -> dict[str, Any]:
    """The content of dataset_card/eval.yaml with all tasks. Raises FileNotFoundError if it is not installed."""
    content: dict[str, Any] = yaml.safe_load((resource_folder("dataset_card") / "eval.yaml").read_text("utf-8"))
    metrics = ((metric, task.config) for task in hub_tasks() for metric in task.hub)
    return content | {"tasks": [{"id": metric, "config": config, "split": SPLIT} for metric, config in metrics]}


def eval_text(sizes: Sizes) -> str | None:
    """The text of eval.yaml for a build with these configs and splits; None if it has no data to score."""
    content = eval_template()
    tasks = [task for task in content["tasks"] if task["split"] in sizes.get(task["config"], {})]
    if not tasks:
        return None
    return EVAL_BEGINS + yaml.safe_dump(content | {"tasks": tasks}, sort_keys=False, allow_unicode=True, width=120)

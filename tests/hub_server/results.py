"""Results on the Hub: a model's .eval_results, and the leaderboard of a data set with eval.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from .store import File, HubError, Repository

if TYPE_CHECKING:
    from .calls import Call, Reply


def listed(files: Mapping[str, File]) -> list[dict[str, Any]]:
    """The response to model_info(expand=["evalResults"]): all entries, and the errors of invalid files."""
    entries_and_errors: list[dict[str, Any]] = []
    for name in sorted(files):
        if not (name.startswith(".eval_results/") and name.endswith((".yaml", ".yml"))):
            continue
        try:
            entries = [_checked(entry) for entry in yaml.safe_load(files[name].content)]
        except (yaml.YAMLError, TypeError, ValueError, UnicodeDecodeError) as error:
            entries_and_errors.append({"filename": name, "error": str(error).split("\n")[0]})
            continue
        entries_and_errors += [{"filename": name, "verified": False, "data": entry} for entry in entries]
    return entries_and_errors


def _checked(entry: Any) -> dict[str, Any]:
    """A complete entry. Raises ValueError if a required field is missing."""
    dataset = entry.get("dataset") if isinstance(entry, dict) else None
    if not isinstance(dataset, dict) or not {"id", "task_id"} <= dataset.keys() or "value" not in entry:
        raise ValueError("an entry needs dataset.id, dataset.task_id and value")
    if "source" in entry and "url" not in entry["source"]:
        raise ValueError("a source needs its url")
    return entry


def leaderboard(call: Call, repo: Repository, models: Iterable[Repository]) -> Reply:
    """GET /api/datasets/ID/leaderboard[?base_model=false]: the models by task of eval.yaml, best first."""
    from .calls import Reply

    tasks = _tasks(repo.find("main").files)
    if not tasks:
        raise HubError(404, f"{repo.name} has no leaderboard: no eval.yaml with tasks")
    every = call.query.get("base_model", "").lower() == "false"
    shown = [model for model in models if every or not _declares_base_model(model)]
    return Reply([entry for task in tasks for entry in _ranked(task, repo.name, shown)])


def _tasks(files: Mapping[str, File]) -> list[str]:
    try:
        declared = yaml.safe_load(files["eval.yaml"].content) if "eval.yaml" in files else {}
        return [str(task["id"]) for task in declared["tasks"]]
    except (yaml.YAMLError, TypeError, KeyError):
        return []


def _declares_base_model(model: Repository) -> bool:
    from .calls import card_data

    return "base_model" in card_data(model.find("main").files)


def _ranked(task: str, dataset: str, models: Iterable[Repository]) -> Iterator[dict[str, Any]]:
    results = [(model, item) for model in models for item in listed(model.find("main").files) if "data" in item]
    of_task = [
        (m, item)
        for m, item in results
        if [item["data"]["dataset"][key] for key in ("id", "task_id")] == [dataset, task]
    ]
    numbers = [(model, item) for model, item in of_task if isinstance(item["data"]["value"], int | float)]
    numbers.sort(key=lambda pair: (-pair[1]["data"]["value"], pair[0].name))
    for rank, (model, item) in enumerate(numbers, 1):
        owner = model.name.split("/")[0]
        yield {
            "rank": rank,
            "modelId": model.name,
            "value": item["data"]["value"],
            "filename": item["filename"],
            "verified": item["verified"],
            "source": item["data"].get("source"),
            "notes": item["data"].get("notes"),
            "author": {"type": "org", "name": owner, "fullname": owner, "avatarUrl": ""},
        }

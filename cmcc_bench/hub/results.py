"""Results the Hub's way: `.eval_results/cmcc.yaml` of a model, and the leaderboard that the Hub makes of all of them.

A task is one of the data set's eval.yaml, and a model has one value for it: strict, end to end, of the test split.
Source: https://huggingface.co/docs/hub/eval-results
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

import yaml
from huggingface_hub import EvalResultEntry, HfApi, eval_result_entries_to_yaml
from huggingface_hub.errors import RepositoryNotFoundError

from cmcc_bench.cards.scores import SPLIT, Scored, ScoredResponses
from cmcc_bench.distribution import VERSION
from cmcc_bench.errors import printable
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.reports.table import NOTHING, ReportTable
from cmcc_bench.scoring import Interval
from cmcc_bench.tasks import hub_tasks

# The ids of eval.yaml's tasks, and what a table calls them.
TASKS = {metric: name for task in hub_tasks() for metric, name in task.hub_names.items()}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_SYNTHETIC = "SYNTHETIC data"


def headline_scores(scored: Sequence[Scored]) -> Iterator[tuple[str, Interval, Scored]]:
    """The task, the score and where it is from, for each headline number that a run has; never one of the oracle.

    A form without caring acts is scored against all 17 acts here, too: a task has one gold for all models.
    """
    for one in scored:
        if one.system.split != SPLIT:
            continue
        found = dict(one.scores.scores)
        if isinstance(one, ScoredResponses):
            if one.system.mode != "end2end":
                continue
            found["act_f1"] = one.all_acts.scores["act_f1"]
        for task, name in one.system.task.hub.items():
            if not math.isnan(found[name].point):
                yield task, found[name], one


def eval_entries(
    scored: Sequence[Scored], dataset_id: str, revision: str | None, source_url: str, user: str
) -> list[EvalResultEntry]:
    """What a model's repository says of its results.

    dataset_id, revision: of the data set on the Hub. source_url: the page of the model. user: who publishes it.
    """
    return [
        EvalResultEntry(
            dataset_id=dataset_id,
            task_id=task,
            value=round(score.point, 4),
            dataset_revision=revision,
            date=one.system.date if _DATE.fullmatch(str(one.system.date)) else None,
            source_url=source_url,
            source_name="cmcc push",
            source_user=user,
            notes=_notes(score, one),
        )
        for task, score, one in headline_scores(scored)
    ]


def _notes(score: Interval, one: Scored) -> str:
    interval = "" if math.isnan(score.low) else f"; 95 % interval {score.low:.4f} to {score.high:.4f}"
    return f"cmcc {VERSION}, strict{interval}" + (f"; {_SYNTHETIC}" if one.synthetic else "")


def eval_file(entries: Sequence[EvalResultEntry]) -> bytes:
    """The content of `.eval_results/cmcc.yaml`."""
    listed = eval_result_entries_to_yaml(list(entries))
    return yaml.safe_dump(listed, sort_keys=False, allow_unicode=True).encode()


def hub_leaderboard(dataset_id: str) -> ReportTable:
    """The leaderboard that the Hub makes of a data set's eval.yaml and the models' `.eval_results`.

    dataset_id: ORGANIZATION/NAME. The models stand in the Hub's order; their values are what they say of themselves.
    Raises cmcc.DataError when there is no such data set, it has no leaderboard, or there is no connection.
    """
    api = HfApi()
    with hub_errors(dataset=dataset_id):
        board = api.get_dataset_leaderboard(dataset_id, base_model_only=False)
        found = {entry.model_id: _results(api, entry.model_id, dataset_id) for entry in board}
    rows = [_row(model, results) for model, results in found.items()]
    notes = ["Values as the models' own repositories say them; nothing was computed anew here."]
    if not rows:
        notes.append("No model has results yet: cmcc push model RUN NAME --dataset-id says them.")
    columns = ("model", *TASKS.values(), "date", "data")
    return ReportTable(f"{printable(dataset_id)} on the Hub", columns, tuple(rows), tuple(notes))


def _results(api: HfApi, model: str, dataset_id: str) -> dict[str, EvalResultEntry]:
    """A model's entries for the data set, by task; the first of several. None of one that was taken away meanwhile."""
    try:
        entries = api.model_info(model, expand=["evalResults"]).eval_results or []
    except RepositoryNotFoundError:
        return {}
    mine = [entry for entry in entries if entry.dataset_id == dataset_id]
    return {entry.task_id: entry for entry in reversed(mine)}


def _row(model: str, results: Mapping[str, EvalResultEntry]) -> tuple[str, ...]:
    values = (_value(results[task].value) if task in results else NOTHING for task in TASKS)
    known = [results[task] for task in TASKS if task in results]
    dates = sorted(str(entry.date)[:10] for entry in known if entry.date)
    data = _SYNTHETIC.split()[0] if any(_SYNTHETIC in str(entry.notes) for entry in known) else ""
    return (printable(model), *values, printable(dates[-1]) if dates else NOTHING, data)


def _value(value: object) -> str:
    """A number as a table has it; what is none was written by somebody else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    return f"{value:.4g}"

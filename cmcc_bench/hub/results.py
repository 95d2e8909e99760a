"""Results in the Hub's format: `.eval_results/cmcc.yaml` of a model, and the Hub's leaderboard of a data set.

The data set's eval.yaml lists the tasks. A model has one value for each: strict, end to end, on the test split.
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

# The ids of the tasks in eval.yaml, and their names in a table.
TASKS = {metric: name for task in hub_tasks() for metric, name in task.hub_names.items()}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_SYNTHETIC = "SYNTHETIC data"


def headline_scores(scored: Sequence[Scored]) -> Iterator[tuple[str, Interval, Scored]]:
    """Yields the task, the score and its source for each headline number of a run; oracle scores are left out.

    A text form without caring acts is scored against all 17 acts here, too: the gold is the same for all models.
    """
    for source in scored:
        if source.system.split != SPLIT:
            continue
        scores = dict(source.scores.scores)
        if isinstance(source, ScoredResponses):
            if source.system.mode != "end2end":
                continue
            scores["act_f1"] = source.all_acts.scores["act_f1"]
        for task, name in source.system.task.hub.items():
            if not math.isnan(scores[name].point):
                yield task, scores[name], source


def eval_entries(
    scored: Sequence[Scored], dataset_id: str, revision: str | None, source_url: str, user: str
) -> list[EvalResultEntry]:
    """The results of a run as entries for the model's repository.

    dataset_id, revision: of the data set on the Hub. source_url: the model's page. user: the account that publishes it.
    """
    return [
        EvalResultEntry(
            dataset_id=dataset_id,
            task_id=task,
            value=round(score.point, 4),
            dataset_revision=revision,
            date=source.system.date if _DATE.fullmatch(str(source.system.date)) else None,
            source_url=source_url,
            source_name="cmcc push",
            source_user=user,
            notes=_notes(score, source),
        )
        for task, score, source in headline_scores(scored)
    ]


def _notes(score: Interval, source: Scored) -> str:
    interval = "" if math.isnan(score.low) else f"; 95 % interval {score.low:.4f} to {score.high:.4f}"
    return f"cmcc {VERSION}, strict{interval}" + (f"; {_SYNTHETIC}" if source.synthetic else "")


def eval_file(entries: Sequence[EvalResultEntry]) -> bytes:
    """The content of `.eval_results/cmcc.yaml`."""
    items = eval_result_entries_to_yaml(list(entries))
    return yaml.safe_dump(items, sort_keys=False, allow_unicode=True).encode()


def hub_leaderboard(dataset_id: str) -> ReportTable:
    """The leaderboard that the Hub makes from a data set's eval.yaml and the models' `.eval_results`.

    dataset_id: ORGANIZATION/NAME. The models keep the Hub's order; the values are reported by their authors.
    Raises cmcc.DataError if the data set does not exist or has no leaderboard, or the Hub cannot be reached.
    """
    api = HfApi()
    with hub_errors(dataset=dataset_id):
        board = api.get_dataset_leaderboard(dataset_id, base_model_only=False)
        by_model = {entry.model_id: _results(api, entry.model_id, dataset_id) for entry in board}
    rows = [_row(model, results) for model, results in by_model.items()]
    notes = ["The values come from the models' repositories; they were not recomputed."]
    if not rows:
        notes.append("No model has results yet. Add them with cmcc push model RUN NAME --dataset-id ID.")
    columns = ("model", *TASKS.values(), "date", "data")
    return ReportTable(f"{printable(dataset_id)} on the Hub", columns, tuple(rows), tuple(notes))


def _results(api: HfApi, model: str, dataset_id: str) -> dict[str, EvalResultEntry]:
    """A model's entries for the data set, by task; the first of several. Empty if the model was deleted meanwhile."""
    try:
        entries = api.model_info(model, expand=["evalResults"]).eval_results or []
    except RepositoryNotFoundError:
        return {}
    matches = [entry for entry in entries if entry.dataset_id == dataset_id]
    return {entry.task_id: entry for entry in reversed(matches)}


def _row(model: str, results: Mapping[str, EvalResultEntry]) -> tuple[str, ...]:
    values = (_value(results[task].value) if task in results else NOTHING for task in TASKS)
    entries = [results[task] for task in TASKS if task in results]
    dates = sorted(str(entry.date)[:10] for entry in entries if entry.date)
    data = _SYNTHETIC.split()[0] if any(_SYNTHETIC in str(entry.notes) for entry in entries) else ""
    return (printable(model), *values, printable(dates[-1]) if dates else NOTHING, data)


def _value(value: object) -> str:
    """A number for the table, or a dash: other people's results may contain anything."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    return f"{value:.4g}"

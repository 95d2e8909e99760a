"""The scorer, which counts a call, and the metric, which makes the scores of `cmcc score` from the counts of all calls.

Corpus scores, such as F1 and BLEU, are no means over calls: inspect's own mean would give other numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState

from cmcc_bench.endpoint.answers import to_json
from cmcc_bench.errors import DataError
from cmcc_bench.inspect_tasks.solver import PREDICTIONS, prepared
from cmcc_bench.scoring import intervals
from cmcc_bench.scoring.score import align_with_gold
from cmcc_bench.tasks import Task, answer_line, task_of

# The scores of a single call that its sample shows; the others make little sense for one call.
SHOWN = {
    "emotion": ("exact_match", "micro_f1"),
    "entities": ("entity_f1",),
    "response": ("intent_f1", "act_f1", "success", "bleu"),
    "satisfaction": ("accuracy",),
}


@metric(scores="unreduced")  # of all epochs: the counts of an epoch are no use once they are reduced to a mean value
def corpus_scores(task: str = "") -> Metric:
    """Each score of `cmcc score` by its name, with NAME_low and NAME_high, the bounds of its 95 % interval.

    Of several epochs a call has the mean of its counts. task: whose scores are nan before the first call is finished.
    """

    def compute(scores: list[SampleScore]) -> Value:
        """The scores and bounds of all calls together."""
        if not scores:
            return dict.fromkeys(task_of(task).measure.statistics if task else (), float("nan"))
        calls = [sample.score.metadata or {} for sample in scores]
        by_call: dict[int, list[list[int]]] = {}
        for metadata in calls:
            by_call.setdefault(metadata["place"], []).append(metadata["counts"])
        counts = np.array([np.mean(by_call[place], axis=0) for place in sorted(by_call)])  # (calls, k)
        results = intervals(counts, task_of(calls[0]["task"]).measure.statistics)
        flat: dict[str, str | int | float | bool | None] = {}
        for name, interval in results.items():
            flat |= {name: interval.point, f"{name}_low": interval.low, f"{name}_high": interval.high}
        return flat

    return compute


@scorer(metrics=[corpus_scores()])
def call_scores(task: str, dataset: str, split: str) -> Scorer:
    """The scores of a call. Its counts and what was wrong with the model's answers are in the metadata of the score.

    Texts are never values, because inspect makes numbers of values.
    """
    rows = prepared(task, dataset, split)[1]
    declared, places = task_of(task), {name: place for place, name in enumerate(rows.order)}

    async def compute(state: TaskState, target: Target) -> Score:  # noqa: ARG001  # as inspect calls it
        """The scores of one call."""
        lines: list[dict[str, Any]] | None = state.store.get(PREDICTIONS)
        if lines is None:
            hint = "Use the solver of the task."
            raise DataError("the solver left no predictions", "", hint, sample=str(state.sample_id))
        answers = [declared.parse(line, {}) for line in lines]
        (dialogue,) = align_with_gold(declared, answers, rows.of(str(state.sample_id)))
        counts = list(declared.measure.count(dialogue))
        sums = np.array(counts, dtype=np.float64)
        scores = {name: float(declared.measure.statistics[name](sums)) for name in SHOWN[task]}
        problems = [problem for line in lines for problem in line.get("problems", ())]
        return Score(
            value={name: None if np.isnan(value) else value for name, value in scores.items()},
            answer="\n".join(shown_labels(declared, answer) for answer in answers),
            metadata={"task": task, "place": places[dialogue.dialogue_id], "counts": counts, "problems": problems},
        )

    return compute


def shown_labels(task: Task, answer: Any) -> str:  # noqa: ANN401  # an answer of any task
    """The labels of an answer as a line of JSON, without those of the call."""
    value = orjson.loads(answer_line(answer))
    return to_json({name: value[name] for name in task.labels if name in value})

"""What can be submitted: a track for each task, with how its lines are read, what they are scored on, and which scores.

track = TRACKS["response"]
scored = score(track, answers, track.rows("cmcc", "test"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from cmcc_bench import paper
from cmcc_bench.errors import DataError, printable
from cmcc_bench.recognition.rows import task_rows
from cmcc_bench.reports.response import NAMES
from cmcc_bench.scoring import MEASURES, Interval, gold_predictions, majority_predictions, random_predictions
from cmcc_bench.scoring.answers import PARSERS
from cmcc_bench.scoring.bootstrap import Array, Statistic, intervals
from cmcc_bench.scoring.counts import COLUMNS, count_labels, f1, sum_labels
from cmcc_bench.scoring.predictions import PredictedDialogue, align, prediction_of
from cmcc_bench.scoring.recognition import count_dialogues as count_answers
from cmcc_bench.scoring.response import count_dialogues as count_responses
from cmcc_bench.scoring.response import statistics as response_statistics
from cmcc_bench.scoring.strict import act_labels, unknown_labels
from cmcc_bench.textform import FORMS

Row: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Any  # a Prediction, or an answer of scoring.answers
Place: TypeAlias = dict[str, str | int | None]

RESAMPLES, SEED = 1000, 0


@dataclass(frozen=True)
class Track:
    """A task as it is submitted and scored.

    key: the column that tells the rows of a dialogue apart, None where a row is a dialogue. parse: a decoded line as an
    answer. count: (dialogues, k) counts of aligned dialogues. statistics: score -> its function of summed counts.
    headline: the scores that are shown and ranked, the one that a table is sorted by first. unknown: (field, name) of
    the labels of an answer that are in no vocabulary; none where `parse` refuses them.
    """

    task: str
    title: str
    key: str | None
    parse: Callable[[object, Place], Answer]
    count: Callable[[Sequence[PredictedDialogue[Any]]], NDArray[np.int64]]
    statistics: Mapping[str, Statistic]
    headline: tuple[str, ...]
    unknown: Callable[[Answer], Sequence[tuple[str, str]]]

    def rows(self, dataset: str, split: str) -> list[Row]:
        """The rows that are to be answered; none where the data set has none. Raises cmcc.DataError without it."""
        return task_rows(dataset, self.task, [split])[split]

    def bounds(self, train: Sequence[Row], rows: Sequence[Row], seed: int) -> dict[str, list[Answer]]:
        """Name -> answers of gold, majority and random, and of the cheap baseline where there is one."""
        if self.task == "response":
            return {
                "gold": gold_predictions(rows),
                "majority": majority_predictions(train, rows),
                "random": random_predictions(train, rows, seed),
            }
        from cmcc_bench.recognition.bounds import bound_answers  # only who scores a leaderboard needs scikit-learn

        return dict(bound_answers(self.task, train, rows, seed))

    @property
    def items(self) -> str:
        """What a line is about, in the plural."""
        return f"{self.key or 'dialogue'}s"


@dataclass(frozen=True)
class Scored:
    """A system's headline scores with intervals, and the counts that they are made of, (dialogues, k)."""

    scores: Mapping[str, Interval]
    counts: NDArray[np.int64]
    dialogue_ids: tuple[str, ...]
    items: int


def score(track: Track, answers: Iterable[Answer], rows: Iterable[Row], file: str | Path | None = None) -> Scored:
    """The scores of one system by the one scorer; raises cmcc.DataError for answers that do not fit the rows."""
    aligned = align(answers, rows, file, track.key)
    counts = track.count(aligned)
    return Scored(
        intervals(counts, {name: track.statistics[name] for name in track.headline}, RESAMPLES, SEED),
        counts,
        tuple(dialogue.dialogue_id for dialogue in aligned),
        sum(len(dialogue.rows) for dialogue in aligned),
    )


def line_of(answer: Answer) -> bytes:
    """An answer as a line of JSON: what was understood of it, nothing else."""
    return orjson.dumps(asdict(answer), option=orjson.OPT_APPEND_NEWLINE)


# Response generation: the strict counts over all 17 acts, then the counts of acts with the caring ones folded back, so
# that systems with and without caring acts stand in one table by the same two measures.
_FOLDED = slice(len(COLUMNS), len(COLUMNS) + 3)


def _count_both_act_sets(dialogues: Sequence[PredictedDialogue[Any]]) -> NDArray[np.int64]:
    folded = [
        sum_labels(
            [
                count_labels(act_labels(prediction.acts, fold_caring=True), act_labels(row["acts"], fold_caring=True))
                for row, prediction in zip(dialogue.rows, dialogue.predictions, strict=True)
            ]
        )
        for dialogue in dialogues
    ]
    return np.hstack([count_responses(dialogues, "strict"), np.array(folded, dtype=np.int64)])


def _folded_f1(sums: Array) -> Array:
    return f1(sums[..., _FOLDED])


_RESPONSE = Track(
    "response",
    "Response generation, end to end",
    "exchange",
    prediction_of,
    _count_both_act_sets,
    {**response_statistics("strict", emotions=True), "act_f1_without_caring": _folded_f1},
    ("bleu", "success", "intent_f1", "act_f1", "act_f1_without_caring", "emotion_f1"),
    unknown_labels,
)


def _recognition_track(task: str, title: str, headline: tuple[str, ...]) -> Track:
    measure = MEASURES[task]
    count = partial(count_answers, task)
    return Track(task, title, measure.key, PARSERS[task], count, measure.statistics, headline, lambda _: ())


TRACKS: Mapping[str, Track] = {
    "response": _RESPONSE,
    "emotion": _recognition_track(
        "emotion", "Emotions of the user", ("macro_f1", "micro_f1", "macro_f1_without_neutral")
    ),
    "entities": _recognition_track("entities", "Entities", ("entity_f1", "name_f1", "emotion_accuracy")),
    "satisfaction": _recognition_track("satisfaction", "Satisfaction", ("macro_f1", "macro_recall", "quadratic_kappa")),
}


def track_of(task: str) -> Track:
    """The track of a task. Raises cmcc.DataError for an unknown one."""
    if task not in TRACKS:
        raise DataError(f"the task {printable(task, 40)}", f"one of {', '.join(TRACKS)}", field="task")
    return TRACKS[task]


def published(task: str) -> dict[str, dict[str, float]]:
    """The paper's rows of a track, name -> score -> value: they have no intervals, and are of the licensed corpus."""
    if task == "response":
        return _published_responses()
    if task == "emotion":
        return {
            f"{name.capitalize()}-based, table 5": {"micro_f1": row.micro_f1, "macro_f1": row.macro_f1}
            for name, row in paper.EMOTION_RESULTS.items()
        }
    if task == "entities":
        names = {"joint": "Stack-propagation, table 9", "joint_no_emotion": "w/o user emotion, table 9"}
        return {
            names[key]: {"entity_f1": row.entity_f1}
            | ({} if row.emotion_accuracy is None else {"emotion_accuracy": row.emotion_accuracy})
            for key, row in paper.ENTITY_RESULTS.items()
            if key in names
        }
    return {}


def _published_responses() -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for (form, mode), result in paper.RESPONSE_RESULTS.items():
        if mode != "end2end":
            continue
        acts = "act_f1" if FORMS[form].caring else "act_f1_without_caring"
        values = {"intent_f1": result.intent_f1, "success": result.success, acts: result.act_f1, "bleu": result.bleu}
        table = 2 if form in ("baseline", "variant") else 3
        rows[f"{NAMES[form, mode]}, table {table}"] = {
            name: value for name, value in values.items() if value is not None
        }
    return rows

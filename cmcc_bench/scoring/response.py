"""The scores of dialogue response generation, with intervals, and the paired test of two systems.

    scores = score_responses(predictions, cmcc.load("response", "FOLDER", "test"))
    scores.scores["bleu"]                                  # Interval(point=4.7, low=4.5, high=4.9)

Source: the paper, section 4.1.2 (user-intent F1, success rate, act F1, BLEU-4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.errors import DataError

from . import bleu, counts, seretod, strict
from .bootstrap import Array, Interval, PairedResult, Statistic, intervals, paired_results
from .predictions import PredictedExchanges, Prediction, Row, align
from .seretod_form import seretod_dialogue

Version: TypeAlias = Literal["strict", "seretod"]
VERSIONS: tuple[Version, ...] = ("strict", "seretod")

LABELS = {"intent": counts.INTENTS, "act": counts.ACTS, "emotion": counts.EMOTIONS}


@dataclass(frozen=True)
class ResponseScores:
    """The scores of a system.

    scores: name -> score with its interval: intent_precision, intent_recall, intent_f1, act_precision, act_recall,
    act_f1, success in [0, 1], bleu in [0, 100], and emotion_precision, emotion_recall, emotion_f1 if asked for; nan
    where undefined. counts: the sums that they are made of (scoring.counts.COLUMNS). signature: how BLEU was made.
    """

    version: str
    fold_caring: bool
    signature: str
    dialogues: int
    exchanges: int
    resamples: int
    seed: int
    scores: Mapping[str, Interval]
    counts: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, all the way down."""
        return asdict(self)


@dataclass(frozen=True)
class ResponseComparison:
    """System a less system b, score by score, tested on the same resampled dialogues; names as in ResponseScores."""

    version: str
    fold_caring: tuple[bool, bool]
    dialogues: int
    exchanges: int
    resamples: int
    seed: int
    differences: Mapping[str, PairedResult]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, all the way down."""
        return asdict(self)


def score_responses(
    predictions: Iterable[Prediction],
    gold_rows: Iterable[Row],
    version: Version = "strict",
    fold_caring: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    emotions: bool = False,
    file: str | Path | None = None,
) -> ResponseScores:
    """The scores of one system.

    gold_rows: rows of the config `response`, whole dialogues. fold_caring: acts of both sides are folded back into
    MobileCS's 13, as the paper's baseline is scored. resamples: 0 for no intervals. emotions: score these, too, where
    gold has them. file: where the predictions are from, for the errors.
    Raises cmcc.DataError for predictions that do not fit the rows, ValueError for an unknown version.
    """
    dialogues = align(predictions, gold_rows, file)
    if emotions:
        _check_emotions(dialogues, file)
    counted = count_dialogues(dialogues, version, fold_caring)
    return ResponseScores(
        version,
        fold_caring,
        bleu.signature() if version == "strict" else seretod.SIGNATURE,
        len(dialogues),
        _exchanges(dialogues),
        resamples,
        seed,
        intervals(counted, statistics(version, emotions), resamples, seed),
        dict(zip(counts.COLUMNS, counted.sum(axis=0).tolist(), strict=True)),
    )


def compare_responses(
    predictions_a: Iterable[Prediction],
    predictions_b: Iterable[Prediction],
    gold_rows: Iterable[Row],
    version: Version = "strict",
    fold_caring: tuple[bool, bool] = (False, False),
    resamples: int = 1000,
    seed: int = 0,
    emotions: bool = False,
    files: tuple[str | Path | None, str | Path | None] = (None, None),
) -> ResponseComparison:
    """System a less system b on the same dialogues.

    The arguments are those of score_responses, one for each system where there are two; so are the errors.
    """
    gold_rows = list(gold_rows)
    a, b = (align(p, gold_rows, file) for p, file in zip((predictions_a, predictions_b), files, strict=True))
    if emotions:
        _check_emotions(a, files[0])
        _check_emotions(b, files[1])
    counted_a, counted_b = (count_dialogues(d, version, fold) for d, fold in zip((a, b), fold_caring, strict=True))
    differences = paired_results(counted_a, counted_b, statistics(version, emotions), resamples, seed)
    return ResponseComparison(version, fold_caring, len(a), _exchanges(a), resamples, seed, differences)


def count_dialogues(
    dialogues: Sequence[PredictedExchanges], version: Version, fold_caring: bool = False
) -> NDArray[np.int64]:
    """The counts that all scores are made of: (dialogues, 21), columns as in scoring.counts.COLUMNS."""
    _check_version(version)
    if version == "strict":
        rows = [strict.count_dialogue(dialogue, fold_caring).flat() for dialogue in dialogues]
    else:
        rows = [_count_seretod(dialogue, fold_caring).flat() for dialogue in dialogues]
    return np.array(rows, dtype=np.int64)


def _count_seretod(dialogue: PredictedExchanges, fold_caring: bool) -> counts.DialogueCounts:
    """The reference's counts, and of the emotions, which it does not know, the strict ones."""
    pairs = zip(dialogue.predictions, dialogue.rows, strict=True)
    emotions = counts.sum_labels([strict.count_emotions(prediction, row) for prediction, row in pairs])
    return seretod.count_dialogue(seretod_dialogue(dialogue, fold_caring))._replace(emotions=emotions)


def statistics(version: Version, emotions: bool = False) -> dict[str, Statistic]:
    """Score name -> the function that makes it from summed counts, (..., 21) to (...)."""
    _check_version(version)
    made: dict[str, Statistic] = {}
    for label in LABELS if emotions else ("intent", "act"):
        for name, function in (("precision", counts.precision), ("recall", counts.recall), ("f1", counts.f1)):
            made[f"{label}_{name}"] = partial(_apply, function, LABELS[label])
    made["success"] = partial(_apply, counts.success_rate, counts.SUCCESS)
    made["bleu"] = partial(_apply, bleu.corpus_bleu if version == "strict" else seretod.corpus_bleu, counts.BLEU)
    return made


def _apply(function: Statistic, columns: slice, sums: Array) -> Array:
    return function(sums[..., columns])


def _check_version(version: str) -> None:
    if version not in VERSIONS:
        raise ValueError(f"found the version {version!r}, expected {' or '.join(VERSIONS)}")


def _check_emotions(dialogues: Iterable[PredictedExchanges], file: str | Path | None) -> None:
    for dialogue in dialogues:
        for prediction in dialogue.predictions:
            if prediction.emotions is None:
                place: dict[str, str | int | None] = {"file": str(file) if file else None}
                place |= {"dialogue": prediction.dialogue_id, "exchange": prediction.exchange, "field": "emotions"}
                hint = "This model writes no emotions: score it without them."
                raise DataError("null", "the emotions that the model wrote", hint, **place)


def _exchanges(dialogues: Iterable[PredictedExchanges]) -> int:
    return sum(len(dialogue.rows) for dialogue in dialogues)

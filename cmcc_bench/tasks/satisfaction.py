"""The task satisfaction: a dialogue has one of three levels of satisfaction. A line of predictions:

    {"dialogue_id": "a", "satisfaction": "satisfied", "scores": [0.1, 0.2, 0.7]}

The numbers 1 to 3 are also accepted as labels; null is a missing answer (of a language model). The paper has no scores
for this task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmcc_bench import vocabulary
from cmcc_bench.errors import DataError
from cmcc_bench.ngrams import NgramSettings, kept_ngrams
from cmcc_bench.tasks.base import Array, Card, Measure, Place, PredictedDialogue, Row, Task, most_frequent
from cmcc_bench.tasks.counts import f1, macro, recall
from cmcc_bench.tasks.emotion import MACRO_NOTE
from cmcc_bench.tasks.fields import Record, UnknownLabelError, probabilities_of, record_of, text_of
from cmcc_bench.vocabulary import satisfaction_label

LABELS = vocabulary.SATISFACTION.names


@dataclass(frozen=True, slots=True)
class SatisfactionAnswer:
    """The predicted satisfaction of a dialogue.

    satisfaction: None if a language model's answer could not be read; it is scored as wrong.
    scores: a probability for each label of cmcc.SATISFACTION; None if the system gives none.
    """

    dialogue_id: str
    satisfaction: str | None
    scores: tuple[float, ...] | None = None


def satisfaction_answer(value: object, place: Place | None = None) -> SatisfactionAnswer:
    """Reads an answer from a decoded JSON object. Raises cmcc.DataError, which names the field, for an invalid one."""
    record, place = record_of(value, place or {})
    label, scores = _satisfaction(record, place), probabilities_of(record, len(LABELS), place)
    return SatisfactionAnswer(text_of(record, "dialogue_id", place), label, scores)


def _satisfaction(record: Record, place: Place) -> str | None:
    """The field `satisfaction` as an English name, or None for null. Raises cmcc.DataError for anything else."""
    value, place = record.get("satisfaction"), place | {"field": "satisfaction"}
    if value is None and "satisfaction" in record:
        return None
    try:
        index = satisfaction_label(value)
    except DataError as error:
        if isinstance(value, str):
            raise UnknownLabelError([value], vocabulary.SATISFACTION, place) from error
        index = None
    if index is None:
        raise DataError(f"{value!r:.40}", f"one of {', '.join(LABELS)}, or a number from 1 to 3", **place)
    return LABELS[index]


def _copy(row: Row, source: Row) -> SatisfactionAnswer:
    """An answer for `row` with the satisfaction of `source`."""
    return SatisfactionAnswer(row["dialogue_id"], LABELS[source["satisfaction"]])


def gold_matrix(rows: Sequence[Row]) -> NDArray[np.bool_]:
    """The gold satisfaction of rows: [rows, 3], one True in each."""
    return np.eye(len(LABELS), dtype=bool)[[row["satisfaction"] for row in rows]]


def _predict_by_ngrams(train: Sequence[Row], rows: Sequence[Row]) -> list[SatisfactionAnswer]:
    """The simple baseline: character n-grams, with rare labels as heavy as frequent ones."""
    settings = NgramSettings(balanced=True)
    texts = [row["text"] for row in train]
    model = kept_ngrams(texts, gold_matrix(train), LABELS, multi_label=False, settings=settings)
    predicted = model.probabilities([row["text"] for row in rows]).argmax(axis=1)
    return [SatisfactionAnswer(row["dialogue_id"], LABELS[label]) for row, label in zip(rows, predicted, strict=True)]


def _count_satisfaction(dialogue: PredictedDialogue[SatisfactionAnswer]) -> list[int]:
    """The confusion matrix of one dialogue, gold x predicted, as a flat list of 9.

    A missing answer counts as the label that is furthest from the gold label.
    """
    matrix = np.zeros((len(LABELS), len(LABELS)), dtype=np.int64)
    for row, answer in zip(dialogue.rows, dialogue.predictions, strict=True):
        gold = row["satisfaction"]
        furthest = 0 if gold else len(LABELS) - 1
        matrix[gold, furthest if answer.satisfaction is None else LABELS.index(answer.satisfaction)] += 1
    return matrix.ravel().tolist()  # type: ignore[no-any-return]


def _matrix(sums: Array) -> Array:
    """Confusion matrices, gold x predicted: reshapes (..., 9) to (..., 3, 3)."""
    return sums.reshape(*sums.shape[:-1], len(LABELS), len(LABELS))


def _class_counts(sums: Array) -> Array:
    """Flat confusion matrices, (..., 9), as true, false and missed of each class, (..., 9)."""
    matrix = _matrix(sums)
    true = np.diagonal(matrix, axis1=-2, axis2=-1)
    counts: Array = np.stack([true, matrix.sum(axis=-2) - true, matrix.sum(axis=-1) - true], axis=-1)
    return counts.reshape(*sums.shape[:-1], 3 * len(LABELS))


def _accuracy(sums: Array) -> Array:
    accuracy: Array = np.trace(_matrix(sums), axis1=-2, axis2=-1) / sums.sum(axis=-1)
    return accuracy


def quadratic_kappa(sums: Array) -> Array:
    """Cohen's kappa with quadratic weights of flat confusion matrices, (..., 9) to (...); nan if all are of one class.

    Source: Cohen, "Weighted kappa", Psychological Bulletin 70, 1968.
    """
    matrix = _matrix(sums)
    levels = np.arange(len(LABELS))
    weights = (levels[:, None] - levels[None, :]) ** 2
    by_chance = matrix.sum(axis=-1)[..., :, None] * matrix.sum(axis=-2)[..., None, :]
    observed, expected = ((weights * table).sum(axis=(-2, -1)) for table in (matrix, by_chance))
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: Array = 1 - observed * sums.sum(axis=-1) / expected
    return np.where(expected > 0, kappa, np.nan)


SATISFACTION = Task(
    name="satisfaction",
    title="Satisfaction",
    table="Satisfaction",
    config="satisfaction",
    key=None,
    labels={"satisfaction": None},
    parse=satisfaction_answer,
    copy=_copy,
    majority_row=most_frequent(["satisfaction"]),
    simple_baseline=("character n-grams, logistic regression", _predict_by_ngrams),
    measure=Measure(
        _count_satisfaction,
        {
            "macro_recall": lambda sums: macro(recall)(_class_counts(sums)),
            "macro_f1": lambda sums: macro(f1)(_class_counts(sums)),
            "quadratic_kappa": quadratic_kappa,
            "accuracy": _accuracy,
        },
        {
            label: lambda sums, start=3 * index: _class_counts(sums)[..., start : start + 3]  # type: ignore[misc]
            for index, label in enumerate(LABELS)
        },
    ),
    main="macro_f1",
    headline=("macro_f1", "macro_recall", "quadratic_kappa"),
    shown=("macro_recall", "macro_f1", "quadratic_kappa", "accuracy"),
    notes=(MACRO_NOTE,),
    model="Classification",
    recognizer="cmcc_bench.recognition.satisfaction:open_satisfaction",
    card=Card("satisfaction", "text-classification", template="satisfaction"),
)

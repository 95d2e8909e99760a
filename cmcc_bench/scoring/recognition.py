"""The scores of recognition (emotions, entities, satisfaction), with intervals, tables by label, and paired tests.

    score_answers("emotion", answers, cmcc.load("emotion", "FOLDER", "test")).scores["macro_f1"]

A label that occurs on neither side counts as 0 in a macro average, as its F1 is undefined and the vocabulary is fixed:
gold scored against itself shows the most that the data allow. Source: the paper, section 4.2 and table 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cmcc_bench import vocabulary
from cmcc_bench.vocabulary import ENTITY_TYPES

from .answers import Answer, EmotionAnswer, EntityAnswer, SatisfactionAnswer
from .bootstrap import Array, Interval, PairedResult, Statistic, intervals, paired_results
from .counts import count_labels, f1, precision, recall
from .predictions import PredictedDialogue, Row, align

EMOTIONS, TYPES, SATISFACTION = tuple(vocabulary.EMOTIONS), tuple(ENTITY_TYPES), tuple(vocabulary.SATISFACTION)

Dialogue: TypeAlias = PredictedDialogue[Any]


@dataclass(frozen=True)
class LabelResult:
    """One label's scores in [0, 1], nan where undefined; support: how often it is gold; predicted: how often said."""

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class RecognitionScores:
    """The scores of a system: name -> score with its interval (MEASURES[task].statistics), nan where undefined.

    items: utterances, or dialogues for satisfaction. labels: by label, in the vocabulary's order.
    """

    task: str
    dialogues: int
    items: int
    resamples: int
    seed: int
    scores: Mapping[str, Interval]
    labels: Mapping[str, LabelResult]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, all the way down."""
        return asdict(self)

    def flat(self) -> dict[str, Any]:
        """As evaluate modules give it: each score, its `_low` and `_high`, the sizes, and `labels`."""
        found: dict[str, Any] = {}
        for name, interval in self.scores.items():
            found |= {name: interval.point, f"{name}_low": interval.low, f"{name}_high": interval.high}
        labels = {label: asdict(result) for label, result in self.labels.items()}
        return found | {"dialogues": self.dialogues, "items": self.items, "labels": labels}


@dataclass(frozen=True)
class RecognitionComparison:
    """System a less system b, score by score, tested on the same resampled dialogues."""

    task: str
    dialogues: int
    items: int
    resamples: int
    seed: int
    differences: Mapping[str, PairedResult]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, all the way down."""
        return asdict(self)


@dataclass(frozen=True)
class Measure:
    """How a task is scored.

    key: the column that tells the rows of a dialogue apart. count: what is counted in a dialogue, k numbers.
    statistics: score -> its function of summed counts, (..., k) to (...). labels: label -> its true positives, false
    positives and false negatives, (k,) to (3,). main: the score that a system is known by.
    """

    key: str | None
    count: Callable[[Dialogue], Sequence[int]]
    statistics: Mapping[str, Statistic]
    labels: Mapping[str, Callable[[Array], Array]]
    main: str


def score_answers(
    task: str,
    answers: Iterable[Answer],
    gold_rows: Iterable[Row],
    resamples: int = 1000,
    seed: int = 0,
    file: str | Path | None = None,
) -> RecognitionScores:
    """The scores of one system.

    task: a key of MEASURES. gold_rows: rows of the config `emotion` or `satisfaction`, or recognition.entity_rows;
    whole dialogues. resamples: 0 for no intervals. file: where the answers are from, for the errors.
    Raises cmcc.DataError for answers that do not fit the rows.
    """
    measure = MEASURES[task]
    dialogues = align(answers, gold_rows, file, measure.key)
    counted = count_dialogues(task, dialogues)
    return RecognitionScores(
        task,
        len(dialogues),
        _items(dialogues),
        resamples,
        seed,
        intervals(counted, measure.statistics, resamples, seed),
        _label_results(measure, counted.sum(axis=0)),
    )


def compare_answers(
    task: str,
    answers_a: Iterable[Answer],
    answers_b: Iterable[Answer],
    gold_rows: Iterable[Row],
    resamples: int = 1000,
    seed: int = 0,
    files: tuple[str | Path | None, str | Path | None] = (None, None),
) -> RecognitionComparison:
    """System a less system b on the same dialogues. Arguments and errors as in score_answers."""
    measure, gold_rows = MEASURES[task], list(gold_rows)
    a, b = (
        align(given, gold_rows, file, measure.key) for given, file in zip((answers_a, answers_b), files, strict=True)
    )
    differences = paired_results(
        count_dialogues(task, a), count_dialogues(task, b), measure.statistics, resamples, seed
    )
    return RecognitionComparison(task, len(a), _items(a), resamples, seed, differences)


def count_dialogues(task: str, dialogues: Sequence[Dialogue]) -> NDArray[np.int64]:
    """The counts that all scores of the task are made of: (dialogues, k)."""
    return np.array([MEASURES[task].count(dialogue) for dialogue in dialogues], dtype=np.int64)


def _items(dialogues: Iterable[Dialogue]) -> int:
    return sum(len(dialogue.rows) for dialogue in dialogues)


def _label_results(measure: Measure, sums: NDArray[np.int64]) -> dict[str, LabelResult]:
    results = {}
    for label, columns in measure.labels.items():
        counted = columns(sums.astype(np.float64))
        true, false, missed = (int(number) for number in counted)
        p, r, f = (float(function(counted)) for function in (precision, recall, f1))
        results[label] = LabelResult(p, r, f, support=true + missed, predicted=true + false)
    return results


def _columns(columns: slice, sums: Array) -> Array:
    return sums[..., columns]


def _apply(function: Statistic, columns: slice, sums: Array) -> Array:
    return function(sums[..., columns])


def _by_label(sums: Array) -> Array:
    """(..., 3 labels) -> (..., labels, 3)."""
    return sums.reshape(*sums.shape[:-1], sums.shape[-1] // 3, 3)  # not -1: there may be no resample


def _micro(function: Statistic, sums: Array) -> Array:
    """A score of (..., 3 labels) counts, summed over the labels."""
    return function(_by_label(sums).sum(axis=-2))


def _macro(function: Statistic, sums: Array) -> Array:
    """The mean over all labels of (..., 3 labels) counts; a label that occurs on neither side counts as 0."""
    mean: Array = np.nan_to_num(function(_by_label(sums))).mean(axis=-1)
    return mean


def _share(sums: Array) -> Array:
    """(..., 2) -> the first of the second, nan where that is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = sums[..., 0] / sums[..., 1]
    return share


# Emotions: for each of the 9 true, false, missed; then wrong decisions of all, and exact utterances of all.
_EMOTION_COLUMNS = slice(0, 3 * len(EMOTIONS))
_WITHOUT_NEUTRAL = slice(3, 3 * len(EMOTIONS))  # neutral is the first of the vocabulary
_HAMMING, _EXACT = (slice(start, start + 2) for start in (_EMOTION_COLUMNS.stop, _EMOTION_COLUMNS.stop + 2))


def _count_emotions(dialogue: PredictedDialogue[EmotionAnswer]) -> list[int]:
    counts, exact = np.zeros((len(EMOTIONS), 3), dtype=np.int64), 0
    for row, answer in zip(dialogue.rows, dialogue.predictions, strict=True):
        gold, said = {EMOTIONS[index] for index in row["emotions"]}, set(answer.emotions)
        exact += gold == said
        for index, label in enumerate(EMOTIONS):
            counts[index] += count_labels(said & {label}, gold & {label})
    utterances = len(dialogue.rows)
    wrong = int(counts[:, 1:].sum())
    return [*counts.ravel().tolist(), wrong, utterances * len(EMOTIONS), exact, utterances]


_EMOTION = Measure(
    "utterance",
    _count_emotions,
    {
        "micro_f1": partial(_apply, partial(_micro, f1), _EMOTION_COLUMNS),
        "macro_f1": partial(_apply, partial(_macro, f1), _EMOTION_COLUMNS),
        "macro_f1_without_neutral": partial(_apply, partial(_macro, f1), _WITHOUT_NEUTRAL),
        "micro_precision": partial(_apply, partial(_micro, precision), _EMOTION_COLUMNS),
        "micro_recall": partial(_apply, partial(_micro, recall), _EMOTION_COLUMNS),
        "hamming_loss": partial(_apply, _share, _HAMMING),
        "exact_match": partial(_apply, _share, _EXACT),
    },
    {label: partial(_columns, slice(3 * index, 3 * index + 3)) for index, label in enumerate(EMOTIONS)},
    main="macro_f1",
)

# Entities: for each of the 10 types true, false, missed spans; the same of names; then exact emotions of all told.
_TYPE_COLUMNS = slice(0, 3 * len(TYPES))
_NAMES = slice(_TYPE_COLUMNS.stop, _TYPE_COLUMNS.stop + 3)
_TOLD = slice(_NAMES.stop, _NAMES.stop + 2)


def _count_entities(dialogue: PredictedDialogue[EntityAnswer]) -> list[int]:
    spans, names = np.zeros((len(TYPES), 3), dtype=np.int64), np.zeros(3, dtype=np.int64)
    exact = told = 0
    for row, answer in zip(dialogue.rows, dialogue.predictions, strict=True):
        gold = {(TYPES[entity["type"]], entity["start"], entity["end"]) for entity in row["entities"]}
        said = {entity.span for entity in answer.entities if entity.span}
        for index, label in enumerate(TYPES):
            spans[index] += count_labels(_of_type(said, label), _of_type(gold, label))
        gold_names = {entity["name"].lower() for entity in row["entities"]}
        names += count_labels({entity.name.lower() for entity in answer.entities}, gold_names)
        if answer.emotions is not None:
            told += 1
            exact += set(answer.emotions) == {EMOTIONS[index] for index in row["emotions"]}
    return [*spans.ravel().tolist(), *names.tolist(), exact, told]


def _of_type(spans: Iterable[tuple[str, int, int]], label: str) -> set[tuple[str, int, int]]:
    return {span for span in spans if span[0] == label}


_ENTITIES = Measure(
    "utterance",
    _count_entities,
    {
        "entity_f1": partial(_apply, partial(_micro, f1), _TYPE_COLUMNS),
        "entity_precision": partial(_apply, partial(_micro, precision), _TYPE_COLUMNS),
        "entity_recall": partial(_apply, partial(_micro, recall), _TYPE_COLUMNS),
        "entity_macro_f1": partial(_apply, partial(_macro, f1), _TYPE_COLUMNS),
        "name_f1": partial(_apply, f1, _NAMES),
        "emotion_accuracy": partial(_apply, _share, _TOLD),
    },
    {label: partial(_columns, slice(3 * index, 3 * index + 3)) for index, label in enumerate(TYPES)},
    main="entity_f1",
)


def _count_satisfaction(dialogue: PredictedDialogue[SatisfactionAnswer]) -> list[int]:
    """The confusion matrix, gold by said, flat."""
    matrix = np.zeros((len(SATISFACTION), len(SATISFACTION)), dtype=np.int64)
    for row, answer in zip(dialogue.rows, dialogue.predictions, strict=True):
        matrix[row["satisfaction"], SATISFACTION.index(answer.satisfaction)] += 1
    return matrix.ravel().tolist()  # type: ignore[no-any-return]


def _matrix(sums: Array) -> Array:
    """(..., 9) -> (..., 3, 3), gold by said."""
    return sums.reshape(*sums.shape[:-1], len(SATISFACTION), len(SATISFACTION))


def _class_counts(sums: Array) -> Array:
    """Confusion matrices, flat, as true, false and missed of each class: (..., 9)."""
    matrix = _matrix(sums)
    true = np.diagonal(matrix, axis1=-2, axis2=-1)
    counts: Array = np.stack([true, matrix.sum(axis=-2) - true, matrix.sum(axis=-1) - true], axis=-1)
    return counts.reshape(*sums.shape[:-1], 3 * len(SATISFACTION))


def _accuracy(sums: Array) -> Array:
    accuracy: Array = np.trace(_matrix(sums), axis1=-2, axis2=-1) / sums.sum(axis=-1)
    return accuracy


def quadratic_kappa(sums: Array) -> Array:
    """Cohen's kappa with quadratic weights, of flat confusion matrices (..., 9); nan where one class is all there is.

    Source: Cohen, "Weighted kappa", Psychological Bulletin 70, 1968.
    """
    matrix = _matrix(sums)
    places = np.arange(len(SATISFACTION))
    weights = (places[:, None] - places[None, :]) ** 2
    by_chance = matrix.sum(axis=-1)[..., :, None] * matrix.sum(axis=-2)[..., None, :]
    found, expected = ((weights * table).sum(axis=(-2, -1)) for table in (matrix, by_chance))
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: Array = 1 - found * sums.sum(axis=-1) / expected
    return np.where(expected > 0, kappa, np.nan)


def _macro_of_classes(function: Statistic, sums: Array) -> Array:
    return _macro(function, _class_counts(sums))


def _class_columns(index: int, sums: Array) -> Array:
    return _class_counts(sums)[..., 3 * index : 3 * index + 3]


_SATISFACTION = Measure(
    None,
    _count_satisfaction,
    {
        "macro_recall": partial(_macro_of_classes, recall),
        "macro_f1": partial(_macro_of_classes, f1),
        "quadratic_kappa": quadratic_kappa,
        "accuracy": _accuracy,
    },
    {label: partial(_class_columns, index) for index, label in enumerate(SATISFACTION)},
    main="macro_f1",
)

MEASURES = {"emotion": _EMOTION, "entities": _ENTITIES, "satisfaction": _SATISFACTION}

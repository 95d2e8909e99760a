"""The task emotion: a user utterance has one or more of nine emotions. A line of predictions:

    {"dialogue_id": "a", "utterance": 1, "emotions": ["neutral"], "scores": [0.9, ...]}

Source: the paper, section 4.2.1 and table 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from cmcc_bench import paper
from cmcc_bench.errors import DataError
from cmcc_bench.ngrams import kept_ngrams
from cmcc_bench.tasks.base import (
    Card,
    Measure,
    Place,
    PredictedDialogue,
    Published,
    Row,
    SystemKey,
    Task,
    Written,
    most_frequent,
)
from cmcc_bench.tasks.counts import count_labels, f1, macro, micro, of_columns, precision, recall, share
from cmcc_bench.tasks.fields import emotion_labels, number_of, probabilities_of, record_of, text_of
from cmcc_bench.tasks.prediction import Prediction
from cmcc_bench.tasks.written import written_for
from cmcc_bench.textform import FORMS, normalize_labels
from cmcc_bench.vocabulary import EMOTIONS

LABELS = EMOTIONS.names
MACRO_NOTE = "Macro scores: a label without gold and predicted instances counts as 0; the row gold has the maximum."

PUBLISHED_THRESHOLD = 0.3  # the minimum probability of an emotion; also of the simple baseline


@dataclass(frozen=True, slots=True)
class EmotionAnswer:
    """The predicted emotions of a user utterance.

    scores: a probability for each label of cmcc.EMOTIONS; None if the system gives none.
    """

    dialogue_id: str
    utterance: int
    emotions: tuple[str, ...]
    scores: tuple[float, ...] | None = None


def emotion_answer(value: object, place: Place | None = None) -> EmotionAnswer:
    """Reads an answer from a decoded JSON object. Raises cmcc.DataError, which names the field, for an invalid one."""
    record, place = record_of(value, place or {})
    emotions, scores = emotion_labels(record, place), probabilities_of(record, len(EMOTIONS), place)
    return EmotionAnswer(text_of(record, "dialogue_id", place), number_of(record, "utterance", place), emotions, scores)


def emotions_written(predictions: Iterable[Prediction], rows: Iterable[Row]) -> list[EmotionAnswer]:
    """The emotions that a dialogue model wrote, for each user utterance with a reply in rows of `labeled`.

    Unknown names are left out. If the user side of an exchange has several utterances, each gets the same emotions.
    Raises cmcc.DataError if the model writes no emotions, or an exchange has no prediction.
    """
    answers = []
    for row, utterance, prediction in written_for(predictions, rows):
        if prediction.emotions is None:
            hint = "Score a model of the text form variant or no_caring."
            raise DataError("the model writes no emotions", "", hint, dialogue=row["dialogue_id"])
        indices = map(EMOTIONS.find, normalize_labels(prediction.emotions, EMOTIONS))
        names = tuple(LABELS[index] for index in indices if index is not None)
        answers.append(EmotionAnswer(row["dialogue_id"], utterance, names))
    return answers


def _is_written_by(system: SystemKey) -> bool:
    """Whether a dialogue model writes emotions without the help of gold labels."""
    form, mode, _ = system
    return FORMS[form].emotions and mode == "end2end"


def _copy(row: Row, source: Row) -> EmotionAnswer:
    """An answer for `row` with the emotions of `source`."""
    return EmotionAnswer(row["dialogue_id"], row["utterance"], tuple(LABELS[i] for i in source["emotions"]))


def gold_matrix(rows: Sequence[Row]) -> NDArray[np.bool_]:
    """The gold emotions of rows: [rows, 9]."""
    gold = np.zeros((len(rows), len(LABELS)), dtype=bool)
    for index, row in enumerate(rows):
        gold[index, row["emotions"]] = True
    return gold


def _predict_by_ngrams(train: Sequence[Row], rows: Sequence[Row]) -> list[EmotionAnswer]:
    """The simple baseline: character n-grams, with the threshold of the published classifier."""
    model = kept_ngrams([row["text"] for row in train], gold_matrix(train), LABELS, multi_label=True)
    decisions = model.probabilities([row["text"] for row in rows]) >= PUBLISHED_THRESHOLD
    return [
        EmotionAnswer(row["dialogue_id"], row["utterance"], tuple(LABELS[i] for i in np.flatnonzero(decided)))
        for row, decided in zip(rows, decisions, strict=True)
    ]


# The columns of the counts: true, false and missed of each of the 9 emotions; wrong decisions and all decisions;
# utterances whose emotions are exactly right and all utterances.
_COLUMNS = slice(0, 3 * len(LABELS))
_WITHOUT_NEUTRAL = slice(3, 3 * len(LABELS))  # neutral is the first of the vocabulary
_HAMMING, _EXACT = (slice(start, start + 2) for start in (_COLUMNS.stop, _COLUMNS.stop + 2))


def _count_emotions(dialogue: PredictedDialogue[EmotionAnswer]) -> list[int]:
    """The counts of one dialogue."""
    counts, exact = np.zeros((len(LABELS), 3), dtype=np.int64), 0
    for row, answer in zip(dialogue.rows, dialogue.predictions, strict=True):
        gold, predicted = {LABELS[index] for index in row["emotions"]}, set(answer.emotions)
        exact += gold == predicted
        for index, label in enumerate(LABELS):
            counts[index] += count_labels(predicted & {label}, gold & {label})
    utterances = len(dialogue.rows)
    wrong = int(counts[:, 1:].sum())
    return [*counts.ravel().tolist(), wrong, utterances * len(LABELS), exact, utterances]


EMOTION = Task(
    name="emotion",
    title="Emotions of the user",
    table="Table 5, emotions",
    config="emotion",
    key="utterance",
    labels={"emotions": None},
    parse=emotion_answer,
    copy=_copy,
    majority_row=most_frequent(["emotions"]),
    simple_baseline=("character n-grams, logistic regression", _predict_by_ngrams),
    written=Written(
        emotions_written,
        _is_written_by,
        "Generation-based: ",
        ("micro_f1", "macro_f1"),
        "The emotions that the model writes before the acts, scored on the user utterances that have a reply.",
    ),
    measure=Measure(
        _count_emotions,
        {
            "micro_f1": of_columns(_COLUMNS, micro(f1)),
            "macro_f1": of_columns(_COLUMNS, macro(f1)),
            "macro_f1_without_neutral": of_columns(_WITHOUT_NEUTRAL, macro(f1)),
            "micro_precision": of_columns(_COLUMNS, micro(precision)),
            "micro_recall": of_columns(_COLUMNS, micro(recall)),
            "hamming_loss": of_columns(_HAMMING, share),
            "exact_match": of_columns(_EXACT, share),
        },
        {label: of_columns(slice(3 * index, 3 * index + 3)) for index, label in enumerate(LABELS)},
    ),
    main="macro_f1",
    headline=("macro_f1", "micro_f1", "macro_f1_without_neutral"),
    shown=("micro_f1", "macro_f1", "macro_f1_without_neutral", "hamming_loss"),
    gained=("micro_f1", "macro_f1"),
    notes=(MACRO_NOTE, "Micro and macro F1: over all 9 emotions. Hamming loss: lower is better."),
    model="Classification-based",
    recognizer="cmcc_bench.recognition.emotion:open_emotions",
    published=tuple(
        Published(system, f"{name.capitalize()}-based", 5, scores := asdict(paper.EMOTION_RESULTS[name]), scores)
        for name, system in (("generation", ("variant", "end2end", "")), ("classification", ("emotion", "")))
    ),
    hub={"emotion_macro_f1": "macro_f1"},
    hub_names={"emotion_macro_f1": "emotion macro F1"},
    card=Card("emotion", "text-classification", template="emotion"),
)

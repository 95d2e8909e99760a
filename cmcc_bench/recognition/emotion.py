"""Emotion classification: encoding of utterances, thresholds, and answers from probabilities.

Source: the paper, section 4.2.1 (sigmoid, threshold 0.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from cmcc_bench.errors import DataError
from cmcc_bench.models.classifier import EncodedText, encode_texts, load_classifier, longest_text, probabilities
from cmcc_bench.models.tokenizer import Tokenizer, load_tokenizer
from cmcc_bench.ngrams import is_ngrams, load_ngrams
from cmcc_bench.recognition import Recognizer
from cmcc_bench.tasks import EmotionAnswer, Row
from cmcc_bench.tasks.base import Array
from cmcc_bench.tasks.counts import f1
from cmcc_bench.tasks.emotion import PUBLISHED_THRESHOLD
from cmcc_bench.vocabulary import EMOTIONS

LABELS = EMOTIONS.names
TUNED_FROM = 10  # minimum utterances of a label for a tuned threshold; with fewer it would depend on chance


def encode_utterances(
    tokenizer: Tokenizer, rows: Sequence[Row], max_length: int, with_context: bool
) -> list[EncodedText]:
    """Encodes rows of the config `emotion`. with_context: put the two preceding utterances in front."""
    contexts = [row["context"] for row in rows] if with_context else None
    return encode_texts(tokenizer, [row["text"] for row in rows], max_length, contexts)


def emotion_probabilities(
    model: PreTrainedModel, tokenizer: Tokenizer, rows: Sequence[Row], batch_size: int = 32
) -> NDArray[np.float64]:
    """The probability of each emotion: [rows, 9]. The model's configuration decides whether context is read."""
    with_context = bool(getattr(model.config, "context", False))
    encoded = encode_utterances(tokenizer, rows, longest_text(model, tokenizer), with_context)
    matrix = np.zeros((len(rows), len(LABELS)))
    for index, scores in probabilities(model, encoded, batch_size):
        matrix[index] = scores
    return matrix


def checked_thresholds(thresholds: object, model: str) -> tuple[float, ...]:
    """The minimum probability of each emotion: from a model's configuration, else (None) the published threshold.

    model: its folder. Raises cmcc.DataError unless there is one probability for each emotion.
    """
    if thresholds is None:
        return (PUBLISHED_THRESHOLD,) * len(LABELS)
    if not (isinstance(thresholds, list) and len(thresholds) == len(LABELS) and all(map(_is_probability, thresholds))):
        expected = f"{len(LABELS)} numbers from 0 to 1, one for each emotion"
        hint = f"Copy config.json from the run, or remove the key; the threshold is then {PUBLISHED_THRESHOLD} for all."
        raise DataError(f"{thresholds!r:.60}", expected, hint, model=model, key="thresholds")
    return tuple(thresholds)


def _is_probability(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def said_labels(scores: Sequence[float], thresholds: Sequence[float]) -> tuple[str, ...]:
    """The emotions whose probability is at least their threshold."""
    return tuple(label for label, score, least in zip(LABELS, scores, thresholds, strict=True) if score >= least)


def open_emotions(model_dir: str | Path, batch_size: int) -> Recognizer:
    """Opens the emotion classifier in a folder. Raises cmcc.DataError if it is another model."""
    if is_ngrams(model_dir):
        ngrams = load_ngrams(model_dir, EMOTIONS)
        thresholds = checked_thresholds(ngrams.settings.get("thresholds"), str(model_dir))
        return lambda rows: list(emotion_answers(rows, ngrams.probabilities([row["text"] for row in rows]), thresholds))
    tokenizer, model = load_tokenizer(model_dir, ()), load_classifier(model_dir, EMOTIONS)
    thresholds = checked_thresholds(getattr(model.config, "thresholds", None), str(model_dir))

    def answers(rows: Sequence[Row]) -> list[EmotionAnswer]:
        """An answer for each row, in their order."""
        return list(emotion_answers(rows, emotion_probabilities(model, tokenizer, rows, batch_size), thresholds))

    return answers


def emotion_answers(
    rows: Sequence[Row], scores: NDArray[np.float64], thresholds: Sequence[float]
) -> Iterator[EmotionAnswer]:
    """Yields one answer for each row. scores: [rows, 9]."""
    for row, row_scores in zip(rows, scores.tolist(), strict=True):
        rounded = tuple(round(score, 6) for score in row_scores)
        yield EmotionAnswer(row["dialogue_id"], row["utterance"], said_labels(row_scores, thresholds), rounded)


def tuned_thresholds(scores: NDArray[np.float64], gold: NDArray[np.bool_]) -> tuple[float, ...]:
    """For each label the threshold with the highest F1 on these rows.

    A label with fewer than TUNED_FROM rows keeps the published threshold. scores, gold: [rows, 9]. Candidates lie
    halfway between two neighboring scores, so that rounding cannot change the result. Ties go to the candidate nearest
    to the published threshold.
    """
    return tuple(_tuned(scores[:, label], gold[:, label]) for label in range(scores.shape[1]))


def _tuned(scores: Array, gold: NDArray[np.bool_]) -> float:
    if gold.sum() < TUNED_FROM:
        return PUBLISHED_THRESHOLD
    values = np.unique(np.append(scores, [0.0, 1.0]))
    candidates = (values[1:] + values[:-1]) / 2
    predicted = scores[None, :] >= candidates[:, None]  # [candidates, rows]
    true = (predicted & gold).sum(axis=1)
    counts = np.stack([true, predicted.sum(axis=1) - true, gold.sum() - true], axis=-1).astype(np.float64)
    f1_scores = f1(counts)
    best = candidates[f1_scores >= f1_scores.max() - 1e-12]
    return round(float(best[np.abs(best - PUBLISHED_THRESHOLD).argmin()]), 6)


def is_collapsed(predictions: Sequence[tuple[str, ...]], gold: NDArray[np.bool_]) -> bool:
    """Whether all predictions are the same although the gold emotions differ."""
    return len(set(predictions)) <= 1 < len(np.unique(gold, axis=0))

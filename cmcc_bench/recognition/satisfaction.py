"""Satisfaction classification: answers of a trained model for whole dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedModel

from cmcc_bench.models.classifier import encode_texts, load_classifier, longest_text, probabilities
from cmcc_bench.models.tokenizer import Tokenizer, load_tokenizer
from cmcc_bench.ngrams import is_ngrams, load_ngrams
from cmcc_bench.recognition import Recognizer
from cmcc_bench.tasks import Row, SatisfactionAnswer
from cmcc_bench.vocabulary import SATISFACTION


def open_satisfaction(model_dir: str | Path, batch_size: int) -> Recognizer:
    """Opens the satisfaction classifier in a folder. Raises cmcc.DataError if it is another model."""
    if is_ngrams(model_dir):
        ngrams = load_ngrams(model_dir, SATISFACTION)
        return lambda rows: satisfaction_answers(rows, ngrams.probabilities([row["text"] for row in rows]).tolist())
    tokenizer, model = load_tokenizer(model_dir, ()), load_classifier(model_dir, SATISFACTION)
    return lambda rows: model_answers(model, tokenizer, rows, batch_size)


def model_answers(
    model: PreTrainedModel, tokenizer: Tokenizer, rows: Sequence[Row], batch_size: int
) -> list[SatisfactionAnswer]:
    """An answer of the model for each row, in their order."""
    texts = encode_texts(tokenizer, [row["text"] for row in rows], longest_text(model, tokenizer))
    scores = dict(probabilities(model, texts, batch_size))  # yielded in order of text length
    return satisfaction_answers(rows, [scores[index] for index in range(len(rows))])


def satisfaction_answers(rows: Sequence[Row], scores: Sequence[Sequence[float]]) -> list[SatisfactionAnswer]:
    """One answer for each row: the most probable level, the first of a tie. scores: [rows, 3]."""
    answers = []
    for row, row_scores in zip(rows, scores, strict=True):
        best = max(range(len(SATISFACTION)), key=row_scores.__getitem__)
        rounded = tuple(round(score, 6) for score in row_scores)
        answers.append(SatisfactionAnswer(row["dialogue_id"], SATISFACTION.names[best], rounded))
    return answers

"""Satisfaction classification: answers of a trained model for whole dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cmcc_bench.models.classifier import encode_texts, load_classifier, longest_text, probabilities
from cmcc_bench.models.tokenizer import load_tokenizer
from cmcc_bench.recognition import Recognizer
from cmcc_bench.tasks import Row, SatisfactionAnswer
from cmcc_bench.vocabulary import SATISFACTION


def open_satisfaction(model_dir: str | Path, batch_size: int) -> Recognizer:
    """Opens the satisfaction classifier in a folder. Raises cmcc.DataError if it is another model."""
    tokenizer, model = load_tokenizer(model_dir, ()), load_classifier(model_dir, SATISFACTION)

    def answers(rows: Sequence[Row]) -> list[SatisfactionAnswer]:
        """An answer for each row, in their order."""
        texts = encode_texts(tokenizer, [row["text"] for row in rows], longest_text(model, tokenizer))
        scores = dict(probabilities(model, texts, batch_size))  # yielded in order of text length
        results = []
        for index, row in enumerate(rows):
            best = max(range(len(SATISFACTION)), key=scores[index].__getitem__)
            rounded = tuple(round(score, 6) for score in scores[index])
            results.append(SatisfactionAnswer(row["dialogue_id"], SATISFACTION.names[best], rounded))
        return results

    return answers

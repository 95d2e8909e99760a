"""Confusion matrices of classifiers, also for texts that have several labels.

An utterance may have several emotions. A label that gold and prediction share counts on the diagonal. Every gold label
that was missed is paired with every label that was predicted instead; with nothing predicted instead it counts in the
last column, and a label that was predicted without a missed one counts in the last row ("none").

Source: Heydarian et al., "MLCM: Multi-Label Confusion Matrix", IEEE Access 10, 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from cmcc_bench.tasks import EMOTION, SATISFACTION, PredictedDialogue, Row, Task
from cmcc_bench.vocabulary import EMOTIONS, Vocabulary
from cmcc_bench.vocabulary import SATISFACTION as LEVELS

# Task -> its labels, and the gold and the predicted label ids of a row and an answer.
_LABELS: Mapping[str, tuple[Vocabulary, Callable[[Row], Set[int]], Callable[[Any], Set[int]]]] = {
    EMOTION.name: (
        EMOTIONS,
        lambda row: set(row["emotions"]),
        lambda answer: set(map(EMOTIONS.id_of, answer.emotions)),
    ),
    SATISFACTION.name: (
        LEVELS,
        lambda row: {row["satisfaction"]},
        lambda answer: {LEVELS.id_of(answer.satisfaction)},
    ),
}


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of a system.

    counts: gold by predicted, (labels + 1, labels + 1); the last row and column stand for no label.
    """

    title: str
    labels: Vocabulary
    counts: tuple[tuple[int, ...], ...]


def confusion_of(title: str, task: Task, dialogues: Sequence[PredictedDialogue[Any]]) -> Confusion | None:
    """The confusion matrix of answers beside their gold rows; None for a task without one."""
    if task.name not in _LABELS:
        return None
    labels, gold_of, predicted_of = _LABELS[task.name]
    none = len(labels)
    counts = np.zeros((none + 1, none + 1), dtype=np.int64)
    for dialogue in dialogues:
        for row, answer in zip(dialogue.rows, dialogue.predictions, strict=True):
            gold, predicted = gold_of(row), predicted_of(answer)
            for label in gold & predicted:
                counts[label, label] += 1
            missed, wrong = gold - predicted, predicted - gold
            for label in missed or ({none} if wrong else set()):
                for other in wrong or {none}:
                    counts[label, other] += 1
    return Confusion(title, labels, tuple(map(tuple, counts.tolist())))

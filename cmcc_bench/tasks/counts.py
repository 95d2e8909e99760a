"""The counts of a dialogue, and scores computed from sums of counts."""

from __future__ import annotations

from collections.abc import Callable, Set
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from cmcc_bench.tasks.base import Array, Statistic

ORDERS = 4  # BLEU counts 1- to 4-grams


class LabelCounts(NamedTuple):
    """True positives, false positives and false negatives."""

    true: int = 0
    false: int = 0
    missed: int = 0


class BleuCounts(NamedTuple):
    """The counts that BLEU is computed from.

    predicted_length, gold_length: in tokens. matches: clipped matches of 1- to 4-grams. totals: predicted 1- to
    4-grams.
    """

    predicted_length: int
    gold_length: int
    matches: tuple[int, ...]
    totals: tuple[int, ...]


class DialogueCounts(NamedTuple):
    """All counts of a dialogue.

    requesting: 1 if the user requests any value, else 0. succeeded: 1 if the replies give all requested values, else 0.
    """

    intents: LabelCounts
    acts: LabelCounts
    emotions: LabelCounts
    succeeded: int
    requesting: int
    bleu: BleuCounts

    def flat(self) -> tuple[int, ...]:
        """The counts in the order of COLUMNS."""
        bleu = (*self.bleu[:2], *self.bleu.matches, *self.bleu.totals)
        return (*self.intents, *self.acts, *self.emotions, self.succeeded, self.requesting, *bleu)


_LABELS = [f"{kind}_{count}" for kind in ("intents", "acts", "emotions") for count in LabelCounts._fields]
COLUMNS = (
    *_LABELS,
    "succeeded",
    "requesting",
    "predicted_length",
    "gold_length",
    *(f"matches_{order}" for order in range(1, ORDERS + 1)),
    *(f"totals_{order}" for order in range(1, ORDERS + 1)),
)
INTENTS, ACTS, EMOTIONS, SUCCESS, BLEU = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 11), slice(11, 21)


def count_labels(predicted: Set[Any], gold: Set[Any]) -> LabelCounts:
    """Counts of the exact matches of two label sets."""
    true = len(predicted & gold)
    return LabelCounts(true, len(predicted) - true, len(gold) - true)


def sum_labels(counts: list[LabelCounts]) -> LabelCounts:
    """The sum over exchanges; zeros without any."""
    return LabelCounts(*map(sum, zip(*counts, strict=True))) if counts else LabelCounts()


def sum_bleu(counts: list[BleuCounts]) -> BleuCounts:
    """The sum over exchanges, at least one."""
    columns = zip(*(chain(count[:2], count.matches, count.totals) for count in counts), strict=True)
    predicted, gold, *ngrams = map(sum, columns)
    return BleuCounts(predicted, gold, tuple(ngrams[:ORDERS]), tuple(ngrams[ORDERS:]))


def precision(labels: Array) -> Array:
    """Micro precision from sums of LabelCounts, (..., 3) to (...): 0 if nothing is predicted, nan without any label."""
    return _ratio(labels, labels[..., 0] + labels[..., 1])


def recall(labels: Array) -> Array:
    """Micro recall from sums of LabelCounts, (..., 3) to (...): 0 if gold has no label, nan without any label."""
    return _ratio(labels, labels[..., 0] + labels[..., 2])


def f1(labels: Array) -> Array:
    """Micro F1 from sums of LabelCounts, (..., 3) to (...): 0 without a true positive, nan without any label."""
    return _ratio(labels * 2, labels[..., 0] * 2 + labels[..., 1] + labels[..., 2])


def of_columns(columns: slice, function: Statistic | None = None) -> Callable[[Array], Array]:
    """A function that applies another function to some columns of the counts, (..., k) to (...).

    Without a function it returns these columns, (..., columns).
    """
    return lambda sums: sums[..., columns] if function is None else function(sums[..., columns])


def _by_label(sums: Array) -> Array:
    """Reshapes (..., 3 * labels) to (..., labels, 3)."""
    return sums.reshape(*sums.shape[:-1], sums.shape[-1] // 3, 3)  # -1 does not work without resamples: size 0


def micro(function: Statistic) -> Statistic:
    """A score of counts that are summed over the labels, (..., 3 * labels) to (...)."""
    return lambda sums: function(_by_label(sums).sum(axis=-2))


def macro(function: Statistic) -> Statistic:
    """The mean of a score over all labels, (..., 3 * labels) to (...).

    A label without gold and predicted instances has no F1 and counts as 0, because the vocabulary is fixed. So even
    gold against itself may score below 1; that score is the maximum for the data.
    """

    def mean(sums: Array) -> Array:
        """The mean over the labels; an undefined score of a label counts as 0."""
        scores: Array = np.nan_to_num(function(_by_label(sums))).mean(axis=-1)
        return scores

    return mean


def share(sums: Array) -> Array:
    """The first count divided by the second, (..., 2) to (...); nan if the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Array = sums[..., 0] / sums[..., 1]
    return ratio


def success_rate(success: Array) -> Array:
    """Dialogues that succeeded divided by those with requests, (..., 2) to (...); nan without a request."""
    return share(success)


def _ratio(labels: Array, denominator: Array) -> Array:
    with np.errstate(invalid="ignore"):
        ratio = np.where(denominator > 0, labels[..., 0] / denominator, 0.0)
    scores: Array = np.where(labels.sum(axis=-1) > 0, ratio, np.nan)
    return scores

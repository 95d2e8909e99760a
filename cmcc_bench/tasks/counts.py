"""The counts of a dialogue, and scores computed from sums of counts."""

from __future__ import annotations

from collections.abc import Callable, Set
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from cmcc_bench.tasks.base import Array, Statistic

ORDERS = 4  # BLEU's n-grams


class LabelCounts(NamedTuple):
    """True positives, false positives and false negatives."""

    true: int = 0
    false: int = 0
    missed: int = 0


class BleuCounts(NamedTuple):
    """BLEU's sufficient statistics: both lengths in tokens; clipped matches and totals of 1- to 4-grams."""

    predicted_length: int
    gold_length: int
    matches: tuple[int, ...]
    totals: tuple[int, ...]


class DialogueCounts(NamedTuple):
    """All counts of a dialogue; requesting: 1 if the user requests anything; succeeded: 1 if all of that was said."""

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
    """One label set against another, exactly."""
    true = len(predicted & gold)
    return LabelCounts(true, len(predicted) - true, len(gold) - true)


def sum_labels(counts: list[LabelCounts]) -> LabelCounts:
    """The sum over exchanges."""
    return LabelCounts(*map(sum, zip(*counts, strict=True))) if counts else LabelCounts()


def sum_bleu(counts: list[BleuCounts]) -> BleuCounts:
    """The sum over exchanges, at least one."""
    columns = zip(*(chain(count[:2], count.matches, count.totals) for count in counts), strict=True)
    predicted, gold, *ngrams = map(sum, columns)
    return BleuCounts(predicted, gold, tuple(ngrams[:ORDERS]), tuple(ngrams[ORDERS:]))


def precision(labels: Array) -> Array:
    """Micro precision from summed (..., 3) true, false, missed: 0 where nothing is predicted, nan without any label."""
    return _ratio(labels, labels[..., 0] + labels[..., 1])


def recall(labels: Array) -> Array:
    """Micro recall from summed (..., 3) true, false, missed: 0 where nothing is gold, nan without any label."""
    return _ratio(labels, labels[..., 0] + labels[..., 2])


def f1(labels: Array) -> Array:
    """Micro F1 from summed (..., 3) true, false, missed: 0 without a true positive, nan without any label."""
    return _ratio(labels * 2, labels[..., 0] * 2 + labels[..., 1] + labels[..., 2])


def of_columns(columns: slice, function: Statistic | None = None) -> Callable[[Array], Array]:
    """A function of some of the counts, or these counts: (..., k) -> (...), or to (..., columns)."""
    return lambda sums: sums[..., columns] if function is None else function(sums[..., columns])


def _by_label(sums: Array) -> Array:
    """(..., 3 labels) -> (..., labels, 3)."""
    return sums.reshape(*sums.shape[:-1], sums.shape[-1] // 3, 3)  # not -1: there may be no resample


def micro(function: Statistic) -> Statistic:
    """A score of (..., 3 labels) counts, summed over the labels."""
    return lambda sums: function(_by_label(sums).sum(axis=-2))


def macro(function: Statistic) -> Statistic:
    """The mean over all labels of (..., 3 labels) counts; a label that occurs on neither side counts as 0.

    Its F1 is undefined and the vocabulary is fixed: gold scored against itself shows the most that the data allow.
    """

    def mean(sums: Array) -> Array:
        """The mean over the labels; an undefined score of a label counts as 0."""
        scores: Array = np.nan_to_num(function(_by_label(sums))).mean(axis=-1)
        return scores

    return mean


def share(sums: Array) -> Array:
    """(..., 2) -> the first of the second, nan where that is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Array = sums[..., 0] / sums[..., 1]
    return ratio


def success_rate(success: Array) -> Array:
    """Succeeded over requesting dialogues from summed (..., 2): nan where no dialogue requests anything."""
    return share(success)


def _ratio(labels: Array, denominator: Array) -> Array:
    with np.errstate(invalid="ignore"):
        ratio = np.where(denominator > 0, labels[..., 0] / denominator, 0.0)
    scores: Array = np.where(labels.sum(axis=-1) > 0, ratio, np.nan)
    return scores

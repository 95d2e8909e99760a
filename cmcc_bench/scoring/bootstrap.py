"""Bootstrap over dialogues: the 95 % interval of any score that is made from summed counts, and a paired test.

    def accuracy(sums):                                    # (..., 2) summed counts -> (...) scores
        return sums[..., 0] / sums[..., 1]

    intervals(counts, {"accuracy": accuracy}, Bootstrap(resamples=1000, seed=0))      # counts: (dialogues, 2)

A dialogue is drawn whole, because its exchanges are not independent. Source: Koehn, "Statistical Significance Tests for
Machine Translation Evaluation", EMNLP 2004.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.tasks.base import Array, Statistic

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How dialogues are drawn: how often (0: no intervals), and the seed that the draws begin with."""

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and its 95 % percentile interval; nan where undefined.

    A resample in which the score is undefined is left out. Without resamples `low` and `high` are nan.
    """

    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedResult:
    """The score of system a less that of system b, its 95 % interval, and a two-sided p-value.

    The p-value is twice the smaller part of resamples in which the difference is not above, or not below, 0 (at most
    1): below 0.05 about when the interval excludes 0, and never 0.
    """

    difference: float
    low: float
    high: float
    p_value: float

    @property
    def excludes_0(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0

    def __neg__(self) -> PairedResult:
        """The same of system b less system a."""
        return PairedResult(-self.difference, -self.high, -self.low, self.p_value)


def intervals(
    counts_by_dialogue: NDArray[Any], statistics: Mapping[str, Statistic], bootstrap: Bootstrap = Bootstrap()
) -> dict[str, Interval]:
    """Scores and their intervals, by name, from the same resamples.

    counts_by_dialogue: (dialogues, k). statistics: each takes sums over dialogues, (..., k), to scores, (...).
    Raises ValueError without dialogues.
    """
    sums = resampled_sums(counts_by_dialogue, bootstrap)
    total = _total(counts_by_dialogue)
    return {
        name: Interval(float(statistic(total)), *_percentiles(statistic(sums)))
        for name, statistic in statistics.items()
    }


def paired_results(
    counts_a: NDArray[Any],
    counts_b: NDArray[Any],
    statistics: Mapping[str, Statistic],
    bootstrap: Bootstrap = Bootstrap(),
) -> dict[str, PairedResult]:
    """How far system a is above system b on the same dialogues, by name of the score.

    counts_a, counts_b: (dialogues, k), the same dialogues in the same order; every resample draws for both.
    Raises ValueError when the shapes differ, or without dialogues.
    """
    if counts_a.shape != counts_b.shape:
        raise ValueError(f"counts of the same dialogues differ in shape: {counts_a.shape} and {counts_b.shape}")
    sums_a, sums_b = np.split(resampled_sums(np.hstack([counts_a, counts_b]), bootstrap), 2, axis=-1)
    total_a, total_b = _total(counts_a), _total(counts_b)
    return {
        name: _paired_result(statistic(total_a), statistic(total_b), statistic(sums_a), statistic(sums_b))
        for name, statistic in statistics.items()
    }


def paired_results_of_all(
    counts: Mapping[str, NDArray[Any]], statistics: Mapping[str, Statistic], bootstrap: Bootstrap = Bootstrap()
) -> dict[tuple[str, str], dict[str, PairedResult]]:
    """`paired_results` of each two systems, (a, b) with a before b in order; each is resampled once.

    counts: system -> (dialogues, k), the same dialogues in the same order. Raises ValueError where the shapes differ.
    """
    if len({found.shape for found in counts.values()}) > 1:
        raise ValueError("counts of the same dialogues differ in shape")
    totals, resampled = {}, {}
    for key, found in counts.items():
        total, sums = _total(found), resampled_sums(found, bootstrap)
        totals[key] = {name: statistic(total) for name, statistic in statistics.items()}
        resampled[key] = {name: statistic(sums) for name, statistic in statistics.items()}
    return {
        (a, b): {
            name: _paired_result(totals[a][name], totals[b][name], resampled[a][name], resampled[b][name])
            for name in statistics
        }
        for a, b in combinations(sorted(counts), 2)
    }


def _paired_result(point_a: Array, point_b: Array, scores_a: Array, scores_b: Array) -> PairedResult:
    differences = scores_a - scores_b
    return PairedResult(float(point_a - point_b), *_percentiles(differences), _p_value(differences))


def resampled_sums(counts_by_dialogue: NDArray[Any], bootstrap: Bootstrap) -> Array:
    """Sums of counts over dialogues drawn with replacement: (resamples, k).

    A resample at a time, so that memory does not grow with their number. Sums are exact up to 2^53.
    """
    counts = np.asarray(counts_by_dialogue, dtype=np.float64)
    if counts.ndim != 2 or not len(counts):
        raise ValueError(f"found counts of the shape {counts.shape}, expected (dialogues, k) with a dialogue or more")
    generator = np.random.default_rng(bootstrap.seed)
    sums = np.empty((bootstrap.resamples, counts.shape[1]))
    for number in range(bootstrap.resamples):
        drawn = generator.integers(len(counts), size=len(counts))
        sums[number] = np.bincount(drawn, minlength=len(counts)).astype(np.float64) @ counts
    return sums


def _total(counts_by_dialogue: NDArray[Any]) -> Array:
    total: Array = np.asarray(counts_by_dialogue, dtype=np.float64).sum(axis=0)
    return total


def _percentiles(scores: Array) -> tuple[float, float]:
    defined = scores[~np.isnan(scores)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _p_value(differences: Array) -> float:
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return float("nan")
    against = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    return float(min(1.0, 2 * (against + 1) / (len(defined) + 1)))

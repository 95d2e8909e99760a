"""Bootstrap over dialogues: 95 % confidence intervals of scores, and the paired test of two systems.

    def accuracy(sums):                                    # (..., 2) summed counts -> (...) scores
        return sums[..., 0] / sums[..., 1]

    intervals(counts, {"accuracy": accuracy}, Bootstrap(resamples=1000, seed=0))      # counts: (dialogues, 2)

How much would a score change with another sample of dialogues? A resample draws as many dialogues as there are, with
replacement, and scores them. The interval contains the middle 95 % of the scores of 1,000 resamples. This is the simple
version, one resample at a time; tests/scoring/test_bootstrap.py compares this file with it:

    for _ in range(resamples):
        sample = generator.integers(dialogues, size=dialogues)       # row numbers, some of them repeated
        scores.append(statistic(counts[sample].sum(axis=0)))         # counts[sample]: (dialogues, k)
    low, high = np.percentile(scores, [2.5, 97.5])

- Whole dialogues are drawn, because the exchanges of a dialogue are not independent: intervals over exchanges would be
  too narrow.
- Corpus scores such as BLEU and F1 are not means over dialogues, but are computed from summed counts. So a resample
  only sums the counts of its dialogues; nothing is tokenized or matched again.
- In a paired test each resample has the same dialogues for both systems, and the interval is that of the difference. A
  dialogue that is hard for one system is mostly hard for the other, so this interval is much narrower than the two
  systems' own intervals suggest.

Source: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004.
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
    """The settings of the bootstrap: the number of resamples (0: no intervals), and the random seed."""

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and its 95 % confidence interval (percentile bootstrap); nan if undefined.

    Resamples in which the score is undefined are left out. Without resamples `low` and `high` are nan.
    """

    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedResult:
    """The score of system a minus that of system b, its 95 % confidence interval, and a two-sided p-value.

    The p-value is twice the share of resamples in which the difference is at most 0, or at least 0, whichever is
    smaller; at most 1. It is never 0, and below 0.05 in about the cases in which the interval excludes 0.
    """

    difference: float
    low: float
    high: float
    p_value: float

    @property
    def excludes_0(self) -> bool:
        """Whether the interval excludes 0; False if it is nan."""
        return self.low > 0 or self.high < 0

    def __neg__(self) -> PairedResult:
        """The result for system b minus system a."""
        return PairedResult(-self.difference, -self.high, -self.low, self.p_value)


def intervals(
    counts_by_dialogue: NDArray[Any], statistics: Mapping[str, Statistic], bootstrap: Bootstrap = Bootstrap()
) -> dict[str, Interval]:
    """Name of a score -> the score and its interval; all from the same resamples.

    counts_by_dialogue: (dialogues, k). statistics: name -> function of summed counts, (..., k) to (...).
    Raises ValueError without dialogues.
    """
    scores = _resampled_scores(counts_by_dialogue, statistics, bootstrap)
    return {name: Interval(point, *_percentiles(resampled)) for name, (point, resampled) in scores.items()}


def paired_results(
    counts_a: NDArray[Any],
    counts_b: NDArray[Any],
    statistics: Mapping[str, Statistic],
    bootstrap: Bootstrap = Bootstrap(),
) -> dict[str, PairedResult]:
    """Name of a score -> the paired test of system a minus system b.

    counts_a, counts_b: (dialogues, k), the same dialogues in the same order.
    Raises ValueError if the shapes differ, or without dialogues.
    """
    return paired_results_of_all({"a": counts_a, "b": counts_b}, statistics, bootstrap)["a", "b"]


def paired_results_of_all(
    counts: Mapping[str, NDArray[Any]], statistics: Mapping[str, Statistic], bootstrap: Bootstrap = Bootstrap()
) -> dict[tuple[str, str], dict[str, PairedResult]]:
    """`paired_results` of all pairs of systems, by (a, b) with a before b. Each system is resampled only once.

    counts: system -> (dialogues, k), the same dialogues in the same order. Raises ValueError if the shapes differ.
    """
    if len({array.shape for array in counts.values()}) > 1:
        shapes = " and ".join(str(array.shape) for array in counts.values())
        raise ValueError(f"the counts of the systems differ in shape: {shapes}. Pass counts of the same dialogues.")
    # With one seed and one number of dialogues, resample i has the same dialogues for every system: the test is paired.
    scores = {system: _resampled_scores(array, statistics, bootstrap) for system, array in counts.items()}
    results: dict[tuple[str, str], dict[str, PairedResult]] = {}
    for a, b in combinations(sorted(counts), 2):
        results[a, b] = {}
        for name in statistics:
            (point_a, resampled_a), (point_b, resampled_b) = scores[a][name], scores[b][name]
            differences = resampled_a - resampled_b  # (resamples,)
            interval = _percentiles(differences)
            results[a, b][name] = PairedResult(point_a - point_b, *interval, _p_value(differences))
    return results


def standard_errors(
    counts_a: NDArray[Any],
    counts_b: NDArray[Any],
    statistics: Mapping[str, Statistic],
    bootstrap: Bootstrap = Bootstrap(),
) -> dict[str, float]:
    """The standard error of system a's score minus system b's, by name: the standard deviation over the resamples.

    The arguments are those of `paired_results`. nan with fewer than two resamples in which the score is defined.
    """
    scores = [_resampled_scores(counts, statistics, bootstrap) for counts in (counts_a, counts_b)]
    errors = {}
    for name in statistics:
        differences = scores[0][name][1] - scores[1][name][1]  # (resamples,)
        defined = differences[~np.isnan(differences)]
        errors[name] = float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")
    return errors


def _resampled_scores(
    counts_by_dialogue: NDArray[Any], statistics: Mapping[str, Statistic], bootstrap: Bootstrap
) -> dict[str, tuple[float, Array]]:
    """Name of a score -> the score of all dialogues, and those of the resamples, (resamples,)."""
    sums = resampled_sums(counts_by_dialogue, bootstrap)
    total: Array = np.asarray(counts_by_dialogue, dtype=np.float64).sum(axis=0)
    return {name: (float(statistic(total)), statistic(sums)) for name, statistic in statistics.items()}


def resampled_sums(counts_by_dialogue: NDArray[Any], bootstrap: Bootstrap) -> Array:
    """The summed counts of each resample: (resamples, k). Raises ValueError without dialogues."""
    counts = np.asarray(counts_by_dialogue, dtype=np.float64)
    if counts.ndim != 2 or not len(counts):
        raise ValueError(f"found counts of shape {counts.shape}; expected (dialogues, k) with at least one dialogue")
    generator = np.random.default_rng(bootstrap.seed)
    sums = np.empty((bootstrap.resamples, counts.shape[1]))
    for number in range(bootstrap.resamples):  # one at a time: all at once would take resamples x dialogues of memory
        sample = generator.integers(len(counts), size=len(counts))
        # The same as counts[sample].sum(axis=0) without copying rows: the number of times that each dialogue was drawn,
        # times its counts. Sums of whole numbers are exact up to 2^53, in any order.
        times = np.bincount(sample, minlength=len(counts)).astype(np.float64)  # (dialogues,)
        sums[number] = times @ counts  # (k,)
    return sums


def _percentiles(scores: Array) -> tuple[float, float]:
    """The bounds of the middle 95 % of the scores that are not nan; nan if there are none."""
    defined = scores[~np.isnan(scores)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _p_value(differences: Array) -> float:
    """Twice the share of differences on the smaller side of 0: for equal systems both sides have about half.

    1 is added to both counts, as if the measured difference were one more resample: 1,000 resamples cannot show that p
    is 0.
    """
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return float("nan")
    smaller_side = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    return float(min(1.0, 2 * (smaller_side + 1) / (len(defined) + 1)))

"""Bootstrap over dialogues: the 95 % confidence interval of a score computed from summed counts; a paired test.

    def accuracy(sums):                                    # (..., 2) summed counts -> (...) scores
        return sums[..., 0] / sums[..., 1]

    intervals(counts, {"accuracy": accuracy}, Bootstrap(resamples=1000, seed=0))      # counts: (dialogues, 2)

How far would a score move had other dialogues been in the test split? Draw as many dialogues as there are, with
replacement, score them, and do so 1,000 times: the middle 95 % of these scores is the interval. The simple version, one
resample at a time, is the reference that tests/scoring/test_bootstrap.py compares this file with:

    for _ in range(resamples):
        drawn = generator.integers(dialogues, size=dialogues)        # row numbers, some twice, some never
        scores.append(statistic(counts[drawn].sum(axis=0)))          # counts[drawn]: (dialogues, k)
    low, high = np.percentile(scores, [2.5, 97.5])

- A dialogue is drawn whole, because its exchanges are not independent: intervals over exchanges would be too narrow.
- Corpus scores such as BLEU and F1 are no means over dialogues. They are made from sums of counts, so that a resample
  needs the sums of its dialogues only: nothing is tokenized or matched again.
- Paired: two systems answer the same dialogues, and what is hard for one is mostly hard for the other. Every resample
  draws the same dialogues for both, and what is drawn is the difference; its interval is far narrower than the two
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
    """How dialogues are drawn: how often (0: no intervals), and the seed of the draws."""

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and its 95 % confidence interval (percentile bootstrap); nan if undefined.

    A resample in which the score is undefined is left out. Without resamples `low` and `high` are nan.
    """

    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedResult:
    """The score of system a minus that of system b, its 95 % confidence interval, and a two-sided p-value.

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
        """The result for system b minus system a."""
        return PairedResult(-self.difference, -self.high, -self.low, self.p_value)


def intervals(
    counts_by_dialogue: NDArray[Any], statistics: Mapping[str, Statistic], bootstrap: Bootstrap = Bootstrap()
) -> dict[str, Interval]:
    """Scores and their intervals, by name, from the same resamples.

    counts_by_dialogue: (dialogues, k). statistics: each takes sums over dialogues, (..., k), to scores, (...).
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
    """How far system a is above system b on the same dialogues, by name of the score.

    counts_a, counts_b: (dialogues, k), the same dialogues in the same order.
    Raises ValueError when the shapes differ, or without dialogues.
    """
    return paired_results_of_all({"a": counts_a, "b": counts_b}, statistics, bootstrap)["a", "b"]


def paired_results_of_all(
    counts: Mapping[str, NDArray[Any]], statistics: Mapping[str, Statistic], bootstrap: Bootstrap = Bootstrap()
) -> dict[tuple[str, str], dict[str, PairedResult]]:
    """`paired_results` of each two systems, (a, b) with a before b in order; each is resampled once.

    counts: system -> (dialogues, k), the same dialogues in the same order. Raises ValueError where the shapes differ.
    """
    if len({found.shape for found in counts.values()}) > 1:
        shapes = " and ".join(str(found.shape) for found in counts.values())
        raise ValueError(f"the counts of the systems differ in shape: {shapes}. Pass counts of the same dialogues.")
    # One seed and one number of dialogues: resample i draws the same dialogues for every system. That is the pairing.
    scores = {system: _resampled_scores(found, statistics, bootstrap) for system, found in counts.items()}
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
    """Each score of all dialogues, and of each resample, (resamples,)."""
    sums = resampled_sums(counts_by_dialogue, bootstrap)
    total: Array = np.asarray(counts_by_dialogue, dtype=np.float64).sum(axis=0)
    return {name: (float(statistic(total)), statistic(sums)) for name, statistic in statistics.items()}


def resampled_sums(counts_by_dialogue: NDArray[Any], bootstrap: Bootstrap) -> Array:
    """Sums of counts over dialogues drawn with replacement: (resamples, k). Raises ValueError without dialogues."""
    counts = np.asarray(counts_by_dialogue, dtype=np.float64)
    if counts.ndim != 2 or not len(counts):
        raise ValueError(f"found counts of shape {counts.shape}; expected (dialogues, k) with at least one dialogue")
    generator = np.random.default_rng(bootstrap.seed)
    sums = np.empty((bootstrap.resamples, counts.shape[1]))
    for number in range(bootstrap.resamples):  # one at a time: all draws at once would be resamples x dialogues
        drawn = generator.integers(len(counts), size=len(counts))
        # counts[drawn].sum(axis=0) without a copy of the rows: how often each was drawn, times its counts. Sums of
        # whole numbers are exact up to 2^53, in any order.
        times = np.bincount(drawn, minlength=len(counts)).astype(np.float64)  # (dialogues,)
        sums[number] = times @ counts  # (k,)
    return sums


def _percentiles(scores: Array) -> tuple[float, float]:
    defined = scores[~np.isnan(scores)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _p_value(differences: Array) -> float:
    """Were the systems equal, differences would fall on both sides of 0: how few lie on the smaller side, twice.

    The 1 added to both numbers counts the measured difference itself as a draw: 1,000 draws cannot show that p is 0.
    """
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return float("nan")
    against = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    return float(min(1.0, 2 * (against + 1) / (len(defined) + 1)))

"""Power: how large a difference between two systems these test dialogues could show, by the bootstrap over dialogues.

The smallest difference that is found significant with 80 % power is (1.96 + 0.84) standard errors: that far from 0, the
measured difference lies outside the interval around 0 in 80 % of all samples of dialogues of this size. The standard
error is that of the paired bootstrap; it falls with the square root of the number of dialogues.

Source: Card et al., "With Little Power Comes Great Responsibility", EMNLP 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from cmcc_bench.reports.scores import Entry, SystemPair, compared_scores, label_of, published_difference
from cmcc_bench.reports.table import NOTHING, ReportTable, decimals_of, joined, mark
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.scoring.bootstrap import LEVEL, standard_errors
from cmcc_bench.tasks import Task

POWER = 0.8
_STANDARD_ERRORS = NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(POWER)  # 2.80


@dataclass(frozen=True)
class Power:
    """How large a difference in a score could be shown.

    half_width: of the paired 95 % interval. smallest: difference that is shown with 80 % power. published: the paper's
    difference. needed: test dialogues that show this with 80 % power. nan or None if undefined.
    """

    score: str
    half_width: float
    smallest: float
    published: float | None
    needed: int | None


def powers_of(task: Task, pair: SystemPair, first: Entry, second: Entry, bootstrap: Bootstrap) -> list[Power]:
    """The power of a paired test for each score that reports show. first, second: the two systems of the pair."""
    statistics = {score: task.measure.statistics[score] for score in compared_scores(task, pair)}
    errors = standard_errors(first.scores.counts, second.scores.counts, statistics, bootstrap)
    return [
        _power(score, pair, _STANDARD_ERRORS * error, published_difference(score, first, second))
        for score, error in errors.items()
    ]


def _power(score: str, pair: SystemPair, smallest: float, published: float | None) -> Power:
    result = pair.compared.differences[score]
    needed = None
    if published and smallest > 0:
        needed = math.ceil(pair.compared.dialogues * (smallest / published) ** 2)
    return Power(score, (result.high - result.low) / 2, smallest, published, needed)


def power_table(task: Task, pairs: Sequence[tuple[SystemPair, list[Power]]], synthetic: bool) -> ReportTable:
    """The table of the powers of several pairs, and a sentence about the first."""
    rows = [
        (
            pair.name,
            label_of(task, power.score),
            _number(power.half_width, power.score),
            _number(power.smallest, power.score),
            NOTHING if power.published is None else f"{power.published:+.3f}",
            NOTHING if power.needed is None else f"{power.needed:,}",
        )
        for pair, powers in pairs
        for power in powers
    ]
    columns = (
        "systems", "score", "half width of the 95 % CI", "smallest difference with 80 % power", "paper's difference",
        "test dialogues to show that",
    )  # fmt: skip
    notes = [power_sentence(task, *pairs[0])] if pairs else []
    return ReportTable(f"Power of the paired tests{mark(synthetic)}", columns, tuple(rows), tuple(notes))


def power_sentence(task: Task, pair: SystemPair, powers: Sequence[Power]) -> str:
    """How large a difference could be shown, as a sentence."""
    shown = [f"{_number(p.smallest, p.score)} in {label_of(task, p.score)}" for p in powers if p.smallest > 0]
    if not shown:
        return f"Power of {pair.name}: not defined, because the bootstrap gives no standard error above 0."
    dialogues, percent = f"{pair.compared.dialogues:,}", f"{100 * POWER:.0f} %"
    return (
        f"With {percent} power, these {dialogues} test dialogues show a difference of at least {joined(shown)} between "
        f"{pair.first} and {pair.second}; smaller ones they may miss."
    )


def _number(value: float, score: str) -> str:
    return f"{value:.{decimals_of(score)}f}" if value > 0 else NOTHING

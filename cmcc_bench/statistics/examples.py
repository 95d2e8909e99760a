"""One utterance for each label, the same whatever the order of the dialogues."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cmcc_bench.statistics.columns import Columns, LabelColumn
from cmcc_bench.statistics.counts import KINDS

TYPICAL = 16  # characters: long enough to say something, short enough for a cell of a table

RankedExample = tuple[int, int, str]  # labels of the utterance, characters off TYPICAL, text: the least is chosen
LabelExamples = Mapping[tuple[str, int], RankedExample]


def examples_of(columns: Columns) -> dict[tuple[str, int], RankedExample]:
    """By kind and class: the utterance with the fewest other labels, of these the nearest to TYPICAL characters.

    Of several the first text in the order of code points is chosen. Texts are as they are: mask them to show them.
    """
    chosen = {}
    for kind, labels in (("emotions", columns.emotions), ("acts", columns.acts)):
        for index in range(len(KINDS[kind])):
            choice = _choose(columns, labels, index)
            if choice is not None:
                chosen[kind, index] = choice
    return chosen


def _choose(columns: Columns, labels: LabelColumn, index: int) -> RankedExample | None:
    owners = labels.owners[labels.values == index]
    if not len(owners):
        return None
    others, off = labels.sizes[owners], np.abs(columns.lengths[owners] - TYPICAL)
    rank = others * (1 << 32) + off
    best = np.flatnonzero(rank == rank.min())
    text = min(columns.texts.take(owners[best]).to_pylist())
    return int(others[best[0]]), int(off[best[0]]), text


def better(left: LabelExamples, right: LabelExamples) -> dict[tuple[str, int], RankedExample]:
    """Of two blocks' examples, the better one for each label."""
    both = {**right, **left}
    return {key: min(side[key] for side in (left, right) if key in side) for key in sorted(both)}

"""Chooses an example utterance for each label, independent of the order of the dialogues."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cmcc_bench.statistics.columns import Columns, LabelColumn
from cmcc_bench.statistics.counts import KINDS

TYPICAL = 16  # characters: long enough to be informative, short enough for a table cell

RankedExample = tuple[int, int, str]  # number of labels, distance from TYPICAL, text: the smallest is chosen
LabelExamples = Mapping[tuple[str, int], RankedExample]


def examples_of(columns: Columns) -> dict[tuple[str, int], RankedExample]:
    """By kind and class: the utterance with the fewest labels and, among these, with a length nearest to TYPICAL.

    Ties are broken by the text, in the order of code points. Texts are not masked: mask them before showing them.
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
    """The better of the examples of two blocks, for each label."""
    both = {**right, **left}
    return {key: min(side[key] for side in (left, right) if key in side) for key in sorted(both)}

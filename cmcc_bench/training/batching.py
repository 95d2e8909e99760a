"""Batches of examples of similar length, which reduce padding. They depend on the seed and the epoch only.

A global batch is the batch of one optimizer step. It consists of groups of examples of similar length. Groups are
distributed so that every step has short and long examples, because steps of one length learn less (800 exchanges of the
sample, two epochs, 16 a step, mean of three seeds: dev loss 2.84 without sorting, 2.85 with distributed groups of 8,
2.87 with random groups of 8). A global batch is split into micro-batches (forward passes) that do not cross groups, and
each micro-batch into one slice for each process. So a step has the same examples for any number of processes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

POOL = (
    1_024  # examples that are sorted by length together: a larger pool needs less padding but repeats groups more often
)

Member = TypeVar("Member")


def global_batches(lengths: Sequence[int], size: int, group: int, seed: int, epoch: int) -> list[list[int]]:
    """The indices of the examples of each step of an epoch; every example occurs once.

    lengths: tokens of each example. size: examples in a batch; the last batch may be smaller. group: number of examples
    of similar length that stay together, the shortest first; a group is within one batch if `group` divides `size`.
    """
    chance = random.Random(f"{seed} {epoch}")
    order = list(range(len(lengths)))
    chance.shuffle(order)
    groups = [
        members
        for pool in cut(order, -(-POOL // group) * group)
        for members in cut(
            sorted(pool, key=lengths.__getitem__), group
        )  # a stable sort: examples of equal length stay shuffled
    ]
    full = [members for members in groups if len(members) == group]
    dealt = _dealt(sorted(full, key=lambda members: lengths[members[-1]]), max(1, size // group), chance)
    # An incomplete group comes last; otherwise batches after it would split groups.
    dealt += [members for members in groups if len(members) < group]
    batches = cut([index for members in dealt for index in members], size)
    whole = [batch for batch in batches if len(batch) == size]
    chance.shuffle(whole)
    return whole + [batch for batch in batches if len(batch) < size]


def _dealt(groups: list[list[int]], hands: int, chance: random.Random) -> list[list[int]]:
    """Reorders groups, given the shortest first, so that any `hands` consecutive groups cover all lengths."""
    size = -(-len(groups) // hands) or 1
    strata = cut(groups, size)
    for stratum in strata:
        chance.shuffle(stratum)
    return [stratum[index] for index in range(size) for stratum in strata if index < len(stratum)]


def evaluation_batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """The indices of the examples of each forward pass of an evaluation, the longest last."""
    return cut(sorted(range(len(lengths)), key=lengths.__getitem__), size)


def cut(items: Sequence[Member], size: int) -> list[list[Member]]:
    """Splits items into lists of `size`, in order; the last list may be shorter."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def process_slice(batch: Sequence[Member], process: int, processes: int) -> list[Member]:
    """The slice of a micro-batch for one process: every n-th example, so that slices have similar lengths."""
    return list(batch[process::processes])


def padded_tokens(lengths: Sequence[int], batch: Sequence[int]) -> int:
    """The number of tokens of a batch, including padding."""
    return len(batch) * max((lengths[index] for index in batch), default=0)

"""Batches of similar length, so that little is padded; the same for a seed and an epoch, whatever runs them.

A global batch is what one step learns from. It is made of groups of examples of similar length, dealt so that every
step has short ones and long ones: steps of one length learn less (800 exchanges of the sample, twice, 16 a step, mean
of three seeds: a dev loss of 2.84 without sorting, 2.85 with groups of 8 dealt, 2.87 with groups of 8 drawn at random).
It is cut into micro-batches (forward passes) that do not cross groups, and each of these into a slice for each process:
what a step sees stays.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

POOL = (
    1_024  # examples that are sorted by length together: more of them pad less, and the groups are more often the same
)

Member = TypeVar("Member")


def global_batches(lengths: Sequence[int], size: int, group: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of the examples of each step of an epoch, every example once.

    lengths: tokens of each example. size: examples a batch; the last one is smaller where they do not divide.
    group: examples of similar length that stay together, the shortest first; those of a group are in one batch where
    it divides the size.
    """
    chance = random.Random(f"{seed} {epoch}")
    order = list(range(len(lengths)))
    chance.shuffle(order)
    groups = [
        members
        for pool in cut(order, -(-POOL // group) * group)
        for members in cut(sorted(pool, key=lengths.__getitem__), group)  # a stable sort: equals stay shuffled
    ]
    full = [members for members in groups if len(members) == group]
    dealt = _dealt(sorted(full, key=lambda members: lengths[members[-1]]), max(1, size // group), chance)
    # A group that is not full comes last, or all after it would be cut in the wrong places.
    dealt += [members for members in groups if len(members) < group]
    batches = cut([index for members in dealt for index in members], size)
    whole = [batch for batch in batches if len(batch) == size]
    chance.shuffle(whole)
    return whole + [batch for batch in batches if len(batch) < size]


def _dealt(groups: list[list[int]], hands: int, chance: random.Random) -> list[list[int]]:
    """Groups, the shortest first, in an order in which any `hands` that follow each other are of all lengths."""
    size = -(-len(groups) // hands) or 1
    strata = cut(groups, size)
    for stratum in strata:
        chance.shuffle(stratum)
    return [stratum[place] for place in range(size) for stratum in strata if place < len(stratum)]


def evaluation_batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices of the examples of each forward pass of an evaluation, the longest last."""
    return cut(sorted(range(len(lengths)), key=lengths.__getitem__), size)


def cut(items: Sequence[Member], size: int) -> list[list[Member]]:
    """Lists of `size` items in order, the last one shorter."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def process_slice(batch: Sequence[Member], process: int, processes: int) -> list[Member]:
    """What one of the processes takes of a micro-batch: every n-th example, so that their lengths are alike."""
    return list(batch[process::processes])


def padded_tokens(lengths: Sequence[int], batch: Sequence[int]) -> int:
    """Tokens of a batch with its padding."""
    return len(batch) * max((lengths[index] for index in batch), default=0)

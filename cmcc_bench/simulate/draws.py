"""Random choices: weighted ones, and low-variance ones over neighbouring calls."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Any, TypeVar

Option = TypeVar("Option")
Key = TypeVar("Key", bound=Hashable)

# Calls over which a low-variance draw keeps its shares; the shipped sample has as many.
BLOCK = 400


def choose(rng: Random, options: Sequence[Option]) -> Option:
    """One of the options, each as likely; random.choice, three times as fast."""
    return options[int(rng.random() * len(options))]


def weighted(rng: Random, shares: Mapping[Key, float]) -> Key:
    """A key, as often as its share of the sum says."""
    chance = rng.random() * sum(shares.values())
    for key, share in shares.items():
        chance -= share
        if chance < 0:
            return key
    return next(iter(shares))


def draw_in_turn(key: str, index: int, shares: Mapping[Key, float]) -> Key:
    """What call `index` gets when over every block of 400 calls each key comes as often as its share says.

    Systematic sampling, so that rare keys neither pile up nor miss in a sample of one block.
    key names the seed and what is drawn; the same arguments give the same result in any process and any order.
    """
    chosen: Key = _block(key, index // BLOCK, tuple(shares.items()))[index % BLOCK]
    return chosen


@lru_cache(maxsize=16)
def _block(key: str, number: int, shares: tuple[tuple[Any, float], ...]) -> tuple[Any, ...]:
    rng = Random(f"{key}:{number}")
    total = sum(share for _, share in shares)
    bounds = list(accumulate(share / total * BLOCK for _, share in shares))
    start, chosen, at = rng.random(), [], 0
    for place in range(BLOCK):
        while at < len(bounds) - 1 and place + start >= bounds[at]:
            at += 1
        chosen.append(shares[at][0])
    rng.shuffle(chosen)
    return tuple(chosen)

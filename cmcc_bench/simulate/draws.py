"""Random choices: weighted ones, and low-variance ones over neighboring calls."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Any, TypeVar

Option = TypeVar("Option")
Key = TypeVar("Key", bound=Hashable)

# Number of calls over which a low-variance draw keeps its shares: the size of the shipped sample.
BLOCK = 400


def choose(rng: Random, options: Sequence[Option]) -> Option:
    """Returns one of the options with equal probability; three times as fast as random.choice."""
    return options[int(rng.random() * len(options))]


def weighted(rng: Random, shares: Mapping[Key, float]) -> Key:
    """Returns a key with a probability proportional to its share."""
    chance = rng.random() * sum(shares.values())
    for key, share in shares.items():
        chance -= share
        if chance < 0:
            return key
    return next(iter(shares))


def draw_in_turn(key: str, index: int, shares: Mapping[Key, float]) -> Key:
    """Returns the key for call `index`; in each block of 400 calls every key occurs as often as its share requires.

    This is systematic sampling: the number of rare keys in a block does not vary.
    key: names the seed and the quantity that is drawn. The same arguments always give the same
    result.
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

"""The size of a block of dialogues, which bounds memory, and the function that makes blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from cmcc_bench.types import Row

BLOCK = 500  # dialogues per Arrow table


def blocks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yields lists of `size` rows; the last one may be shorter."""
    rows = iter(rows)
    while block := list(islice(rows, size)):
        yield block

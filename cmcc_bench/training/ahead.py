"""Makes the input of the next step while the current one runs, so that a GPU does not wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Planned = TypeVar("Planned")
Prepared = TypeVar("Prepared")


def ahead(items: Iterable[Planned], make: Callable[[Planned], Prepared]) -> Iterator[tuple[Planned, Prepared]]:
    """Yields (item, make(item)) in order, as a plain loop does; a thread makes the next one in the meantime.

    Raises what `make` raises, where its result would be yielded.
    """
    waiting: tuple[Planned, Future[Prepared]] | None = None
    with ThreadPoolExecutor(1) as pool:
        for item in items:
            following = item, pool.submit(make, item)
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting:
            yield waiting[0], waiting[1].result()

"""The view of each config: the function that makes the config's rows from a row of `labeled`."""

from __future__ import annotations

from collections.abc import Callable

from cmcc_bench.types import Row
from cmcc_bench.views.flat import emotion_rows, satisfaction_rows
from cmcc_bench.views.response import response_rows

_VIEWS: dict[str, Callable[[Row], list[Row]]] = {
    "emotion": emotion_rows,
    "response": response_rows,
    "satisfaction": satisfaction_rows,
}


def view(config: str) -> Callable[[Row], list[Row]]:
    """The function that makes the rows of a config from a row of `labeled` (for `unlabeled`: of `unlabeled`)."""
    return _VIEWS.get(config, lambda row: [row])

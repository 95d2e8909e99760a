"""The types that many modules share: a decoded JSON value, a row, and callbacks for progress bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = Any  # a decoded JSON value of a raw file, not yet checked
Row = dict[str, Any]  # a plain dict that fits one of cmcc_bench.features
Progress = Callable[[int, int], None]  # called with the amount done so far and the total
Advance = Callable[[int], None]  # called with the amount done since the last call

"""Keeps the board that the page shows: reads it again when it is older than a minute, and keeps it when that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.hub.card import card_head
from cmcc_bench.leaderboard.board import Board
from cmcc_bench.leaderboard.files import board_folder, load_board

SECONDS = 60.0
SOURCE_VARIABLE = "CMCC_RESULTS"


@dataclass(frozen=True)
class Reading:
    """What was read. board, folder: None where it never could be. problem: why the last try failed, or ""."""

    source: str
    board: Board | None = None
    folder: Path | None = None
    read_at: str = ""  # YYYY-MM-DD HH:MM UTC
    problem: str = ""


class BoardReader:
    """The board of a source, for all visitors of a page.

    source: a folder, or the id of a data set on the Hub; "" where none is named. seconds: how long a reading stands.
    """

    def __init__(
        self, source: str | Path, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._clock = seconds, clock
        self._reading = Reading(str(source))
        self._tried: float | None = None
        self._lock = threading.Lock()

    def read(self) -> Reading:
        """The board, at most `seconds` old; the one before, with what went wrong, where it cannot be read."""
        if not self._lock.acquire(blocking=self._tried is None):
            return self._reading  # somebody else's visit is reading it again
        try:
            if self._tried is None or self._clock() - self._tried >= self._seconds:
                self._reading = _read_again(self._reading)
                self._tried = self._clock()
            return self._reading
        finally:
            self._lock.release()

    def last(self) -> Reading:
        """The board as it was last read, however old; reads it where that was never done."""
        return self.read() if self._tried is None else self._reading


def _read_again(last: Reading) -> Reading:
    if not last.source:
        return replace(last, problem=f"No board is named: set {SOURCE_VARIABLE}, or `datasets:` in README.md's head.")
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        folder = board_folder(last.source)
        # A download's folder is named by its commit: the same folder is the same board. A local one may change.
        unchanged = folder == last.folder and not Path(last.source).is_dir()
        board = last.board if unchanged else load_board(folder)
    except (DataError, OSError) as error:
        return replace(last, problem=str(error))
    return Reading(last.source, board, folder, now)


def source_of_space(folder: Path, environment: Mapping[str, str]) -> str:
    """Where a Space's board is: CMCC_RESULTS, or else the first data set of the card in its folder; "" where nowhere.

    Raises cmcc.DataError when the card cannot be read.
    """
    if named := environment.get(SOURCE_VARIABLE, "").strip():
        return named
    datasets = card_head(folder).get("datasets")
    return str(datasets[0]) if isinstance(datasets, list) and datasets else ""

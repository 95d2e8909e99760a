"""Keeps the board that the page shows: reads it again after a minute, and keeps the last one if that fails."""

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
    """The last board that was read. board, folder: None if it was never readable. problem: of the last try, or ""."""

    source: str
    board: Board | None = None
    folder: Path | None = None
    read_at: str = ""  # YYYY-MM-DD HH:MM UTC
    problem: str = ""


class BoardReader:
    """Reads the board of a source, for all visitors of a page.

    source: a folder, or the id of a data set on the Hub; "" if none is set. seconds: time until it is read again.
    """

    def __init__(
        self, source: str | Path, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._clock = seconds, clock
        self._reading = Reading(str(source))
        self._tried: float | None = None
        self._lock = threading.Lock()

    def read(self) -> Reading:
        """The board, at most `seconds` old; if it cannot be read, the last one with the problem."""
        if not self._lock.acquire(blocking=self._tried is None):
            return self._reading  # another visitor's request is reading it
        try:
            if self._tried is None or self._clock() - self._tried >= self._seconds:
                self._reading = _read_again(self._reading)
                self._tried = self._clock()
            return self._reading
        finally:
            self._lock.release()

    def last(self) -> Reading:
        """The board as it was last read, of any age; reads it if that was never done."""
        return self.read() if self._tried is None else self._reading


def _read_again(last: Reading) -> Reading:
    if not last.source:
        problem = f"No results repository is set. Set {SOURCE_VARIABLE}, or `datasets:` in the metadata of README.md."
        return replace(last, problem=problem)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        folder = board_folder(last.source)
        # The folder of a download is named after its commit, so the same folder has the same board. A local folder can
        # change.
        unchanged = folder == last.folder and not Path(last.source).is_dir()
        board = last.board if unchanged else load_board(folder)
    except (DataError, OSError) as error:
        return replace(last, problem=str(error))
    return Reading(last.source, board, folder, now)


def source_of_space(folder: Path, environment: Mapping[str, str]) -> str:
    """The source of a Space's board: CMCC_RESULTS, or else the first data set in the Space's card, or else "".

    Raises cmcc.DataError if the card cannot be read.
    """
    if source := environment.get(SOURCE_VARIABLE, "").strip():
        return source
    datasets = card_head(folder).get("datasets")
    return str(datasets[0]) if isinstance(datasets, list) and datasets else ""

"""The journal of a run, OUT.part: a line for each answer of the model, in the order in which answers came.

A stopped run leaves it; the next start asks only what is not in it. In memory there is one number for each answer, the
place of its line. Where the server refused a setting, a line before the next answer has the settings from then on, so
that a later start neither is refused again nor forgets it.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from cmcc_bench.endpoint.client import RequestSettings
from cmcc_bench.errors import DataError

_NONE = -1


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """An answer: its dialogue, the position of the row in it, the step, and the text as the model wrote it.

    tokens_in, tokens_out: None from a server that does not count. cut_turns, cut_shots: left out, as the messages were
    too long. served: the model that the server names.
    """

    dialogue_id: str
    row: int
    step: str
    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    cut_turns: int = 0
    cut_shots: int = 0
    served: str | None = None


class Journal:
    """The answers of a run by dialogue, row and step; `with` opens and closes the file.

    sizes: rows of each dialogue. steps: what is asked about each row, the last one at the end. rows_done: rows that
    have the answer to the last step. tokens_in, tokens_out: of all answers. settings: the last ones, None if the server
    refused nothing.
    """

    settings: RequestSettings | None = None

    def __init__(self, path: Path, sizes: Mapping[str, int], steps: Sequence[str]) -> None:
        self.rows_done = self.tokens_in = self.tokens_out = 0
        self._path, self._steps, self._sizes = path, tuple(steps), sizes
        self._starts = dict(zip(sizes, accumulate(sizes.values(), initial=0), strict=False))
        self._offsets = array("q", [_NONE]) * (sum(sizes.values()) * len(self._steps))
        self._end = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b", buffering=0)
        self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def get(self, dialogue_id: str, row: int, step: str) -> JournalEntry | None:
        """The answer to a question, None if there is none yet."""
        offset = self._offsets[self._number(dialogue_id, row, step)]
        if offset == _NONE:
            return None
        self._file.seek(offset)
        return JournalEntry(**orjson.loads(self._file.readline()))

    def add(self, entry: JournalEntry) -> None:
        """Writes an answer at once, so that a kill does not lose it."""
        line = orjson.dumps(asdict(entry), option=orjson.OPT_APPEND_NEWLINE)
        self._file.write(line)
        self._note(entry, len(line))

    def add_settings(self, settings: RequestSettings) -> None:
        """Writes the settings of the answers that follow."""
        self.settings = settings
        self._end += self._file.write(_settings_line(settings))

    def is_done(self, dialogue_id: str) -> bool:
        """Whether all rows of a dialogue have all answers."""
        start = self._starts[dialogue_id] * len(self._steps)
        stop = start + self._sizes[dialogue_id] * len(self._steps)
        return _NONE not in self._offsets[start:stop]

    def _read(self) -> None:
        """Reads what an earlier start wrote. Raises cmcc.DataError for a line that no start wrote."""
        self._file.seek(0)
        with os.fdopen(os.dup(self._file.fileno()), "rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break  # a kill in the middle of a line
                try:
                    self._read_line(line)
                except (orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
                    hint = "Remove the file to start again from the first dialogue."
                    found = f"not an answer of this run ({type(error).__name__})"
                    raise DataError(found, "", hint, file=str(self._path), line=number) from error
        self._file.truncate(self._end)

    def _read_line(self, line: bytes) -> None:
        value = orjson.loads(line)
        if "settings" in value:
            self.settings = RequestSettings(**value["settings"])
            self._end += len(line)
        else:
            self._note(JournalEntry(**value), len(line))

    def _note(self, entry: JournalEntry, size: int) -> None:
        number = self._number(entry.dialogue_id, entry.row, entry.step)
        self.rows_done += entry.step == self._steps[-1] and self._offsets[number] == _NONE
        self.tokens_in += entry.tokens_in or 0
        self.tokens_out += entry.tokens_out or 0
        self._offsets[number] = self._end
        self._end += size

    def _number(self, dialogue_id: str, row: int, step: str) -> int:
        if not 0 <= row < self._sizes[dialogue_id]:
            raise IndexError(row)
        return (self._starts[dialogue_id] + row) * len(self._steps) + self._steps.index(step)


def _settings_line(settings: RequestSettings) -> bytes:
    return orjson.dumps({"settings": asdict(settings)}, option=orjson.OPT_APPEND_NEWLINE)

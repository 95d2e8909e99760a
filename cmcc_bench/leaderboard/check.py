"""Reads a file of predictions that somebody else made: within bounds, line by line, with all that is wrong of it told.

Nothing is opened by its own word: not as an archive beyond the bound, never as a pickle; only JSON lines are read.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import IO, Any

import orjson

import cmcc
from cmcc_bench.leaderboard.tracks import Answer, Place, Row, Track
from cmcc_bench.scoring.predictions import align

FILE_BYTES = 64 << 20  # unpacked; the published test split takes about 6 MB
LINE_BYTES = 32 << 10
TEXT_CHARACTERS = 1_000  # of any one text; a reply in the corpus has 25 on average
LIST_ITEMS = 500
PROBLEMS = 20  # that are told of one file

_GZIP, _ZIP, _PICKLE = b"\x1f\x8b", b"PK", b"\x80"
_MAKE = "Write one JSON object a line, as cmcc predict does."


@dataclass(frozen=True)
class Checked:
    """What a file holds: its answers, or what is wrong with it, at most PROBLEMS of it; one of the two is empty."""

    answers: tuple[Answer, ...]
    problems: tuple[cmcc.DataError, ...]


def check_file(path: Path, track: Track, rows: Sequence[Row], name: str | None = None) -> Checked:
    """Reads a file for a track and holds it against the rows that are to be answered, whose labels may be hidden.

    name: what messages call it (default: its name). Never raises for what the file holds, OSError where there is none.
    """
    name = name or path.name
    answers: list[Answer] = []
    problems: list[cmcc.DataError] = []
    try:
        with _opened(path, name) as stream:
            for number, line in _bounded_lines(stream, name, most=2 * len(rows) + PROBLEMS):
                try:
                    answers.append(read_answer(line, track, {"file": name, "line": number}))
                except cmcc.DataError as error:
                    problems.append(error)
                if len(problems) == PROBLEMS:
                    break
        if not answers and not problems:
            problems.append(cmcc.DataError("an empty file", f"{len(rows)} lines", _MAKE, file=name))
        if not problems:
            align(answers, rows, name, track.key, is_scored=False)
    except cmcc.DataError as error:
        problems.append(error)
    return Checked((), tuple(problems)) if problems else Checked(tuple(answers), ())


def read_answer(line: bytes, track: Track, place: Place) -> Answer:
    """One line as an answer. Raises cmcc.DataError for what is no JSON, no answer of the track, or too large."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        found = f"{line[:40].decode(errors='replace')!r}, which is no JSON ({error})"
        raise cmcc.DataError(found, "a JSON object", _MAKE, **place) from error
    answer = track.parse(value, place)
    _check_sizes(answer, place)
    return answer


def _check_sizes(value: object, place: Place) -> None:
    """Raises cmcc.DataError for a text or a list that is longer than any honest one."""
    if is_dataclass(value):
        for field in fields(value):
            _check_sizes(getattr(value, field.name), place | {"field": field.name})
    elif isinstance(value, str) and len(value) > TEXT_CHARACTERS:
        raise cmcc.DataError(f"{len(value)} characters", f"at most {TEXT_CHARACTERS}", **place)
    elif isinstance(value, tuple):
        if len(value) > LIST_ITEMS:
            raise cmcc.DataError(f"{len(value)} items", f"at most {LIST_ITEMS}", **place)
        for item in value:
            _check_sizes(item, place)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is gzip. Raises cmcc.DataError for an archive or a pickle, by its content."""
    with path.open("rb") as raw:
        head = raw.read(2)
        raw.seek(0)
        if head.startswith(_PICKLE) or head == _ZIP:
            found = "a pickle, or weights" if head.startswith(_PICKLE) else "a zip archive"
            hint = f"It is not opened: what is in it could be anything. {_MAKE}"
            raise cmcc.DataError(found, "JSON lines", hint, file=name)
        stream: Any = gzip.GzipFile(fileobj=raw) if head == _GZIP else raw
        try:
            yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise cmcc.DataError(f"gzip that cannot be unpacked ({error})", "JSON lines", _MAKE, file=name) from error


def _bounded_lines(stream: IO[bytes], name: str, most: int) -> Iterator[tuple[int, bytes]]:
    """Number and content of each line; blank ones at the end are none.

    most: lines; one that is there twice is told, so that there may be more than are asked for.
    Raises cmcc.DataError for a line or a file that is too long, without having read more of it than the bound.
    """
    total, number, blank = 0, 0, 0
    while line := stream.readline(LINE_BYTES + 1):
        number += 1
        total += len(line)
        if len(line) > LINE_BYTES:
            raise cmcc.DataError(f"more than {LINE_BYTES} bytes", "a shorter line", _MAKE, file=name, line=number)
        if total > FILE_BYTES:
            found = f"more than {FILE_BYTES >> 20} MB, unpacked"
            raise cmcc.DataError(found, "a smaller file", "One line a prediction is far less.", file=name)
        if number > most:
            raise cmcc.DataError(f"more than {most} lines", "one for each item", _MAKE, file=name)
        if not line.strip():
            blank = blank or number
            continue
        if blank:
            raise cmcc.DataError("an empty line", "a JSON object", _MAKE, file=name, line=blank)
        yield number, line

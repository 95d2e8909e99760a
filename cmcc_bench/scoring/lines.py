"""Files of JSON lines that anyone may have written: the one reader of predictions, submissions and stopped runs.

A byte order mark and blank lines are skipped, line breaks may be Unix's or Windows's, gzip is unpacked, and what is no
UTF-8 text is an error that says so. A line ends at its line break alone: U+2028 inside a string is part of the string.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import orjson

from cmcc_bench.errors import DataError
from cmcc_bench.tasks.base import Place

Item = TypeVar("Item")

WRITE = "Write one JSON object a line, as cmcc predict does."

_GZIP, _ZIP, _PICKLE = b"\x1f\x8b", b"PK", b"\x80"
_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_BLANK_LINES = 3  # so many lines may a file have for each that is not blank


@dataclass(frozen=True)
class Bounds:
    """The most that is read of a file: bytes of a line, bytes in all (unpacked), lines that are not blank."""

    line_bytes: int
    file_bytes: int
    lines: int


class FileList(list[Item]):
    """What a file holds; `lines`: the number of the line that each item stands on, from 1."""

    def __init__(self, items: Iterable[Item] = (), lines: Iterable[int] = ()) -> None:
        super().__init__(items)
        self.lines = list(lines)

    def line_numbers(self) -> list[int] | None:
        """`lines`, None where items were added or removed since the file was read."""
        return self.lines if len(self.lines) == len(self) else None


@contextmanager
def open_lines(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is gzip.

    name: what errors call the file. Raises cmcc.DataError for a zip archive or a pickle, which are known by their
    content and never opened, and for damaged gzip; OSError where the file cannot be read.
    """
    with path.open("rb") as raw:
        head = raw.read(2)
        raw.seek(0)
        if head.startswith(_PICKLE) or head == _ZIP:
            found = "a pickle, or weights" if head.startswith(_PICKLE) else "a zip archive"
            hint = f"It is not opened: what is in it could be anything. {WRITE}"
            raise DataError(found, "JSON lines", hint, file=name)
        stream: Any = gzip.GzipFile(fileobj=raw) if head == _GZIP else raw
        try:
            yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"gzip that cannot be unpacked ({error})", "JSON lines", WRITE, file=name) from error


def filled_lines(stream: IO[bytes], name: str, bounds: Bounds | None = None) -> Iterator[tuple[int, bytes]]:
    """Number, from 1, and content of each line that is not blank, without a byte order mark.

    Raises cmcc.DataError for UTF-16, and for more than the bounds, without having read much more than they allow.
    """
    longest = bounds.line_bytes if bounds else -1
    total = number = filled = 0
    while line := stream.readline(longest + 1 if bounds else -1):
        number += 1
        total += len(line)
        if number == 1 and (line.startswith(_UTF16_MARKS) or b"\0" in line[:4]):
            hint = "Save the file as UTF-8, for instance with iconv -f UTF-16 -t UTF-8."
            raise DataError("UTF-16 text", "UTF-8", hint, file=name)
        if bounds and len(line) > longest:
            raise DataError(f"more than {longest} bytes", "a shorter line", WRITE, file=name, line=number)
        if bounds and total > bounds.file_bytes:
            found = f"more than {bounds.file_bytes >> 20} MB, unpacked"
            raise DataError(found, "a smaller file", "One line a prediction is far less.", file=name)
        line = line.removeprefix(_MARK)  # at each line: files that are joined have one in the middle
        filled += bool(line.strip())
        if bounds and (filled > bounds.lines or number > _BLANK_LINES * bounds.lines):
            raise DataError(f"more than {bounds.lines} lines", "one for each item", WRITE, file=name)
        if line.strip():
            yield number, line


def parse_line(line: bytes, place: Place) -> object:
    """The JSON value of a line. Raises cmcc.DataError, which names the place, where it is none."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        found = f"{line[:40].decode(errors='replace')!r}, which is no JSON ({error})"
        raise DataError(found, "a JSON object", WRITE, **place) from error

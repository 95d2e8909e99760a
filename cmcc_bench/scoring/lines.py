"""Reads JSON Lines files: predictions, submissions and interrupted runs. The files are not trusted.

Byte order marks and blank lines are skipped, line breaks of Unix and Windows are read, gzip is unpacked, and text that
is not UTF-8 is an error. Only a line break ends a line: U+2028 inside a string is part of the string.
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

WRITE = "Write one JSON object per line, as cmcc predict does."

_GZIP, _ZIP, _PICKLE = b"\x1f\x8b", b"PK", b"\x80"
_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_BLANK_LINES = 3  # maximum number of lines per line that is not blank


@dataclass(frozen=True)
class Bounds:
    """Maximum sizes of a file: bytes per line, bytes of the uncompressed file, lines that are not blank."""

    line_bytes: int
    file_bytes: int
    lines: int


class FileList(list[Item]):
    """The items of a file; `lines`: the line number of each item, from 1."""

    def __init__(self, items: Iterable[Item] = (), lines: Iterable[int] = ()) -> None:
        super().__init__(items)
        self.lines = list(lines)

    def line_numbers(self) -> list[int] | None:
        """`lines`, or None if items were added or removed since the file was read."""
        return self.lines if len(self.lines) == len(self) else None


@contextmanager
def open_lines(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Opens a file, gzip or not, as a stream of bytes.

    name: the file's name in errors. Raises cmcc.DataError for a zip archive or a pickle, which are recognized by their
    first bytes and never opened, and for damaged gzip; OSError if the file cannot be read.
    """
    with path.open("rb") as raw:
        head = raw.read(2)
        raw.seek(0)
        if head.startswith(_PICKLE) or head == _ZIP:
            file_type = "a pickle or model weights" if head.startswith(_PICKLE) else "a zip archive"
            raise DataError(file_type, "a JSON Lines file", f"For safety it was not opened. {WRITE}", file=name)
        stream: Any = gzip.GzipFile(fileobj=raw) if head == _GZIP else raw
        try:
            yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            hint = "Compress the file again, or pass it uncompressed."
            raise DataError(f"the gzip file is damaged ({error})", "", hint, file=name) from error


def filled_lines(stream: IO[bytes], name: str, bounds: Bounds | None = None) -> Iterator[tuple[int, bytes]]:
    """Yields the number, from 1, and the content of each line that is not blank, without byte order marks.

    Raises cmcc.DataError for UTF-16, and for a file over the bounds, without reading the rest of it.
    """
    longest = bounds.line_bytes if bounds else -1
    total = number = filled = 0
    while line := stream.readline(longest + 1 if bounds else -1):
        number += 1
        total += len(line)
        if number == 1 and (line.startswith(_UTF16_MARKS) or b"\0" in line[:4]):
            hint = "Convert the file, for example with iconv -f UTF-16 -t UTF-8."
            raise DataError("UTF-16 text", "UTF-8", hint, file=name)
        if bounds and len(line) > longest:
            raise DataError(f"the line is longer than {longest} bytes", "", WRITE, file=name, line=number)
        if bounds and total > bounds.file_bytes:
            problem = f"the file is larger than {bounds.file_bytes >> 20} MB uncompressed"
            raise DataError(problem, "", "Write one line per prediction and nothing else.", file=name)
        line = line.removeprefix(_MARK)  # at each line: concatenated files have one in the middle
        filled += bool(line.strip())
        if bounds and (filled > bounds.lines or number > _BLANK_LINES * bounds.lines):
            hint = "Write one line per prediction and remove all others."
            raise DataError(f"the file has more than {bounds.lines} lines", "", hint, file=name)
        if line.strip():
            yield number, line


def parse_line(line: bytes, place: Place) -> object:
    """The JSON value of a line. Raises cmcc.DataError, which names the place, for invalid JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        problem = f"{line[:40].decode(errors='replace').rstrip()!r} is not valid JSON ({error})"
        raise DataError(problem, "", WRITE, **place) from error

"""The parts of an output file that several processes write, and that a killed run goes on from.

The work is cut into units of whole dialogues. Each process takes every n-th unit that is left, and writes a line for
each finished one: the first process to OUT.part, the others to OUT.part-1, OUT.part-2 and so on. At the end the first
one joins the parts in the order of the data, so the output does not depend on the number of processes.
"""

from __future__ import annotations

import mmap
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, TypeAlias

import orjson

from cmcc_bench.decoding.processes import Processes, SharedCount
from cmcc_bench.errors import DataError
from cmcc_bench.files import open_replacement
from cmcc_bench.scoring.lines import filled_lines, parse_line
from cmcc_bench.tasks import Place

# (units, function that counts finished items) -> each finished unit with the values of its lines
UnitWork: TypeAlias = Callable[[Sequence[int], Callable[[int], None]], Iterator[tuple[int, list[Any]]]]

_SHARED = 60.0  # seconds until a file that one machine wrote is seen by the others: network file systems cache names


class Parts:
    """The parts of one output file. sizes: the number of lines of each unit, in the order of the data."""

    def __init__(self, path: Path, sizes: Sequence[int]) -> None:
        self.path, self.sizes = path, sizes

    def finish(
        self,
        work: UnitWork,
        processes: Processes,
        is_begun: Callable[[], bool],
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Does the work that is left, each process its share; returns the number of lines that were there before.

        is_begun: whether the parts are those of an earlier start, asked in the first process. progress: called with the
        number of finished lines and the total. Raises what `work` raises, in one process, and cmcc.DataError in others.
        """
        done = processes.from_first(lambda: self._begin(is_begun()))
        self._check_shared(processes)
        finished = set(done)
        left = [unit for unit, size in enumerate(self.sizes) if size and unit not in finished]
        before = sum(self.sizes[unit] for unit in done)
        total, part = sum(self.sizes), self._part(processes.index)
        with SharedCount(processes, before, total, progress) as count, part.open("ab") as stream:
            for unit, lines in work(left[processes.index :: processes.number], count.add):
                stream.write(_dump(unit, lines))
                stream.flush()  # so that a kill does not lose it
        return before

    def lines(self) -> Iterator[Any]:
        """Yields the values of all lines in the order of the data. Only one unit at a time is in memory.

        Raises cmcc.DataError if the parts of other machines do not appear here in time.
        """
        places = self._all_places()
        with ExitStack() as stack:
            streams = {path: stack.enter_context(path.open("rb")) for path in self._paths()}
            for unit, size in enumerate(self.sizes):
                if size:
                    path, start = places[unit]
                    streams[path].seek(start)
                    yield from orjson.loads(streams[path].readline())["lines"]

    def remove(self) -> None:
        """Removes all parts, once the output is written."""
        for path in self._paths():
            path.unlink(missing_ok=True)

    def _begin(self, is_begun: bool) -> list[int]:
        """Joins the whole units of an earlier start in OUT.part, in any order, and returns them."""
        paths, done = self._paths(), set[int]()
        with open_replacement(self.path) as stream:
            for path in paths if is_begun else ():
                for unit, lines in self._whole_units(path):
                    if unit not in done:  # a kill between the joining and the removing leaves some twice
                        stream.write(_dump(unit, lines))
                        done.add(unit)
        for path in paths:
            if path != self.path:
                path.unlink()
        return sorted(done)

    def _whole_units(self, path: Path) -> Iterator[tuple[int, list[Any]]]:
        with path.open("rb+") as stream:
            stream.truncate(_end_of_lines(stream))
            stream.seek(0)
            for number, line in filled_lines(stream, str(path)):
                yield self._unit(line, {"file": str(path), "line": number})

    def _unit(self, line: bytes, place: Place) -> tuple[int, list[Any]]:
        hint = f"Remove {self.path.name} to start again from the first dialogue."
        try:
            value = parse_line(line, place)
        except DataError as error:
            raise DataError(error.found, error.expected, hint, **error.place) from error
        unit, lines = (value.get("unit"), value.get("lines")) if isinstance(value, dict) else (None, None)
        is_known = isinstance(unit, int) and 0 <= unit < len(self.sizes) and isinstance(lines, list)
        if not is_known or len(lines) != self.sizes[unit]:  # type: ignore[arg-type,index]
            raise DataError("not a part of this run", "lines that an earlier start wrote", hint, **place)
        return unit, lines  # type: ignore[return-value]

    def _all_places(self) -> dict[int, tuple[Path, int]]:
        """The file and the position of each unit, once all units are seen here."""
        end = time.monotonic() + _SHARED
        wanted = {unit for unit, size in enumerate(self.sizes) if size}
        while wanted - (places := self._places()).keys():
            if time.monotonic() > end:
                hint = "Start the same command again: it continues from what is finished."
                problem = "the parts that other machines wrote are not complete here"
                raise DataError(problem, "", hint, file=str(self.path))
            time.sleep(1)
        return places

    def _places(self) -> dict[int, tuple[Path, int]]:
        """The file and the position of each unit that is written as a whole."""
        places: dict[int, tuple[Path, int]] = {}
        for path in self._paths():
            start = 0
            with path.open("rb") as stream:
                for line in stream:
                    if not line.endswith(b"\n"):
                        break
                    places[orjson.loads(line)["unit"]] = path, start
                    start += len(line)
        return places

    def _check_shared(self, processes: Processes) -> None:
        """Raises cmcc.DataError in every process if one of them does not see the first one's file."""
        end = time.monotonic() + _SHARED
        while not (is_seen := self.path.exists()) and time.monotonic() < end:
            time.sleep(1)
        seen = processes.of_all(is_seen)
        if not all(seen):
            hint = "Give --out a path on a file system that all machines share."
            raise DataError(f"process {seen.index(False)} does not see this file", "", hint, file=str(self.path))

    def _part(self, index: int) -> Path:
        return self.path.with_name(f"{self.path.name}-{index}") if index else self.path

    def _paths(self) -> list[Path]:
        """The parts that exist, that of the first process first."""
        pattern = re.compile(re.escape(self.path.name) + r"(-\d+)?", re.ASCII)
        folder = self.path.parent
        return sorted(path for path in (folder.iterdir() if folder.is_dir() else ()) if pattern.fullmatch(path.name))


def _dump(unit: int, lines: list[Any]) -> bytes:
    return orjson.dumps({"unit": unit, "lines": lines}, option=orjson.OPT_APPEND_NEWLINE)


def _end_of_lines(stream: IO[bytes]) -> int:
    """The position after the last line break; what follows was cut by a kill."""
    if not stream.seek(0, 2):
        return 0
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.rfind(b"\n") + 1

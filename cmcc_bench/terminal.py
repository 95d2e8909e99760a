"""The terminal: a progress bar, and standard streams that tolerate any encoding and a reader that closes early."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_bars: list[Progress] = []  # the one that is shown
_CLOSED = (errno.EPIPE, errno.EINVAL, errno.ESHUTDOWN)  # Windows reports EINVAL for a closed pipe


class _Pipe(io.RawIOBase):
    """A file descriptor that ignores writes after its reader has closed the pipe."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw, self._is_closed = raw, False

    def writable(self) -> bool:
        """True."""
        return True

    def isatty(self) -> bool:
        """Whether the file is a terminal."""
        return self._raw.isatty()

    def fileno(self) -> int:
        """The number of the file descriptor."""
        return self._raw.fileno()

    def write(self, data: object) -> int:
        """Writes to the file; after its reader has closed it, does nothing. Returns the number of bytes."""
        size = memoryview(data).nbytes  # type: ignore[arg-type]  # a buffer of BufferedWriter
        if not self._is_closed:
            try:
                return self._raw.write(data) or 0  # type: ignore[arg-type]
            except OSError as error:
                if error.errno not in _CLOSED:
                    raise
                self._is_closed = True
        return size


class ShowProgress(Protocol):
    """The function that moves a progress bar. note: what stands behind the description from now on."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Shows how much is done."""


@contextmanager
def progress_bar(description: str, shown: bool = True) -> Iterator[ShowProgress]:
    """Shows a progress bar with the time left on standard error; yields the function to call with (done, total).

    Within another bar it is a second line below it. shown: False hides the bar, as in all processes but the first.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    left = (TextColumn("left"), TimeRemainingColumn())
    with ExitStack() as stack:
        if _bars:
            progress = _bars[-1]
        else:  # two displays at a time would overwrite each other
            console = Console(stderr=True)
            progress = stack.enter_context(
                Progress(*columns, *left, console=console, transient=True, disable=not shown)
            )
            _bars.append(progress)
            stack.callback(_bars.clear)
        task = progress.add_task(description, total=None)
        stack.callback(progress.remove_task, task)

        def show(done: int, total: int, note: str = "") -> None:
            """Moves the bar."""
            progress.update(task, completed=done, total=total, description=f"{description} {note}".rstrip())

        yield show


def make_streams_tolerant() -> None:
    """Makes the standard streams replace characters that their encoding lacks, and ignore a closed reader (`| head`).

    A command then continues and writes its files. Bytes of standard input that cannot be decoded become U+FFFD. Changes
    sys.stdin, sys.stdout and sys.stderr once; streams of other types, such as those of a notebook, are not changed.
    """
    if isinstance(sys.stdin, io.TextIOWrapper) and sys.stdin.errors != "replace":
        sys.stdin.reconfigure(errors="replace")
    sys.stdout, sys.stderr = _tolerant(sys.stdout), _tolerant(sys.stderr)


def _tolerant(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper) or stream.errors == "replace":
        return stream  # also None, where the stream does not exist
    stream.reconfigure(errors="replace")
    raw = getattr(stream.buffer, "raw", stream.buffer)  # the buffer itself is raw where PYTHONUNBUFFERED is set
    if not isinstance(raw, io.FileIO):
        return stream
    by_line = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(io.BufferedWriter(_Pipe(raw)), stream.encoding, "replace", line_buffering=by_line)


def counted(number: int, noun: str) -> str:
    """A number with its noun in the singular or plural: "1 dialogue", "2 dialogues"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""The memory of this process and the ones that it started, for the last line of `make reproduce`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass
class Peak:
    """The largest sum so far, in bytes; 0 where memory cannot be measured."""

    size: int = 0


@contextmanager
def peak_memory(every: float = 2.0) -> Iterator[Peak]:
    """Measures the memory of all running processes together, every so many seconds, in a thread of its own."""
    peak, stopped = Peak(), threading.Event()

    def measure() -> None:
        """Measures until the end of the block, and once more."""
        while True:
            peak.size = max(peak.size, sum(map(_memory, process_tree(os.getpid()))))
            if stopped.wait(every):
                return

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopped.set()
        thread.join(timeout=10)


def process_tree(root: int) -> list[int]:
    """The ids of a process and of its descendants; none where there is no /proc."""
    parents = {int(path.name): _parent(path) for path in _PROC.glob("[0-9]*")}
    found = [root] if root in parents else []
    for process in found:  # it grows while it is read
        found += [child for child, parent in parents.items() if parent == process]
    return found


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):  # it has ended
        return 0


def _memory(process: int) -> int:
    """The proportional set size in bytes: memory that processes share counts once in all."""
    try:
        lines = (_PROC / str(process) / "smaps_rollup").read_text("utf-8").splitlines()
    except OSError:  # it has ended, or the system has no such file
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

"""The processes that share the work of `cmcc predict` and of pseudo-labels, started by torchrun or accelerate.

    torchrun --nproc_per_node 8 -m cmcc_bench.cli predict runs/variant/best cmcc --out test.jsonl

    with open_processes() as processes:
        digest = processes.from_first(read_digest)

They talk through gloo, on CPUs and GPUs alike, since only numbers and file positions are exchanged. A process that is
killed, or whose machine is lost, ends all others with an error: once a second, each one sends its count of finished
items to all others, and waits at most HEARTBEAT_TIMEOUT for the others. One process alone is a group of one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from cmcc_bench.errors import DataError

Sent = TypeVar("Sent")

HEARTBEAT_TIMEOUT = timedelta(seconds=60)  # while the processes work
GROUP_TIMEOUT = timedelta(minutes=30)  # for the others to open the model and the data, or the first to join the parts
_PERIOD = 1.0  # seconds between two heartbeats
_WORKING, _FINISHED, _FAILED = range(3)
_AGAIN = "Start the same command again: it continues from what is finished."


@dataclass(frozen=True)
class Processes:
    """This process and the number of all; the first has the index 0. The groups are those of torch.distributed."""

    index: int = 0
    number: int = 1
    group: Any = None
    heartbeats: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that prints, and writes the files that all share."""
        return self.index == 0

    def from_first(self, make: Callable[[], Sent]) -> Sent:
        """What `make` returns in the first process, in every process.

        Its error is raised in the first one; the others raise cmcc.DataError.
        """
        if self.number == 1:
            return make()
        answer: list[tuple[bool, Any]] = [(False, None)]
        try:
            if self.is_first:
                answer[0] = (True, make())
        finally:
            self._broadcast(answer)
        made, value = answer[0]
        if not made:
            raise DataError("the first process stopped with an error", "", "Its message says what to do.")
        returned: Sent = value
        return returned

    def of_all(self, value: Sent) -> list[Sent]:
        """The values of all processes, in their order."""
        if self.number == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.number
        with _as_lost():
            dist.all_gather_object(values, value, group=self.group)
        return values

    def check_same(self, value: object, what: str, **place: str | int | None) -> None:
        """Raises cmcc.DataError in every process unless all have the same value. what: what differs otherwise."""
        values = self.of_all(value)
        if different := [index for index, other in enumerate(values) if other != values[0]]:
            hint = "Copy the same model and data set to all machines."
            raise DataError(f"process {different[0]} has {what} than the first one", "", hint, **place)

    def _broadcast(self, answer: list[Any]) -> None:
        import torch.distributed as dist

        with _as_lost():
            dist.broadcast_object_list(answer, src=0, group=self.group)


ALONE = Processes()


def started_processes() -> int:
    """The number of processes that a launcher started, by WORLD_SIZE; 1 without one. Raises cmcc.DataError."""
    text = os.environ.get("WORLD_SIZE") or "1"
    if not text.isdecimal() or not int(text):
        hint = "Start the command with torchrun, which sets it, or unset it."
        raise DataError(f"WORLD_SIZE is {text!r:.40}", "a number of processes", hint)
    return int(text)


@contextmanager
def open_processes() -> Iterator[Processes]:
    """The processes that a launcher started, as the variables RANK and WORLD_SIZE say; else this one alone.

    A training's own group of processes is used where there is one. Raises cmcc.DataError if they cannot find each
    other.
    """
    number = started_processes()
    if number == 1:
        yield ALONE
        return
    import torch.distributed as dist

    is_own = not dist.is_initialized()
    try:
        if is_own:
            dist.init_process_group("gloo", timeout=GROUP_TIMEOUT)
        groups = [dist.new_group(backend="gloo", timeout=timeout) for timeout in (GROUP_TIMEOUT, HEARTBEAT_TIMEOUT)]
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        hint = "Start the command with torchrun, which sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT."
        raise DataError(f"{number} processes cannot work together ({reason})", "", hint) from error
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), *groups)
    finally:
        if is_own:
            dist.destroy_process_group()
        else:
            for group in groups:
                dist.destroy_process_group(group)


class SharedCount:
    """Counts finished items over all processes; `with` waits, at its end, until all processes have finished.

    begun: items that were finished before. progress: called in the first process with the sum and the total.
    """

    def __init__(
        self, processes: Processes, begun: int, total: int, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self._processes, self._begun, self._total, self._progress = processes, begun, total, progress
        self._own, self._state = 0, _WORKING
        self._problem: DataError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send_heartbeats, daemon=True) if processes.number > 1 else None

    def __enter__(self) -> Self:
        self._show(0)
        if self._thread:
            self._thread.start()
        return self

    def add(self, count: int) -> None:
        """Adds finished items of this process. Raises cmcc.DataError if another one failed or is lost."""
        self._own += count
        if self._problem:
            raise self._problem
        if not self._thread:
            self._show(self._own)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._thread:
            return
        self._state = _FINISHED if error is None else _FAILED
        self._ended.set()
        self._thread.join()  # ends: no round of heartbeats takes longer than HEARTBEAT_TIMEOUT
        if error is None and self._problem:
            raise self._problem

    def _show(self, finished: int) -> None:
        if self._progress and self._processes.is_first:
            self._progress(self._begun + finished, self._total)

    def _send_heartbeats(self) -> None:
        """Exchanges counts and states until all have finished or one has failed: all see the same, and end together."""
        import torch
        import torch.distributed as dist

        beats = [torch.zeros(2, dtype=torch.long) for _ in range(self._processes.number)]  # count, state
        while self._problem is None:
            self._ended.wait(_PERIOD)
            own = torch.tensor([self._own, self._state])
            try:
                with _as_lost():
                    dist.all_gather(beats, own, group=self._processes.heartbeats)
            except DataError as error:
                self._problem = error
                return
            self._show(sum(int(beat[0]) for beat in beats))
            states = [int(beat[1]) for beat in beats]
            if _FAILED in states:
                self._problem = DataError(f"process {states.index(_FAILED)} stopped with an error", "", _AGAIN)
            if all(state == _FINISHED for state in states):
                return


@contextmanager
def _as_lost() -> Iterator[None]:
    """Raises cmcc.DataError where gloo says that a process closed the connection or did not answer in time."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"another process was killed or cannot be reached ({reason:.120})", "", _AGAIN) from error

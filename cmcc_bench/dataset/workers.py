"""Spools the raw files in one or several processes, in order, without hanging when a process dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

from cmcc_bench.dataset.spool import Spooled, SpoolJob, spool_file
from cmcc_bench.types import Advance

_SECONDS = 0.2  # between two progress updates


class _StoppedError(Exception):
    """Stops a worker whose result is no longer needed."""


# Set when a worker process starts: the raw bytes read by all workers, and whether they should stop.
_bytes_read: Synchronized[int] | None = None
_stop: Event | None = None


def spool_all(jobs: Sequence[SpoolJob], num_proc: int, progress: Advance) -> Generator[Spooled, None, None]:
    """Spools the files and yields the results in the order of `jobs`. Close the generator to stop the processes.

    Raises cmcc.DataError and OSError as `spool_file` does, and ChildProcessError when a process died.
    """
    processes = min(num_proc, len(jobs))
    if processes <= 1:
        return (spool_file(job, progress) for job in jobs)
    return _spool_in_workers(jobs, processes, progress)


def _spool_in_workers(jobs: Sequence[SpoolJob], processes: int, progress: Advance) -> Generator[Spooled, None, None]:
    context = multiprocessing.get_context("spawn")  # forking a process that has Arrow's threads can hang
    counter: Synchronized[int] = context.Value("q", 0)
    stop = context.Event()
    seen = 0
    pool = ProcessPoolExecutor(processes, context, _start_worker, (counter, stop))
    try:
        for future in [pool.submit(_spool_in_worker, job) for job in jobs]:
            while wait([future], _SECONDS).not_done:
                progress(counter.value - seen)
                seen = counter.value
            yield future.result()
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "a worker process died. Either it was killed, for example because memory ran out, or the script that calls"
            ' build() has no `if __name__ == "__main__":`. Run the build again with one process: --num-proc 1.'
        ) from error
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)  # waits for the workers: they write to the folder that is removed next


def _start_worker(counter: Synchronized[int], stop: Event) -> None:
    global _bytes_read, _stop
    _bytes_read, _stop = counter, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Exits when the parent dies: else the worker would wait forever, or write into the folder of the next build."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _spool_in_worker(job: SpoolJob) -> Spooled:
    counter, stop = _bytes_read, _stop
    assert counter is not None and stop is not None

    def advance(amount: int) -> None:
        """Adds to the bytes read by all workers; stops this worker if its result is no longer needed."""
        if stop.is_set():
            raise _StoppedError
        with counter.get_lock():
            counter.value += amount

    return spool_file(job, advance)

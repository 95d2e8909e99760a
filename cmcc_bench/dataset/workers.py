"""Spooling the raw files in this process or in several, in order, without hanging when a process dies."""

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

_SECONDS = 0.2  # between two reports of progress


class _StoppedError(Exception):
    """Ends the work of a process whose result nobody waits for."""


# Set in each worker process when it starts: the raw bytes that all of them have read, and whether they shall stop.
_bytes_read: Synchronized[int] | None = None
_stop: Event | None = None


def spool_all(jobs: Sequence[SpoolJob], num_proc: int, progress: Advance) -> Generator[Spooled, None, None]:
    """Spools the files and yields them in order as they are done; close it to end the processes.

    Raises what spooling raises, and ChildProcessError when a process died.
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
            "a worker process died: it was killed, as when memory ran out, or the script that calls build() has no"
            ' `if __name__ == "__main__":`. Run it with one process, --num-proc 1.'
        ) from error
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)  # waits: from here on nobody writes into the folder that is removed next


def _start_worker(counter: Synchronized[int], stop: Event) -> None:
    global _bytes_read, _stop
    _bytes_read, _stop = counter, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one stops the others
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for ever, or write into the next build's folder."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _spool_in_worker(job: SpoolJob) -> Spooled:
    counter, stop = _bytes_read, _stop
    assert counter is not None and stop is not None

    def advance(amount: int) -> None:
        """Adds to the bytes that all workers have read, and ends this one when nobody waits for it any more."""
        if stop.is_set():
            raise _StoppedError
        with counter.get_lock():
            counter.value += amount

    return spool_file(job, advance)

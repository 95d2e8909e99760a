"""Spools the raw files in one or several processes, in order, without hanging when a process dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import Array, c_bool, c_longlong
from importlib.abc import MetaPathFinder

import pyarrow as pa

from cmcc_bench.dataset.spool import Spooled, SpoolJob, spool_file
from cmcc_bench.types import Advance

_SECONDS = 0.2  # between two progress updates


class _StoppedError(Exception):
    """Stops a worker whose result is no longer needed."""


# Set when a worker process starts: the raw bytes read, one number a job, and whether the workers should stop. This
# memory has no locks: a worker killed while it holds one would block the parent forever. Each number has one writer.
_bytes_read: Array[c_longlong] | None = None
_stop: c_bool | None = None


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
    bytes_read = context.RawArray(c_longlong, len(jobs))
    stop = context.RawValue(c_bool, False)
    seen = 0
    pool = ProcessPoolExecutor(processes, context, _start_worker, (bytes_read, stop))
    try:
        futures = deque(pool.submit(_spool_in_worker, number, job) for number, job in enumerate(jobs))
        while futures:
            future = futures.popleft()  # kept no longer than needed: a result has an entry for each dialogue
            while wait([future], _SECONDS).not_done:
                total = sum(bytes_read)
                progress(total - seen)
                seen = total
                _end_all_if_one_died(pool)
            yield future.result()
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "a worker process died. Either it was killed, for example because memory ran out, or the script that calls"
            ' build() has no `if __name__ == "__main__":`. Run the build again with one process: --num-proc 1.'
        ) from error
    finally:
        stop.value = True
        pool.shutdown(cancel_futures=True)  # waits for the workers: they write to the folder that is removed next


def _end_all_if_one_died(pool: ProcessPoolExecutor) -> None:
    """Makes the pool notice a worker that died while it sent its result: the pool would wait for the rest forever.

    It waits as long as another worker can write to the same pipe. Python 3.14 has ProcessPoolExecutor.kill_workers.
    """
    workers = list(pool._processes.values()) if pool._processes else []
    if any(worker.exitcode is not None for worker in workers):
        for worker in workers:
            worker.kill()


def _start_worker(bytes_read: Array[c_longlong], stop: c_bool) -> None:
    global _bytes_read, _stop
    _bytes_read, _stop = bytes_read, stop
    sys.meta_path.insert(0, _WithoutPandas())
    pa.set_memory_pool(pa.system_memory_pool())  # as `system_memory_pool` in the parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


class _WithoutPandas(MetaPathFinder):
    """Makes `import pandas` fail: Arrow tries it for the first column, though columns are made without it.

    It would take a worker as long as to read some hundred dialogues.
    """

    def find_spec(self, fullname: str, *_: object) -> None:
        """Raises ModuleNotFoundError for pandas."""
        if fullname == "pandas":
            raise ModuleNotFoundError("a worker does without pandas", name=fullname)


def _end_with_parent() -> None:
    """Exits when the parent dies: else the worker would wait forever, or write into the folder of the next build."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _spool_in_worker(number: int, job: SpoolJob) -> Spooled:
    bytes_read, stop = _bytes_read, _stop
    assert bytes_read is not None and stop is not None

    def advance(amount: int) -> None:
        """Adds to the bytes read of this job; stops the worker if its result is no longer needed."""
        if stop.value:
            raise _StoppedError
        bytes_read[number] += amount

    return spool_file(job, advance)

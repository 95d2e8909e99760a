"""Several processes that share work, forked from the test's own: a start with torchrun would import torch in each."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from cmcc_bench.decoding.processes import Processes, open_processes

SECONDS = 60


def run_forked(number: int, function: Callable[[Processes], None], folder: Path) -> list[str]:
    """Runs the function in each process; returns their errors, "" for none. A process that is killed has "killed"."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    running = [
        context.Process(target=_run, args=(function, i, number, port, folder / f"{i}.error")) for i in range(number)
    ]
    for process in running:
        process.start()
    try:
        for process in running:
            process.join(SECONDS)
            assert not process.is_alive(), f"a process has not ended after {SECONDS} s"
    finally:
        for process in running:
            process.kill()
    errors = []
    for index, process in enumerate(running):
        killed = process.exitcode == -signal.SIGKILL
        errors.append("killed" if killed else (folder / f"{index}.error").read_text("utf-8"))
    return errors


def _run(function: Callable[[Processes], None], index: int, number: int, port: int, errors: Path) -> None:
    places = {"RANK": index, "WORLD_SIZE": number, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in places.items()}
    try:
        with open_processes() as processes:
            function(processes)
        errors.write_text("", "utf-8")
    except BaseException as error:
        errors.write_text(str(error) or type(error).__name__, "utf-8")
    os._exit(0)

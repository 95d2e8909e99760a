"""The real clients in a separate process, because they read the Hub's address from the environment on import."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Self


class Clients:
    """Runs functions of a test module in another process, which keeps its imports."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")  # a forked process would inherit the imports
        return ProcessPoolExecutor(1, spawn, initializer=_set_environment, initargs=(self._environment,))

    def __call__(self, function: Callable[..., Any], *arguments: Any, token: str | None = None) -> Any:
        """The function's result. token: another user's token, or "" for none."""
        try:
            future = self._pool.submit(_call, function, arguments, token)
        except BrokenProcessPool:  # the process died between two test files; a death during a call is still an error
            self._pool = self._start()
            future = self._pool.submit(_call, function, arguments, token)
        return future.result(timeout=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def _set_environment(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    os.environ.pop("HF_HUB_OFFLINE", None)  # set by make, for all other tests


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], token: str | None) -> Any:
    before = os.environ["HF_TOKEN"]
    try:
        if token == "":
            del os.environ["HF_TOKEN"]
        elif token:
            os.environ["HF_TOKEN"] = token
        return function(*arguments)
    finally:
        os.environ["HF_TOKEN"] = before


def write_files(folder: Path, files: dict[str, bytes | str]) -> Path:
    """Writes files, by path, into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder

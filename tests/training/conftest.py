"""A small built data set to train on, with unlabeled dialogues; and training in this process."""

from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from cmcc_bench import cli
from cmcc_bench.dataset import build
from cmcc_bench.simulate import write_corpus


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_corpus(folder / "raw", 30, 6, seed=0)
    build(folder / "raw", folder / "cmcc")
    return folder / "cmcc"


@pytest.fixture
def run_training():
    """run(task, **settings) -> the exit status of `cmcc train`."""

    def run(task: str, **settings: object) -> int:
        arguments = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
        try:
            return cli.main(["train", task, *arguments])
        finally:
            AcceleratorState._reset_state(True)

    return run

"""Simulated corpora that several tests read: the shipped sample's size and seed, and a larger one of another seed."""

import pytest

import cmcc
from cmcc_bench.simulate import simulate_dialogue, write_corpus


def read_rows(folder):
    return [dialogue.row for dialogue in cmcc.read_dialogues(folder)]


@pytest.fixture(scope="session")
def sample():
    """The 400 raw dialogues of seed 0."""
    return [simulate_dialogue(0, index) for index in range(400)]


@pytest.fixture(scope="session")
def sample_rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_corpus(folder, 400, 0, 0)
    return read_rows(folder)


@pytest.fixture(scope="session")
def many_rows(tmp_path_factory):
    """3,000 dialogues of seed 7, as rows."""
    folder = tmp_path_factory.mktemp("many")
    write_corpus(folder, 3000, 0, 7)
    return read_rows(folder)

"""The tests' Hub with its clients, and a small data set."""

import pytest

from tests.hub.conftest import clear_faults, clients
from tests.hub.test_push import run
from tests.hub_server import HubServer
from tests.leaderboard.data import write_data

__all__ = ["clear_faults", "clients", "run"]  # fixtures


@pytest.fixture(scope="session")
def hub():
    with HubServer({"alice": ["cmcc-org"], "bob": [], "mallory": []}) as server:
        yield server


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("leaderboard") / "data")

"""The tests' Hub with three users' clients, and a small data set."""

import pytest

from tests.hub.conftest import clients, no_fault_is_left
from tests.hub.test_push import run
from tests.hub_server import HubServer
from tests.leaderboard.data import write_data

__all__ = ["clients", "no_fault_is_left", "run"]  # fixtures


@pytest.fixture(scope="session")
def hub():
    with HubServer({"alice": ["cmcc-org"], "bob": [], "mallory": []}) as server:
        yield server


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("leaderboard") / "data")

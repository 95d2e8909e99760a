"""One server and one process of clients for all tests here: importing the clients takes longer than any test."""

import pytest

from tests.hub.client import Clients
from tests.hub_server import HubServer


@pytest.fixture(scope="session")
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_fault_is_left(request):
    """What a test breaks on the Hub that all tests share is whole again in the next one."""
    shared = request.getfixturevalue("hub") if "hub" in request.fixturenames else None
    yield
    if shared:
        shared.mend()


@pytest.fixture(scope="session")
def clients(hub, tmp_path_factory):
    """Alice's clients; she may write to cmcc-org."""
    with Clients(hub.environment(tmp_path_factory.mktemp("hf-home"), "alice")) as running:
        yield running

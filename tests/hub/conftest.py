"""One server and one process of clients for all tests here, because importing the clients is slow."""

import pytest

from tests.hub.client import Clients
from tests.hub_server import HubServer


@pytest.fixture(scope="session")
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture(autouse=True)
def clear_faults(request):
    """Clears the faults that a test set on the Hub, because all tests share it."""
    shared = request.getfixturevalue("hub") if "hub" in request.fixturenames else None
    yield
    if shared:
        shared.clear_faults()


@pytest.fixture(scope="session")
def clients(hub, tmp_path_factory):
    """Alice's clients; she may write to cmcc-org."""
    with Clients(hub.environment(tmp_path_factory.mktemp("hf-home"), "alice")) as running:
        yield running

"""A server for each test that asks for one, stopped at its end, and runs that need no long waits."""

from dataclasses import replace

import pytest

from cmcc_bench.endpoint.client import Endpoint

from .server import start


@pytest.fixture
def serve(monkeypatch):
    """A function that starts a server with an `answer`; its script has the address."""
    for name in ("CMCC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    stops = []

    def begin(answer):
        script, stop = start(answer)
        stops.append(stop)
        return script

    yield begin
    for stop in stops:
        stop()


@pytest.fixture
def endpoint():
    """A function that makes the settings of a client for a script."""

    def make(script, **more):
        return replace(Endpoint(script.url, "tiny", back_off=0.01, concurrency=4, timeout=60), **more)

    return make

"""The server: what leaves it has a policy, what enters it comes from its own page, and nothing is logged."""

import argparse
import errno
import threading

import pytest

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from cmcc_bench.annotate.server import PageServer, is_local, make_app
from cmcc_bench.commands.annotate import serve
from cmcc_bench.errors import DataError
from tests.annotate.work import HTML, open_work


@pytest.fixture
def session(tmp_path):
    session = open_work(tmp_path)
    yield session
    session.close()


@pytest.fixture
def client(session):
    return TestClient(make_app(session), base_url="http://127.0.0.1:8000")


DECISION = {"call": 0, "utterance": 1, "field": "emotions", "labels": [1], "changes": 0}


def test_the_page_and_its_files_are_served_with_a_policy_that_lets_nothing_else_in(client):
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        response = client.get(path)
        assert response.status_code == 200 and response.headers["content-type"].startswith(kind)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert "http://" not in response.text and "https://" not in response.text and "innerHTML" not in response.text


def test_a_call_is_read_and_a_decision_is_saved(client):
    assert client.get("/call", params={"number": 0}).json()["utterances"][1]["text"] == HTML
    assert client.post("/decide", json=DECISION).json()["progress"]["decided"] == 1
    assert client.get("/changed", params={"changes": 0}).json()["changed"][0]["labels"] == [1]
    assert client.get("/search", params={"text": "扣钱"}).json()[0]["call"] == 0
    assert client.get("/next", params={"number": 1}).json()["number"] == 0
    assert client.post("/undo", json={}).json()["undone"]["utterance"] == 1


def test_what_is_wrong_is_told_and_not_saved(client, session, monkeypatch):
    assert "expected 1 to 2" in client.get("/call", params={"number": 5}).json()["problem"]
    assert client.get("/call", params={"number": "x"}).status_code == 400
    assert client.post("/decide", json=DECISION | {"labels": [0, 1]}).status_code == 400
    for body in (b"[1]", b"nothing"):
        assert client.post("/decide", content=body, headers={"content-type": "application/json"}).status_code == 400
    monkeypatch.setattr("cmcc_bench.annotate.store.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
    response = client.post("/decide", json=DECISION)
    assert response.status_code == 500 and response.json()["problem"] == "cannot save: disk full"
    assert session.progress().decided == 0
    monkeypatch.undo()


def test_a_page_from_elsewhere_can_neither_read_nor_write(session, client):
    elsewhere = TestClient(make_app(session), base_url="http://elsewhere.example")
    assert elsewhere.get("/start").status_code == 400
    assert client.post("/decide", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert client.get("/decide").status_code == 405 and client.get("/../pyproject.toml").status_code == 404


def test_with_a_token_every_address_needs_it(session):
    client = TestClient(make_app(session, "secret"), base_url="http://10.0.0.1")
    assert client.get("/secret/start").status_code == client.get("/secret/").status_code == 200
    for path in ("/", "/start", "/page.js", "/secretx/start", "/Secret/start"):
        assert client.get(path).status_code == 404


def test_only_an_address_of_this_machine_has_no_token(session):
    assert is_local("127.0.0.1") and is_local("localhost") and is_local("127.0.0.9")
    assert not any(map(is_local, ("0.0.0.0", "::", "192.168.1.2", "example.org", "")))
    server = PageServer(session, "0.0.0.0")
    assert len(server.address.split("/")[3]) >= 20
    server.end()
    server.run()
    with pytest.raises(DataError, match="cannot listen there"):
        PageServer(session, "203.0.113.1")
    with pytest.raises(DataError, match=r"cannot listen there \((?!Unknown error)"):
        PageServer(session, "no such host")


def test_a_session_whose_file_could_not_be_written_says_so_at_its_end(session, monkeypatch, capsys):
    def fill_the_disk(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PageServer, "run", lambda _: None)
    monkeypatch.setattr("cmcc_bench.annotate.store.write_bytes", fill_the_disk)
    session.decide({"call": 0, "utterance": 1, "field": "emotions", "labels": [1]})
    assert serve(session, argparse.Namespace(host="127.0.0.1", port=None)) == 1
    assert "NOT WRITTEN" in capsys.readouterr().err


def test_nothing_is_logged(session, capfd):
    import httpx

    server = PageServer(session)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert httpx.get(server.address + "search", params={"text": "扣钱"}, timeout=10).status_code == 200
    assert httpx.get(server.address + "none", timeout=10).status_code == 404
    server.end()
    thread.join(10)
    assert not thread.is_alive() and capfd.readouterr() == ("", "")

"""The store of decisions: every change is on disk at once, and neither a kill nor a second process does harm."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from cmcc_bench.annotate.store import OPEN, Decision, DecisionStore
from cmcc_bench.errors import DataError

SIZES = {"a": 2, "b": 1}
FIRST, SECOND = ("a", 0, "emotions"), ("a", None, "satisfaction")


class Names:
    """A file that lists what is decided about each call."""

    def __init__(self):
        self.calls = {}

    def update(self, dialogue_id, decisions):
        self.calls[dialogue_id] = {f"{number} {field}": one.labels for (number, field), one in decisions.items()}

    def contents(self, out):
        return {out: [json.dumps(self.calls).encode()]}


def open_store(tmp_path, owner="A", sizes=SIZES):
    return DecisionStore(tmp_path / "out.json", {"annotator": owner}, Names(), sizes)


def test_a_change_is_in_the_journal_at_once_and_in_the_file_at_the_end(tmp_path):
    store = open_store(tmp_path)
    store.set(FIRST, Decision((1, 4), note="?"))
    line = json.loads((tmp_path / "out.journal").read_text("utf-8").splitlines()[1])
    assert line.pop("time") > 0
    labels = ["complain_about_a_problem", "dissatisfied_with_service"]
    assert line == {"dialogue_id": "a", "utterance": 0, "field": "emotions", "labels": labels, "note": "?"}
    store.close()
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == {"a": {"0 emotions": [1, 4]}}
    assert (tmp_path / "out.json").stat().st_mode & 0o077 == 0 == (tmp_path / "out.journal").stat().st_mode & 0o077


def test_a_second_start_goes_on(tmp_path):
    store = open_store(tmp_path)
    store.set(FIRST, Decision((1,)))
    store.set(SECOND, Decision((2,), note="late"))
    store.set(FIRST, Decision((0,)))
    store.close()
    store = open_store(tmp_path)
    assert store.get(FIRST) == Decision((0,)) and store.get(SECOND) == Decision((2,), note="late")
    assert store.is_done("a") and not store.is_done("b")
    progress = store.progress()
    assert (progress.decided, progress.questions, progress.calls_done, progress.calls) == (2, 3, 1, 2)
    assert store.undo() == FIRST and store.get(FIRST) == Decision((1,))
    store.close()


def test_undo_takes_back_one_change_after_the_other_and_survives_a_start(tmp_path):
    store = open_store(tmp_path)
    store.set(FIRST, Decision((1,)))
    store.set(SECOND, Decision((2,)))
    assert store.undo() == SECOND and store.get(SECOND) == OPEN
    store.close()
    store = open_store(tmp_path)
    assert store.get(SECOND) == OPEN and store.progress().decided == 1
    assert store.undo() == FIRST and store.undo() is None
    assert store.get(FIRST) == OPEN and store.progress().decided == 0
    store.close()


def test_killing_the_process_loses_nothing(tmp_path):
    """It is killed while it writes as fast as it can, also in the middle of a line of the journal."""
    code = """
import itertools, pathlib, sys
from tests.annotate.test_store import open_store
from cmcc_bench.annotate import store as module
module._LATEST = 0  # also the file is written again and again
Decision = module.Decision
store = open_store(pathlib.Path(sys.argv[1]), sizes={"a": 100_000})
for number in itertools.count():
    store.set(("a", number, "emotions"), Decision((number % 9,)))
    print(number, flush=True)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    seen = -1
    for line in process.stdout:
        seen = int(line)
        if seen >= 200:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    with (tmp_path / "out.journal").open("ab") as journal:
        journal.write(b'{"dialogue_id":"a","utt')
    json.loads((tmp_path / "out.json").read_text("utf-8"))  # an older version, and whole
    store = open_store(tmp_path, sizes={"a": 100_000})
    assert store.progress().decided > seen
    assert all(store.get(("a", number, "emotions")).labels == (number % 9,) for number in range(seen + 1))
    store.set(FIRST, Decision((3,)))
    store.close()
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["a"]["0 emotions"] == [3]
    store = open_store(tmp_path, sizes={"a": 100_000})  # what stood after the cut line is whole
    assert store.get(FIRST) == Decision((3,))
    store.close()


def test_a_second_process_is_refused_also_on_another_machine(tmp_path, monkeypatch):
    store = open_store(tmp_path)
    with pytest.raises(DataError, match=r"another cmcc annotate writes to this file"):
        open_store(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "another"))  # of a machine on the same file system
    with pytest.raises(DataError, match=r"another cmcc annotate writes to this file"):
        open_store(tmp_path)
    store.close()
    open_store(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.journal"]  # no lock is left


def test_the_file_is_written_when_nothing_was_changed_for_a_moment(tmp_path, monkeypatch):
    """Not while keys come fast: writing it would make the next key wait for the disk."""
    monkeypatch.setattr("cmcc_bench.annotate.store._QUIET", 0.3)
    store, out = open_store(tmp_path), tmp_path / "out.json"
    for _ in range(20):
        store.set(FIRST, Decision((1,)))
        time.sleep(0.01)
    assert not out.exists()
    end = time.monotonic() + 30
    while not out.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert json.loads(out.read_text("utf-8")) == {"a": {"0 emotions": [1]}}
    store.close()


def test_the_file_is_written_in_the_end_although_changes_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("cmcc_bench.annotate.store._LATEST", 0.2)
    store, out = open_store(tmp_path), tmp_path / "out.json"
    end = time.monotonic() + 30
    while not out.exists() and time.monotonic() < end:
        store.set(FIRST, Decision((1,)))
        time.sleep(0.005)
    assert out.exists()
    store.close()


def test_the_journal_of_another_annotator_or_of_other_calls_is_refused(tmp_path):
    store = open_store(tmp_path)
    store.set(FIRST, Decision((1,)))
    store.close()
    with pytest.raises(DataError, match=r"line 1: found A; expected B"):
        open_store(tmp_path, owner="B")
    with pytest.raises(DataError, match=r"line 2, dialogue a: a decision about a call that is not here"):
        open_store(tmp_path, sizes={"b": 1})
    with (tmp_path / "out.journal").open("ab") as journal:
        journal.write(b"nothing\n")
    with pytest.raises(DataError, match=r"line 3: not a line of a journal"):
        open_store(tmp_path)


def test_what_cannot_be_saved_is_not_taken(tmp_path, monkeypatch):
    store = open_store(tmp_path)
    store.set(FIRST, Decision((1,)))
    before = (tmp_path / "out.journal").read_bytes()
    monkeypatch.setattr("cmcc_bench.annotate.store.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        store.set(SECOND, Decision((2,)))
    assert store.get(SECOND) == OPEN and (tmp_path / "out.journal").read_bytes() == before
    monkeypatch.undo()
    store.close()


def test_a_file_that_cannot_be_written_is_a_problem_to_show(tmp_path):
    store = open_store(tmp_path)
    (tmp_path / "out.json").mkdir()
    store.set(FIRST, Decision((1,)))
    store.close()
    assert "out.json" in store.problem


def test_a_page_learns_what_another_one_changed(tmp_path):
    store = open_store(tmp_path)
    store.set(FIRST, Decision((1,)))
    before = store.changes
    store.set(SECOND, Decision((2,)))
    assert store.changed_since(before) == [SECOND] and store.changed_since(store.changes) == []
    assert store.changed_since(store.changes + 5) is None and store.changed_since(-1) is None
    store.close()


def test_the_time_left_follows_the_pace_without_breaks(tmp_path, monkeypatch):
    times = iter([1000.0, 1010.0, 9999.0, 10_009.0])
    monkeypatch.setattr("cmcc_bench.annotate.store.time.time", lambda: next(times))
    store = open_store(tmp_path, sizes={"a": 104})
    assert store.progress().seconds_left is None
    for number in range(4):
        store.set(("a", number, "emotions"), Decision((0,)))
    assert store.progress().seconds_left == 1000
    store.close()

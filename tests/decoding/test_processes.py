"""Several processes write what one writes; one that stops or is killed ends the others, and the next start goes on."""

import os
import signal
from dataclasses import replace

import pytest

import cmcc
from cmcc_bench.cli import main
from cmcc_bench.decoding import predict
from cmcc_bench.decoding.parts import Parts
from cmcc_bench.decoding.processes import ALONE, open_processes, started_processes
from cmcc_bench.decoding.run_files import PredictionRun
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.ngrams import fit_ngrams
from cmcc_bench.recognition import run as recognition
from cmcc_bench.recognition.run import recognize, units_of
from cmcc_bench.tasks import EMOTION
from cmcc_bench.tasks.emotion import LABELS, gold_matrix

from .forked import run_forked
from .test_run import data, model_dir  # noqa: F401  # fixtures

SIZES = [2, 0, 1, 3, 1, 2]


def line(unit, number):
    return f"unit {unit}, line {number}"


def work_of(fail=lambda unit: None):
    def work(units, add):
        for unit in units:
            fail(unit)
            yield unit, [line(unit, number) for number in range(SIZES[unit])]
            add(SIZES[unit])

    return work


EXPECTED = [line(unit, number) for unit, size in enumerate(SIZES) for number in range(size)]


def test_the_parts_of_two_processes_are_joined_in_order(tmp_path):
    parts = Parts(tmp_path / "out.part", SIZES)
    shown = tmp_path / "shown"

    def run(processes):
        seen = []
        assert parts.finish(work_of(), processes, lambda: False, lambda *done: seen.append(done)) == 0
        assert processes.of_all(processes.index) == [0, 1]
        if processes.is_first:
            assert list(parts.lines()) == EXPECTED
            shown.write_text(f"{seen[-1]}")

    assert run_forked(2, run, tmp_path) == ["", ""]
    assert shown.read_text() == "(9, 9)"
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.part", "out.part-1"]
    parts.remove()
    assert not list(tmp_path.glob("out*"))


def test_a_killed_process_ends_the_other_and_any_number_of_processes_goes_on(tmp_path):
    parts = Parts(tmp_path / "out.part", SIZES)

    def run(processes):
        def kill(unit):
            if processes.index == 1 and unit == 4:
                os.kill(os.getpid(), signal.SIGKILL)

        parts.finish(work_of(kill), processes, lambda: False)

    error, killed = run_forked(2, run, tmp_path)
    assert killed == "killed"
    assert "another process was killed or cannot be reached" in error and "Start the same command again" in error
    done = []
    assert parts.finish(lambda units, _: done.extend(units) or iter(()), ALONE, lambda: True) == sum(SIZES) - SIZES[4]
    assert done == [4]
    parts.finish(work_of(), ALONE, lambda: True)
    assert list(parts.lines()) == EXPECTED


def test_an_error_in_one_process_ends_all(tmp_path):
    def run(processes):
        def fail(unit):
            if unit == 2:
                raise cmcc.DataError("the disk is full")

        Parts(tmp_path / "out.part", SIZES).finish(work_of(fail), processes, lambda: False)

    errors = run_forked(2, run, tmp_path)
    assert "process 1 stopped with an error" in errors[0] and "the disk is full" in errors[1]

    def refuse(processes):
        processes.from_first(lambda: 1 / 0)

    first, second = run_forked(2, refuse, tmp_path)
    assert first == "division by zero" and "the first process stopped with an error" in second


def test_processes_with_other_models_or_other_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("cmcc_bench.decoding.parts._SHARED", 0.1)

    def differ(processes):
        processes.check_same(processes.index, "another model", file="out")

    message = "file out: process 1 has another model than the first one"
    assert all(message in error for error in run_forked(2, differ, tmp_path))

    def other_folders(processes):
        parts = Parts(tmp_path / f"machine-{processes.index}" / "out.part", SIZES)
        parts.finish(work_of(), processes, lambda: False)

    assert all("share" in error for error in run_forked(2, other_folders, tmp_path))


def test_parts_of_other_machines_that_never_appear_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("cmcc_bench.decoding.parts._SHARED", 0.0)
    parts = Parts(tmp_path / "out.part", [1, 1])
    parts.path.write_bytes(b'{"unit":0,"lines":[1]}\n')
    (tmp_path / "out.part-1").write_bytes(b'{"unit":1,"lines":[')  # not yet seen as a whole
    with pytest.raises(cmcc.DataError, match="not complete here"):
        list(parts.lines())


@pytest.mark.parametrize("number", ["two", "0", "-1"])
def test_a_number_of_processes_that_is_none_is_an_error(monkeypatch, number):
    monkeypatch.setenv("WORLD_SIZE", number)
    with pytest.raises(cmcc.DataError, match="a number of processes"):
        started_processes()


def test_variables_without_a_launcher_are_an_error(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(cmcc.DataError, match=r"2 processes cannot work together.*with torchrun"), open_processes():
        pass


def test_three_processes_predict_what_one_predicts(data, model_dir, tmp_path):  # noqa: F811
    one = predict(model_dir, data, tmp_path / "one.jsonl")
    runs = tmp_path / "runs"

    def run(processes):
        found = predict(model_dir, data, tmp_path / "three.jsonl", processes=processes)
        (runs / f"{processes.index}").write_text(repr(found))

    runs.mkdir()
    assert run_forked(3, run, tmp_path) == ["", "", ""]
    assert (tmp_path / "three.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    records = {path.read_text() for path in runs.iterdir()}
    three = eval(records.pop(), {"PredictionRun": PredictionRun})
    assert not records and three.processes == 3
    timing = {name: getattr(three, name) for name in ("date", "seconds", "exchanges_per_second", "processes")}
    assert three == replace(one, **timing)
    assert not list(tmp_path.glob("*.part*"))


def test_two_processes_recognize_what_one_recognizes(data, tmp_path, monkeypatch):  # noqa: F811
    rows = EMOTION.split_rows(data, "test")
    model = fit_ngrams([row["text"] for row in rows], gold_matrix(rows), LABELS, multi_label=True)
    model.save(tmp_path / "model")
    TrainingRecord("emotion").save(tmp_path / "model")
    recognize(tmp_path / "model", data, tmp_path / "one.jsonl")
    monkeypatch.setattr(recognition, "_UNIT", 3)

    def run(processes):
        recognize(tmp_path / "model", data, tmp_path / "two.jsonl", processes=processes)

    assert run_forked(2, run, tmp_path) == ["", ""]
    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


def test_units_of_recognizers_are_whole_dialogues(monkeypatch):
    monkeypatch.setattr(recognition, "_UNIT", 3)
    rows = [{"dialogue_id": name} for name in "aabbbbcdde"]
    assert ["".join(row["dialogue_id"] for row in rows[unit]) for unit in units_of(rows)] == ["aabbbb", "cdd", "e"]


def test_a_language_model_is_asked_by_one_process(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    asked = ["predict", "openai:m", "sample", "--endpoint", "http://127.0.0.1:9/v1", "--out", "x.jsonl"]
    assert main(asked) == 2
    assert "start openai:NAME without torchrun" in " ".join(capsys.readouterr().err.split())

"""precision: auto measures, chooses the faster, records it, keeps it, and changes nothing else."""

import json
import random
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import nn

from cmcc_bench.training import loop, precision
from cmcc_bench.training.dialogue import collator
from cmcc_bench.training.precision import BATCHES, seconds_a_pass
from cmcc_bench.training.run_folder import TrainingProgress
from tests.training import toy
from tests.training.test_loop import equal, weights


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(True)


@pytest.fixture
def faster(monkeypatch):
    """faster(name): a CPU with bfloat16 on which that precision is measured to be the faster one, by the real probe."""

    def choose(name: str) -> None:
        def probe(model, passes):
            found = seconds_a_pass(model, passes)
            return {kind: 1.0 if kind == name else 2.0 for kind in found}

        monkeypatch.setattr(loop, "cpu_has_bfloat16", lambda device: True)
        monkeypatch.setattr(loop, "seconds_a_pass", probe)

    return choose


def record(out):
    return json.loads((out / "run.json").read_text())


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_measured_choice_gives_the_weights_that_asking_for_it_gives(tmp_path, faster, name):
    faster(name)
    toy.train(toy.recipe(tmp_path / "asked", precision=name), dropout=0.1)
    toy.train(toy.recipe(tmp_path / "auto", precision="auto"), dropout=0.1)
    assert equal(weights(tmp_path / "asked"), weights(tmp_path / "auto"))
    assert record(tmp_path / "auto")["bfloat16"] is record(tmp_path / "asked")["bfloat16"] is (name == "bfloat16")
    assert record(tmp_path / "asked")["seconds_a_pass"] is None  # nothing was measured


def test_the_run_says_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "cpu_has_bfloat16", lambda device: True)
    toy.train(toy.recipe(tmp_path, precision="auto"))
    measured = record(tmp_path)["seconds_a_pass"]
    assert measured.keys() == {"float32", "bfloat16"} and min(measured.values()) > 0
    assert record(tmp_path)["bfloat16"] is (measured["bfloat16"] < measured["float32"])


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_resumed_run_keeps_the_choice_and_does_not_measure_again(tmp_path, faster, monkeypatch, name):
    faster(name)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    toy.train(toy.recipe(whole, precision="auto", save_every=2), dropout=0.1)

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "dev_loss", stop)
        with pytest.raises(KeyboardInterrupt):
            toy.train(toy.recipe(stopped, precision="auto", save_every=2), dropout=0.1)
    assert not (stopped / "run.json").exists()  # the state alone knows
    AcceleratorState._reset_state(True)
    monkeypatch.setattr(loop, "seconds_a_pass", stop)
    toy.train(toy.recipe(stopped, precision="auto", save_every=2, resume=True), dropout=0.1)
    assert equal(weights(whole), weights(stopped))
    assert [record(out)["bfloat16"] for out in (whole, stopped)] == [name == "bfloat16"] * 2
    assert record(stopped)["seconds_a_pass"] == record(whole)["seconds_a_pass"]


def test_nothing_is_measured_where_a_cpu_lacks_bfloat16(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "cpu_has_bfloat16", lambda device: False)
    toy.train(toy.recipe(tmp_path, precision="auto"))
    assert (record(tmp_path)["bfloat16"], record(tmp_path)["seconds_a_pass"]) == (False, None)


class Noisy(nn.Module):
    """A model with dropout, a buffer that each forward pass changes, and a parameter that none uses."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm, self.drop = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.unused = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.drop(self.norm(self.layer(x))).sum()


def test_measuring_leaves_weights_buffers_gradients_mode_and_random_numbers_as_they_were():
    torch.manual_seed(0)
    model, batch, asked = Noisy().eval(), torch.ones(3, 4), []
    model.layer.weight.grad = torch.full((4, 4), 7.0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    states = torch.random.get_rng_state(), random.getstate()

    def forward(bfloat16):
        asked.append(bfloat16)
        random.random()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return model(batch)

    found = seconds_a_pass(model, [forward] * 5)
    assert min(found.values()) > 0 and asked.count(True) == asked.count(False) == 5
    assert equal(before, dict(model.state_dict())) and not model.training
    assert torch.equal(model.layer.weight.grad, torch.full((4, 4), 7.0)) and model.unused.grad is None
    assert torch.equal(states[0], torch.random.get_rng_state()) and states[1] == random.getstate()


@pytest.mark.parametrize("batches", [["first"], ["first", "second", "third"]])
def test_a_model_whose_passes_are_long_is_measured_once(monkeypatch, batches):
    monkeypatch.setattr(precision, "SECONDS", 0.0)
    asked, model = [], nn.Linear(2, 2)

    def forward(batch, bfloat16):
        asked.append((batch, bfloat16))
        return model.weight.sum()

    seconds_a_pass(model, [partial(forward, batch) for batch in batches])
    measured = batches[min(1, len(batches) - 1)]
    assert asked == [("first", True), ("first", False), (measured, True), (measured, False)]


@pytest.mark.parametrize("slow", [True, False])
def test_the_slower_one_has_the_larger_figure(slow, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(precision.time, "perf_counter", lambda: float(next(clock)))
    model = nn.Linear(2, 2)

    def forward(bfloat16):
        if bfloat16 is slow:
            next(clock)
        return model.weight.sum()

    monkeypatch.setattr(precision, "SECONDS", float("inf"))
    found = seconds_a_pass(model, [forward] * 4)
    assert (found["bfloat16"] > found["float32"]) is slow and set(found.values()) == {1.0, 2.0}


def test_the_batches_that_are_measured_are_those_that_the_training_begins_with(tmp_path, monkeypatch):
    seen = {}

    def collating(name):
        batches = seen.setdefault(name, [])

        def collate(items):
            batches.append([item.ids for item in items])
            return collator(29, "all")(items)

        return collate

    def probe(model, passes):
        for forward in passes:
            forward(False)
        return {"float32": 1.0, "bfloat16": 2.0}

    monkeypatch.setattr(loop, "cpu_has_bfloat16", lambda device: True)
    monkeypatch.setattr(loop, "seconds_a_pass", probe)
    for name in ("float32", "auto"):
        monkeypatch.setattr(toy, "collator", lambda *_, name=name: collating(name))
        toy.train(toy.recipe(tmp_path / name, precision=name, epochs=1, batch_size=4, accumulation=2))
    measured = seen["auto"][: len(seen["auto"]) - len(seen["float32"])]
    assert 1 < len(measured) <= BATCHES and measured == seen["float32"][: len(measured)]


@pytest.mark.parametrize("first", [True, False])
def test_every_process_does_as_the_first_one_measured(tmp_path, monkeypatch, first):
    measured, sent = {"float32": 2.0, "bfloat16": 1.0}, []

    def broadcast(values):
        sent.extend(values)
        return [(True, measured)]  # the first process's, in all of them

    monkeypatch.setattr(loop, "broadcast_object_list", broadcast)
    monkeypatch.setattr(loop, "cpu_has_bfloat16", lambda device: first)  # another machine may lack it
    monkeypatch.setattr(loop, "seconds_a_pass", lambda model, passes: measured)
    run = object.__new__(loop._Run)
    run.accelerator = SimpleNamespace(is_main_process=first, num_processes=2, device=torch.device("cpu"))
    run.recipe, run.progress, run.plain_model = toy.recipe(tmp_path, precision="auto"), TrainingProgress(), None
    monkeypatch.setattr(run, "_first_passes", list)
    run._decide_precision()
    assert sent == [(True, measured) if first else (False, {})]
    assert (run.progress.bfloat16, run.progress.probe) == (True, measured)

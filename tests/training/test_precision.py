"""precision: auto follows from the device, is the same in all processes and is kept; compiling changes nothing else."""

import json
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from accelerate.state import AcceleratorState

from cmcc_bench.training import loop
from cmcc_bench.training.precision import gpu_has_bfloat16, has_fused_adamw
from cmcc_bench.training.run_folder import TrainingProgress
from tests.training import toy
from tests.training.test_loop import close, equal, weights


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(True)


def record(out):
    return json.loads((out / "run.json").read_text())


def test_a_cpu_is_float32_whatever_it_could_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert not gpu_has_bfloat16(torch.device("cpu"))
    assert gpu_has_bfloat16(torch.device("cuda"))


def test_a_gpu_that_only_emulates_bfloat16_is_float32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert not gpu_has_bfloat16(torch.device("cuda"))


def test_the_fused_optimizer_is_used_where_torch_has_it():
    assert has_fused_adamw(torch.device("cpu")) and has_fused_adamw(torch.device("cuda"))
    assert not has_fused_adamw(torch.device("meta"))


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_auto_gives_the_weights_that_asking_for_it_gives(tmp_path, monkeypatch, name):
    monkeypatch.setattr(loop, "gpu_has_bfloat16", lambda device: name == "bfloat16")
    for precision in (name, "auto"):
        toy.train(toy.recipe(tmp_path / precision, precision=precision, epochs=1), dropout=0.1)
    assert equal(weights(tmp_path / name), weights(tmp_path / "auto"))
    assert record(tmp_path / "auto")["bfloat16"] is record(tmp_path / name)["bfloat16"] is (name == "bfloat16")


def test_a_resumed_run_keeps_the_choice_on_another_device(tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    monkeypatch.setattr(loop, "gpu_has_bfloat16", lambda device: True)
    toy.train(toy.recipe(whole, precision="auto", save_every=2), dropout=0.1)

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "dev_loss", stop)
        with pytest.raises(KeyboardInterrupt):
            toy.train(toy.recipe(stopped, precision="auto", save_every=2), dropout=0.1)
    assert not (stopped / "run.json").exists()  # the state alone knows
    AcceleratorState._reset_state(True)
    monkeypatch.setattr(loop, "gpu_has_bfloat16", lambda device: False)
    toy.train(toy.recipe(stopped, precision="auto", save_every=2, resume=True), dropout=0.1)
    assert equal(weights(whole), weights(stopped))
    assert record(whole)["bfloat16"] is record(stopped)["bfloat16"] is True


@pytest.mark.parametrize("first", [True, False])
def test_every_process_does_as_the_first_one(tmp_path, monkeypatch, first):
    sent = []

    def broadcast(values):
        sent.extend(values)
        return [True]  # the first process's, in all of them

    monkeypatch.setattr(loop, "broadcast_object_list", broadcast)
    monkeypatch.setattr(loop, "gpu_has_bfloat16", lambda device: first)  # another machine may lack it
    run = object.__new__(loop._Run)
    run.accelerator = SimpleNamespace(num_processes=2, device=torch.device("cpu"))
    run.recipe, run.progress = toy.recipe(tmp_path, precision="auto"), TrainingProgress()
    run._decide_precision()
    assert sent == [first] and run.progress.bfloat16 is True


@pytest.mark.slow
def test_a_compiled_model_is_trained_to_the_same_weights(tmp_path, monkeypatch):
    compiled = []

    def compile_traced(model, **options):
        compiled.append(options)
        return torch_compile(model, backend="eager", **options)  # traced as always; no compiler is needed

    torch_compile = partial(torch.compile)
    monkeypatch.setattr(loop.torch, "compile", compile_traced)
    for name in ("true", "false"):
        toy.train(toy.recipe(tmp_path / name, torch_compile=name, epochs=1))
    assert compiled == [{"dynamic": True}]
    assert close(weights(tmp_path / "true"), weights(tmp_path / "false"))

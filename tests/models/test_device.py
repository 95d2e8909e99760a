"""Copies from a GPU, with a stand-in for one."""

from types import SimpleNamespace

import torch

from cmcc_bench.models.device import HostCopy


def test_a_copy_waits_for_the_stream_of_its_own_device(monkeypatch):
    done, asked = [], []
    event = SimpleNamespace(synchronize=lambda: done.append("arrived"))
    monkeypatch.setattr(
        torch.cuda, "current_stream", lambda device: asked.append(device) or SimpleNamespace(record_event=lambda: event)
    )
    moves = []
    tensor = SimpleNamespace(
        is_cuda=True, device="cuda:1", to=lambda *where, **how: moves.append((*where, how)) or torch.ones(1)
    )
    copy = HostCopy(tensor)
    assert (moves, asked, done) == ([("cpu", {"non_blocking": True})], ["cuda:1"], [])
    assert copy.wait().tolist() == [1.0] and done == ["arrived"]


def test_without_a_gpu_nothing_is_waited_for():
    assert HostCopy(torch.arange(3)).wait().tolist() == [0, 1, 2]

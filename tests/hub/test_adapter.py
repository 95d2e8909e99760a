"""cmcc push and pull of adapters, against the tests' Hub and with the real clients. peft is not needed for them."""

import json

import pytest

from tests.hub.client import write_files
from tests.hub.test_push import run, trained

__all__ = ["run"]  # the fixture

COMMIT = "ab" * 20


@pytest.fixture
def adapter(tmp_path):
    """adapter(base, revision) -> a run whose best checkpoint is an adapter of that base."""

    def make(base, revision):
        folder = trained(tmp_path / "run", synthetic=True, licensed=False)
        best = folder / "best"
        (best / "model.safetensors").rename(best / "adapter_model.safetensors")
        (best / "config.json").unlink()
        settings = {"peft_type": "LORA", "base_model_name_or_path": base, "revision": revision}
        write_files(best, {"adapter_config.json": json.dumps(settings)})
        return folder

    return make


def test_an_adapter_comes_back_as_it_was_pushed(run, adapter, tmp_path):
    folder = adapter("acme/base", COMMIT)
    status, out, err = run("push", "model", folder, "adapted", "--yes")
    assert status == 0, err
    assert "adapter_model.safetensors" in out and "adapter_config.json" in out
    assert run("pull", "model", "alice/adapted", "--out", tmp_path / "back")[0] == 0
    for name in ("adapter_config.json", "adapter_model.safetensors", "text_form.json"):
        assert (tmp_path / "back" / name).read_bytes() == (folder / "best" / name).read_bytes()


def test_an_adapter_of_a_model_that_ships_can_be_pushed(run, adapter):
    assert run("push", "model", adapter("tiny", "sha256-1"), "shipped")[0] == 0


@pytest.mark.parametrize("base", ["runs/mine/best", "/home/someone/base"])
def test_an_adapter_of_a_folder_is_not_pushed_because_nobody_else_has_it(run, hub, adapter, base):
    seen = len(hub.requests)
    status, _, err = run("push", "model", adapter(base, "sha256-1"), "local", "--yes")
    assert status == 1 and "its base model is a folder of this machine" in err and "--merged FOLDER" in err
    assert base not in err and hub.requests[seen:] == []


def test_an_adapter_with_a_pickle_is_not_pulled(run, hub, tmp_path):
    settings = {"peft_type": "LORA", "base_model_name_or_path": "acme/base"}
    files = {"adapter_config.json": json.dumps(settings).encode(), "adapter_model.bin": b"pickle"}
    hub.add("models", "alice/pickle", files)
    status, _, err = run("pull", "model", "alice/pickle", "--out", tmp_path / "back")
    assert status == 1 and "pickles only" in err and not (tmp_path / "back").exists()

"""Tests of `adapter: lora`: a run that is killed and resumed, its files, and the commands that take its checkpoint."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

from cmcc_bench import cli
from cmcc_bench.chat.session import Session, open_chat_model
from cmcc_bench.models.causal_lm import load_model
from cmcc_bench.models.record import read_training
from cmcc_bench.training import run_folder
from tests.tiny_model import write_base

pytest.importorskip("peft")

COMMIT = "ab" * 20
SETTINGS = {
    "recipe": "llm/variant_lora",
    "backbone": "acme/base",
    "max_length": 512,
    "epochs": 1,
    "accumulation": 1,
    "labeled_share": 0.2,
    "lora_dropout": 0.1,
    "precision": "float32",
    "save_every": 1,
}


@pytest.fixture(scope="module", autouse=True)
def base():
    """A tiny backbone in the cache of the Hub, as if `hf download acme/base` had been run."""
    repository = Path(constants.HF_HUB_CACHE) / "models--acme--base"
    write_base(repository / "snapshots" / COMMIT, "tied")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    yield repository
    shutil.rmtree(repository)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("lora") / "run"
    assert train(data, out) == 0
    return out


def train(data: Path, out: Path, **settings: object) -> int:
    from accelerate.state import AcceleratorState

    given = SETTINGS | {"dataset": data, "out": out} | settings
    torch.set_num_threads(1)
    try:
        return cli.main(["train", "dialogue", *(f"--{key}={value}" for key, value in given.items())])
    finally:
        AcceleratorState._reset_state(True)


def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_bytes(data, whole, tmp_path, monkeypatch, capsys):
    save, saved = run_folder.save_state, []

    def stop_at_the_third(*arguments):
        save(*arguments)
        saved.append(arguments)
        if len(saved) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("cmcc_bench.training.loop.save_state", stop_at_the_third)
    assert train(data, tmp_path / "run") == 1
    assert "Add --resume" in capsys.readouterr().err
    assert train(data, tmp_path / "run", resume=True) == 0
    assert "resumed from step 3" in capsys.readouterr().err
    for path in (whole / "best").iterdir():
        assert path.read_bytes() == (tmp_path / "run" / "best" / path.name).read_bytes(), path.name


def test_a_run_is_not_resumed_from_another_revision_of_the_backbone(data, whole, base, capsys):
    shutil.copytree(base / "snapshots" / COMMIT, base / "snapshots" / ("cd" * 20))
    (base / "refs" / "main").write_text("cd" * 20)
    try:
        assert train(data, whole, resume=True) == 1
    finally:
        (base / "refs" / "main").write_text(COMMIT)
    assert f"backbone_revision (was '{COMMIT}', is '{'cd' * 20}')" in capsys.readouterr().err


def test_the_checkpoint_and_the_state_hold_what_was_trained_alone(whole):
    names = {path.name for path in (whole / "best").iterdir()}
    assert names >= {"adapter_config.json", "adapter_model.safetensors", "text_form.json", "training.json"}
    assert not names & {"config.json", "model.safetensors", "README.md"}
    (state,) = whole.glob("state-*")
    record = json.loads((whole / "run.json").read_text())
    tensors = load_file(state / "model.safetensors")
    assert sum(tensor.numel() for name, tensor in tensors.items() if "lora_" in name) < record["trained_parameters"]
    assert not [name for name in tensors if name.endswith("base_layer.weight")]
    assert record["trained_parameters"] < 0.5 * record["parameters"]


def test_the_base_and_its_revision_are_recorded_and_on_the_card(whole, capsys):
    training = read_training(whole / "best")
    assert (training.base, training.base_revision, training.suffix) == (
        "acme/base",
        COMMIT,
        ", LoRA, 20% of the labels",
    )
    settings = json.loads((whole / "best" / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == ("acme/base", COMMIT)
    assert cli.main(["card", str(whole)]) == 0
    card = capsys.readouterr().out
    for text in (
        "base_model: acme/base",
        "base_model_relation: adapter",
        "library_name: peft",
        f"adapter (LoRA) of acme/base, revision {COMMIT}",
        "AutoPeftModelForCausalLM",
        "parameters that were trained",
    ):
        assert text in card, text


def test_the_merged_model_has_the_weights_that_predictions_are_made_with(whole, tmp_path):
    merged = tmp_path / "merged"
    assert cli.main(["export", str(whole / "best"), "--merged", str(merged)]) == 0
    assert {"config.json", "model.safetensors", "text_form.json"} <= {path.name for path in merged.iterdir()}
    assert read_training(merged).base_revision == COMMIT
    first, second = (load_model(folder).state_dict() for folder in (whole / "best", merged))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_predictions_record_that_the_model_is_an_adapter_and_of_what(data, whole, tmp_path):
    out = tmp_path / "test.jsonl"
    assert cli.main(["predict", str(whole / "best"), str(data), "--mode", "oracle", "--out", str(out)]) == 0
    training = json.loads((tmp_path / "test.jsonl.run.json").read_text())["training"]
    assert (training["base"], training["options"]) == ("acme/base", ["LoRA"])


def test_the_merged_model_needs_no_adapter_and_is_none(whole, tmp_path, capsys):
    assert cli.main(["export", str(whole / "best"), "--merged", str(tmp_path)]) == 1
    assert "the folder exists already. Choose another --merged" in capsys.readouterr().err
    assert cli.main(["export", "tiny", "--merged", str(tmp_path / "new")]) == 1
    assert "not an adapter. Name the folder of a run with adapter: lora" in capsys.readouterr().err


def test_a_chat_takes_an_adapter(whole):
    session = Session(open_chat_model(whole / "best"), {})
    assert isinstance(session.reply("你好").response, str)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "scratch"}, "backbone: found 'scratch'; expected a pretrained model"),
        ({"lora_rank": 0}, "lora_rank: found 0; expected 1 or more"),
    ],
)
def test_settings_that_make_no_adapter_end_with_status_2(data, tmp_path, capsys, settings, message):
    with pytest.raises(SystemExit) as ended:
        train(data, tmp_path, **settings)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_an_adapter_of_an_adapter_is_refused_with_the_command_that_merges(data, whole, tmp_path, capsys):
    assert train(data, tmp_path / "run", backbone=whole / "best") == 1
    assert f"cmcc export {whole / 'best'} --merged FOLDER" in capsys.readouterr().err

"""Tests of adapters, on small models: with an output layer that is tied to the embeddings, and with one of its own."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

import cmcc
from cmcc_bench.models.base import BaseModel, folder_revision
from cmcc_bench.models.causal_lm import fit_to_tokenizer, load_model
from cmcc_bench.models.tokenizer import Tokenizer, backbone_tokenizer
from cmcc_bench.textform import SPECIAL_TOKENS
from tests.tiny_model import write_base

pytest.importorskip("peft")

from peft import AutoPeftModelForCausalLM, PeftModel

from cmcc_bench.models.adapter import AdapterSettings, add_adapter, save_adapter

SETTINGS = AdapterSettings(rank=4, alpha=8, dropout=0.0)


def open_for_training(base: Path) -> tuple[PeftModel, Tokenizer]:
    torch.manual_seed(1)
    tokenizer = backbone_tokenizer(str(base))
    model = load_model(base, fused=True, only_safetensors=True)
    added = fit_to_tokenizer(model, tokenizer)
    return add_adapter(model, added, SETTINGS, BaseModel(str(base), folder_revision(base))), tokenizer


def train(model: PeftModel, ids: torch.Tensor) -> None:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.02)
    for _ in range(3):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def text_ids(tokenizer: Tokenizer) -> torch.Tensor:
    return torch.tensor([[5, 6, *tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)), 7, 8]])


@torch.no_grad()
def logits(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    return model.eval()(input_ids=ids).logits


def make_trained(kind: str, folder: Path) -> tuple[PeftModel, Tokenizer, Path, Path]:
    """A trained adapter, its tokenizer, and the folders of its base and of itself."""
    base = write_base(folder / "base", kind)
    model, tokenizer = open_for_training(base)
    train(model, text_ids(tokenizer))
    (folder / "adapter").mkdir()
    save_adapter(folder / "adapter", model)
    tokenizer.save_pretrained(folder / "adapter")
    return model, tokenizer, base, folder / "adapter"


@pytest.fixture(scope="module", params=["gpt2", "tied", "untied"])
def trained(request, tmp_path_factory):
    return make_trained(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return make_trained("tied", tmp_path_factory.mktemp("one"))


def test_only_the_adapter_and_the_rows_of_the_new_tokens_are_trained(trained):
    model, tokenizer, base, _ = trained
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert names and all("lora_" in name or "trainable_tokens" in name for name in names)
    plain, now = load_model(base, fused=True).state_dict(), model.get_base_model().state_dict()
    old_rows = now[next(name for name in now if "embed" in name or "wte" in name)][
        : len(tokenizer) - len(SPECIAL_TOKENS)
    ]
    assert torch.equal(old_rows, plain[next(name for name in plain if "embed" in name or "wte" in name)])


def test_the_saved_adapter_gives_the_logits_of_the_trained_one(trained):
    model, tokenizer, _, folder = trained
    torch.manual_seed(99)  # the new rows begin with other values
    again = load_model(folder)
    ids = text_ids(tokenizer)
    assert torch.allclose(logits(again, ids), logits(model, ids), atol=1e-5)
    assert type(again).__name__ in ("GPT2LMHeadModel", "LlamaForCausalLM")


def test_peft_alone_opens_the_adapter_in_its_folder(trained):
    model, tokenizer, _, folder = trained
    alone, ids = AutoPeftModelForCausalLM.from_pretrained(folder), text_ids(tokenizer)
    assert torch.allclose(logits(alone, ids), logits(model, ids), atol=1e-4)  # without the fused activation
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == tokenizer.get_vocab()


def test_new_tokens_are_trained_in_the_output_layer_too(trained):
    """With a plain list of tokens, peft leaves an output layer of its own as it is: no new token would be written."""
    _, tokenizer, base, folder = trained
    torch.manual_seed(1)
    before = load_model(base, fused=True)
    fit_to_tokenizer(before, tokenizer)
    for layer in ("get_input_embeddings", "get_output_embeddings"):
        first, after = (
            getattr(model, layer)().weight[-len(SPECIAL_TOKENS) :] for model in (before, load_model(folder))
        )
        assert (first - after).abs().amax(dim=1).min() > 1e-3, layer


def test_the_files_are_small_sorted_and_safetensors_alone(trained):
    *_, folder = trained
    assert {path.name for path in folder.iterdir() if "adapter" in path.name} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert not (folder / "README.md").exists()
    targets = json.loads((folder / "adapter_config.json").read_text())["target_modules"]
    assert len(targets) > 1 and targets == sorted(targets)


def change(folder: Path, **settings: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.fixture
def copy(one, tmp_path):
    """A copy of an adapter whose base is a copy, too."""
    *_, base, folder = one
    shutil.copytree(base, tmp_path / "base")
    shutil.copytree(folder, tmp_path / "adapter")
    change(tmp_path / "adapter", base_model_name_or_path=str(tmp_path / "base"))
    return tmp_path / "adapter"


def refused(folder: Path, message: str) -> None:
    with pytest.raises(cmcc.DataError, match=message):
        load_model(folder)


def test_a_missing_or_changed_base_is_named_with_the_fix(copy):
    base = copy.with_name("base")
    assert load_model(copy)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"eos_token_id": 1}))
    refused(copy, "its base model .*base has changed: sha256-")
    shutil.rmtree(base)
    refused(copy, "base is missing. Restore the folder, or set base_model_name_or_path in .* to its new path")


def test_a_base_that_is_not_in_the_cache_is_named_with_the_command_that_downloads_it(copy):
    change(copy, base_model_name_or_path="acme/nothing", revision="ab" * 20)
    refused(copy, rf"acme/nothing cannot be opened: .*Download it: hf download acme/nothing --revision {'ab' * 20}")


def test_a_base_with_a_pickle_or_with_code_is_refused(copy):
    base = copy.with_name("base")
    config = json.loads((base / "config.json").read_text())
    (base / "model.py").write_text("raise SystemExit('this code ran')")
    auto_map = {"auto_map": {"AutoConfig": "model.C", "AutoModelForCausalLM": "model.M"}, "model_type": "unknown"}
    (base / "config.json").write_text(json.dumps(config | auto_map))
    change(copy, revision=folder_revision(base))
    refused(copy, "cannot be opened")
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    (base / "config.json").write_text(json.dumps(config))
    change(copy, revision=folder_revision(base))
    refused(copy, "cannot be opened")


def test_an_adapter_as_a_pickle_is_never_opened(copy):
    torch.save({}, copy / "adapter_model.bin")
    (copy / "adapter_model.safetensors").unlink()
    refused(copy, "adapter_model.safetensors: found No such file.*; expected the adapter's weights")


@pytest.mark.parametrize("settings", [{"use_dora": True}, {"megatron_config": {}}, {"peft_type": "VERA"}, {"r": "x"}])
def test_settings_that_the_training_does_not_write_are_refused(copy, settings):
    change(copy, **settings)
    refused(copy, "adapter_config.json: not an adapter of cmcc train dialogue")


def test_weights_of_another_rank_are_refused(copy):
    change(copy, r=8)
    refused(copy, "found weights of another model; expected the adapter's weights")


def test_an_adapter_config_that_is_damaged_is_named(copy):
    (copy / "adapter_config.json").write_text("{")
    refused(copy, "adapter_config.json: found cannot read it")


def test_an_output_layer_with_a_bias_is_refused_because_peft_would_drop_the_bias(tmp_path):
    with pytest.raises(cmcc.DataError, match="output layer has a bias"):
        open_for_training(write_base(tmp_path, "bias"))

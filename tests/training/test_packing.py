"""Packing gives the loss and the gradients of padded batches, in a single sequence without padding."""

import json

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch._dynamo.testing import CompileCounterWithBackend
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

import cmcc
from cmcc_bench.models.encoding import Encoded
from cmcc_bench.training.dialogue import collator
from cmcc_bench.training.loss import token_loss
from cmcc_bench.training.packing import packed, use_causal_attention, use_packing
from tests.training import toy
from tests.training.varlen import on_cpu

EXCHANGES = [Encoded((2, 9, 8, 3), (False, False, True, False)), Encoded((2, 3), (False, True))]


def llama(hidden_size: int = 32) -> LlamaForCausalLM:
    """Rotary positions, and two query heads for each key head."""
    sizes = {"vocab_size": 30, "hidden_size": hidden_size, "intermediate_size": 16, "num_hidden_layers": 2}
    return LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2))


def adapted() -> PeftModel:
    """With a low-rank adapter, as `adapter: lora` trains."""
    config = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", init_lora_weights=False)
    return get_peft_model(llama(), config)


def loss_and_gradients(model, batch):
    model.zero_grad()
    loss, tokens = token_loss(model, batch)
    loss.backward()
    return (
        loss.item(),
        int(tokens),
        {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad},
    )


def test_a_packed_batch_has_no_padding_and_its_positions_restart():
    batch = packed(EXCHANGES, "all")
    assert batch["input_ids"].tolist() == [[2, 9, 8, 3, 2, 3]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1]]
    assert batch["labels"].tolist() == [[9, 8, 3, 3]] and batch["logits_to_keep"].tolist() == [0, 1, 2, 4]
    assert batch["places"].tolist() == [[0, 1, 2, 3], [4, 5, 0, 0]] and batch["slots"].tolist() == [0, 1, 2, 3, 4, 5]
    assert batch["starts"].tolist() == [0, 4, 6] and batch["starts"].dtype == torch.int32
    generated = packed(EXCHANGES, "generated")
    assert generated["labels"].tolist() == [[8, 3]] and generated["logits_to_keep"].tolist() == [1, 4]


@pytest.mark.parametrize("make", [toy.model, llama, adapted])
@pytest.mark.parametrize("loss_on", ["all", "generated"])
def test_the_loss_and_the_gradients_are_those_of_a_padded_batch(make, loss_on):
    torch.manual_seed(0)
    model, exchanges = make(), toy.counting(9, seed=5)
    loss, tokens, gradients = loss_and_gradients(model, collator(29, loss_on)(exchanges))
    assert use_packing(model, 32) == "side by side"
    packed_loss, packed_tokens, packed_gradients = loss_and_gradients(model, packed(exchanges, loss_on))
    assert packed_tokens == tokens and packed_loss == pytest.approx(loss, rel=1e-6)
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, packed_gradients[name], rtol=1e-4, atol=1e-4), name


@pytest.mark.parametrize("make", [toy.model, llama, adapted])
def test_padded_batches_need_no_mask(make):
    torch.manual_seed(0)
    model, batch = make(), collator(29, "all")(toy.counting(9, seed=5))
    loss, _, gradients = loss_and_gradients(model, batch)
    assert use_causal_attention(model, 32) and model.training
    assert model.config._attn_implementation == "cmcc_causal"
    found, _, found_gradients = loss_and_gradients(model, batch)
    assert found == loss and all(torch.equal(gradients[name], found_gradients[name]) for name in gradients)


def half_precision(model, exchanges):
    """The loss and all gradients under autocast."""
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = token_loss(model, packed(exchanges, "all"))
    loss.backward()
    parameters = (parameter for parameter in model.parameters() if parameter.requires_grad)
    return loss.detach()[None], torch.cat([parameter.grad.flatten() for parameter in parameters])


@pytest.mark.parametrize("make", [toy.model, llama, adapted])
def test_flash_attention_gives_what_attention_side_by_side_gives(make, monkeypatch):
    torch.manual_seed(0)
    model, exchanges = make(), toy.counting(9, seed=5)
    with on_cpu(monkeypatch) as calls:
        assert use_packing(model, 32).startswith("flash attention")
    flash = half_precision(model, exchanges)
    assert calls[-1] == [len(exchange.ids) for exchange in exchanges] and calls[0] == [3, 2]
    model.set_attn_implementation("cmcc_packed")
    for found, expected in zip(flash, half_precision(model, exchanges), strict=True):
        assert (found - expected).norm() < 0.02 * expected.norm()


def test_texts_are_side_by_side_in_float32_with_dropout_of_attention_and_with_an_older_torch(monkeypatch):
    torch.manual_seed(0)
    exchanges = toy.counting(9, seed=5)
    with on_cpu(monkeypatch) as calls:
        assert "(the model has dropout of attention)" in use_packing(toy.model(dropout=0.1), 32)
        assert use_packing(toy.model(), 32, flash=False) == "side by side"
        assert not calls
        model = toy.model()
        assert use_packing(model, 32) == "flash attention"
        tried = len(calls)
        token_loss(model, packed(exchanges, "all"))
        assert len(calls) == tried
        half_precision(model, exchanges)
        assert len(calls) == tried + 1
        monkeypatch.setattr("cmcc_bench.training.packing.varlen_attn", None)
        assert "(it needs PyTorch 2.10 or newer)" in use_packing(toy.model(), 32)


@pytest.mark.parametrize(
    ("hidden_size", "is_wrong", "reason"), [(16, False, "head_size must be"), (32, True, "its results differ")]
)
def test_flash_attention_that_is_not_possible_or_wrong_is_not_used(hidden_size, is_wrong, reason, monkeypatch):
    torch.manual_seed(0)
    model, exchanges = llama(hidden_size), toy.counting(9, seed=5)
    with on_cpu(monkeypatch, is_wrong) as calls:
        attention = use_packing(model, 32)
    assert attention.startswith("side by side, because flash attention is not possible here (") and reason in attention
    tried = len(calls)
    half_precision(model, exchanges)
    assert len(calls) == tried


@pytest.mark.slow
def test_a_compiled_model_with_flash_attention_is_not_compiled_again_for_every_batch(monkeypatch):
    torch.manual_seed(0)
    model, counter = toy.model(), CompileCounterWithBackend("aot_eager")
    with on_cpu(monkeypatch) as calls:
        use_packing(model, 32)
    compiled, counts = torch.compile(model, backend=counter, dynamic=True), []
    for number in (9, 7, 4):
        exchanges = toy.counting(number, seed=number)
        for found, expected in zip(half_precision(compiled, exchanges), half_precision(model, exchanges), strict=True):
            assert (found - expected).norm() < 0.02 * expected.norm()
        assert calls[-2] == calls[-1] == [len(exchange.ids) for exchange in exchanges]
        counts.append(counter.frame_count)
    assert len(set(counts)) == 1


def test_a_text_does_not_see_the_texts_beside_it():
    torch.manual_seed(0)
    model = toy.model().eval()
    use_packing(model, 32)
    others = [Encoded((5, 5, 5, 5), (False,) * 4), EXCHANGES[1]]
    logits = [
        model(**{name: tensor for name, tensor in packed(batch, "all").items() if name != "labels"}).logits[0, 3:]
        for batch in (EXCHANGES, others)
    ]
    assert torch.equal(*logits)


def bloom() -> BloomForCausalLM:
    """Has no position ids: the distance of two tokens is part of its attention."""
    return BloomForCausalLM(BloomConfig(vocab_size=30, hidden_size=16, n_layer=1, n_head=2))


def gemma() -> Gemma2ForCausalLM:
    """Cuts the scores of its attention off."""
    sizes = {"vocab_size": 30, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 4}
    return Gemma2ForCausalLM(
        Gemma2Config(**sizes, num_attention_heads=4, num_key_value_heads=2, attn_logit_softcapping=50.0)
    )


def windowed() -> LlamaForCausalLM:
    """Attends to the last 8 tokens only."""
    model = llama()
    model.config.sliding_window = 8
    return model


@pytest.mark.parametrize("make", [bloom, gemma, windowed])
def test_a_model_with_another_kind_of_attention_is_refused(make):
    torch.manual_seed(0)
    model = make()
    with pytest.raises(cmcc.DataError, match=r"another kind of attention.*--packing false"):
        use_packing(model, 32)
    assert not use_causal_attention(model, 32) and model.config._attn_implementation in ("sdpa", "eager")


def test_a_packed_training_ends_with_the_weights_of_a_padded_one(data, run_training, tmp_path):
    settings = {"form": "variant", "backbone": "scratch", "layers": 1, "width": 32, "heads": 2, "max_length": 256}
    short = {"epochs": 1, "batch_size": 8, "learning_rate": 3e-3, "precision": "float32", "dataset": data}
    for packing in (True, False):
        assert run_training("dialogue", **settings, **short, packing=packing, out=tmp_path / str(packing)) == 0
    records = [json.loads((tmp_path / name / "run.json").read_text("utf-8")) for name in ("True", "False")]
    assert records[0]["padding_share"] == 0.0 < records[1]["padding_share"]
    assert records[0]["tokens"] == records[1]["tokens"]
    assert records[0]["attention"] == "side by side" and "attention" not in records[1]
    assert records[0]["dev_losses"] == pytest.approx(records[1]["dev_losses"], abs=1e-4)
    config = [(tmp_path / name / "best" / "config.json").read_bytes() for name in ("True", "False")]
    assert config[0] == config[1]
    weights = [load_file(tmp_path / name / "best" / "model.safetensors") for name in ("True", "False")]
    assert weights[0].keys() == weights[1].keys()

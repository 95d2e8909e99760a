"""Tests of making and opening causal language models."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import cmcc
from cmcc_bench.models.causal_lm import backbone_model, generation_settings, load_model, longest_input, scratch_model
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.textform import FORMS

SIZES = {"layers": 1, "width": 32, "heads": 2, "positions": 64, "dropout": 0.0}


def test_a_model_from_scratch_has_the_vocabulary_and_the_sizes_asked_for():
    tokenizer = character_tokenizer(["你好"])
    model = scratch_model(tokenizer, **SIZES)
    assert model.get_input_embeddings().weight.shape == (len(tokenizer), 32)
    assert longest_input(model) == 64
    assert len(model.transformer.h) == 1
    assert model.config.pad_token_id == tokenizer.pad_token_id


def test_the_seed_decides_the_first_weights():
    tokenizer = character_tokenizer(["你好"])
    models = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        models.append(scratch_model(tokenizer, **SIZES).get_input_embeddings().weight)
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


@pytest.mark.parametrize("damage", ["cut off", "other width", "no object", "one layer more"])
def test_a_damaged_folder_is_an_error_and_never_a_model_with_random_weights(tmp_path, damage):
    scratch_model(character_tokenizer(["你好"]), **SIZES).save_pretrained(tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    if damage == "cut off":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "no object":
        config.write_text("[]")
    else:
        old, new = ('"n_embd": 32', '"n_embd": 64') if damage == "other width" else ('"n_layer": 1', '"n_layer": 2')
        assert old in config.read_text()
        config.write_text(config.read_text().replace(old, new))
    with pytest.raises(cmcc.DataError, match="AutoModelForCausalLM cannot open it"):
        load_model(tmp_path)


def test_a_width_that_the_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="width 32 is not a multiple of heads 3"):
        scratch_model(character_tokenizer([]), **SIZES | {"heads": 3})


def test_a_backbone_gets_embeddings_for_the_added_tokens_and_keeps_its_own(tmp_path):
    plain = character_tokenizer(["你好"], special_tokens=())
    model = scratch_model(plain, **SIZES)
    model.save_pretrained(tmp_path)
    tokenizer = character_tokenizer(["你好"])
    grown = backbone_model(str(tmp_path), tokenizer)
    weight = grown.get_input_embeddings().weight
    assert weight.shape[0] == len(tokenizer) > len(plain)
    assert torch.equal(weight[: len(plain)], model.get_input_embeddings().weight)
    assert grown(torch.tensor([[len(tokenizer) - 1]])).logits.shape[-1] == len(tokenizer)


def test_the_faster_activation_of_a_backbone_is_the_same_function(tmp_path):
    config = GPT2Config(vocab_size=99, n_layer=2, n_embd=32, n_head=2, n_positions=16, bos_token_id=1, eos_token_id=1)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    ids = torch.randint(0, 99, (4, 16), generator=torch.Generator().manual_seed(0))
    plain, fused = load_model(tmp_path).eval(), load_model(tmp_path, fused=True).eval()
    assert plain.config.activation_function == "gelu_new"
    assert fused.config.activation_function == "gelu_pytorch_tanh"
    assert torch.allclose(plain(ids).logits, fused(ids).logits, atol=1e-5)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(cmcc.DataError, match=f"model {tmp_path}: AutoModelForCausalLM cannot open it"):
        load_model(tmp_path)


@pytest.mark.parametrize(("form", "longest"), [("baseline", 130), ("variant", 160)])
def test_plain_generation_stops_where_the_knowledge_base_is_asked_and_at_the_end(form, longest):
    tokenizer = character_tokenizer(["您好"])
    found = generation_settings(FORMS[form], tokenizer)
    assert tokenizer.convert_ids_to_tokens(found.eos_token_id) == ["[EOS_UI]", "[EOS_S]"]
    assert found.max_new_tokens == longest and found.do_sample is False
    assert found.pad_token_id == tokenizer.pad_token_id

"""Writes tiny models with random weights: in the format of cmcc train dialogue, and as a pretrained base."""

from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PhiConfig, PhiForCausalLM

from cmcc_bench.models.causal_lm import generation_settings, scratch_model
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.textform import TextForm


def write_model(folder: Path, form: TextForm) -> None:
    """Writes a GPT-2 with one layer and random weights, its tokenizer and its text form."""
    torch.manual_seed(0)
    tokenizer = character_tokenizer(["您好流量包多少钱十块钱再见"])
    model = scratch_model(tokenizer, layers=1, width=32, heads=2, positions=512, dropout=0.0)
    model.generation_config = generation_settings(form, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    form.save(folder)


_SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 512}


def write_base(folder: Path, kind: str) -> Path:
    """Writes a pretrained model without the tokens of the text form; kind: gpt2, tied or untied (Llama), bias (Phi)."""
    torch.manual_seed(0)
    tokenizer = character_tokenizer(["您好流量包多少钱"], ())
    sizes = {"vocab_size": len(tokenizer), "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    if kind == "gpt2":  # tied, with transformers' Conv1D
        model = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=512, **sizes))
    elif kind == "bias":
        model = PhiForCausalLM(PhiConfig(intermediate_size=64, **_SHAPE, **sizes))
    else:
        shape = _SHAPE | {"intermediate_size": 64, "num_key_value_heads": 1}
        model = LlamaForCausalLM(LlamaConfig(tie_word_embeddings=kind == "tied", **shape, **sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

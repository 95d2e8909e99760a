"""Writes a tiny dialogue model with random weights, in the format of cmcc train dialogue."""

from pathlib import Path

import torch

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

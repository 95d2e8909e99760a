"""Causal language models for the text form: a small GPT-2 from scratch, or any one that transformers opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
)

from cmcc_bench.errors import DataError
from cmcc_bench.models.tokenizer import Tokenizer
from cmcc_bench.textform import TextForm

# GPT-2's activation in one call; gelu_new is the same function in eight, and they show in a small model's training.
_FUSED = {"gelu_new": "gelu_pytorch_tanh"}


def scratch_model(
    tokenizer: Tokenizer, *, layers: int, width: int, heads: int, positions: int, dropout: float
) -> PreTrainedModel:
    """A GPT-2 with random weights (torch's seed decides them) and the tokenizer's vocabulary.

    width must be a multiple of heads; positions is the longest sequence in tokens.
    """
    if width % heads:
        raise ValueError(f"width {width} is not a multiple of heads {heads}")
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_layer=layers,
        n_embd=width,
        n_head=heads,
        n_positions=positions,
        activation_function=_FUSED["gelu_new"],
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return GPT2LMHeadModel(config)


def backbone_model(name: str, tokenizer: Tokenizer) -> PreTrainedModel:
    """A published causal LM in float32; the tokens that were added get random embeddings, which torch's seed decides.

    name: a folder or an id on the Hub. Raises cmcc.DataError when it is no causal LM.
    """
    model = load_model(name, fused=True)
    if model.get_input_embeddings().weight.shape[0] < len(tokenizer):  # type: ignore[union-attr,index,operator]
        # Plain random rows, as published; the default, rows like the mean of all others, needs a decomposition of them.
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


def load_model(name: str | Path, dtype: torch.dtype = torch.float32, *, fused: bool = False) -> PreTrainedModel:
    """The causal LM in a folder or of an id on the Hub.

    fused: with its activation replaced by a faster one that is the same function up to rounding, where there is one.
    Raises cmcc.DataError when there is no such model.
    """
    try:
        config = AutoConfig.from_pretrained(str(name))
        activation = getattr(config, "activation_function", None)
        if fused and activation in _FUSED:
            config.activation_function = _FUSED[activation]
        opened: Any = AutoModelForCausalLM.from_pretrained(
            str(name), config=config, dtype=dtype, output_loading_info=True
        )
        model: PreTrainedModel = opened[0]
        info: dict[str, Any] = opened[1]
        if info["missing_keys"]:  # transformers would begin with random weights in their place
            raise ValueError(f"the weights of {len(info['missing_keys'])} tensors are missing")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        problem = f"AutoModelForCausalLM cannot open it ({(str(error) or type(error).__name__).splitlines()[0]})"
        hint = "Give the folder of a run's best checkpoint, for instance RUN/best, or a model id on the Hub."
        raise DataError(problem, "", hint, model=str(name)) from error
    return model


def generation_settings(form: TextForm, tokenizer: Tokenizer) -> GenerationConfig:
    """How `generate` of transformers alone writes what decoding writes: generation_config.json.

    Greedy, up to where the knowledge base is to be asked, or to the end of the response: the end of each row of
    generated segments. Longest: the longest such row.
    """
    ends, sizes, size = list[str](), list[int](), 0
    for segment, following in zip(form.segments, [*form.segments[1:], None], strict=True):
        size += segment.longest
        if segment.source == "generated" and (following is None or following.source != "generated"):
            ends.append(segment.end)
            sizes.append(size)
            size = 0
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        max_new_tokens=max(sizes),
        eos_token_id=[int(tokenizer.convert_tokens_to_ids(end)) for end in ends],  # type: ignore[arg-type]
        pad_token_id=tokenizer.pad_token_id,
    )


def longest_input(model: PreTrainedModel) -> int | None:
    """The most tokens that the model has positions for; None where its configuration sets no limit."""
    found: int | None = getattr(model.config, "max_position_embeddings", None)
    return found

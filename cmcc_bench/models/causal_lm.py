"""Causal language models: a small GPT-2 from scratch, or any model that AutoModelForCausalLM opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from torch.nn import Module
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
)
from transformers.utils.hub import cached_file, extract_commit_hash

from cmcc_bench.errors import DataError
from cmcc_bench.models.base import is_adapter, read_adapter
from cmcc_bench.models.tokenizer import Tokenizer
from cmcc_bench.textform import TextForm

# GPT-2's activation as one fused call. gelu_new is the same function in eight calls, which slow down a small model.
_FUSED = {"gelu_new": "gelu_pytorch_tanh"}


def scratch_model(
    tokenizer: Tokenizer, *, layers: int, width: int, heads: int, positions: int, dropout: float
) -> PreTrainedModel:
    """Creates a GPT-2 with random weights, drawn with torch's seed, for the tokenizer's vocabulary.

    positions: maximum sequence length in tokens. Raises ValueError unless width is a multiple of heads.
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


def commit_of(name: str, revision: str = "") -> str | None:
    """The commit of a model on the Hub, without a network that of the cache; None for a folder.

    revision: a branch, a tag or a commit; empty for the newest. A model that cannot be found has no commit, either:
    whatever opens it reports that.
    """
    if Path(name).is_dir():
        return None
    try:
        return extract_commit_hash(cached_file(name, "config.json", revision=revision or "main"), None)
    except (OSError, ValueError):
        return revision or None


def backbone_model(name: str, tokenizer: Tokenizer) -> PreTrainedModel:
    """Loads a pretrained causal LM in float32. Added tokens get random embeddings, drawn with torch's seed.

    name: a folder or a Hub id. Raises cmcc.DataError if it is not a causal LM.
    """
    model = load_model(name, fused=True)
    fit_to_tokenizer(model, tokenizer)
    return model


def fit_to_tokenizer(model: PreTrainedModel, tokenizer: Tokenizer) -> list[int]:
    """Adds embeddings for the tokens that a model lacks, drawn with torch's seed; returns their ids."""
    added = list(range(embedding_rows(model), len(tokenizer)))
    if added:
        # Plain random rows, as published; the default, rows like the mean of all others, needs a decomposition of them.
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.pad_token_id = tokenizer.pad_token_id
    return added


def embedding_rows(model: PreTrainedModel) -> int:
    """The number of tokens that a model has embeddings for."""
    return model.get_input_embeddings().get_parameter("weight").shape[0]


def has_plain_attention(model: PreTrainedModel, longest: int = 0) -> bool:
    """Whether a model says that its attention to texts of at most `longest` tokens is plain, and can be replaced.

    It is not plain with soft caps on its scores, which hardly matter in short texts, or with a shorter window.
    """
    config = model.config
    limits = (getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size"))
    is_other = any(limit is not None and limit < longest for limit in limits)
    is_other |= bool(getattr(config, "attn_logit_softcapping", None))
    return bool(model._supports_attention_backend) and not is_other


def load_model(
    name: str | Path,
    dtype: torch.dtype | Literal["auto"] = torch.float32,
    *,
    fused: bool = False,
    revision: str | None = None,
    only_safetensors: bool = False,
) -> PreTrainedModel:
    """Loads the causal LM in a folder or with a Hub id; an adapter is merged into its base model.

    dtype: auto is that of the weights in the file. fused: replace the activation by a fused one where possible; results
    are equal up to rounding. revision: of a model on the Hub. only_safetensors: refuse weights in other formats.
    Raises cmcc.DataError if the model, or an adapter's base, cannot be opened.
    """
    if is_adapter(name):
        return _open_adapter(Path(name), dtype)
    return _open(name, dtype, fused, revision, only_safetensors)


def _open_adapter(folder: Path, dtype: torch.dtype | Literal["auto"]) -> PreTrainedModel:
    """The base of the adapter in a folder, with the adapter merged into it."""
    from cmcc_bench.models.adapter import merge_adapter  # peft, which other models do not need

    base, settings = read_adapter(folder)
    base.check(folder)
    try:
        # Only safetensors: an adapter of unknown origin may name a base with a pickle.
        model = _open(base.path, dtype, True, base.commit, only_safetensors=True)
    except DataError as error:
        problem = f"its base model {base.name} cannot be opened: {error.found}"
        raise DataError(problem, "", base.hint(folder), model=str(folder)) from error
    return merge_adapter(model, folder, settings)


def _open(
    name: str | Path,
    dtype: torch.dtype | Literal["auto"],
    fused: bool,
    revision: str | None = None,
    only_safetensors: bool = False,
) -> PreTrainedModel:
    """Loads a causal LM, without running code that comes with it. revision: None for the newest."""
    options: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(str(name), **options)
        activation = getattr(config, "activation_function", None)
        if fused and activation in _FUSED:
            config.activation_function = _FUSED[activation]
        if only_safetensors:
            options["use_safetensors"] = True
        opened: Any = AutoModelForCausalLM.from_pretrained(
            str(name), config=config, dtype=dtype, output_loading_info=True, **options
        )
        model: PreTrainedModel = opened[0]
        info: dict[str, Any] = opened[1]
        if info["missing_keys"]:  # transformers would begin with random weights in their place
            raise ValueError(f"the weights of {len(info['missing_keys'])} tensors are missing")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        problem = f"AutoModelForCausalLM cannot open it ({(str(error) or type(error).__name__).splitlines()[0]})"
        hint = "Give the folder of a run's best checkpoint, for instance RUN/best, or a model id on the Hub."
        if only_safetensors:
            hint += " Weights must be safetensors: others can run code when they are opened."
        raise DataError(problem, "", hint, model=str(name)) from error
    return model


def generation_settings(form: TextForm, tokenizer: Tokenizer) -> GenerationConfig:
    """The generation_config.json with which transformers' own `generate` writes the same text as `decode`.

    Generation is greedy. It stops where the knowledge base must be queried or the response ends, that is, at the end
    of each run of generated segments. max_new_tokens is the length of the longest run.
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


def longest_input(model: Module) -> int | None:
    """The maximum input length of a model in tokens; None if its configuration sets no limit."""
    config: Any = model.config
    limit: int | None = getattr(config, "max_position_embeddings", None)
    return limit

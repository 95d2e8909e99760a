"""Packing: the texts of a forward pass in one sequence without padding, each text independent of the others.

    texts           a b c | d e     two texts, [1, tokens]
    position_ids    0 1 2 | 0 1     restart with each text
    logits_to_keep  0 1   | 3       the positions whose next token is in the loss; there are no logits at others
    labels          b c   | e       and these tokens
    starts          0 3 5           [texts + 1], int32: where each text starts, and the end of the last one
    places          0 1 2 | 3 4 0   [texts, longest]: where the tokens of each text are; filled up on the right
    slots           0 1 2 | 3 4     [tokens]: where each token is in the flattened `places`

All layers but attention see the sequence. There are two kinds of attention, both registered with transformers'
attention interface, from which they get `starts`, `places` and `slots`:

- Flash attention over the sequence as it is, by torch's varlen_attn: on NVIDIA GPUs, in half precision and without
  dropout of attention. The length of the longest text is the width of `places`, so nothing waits for the device.
- Side by side, everywhere else: the texts are taken apart into [texts, longest], where a causal mask is enough: no
  token of a text attends to the filling on its right. (transformers by itself would mask a block for each text out
  of [tokens, tokens]: the same result, with all the scores between texts computed in vain.)

torch's kernel comes with torch. transformers' flash_attention_2 and 3 need a package that is compiled for the GPU and
the versions of torch and CUDA. They also have dropout of attention, and kernels of their own for Hopper; but in texts
of some hundred tokens, attention is a few percent of the work of a model of GPT-2's size or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from cmcc_bench.errors import DataError
from cmcc_bench.models.causal_lm import has_plain_attention
from cmcc_bench.models.encoding import Encoded
from cmcc_bench.training.loss import Batch

if TYPE_CHECKING:
    from peft import PeftModel

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # older than torch 2.10
    varlen_attn = None  # type: ignore[assignment]

# Names in transformers' registry. With "flash" in one, transformers would look for the package flash-attn.
_SIDE_BY_SIDE, _FLASH, _TRIED = "cmcc_packed", "cmcc_packed_varlen", "cmcc_packed_tried"
_CAUSAL = "cmcc_causal"  # transformers' own attention, under a name for which it makes no mask

_NO_FLASH = "side by side, because flash attention is not possible here"
_DROPOUTS = ("attn_pdrop", "attention_dropout")  # the names of the setting in transformers' configurations

_TEXTS = ((1, 2, 3), (3, 1))  # on which attention is tried
_NOT_POSSIBLE = (RuntimeError, TypeError, ValueError)  # what it then raises


def packed(exchanges: list[Encoded], loss_on: str) -> Batch:
    """A batch without padding, with the tensors that are shown above.

    loss_on: all, or generated: other tokens are not in the loss.
    """
    ids, lengths = [torch.tensor(exchange.ids) for exchange in exchanges], [len(one.ids) for one in exchanges]
    in_loss = [
        torch.ones(len(one.ids), dtype=torch.bool) if loss_on == "all" else torch.tensor(one.generated)
        for one in exchanges
    ]
    for one in in_loss:
        one[0] = False  # nothing before it predicts it
    kept = torch.cat(in_loss).nonzero()[:, 0]
    places = pad_sequence(list(torch.split(torch.arange(sum(lengths)), lengths)), batch_first=True)  # [texts, longest]
    is_token = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return {
        "input_ids": torch.cat(ids)[None],
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "starts": pad(torch.tensor(lengths).cumsum(0), (1, 0)).int(),
        "places": places,
        "slots": is_token.flatten().nonzero()[:, 0],
        "logits_to_keep": kept - 1,
        "labels": torch.cat(ids)[None, kept],
    }


@torch.no_grad()
def use_packing(
    model: PreTrainedModel | PeftModel, longest: int, device: torch.device | None = None, flash: bool = True
) -> str:
    """Makes a model read packed batches, and only those, until another attention is set; says with which attention.

    longest: maximum length of a text in tokens. device: where the model is moved; None leaves it where it is. flash:
    use flash attention if it works there; the training has to be in bfloat16.
    Raises cmcc.DataError if the model's attention is not plain causal attention, such as attention with sinks, soft
    caps or a shorter window. Both are tried on two texts of a few tokens.
    """
    batch = packed([Encoded(ids, (True,) * len(ids)) for ids in _TEXTS], "all")
    del batch["labels"]
    if not _try(model, longest, _SIDE_BY_SIDE, lambda: _on_device(model, batch)[0]):
        hint = "Train with --packing false."
        raise DataError("this model has another kind of attention", "one that can be packed", hint, key="packing")
    device = device or next(model.parameters()).device
    model.to(device)  # type: ignore[arg-type]
    if not flash or not _may_have_flash(device):
        return "side by side"
    if varlen_attn is None:
        return f"{_NO_FLASH} (it needs PyTorch 2.10 or newer)"
    if any(getattr(model.config, name, 0) for name in _DROPOUTS):
        return f"{_NO_FLASH} (the model has dropout of attention)"
    return _try_flash(model, batch)


@torch.no_grad()
def use_causal_attention(model: PreTrainedModel | PeftModel, longest: int) -> bool:
    """Makes a model read batches that are padded on the right without a mask, and only those; says whether it does.

    longest: as in use_packing. By itself transformers looks at the positions in every forward pass for packed texts, so
    that the model waits for the device, and a compiled model gets a mask, which excludes flash attention. A model with
    another kind of attention stays as it is.
    """
    rows = {"input_ids": pad_sequence([torch.tensor(ids) for ids in _TEXTS], batch_first=True)}
    lengths = [len(ids) - 1 for ids in _TEXTS]

    def logits() -> torch.Tensor:
        """Those of all tokens but the last of each text, [tokens, vocabulary]."""
        return torch.cat([row[:length] for row, length in zip(_on_device(model, rows), lengths, strict=True)])

    return _try(model, longest, _CAUSAL, logits)


def _on_device(model: PreTrainedModel | PeftModel, batch: Batch) -> torch.Tensor:
    """The logits of a batch, [exchanges, tokens, vocabulary]."""
    device = next(model.parameters()).device
    output: Any = model(**{name: tensor.to(device) for name, tensor in batch.items()}, use_cache=False)
    return output.logits  # type: ignore[no-any-return]


def _try(model: PreTrainedModel | PeftModel, longest: int, name: str, logits: Callable[[], torch.Tensor]) -> bool:
    """Sets the attention with this name if the model is the same with it; says whether it is set.

    logits: the model's with that attention, for all tokens of the texts but the last ones.
    """
    before, was_training = model.config._attn_implementation, model.training
    if not has_plain_attention(model, longest):  # type: ignore[arg-type]  # an adapter's model has the same settings
        return False
    model.train(False)
    alone = torch.cat([_on_device(model, {"input_ids": torch.tensor([ids])})[0, :-1] for ids in _TEXTS])
    model.set_attn_implementation(name)
    try:
        found = logits()
        # Relative to the norm: the logits of a model with random weights are all near 0.
        agrees = found.shape == alone.shape and bool((found - alone).norm() < 1e-4 * alone.norm())
    except _NOT_POSSIBLE:  # such as transformers' own attention of a model with soft caps
        agrees = False
    if not agrees:
        model.set_attn_implementation(before)
    model.train(was_training)
    return agrees


def _may_have_flash(device: torch.device) -> bool:
    return device.type == "cuda"


def _try_flash(model: PreTrainedModel | PeftModel, batch: Batch) -> str:
    """Sets flash attention if it works for this model on its device; says which attention is set.

    It needs bfloat16, heads of at most 256 in multiples of 8, and a build of torch that has it.
    """
    was_training, name = model.training, _SIDE_BY_SIDE
    model.train(False)
    model.set_attn_implementation(_TRIED)
    try:
        with torch.autocast(next(model.parameters()).device.type, torch.bfloat16):
            _on_device(model, batch)
        name, attention = _FLASH, "flash attention"
    except _NOT_POSSIBLE as error:
        attention = f"{_NO_FLASH} ({(str(error) or type(error).__name__).splitlines()[0]})"
    model.set_attn_implementation(name)
    model.train(was_training)
    return attention


def _side_by_side(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001 - part of the interface; always None here
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    places: torch.Tensor,
    slots: torch.Tensor,
    **_kwargs: Any,  # noqa: ANN401 - other arguments of the interface
) -> tuple[torch.Tensor, None]:
    """Attention of packed texts, [1, tokens, heads, head size]; query, key, value: [1, heads, tokens, head size]."""

    def apart(states: torch.Tensor) -> torch.Tensor:
        """[1, heads, tokens, head size] -> [texts, heads, longest, head size]."""
        rows = states[0].transpose(0, 1).index_select(0, places.flatten())  # [texts * longest, heads, head size]
        return rows.view(*places.shape, *rows.shape[1:]).transpose(1, 2)  # [texts, heads, longest, head size]

    attended = scaled_dot_product_attention(
        apart(query),
        apart(key),
        apart(value),
        dropout_p=dropout if module.training else 0.0,
        is_causal=True,
        scale=scaling,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return attended.transpose(1, 2).flatten(0, 1).index_select(0, slots)[None], None


def _flash(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    starts: torch.Tensor,
    places: torch.Tensor,
    slots: torch.Tensor,
    **_kwargs: Any,  # noqa: ANN401 - other arguments of the interface
) -> tuple[torch.Tensor, None]:
    """As _side_by_side, by varlen_attn where it can: in half precision without dropout."""
    kind = query.device.type
    # Under autocast, rotary positions leave float32; scaled_dot_product_attention is cast, varlen_attn is not.
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype
    if dtype not in (torch.bfloat16, torch.float16) or (dropout and module.training):
        return _side_by_side(module, query, key, value, attention_mask, scaling, dropout, places=places, slots=slots)
    longest = places.shape[1]  # of the shape, so that torch.compile takes it as a variable
    query, key, value = (states[0].transpose(0, 1).to(dtype) for states in (query, key, value))  # [tokens, heads, size]
    settings: Any = {"scale": scaling, "window_size": (-1, 0), "enable_gqa": key.shape[1] != query.shape[1]}  # causal
    attended: Any = varlen_attn(query, key, value, starts, starts, longest, longest, **settings)
    return attended[None], None


def _tried(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **packing: Any,  # noqa: ANN401 - of both
) -> tuple[torch.Tensor, None]:
    """Attention side by side. Raises ValueError if flash attention gives something else, forward or backward."""
    results = list[torch.Tensor]()
    with torch.enable_grad():
        for attend in (_flash, _side_by_side):
            states = [tensor.detach().requires_grad_() for tensor in (query, key, value)]
            attended = attend(module, states[0], states[1], states[2], attention_mask, **packing)[0]
            gradients = torch.autograd.grad(attended.float().square().sum(), states)
            results.append(torch.cat([part.float().flatten() for part in (attended, *gradients)]))
    found, expected = results
    if not (found - expected).norm() < 0.02 * expected.norm():  # bfloat16 has 8 bits; NaN is not below either
        raise ValueError("its results differ")
    return attended.detach(), None


AttentionInterface.register(_SIDE_BY_SIDE, _side_by_side)
AttentionInterface.register(_FLASH, _flash)
AttentionInterface.register(_TRIED, _tried)
AttentionInterface.register(_CAUSAL, sdpa_attention_forward)

"""Packing: the texts of a forward pass in one sequence without padding, each text independent of the others.

    texts           a b c | d e     two texts, [1, tokens]
    position_ids    0 1 2 | 0 1     restart with each text
    labels          - b c | - e     the first token of a text has no loss: nothing before it predicts it
    places          0 1 2 | 3 4 0   [texts, longest]: where the tokens of each text are; filled up on the right
    slots           0 1 2 | 3 4     [tokens]: where each token is in the flattened `places`

All layers but attention see the sequence. Attention sees the texts side by side, [texts, longest], where a causal mask
is enough: no token of a text attends to the filling on its right. (transformers by itself would mask a block for each
text out of [tokens, tokens]: the same result, with all the scores between texts computed in vain.) The attention is
registered with transformers' attention interface and gets `places` and `slots` from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface, DataCollatorWithFlattening, PreTrainedModel

from cmcc_bench.errors import DataError
from cmcc_bench.models.encoding import IGNORED, Encoded
from cmcc_bench.training.loss import Batch

if TYPE_CHECKING:
    from peft import PeftModel

_NAME = "cmcc_packed"  # the name of this attention in transformers' registry


def packed(exchanges: list[Encoded], loss_on: str) -> Batch:
    """A batch without padding: input_ids, labels and position_ids, each [1, tokens], places and slots.

    loss_on: all, or generated: other tokens have the label IGNORED.
    """
    features = [
        {
            "input_ids": list(exchange.ids),
            "labels": [
                token if generated or loss_on == "all" else IGNORED
                for token, generated in zip(exchange.ids, exchange.generated, strict=True)
            ],
        }
        for exchange in exchanges
    ]
    lengths = [len(exchange.ids) for exchange in exchanges]
    places = pad_sequence(list(torch.split(torch.arange(sum(lengths)), lengths)), batch_first=True)  # [texts, longest]
    is_token = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    flat: Batch = DataCollatorWithFlattening(separator_id=IGNORED)(features, return_tensors="pt")  # type: ignore[no-untyped-call]
    return flat | {"places": places, "slots": is_token.flatten().nonzero()[:, 0]}


@torch.no_grad()
def use_packing(model: PreTrainedModel | PeftModel, longest: int) -> None:
    """Makes a model read packed batches, and only those, until another attention is set.

    longest: maximum length of a text in tokens. Raises cmcc.DataError if the model's attention is not plain causal
    attention, such as attention with sinks, soft caps or a shorter window. This is tried on two texts of a few tokens.
    """
    texts, device, was_training = ((1, 2, 3), (3, 1)), next(model.parameters()).device, model.training
    window = getattr(model.config, "sliding_window", None)
    agrees = bool(model._supports_attention_backend) and (window is None or window >= longest)
    if agrees:
        model.train(False)
        alone = torch.cat([model(torch.tensor([ids], device=device), use_cache=False).logits[0] for ids in texts])
        model.set_attn_implementation(_NAME)
        batch = packed([Encoded(ids, (True,) * len(ids)) for ids in texts], "all")
        inputs = {name: tensor.to(device) for name, tensor in batch.items() if name != "labels"}
        together = model(**inputs, use_cache=False).logits[0]
        # Relative to the norm: the logits of a model with random weights are all near 0.
        agrees = bool((together - alone).norm() < 1e-4 * alone.norm())
        model.train(was_training)
    if not agrees:
        hint = "Train with --packing false."
        raise DataError("this model has another kind of attention", "one that can be packed", hint, key="packing")


def _attend(
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

    def side_by_side(states: torch.Tensor) -> torch.Tensor:
        """[1, heads, tokens, head size] -> [texts, heads, longest, head size]."""
        rows = states[0].transpose(0, 1).index_select(0, places.flatten())  # [texts * longest, heads, head size]
        return rows.view(*places.shape, *rows.shape[1:]).transpose(1, 2)  # [texts, heads, longest, head size]

    attended = scaled_dot_product_attention(
        side_by_side(query),
        side_by_side(key),
        side_by_side(value),
        dropout_p=dropout if module.training else 0.0,
        is_causal=True,
        scale=scaling,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return attended.transpose(1, 2).flatten(0, 1).index_select(0, slots)[None], None


AttentionInterface.register(_NAME, _attend)

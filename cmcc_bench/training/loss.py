"""The losses of response models, of classifiers and of the joint tagger.

Each function takes the model and a batch. It returns the sum of the losses in nats and the number of units (tokens or
labels). The loop divides the sum by the number over the whole step, see loop.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor
from torch.nn import Module
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, pad

from cmcc_bench.models.classifier import MULTI_LABEL, model_inputs
from cmcc_bench.models.encoding import IGNORED

Batch: TypeAlias = dict[str, Tensor]


def token_loss(model: Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """The sum of the tokens' cross entropies in nats, and the number of tokens.

    batch: input_ids and labels, [exchanges, longest], or a packed batch (see packing.py), whose labels are already
    the next tokens, at the positions in `logits_to_keep`.
    No attention mask is needed: no token in the loss attends to the padding on its right.
    """
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    logits = model(**inputs, use_cache=False).logits  # [exchanges, longest, vocabulary]
    next_tokens = batch["labels"]
    if "logits_to_keep" not in batch:
        next_tokens = pad(next_tokens[:, 1:], (0, 1), value=IGNORED)  # slicing the logits instead would copy them
    loss = cross_entropy(logits.flatten(0, 1).float(), next_tokens.flatten(), ignore_index=IGNORED, reduction="sum")
    return loss, (next_tokens != IGNORED).sum()


def label_loss(weights: Tensor | None) -> Callable[[Module, Batch], tuple[Tensor, Tensor | int]]:
    """The loss of a classifier: the sum over labels in nats, and the number of labels (9 for emotions, 1 otherwise).

    weights: [labels]; of the positive class of each label (emotions), or of each class (satisfaction).
    """

    def loss(model: Module, batch: Batch) -> tuple[Tensor, int]:
        """The sum of the losses of a batch, and the number of labels in it."""
        inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
        plain: Any = getattr(model, "module", model)  # wrapped when several processes train
        logits, labels = model(**model_inputs(plain, inputs)).logits.float(), batch["labels"]
        device_weights = None if weights is None else weights.to(logits.device)
        if plain.config.problem_type == MULTI_LABEL:
            losses = binary_cross_entropy_with_logits(
                logits, labels.float(), pos_weight=device_weights, reduction="sum"
            )
        else:
            losses = cross_entropy(logits, labels, weight=device_weights, reduction="sum")
        return losses, labels.numel()

    return loss


def joint_loss(model: Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """The sum over tokens of the tag's cross entropy plus the mean binary cross entropy of emotions; and the tokens.

    batch: input_ids, tags, attention_mask: [texts, tokens]; emotions: [texts, 9], gold.
    Source: Qin et al., section 3.4, equation 16.
    """
    tags, attention_mask = batch["tags"], batch["attention_mask"]
    output = model(input_ids=batch["input_ids"], attention_mask=attention_mask, tags=tags)
    units = (tags != IGNORED).sum()
    loss = cross_entropy(output.tags.flatten(0, 1).float(), tags.flatten(), ignore_index=IGNORED, reduction="sum")
    if output.emotions is not None:
        gold = batch["emotions"][:, None, :].expand_as(output.emotions).float()
        by_token = binary_cross_entropy_with_logits(output.emotions.float(), gold, reduction="none").mean(dim=-1)
        loss = loss + (by_token * attention_mask).sum()
    return loss, units

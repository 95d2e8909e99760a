"""What the training of emotions and of satisfaction share: the model, its batches and its loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import PreTrainedModel

from cmcc_bench.models.causal_lm import longest_input
from cmcc_bench.models.classifier import (
    MULTI_LABEL,
    EncodedText,
    backbone_classifier,
    batch_of,
    model_inputs,
    scratch_classifier,
)
from cmcc_bench.models.tokenizer import Tokenizer, backbone_tokenizer, character_tokenizer
from cmcc_bench.models.training import Training
from train.loop import Batch, Examples
from train.recipe import ModelRecipe, check


@dataclass(frozen=True)
class LabelledText:
    """A text in tokens and its gold: a 0 or 1 for each label, or the index of its class."""

    text: EncodedText
    gold: tuple[float, ...] | int


def make_classifier(
    recipe: ModelRecipe, labels: Sequence[str], problem: str, texts: Iterable[str]
) -> tuple[Tokenizer, PreTrainedModel]:
    """A tokenizer and its model: from scratch with the characters of the texts, or a backbone.

    Texts that are too long lose their beginning, also in a pipeline that is called with `truncation=True`: the saved
    tokenizer knows how long and on which side.
    """
    if recipe.backbone == "scratch":
        tokenizer: Tokenizer = character_tokenizer(texts, ())
        sizes = {"layers": recipe.layers, "width": recipe.width, "heads": recipe.heads}
        model = scratch_classifier(
            tokenizer, labels, problem, **sizes, positions=recipe.max_length, dropout=recipe.dropout
        )
    else:
        tokenizer = backbone_tokenizer(recipe.backbone, ())
        model = backbone_classifier(recipe.backbone, labels, problem)
    limit = longest_input(model)
    check(
        limit is None or recipe.max_length <= limit, "max_length", recipe.max_length, f"at most {limit}, as the model"
    )
    tokenizer.model_max_length, tokenizer.truncation_side = recipe.max_length, "left"
    return tokenizer, model


def labelled_examples(texts: Sequence[EncodedText], gold: Sequence[tuple[float, ...] | int]) -> Examples:
    """What the loop trains on."""
    items = [LabelledText(text, labels) for text, labels in zip(texts, gold, strict=True)]
    return Examples(items, [len(text.ids) for text in texts])


def collator(tokenizer: Tokenizer) -> Callable[[list[LabelledText]], Batch]:
    """A function that makes a batch: what batch_of gives, and labels, [texts, labels] or [texts]."""

    def collate(items: list[LabelledText]) -> Batch:
        batch = batch_of([item.text for item in items], tokenizer.pad_token_id or 0)
        return {**batch, "labels": torch.tensor([item.gold for item in items])}

    return collate


def label_loss(weights: Tensor | None) -> Callable[[Module, Batch], tuple[Tensor, Tensor | int]]:
    """The sum of the labels' losses in nats, and how many labels: 9 a text for emotions, 1 for satisfaction.

    weights: of a label where it is said (emotions), or of a class; [labels].
    """

    def loss(model: Module, batch: Batch) -> tuple[Tensor, int]:
        inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
        plain: Any = getattr(model, "module", model)  # two processes wrap it
        logits, labels = model(**model_inputs(plain, inputs)).logits.float(), batch["labels"]
        own = None if weights is None else weights.to(logits.device)
        if plain.config.problem_type == MULTI_LABEL:
            losses = binary_cross_entropy_with_logits(logits, labels.float(), pos_weight=own, reduction="sum")
        else:
            losses = cross_entropy(logits, labels, weight=own, reduction="sum")
        return losses, labels.numel()

    return loss


def balanced_weights(counts: Sequence[int], total: int, largest: float = 10.0) -> Tensor:
    """The weight of each label: the square root of how many texts lack it to how many have it, at most `largest`.

    The root, because the full ratio makes a label of one in a thousand count as much as all others: [labels].
    """
    found = torch.tensor(counts, dtype=torch.float32)
    return ((total - found) / found.clamp(min=1)).sqrt().clamp(min=1.0, max=largest)


def save_classifier(folder: Path, model: PreTrainedModel, tokenizer: Tokenizer, training: Training) -> None:
    """Writes what `pipeline("text-classification")` opens, and what is known of the training."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    training.save(folder)

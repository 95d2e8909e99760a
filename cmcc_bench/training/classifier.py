"""What the training of emotions and of satisfaction share: the model, its batches, the weights of its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from cmcc_bench.models.causal_lm import longest_input
from cmcc_bench.models.classifier import (
    EncodedText,
    backbone_classifier,
    batch_of,
    scratch_classifier,
)
from cmcc_bench.models.tokenizer import Tokenizer, backbone_tokenizer, character_tokenizer
from cmcc_bench.training.loop import EncodedExamples
from cmcc_bench.training.loss import Batch
from cmcc_bench.training.recipe import ModelRecipe, check


@dataclass(frozen=True)
class LabeledText:
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
        limit is None or recipe.max_length <= limit,
        "max_length",
        recipe.max_length,
        f"at most {limit}, the limit of the model",
    )
    tokenizer.model_max_length, tokenizer.truncation_side = recipe.max_length, "left"
    return tokenizer, model


def labeled_examples(texts: Sequence[EncodedText], gold: Sequence[tuple[float, ...] | int]) -> EncodedExamples:
    """What the loop trains on."""
    items = [LabeledText(text, labels) for text, labels in zip(texts, gold, strict=True)]
    return EncodedExamples(items, [len(text.ids) for text in texts])


def collator(tokenizer: Tokenizer) -> Callable[[list[LabeledText]], Batch]:
    """A function that makes a batch: what batch_of gives, and labels, [texts, labels] or [texts]."""

    def collate(items: list[LabeledText]) -> Batch:
        batch = batch_of([item.text for item in items], tokenizer.pad_token_id or 0)
        return {**batch, "labels": torch.tensor([item.gold for item in items])}

    return collate


def balanced_weights(counts: Sequence[int], total: int, largest: float = 10.0) -> Tensor:
    """The weight of each label: the square root of how many texts lack it to how many have it, at most `largest`.

    The root, because the full ratio makes a label of one in a thousand count as much as all others: [labels].
    """
    found = torch.tensor(counts, dtype=torch.float32)
    return ((total - found) / found.clamp(min=1)).sqrt().clamp(min=1.0, max=largest)

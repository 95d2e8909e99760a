"""Shared parts of the emotion and satisfaction classifiers: the model, its batches, the weights of its labels."""

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
    """An encoded text and its gold: 0 or 1 for each label, or the index of the class."""

    text: EncodedText
    gold: tuple[float, ...] | int


def make_classifier(
    recipe: ModelRecipe, labels: Sequence[str], problem: str, texts: Iterable[str]
) -> tuple[Tokenizer, PreTrainedModel]:
    """Creates a tokenizer and a model: from scratch, with the characters of the texts, or from a backbone.

    Texts that are too long lose their beginning. The saved tokenizer stores this limit and side, so a pipeline called
    with `truncation=True` does the same. Raises cmcc.DataError if max_length exceeds the limit of the model.
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
    """The examples for the training loop."""
    items = [LabeledText(text, labels) for text, labels in zip(texts, gold, strict=True)]
    return EncodedExamples(items, [len(text.ids) for text in texts])


def collator(tokenizer: Tokenizer) -> Callable[[list[LabeledText]], Batch]:
    """The collate function: the tensors of batch_of, and labels, [texts, labels] or [texts]."""

    def collate(items: list[LabeledText]) -> Batch:
        """A padded batch of texts and their labels."""
        batch = batch_of([item.text for item in items], tokenizer.pad_token_id or 0)
        return {**batch, "labels": torch.tensor([item.gold for item in items])}

    return collate


def balanced_weights(counts: Sequence[int], total: int, largest: float = 10.0) -> Tensor:
    """The weight of each label, [labels]: the square root of (texts without it / texts with it), from 1 to `largest`.

    Without the root, a label of one text in a thousand would weigh as much as all others together.
    """
    positives = torch.tensor(counts, dtype=torch.float32)
    return ((total - positives) / positives.clamp(min=1)).sqrt().clamp(min=1.0, max=largest)

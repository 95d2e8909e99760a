"""Shared parts of the emotion and satisfaction classifiers: the model, its batches, the weights of its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Linear
from transformers import PreTrainedModel

from cmcc_bench.backbones import backbone_folder
from cmcc_bench.models.causal_lm import longest_input
from cmcc_bench.models.classifier import (
    EncodedText,
    backbone_classifier,
    batch_of,
    model_inputs,
    scratch_classifier,
    with_prompt,
)
from cmcc_bench.models.tokenizer import Tokenizer, backbone_tokenizer, character_tokenizer
from cmcc_bench.training.batching import evaluation_batches
from cmcc_bench.training.loop import EncodedExamples
from cmcc_bench.training.loss import Batch
from cmcc_bench.training.recipe import ModelRecipe, check

_PROBED = 128  # texts in one forward pass for the features


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
        folder = backbone_folder(recipe.backbone)
        tokenizer = with_prompt(backbone_tokenizer(folder, ()))
        model = backbone_classifier(folder, labels, problem)
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


@torch.inference_mode()
def _features(model: PreTrainedModel, examples: EncodedExamples, head: Linear, device: torch.device) -> Tensor:
    """What the classification layer reads of each text: [texts, width]. A causal model is read at the last token."""
    inputs: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    found = torch.empty(len(examples.items), head.in_features)
    model.train(False)
    for indices in evaluation_batches(examples.lengths, _PROBED):
        batch = batch_of([examples.items[index].text for index in indices], model.config.pad_token_id or 0)
        model(**model_inputs(model, {name: tensor.to(device) for name, tensor in batch.items()}))
        read = inputs.pop().float().cpu()  # [texts, width], or [texts, tokens, width]
        last = batch["attention_mask"].sum(dim=1) - 1
        found[indices] = read[torch.arange(len(indices)), last] if read.dim() == 3 else read
    hook.remove()
    return found


def fit_head(model: PreTrainedModel, examples: EncodedExamples, device: torch.device, balanced: bool = False) -> None:
    """Fits the classification layer alone, by logistic regression on the features of the backbone.

    A random layer would spoil the features of a small backbone before it has learned anything.
    examples: of LabeledText. balanced: weight texts inversely to the frequency of their class.
    Source: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022.
    """
    from sklearn.linear_model import LogisticRegression

    model.to(device)  # type: ignore[arg-type]  # transformers' types hide torch's
    labels = int(model.config.num_labels or 0)
    head = next(
        part for part in reversed(list(model.modules())) if isinstance(part, Linear) and part.out_features == labels
    )
    features = _features(model, examples, head, device).numpy()
    scale = features.std(axis=0) + 1e-3
    for label, gold in enumerate(_gold_of(examples, labels)):
        weights, bias = features.mean(axis=0), 0.0
        if gold.all() or not gold.any():  # nothing to fit: log-odds of 4 or -4 for a typical text
            weights = weights * (4 if gold.all() else -4) / max(float(weights @ weights), 1e-9)
        else:
            options = {"fit_intercept": head.bias is not None, "class_weight": "balanced" if balanced else None}
            fitted = LogisticRegression(solver="liblinear", **options).fit(features / scale, gold)
            weights, bias = fitted.coef_[0] / scale, float(np.ravel(fitted.intercept_)[0])
        with torch.no_grad():
            head.weight[label] = torch.tensor(weights, dtype=head.weight.dtype)
            if head.bias is not None:
                head.bias[label] = bias


def _gold_of(examples: EncodedExamples, labels: int) -> NDArray[np.bool_]:
    """[labels, texts]."""
    gold = [item.gold for item in examples.items]
    matrix = np.eye(labels)[gold] if isinstance(gold[0], int) else np.array(gold)
    return matrix.T > 0.5


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

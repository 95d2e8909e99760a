"""Trains a tagger of entities together with the user's emotions, by stack propagation.

    cmcc train joint --recipe tiny/joint --out runs/joint
    cmcc train joint --recipe paper/joint --dataset cmcc --emotions false

With `emotions: false` the tagger reads no emotions: the second row of the paper's table 9. The best checkpoint is saved
in OUT/best; cmcc_bench.recognition.entities opens it.
Source: the paper's appendix, table 9; Qin et al., EMNLP 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from safetensors import SafetensorError
from transformers import AutoModel

from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.errors import DataError
from cmcc_bench.models.causal_lm import longest_input
from cmcc_bench.models.stack_propagation import StackPropagation, StackPropagationConfig
from cmcc_bench.models.tokenizer import Tokenizer, backbone_tokenizer, character_tokenizer
from cmcc_bench.recognition.entities import TaggedText, encode_tagged, tagged_batch
from cmcc_bench.training.labels import check_examples, describe, labeled_rows, say
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, start
from cmcc_bench.training.loss import joint_loss
from cmcc_bench.training.recipe import ModelRecipe, check, setting
from cmcc_bench.training.run_folder import save_model
from cmcc_bench.types import Row


@dataclass(frozen=True, kw_only=True)
class JointRecipe(ModelRecipe):
    """The settings of a tagger. backbone: scratch is the published encoder, self-attention beside a BiLSTM."""

    task: ClassVar[str] = "joint"

    emotions: bool = setting("also predict emotions, as an input of the tagger", True)


RECIPE = JointRecipe  # of `cmcc train joint`


def train(recipe: JointRecipe) -> None:
    """Trains one model. Raises cmcc.DataError if the data, the backbone or the run's folder cannot be used."""
    accelerator = start(recipe)
    rows = labeled_rows(recipe, "entities")
    check_examples(recipe, rows)
    tokenizer, model = make_tagger(recipe, [row["text"] for row in rows["train"]])
    training = describe("entities", recipe, rows, options={"w/o user emotion": not recipe.emotions})
    overlapping = sum(row["overlapping"] for row in rows["train"])
    say(accelerator, rows, training, {"overlapping entities left out": overlapping})
    task = TrainingTask(
        train=examples(recipe, tokenizer, rows["train"]),
        validation=examples(recipe, tokenizer, rows["validation"]),
        collate=lambda texts: tagged_batch(texts, tokenizer.pad_token_id or 0),
        loss=joint_loss,
        save=lambda folder: save_model(folder, model, tokenizer, training),
        fingerprint=fingerprint_of([*rows["train"], *rows["validation"]]),
        facts={**training.as_dict(), "overlapping": overlapping},
    )
    fit(accelerator, recipe, model, task)


def make_tagger(recipe: JointRecipe, texts: Sequence[str]) -> tuple[Tokenizer, StackPropagation]:
    """Creates a tokenizer and a model: from scratch, with the characters of the texts, or with a backbone as encoder.

    Raises cmcc.DataError if the backbone cannot be opened or its tokenizer gives no character offsets.
    """
    encoder = None
    if recipe.backbone == "scratch":
        tokenizer: Tokenizer = character_tokenizer(texts, ())
    else:
        tokenizer = backbone_tokenizer(recipe.backbone, ())
        check(
            tokenizer.is_fast,
            "backbone",
            recipe.backbone,
            "a model with a fast tokenizer, which gives character offsets",
        )
        encoder = open_encoder(recipe.backbone)
        limit = longest_input(encoder)
        fits = limit is None or recipe.max_length <= limit
        check(fits, "max_length", recipe.max_length, f"at most {limit}, the limit of the backbone")
    config = StackPropagationConfig(
        vocab_size=len(tokenizer),
        width=recipe.width,
        heads=recipe.heads,
        dropout=recipe.dropout,
        emotions=recipe.emotions,
        longest_text=recipe.max_length,
        encoder=encoder.config.to_dict() if encoder else None,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = StackPropagation(config)
    if encoder:
        model.encoder.load_state_dict(encoder.state_dict())
    return tokenizer, model


def open_encoder(name: str) -> Any:  # noqa: ANN401  # one of transformers' many
    """Loads a pretrained encoder in float32. Raises cmcc.DataError if it cannot be opened."""
    try:
        return AutoModel.from_pretrained(name, use_safetensors=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        problem = f"AutoModel cannot open the encoder ({(str(error) or type(error).__name__).splitlines()[0]})"
        hint = "Set backbone to a model's folder, a Hub id, or scratch."
        raise DataError(problem, "", hint, model=name) from error


def examples(recipe: JointRecipe, tokenizer: Tokenizer, rows: Sequence[Row]) -> EncodedExamples:
    """The examples for the training loop."""
    texts: list[TaggedText] = encode_tagged(tokenizer, rows, recipe.max_length)
    return EncodedExamples(texts, [len(text.ids) for text in texts])

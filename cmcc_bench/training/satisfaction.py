"""Trains a three-class classifier of satisfaction from the transcript of a dialogue.

    cmcc train satisfaction --recipe tiny/satisfaction --out runs/satisfaction
    cmcc train satisfaction --recipe paper/satisfaction --dataset cmcc

The best checkpoint is saved in OUT/best as a transformers text classifier. The paper publishes the labels but reports
no model. The end of a call is the most informative part, so a transcript that is too long loses its beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from transformers import PreTrainedModel

from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.models.classifier import SINGLE_LABEL, encode_texts
from cmcc_bench.models.tokenizer import Tokenizer
from cmcc_bench.recognition.satisfaction import model_answers
from cmcc_bench.scoring import Bootstrap, score
from cmcc_bench.training.classifier import (
    balanced_weights,
    collator,
    fit_head,
    labeled_examples,
    make_classifier,
)
from cmcc_bench.training.labels import check_examples, describe, labeled_rows, say
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, start
from cmcc_bench.training.loss import label_loss
from cmcc_bench.training.recipe import ClassifierRecipe, setting
from cmcc_bench.training.run_folder import save_model
from cmcc_bench.types import Row
from cmcc_bench.vocabulary import SATISFACTION

LABELS = SATISFACTION.names


@dataclass(frozen=True, kw_only=True)
class SatisfactionRecipe(ClassifierRecipe):
    """The settings of a satisfaction classifier."""

    task: ClassVar[str] = "satisfaction"

    class_weights: bool = setting("weight rare classes more in the loss", True)


RECIPE = SatisfactionRecipe  # of `cmcc train satisfaction`


def train(recipe: SatisfactionRecipe) -> None:
    """Trains one model. Raises cmcc.DataError if the data, the backbone or the run's folder cannot be used."""
    accelerator = start(recipe)
    rows = labeled_rows(recipe, "satisfaction")
    check_examples(recipe, rows)
    tokenizer, model = make_classifier(recipe, LABELS, SINGLE_LABEL, (row["text"] for row in rows["train"]))
    training = describe("satisfaction", recipe, rows, options={"class weights": recipe.class_weights})
    say(accelerator, rows, training)
    counts = Counter(row["satisfaction"] for row in rows["train"])
    weights = balanced_weights([counts[index] for index in range(len(LABELS))], len(rows["train"]))
    train_examples = examples(recipe, tokenizer, rows["train"])
    if recipe.probe:
        fit_head(model, train_examples, accelerator.device, recipe.class_weights)
    task = TrainingTask(
        train=train_examples,
        validation=examples(recipe, tokenizer, rows["validation"]),
        collate=collator(tokenizer),
        loss=label_loss(weights if recipe.class_weights else None),
        save=lambda folder: save_model(folder, model, tokenizer, training),
        fingerprint=fingerprint_of([*rows["train"], *rows["validation"]]),
        facts=training.as_dict(),
        score=lambda: macro_f1(model, tokenizer, rows["validation"]),
    )
    fit(accelerator, recipe, model, task)


def macro_f1(model: PreTrainedModel, tokenizer: Tokenizer, rows: Sequence[Row]) -> float:
    """The score of the model on these rows."""
    answers = model_answers(model, tokenizer, rows, batch_size=32)
    return score("satisfaction", answers, rows, Bootstrap(resamples=0)).scores["macro_f1"].point


def examples(recipe: SatisfactionRecipe, tokenizer: Tokenizer, rows: Sequence[Row]) -> EncodedExamples:
    """The examples for the training loop."""
    texts = encode_texts(tokenizer, [row["text"] for row in rows], recipe.max_length)
    return labeled_examples(texts, [row["satisfaction"] for row in rows])

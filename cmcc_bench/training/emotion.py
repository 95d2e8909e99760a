"""Trains a multi-label classifier of the user's emotions.

    cmcc train emotion --recipe tiny/emotion --out runs/emotion
    cmcc train emotion --recipe paper/emotion --dataset cmcc --out runs/paper-emotion
    cmcc train emotion --recipe FILE --labeled_share 0.2 --pseudo-label runs/emotion-20/best --dataset cmcc

The best checkpoint is saved in OUT/best as a transformers text classifier, with the thresholds in its configuration.
Source: the paper, section 4.2.1.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from accelerate import Accelerator
from transformers import PreTrainedModel

from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.models.classifier import MULTI_LABEL
from cmcc_bench.models.record import TrainingRecord, read_training
from cmcc_bench.models.tokenizer import Tokenizer
from cmcc_bench.recognition.emotion import (
    LABELS,
    emotion_answers,
    emotion_probabilities,
    encode_utterances,
    is_collapsed,
    tuned_thresholds,
)
from cmcc_bench.scoring import Bootstrap, score
from cmcc_bench.tasks.emotion import PUBLISHED_THRESHOLD, gold_matrix
from cmcc_bench.training.classifier import (
    balanced_weights,
    collator,
    fit_head,
    labeled_examples,
    make_classifier,
)
from cmcc_bench.training.labels import check_examples, describe, labeled_rows, pseudo_labeled_rows, say
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, start
from cmcc_bench.training.loss import label_loss
from cmcc_bench.training.recipe import ClassifierRecipe, SemiSupervisedRecipe, check, setting
from cmcc_bench.training.run_folder import save_model
from cmcc_bench.types import Row


@dataclass(frozen=True, kw_only=True)
class EmotionRecipe(ClassifierRecipe, SemiSupervisedRecipe):
    """The settings of an emotion classifier."""

    task: ClassVar[str] = "emotion"

    context: bool = setting("also read the two preceding utterances", False)
    class_weights: bool = setting("weight rare labels more in the loss", False)
    thresholds: Literal["published", "tuned"] = setting(
        "published: 0.3 for all; tuned: the best one of each label on the validation split", "published"
    )
    neutral_share: float = setting("share of the training utterances that are only neutral to use; random", 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(0 < self.neutral_share <= 1, "neutral_share", self.neutral_share, "a number above 0 and at most 1")


RECIPE = EmotionRecipe  # of `cmcc train emotion`


def train(recipe: EmotionRecipe) -> None:
    """Trains one model. Raises cmcc.DataError if the data, the backbone or the run's folder cannot be used."""
    accelerator = start(recipe)
    rows = labeled_rows(recipe, "emotion")
    pseudo_rows = pseudo_labeled_rows(accelerator, recipe, "emotion")
    rows["train"] += pseudo_rows
    check_examples(recipe, rows)
    train_on(accelerator, recipe, rows, len(pseudo_rows))


def train_on(
    accelerator: Accelerator,
    recipe: EmotionRecipe,
    rows: dict[str, list[Row]],
    pseudo_labeled: int = 0,
    simulated_calls: int = 0,
) -> None:
    """Trains one model on the rows of `train`. The other numbers are those of training.labels.describe."""
    rows["train"] = thinned(rows["train"], recipe.neutral_share, recipe.seed)
    texts = (text for row in rows["train"] for text in (row["text"], row["context"]))
    tokenizer, model = make_classifier(recipe, LABELS, MULTI_LABEL, texts)
    model.config.context = recipe.context
    options = {
        "with context": recipe.context,
        "class weights": recipe.class_weights,
        "tuned thresholds": recipe.thresholds == "tuned",
    }
    training = describe("emotion", recipe, rows, pseudo_labeled, options, simulated_calls=simulated_calls)
    say(accelerator, rows, training)
    train_examples = examples(recipe, tokenizer, rows["train"])
    if recipe.probe:
        fit_head(model, train_examples, accelerator.device)
    fit(
        accelerator,
        recipe,
        model,
        TrainingTask(
            train=train_examples,
            validation=examples(recipe, tokenizer, rows["validation"]),
            collate=collator(tokenizer),
            loss=label_loss(weights(rows["train"]) if recipe.class_weights else None),
            save=lambda folder: save(folder, recipe, model, tokenizer, rows["validation"], training),
            fingerprint=fingerprint_of([*rows["train"], *rows["validation"]]),
            facts=training.as_dict(),
            score=lambda: validate(recipe, model, tokenizer, rows["validation"])[1]["macro_f1"],
        ),
    )
    if accelerator.is_main_process and read_training(Path(recipe.out) / "best").validation["collapsed"]:
        print(
            "WARNING: the model predicts the same emotions for every validation utterance. "
            "Train for more epochs, raise learning_rate, or try --class_weights true or --thresholds tuned."
        )


def thinned(rows: Sequence[Row], share: float, seed: int) -> list[Row]:
    """All rows with an emotion, and a random share of those that are only neutral: most of these are much alike."""
    chance = random.Random(seed)
    return [row for row in rows if row["emotions"] != [0] or chance.random() < share]


def examples(recipe: EmotionRecipe, tokenizer: Tokenizer, rows: Sequence[Row]) -> EncodedExamples:
    """The examples for the training loop."""
    texts = encode_utterances(tokenizer, rows, recipe.max_length, recipe.context)
    gold = [tuple(map(float, labels)) for labels in gold_matrix(rows).tolist()]
    return labeled_examples(texts, gold)


def weights(rows: Sequence[Row]) -> Any:  # noqa: ANN401  # a tensor
    """The weight of the positive class of each emotion: [9]."""
    return balanced_weights(gold_matrix(rows).sum(axis=0).tolist(), len(rows))


def validate(
    recipe: EmotionRecipe, model: PreTrainedModel, tokenizer: Tokenizer, rows: Sequence[Row]
) -> tuple[tuple[float, ...], dict[str, Any]]:
    """The thresholds, and the scores on the validation rows: micro and macro F1, and whether the model collapsed."""
    scores, gold = emotion_probabilities(model, tokenizer, rows), gold_matrix(rows)
    thresholds = (
        tuned_thresholds(scores, gold) if recipe.thresholds == "tuned" else (PUBLISHED_THRESHOLD,) * len(LABELS)
    )
    answers = list(emotion_answers(rows, scores, thresholds))
    results = score("emotion", answers, rows, Bootstrap(resamples=0)).scores
    validation = {name: round(results[name].point, 4) for name in ("micro_f1", "macro_f1")}
    collapsed = is_collapsed([answer.emotions for answer in answers], gold)
    return thresholds, validation | {"collapsed": collapsed, "neutral_share": round(float(np.mean(gold[:, 0])), 4)}


def save(
    folder: Path,
    recipe: EmotionRecipe,
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    rows: Sequence[Row],
    training: TrainingRecord,
) -> None:
    """Writes the model with its thresholds and its scores on the validation rows."""
    thresholds, validation = validate(recipe, model, tokenizer, rows)
    model.config.thresholds = list(thresholds)
    save_model(folder, model, tokenizer, replace(training, validation=validation))

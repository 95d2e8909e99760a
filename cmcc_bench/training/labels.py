"""The rows that a training learns from: a part of the labeled dialogues, and dialogues that another model labeled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from cmcc_bench.backbones import backbone_folder
from cmcc_bench.corpus import is_licensed, is_synthetic, place_name
from cmcc_bench.errors import DataError
from cmcc_bench.models.record import TRAINING_FILE, TrainingRecord, read_training
from cmcc_bench.recognition.pseudo import confidences, label_unlabeled, pseudo_rows
from cmcc_bench.tasks import Row, task_of
from cmcc_bench.terminal import progress_bar
from cmcc_bench.training.recipe import ModelRecipe, SemiSupervisedRecipe


def labeled_rows(recipe: ModelRecipe, task: str) -> dict[str, list[Row]]:
    """The rows of `train`, of the recipe's share of dialogues, and all of `validation`; none where a split is missing.

    task: a key of tasks.TASKS. Raises cmcc.DataError when there is no such data set.
    """
    rows = task_of(task).rows(recipe.dataset, ("train", "validation"))
    rows["train"] = [row for row in rows["train"] if is_in_share(row["dialogue_id"], recipe.labelled_share)]
    return rows


def is_in_share(dialogue_id: str, share: float) -> bool:
    """Whether a dialogue is in a part of the corpus, (0, 1]; one that is in a part is in every larger one."""
    digest = hashlib.sha256(f"share {dialogue_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def pseudo_labeled_rows(accelerator: Accelerator, recipe: SemiSupervisedRecipe, task: str) -> list[Row]:
    """The rows whose labels the recipe's model made, those that it is sure of; none where the recipe names no model.

    They stand in OUT/pseudo-labels.jsonl; a second start goes on where the first one stopped. The first process labels
    while the others wait. Raises cmcc.DataError when the model is of another task, the data are not there, or the model
    is sure of nothing.
    """
    if not recipe.pseudo_label:
        return []
    least, path = confidences(task, recipe.pseudo_confidence), Path(recipe.out) / "pseudo-labels.jsonl"
    with accelerator.main_process_first(), progress_bar("labeling dialogues", accelerator.is_main_process) as show:
        label_unlabeled(task, recipe.pseudo_label, recipe.dataset, path, recipe.pseudo_dialogues, progress=show)
    rows = list(pseudo_rows(task, path, least))
    hint = f"Set it lower than {recipe.pseudo_confidence}, or train the labeling model longer."
    if not rows:
        raise DataError("no label reaches this probability", "", hint, key="pseudo_confidence")
    return rows


def check_examples(recipe: ModelRecipe, rows: Mapping[str, Sequence[Row]]) -> None:
    """Raises cmcc.DataError unless there are rows to train on and rows to choose the best checkpoint by."""
    for split in ("train", "validation"):
        if not rows[split]:
            hint = (
                "Build it from more annotated calls, or from files named train, dev and test, or raise labelled_share."
            )
            raise DataError("no annotated rows", "", hint, dataset=recipe.dataset, split=split)


def describe(
    task: str,
    recipe: ModelRecipe,
    rows: Mapping[str, Sequence[Row]],
    made: int = 0,
    options: Mapping[str, bool] | None = None,
) -> TrainingRecord:
    """What the model's folder says of its training.

    rows: by split. made: how many of them are pseudo-labeled. options: what the model is called by, where it is true.
    What the models that it began with or was labeled by had learned from counts as its data, too: it may say it again.
    """
    every, before = [*rows["train"], *rows["validation"]], list(_trained_before(recipe))
    return TrainingRecord(
        task,
        place_name(recipe.dataset),  # it is uploaded with the model
        is_synthetic(every) or any(one.synthetic is True for one in before),
        is_licensed(every) or any(one.licensed is not False for one in before),
        recipe.labelled_share,
        made,
        tuple(name for name, is_on in (options or {}).items() if is_on),
    )


def _trained_before(recipe: ModelRecipe) -> Iterator[TrainingRecord]:
    """What is known of the toolkit's own models behind this one; of those that others published, nothing."""
    for name in (backbone_folder(recipe.backbone), getattr(recipe, "pseudo_label", "")):
        if name and (Path(name) / TRAINING_FILE).exists():
            yield read_training(name)


def say(
    accelerator: Accelerator,
    rows: Mapping[str, Sequence[Row]],
    training: TrainingRecord,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Prints what is learned from, once. more: other facts of run.json that a reader should see now."""
    if accelerator.is_main_process:
        made = f", {training.pseudo_labelled} of them pseudo-labelled" if training.pseudo_labelled else ""
        others = "".join(f"; {name}: {value}" for name, value in (more or {}).items())
        synthetic = "; the data are SYNTHETIC" if training.synthetic else ""
        sizes = f"{len(rows['train'])} examples to train on{made}, {len(rows['validation'])} to choose by"
        print(f"{sizes}{others}{synthetic}", flush=True)

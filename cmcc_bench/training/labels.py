"""The training rows: a share of the labeled dialogues, and dialogues that another model labeled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from cmcc_bench.backbones import backbone_folder
from cmcc_bench.corpus import is_licensed, is_synthetic, name_without_path
from cmcc_bench.decoding.processes import open_processes
from cmcc_bench.errors import DataError
from cmcc_bench.models.base import BaseModel
from cmcc_bench.models.record import TRAINING_FILE, TrainingRecord, read_training
from cmcc_bench.recognition.pseudo import confidences, label_unlabeled, pseudo_rows
from cmcc_bench.tasks import Row, task_of
from cmcc_bench.terminal import progress_bar
from cmcc_bench.training.recipe import DataRecipe, SemiSupervisedRecipe


def labeled_rows(recipe: DataRecipe, task: str) -> dict[str, list[Row]]:
    """The rows of `train`, limited to the recipe's share of dialogues, and of `validation`; empty for a missing split.

    task: a key of tasks.TASKS. Raises cmcc.DataError if the data set cannot be opened.
    """
    rows = task_of(task).rows(recipe.dataset, ("train", "validation"))
    rows["train"] = [row for row in rows["train"] if is_in_share(row["dialogue_id"], recipe.labeled_share)]
    return rows


def is_in_share(dialogue_id: str, share: float) -> bool:
    """Whether a dialogue is in a share (0, 1] of the corpus. Every larger share includes all smaller ones."""
    digest = hashlib.sha256(f"share {dialogue_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def pseudo_labeled_rows(accelerator: Accelerator, recipe: SemiSupervisedRecipe, task: str) -> list[Row]:
    """The rows with confident pseudo-labels of the recipe's model; none if the recipe has no such model.

    All labels are stored in OUT/pseudo-labels.jsonl; a second start continues where the first one stopped. The
    processes of the training share the work. Raises cmcc.DataError if the model has another task, the data cannot be
    opened, or no label is confident.
    """
    if not recipe.pseudo_label:
        return []
    least, path = confidences(task, recipe.pseudo_confidence), Path(recipe.out) / "pseudo-labels.jsonl"
    with open_processes() as processes, progress_bar("labeling dialogues", accelerator.is_main_process) as show:
        label_unlabeled(task, recipe.pseudo_label, recipe.dataset, path, recipe.pseudo_dialogues, show, processes)
    rows = list(pseudo_rows(task, path, least))
    hint = f"Set it lower than {recipe.pseudo_confidence}, or train the labeling model longer."
    if not rows:
        raise DataError("no label reaches this probability", "", hint, key="pseudo_confidence")
    return rows


def check_examples(recipe: DataRecipe, rows: Mapping[str, Sequence[Row]]) -> None:
    """Raises cmcc.DataError unless there are training rows and validation rows."""
    for split in ("train", "validation"):
        if not rows[split]:
            hint = (
                "Raise labeled_share, or build the data set from more annotated calls or from files named train, dev "
                "and test."
            )
            raise DataError("no annotated rows", "", hint, dataset=recipe.dataset, split=split)


def describe(
    task: str,
    recipe: DataRecipe,
    rows: Mapping[str, Sequence[Row]],
    pseudo_labeled: int = 0,
    options: Mapping[str, bool] | None = None,
    base: BaseModel | None = None,
    simulated_calls: int = 0,
) -> TrainingRecord:
    """The training record for the model's folder.

    rows: by split. pseudo_labeled: number of pseudo-labeled training rows. options: settings for the system's name;
    only true ones are used. base: the backbone, if its revision is known. simulated_calls: number of calls that were
    simulated for this training. The data of the backbone and of the labeling model count too, since the model may
    reproduce them.
    """
    all_rows, earlier = [*rows["train"], *rows["validation"]], list(_earlier_trainings(recipe))
    simulated_calls += max((record.simulated_calls or 0 for record in earlier), default=0)
    return TrainingRecord(
        task,
        name_without_path(recipe.dataset),  # it is uploaded with the model
        is_synthetic(all_rows) or any(record.synthetic is True for record in earlier),
        is_licensed(all_rows) or any(record.licensed is not False for record in earlier),
        recipe.labeled_share,
        pseudo_labeled,
        tuple(name for name, is_on in (options or {}).items() if is_on),
        base=name_without_path(base.name) if base else None,
        base_revision=base.revision if base else None,
        simulated_calls=simulated_calls or None,
    )


def _earlier_trainings(recipe: DataRecipe) -> Iterator[TrainingRecord]:
    """The training records of the backbone and the labeling model; other publishers' models have none."""
    for name in (backbone_folder(getattr(recipe, "backbone", "")), getattr(recipe, "pseudo_label", "")):
        if name and (Path(name) / TRAINING_FILE).exists():
            yield read_training(name)


def say(
    accelerator: Accelerator,
    rows: Mapping[str, Sequence[Row]],
    training: TrainingRecord,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Prints the size and kind of the training data once. more: other facts of run.json to print."""
    if accelerator.is_main_process:
        print(described_data(rows, training, more), flush=True)


def described_data(
    rows: Mapping[str, Sequence[Row]], training: TrainingRecord, more: Mapping[str, Any] | None = None
) -> str:
    """The size and kind of the training data in one line. more: other facts."""
    pseudo = f" ({training.pseudo_labeled} pseudo-labeled)" if training.pseudo_labeled else ""
    others = "".join(f"; {name}: {value}" for name, value in (more or {}).items())
    synthetic = "; the data are SYNTHETIC" if training.synthetic else ""
    sizes = f"{len(rows['train'])} training examples{pseudo}, {len(rows['validation'])} validation examples"
    return f"{sizes}{others}{synthetic}"

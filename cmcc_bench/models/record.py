"""training.json: the record of a training, stored in the model's folder beside the weights.

Commands read the model's task from it, and tables the options in a system's name. All other facts are in run.json, one
folder up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json

TRAINING_FILE = "training.json"
BEST = "best"  # the folder of a run's best checkpoint
_OLD_KEYS = {"labelled_share": "labeled_share", "pseudo_labelled": "pseudo_labeled"}  # files of earlier runs have them

_LEFT_OUT = ("base", "base_revision", "simulated_calls")  # keys that are left out if they are None


@dataclass(frozen=True)
class TrainingRecord:
    """The contents of training.json.

    task: response, emotion, entities or satisfaction. dataset: its name or id. synthetic: whether any of the data are
    simulated. licensed: whether any of the data are real calls. labeled_share: fraction of the labeled training
    dialogues that was used, in (0, 1]. pseudo_labeled: number of training examples that another model labeled.
    options: settings that a table adds to the system's name. validation: scores of this model by name. base,
    base_revision: the model that was fine-tuned and its revision (see models.base), where they are known.
    simulated_calls: number of calls, other than those of `dataset`, that it learned from as a backbone that ships, or
    through one; None for none.
    """

    task: str = "response"
    dataset: str | None = None
    synthetic: bool | None = None
    licensed: bool | None = None
    labeled_share: float = 1.0
    pseudo_labeled: int = 0
    options: tuple[str, ...] = ()
    validation: Mapping[str, float] = field(default_factory=dict)
    base: str | None = None
    base_revision: str | None = None
    simulated_calls: int | None = None

    def save(self, folder: Path) -> None:
        """Writes training.json into a model's folder."""
        write_json(folder / TRAINING_FILE, self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """The record as plain values for JSON; what most models do not have is left out."""
        facts = asdict(self) | {"options": list(self.options)}
        return {key: value for key, value in facts.items() if value is not None or key not in _LEFT_OUT}

    @property
    def suffix(self) -> str:
        """The text that a table adds to the system's name; empty for a model of all gold labels and nothing else."""
        parts = [*self.options]
        if self.labeled_share < 1:
            parts.append(f"{self.labeled_share:.0%} of the labels")
        if self.pseudo_labeled:
            parts.append("pseudo-labels")
        return "".join(f", {part}" for part in parts)


def read_training(folder: str | Path) -> TrainingRecord:
    """Reads the record of a model's folder; without a training.json, the record of a response model.

    Raises cmcc.DataError if cmcc train did not write the file.
    """
    path = Path(folder) / TRAINING_FILE
    if not path.exists():
        return TrainingRecord()
    try:
        return training_of(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        hint = "Copy the file from the run that trained the model."
        raise DataError(str(error), "a record that cmcc train wrote", hint, file=str(path)) from error


def training_of(facts: Mapping[str, Any]) -> TrainingRecord:
    """A TrainingRecord from decoded JSON. Raises TypeError for unknown fields or wrong types."""
    training = TrainingRecord(**{**with_current_keys(facts), "options": tuple(facts.get("options", ()))})
    if not isinstance(training.task, str) or not isinstance(training.labeled_share, int | float):
        raise TypeError("a field has the wrong type")
    return training


def with_current_keys(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings or facts; keys in their old spelling get the current one."""
    return {_OLD_KEYS.get(key, key): value for key, value in facts.items()}


def is_licensed_run(facts: Mapping[str, Any]) -> bool:
    """Whether a run's data included, or may have included, real calls.

    facts: the contents of run.json. Data may be synthetic in part, so `synthetic` alone decides for the sample only.
    """
    if "licensed" in facts:
        return facts["licensed"] is not False
    return not (facts.get("synthetic") is True and facts.get("dataset") == "sample")


def is_synthetic_run(facts: Mapping[str, Any]) -> bool:
    """Whether any of a run's data were simulated. facts: the contents of run.json."""
    return facts.get("synthetic") is True

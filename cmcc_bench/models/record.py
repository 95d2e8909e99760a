"""What a trained model's folder says of its training: training.json, beside the weights.

Commands read from it what the model is for, and tables what to call it; run.json, one folder up, says all the rest.
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


@dataclass(frozen=True)
class TrainingRecord:
    """task: response, emotion, entities or satisfaction. dataset: as it was named; synthetic: whether any of it is
    simulated; licensed: whether any is not.

    labelled_share: the part of the labeled training dialogues that was used, in (0, 1]. pseudo_labelled: examples
    whose labels another model made. options: settings that a table's row is named by. validation: scores of this model.
    """

    task: str = "response"
    dataset: str | None = None
    synthetic: bool | None = None
    licensed: bool | None = None
    labelled_share: float = 1.0
    pseudo_labelled: int = 0
    options: tuple[str, ...] = ()
    validation: Mapping[str, float] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Writes it into a model's folder."""
        write_json(folder / TRAINING_FILE, self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """For JSON, all the way down."""
        return asdict(self) | {"options": list(self.options)}

    @property
    def suffix(self) -> str:
        """What a table adds to the name of such a model: nothing where it learned from all labels and no others."""
        parts = [*self.options]
        if self.labelled_share < 1:
            parts.append(f"{self.labelled_share:.0%} of the labels")
        if self.pseudo_labelled:
            parts.append("pseudo-labels")
        return "".join(f", {part}" for part in parts)


def read_training(folder: str | Path) -> TrainingRecord:
    """What the folder says; a response model's where it says nothing.

    Raises cmcc.DataError where the file is not what cmcc train writes.
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
    """Decoded JSON as a TrainingRecord. Raises TypeError for other fields."""
    training = TrainingRecord(**{**facts, "options": tuple(facts.get("options", ()))})
    if not isinstance(training.task, str) or not isinstance(training.labelled_share, int | float):
        raise TypeError("a field of another type")
    return training


def is_licensed_run(facts: Mapping[str, Any]) -> bool:
    """Whether a run's data held, or may have held, real calls; facts: what run.json says.

    Data may be synthetic in part, so that `synthetic` alone does not do, except for the sample.
    """
    if "licensed" in facts:
        return facts["licensed"] is not False
    return not (facts.get("synthetic") is True and facts.get("dataset") == "sample")


def is_synthetic_run(facts: Mapping[str, Any]) -> bool:
    """Whether a run's data were simulated, in part or all; facts: what run.json says."""
    return facts.get("synthetic") is True

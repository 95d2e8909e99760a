"""The systems that a report is about: prediction files with what is known of how they were made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cmcc
from cmcc_bench.scoring import Prediction, read_predictions
from cmcc_bench.scoring.predictions import facts_path
from cmcc_bench.textform import FORMS, TextForm


@dataclass(frozen=True)
class System:
    """A prediction file of `cmcc predict` and the facts beside it."""

    path: Path
    form: TextForm
    mode: str
    dataset: str
    split: str
    fingerprint: str | None = None  # of the rows that were decoded; None where nothing says

    @cached_property
    def predictions(self) -> list[Prediction]:
        """What the file holds. Raises cmcc.DataError when it is not one."""
        return read_predictions(self.path)

    @property
    def fold_caring(self) -> bool:
        """Whether its acts are scored with the caring ones folded back: a model without them cannot do more."""
        return not self.form.caring


def find_systems(paths: Iterable[Path]) -> list[System]:
    """The systems in prediction files and in folders of them, sorted by path.

    Raises cmcc.DataError where there are none, and when they predict different data.
    """
    files: list[Path] = []
    for path in paths:
        files += sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    systems = [read_system(file) for file in sorted(files) if facts_path(file).exists() or file in paths]
    if not systems:
        expected = "files that cmcc predict wrote"
        raise cmcc.DataError("no predictions", expected, "Run cmcc predict first.", folder=", ".join(map(str, paths)))
    data = sorted({(system.dataset, system.split) for system in systems})
    if len(data) > 1:
        expected = "one data set and split, so that rows can be compared"
        raise cmcc.DataError(f"predictions of {data}", expected, "Name the files of one of them.")
    _check_different(systems)
    return systems


def _check_different(systems: Sequence[System]) -> None:
    """A table has one row for a text form and mode: which file it is of may not be left to chance."""
    seen: dict[tuple[str, str], System] = {}
    for system in systems:
        first = seen.setdefault((system.form.name, system.mode), system)
        if first is not system:
            found = f"{first.path} and {system.path}, both of {system.form.name} in the mode {system.mode}"
            raise cmcc.DataError(found, "one file for a row of the tables", "Name the files to report.")


def read_system(file: Path) -> System:
    """A prediction file with the facts beside it. Raises cmcc.DataError when they are missing, or not finished."""
    path = facts_path(file)
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        system = System(
            file, FORMS[facts["form"]], facts["mode"], facts["dataset"], facts["split"], facts.get("fingerprint")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise cmcc.DataError(found, "what cmcc predict wrote beside its predictions", file=str(path)) from error
    if not facts.get("finished", True):
        raise cmcc.DataError("a run that was stopped", "a finished one", "Start cmcc predict again.", file=str(path))
    if system.split is None:
        hint = "Its file is SereTOD's own form, with no gold in it to score."
        raise cmcc.DataError("predictions of a Track 2 file", "those of a split", hint, file=str(path))
    return system


def check_data(systems: Iterable[System], fingerprint: str) -> None:
    """Raises cmcc.DataError for predictions of other rows than those of this fingerprint: the data were built anew."""
    for system in systems:
        if system.fingerprint not in (None, fingerprint):
            found = f"predictions of other rows than {system.dataset} has now"
            raise cmcc.DataError(found, "the data that were decoded", "Run cmcc predict again.", file=str(system.path))


def pick(systems: Sequence[System], form: str, mode: str) -> System | None:
    """The first system of a text form and mode of decoding."""
    return next((system for system in systems if (system.form.name, system.mode) == (form, mode)), None)

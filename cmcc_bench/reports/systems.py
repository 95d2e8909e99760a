"""The systems that a report is about: prediction files with what is known of how they were made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cmcc_bench.corpus import open_split
from cmcc_bench.errors import DataError
from cmcc_bench.files import is_system_file
from cmcc_bench.models.record import TrainingRecord, training_of
from cmcc_bench.scoring import Version, read_answers, read_predictions, response_measure
from cmcc_bench.scoring.predictions import facts_path
from cmcc_bench.tasks import RESPONSE, Measure, Row, Task, task_of
from cmcc_bench.tasks.written import only_answered
from cmcc_bench.textform import FORMS, TextForm


@dataclass(frozen=True, kw_only=True)
class System:
    """A prediction file of `cmcc predict` and the facts beside it.

    fingerprint: of the rows that were decoded; None where nothing says. model_digest: of the model that made it
    (models.digest); date: when, in UTC, as JSON has it; both None where nothing says.
    """

    path: Path
    dataset: str
    split: str
    fingerprint: str | None = None
    model_digest: str | None = None
    date: str | None = None
    training: TrainingRecord = field(default_factory=TrainingRecord)

    @property
    def task(self) -> Task:
        """What it was made for."""
        return task_of(self.training.task)

    @cached_property
    def answers(self) -> list[Any]:
        """What the file holds. Raises cmcc.DataError when it is not one."""
        return read_answers(self.path, self.training.task)

    @property
    def key(self) -> tuple[str, ...]:
        """What tells its row in the tables from others."""
        return self.training.task, self.training.suffix

    @property
    def untold(self) -> Sequence[str]:
        """The scores that are not its own."""
        return self.task.untold(self.answers)

    def measure(self, version: Version = "strict") -> Measure:  # noqa: ARG002  # which responses alone have
        """How it is scored."""
        return self.task.measure


@dataclass(frozen=True, kw_only=True)
class ResponseSystem(System):
    """What a dialogue model wrote."""

    form: TextForm
    mode: str

    @property
    def fold_caring(self) -> bool:
        """Whether its acts are scored with the caring ones folded back: a model without them cannot do more."""
        return not self.form.caring

    @property
    def key(self) -> tuple[str, ...]:
        """Text form, mode of decoding, and what is special about its training."""
        return self.form.name, self.mode, self.training.suffix

    @property
    def untold(self) -> Sequence[str]:
        """All scores but that of the response, where the oracle gave what stands before it."""
        return [name for name in self.task.measure.statistics if self.mode == "oracle" and name != "bleu"]

    def measure(self, version: Version = "strict") -> Measure:
        """How it is scored: with the caring acts folded back where it has none."""
        return response_measure(version, self.fold_caring)


def find_systems(paths: Iterable[Path]) -> list[System]:
    """The systems in prediction files and in folders of them, sorted by path.

    Raises cmcc.DataError where there are none, and when they predict different data.
    """
    files: list[Path] = []
    for path in paths:
        below = (file for file in path.rglob("*.jsonl") if not is_system_file(file.relative_to(path)))
        files += sorted(below) if path.is_dir() else [path]
    wanted = [file for file in sorted(files) if facts_path(file).exists() or file in paths]
    systems = [_system_of(file, _read_facts(facts_path(file))) for file in wanted]
    if not systems:
        expected = "files that cmcc predict wrote"
        raise DataError("no predictions", expected, "Run cmcc predict first.", folder=", ".join(map(str, paths)))
    data = sorted({(system.dataset, system.split) for system in systems})
    if len(data) > 1:
        expected = "one data set and split, so that rows can be compared"
        raise DataError(f"predictions of {data}", expected, "Name the files of one of them.")
    _check_different(systems)
    return systems


def run_systems(run: Path, split: str) -> list[System]:
    """The systems in a run's own prediction files of a split, RUN/*.jsonl with the facts beside them, sorted by name.

    Raises cmcc.DataError where the facts are not what cmcc predict writes, or two files are of the same kind.
    """
    written = (file for file in sorted(run.glob("*.jsonl")) if not is_system_file(file.name))
    all_facts = {file: _read_facts(facts_path(file)) for file in written if facts_path(file).exists()}
    systems = [_system_of(file, facts) for file, facts in all_facts.items() if facts.get("split") == split]
    _check_different(systems)
    return systems


def response_systems(systems: Iterable[System]) -> list[ResponseSystem]:
    """The dialogue models among them."""
    return [system for system in systems if isinstance(system, ResponseSystem)]


def _check_different(systems: Sequence[System]) -> None:
    """A table has one row for a kind of system: which file it is of may not be left to chance."""
    seen: dict[tuple[str, ...], System] = {}
    for system in systems:
        first = seen.setdefault(system.key, system)
        if first is not system:
            found = f"{first.path} and {system.path}, both of {', '.join(filter(None, system.key))}"
            raise DataError(found, "one file for a row of the tables", "Name the files to report.")


def read_system(file: Path) -> ResponseSystem:
    """A dialogue model's file with the facts beside it.

    Raises cmcc.DataError when they are missing, not finished, or of a recognizer.
    """
    system = _system_of(file, _read_facts(facts_path(file)))
    if not isinstance(system, ResponseSystem):
        expected = "what a dialogue model wrote"
        raise DataError(f"answers of the task {system.training.task}", expected, file=str(file))
    return system


def _system_of(file: Path, facts: Mapping[str, Any]) -> System:
    """A prediction file as a system. facts: what stands beside it."""
    path = facts_path(file)
    try:
        training = training_of({**facts.get("training", {}), "task": facts.get("task", RESPONSE.name)})
        common: dict[str, Any] = {"path": file, "dataset": facts["dataset"], "split": facts["split"]}
        common |= {name: facts.get(name) or None for name in ("fingerprint", "model_digest", "date")}
        common["training"] = training
        system = System(**common)
        if system.task is RESPONSE:
            system = ResponseSystem(**common, form=FORMS[facts["form"]], mode=facts["mode"])
    except DataError as error:  # an unknown task
        raise DataError(error.found, error.expected, error.hint, file=str(path), field="task") from error
    except (KeyError, TypeError) as error:
        raise _unknown_facts(path, error) from error
    if not facts.get("finished", True):
        raise DataError("a run that was stopped", "a finished one", "Start cmcc predict again.", file=str(path))
    if system.split is None:
        hint = "Score its file alone: cmcc score RESULT.json GOLD.json, with the Track 2 file that has the gold."
        raise DataError("predictions of a Track 2 file", "those of a split", hint, file=str(path))
    return system


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text("utf-8"))
        if not isinstance(facts, dict):
            raise TypeError(f"a JSON {type(facts).__name__}")
    except (OSError, ValueError, TypeError) as error:
        raise _unknown_facts(path, error) from error
    return facts


def _unknown_facts(path: Path, error: Exception) -> DataError:
    found = f"{type(error).__name__}: {error}"
    return DataError(found, "what cmcc predict wrote beside its predictions", file=str(path))


def task_of_file(file: Path) -> str:
    """What to score in a prediction file: as the facts beside it say, response where there are none."""
    path = facts_path(file)
    return str(_read_facts(path).get("task", RESPONSE.name)) if path.exists() else RESPONSE.name


def read_task_answers(files: Sequence[Path], task: Task, dataset: str, split: str) -> tuple[list[list[Any]], list[Row]]:
    """The answers of a task in each file, and the gold rows that all of them answer.

    From a file that a dialogue model wrote, those that it wrote along: it answers utterances that have a reply, and of
    entities it tells the names. Then only these are scored, in all files.
    Raises cmcc.DataError when a file is neither, or there are no rows.
    """
    rows = task.split_rows(dataset, split)
    written = [task_of_file(file) != task.name and facts_path(file).exists() for file in files]
    if not any(written):
        return [read_answers(file, task.name) for file in files], rows
    labeled, answers = list(open_split(dataset, "labeled", split)), list[list[Any]]()
    for file, by_dialogue_model in zip(files, written, strict=True):
        if not by_dialogue_model:
            found: list[Any] = read_answers(file, task.name)
        elif task.written and task_of_file(file) == RESPONSE.name:
            found = task.written.read(read_predictions(file), labeled)
        else:
            raise DataError(f"answers of the task {task_of_file(file)}", f"those of {task.name}", file=str(file))
        answers.append(only_answered(found, labeled))
    return answers, only_answered(rows, labeled)


def read_measure(file: Path, task: Task, version: Version, fold_caring: bool) -> Measure:
    """How a file is scored: of responses in a version, folded as asked, or as the facts beside the file say."""
    if task is not RESPONSE:
        return task.measure
    return response_measure(version, fold_caring or (facts_path(file).exists() and read_system(file).fold_caring))


def read_untold(file: Path, task: Task) -> Sequence[str]:
    """The scores that are not the system's own as the facts beside the file say: of responses with the oracle."""
    return read_system(file).untold if task is RESPONSE and facts_path(file).exists() else ()


def check_data(systems: Iterable[System], fingerprint: str) -> None:
    """Raises cmcc.DataError for predictions of other rows than those of this fingerprint: the data were built anew."""
    for system in systems:
        if system.fingerprint not in (None, fingerprint):
            found = f"predictions of other rows than {system.dataset} has now"
            raise DataError(found, "the data that were decoded", "Run cmcc predict again.", file=str(system.path))


def pick(systems: Sequence[ResponseSystem], form: str, mode: str, suffix: str = "") -> ResponseSystem | None:
    """The system of a text form, mode of decoding and kind of training (models.record.TrainingRecord.suffix)."""
    return next((system for system in systems if system.key == (form, mode, suffix)), None)

"""The systems of a report: prediction files with the record of how they were made (FILE.run.json)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cmcc_bench.corpus import open_split
from cmcc_bench.errors import DataError
from cmcc_bench.files import is_system_file, read_facts, unreadable_facts
from cmcc_bench.models.record import TrainingRecord, training_of, with_current_keys
from cmcc_bench.reports.facts import PROMPTED, SystemFacts, facts_of
from cmcc_bench.scoring import Version, read_answers, read_predictions, response_measure
from cmcc_bench.scoring.predictions import facts_path
from cmcc_bench.tasks import RESPONSE, Measure, Row, Task, task_of
from cmcc_bench.tasks.written import only_answered
from cmcc_bench.textform import FORMS, TextForm

NAMES = {row.system[:2]: row.name for row in RESPONSE.published}  # form and mode -> the paper's name
MODES = {"end2end": "End2End", "oracle": "Oracle"}


@dataclass(frozen=True, kw_only=True)
class System:
    """A prediction file of `cmcc predict` and the record beside it, FILE.run.json.

    fingerprint: hash of the rows that were predicted. model_digest: hash of the model (models.digest). date: time of
    the prediction, in UTC, as a string. Each is None if it is not recorded. facts: what it is and what it took.
    """

    path: Path
    dataset: str
    split: str
    fingerprint: str | None = None
    model_digest: str | None = None
    date: str | None = None
    training: TrainingRecord = field(default_factory=TrainingRecord)
    facts: SystemFacts = field(default_factory=SystemFacts)

    @property
    def name(self) -> str:
        """The name in tables; of a prompted model, how it was asked."""
        return self._prompted_name or self.task.model + self.training.suffix

    @property
    def _prompted_name(self) -> str:
        return ", ".join(self.training.options) if self.facts.kind in PROMPTED else ""

    @property
    def task(self) -> Task:
        """The task of the predictions."""
        return task_of(self.training.task)

    @cached_property
    def answers(self) -> list[Any]:
        """The predictions in the file. Raises cmcc.DataError if it is not a prediction file."""
        return read_answers(self.path, self.training.task)

    @property
    def key(self) -> tuple[str, ...]:
        """Identifies the system's row in the tables."""
        return self.training.task, self.training.suffix

    @property
    def missing_scores(self) -> Sequence[str]:
        """The scores that the system does not have."""
        return self.task.missing_scores(self.answers)

    def measure(self, version: Version = "strict") -> Measure:  # noqa: ARG002  # only responses have versions
        """The measure that scores it."""
        return self.task.measure


@dataclass(frozen=True, kw_only=True)
class ResponseSystem(System):
    """The predictions of a dialogue model."""

    form: TextForm
    mode: str

    @property
    def name(self) -> str:
        """The name in tables: that of the paper, the options, and the mode."""
        if self._prompted_name:
            return f"{self._prompted_name} ({MODES.get(self.mode, self.mode)})"
        return NAMES.get((self.form.name, self.mode), f"{self.form.name} {self.mode}") + self.training.suffix

    @property
    def fold_caring(self) -> bool:
        """Whether caring acts are folded back for scoring, because the model has none."""
        return not self.form.caring

    @property
    def key(self) -> tuple[str, ...]:
        """Text form, decoding mode, and suffix of its training (models.record.TrainingRecord.suffix)."""
        return self.form.name, self.mode, self.training.suffix

    @property
    def missing_scores(self) -> Sequence[str]:
        """In oracle mode all scores but BLEU, because the segments before the response are gold."""
        return [name for name in self.task.measure.statistics if self.mode == "oracle" and name != "bleu"]

    def measure(self, version: Version = "strict") -> Measure:
        """The measure that scores it, with caring acts folded back if the model has none."""
        return response_measure(version, self.fold_caring)


def find_systems(paths: Iterable[Path]) -> list[System]:
    """The systems in prediction files and in folders of them, sorted by path.

    Raises cmcc.DataError if there are none, they predict several splits, or dialogue models predict several data sets.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError("no such file or folder", "", "Run cmcc predict first, or check the path.", path=str(path))
        below = (file for file in path.rglob("*.jsonl") if not is_system_file(file.relative_to(path)))
        files += sorted(below) if path.is_dir() else [path]
    prediction_files = [file for file in sorted(files) if facts_path(file).exists() or file in paths]
    systems = [_system_of(file, read_facts(facts_path(file))) for file in prediction_files]
    if not systems:
        hint = "Run cmcc predict first, or check the path."
        raise DataError("no prediction files", "", hint, folder=", ".join(map(str, paths)))
    data = sorted({(system.dataset, system.split) for system in systems})
    several = {system.dataset for system in response_systems(systems)}
    if len(several) > 1 or len({split for _, split in data}) > 1:
        names = ", ".join(f"{dataset} ({split})" for dataset, split in data)
        raise DataError(f"predictions of several data sets or splits: {names}", "", "Pass the files of only one.")
    _check_different(systems)
    return systems


def run_systems(run: Path, split: str) -> list[System]:
    """The systems in a run's own prediction files of a split, RUN/*.jsonl with their records, sorted by name.

    Raises cmcc.DataError if a record was not written by cmcc predict, or two files are of the same system.
    """
    written = (file for file in sorted(run.glob("*.jsonl")) if not is_system_file(file.name))
    all_facts = {file: read_facts(facts_path(file)) for file in written if facts_path(file).exists()}
    systems = [_system_of(file, facts) for file, facts in all_facts.items() if facts.get("split") == split]
    _check_different(systems)
    return systems


def response_systems(systems: Iterable[System]) -> list[ResponseSystem]:
    """Those of the systems that are dialogue models."""
    return [system for system in systems if isinstance(system, ResponseSystem)]


def _check_different(systems: Sequence[System]) -> None:
    """Raises cmcc.DataError if two files have the same key: a table has only one row for it."""
    seen: dict[tuple[str, ...], System] = {}
    for system in systems:
        first = seen.setdefault((system.dataset, *system.key), system)
        if first is not system:
            name = ", ".join(filter(None, system.key))
            problem = f"{first.path} and {system.path} are both predictions of the same system ({name})"
            raise DataError(problem, "", "Pass only one of the two files.")


def read_system(file: Path) -> ResponseSystem:
    """A dialogue model's prediction file with its record.

    Raises cmcc.DataError if the record is missing, of an unfinished run, or of another task.
    """
    system = _system_of(file, read_facts(facts_path(file)))
    if not isinstance(system, ResponseSystem):
        problem = f"predictions of the task {system.training.task}, not of a dialogue model"
        raise DataError(problem, "", "Pass a file that a dialogue model predicted.", file=str(file))
    return system


def _system_of(file: Path, facts: Mapping[str, Any]) -> System:
    """A prediction file as a system. facts: the content of its record."""
    path = facts_path(file)
    try:
        training = training_of({**facts.get("training", {}), "task": facts.get("task", RESPONSE.name)})
        common: dict[str, Any] = {"path": file, "dataset": facts["dataset"], "split": facts["split"]}
        common |= {name: facts.get(name) or None for name in ("fingerprint", "model_digest", "date")}
        common |= {"training": training, "facts": facts_of(facts, training_facts(file, training.task))}
        system = System(**common)
        if system.task is RESPONSE:
            system = ResponseSystem(**common, form=FORMS[facts["form"]], mode=facts["mode"])
    except DataError as error:  # an unknown task
        raise DataError(error.found, error.expected, error.hint, file=str(path), field="task") from error
    except (KeyError, TypeError) as error:
        raise unreadable_facts(path, error) from error
    if not facts.get("finished", True):
        raise DataError("the run was stopped before it finished", "", "Run cmcc predict again.", file=str(path))
    if system.split is None:
        hint = "Run cmcc score RESULT.json GOLD.json, where GOLD.json is the Track 2 file with the gold fields."
        raise DataError("predictions of a Track 2 file, not of a split", "", hint, file=str(path))
    return system


def training_facts(file: Path, task: str) -> Mapping[str, Any]:
    """The record of the training, if a prediction file is in the folder of its run; else nothing."""
    try:
        facts = read_facts(file.parent / "run.json", may_lack=True)
    except DataError:
        return {}
    return with_current_keys(facts) if facts.get("task", task) == task else {}


def facts_of_file(file: Path) -> SystemFacts:
    """The facts about the system of a prediction file; nothing is known without a record beside it."""
    facts = read_facts(facts_path(file), may_lack=True)
    return facts_of(facts, training_facts(file, facts.get("task", RESPONSE.name)) if facts else {})


def task_of_file(file: Path) -> str:
    """The task of a prediction file according to its record; `response` without a record."""
    path = facts_path(file)
    return str(read_facts(path).get("task", RESPONSE.name)) if path.exists() else RESPONSE.name


def read_task_answers(files: Sequence[Path], task: Task, dataset: str, split: str) -> tuple[list[list[Any]], list[Row]]:
    """The answers of a task in each file, and the gold rows that all of the files answer.

    A dialogue model's file has answers to other tasks, too: its emotions and entity names, for the utterances that have
    a reply. With such a file, only these utterances are scored, in all files.
    Raises cmcc.DataError if a file has no answers to the task, or there are no gold rows.
    """
    rows = task.split_rows(dataset, split)
    written = [task_of_file(file) != task.name and facts_path(file).exists() for file in files]
    if not any(written):
        return [read_answers(file, task.name) for file in files], rows
    labeled, answers = list(open_split(dataset, "labeled", split)), list[list[Any]]()
    for file, by_dialogue_model in zip(files, written, strict=True):
        if not by_dialogue_model:
            file_answers: list[Any] = read_answers(file, task.name)
        elif task.written and task_of_file(file) == RESPONSE.name:
            file_answers = task.written.read(read_predictions(file), labeled)
        else:
            hint = "Pass files of one task."
            raise DataError(f"predictions of {task_of_file(file)}", f"those of {task.name}", hint, file=str(file))
        answers.append(only_answered(file_answers, labeled))
    return answers, only_answered(rows, labeled)


def read_measure(file: Path, task: Task, version: Version, fold_caring: bool) -> Measure:
    """The measure for a file. Responses: in a version, with caring acts folded if asked or recorded so."""
    if task is not RESPONSE:
        return task.measure
    return response_measure(version, fold_caring or (facts_path(file).exists() and read_system(file).fold_caring))


def read_missing_scores(file: Path, task: Task) -> Sequence[str]:
    """The scores that the system does not have, according to its record: those of oracle segments."""
    path = facts_path(file)
    system = _system_of(file, read_facts(path)) if path.exists() else None
    return system.missing_scores if isinstance(system, ResponseSystem) and system.task is task else ()


def check_data(systems: Iterable[System], fingerprint: str) -> None:
    """Raises cmcc.DataError for predictions of rows with another fingerprint: the data set has changed."""
    for system in systems:
        if system.fingerprint not in (None, fingerprint):
            problem = f"{system.dataset} has changed since these predictions were made"
            raise DataError(problem, "", "Run cmcc predict again.", file=str(system.path))


def pick(systems: Sequence[ResponseSystem], form: str, mode: str, suffix: str = "") -> ResponseSystem | None:
    """The system of a text form, decoding mode and training suffix (models.record.TrainingRecord.suffix)."""
    return next((system for system in systems if system.key == (form, mode, suffix)), None)

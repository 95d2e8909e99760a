"""The files of a prediction run: OUT.part during the run, a line for each dialogue; OUT at the end; OUT.run.json.

A stopped run leaves OUT.part (see decoding.parts). The next start of the same run goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from cmcc_bench.decoding.parts import Parts, UnitWork
from cmcc_bench.decoding.processes import Processes
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.scoring.predictions import facts_path

_IDENTITY = ("task", "model_digest", "form", "mode", "fingerprint", "split", "format")


@dataclass(frozen=True)
class PredictionRun:
    """The contents of OUT.run.json.

    task: a key of tasks.TASKS; form and mode are empty for all tasks but response. training: the record of the model's
    training (models.record). exchanges: number of exchanges; for a recognizer, of utterances or dialogues.
    model_digest, fingerprint: digests of the model's files and of the data. seconds: time of this start, without
    opening the model; exchanges_per_second: exchanges of this start per second. resumed: exchanges that an earlier
    start decoded. forward_tokens: tokens that the model read in this start. cut_contexts: exchanges whose context was
    too long for the model. cut_entities: history entities that were dropped, the oldest first. date: end of the run, in
    UTC. endpoint: of a language model behind an endpoint, what endpoint.run.EndpointRecord holds. parameters: of a
    trained model, if they are known. processes: number of processes that shared the work of this start. precision: of a
    response model's numbers; empty for others.
    """

    model: str
    model_digest: str
    form: str
    mode: str
    dataset: str
    dataset_version: str | None
    fingerprint: str
    split: str | None
    format: str
    synthetic: bool
    batch_size: int
    versions: Mapping[str, str]
    finished: bool = False
    exchanges: int = 0
    resumed: int = 0
    seconds: float = 0.0
    exchanges_per_second: float = 0.0
    forward_tokens: int = 0
    cut_contexts: int = 0
    cut_entities: int = 0
    task: str = "response"
    training: Mapping[str, Any] = field(default_factory=dict)
    date: str = ""
    endpoint: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    processes: int = 1
    precision: str = ""


class RunFiles:
    """The three files of a run that writes to `out`."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.part = out.with_name(out.name + ".part")
        self.record = facts_path(out)

    def finished_run(self, run: PredictionRun) -> PredictionRun | None:
        """The record of the same run if it is finished and its output exists, else None."""
        before = self._read_record()
        if before is None or not before.finished or not self.out.exists() or _identity(before) != _identity(run):
            return None
        return before

    def start(self, run: PredictionRun) -> bool:
        """Writes the record; returns whether OUT.part is of an earlier start of the run.

        Raises cmcc.DataError if OUT or OUT.part is of another model, form, mode, data, format or precision.
        """
        self.check_free(run)
        is_begun = self.is_begun(run)
        self.write_record(run)
        return is_begun

    def check_free(self, run: PredictionRun) -> None:
        """Raises cmcc.DataError if `out` is a folder or a file of another run.

        Predictions of another run are never overwritten: their record would be replaced first and not match them.
        """
        if self.out.is_dir():
            raise DataError("this is a folder", "", "Give --out the path of a file.", file=str(self.out))
        before = self._read_record()
        if self.out.exists() and (before is None or _identity(before) != _identity(run)):
            hint = "Choose another --out, or remove the file."
            problem = "the file exists and was not written by a run with this model, data, mode, format and precision"
            raise DataError(problem, "", hint, file=str(self.out))

    def write_record(self, run: PredictionRun) -> None:
        """Writes OUT.run.json."""
        write_bytes(self.record, orjson.dumps(asdict(run), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def is_begun(self, run: PredictionRun) -> bool:
        """Whether OUT.part is of an earlier start of the run. Raises cmcc.DataError if it is another run's."""
        before = self._read_record()
        if not self.part.exists() or (before and before.finished):
            return False  # the finished run was interrupted before it removed its .part file
        if before is None or _identity(before) != _identity(run):
            shown = [f"{name} {value}" for name in ("mode", "precision") if (value := getattr(run, name))]
            expected = f"those of {', '.join((f'model {run.model}', *shown))} on {run.dataset}"
            hint = f"Choose another --out, or remove {self.part.name} to start again."
            raise DataError("unfinished predictions of another run", expected, hint, file=str(self.part))
        return True

    def _read_record(self) -> PredictionRun | None:
        if not self.record.exists():
            return None
        try:
            return PredictionRun(**orjson.loads(self.record.read_bytes()))
        except (orjson.JSONDecodeError, TypeError) as error:
            hint = "Choose another --out, or remove the file."
            raise DataError(str(error), "a record that cmcc predict wrote", hint, file=str(self.record)) from error


def share_run(
    run: PredictionRun,
    out: Path,
    sizes: Sequence[int],
    work: UnitWork,
    write: Callable[[RunFiles, Iterator[Any], PredictionRun], PredictionRun],
    processes: Processes,
    progress: Callable[[int, int], None] | None = None,
    tokens: Callable[[], int] = lambda: 0,
) -> PredictionRun:
    """Shares the work of a run among the processes and writes its files; a finished run is not repeated.

    sizes: lines of each unit of work, see decoding.parts. write: (files, values of all lines in order, run) writes OUT
    and returns the run with its own facts; called in the first process. tokens: the number that the model read in this
    process, asked at the end. Returns the record of the run, in every process.
    """
    files, total = RunFiles(out), sum(sizes)
    processes.check_same(_identity(run), "another model or other data", file=str(out))
    if finished := processes.from_first(lambda: files.finished_run(run)):
        if progress:
            progress(total, total)
        return finished
    parts, begin = Parts(files.part, sizes), perf_counter()
    resumed = parts.finish(work, processes, lambda: files.start(run), progress)
    seconds = max(perf_counter() - begin, 1e-9)
    forward_tokens = sum(processes.of_all(tokens()))

    def finish() -> PredictionRun:
        """Joins the parts. OUT is there before the record says that the run is finished, and the parts go last."""
        done = replace(
            run,
            finished=True,
            date=now(),
            exchanges=total,
            resumed=resumed,
            seconds=round(seconds, 3),
            exchanges_per_second=round((total - resumed) / seconds, 3),
            forward_tokens=forward_tokens,
            processes=processes.number,
        )
        done = write(files, parts.lines(), done)
        files.write_record(done)
        parts.remove()
        return done

    return processes.from_first(finish)


def now() -> str:
    """The time in UTC, to the second: 2022-12-07T09:30:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(run: PredictionRun) -> tuple[str | None, ...]:
    # Earlier records have no precision; responses were float32.
    precision = run.precision or ("" if run.endpoint else "float32")
    return *(getattr(run, name) for name in _IDENTITY), precision

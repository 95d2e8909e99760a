"""The files of a prediction run: OUT.part during the run, one line for each exchange; OUT at the end; OUT.run.json.

A stopped run leaves OUT.part. The next start of the same run keeps its complete dialogues and decodes the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import orjson

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.scoring.lines import filled_lines, parse_line
from cmcc_bench.scoring.predictions import facts_path
from cmcc_bench.tasks import Place, Prediction, prediction_of

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
    trained model, if they are known.
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


@dataclass(frozen=True)
class Line:
    """A line of OUT.part. cut_entities: number of dropped history entities; None if the context was not cut."""

    prediction: Prediction
    cut_entities: int | None


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

    def start(self, run: PredictionRun, sizes: Mapping[str, int]) -> list[Line]:
        """Writes the record and returns the lines of all complete dialogues of an earlier start.

        sizes: number of exchanges of each dialogue. Raises cmcc.DataError if the earlier start had another model, form,
        mode, data or format.
        """
        self.check_free(run)
        lines = _whole_dialogues(self._read_part(run), sizes)
        write_bytes(self.part, b"".join(map(_dump, lines)))
        self.write_record(run)
        return lines

    def check_free(self, run: PredictionRun) -> None:
        """Raises cmcc.DataError if `out` is a folder or a file of another run.

        Predictions of another run are never overwritten: their record would be replaced first and not match them.
        """
        if self.out.is_dir():
            raise DataError("this is a folder", "", "Give --out the path of a file.", file=str(self.out))
        before = self._read_record()
        if self.out.exists() and (before is None or _identity(before) != _identity(run)):
            hint = "Choose another --out, or remove the file."
            raise DataError("the file exists and was not written by this run", "", hint, file=str(self.out))

    def write_record(self, run: PredictionRun) -> None:
        """Writes OUT.run.json."""
        write_bytes(self.record, orjson.dumps(asdict(run), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def is_begun(self, run: PredictionRun) -> bool:
        """Whether OUT.part is of an earlier start of the run. Raises cmcc.DataError if it is another run's."""
        before = self._read_record()
        if not self.part.exists() or (before and before.finished):
            return False  # the finished run was interrupted before it removed its .part file
        if before is None or _identity(before) != _identity(run):
            expected = f"those of model {run.model}, {f'mode {run.mode}, ' if run.mode else ''}on {run.dataset}"
            hint = f"Choose another --out, or remove {self.part.name} to start again."
            raise DataError("unfinished predictions of another run", expected, hint, file=str(self.part))
        return True

    def _read_part(self, run: PredictionRun) -> list[Line]:
        if not self.is_begun(run):
            return []
        whole, end, _ = self.part.read_bytes().rpartition(b"\n")  # after the last line break: possibly truncated
        lines = filled_lines(BytesIO(whole + end), str(self.part))
        return [_line(line, {"file": str(self.part), "line": number}) for number, line in lines]

    def _read_record(self) -> PredictionRun | None:
        if not self.record.exists():
            return None
        try:
            return PredictionRun(**orjson.loads(self.record.read_bytes()))
        except (orjson.JSONDecodeError, TypeError) as error:
            hint = "Choose another --out, or remove the file."
            raise DataError(str(error), "a record that cmcc predict wrote", hint, file=str(self.record)) from error


def append_line(stream: IO[bytes], line: Line) -> None:
    """Writes and flushes a line, so that a kill does not lose it."""
    stream.write(_dump(line))
    stream.flush()


def now() -> str:
    """The time in UTC, to the second: 2022-12-07T09:30:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(run: PredictionRun) -> tuple[str | None, ...]:
    return tuple(getattr(run, name) for name in _IDENTITY)


def _dump(line: Line) -> bytes:
    value = asdict(line.prediction) | {"cut_entities": line.cut_entities}
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _line(text: bytes, place: Place) -> Line:
    """Parses a line of OUT.part. Raises cmcc.DataError with the line number and the fix."""
    try:
        value: Any = parse_line(text, place)
        return Line(prediction_of(value, place), value.get("cut_entities"))
    except DataError as error:
        hint = "Remove the file to start again from the first dialogue."
        raise DataError(error.found, error.expected, hint, **error.place) from error


def _whole_dialogues(lines: Sequence[Line], sizes: Mapping[str, int]) -> list[Line]:
    counts = Counter(line.prediction.dialogue_id for line in lines)
    return [line for line in lines if counts[line.prediction.dialogue_id] == sizes.get(line.prediction.dialogue_id)]

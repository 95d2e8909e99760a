"""Reads a submitted file of predictions with size limits, line by line, and reports all problems in it.

Only JSON lines are read, also in a gzip file up to the size limit; archives and pickles are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from cmcc_bench.errors import DataError, printable
from cmcc_bench.masking import mask
from cmcc_bench.scoring.lines import WRITE, Bounds, FileList, filled_lines, open_lines, parse_line
from cmcc_bench.scoring.predictions import align
from cmcc_bench.tasks import Answer, Place, PredictedDialogue, Row, Task
from cmcc_bench.tasks.fields import UnknownLabelError

FILE_BYTES = 64 << 20  # unpacked; the published test split takes about 6 MB
LINE_BYTES = 32 << 10
TEXT_CHARACTERS = 1_000  # of one text; a reply in the corpus has 25 on average
LIST_ITEMS = 500
PROBLEMS = 20  # the most that are reported for one file


@dataclass(frozen=True)
class CheckedFile:
    """The result of a check: the answers of a valid file, or its problems, at most PROBLEMS; one of the two is empty.

    dialogues: the answers aligned with the rows, as they are scored. notes: for a valid file, a line for each unknown
    label, which is scored as wrong; the PROBLEMS most frequent ones, and the number of others.
    """

    answers: tuple[Answer, ...]
    problems: tuple[DataError, ...]
    dialogues: tuple[PredictedDialogue[Answer], ...] = ()
    notes: tuple[str, ...] = ()


class _Unknown:
    """The unknown labels: the number of lines of each, and the first of these lines."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], list[int]] = {}  # (field, name) -> lines, first line
        self.expected: dict[str, str] = {}  # by field

    def add(self, labels: Iterable[tuple[str, str]], line: int) -> None:
        """Counts the labels of a line."""
        for label in dict.fromkeys(labels):
            self.lines.setdefault(label, [0, line])[0] += 1

    def messages(self) -> Iterator[tuple[str, str, int]]:
        """(field, message, first line) for the PROBLEMS most frequent labels; masked, as a label can quote a call."""
        frequent = sorted(self.lines.items(), key=lambda item: (-item[1][0], item[0]))
        for (field, name), (count, first) in frequent[:PROBLEMS]:
            shown = printable(mask(name), 40)
            yield field, f"the label '{shown}' on {count} line{'s' if count > 1 else ''}", first


def check_file(path: Path, track: Task, rows: Sequence[Row], name: str | None = None) -> CheckedFile:
    """Reads a file for a track and aligns it with the rows to answer, whose labels may be hidden.

    name: the file's name in messages (default: its own). Problems in the file are returned, not raised. Raises OSError
    if there is no file.
    """
    name = name or path.name
    answers, refused = FileList[Answer](), _Unknown()
    problems: list[DataError] = []
    dialogues: list[PredictedDialogue[Answer]] = []
    try:
        # More lines are read than there are rows, so that duplicates are reported as such.
        bounds = Bounds(LINE_BYTES, FILE_BYTES, 2 * len(rows) + PROBLEMS)
        with open_lines(path, name) as stream:
            for number, line in filled_lines(stream, name, bounds):
                try:
                    answers.append(read_answer(line, track, {"file": name, "line": number}))
                    answers.lines.append(number)
                except UnknownLabelError as error:
                    field = str(error.place["field"])
                    refused.expected[field] = error.expected
                    refused.add(((field, label) for label in error.names), number)
                except DataError as error:
                    problems.append(error)
                if len(problems) == PROBLEMS:
                    break
        problems += [
            DataError(message, refused.expected[field], "Use one of these labels.", file=name, line=first, field=field)
            for field, message, first in refused.messages()
        ][: PROBLEMS - len(problems)]
        if not answers and not problems:
            problems.append(DataError("an empty file", f"{len(rows)} lines", WRITE, file=name))
        if not problems:
            dialogues = align(answers, rows, name, track.key)
    except DataError as error:
        problems.append(error)
    if problems:
        return CheckedFile((), tuple(problems))
    return CheckedFile(tuple(answers), (), tuple(dialogues), _notes(answers, track))


def _notes(answers: FileList[Answer], track: Task) -> tuple[str, ...]:
    unknown = _Unknown()
    for number, answer in zip(answers.lines, answers, strict=True):
        unknown.add(track.unknown(answer), number)
    notes = [f"{field}: {message}, the first is line {first}" for field, message, first in unknown.messages()]
    others = len(unknown.lines) - len(notes)
    if others:
        notes.append(f"and {others} other label{'s' if others > 1 else ''}")
    return tuple(notes)


def read_answer(line: bytes, track: Task, place: Place) -> Answer:
    """One line as an answer. Raises cmcc.DataError if it is no JSON, no answer for the track, or too large."""
    answer: Answer = track.parse(parse_line(line, place), place)
    _check_sizes(answer, place)
    return answer


def _check_sizes(value: object, place: Place) -> None:
    """Raises cmcc.DataError for a text or a list that is too long."""
    if is_dataclass(value):
        for field in fields(value):
            _check_sizes(getattr(value, field.name), place | {"field": field.name})
    elif isinstance(value, str) and len(value) > TEXT_CHARACTERS:
        raise DataError(f"{len(value)} characters", f"at most {TEXT_CHARACTERS}", "Shorten the text.", **place)
    elif isinstance(value, tuple):
        if len(value) > LIST_ITEMS:
            raise DataError(f"{len(value)} items", f"at most {LIST_ITEMS}", "Shorten the list.", **place)
        for item in value:
            _check_sizes(item, place)

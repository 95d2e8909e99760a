"""What a recogniser says, as JSON lines: emotions and entities of an utterance, satisfaction of a dialogue.

    {"dialogue_id": "a", "utterance": 1, "emotions": ["neutral"], "scores": [0.9, ...]}
    {"dialogue_id": "a", "utterance": 1, "entities": [{"type": "package", "name": "...", "start": 0, "end": 2}], ...}
    {"dialogue_id": "a", "satisfaction": "satisfied", "scores": [0.1, 0.2, 0.7]}

Labels are written by their English names, and read by any that cmcc.find_label finds; emotions also from one text,
satisfaction also by 1 to 3. A label of no vocabulary is an error. What is read was made by someone else and may hold
anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import orjson

from cmcc_bench.errors import DataError, printable
from cmcc_bench.vocabulary import EMOTIONS, ENTITY_TYPES, SATISFACTION, find_label, label_names, satisfaction_label

from .lines import FileList, Place
from .predictions import read_lines


class UnknownLabelError(DataError):
    """Labels that are in no vocabulary; names: all of them that the line has in one field."""

    def __init__(self, names: Sequence[str], known: Iterable[str], place: Place) -> None:
        self.names = tuple(printable(name, 40) for name in names)
        super().__init__(", ".join(map(repr, self.names)), f"one of {', '.join(known)}", **place)


Record: TypeAlias = Mapping[str, object]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class EmotionAnswer:
    """The emotions of a user utterance; scores: a probability for each of cmcc.EMOTIONS, None from who gives none."""

    dialogue_id: str
    utterance: int
    emotions: tuple[str, ...]
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A name in a text, and where: text[start:end]. The type, start and end are None from who tells names alone."""

    name: str
    type: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def span(self) -> tuple[str, int, int] | None:
        """Type, start and end, None where any is unknown."""
        if self.type is None or self.start is None or self.end is None:
            return None
        return self.type, self.start, self.end


@dataclass(frozen=True, slots=True)
class EntityAnswer:
    """The entities of a user utterance, and its emotions, None from who tells none."""

    dialogue_id: str
    utterance: int
    entities: tuple[Entity, ...]
    emotions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SatisfactionAnswer:
    """The satisfaction of a dialogue; scores: a probability for each of cmcc.SATISFACTION, None from who gives none."""

    dialogue_id: str
    satisfaction: str
    scores: tuple[float, ...] | None = None


Answer: TypeAlias = EmotionAnswer | EntityAnswer | SatisfactionAnswer


def read_answers(path: str | Path, task: str) -> FileList[Answer]:
    """The answers of a file of JSON lines. task: a key of PARSERS.

    Raises cmcc.DataError, which names file, line and field, for what is no answer of the task.
    """
    return read_lines(path, PARSERS[task])


def answer_line(answer: Answer) -> bytes:
    """One line of such a file."""
    return orjson.dumps(asdict(answer), option=orjson.OPT_APPEND_NEWLINE)


def emotion_answer(value: object, place: Place | None = None) -> EmotionAnswer:
    """A decoded JSON object as an answer. Raises cmcc.DataError, which names the field, where it is none."""
    record, place = _record(value, place or {})
    emotions, scores = _labels(record, place), _scores(record, len(EMOTIONS), place)
    return EmotionAnswer(_text(record, "dialogue_id", place), _number(record, "utterance", place), emotions, scores)


def entity_answer(value: object, place: Place | None = None) -> EntityAnswer:
    """A decoded JSON object as an answer. Raises cmcc.DataError, which names the field, where it is none."""
    record, place = _record(value, place or {})
    entities = _list(record, "entities", place)
    return EntityAnswer(
        _text(record, "dialogue_id", place),
        _number(record, "utterance", place),
        tuple(_entity(entity, place | {"entity": number}) for number, entity in enumerate(entities)),
        None if record.get("emotions") is None else _labels(record, place),
    )


def satisfaction_answer(value: object, place: Place | None = None) -> SatisfactionAnswer:
    """A decoded JSON object as an answer. Raises cmcc.DataError, which names the field, where it is none."""
    record, place = _record(value, place or {})
    label, scores = _satisfaction(record, place), _scores(record, len(SATISFACTION), place)
    return SatisfactionAnswer(_text(record, "dialogue_id", place), label, scores)


PARSERS: Mapping[str, Callable[[object, Place], Answer]] = {
    "emotion": emotion_answer,
    "entities": entity_answer,
    "satisfaction": satisfaction_answer,
}


def _record(value: object, place: Place) -> tuple[Record, Place]:
    if not isinstance(value, dict):
        raise DataError(f"a JSON {type(value).__name__}", "an object with an answer's fields", **place)
    return value, place


def _entity(value: object, place: Place) -> Entity:
    record, place = _record(value, place)
    name = _text(record, "name", place)
    if all(record.get(field) is None for field in ("type", "start", "end")):
        return Entity(name)
    (label,) = _known([record.get("type")], ENTITY_TYPES, place | {"field": "type"})
    start, end = _number(record, "start", place), _number(record, "end", place)
    if end <= start:
        raise DataError(f"start {start} and end {end}", "an end after the start", **place, field="end")
    return Entity(name, label, start, end)


def _labels(record: Record, place: Place) -> tuple[str, ...]:
    place = place | {"field": "emotions"}
    listed = record.get("emotions")
    written = [
        name
        for item in (label_names(listed) if isinstance(listed, str) else _list(record, "emotions", place))
        for name in (label_names(item) or [item] if isinstance(item, str) else [item])
    ]
    found = _known(written, EMOTIONS, place)
    if len(set(found)) < len(found):
        raise DataError(f"a label twice: {', '.join(found)}", "each label once", **place)
    return found


def _known(written: Sequence[object], vocabulary: Mapping[str, str], place: Place) -> tuple[str, ...]:
    """The labels' English names. Raises UnknownLabelError for those that the vocabulary does not have."""
    english, found, unknown = tuple(vocabulary), list[str](), list[str]()
    for name in written:
        index = find_label(name, vocabulary)
        if index is not None:
            found.append(english[index])
        elif isinstance(name, str):
            unknown.append(name)
        else:
            raise DataError(f"{name!r:.40}", "a label's name", **place)
    if unknown:
        raise UnknownLabelError(unknown, english, place)
    return tuple(found)


def _satisfaction(record: Record, place: Place) -> str:
    value, place = record.get("satisfaction"), place | {"field": "satisfaction"}
    try:
        index = satisfaction_label(value)
    except DataError as error:
        if isinstance(value, str):
            raise UnknownLabelError([value], SATISFACTION, place) from error
        index = None
    if index is None:
        raise DataError(f"{value!r:.40}", f"one of {', '.join(SATISFACTION)}, or 1 to 3", **place)
    return tuple(SATISFACTION)[index]


def _scores(record: Record, size: int, place: Place) -> tuple[float, ...] | None:
    if record.get("scores") is None:
        return None
    scores = _list(record, "scores", place)
    numbers = [float(score) for score in scores if isinstance(score, int | float) and not isinstance(score, bool)]
    if len(scores) != size or len(numbers) != size or not all(math.isfinite(n) and 0 <= n <= 1 for n in numbers):
        raise DataError(f"{scores!r:.60}", f"{size} numbers from 0 to 1", **place, field="scores")
    return tuple(numbers)


def _list(record: Record, field: str, place: Place) -> list[object]:
    value = record.get(field)
    if not isinstance(value, list):
        found = f"{value!r:.40}" if field in record else "no such field"
        raise DataError(found, "a list", **(place | {"field": field}))
    return value


def _text(record: Record, field: str, place: Place) -> str:
    value = record.get(field)
    if not isinstance(value, str):
        raise DataError(f"{value!r:.40}" if field in record else "no such field", "a string", **place, field=field)
    return value


def _number(record: Record, field: str, place: Place) -> int:
    value = record.get(field)
    if type(value) is not int or not 0 <= value < 2**31:
        found = f"{value!r:.40}" if field in record else "no such field"
        raise DataError(found, "a whole number of 0 or more", **place, field=field)
    return value

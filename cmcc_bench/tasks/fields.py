"""The fields of a decoded line, checked: what is read was made by someone else and may hold anything.

Labels are written by their English names, and read by any that cmcc.find_label finds. A label of no vocabulary is an
error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from cmcc_bench.errors import DataError, printable
from cmcc_bench.tasks.base import Place
from cmcc_bench.vocabulary import EMOTIONS, Vocabulary, label_names

Record: TypeAlias = Mapping[str, object]


class UnknownLabelError(DataError):
    """Labels that are in no vocabulary; names: all of them that the line has in one field."""

    def __init__(self, names: Sequence[str], known: Iterable[str], place: Place) -> None:
        self.names = tuple(printable(name, 40) for name in names)
        super().__init__(", ".join(map(repr, self.names)), f"one of {', '.join(known)}", **place)


def record_of(value: object, place: Place) -> tuple[Record, Place]:
    """A decoded line as an object, and its place. Raises cmcc.DataError where it is none."""
    if not isinstance(value, dict):
        raise DataError(f"a JSON {type(value).__name__}", "an object with an answer's fields", **place)
    return value, place


def emotion_labels(record: Record, place: Place) -> tuple[str, ...]:
    """The field `emotions`, a list or one text: English names.

    Raises cmcc.DataError for what is neither, and for a label twice.
    """
    place = place | {"field": "emotions"}
    listed = record.get("emotions")
    written = [
        name
        for item in (label_names(listed) if isinstance(listed, str) else list_of(record, "emotions", place))
        for name in (label_names(item) or [item] if isinstance(item, str) else [item])
    ]
    found = known_labels(written, EMOTIONS, place)
    if len(set(found)) < len(found):
        raise DataError(f"a label twice: {', '.join(found)}", "each label once", **place)
    return found


def known_labels(written: Sequence[object], vocabulary: Vocabulary, place: Place) -> tuple[str, ...]:
    """The labels' English names. Raises UnknownLabelError for those that the vocabulary does not have."""
    found, unknown = list[str](), list[str]()
    for name in written:
        index = vocabulary.find(name)
        if index is not None:
            found.append(vocabulary.names[index])
        elif isinstance(name, str):
            unknown.append(name)
        else:
            raise DataError(f"{name!r:.40}", "a label's name", **place)
    if unknown:
        raise UnknownLabelError(unknown, vocabulary, place)
    return tuple(found)


def probabilities_of(record: Record, size: int, place: Place) -> tuple[float, ...] | None:
    """The field `scores`: so many numbers from 0 to 1, or None. Raises cmcc.DataError for anything else."""
    if record.get("scores") is None:
        return None
    scores = list_of(record, "scores", place)
    numbers = [float(score) for score in scores if isinstance(score, int | float) and not isinstance(score, bool)]
    if len(scores) != size or len(numbers) != size or not all(math.isfinite(n) and 0 <= n <= 1 for n in numbers):
        raise DataError(f"{scores!r:.60}", f"{size} numbers from 0 to 1", **place, field="scores")
    return tuple(numbers)


def list_of(record: Record, field: str, place: Place) -> list[object]:
    """A field as a list. Raises cmcc.DataError where it is none."""
    value = record.get(field)
    if not isinstance(value, list):
        found = f"{value!r:.40}" if field in record else "no such field"
        raise DataError(found, "a list", **(place | {"field": field}))
    return value


def text_of(record: Record, field: str, place: Place) -> str:
    """A field as a string. Raises cmcc.DataError where it is none."""
    value = record.get(field)
    if not isinstance(value, str):
        raise DataError(f"{value!r:.40}" if field in record else "no such field", "a string", **place, field=field)
    return value


def number_of(record: Record, field: str, place: Place) -> int:
    """A field as a whole number. Raises cmcc.DataError where it is none."""
    value = record.get(field)
    if type(value) is not int or not 0 <= value < 2**31:
        found = f"{value!r:.40}" if field in record else "no such field"
        raise DataError(found, "a whole number of 0 or more", **place, field=field)
    return value

"""Reads and checks the fields of a line of predictions. The line is not trusted.

cmcc writes labels by their English names, and reads them in any spelling that cmcc.find_label accepts. An unknown label
is an error.
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
    """The error for unknown labels. names: all unknown labels of one field."""

    def __init__(self, names: Sequence[str], known: Iterable[str], place: Place) -> None:
        self.names = tuple(printable(name, 40) for name in names)
        super().__init__(", ".join(map(repr, self.names)), f"one of {', '.join(known)}", **place)


def record_of(value: object, place: Place) -> tuple[Record, Place]:
    """The decoded line, if it is a JSON object, and its place. Raises cmcc.DataError for any other value."""
    if not isinstance(value, dict):
        raise DataError(f"a JSON {type(value).__name__}", "a JSON object with the fields of an answer", **place)
    return value, place


def emotion_labels(record: Record, place: Place) -> tuple[str, ...]:
    """The field `emotions`, a list or one string, as English names.

    Raises cmcc.DataError for any other type, unknown labels and repeated labels.
    """
    place = place | {"field": "emotions"}
    value = record.get("emotions")
    names = [
        name
        for item in (label_names(value) if isinstance(value, str) else list_of(record, "emotions", place))
        for name in (label_names(item) or [item] if isinstance(item, str) else [item])
    ]
    labels = known_labels(names, EMOTIONS, place)
    if len(set(labels)) < len(labels):
        raise DataError(f"repeated labels in {', '.join(labels)}", "", "Remove the repeated labels.", **place)
    return labels


def known_labels(names: Sequence[object], vocabulary: Vocabulary, place: Place) -> tuple[str, ...]:
    """The English names of labels, given in any spelling.

    Raises UnknownLabelError for names that the vocabulary lacks, cmcc.DataError for values that are not strings.
    """
    labels, unknown = list[str](), list[str]()
    for name in names:
        index = vocabulary.find(name)
        if index is not None:
            labels.append(vocabulary.names[index])
        elif isinstance(name, str):
            unknown.append(name)
        else:
            raise DataError(f"{name!r:.40}", "the name of a label as a string", **place)
    if unknown:
        raise UnknownLabelError(unknown, vocabulary, place)
    return tuple(labels)


def probabilities_of(record: Record, size: int, place: Place) -> tuple[float, ...] | None:
    """The field `scores`: `size` numbers from 0 to 1, or None. Raises cmcc.DataError for anything else."""
    if record.get("scores") is None:
        return None
    scores = list_of(record, "scores", place)
    numbers = [float(score) for score in scores if isinstance(score, int | float) and not isinstance(score, bool)]
    if len(scores) != size or len(numbers) != size or not all(math.isfinite(n) and 0 <= n <= 1 for n in numbers):
        raise DataError(f"{scores!r:.60}", f"a list of {size} numbers from 0 to 1", **place, field="scores")
    return tuple(numbers)


def list_of(record: Record, field: str, place: Place) -> list[object]:
    """A field as a list. Raises cmcc.DataError for a missing field or another type."""
    value = record.get(field)
    if not isinstance(value, list):
        raise _wrong_type(record, field, "a list", place)
    return value


def text_of(record: Record, field: str, place: Place) -> str:
    """A field as a string. Raises cmcc.DataError for a missing field or another type."""
    value = record.get(field)
    if not isinstance(value, str):
        raise _wrong_type(record, field, "a string", place)
    return value


def number_of(record: Record, field: str, place: Place) -> int:
    """A field as an integer of 0 or more. Raises cmcc.DataError for a missing field or another type."""
    value = record.get(field)
    if type(value) is not int or not 0 <= value < 2**31:
        raise _wrong_type(record, field, "an integer of 0 or more", place)
    return value


def _wrong_type(record: Record, field: str, expected: str, place: Place) -> DataError:
    """The error of a field that is missing or has a value of another type."""
    place = place | {"field": field}
    if field not in record:
        return DataError("the field is missing", "", f"Add it; its value is {expected}.", **place)
    return DataError(f"{record[field]!r:.40}", expected, **place)

"""Exchange with other annotation tools: calls and their labels in the formats of Label Studio and doccano, and back.

    cmcc export DATA --format label-studio --out tasks.json
    cmcc import tasks-annotated.json --format label-studio --out care_NAME.json

A label belongs to a whole utterance. Both tools label spans of text instead, so a label is written as a span of its
utterance, and a span that is read labels every utterance that it touches. The tools run in a browser, and count
positions in UTF-16 units: an emoji or a rare character has two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import field_of
from cmcc_bench.types import Json
from cmcc_bench.vocabulary import VOCABULARIES, satisfaction_label

CallLabels: TypeAlias = dict[tuple[int | None, str], tuple[int, ...]]  # by utterance (None: the call) and field

KEYS = {"emotions": "user_emotions", "acts": "caring_acts"}  # fields -> keys of a care file
_ABOUT = "Care labels from another annotation tool, read by cmcc import. What is not annotated is left out."
_AGAIN = "Import a file that the tool made from what cmcc export wrote."


@dataclass(frozen=True)
class SpokenText:
    """An utterance. speaker: 0 service, 1 user. turn: index of the raw turn. text: without line breaks."""

    speaker: int
    turn: int
    text: str

    @property
    def field(self) -> str:
        """The field of its care labels."""
        return field_of(self.speaker)


@dataclass(frozen=True)
class ExchangedCall:
    """A call as other tools get it. file, index: its place in the raw data. labels: only of what is annotated."""

    dialogue_id: str
    file: str | None
    index: int | None
    utterances: tuple[SpokenText, ...]
    labels: CallLabels


def exchanged(call: Call) -> ExchangedCall:
    """A call with its labels. Line breaks in texts become spaces: each tool shows an utterance as one line."""
    spoken = tuple(
        SpokenText(one["speaker"], one["turn"], one["text"].translate({10: " ", 13: " "}))
        for one in call.row["utterances"]
    )
    labels: CallLabels = {
        (number, one.field): tuple(call.row["utterances"][number][one.field])
        for number, one in enumerate(spoken)
        if call.labeled and call.row["utterances"][number][one.field]
    }
    satisfaction = call.row.get("satisfaction")
    if satisfaction is not None:
        labels[None, "satisfaction"] = (satisfaction,)
    return ExchangedCall(call.dialogue_id, call.file, call.index, spoken, labels)


def first_calls(calls: Iterable[Call]) -> Iterator[Call]:
    """Yields the first call of each dialogue id: a care file has one entry for an id."""
    seen = set[str]()
    for call in calls:
        if call.dialogue_id not in seen:
            seen.add(call.dialogue_id)
            yield call


def care_entry(call: ExchangedCall) -> dict[str, Any]:
    """The entry of a care file, with the fields that have labels.

    An utterance without emotions in a call that has some gets an empty list: it is not annotated. Without an entry it
    would be neutral.
    """
    entry: dict[str, Any] = {"file": call.file, "index": call.index, "id": call.dialogue_id}
    for satisfaction in call.labels.get((None, "satisfaction"), ()):
        entry["satisfaction"] = satisfaction + 1
    for field, key in KEYS.items():
        names = VOCABULARIES[field].names
        numbers = [number for number, one in enumerate(call.utterances) if one.field == field]
        if any((number, field) in call.labels for number in numbers):
            given = {number: call.labels.get((number, field), ()) for number in numbers}
            entry[key] = {
                str(call.utterances[number].turn): [names[label] for label in labels]
                for number, labels in given.items()
                if (labels if field == "acts" else labels != (0,))  # a care file does not list neutral ones
            }
    return entry


def write_care(out: Path, calls: Iterable[ExchangedCall], annotator: str | None) -> int:
    """Writes a care file of the calls that have labels, and returns their number.

    annotator: who gave the labels; by default the name of the file, without care_.

    Raises cmcc.DataError if two calls have the same id, or the file exists.
    """
    if out.suffix != ".json":
        raise DataError(f"the extension {out.suffix!r}", "a care file, .json", file=out.name)
    if out.exists():
        raise DataError("the file exists already", "", "Choose another --out, or remove the file.", file=str(out))
    entries: dict[str, dict[str, Any]] = {}
    for call in calls:
        if call.dialogue_id in entries:
            hint = "Remove one of the two, or choose one annotator with --annotator."
            raise DataError("two annotations of one call", "", hint, dialogue=call.dialogue_id)
        if call.labels:
            entries[call.dialogue_id] = care_entry(call)
    about = {"_about": _ABOUT, "annotator": annotator or out.stem.removeprefix("care_")}
    write_json(out, about | {"dialogues": list(entries.values())})
    return len(entries)


def call_facts(call: ExchangedCall) -> dict[str, Any]:
    """What a tool has to keep about a call, so that its labels find their place again."""
    return {"dialogue_id": call.dialogue_id, "file": call.file, "index": call.index}


def read_call(facts: Json, spoken: Sequence[SpokenText], labels: CallLabels) -> ExchangedCall:
    """A call from what a tool kept. Raises cmcc.DataError if the facts are not those of `call_facts`."""
    dialogue_id, file, index = (facts.get(key) for key in ("dialogue_id", "file", "index"))
    if not isinstance(dialogue_id, str) or not isinstance(file, str | None) or not isinstance(index, int | None):
        raise unreadable("no dialogue_id, file and index of the call")
    return ExchangedCall(dialogue_id, file, index, tuple(spoken), labels)


def unreadable(problem: str, **place: str | int | None) -> DataError:
    """The error for content that cmcc export did not write."""
    return DataError(problem, "", _AGAIN, **place)


def add_labels(labels: CallLabels, spoken: Sequence[SpokenText], covered: Iterable[int], names: Json) -> None:
    """Adds the labels of a span to the utterances that it covers: to those whose speaker can have the label.

    Raises cmcc.DataError unless `names` is a list, for a name that is no label, and for a label of the other speaker.
    """
    _check_list(names)
    numbers = list(covered)
    fields = {spoken[number].field for number in numbers}
    for name in names:
        label_of = {field: VOCABULARIES[field].find(name) for field in sorted(fields)}
        if all(label is None for label in label_of.values()):
            shown = ", ".join(one for field in sorted(fields) for one in VOCABULARIES[field].names)
            hint = "Emotions belong to the user, acts to the service. Correct the label in the tool and export again."
            raise DataError(f"the label {name!r:.60}", f"one of {shown}", hint, utterance=numbers[0])
        for number in numbers:
            field = spoken[number].field
            label, given = label_of[field], labels.get((number, field), ())
            if label is not None and label not in given:
                labels[number, field] = (*given, label)


def add_satisfaction(labels: CallLabels, names: Json) -> None:
    """Adds the satisfaction of the call.

    Raises cmcc.DataError unless `names` is a list, for several different levels, and for an unknown name.
    """
    _check_list(names)
    levels = {level for name in names if (level := satisfaction_label(name)) is not None}
    levels |= set(labels.get((None, "satisfaction"), ()))
    if len(levels) > 1:
        raise DataError(f"{len(levels)} labels of satisfaction", "one", "Correct the call in the tool.")
    if levels:
        labels[None, "satisfaction"] = tuple(levels)


def _check_list(names: Json) -> None:
    if not isinstance(names, list):
        raise unreadable(f"labels that are not a list: {names!r:.60}")


def utf16_length(text: str) -> int:
    """The length of a text in UTF-16 units, in which browsers count: 2 for an emoji."""
    return len(text) + sum(character > "\uffff" for character in text)


def utf16_slice(text: str, start: int, end: int) -> str:
    """The part of a text between two positions in UTF-16 units."""
    return text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le", "replace")


def shown_names(field: str, labels: Iterable[int]) -> list[str]:
    """The Chinese names, which annotators see in the tool."""
    return [VOCABULARIES[field].chinese[label] for label in labels]

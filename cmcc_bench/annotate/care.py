"""The care file of an annotator: labels of the calls of DATA, written from decisions and read back.

A care file cannot say that an utterance is still open: a user utterance that it does not list is neutral. So the
emotions of a call are written when all its user utterances are decided, and its acts when all service utterances are.
What is decided of other calls is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from cmcc_bench.annotate.calls import CallStore, field_of
from cmcc_bench.annotate.store import Decision, QuestionPlace
from cmcc_bench.errors import DataError
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.review import Question
from cmcc_bench.reader.care import Care, CareLabels, read_care
from cmcc_bench.reader.json_stream import read_json
from cmcc_bench.vocabulary import VOCABULARIES

_ABOUT = "Care labels of one annotator, made with cmcc annotate. Calls and fields that are not finished are left out."
_KEYS = {"emotions": "user_emotions", "acts": "caring_acts"}  # fields -> keys of an entry


class CareFile:
    """The entries of a care file as bytes, so that the file is made anew quickly after each change."""

    def __init__(
        self,
        annotator: str,
        calls: CallStore,
        about: str = _ABOUT,
        agreed: Mapping[str, Mapping[QuestionPlace, Decision]] = MappingProxyType({}),
    ) -> None:
        """about: what the file says about itself. agreed: decisions that stand beside those of the page, by call."""
        self._head = orjson.dumps({"_about": about, "annotator": annotator})[:-1]
        self._calls, self._agreed = calls, agreed
        self._lines: dict[str, bytes] = {}
        for dialogue_id in agreed:
            self.update(dialogue_id, {})

    def update(self, dialogue_id: str, decisions: Mapping[QuestionPlace, Decision]) -> None:
        """Takes the decisions about a call in place of earlier ones."""
        entry = care_entry(self._calls[dialogue_id], {**self._agreed.get(dialogue_id, {}), **decisions})
        if len(entry) > 3:
            self._lines[dialogue_id] = orjson.dumps(entry)
        else:
            self._lines.pop(dialogue_id, None)

    def contents(self, out: Path) -> dict[Path, bytes]:
        """The care file: a line for each call, in the order of DATA."""
        lines = b",".join(b"\n" + self._lines[one] for one in self._calls if one in self._lines)
        return {out: self._head + b',"dialogues":[' + lines + b"\n]}\n"}


def care_entry(call: Call, decisions: Mapping[QuestionPlace, Decision]) -> dict[str, Any]:
    """The entry of a call: file, index and id, then the labels of each finished field, and the notes.

    Notes are by utterance, as the page counts them from 1, and `call`.
    """
    entry: dict[str, Any] = {"file": call.file, "index": call.index, "id": call.dialogue_id}
    satisfaction = decisions.get((None, "satisfaction"), Decision())
    if satisfaction.labels:
        entry["satisfaction"] = satisfaction.labels[0] + 1
    for field, key in _KEYS.items():
        turns = dict(_turns(call, field, decisions))
        if turns and all(labels is not None for labels in turns.values()):
            names = VOCABULARIES[field].names
            entry[key] = {
                str(turn): [names[label] for label in labels]
                for turn, labels in turns.items()
                if labels and (field == "acts" or any(labels))  # neutral is not listed
            }
    noted = {place: decision.note for place, decision in sorted(decisions.items(), key=str) if decision.note}
    notes = {"call" if number is None else str(number + 1): note for (number, _), note in noted.items()}
    return entry | ({"notes": notes} if notes else {})


def _turns(
    call: Call, field: str, decisions: Mapping[QuestionPlace, Decision]
) -> Iterator[tuple[int, tuple[int, ...] | None]]:
    """Yields the raw turn and the labels of each utterance that has this field; None where it is open."""
    for number, utterance in enumerate(call.row["utterances"]):
        if field_of(utterance["speaker"]) == field:
            yield utterance["turn"], decisions.get((number, field), Decision()).labels


def read_own_care(path: Path, annotator: str) -> CareLabels:
    """Reads the care file of an annotator whose journal is gone.

    Raises cmcc.DataError if it is another file, or another annotator's: it would be overwritten.
    """
    content = read_json(path)
    if not isinstance(content, dict) or content.get("annotator") != annotator:
        problem = f"the file exists, and is not a care file of the annotator {annotator}"
        raise DataError(problem, "", "Choose another --out.", file=str(path))
    return read_care(path)


def decisions_of_care(care: CareLabels, calls: CallStore, path: Path) -> list[tuple[Question, Decision]]:
    """The decisions that a care file has. Raises cmcc.DataError if it labels calls that are not asked about."""
    decisions, known = list[tuple[Question, Decision]](), set[str]()
    for dialogue_id in calls:
        call = calls[dialogue_id]
        names = {dialogue_id, f"{call.file}#{call.index}"} & set(care)
        known |= names
        for place, labels in _decided(call, care[min(names)]) if names else ():
            decisions.append(((dialogue_id, *place), Decision(labels)))
    if unknown := sorted(set(care) - known):
        problem = f"{len(unknown)} calls of this file are not in DATA or not in the plan, such as {unknown[0]}"
        raise DataError(problem, "", "Use the same DATA and --assign, or choose another --out.", file=str(path))
    return decisions


def _decided(call: Call, care: Care) -> Iterator[tuple[QuestionPlace, tuple[int, ...]]]:
    for number, utterance in enumerate(call.row["utterances"]):
        field = field_of(utterance["speaker"])
        labels = care.emotions if field == "emotions" else care.acts
        if labels is not None:
            yield (number, field), labels.get(utterance["turn"], (0,) if field == "emotions" else ())
    if care.satisfaction is not None:
        yield (None, "satisfaction"), (care.satisfaction,)

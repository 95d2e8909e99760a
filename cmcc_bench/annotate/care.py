"""The care file of an annotator: labels of the calls of DATA, written from decisions and read back.

A care file cannot say that an utterance is still open: a user utterance that it does not list is neutral. So the
emotions of a call are written when all its user utterances are decided, and its acts when all service utterances are.
What is decided of other calls is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from cmcc_bench.annotate.calls import CallStore
from cmcc_bench.annotate.store import Decision, QuestionPlace
from cmcc_bench.errors import DataError
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.exchange import care_entry, exchanged
from cmcc_bench.quality.findings import field_of
from cmcc_bench.quality.review import Question
from cmcc_bench.reader.care import Care, CareLabels, read_care
from cmcc_bench.reader.json_stream import read_json

_ABOUT = "Care labels of one annotator, made with cmcc annotate. Calls and fields that are not finished are left out."


class CareEntries:
    """The entries of a care file. Each is kept as JSON, so that the whole file is written quickly after a change."""

    def __init__(self, about: Mapping[str, Any], calls: CallStore) -> None:
        """about: what the file says about itself. calls: their order is that of the entries."""
        self._head, self._calls = orjson.dumps(about)[:-1], calls
        self._lines: dict[str, bytes] = {}

    def set(self, dialogue_id: str, entry: Mapping[str, Any] | None) -> None:
        """Replaces the entry of a call; None removes it."""
        if entry:
            self._lines[dialogue_id] = orjson.dumps(entry)
        else:
            self._lines.pop(dialogue_id, None)

    def as_file(self) -> list[bytes]:
        """The parts of the care file: a line for each call."""
        lines = [part for one in self._calls if one in self._lines for part in (b",\n", self._lines[one])]
        if lines:
            lines[0] = b"\n"
        return [self._head, b',"dialogues":[', *lines, b"\n]}\n"]


class CareFile:
    """The care file of one annotator."""

    def __init__(self, annotator: str, calls: CallStore) -> None:
        self._calls, self._entries = calls, CareEntries({"_about": _ABOUT, "annotator": annotator}, calls)

    def update(self, dialogue_id: str, decisions: Mapping[QuestionPlace, Decision]) -> None:
        """Takes the decisions about a call in place of earlier ones."""
        self._entries.set(dialogue_id, finished_entry(self._calls[dialogue_id], decisions))

    def contents(self, out: Path) -> dict[Path, list[bytes]]:
        """The care file."""
        return {out: self._entries.as_file()}


def finished_entry(call: Call, decisions: Mapping[QuestionPlace, Decision]) -> dict[str, Any] | None:
    """The entry of a call: the labels of each finished field, and the notes; None if there are neither.

    Notes are by utterance, as the page counts them from 1, and `call`.
    """
    spoken = exchanged(call)
    given = {place: decision.labels for place, decision in decisions.items() if decision.labels is not None}
    unfinished = {one.field for number, one in enumerate(spoken.utterances) if (number, one.field) not in given}
    labels = {place: labels for place, labels in given.items() if place[1] not in unfinished}
    noted = {place: decision.note for place, decision in sorted(decisions.items(), key=str) if decision.note}
    notes = {"call" if number is None else str(number + 1): note for (number, _), note in noted.items()}
    if not labels and not notes:
        return None
    return care_entry(replace(spoken, labels=labels)) | ({"notes": notes} if notes else {})


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

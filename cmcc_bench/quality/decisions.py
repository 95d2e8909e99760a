"""From decisions to a care file: the labels as annotators left them, and a log of who changed what."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json, write_text
from cmcc_bench.quality.calls import Call, CallSource, read_calls
from cmcc_bench.quality.check import Considered
from cmcc_bench.quality.findings import SERVICE, USER
from cmcc_bench.quality.review import ReviewRow, check_once, labels_of, shortened_id
from cmcc_bench.quality.spreadsheet import AS_TEXT, id_number, is_shortened, json_line
from cmcc_bench.reader.json_stream import read_json
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, SPEAKERS, VOCABULARIES

_ABOUT = "Care-oriented labels that annotators decided on in a review; what is not listed is as in the raw files."
_REVISED = "Changed since by annotators in a review: the log beside this file says who changed what."


@dataclass(frozen=True)
class Change:
    """A decision as the log keeps it; labels are English names.

    turn: index of the raw turn. considered: what was proposed, {"add": [...], "remove": [...]}. applied: False where
    the raw file itself has an act that was to go: a care file only adds acts, so the raw file has to be mended by hand.
    """

    annotator: str
    dialogue_id: str
    utterance: int | None
    turn: int | None
    field: str
    decision: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    add: tuple[str, ...]
    remove: tuple[str, ...]
    applied: bool = True

    def as_line(self) -> str:
        """A line of the log."""
        return json_line(self.__dict__)


@dataclass(frozen=True)
class Applied:
    """What came of a review: the content of the care file, and the log's new entries."""

    care: Mapping[str, Any]
    changes: tuple[Change, ...]

    @property
    def changed(self) -> int:
        """How many decisions changed labels."""
        return sum(change.applied and change.before != change.after for change in self.changes)

    @property
    def by_hand(self) -> tuple[Change, ...]:
        """Decisions that a care file cannot express."""
        return tuple(change for change in self.changes if not change.applied)


def log_path(care: Path) -> Path:
    """The log beside a care file: care.json has care.log.jsonl."""
    return care.with_suffix(".log.jsonl")


def apply_review(rows: list[ReviewRow], source: CallSource, review: str) -> Applied:
    """The care file that the decisions make of the labels of a source, which are not changed themselves.

    review: the file's name, for messages. Raises cmcc.DataError when a row names what is not in the data, or when the
    labels have changed since the review file was written.
    """
    calls = _calls_of(source, {row.dialogue_id for row in rows})
    rows = _with_ids_of_data(rows, calls, review)
    ids = {row.dialogue_id for row in rows}
    plain = _calls_of(replace(source, care=None), ids) if source.care else calls
    care: dict[str, Any] = {"_about": _ABOUT}
    if source.care:
        care = read_json(source.care) | {"_revised": _REVISED}
    entries = care.setdefault("dialogues", [])
    changes = []
    for row in rows:
        call = _call_of(row, calls, review)
        changes.append(_change(row, call, plain[row.dialogue_id]))
    accepted = [(row, change) for row, change in zip(rows, changes, strict=True) if change.applied]
    for dialogue_id in sorted({row.dialogue_id for row, change in accepted if change.before != change.after}):
        decided = {(row.utterance, row.field): row.after for row, _ in accepted if row.dialogue_id == dialogue_id}
        _write_entry(_entry(entries, calls[dialogue_id]), calls[dialogue_id], plain[dialogue_id], decided)
    return Applied(care, tuple(changes))


def _calls_of(source: CallSource, ids: Collection[str]) -> dict[str, Call]:
    """The calls that ids name, as they are or as numbers."""
    found: dict[str, Call] = {}
    numbers = set(map(id_number, ids)) - {None}
    ids = {*ids, *(dialogue_id.strip() for dialogue_id in ids)}
    for call in read_calls(source, lambda *_: None):  # what cannot be read is a finding of the check
        if call.labeled and (call.dialogue_id in ids or id_number(call.dialogue_id) in numbers):
            found.setdefault(call.dialogue_id, call)
    return found


def _with_ids_of_data(rows: list[ReviewRow], calls: Mapping[str, Call], review: str) -> list[ReviewRow]:
    """The rows with the ids that the data have: a spreadsheet or pandas makes the number 1 of the id 001.

    An id that several dialogues may have had is an error, unless some id of the file is no number as tools write it:
    then no tool has changed the ids.
    """
    by_number: dict[str | None, list[str]] = {}
    for dialogue_id in calls:
        by_number.setdefault(id_number(dialogue_id), []).append(dialogue_id)
    is_untouched = any(row.dialogue_id.isdecimal() and row.dialogue_id != id_number(row.dialogue_id) for row in rows)
    found = []
    for row in rows:
        number = id_number(row.dialogue_id)
        matches = by_number.get(number, []) if number else []
        if len(matches) > 1 and not (is_untouched and row.dialogue_id in calls):
            place: dict[str, str | int | None] = {"file": review, **row.place, "dialogue": row.dialogue_id}
            hint = f"It may be {' or '.join(sorted(matches)[:3])}. {AS_TEXT}."
            raise DataError("an id that several dialogues may have had", "the id of one", hint, **place)
        if len(matches) == 1:
            row = replace(row, dialogue_id=matches[0])
        elif row.dialogue_id not in calls:
            row = replace(row, dialogue_id=row.dialogue_id.strip())
        found.append(row)
    try:
        check_once(found)
    except DataError as error:
        raise error.at(file=review) from None
    return found


def _call_of(row: ReviewRow, calls: Mapping[str, Call], review: str) -> Call:
    """The call that a row is about, which must be as it was when the row was written."""
    place: dict[str, str | int | None] = {"file": review, **row.place}
    call = calls.get(row.dialogue_id)
    if call is None and is_shortened(row.dialogue_id):
        raise shortened_id(row).at(file=review)
    if call is None:
        hint = f"Spreadsheets change ids that look like numbers or dates. {AS_TEXT}."
        place["dialogue"] = row.dialogue_id
        raise DataError("an id that the data lack", "the id of a labeled dialogue", hint, **place)
    utterances = call.row["utterances"]
    if row.utterance is not None:
        speaker = USER if row.field == "emotions" else SERVICE
        if row.utterance >= len(utterances) or utterances[row.utterance]["speaker"] != speaker:
            who = SPEAKERS.names[speaker]
            found, expected = f"utterance {row.utterance}", f"an utterance of the {who} in this dialogue"
            raise DataError(found, expected, **place, column="utterance")
    now = labels_of(call, row.utterance, row.field)
    if now != row.current:
        hint = "The labels have changed since: run cmcc check again for a new review file."
        expected = f"{_names(row.field, now)!r}, as the data have it"
        raise DataError(f"{_names(row.field, row.current)!r}", expected, hint, **place, column="current")
    return call


def _names(field: str, labels: Iterable[int]) -> tuple[str, ...]:
    return tuple(VOCABULARIES[field].names[label] for label in labels)


def _change(row: ReviewRow, call: Call, plain: Call) -> Change:
    before = labels_of(call, row.utterance, row.field)
    applied = True
    if row.field == "acts":
        applied = set(_own_acts(plain, row.utterance)) <= set(row.after)
    return Change(
        row.annotator,
        row.dialogue_id,
        row.utterance,
        None if row.utterance is None else call.row["utterances"][row.utterance]["turn"],
        row.field,
        row.decision,
        _names(row.field, before),
        _names(row.field, row.after),
        _names(row.field, row.add),
        _names(row.field, row.remove),
        applied,
    )


def _own_acts(plain: Call, utterance: int | None) -> tuple[int, ...]:
    """The acts that stand without a care file: of raw data those of the raw file, of built data the 13 of MobileCS."""
    own = labels_of(plain, utterance, "acts")
    caring = set(map(ACTS.id_of, CARING_ACTS)) if plain.file is None else set()
    return tuple(act for act in own if act not in caring)


def _entry(entries: list[dict[str, Any]], call: Call) -> dict[str, Any]:
    """The entry of a dialogue in a care file, found as the reader finds it; a new one where there is none."""
    for entry in entries:
        if entry.get("id") == call.dialogue_id:
            return entry
    for entry in entries:
        if not entry.get("id") and (entry.get("file"), entry.get("index")) == (call.file, call.index):
            return entry
    entries.append({"file": call.file, "index": call.index, "id": call.dialogue_id})
    return entries[-1]


def _write_entry(
    entry: dict[str, Any], call: Call, plain: Call, decided: Mapping[tuple[int | None, str], tuple[int, ...]]
) -> None:
    """Puts the labels as they are after the decisions into an entry, whole fields at a time."""
    fields = {field for _, field in decided}
    if "satisfaction" in fields:
        entry["satisfaction"] = decided[None, "satisfaction"][0] + 1
    if "emotions" in fields:
        entry["user_emotions"] = _emotions(call, decided)
    if "acts" in fields:
        entry["caring_acts"] = _added_acts(call, plain, decided)


def _emotions(call: Call, decided: Mapping[tuple[int | None, str], tuple[int, ...]]) -> dict[str, list[str]]:
    """The emotions of a dialogue by raw turn; neutral ones are not listed.

    Raises cmcc.DataError when some are not annotated: those that are not listed would become neutral.
    """
    turns = {}
    for number, utterance in enumerate(call.row["utterances"]):
        if utterance["speaker"] != USER:
            continue
        if utterance["emotions"] is None and (number, "emotions") not in decided:
            hint = "A care file makes what it does not list neutral: annotate the whole dialogue first."
            expected = "emotions of every user utterance"
            found = "an utterance without emotions"
            raise DataError(found, expected, hint, dialogue=call.dialogue_id, utterance=number)
        labels = decided.get((number, "emotions"), tuple(utterance["emotions"] or ()))
        if any(labels):
            turns[str(utterance["turn"])] = list(_names("emotions", labels))
    return turns


def _added_acts(
    call: Call, plain: Call, decided: Mapping[tuple[int | None, str], tuple[int, ...]]
) -> dict[str, list[str]]:
    """The acts that a care file adds to a dialogue's own, by raw turn."""
    turns = {}
    for number, utterance in enumerate(call.row["utterances"]):
        if utterance["speaker"] == SERVICE:
            own = _own_acts(plain, number)
            labels = decided.get((number, "acts"), labels_of(call, number, "acts"))
            added = [label for label in labels if label not in own]
            if added:
                turns[str(utterance["turn"])] = list(_names("acts", added))
    return turns


def write_applied(applied: Applied, out: Path, earlier: Iterable[str] = ()) -> None:
    """Writes the care file, and its log beside it: the lines of earlier logs, then the new ones, each once."""
    lines = dict.fromkeys([*earlier, *(change.as_line() for change in applied.changes)])
    write_json(out, applied.care)
    write_text(log_path(out), "".join(lines))


def read_log(path: Path) -> list[str]:
    """The lines of a log. Raises cmcc.DataError, which names the line, for what is no entry of a log."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("bytes that are not UTF-8", "a log of decisions", file=path.name) from error
    lines = []
    for number, line in enumerate(text.split("\n"), 1):  # str.splitlines would split a text at its own separators, too
        if not line.strip():
            continue
        try:
            _considered(json.loads(line))
            lines.append(line.removesuffix("\r") + "\n")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            expected = "a line that cmcc check --apply wrote"
            raise DataError(f"no entry of a log ({error})", expected, file=path.name, line=number) from error
    return lines


def decided_in(lines: Iterable[str]) -> set[Considered]:
    """What the decisions of a log were about; those that wait for a hand are not among them."""
    return {what for line in lines for what in _considered(json.loads(line))}


def _considered(entry: Mapping[str, Any]) -> set[Considered]:
    field, found = entry["field"], set[Considered]()
    if not entry["applied"]:
        return found
    vocabulary = VOCABULARIES[field]
    for key, adds in (("add", True), ("remove", False)):
        found |= {
            (entry["dialogue_id"], entry["utterance"], field, vocabulary.id_of(name), adds) for name in entry[key]
        }
    if field == "satisfaction":  # whatever it is now, it was read again
        found |= {(entry["dialogue_id"], None, field, label, True) for label in range(len(vocabulary))}
    return found

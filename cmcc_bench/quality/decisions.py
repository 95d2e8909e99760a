"""Applies the decisions of a review: writes a care file with the new labels, and a log of the changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json, write_text
from cmcc_bench.quality.calls import Call, CallSource, read_calls
from cmcc_bench.quality.check import Considered
from cmcc_bench.quality.findings import SERVICE, USER
from cmcc_bench.quality.review import Question, ReviewRow, check_once, each_row, labels_of, shortened_id
from cmcc_bench.quality.spreadsheet import AS_TEXT, id_number, is_shortened, json_line
from cmcc_bench.reader.json_stream import read_json
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, SPEAKERS, VOCABULARIES

_ABOUT = "Care-oriented labels from a review by annotators. Labels that are not listed are as in the raw files."
_REVISED = "Changed by annotators in a review. The log next to this file lists the changes and their authors."

_LOG_HINT = "Use a log that cmcc check --apply wrote, CARE.log.jsonl, or remove the file."


@dataclass(frozen=True)
class Change:
    """A decision as an entry of the log. Labels are English names.

    turn: index of the raw turn. add, remove: the proposed changes. before, after: the labels before and after.
    applied: False if an act of the raw file was to be removed: a care file can only add acts, so this needs a manual
    edit of the raw file.
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
    """The result of applying a review: the content of the care file, and the new entries of the log."""

    care: Mapping[str, Any]
    changes: tuple[Change, ...]

    @property
    def changed(self) -> int:
        """The number of decisions that changed labels."""
        return sum(change.applied and change.before != change.after for change in self.changes)

    @property
    def by_hand(self) -> tuple[Change, ...]:
        """Decisions that a care file cannot express."""
        return tuple(change for change in self.changes if not change.applied)


def log_path(care: Path) -> Path:
    """The path of the log of a care file: care.log.jsonl for care.json."""
    return care.with_suffix(".log.jsonl")


def apply_review(rows: list[ReviewRow], source: CallSource, review: str) -> Applied:
    """Makes the content of a care file from the labels of a source and the decisions. The source is not changed.

    review: the name of the review file, for messages. Raises cmcc.DataError, which lists all such rows, for rows about
    a dialogue or utterance that is not in the data, or whose labels have changed since the review file was written.
    """
    calls = _calls_of(source, {row.dialogue_id for row in rows})
    rows = checked_rows(rows, calls, review, lambda row: labels_of(calls[row.dialogue_id], row.utterance, row.field))
    ids = {row.dialogue_id for row in rows}
    plain = _calls_of(replace(source, care=None), ids) if source.care else calls
    care: dict[str, Any] = {"_about": _ABOUT}
    if source.care:
        care = read_json(source.care) | {"_revised": _REVISED}
    entries = care.setdefault("dialogues", [])
    changes = [_change(row, calls[row.dialogue_id], plain[row.dialogue_id]) for row in rows]
    accepted = [(row, change) for row, change in zip(rows, changes, strict=True) if change.applied]
    for dialogue_id in sorted({row.dialogue_id for row, change in accepted if change.before != change.after}):
        decided = {(row.utterance, row.field): row.after for row, _ in accepted if row.dialogue_id == dialogue_id}
        _write_entry(_entry(entries, calls[dialogue_id]), calls[dialogue_id], plain[dialogue_id], decided)
    return Applied(care, tuple(changes))


def _calls_of(source: CallSource, ids: Collection[str]) -> dict[str, Call]:
    """The calls with the given ids. Ids also match as numbers: 1 matches 001."""
    calls: dict[str, Call] = {}
    numbers = set(map(id_number, ids)) - {None}
    ids = {*ids, *(dialogue_id.strip() for dialogue_id in ids)}
    for call in read_calls(source, lambda *_: None):  # cmcc check reports what cannot be read
        if call.labeled and (call.dialogue_id in ids or id_number(call.dialogue_id) in numbers):
            calls.setdefault(call.dialogue_id, call)
    return calls


def checked_rows(
    rows: list[ReviewRow],
    calls: Mapping[str, Call],
    review: str,
    current: Callable[[ReviewRow], tuple[int, ...]],
) -> list[ReviewRow]:
    """The rows with the ids of the data. Raises one cmcc.DataError that lists all rows that do not fit the data.

    review: the name of the review file, for messages. current: the labels that a row should have as current ones.
    """
    by_number: dict[str | None, list[str]] = {}
    for dialogue_id in calls:
        by_number.setdefault(id_number(dialogue_id), []).append(dialogue_id)
    is_untouched = any(row.dialogue_id.isdecimal() and row.dialogue_id != id_number(row.dialogue_id) for row in rows)
    seen: dict[Question, int] = {}

    def check(row: ReviewRow) -> ReviewRow:
        """A row with the id of the data."""
        number = id_number(row.dialogue_id)
        row = _with_id_of_data(row, by_number.get(number, []) if number else [], calls, is_untouched)
        check_once(row, seen)
        _check_labels(row, calls, current)
        return row

    return each_row(rows, check, review)


def _with_id_of_data(row: ReviewRow, matches: list[str], calls: Mapping[str, Call], is_untouched: bool) -> ReviewRow:
    """Restores the id of the data in a row: a spreadsheet or pandas turns the id 001 into the number 1.

    matches: the ids in the data with the same number. An id that could stand for several dialogues is an error, unless
    another id in the file has leading zeros (is_untouched): this shows that no tool has changed the ids.
    """
    if len(matches) > 1 and not (is_untouched and row.dialogue_id in calls):
        problem = f"this id is ambiguous: it could be {' or '.join(sorted(matches)[:3])}"
        raise DataError(problem, "", f"{AS_TEXT}.", **row.place, dialogue=row.dialogue_id)
    if len(matches) == 1:
        return replace(row, dialogue_id=matches[0])
    return row if row.dialogue_id in calls else replace(row, dialogue_id=row.dialogue_id.strip())


def _check_labels(row: ReviewRow, calls: Mapping[str, Call], current: Callable[[ReviewRow], tuple[int, ...]]) -> None:
    """Raises cmcc.DataError if the data have no such utterance, or its labels have changed since the review."""
    call, place = calls.get(row.dialogue_id), row.place
    if call is None and is_shortened(row.dialogue_id):
        raise shortened_id(row)
    if call is None:
        hint = f"Spreadsheets change ids that look like numbers or dates. {AS_TEXT}."
        place["dialogue"] = row.dialogue_id
        raise DataError("the data have no labeled dialogue with this id", "", hint, **place)
    utterances = call.row["utterances"]
    if row.utterance is not None:
        speaker = USER if row.field == "emotions" else SERVICE
        if row.utterance >= len(utterances) or utterances[row.utterance]["speaker"] != speaker:
            name = SPEAKERS.names[speaker]
            problem = f"the dialogue has no {name} utterance with the number {row.utterance}"
            hint = f"Copy the number from the file that cmcc check wrote: {row.field} belong to {name} utterances."
            raise DataError(problem, "", hint, **place, column="utterance")
    labels = current(row)
    if labels != row.current:
        hint = "The labels have changed since the review file was written. Write a new one with the same command."
        texts = [", ".join(_names(row.field, names)) or "no label" for names in (row.current, labels)]
        raise DataError(texts[0], f"{texts[1]}, as in the data", hint, **place, column="current")


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
    """The acts without a care file: for raw data those in the raw file, for built data those of MobileCS."""
    own = labels_of(plain, utterance, "acts")
    caring = set(map(ACTS.id_of, CARING_ACTS)) if plain.file is None else set()
    return tuple(act for act in own if act not in caring)


def _entry(entries: list[dict[str, Any]], call: Call) -> dict[str, Any]:
    """The entry of a dialogue in a care file, by id or else by file and index; a new one if there is none."""
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
    """Writes the labels after the decisions into an entry; a field is always replaced as a whole."""
    fields = {field for _, field in decided}
    if "satisfaction" in fields:
        entry["satisfaction"] = decided[None, "satisfaction"][0] + 1
    if "emotions" in fields:
        entry["user_emotions"] = _emotions(call, decided)
    if "acts" in fields:
        entry["caring_acts"] = _added_acts(call, plain, decided)


def _emotions(call: Call, decided: Mapping[tuple[int | None, str], tuple[int, ...]]) -> dict[str, list[str]]:
    """The emotions of a dialogue by raw turn, without neutral ones.

    Raises cmcc.DataError if an utterance is not annotated: a care file would make it neutral.
    """
    turns = {}
    for number, utterance in enumerate(call.row["utterances"]):
        if utterance["speaker"] != USER:
            continue
        if utterance["emotions"] is None and (number, "emotions") not in decided:
            problem = "the emotions of this utterance are not annotated, and a care file would make it neutral"
            hint = "Annotate the emotions of all user utterances of this dialogue first."
            raise DataError(problem, "", hint, dialogue=call.dialogue_id, utterance=number)
        labels = decided.get((number, "emotions"), tuple(utterance["emotions"] or ()))
        if any(labels):
            turns[str(utterance["turn"])] = list(_names("emotions", labels))
    return turns


def _added_acts(
    call: Call, plain: Call, decided: Mapping[tuple[int | None, str], tuple[int, ...]]
) -> dict[str, list[str]]:
    """The acts that a care file adds to a dialogue, by raw turn."""
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
    """Writes the care file and its log: the lines of earlier logs, then the new ones, without repeated lines."""
    lines = dict.fromkeys([*earlier, *(change.as_line() for change in applied.changes)])
    write_json(out, applied.care)
    write_text(log_path(out), "".join(lines))


def read_log(path: Path) -> list[str]:
    """The lines of a log. Raises cmcc.DataError, which names the line, if a line is not an entry of a log."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("the file is not UTF-8 text", "", _LOG_HINT, file=path.name) from error
    lines = []
    for number, line in enumerate(text.split("\n"), 1):  # str.splitlines would also split at separators within texts
        if not line.strip():
            continue
        try:
            _considered(json.loads(line))
            lines.append(line.removesuffix("\r") + "\n")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"the line is not an entry of a decision log ({error!r:.100})"
            raise DataError(problem, "", _LOG_HINT, file=path.name, line=number) from error
    return lines


def decided_in(lines: Iterable[str]) -> set[Considered]:
    """The keys of the decisions in a log, without those that still need a manual edit."""
    return {key for line in lines for key in _considered(json.loads(line))}


def _considered(entry: Mapping[str, Any]) -> set[Considered]:
    field, keys = entry["field"], set[Considered]()
    if not entry["applied"]:
        return keys
    vocabulary = VOCABULARIES[field]
    for change, adds in (("add", True), ("remove", False)):
        keys |= {
            (entry["dialogue_id"], entry["utterance"], field, vocabulary.id_of(name), adds) for name in entry[change]
        }
    if field == "satisfaction":  # a reviewed label is not sampled again, whatever it is now
        keys |= {(entry["dialogue_id"], None, field, label, True) for label in range(len(vocabulary))}
    return keys

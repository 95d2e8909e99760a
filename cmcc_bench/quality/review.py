"""The review file: what annotators are asked to decide, written for a spreadsheet, and read back with care."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import write_bytes
from cmcc_bench.masking import mask_lines
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import NEUTRAL, Finding
from cmcc_bench.quality.spreadsheet import (
    AS_TEXT,
    TableRow,
    escape_cell,
    is_shortened,
    json_line,
    read_table,
    whole_number,
)
from cmcc_bench.views.flat import transcript_lines
from cmcc_bench.vocabulary import VOCABULARIES, label_names, satisfaction_label

COLUMNS = (
    "dialogue_id", "utterance", "turn", "field", "kinds", "cues", "current", "remove", "add", "proposed", "context",
    "text", "decision", "annotator",
)  # fmt: skip
_NEEDED = ("dialogue_id", "utterance", "field", "current", "remove", "add", "decision", "annotator")
_FIELDS = ("emotions", "acts", "satisfaction")
_FIFTEEN_DIGITS = re.compile(r"\d{15}0+(?:\.0*)?")  # what may be left of a longer id
_LONGEST = 5000  # characters of an utterance: six of them fit a spreadsheet's cell
_ACCEPT = {"accept", "accepted", "true", "yes", "y", "ok", "接受", "是", "对", "√", "✓", "✔"}
_REJECT = {"reject", "rejected", "false", "no", "n", "拒绝", "否", "错", "×", "✗", "✘"}


@dataclass(frozen=True)
class ReviewItem:
    """One question to an annotator: are these labels right?

    utterance: None for the dialogue's satisfaction. current, add, remove: class indices of `field`; `add` and `remove`
    are what is proposed, or asked about. context: the two utterances before. Texts have personal data masked, and
    control characters escaped.
    """

    dialogue_id: str
    utterance: int | None
    turn: int | None
    field: str
    kinds: tuple[str, ...]
    cues: tuple[str, ...]
    current: tuple[int, ...]
    add: tuple[int, ...]
    remove: tuple[int, ...]
    context: str
    text: str

    @property
    def proposed(self) -> tuple[int, ...]:
        """The labels as proposed."""
        return propose(self.field, self.current, self.add, self.remove)

    def as_dict(self) -> dict[str, str]:
        """The row of a review file; the annotator fills in the last two columns."""

        def names(labels: Iterable[int]) -> str:
            return ",".join(VOCABULARIES[self.field].names[label] for label in labels)

        return {
            "dialogue_id": self.dialogue_id,
            "utterance": "" if self.utterance is None else str(self.utterance),
            "turn": "" if self.turn is None else str(self.turn),
            "field": self.field,
            "kinds": ",".join(self.kinds),
            "cues": ",".join(self.cues),
            "current": names(self.current),
            "remove": names(self.remove),
            "add": names(self.add),
            "proposed": names(self.proposed),
            "context": self.context,
            "text": self.text,
            "decision": "",
            "annotator": "",
        }


@dataclass(frozen=True)
class ReviewRow:
    """A decided row of a review file: the labels after it, and by whom.

    line: in the file, from 1. row: in a spreadsheet, where a row can be several lines.
    """

    line: int
    row: int
    dialogue_id: str
    utterance: int | None
    field: str
    current: tuple[int, ...]
    add: tuple[int, ...]
    remove: tuple[int, ...]
    decision: str  # accept, reject or labels
    after: tuple[int, ...]
    annotator: str

    @property
    def place(self) -> dict[str, str | int | None]:
        """Where the row is, for messages."""
        return {"line": self.line, "row": self.row if self.row != self.line else None}


def propose(field: str, current: Iterable[int], add: Iterable[int], remove: Iterable[int]) -> tuple[int, ...]:
    """Labels with some added and some removed: a negative emotion ends "neutral", and no emotion is "neutral"."""
    if field == "satisfaction":
        return tuple(add) or tuple(current)
    labels = (set(current) | set(add)) - set(remove)
    if field == "emotions":
        labels = (labels - {NEUTRAL}) or {NEUTRAL}
    return tuple(sorted(labels))


def review_items(findings: Iterable[Finding], calls: Iterable[Call]) -> Iterator[ReviewItem]:
    """The questions that findings ask, an utterance's labels together, in the order of the calls."""
    by_dialogue: dict[str, dict[tuple[int | None, str], list[Finding]]] = {}
    for finding in findings:
        if finding.field is not None:
            questions = by_dialogue.setdefault(finding.dialogue_id, {})
            questions.setdefault((finding.utterance, finding.field), []).append(finding)
    for call in calls:
        if call.labeled:
            for (utterance, field), found in by_dialogue.pop(call.dialogue_id, {}).items():
                yield _item(call, utterance, field, found)


def _item(call: Call, utterance: int | None, field: str, findings: list[Finding]) -> ReviewItem:
    lines = [printable(line, _LONGEST) for line in mask_lines(transcript_lines(call.row))]
    last = len(lines) - 1 if utterance is None else utterance  # the end of a call says how satisfied the user is
    return ReviewItem(
        call.dialogue_id,
        utterance,
        None if utterance is None else call.row["utterances"][utterance]["turn"],
        field,
        tuple(dict.fromkeys(finding.kind for finding in findings)),
        tuple(dict.fromkeys(finding.detail for finding in findings if finding.kind == "missing_label")),
        labels_of(call, utterance, field),
        tuple(finding.label for finding in findings if finding.adds and finding.label is not None),
        tuple(finding.label for finding in findings if not finding.adds and finding.label is not None),
        "\n".join(lines[max(0, last - (5 if utterance is None else 2)) : last]),
        lines[last] if lines else "",
    )


def labels_of(call: Call, utterance: int | None, field: str) -> tuple[int, ...]:
    """The labels that stand there now, sorted."""
    if utterance is None:
        satisfaction = call.row["satisfaction"]
        return () if satisfaction is None else (satisfaction,)
    return tuple(sorted(set(call.row["utterances"][utterance][field] or ())))


def write_review(path: Path, items: Iterable[ReviewItem]) -> int:
    """Writes a review file, .csv or .jsonl, and returns its number of rows; only its owner may read it.

    Raises cmcc.DataError when the file is there already: decisions may stand in it.
    """
    check_new(path)
    rows = [item.as_dict() for item in items]
    text = _as_csv(rows) if _is_csv(path) else "".join(map(json_line, rows))
    write_bytes(path, text.encode("utf-8"), private=True)
    return len(rows)


def check_new(path: Path) -> None:
    """Raises cmcc.DataError when a review file cannot be written here: wrong ending, or something is there."""
    _is_csv(path)
    if path.exists():
        hint = "Decisions may stand in it: name another file, or remove it."
        raise DataError("a file that is there already", "a new one", hint, file=str(path))


def _is_csv(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise DataError(f"the ending {path.suffix!r}", "a review file, .csv or .jsonl", file=path.name)
    return path.suffix.lower() == ".csv"


def _as_csv(rows: list[dict[str, str]]) -> str:
    stream = io.StringIO()
    stream.write("\ufeff")  # without it a spreadsheet reads Chinese as something else
    writer = csv.DictWriter(stream, COLUMNS)
    writer.writeheader()
    writer.writerows({key: escape_cell(value) for key, value in row.items()} for row in rows)
    return stream.getvalue()


def read_review(path: Path) -> list[ReviewRow]:
    """The decided rows of a review file, in order; rows without a decision are left out.

    Raises cmcc.DataError, which names file, line and column, for missing columns, unknown labels or fields, a decision
    without an annotator, and a question that stands twice.
    """
    table = read_table(path, _NEEDED)
    try:
        rows = [_row(row) for row in table]
        check_once(rows)
    except DataError as error:
        raise error.at(file=path.name) from None
    return [row for row in rows if row.decision]


def _row(row: TableRow) -> ReviewRow:
    """The row; its errors name the question, too, as a spreadsheet numbers rows and not lines."""
    cells = row.cells
    try:
        field = cells["field"].lower()
        if field not in _FIELDS:
            raise DataError(f"{cells['field']!r:.40}", f"one of {', '.join(_FIELDS)}", column="field")
        labels = {name: _labels(cells[name], field, name) for name in ("current", "add", "remove")}
        decision, after = _decision(cells["decision"], field, labels)
        if decision and not cells["annotator"]:
            raise DataError("no name", "who decided", column="annotator")
        utterance = _utterance(cells["utterance"], field)
    except DataError as error:
        question = {"dialogue": cells["dialogue_id"], "utterance": cells["utterance"] or None}
        place = {"line": row.line, **question, **error.place, "row": row.row if row.row != row.line else None}
        raise DataError(error.found, error.expected, error.hint, **place) from None
    return ReviewRow(
        row.line, row.row, cells["dialogue_id"], utterance, field, **labels, decision=decision, after=after,
        annotator=cells["annotator"],
    )  # fmt: skip


def _utterance(text: str, field: str) -> int | None:
    if field == "satisfaction" and not text:
        return None
    number = None if field == "satisfaction" else whole_number(text)
    if number is None:
        expected = "none for satisfaction" if field == "satisfaction" else "the number of an utterance"
        raise DataError(f"{text!r:.40}", expected, column="utterance")
    return number


def _decision(text: str, field: str, labels: Mapping[str, tuple[int, ...]]) -> tuple[str, tuple[int, ...]]:
    """What was decided, and the labels after it."""
    word = text.casefold()
    if not word:
        return "", labels["current"]
    if word in _ACCEPT:
        return "accept", propose(field, labels["current"], labels["add"], labels["remove"])
    if word in _REJECT and field != "satisfaction":
        return "reject", labels["current"]
    after = _labels(text, field, "decision")
    if field == "emotions" and NEUTRAL in after and len(after) > 1:
        raise DataError("neutral beside another emotion", "one or the other", column="decision")
    if field == "satisfaction" and len(after) != 1:
        raise DataError(f"{len(after)} labels", "accept, or the right label", column="decision")
    return "labels", after


def _labels(text: str, field: str, column: str) -> tuple[int, ...]:
    """Class indices, sorted, of the names in a cell, as `cmcc.label_names` and the functions below it read them."""
    vocabulary = VOCABULARIES[field]
    found = set()
    for name in label_names(text):
        try:
            label = satisfaction_label(name) if field == "satisfaction" else vocabulary.find(name)
        except DataError:
            label = None
        if label is None:
            words = {"decision": "accept, reject, or labels: "}.get(column, "labels: ")
            raise DataError(f"{name!r:.60}", words + ", ".join(vocabulary), column=column)
        found.add(label)
    return tuple(sorted(found))


def check_once(rows: Iterable[ReviewRow]) -> None:
    """Raises cmcc.DataError, which names the lines, for a question that stands twice."""
    seen: dict[tuple[str, int | None, str], int] = {}
    for row in rows:
        key = row.dialogue_id, row.utterance, row.field
        if key in seen:
            if is_shortened(row.dialogue_id):
                raise shortened_id(row)
            found = f"the question of line {seen[key]} again"
            hint = "Leave one of them out."
            if _FIFTEEN_DIGITS.fullmatch(row.dialogue_id):
                hint = f"Its last digits may be lost: spreadsheets keep 15 digits of a number. {AS_TEXT}."
            expected = "each dialogue, utterance and field once"
            raise DataError(found, expected, hint, **row.place, dialogue=row.dialogue_id)
        seen[key] = row.line


def shortened_id(row: ReviewRow) -> DataError:
    """The error for an id of which a spreadsheet kept the first digits only."""
    found = "a long number as a spreadsheet shortens it"
    hint = f"Its other digits are lost. {AS_TEXT}, copy the decisions into it, and save it as CSV UTF-8."
    return DataError(found, "the whole id of a dialogue", hint, **row.place, dialogue=row.dialogue_id)

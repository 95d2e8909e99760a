"""The review file: writes the questions for annotators, for use in a spreadsheet, and reads the decisions."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import open_replacement
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
_FIFTEEN_DIGITS = re.compile(r"\d{15}0+(?:\.0*)?")  # what a spreadsheet keeps of a longer id
_LISTED = 20  # wrong rows that an error lists
_LONGEST = 5000  # characters of an utterance: six utterances fit into a cell of a spreadsheet
_ACCEPT = {"accept", "accepted", "true", "yes", "y", "ok", "接受", "是", "对", "√", "✓", "✔"}
_REJECT = {"reject", "rejected", "false", "no", "n", "拒绝", "否", "错", "×", "✗", "✘"}

Question: TypeAlias = tuple[str, int | None, str]  # dialogue_id, utterance, field
AnyRow = TypeVar("AnyRow")


@dataclass(frozen=True)
class ReviewItem:
    """One question to an annotator: are these labels right?

    utterance: None for the satisfaction of the dialogue. current, add, remove: class indices in the vocabulary of
    `field`; `add` and `remove` are the proposed changes. context: the two utterances before. In the texts personal data
    are masked and control characters escaped.
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
        """The labels after the proposed changes."""
        return propose(self.field, self.current, self.add, self.remove)

    def as_dict(self) -> dict[str, str]:
        """The row of a review file. The annotator fills in the last two columns."""

        def names(labels: Iterable[int]) -> str:
            """The English names of labels, separated by commas."""
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
    """A row of a review file. after: the labels after the decision.

    line: in the file, from 1. row: in a spreadsheet, from 1; a row can have several lines.
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
        """The place of the row, for messages."""
        return {"line": self.line, "row": self.row if self.row != self.line else None}


def propose(field: str, current: Iterable[int], add: Iterable[int], remove: Iterable[int]) -> tuple[int, ...]:
    """The labels with some added and some removed. Emotions: "neutral" if and only if there is no other emotion."""
    if field == "satisfaction":
        return tuple(label for label in add if label not in current) or tuple(current)
    labels = (set(current) | set(add)) - set(remove)
    if field == "emotions":
        labels = (labels - {NEUTRAL}) or {NEUTRAL}
    return tuple(sorted(labels))


def review_items(findings: Iterable[Finding], calls: Iterable[Call]) -> Iterator[ReviewItem]:
    """Turns findings into questions, one per utterance and field, in the order of the calls.

    After the call of the last question it reads no further.
    """
    by_dialogue: dict[str, dict[tuple[int | None, str], list[Finding]]] = {}
    for finding in findings:
        if finding.field is not None:
            questions = by_dialogue.setdefault(finding.dialogue_id, {})
            questions.setdefault((finding.utterance, finding.field), []).append(finding)
    for call in calls if by_dialogue else ():
        if call.labeled:
            for (utterance, field), question_findings in by_dialogue.pop(call.dialogue_id, {}).items():
                yield _item(call, utterance, field, question_findings)
            if not by_dialogue:
                return


def review_item(call: Call, utterance: int | None, field: str) -> ReviewItem:
    """A question about an utterance or a call, without proposed changes."""
    return _item(call, utterance, field, [])


def _item(call: Call, utterance: int | None, field: str, findings: list[Finding]) -> ReviewItem:
    lines = [printable(line, _LONGEST) for line in mask_lines(transcript_lines(call.row))]
    last = len(lines) - 1 if utterance is None else utterance  # the end of a call shows the satisfaction
    return ReviewItem(
        call.dialogue_id,
        utterance,
        None if utterance is None else call.row["utterances"][utterance]["turn"],
        field,
        tuple(dict.fromkeys(finding.kind for finding in findings)),
        tuple(dict.fromkeys(cue for finding in findings if (cue := _cue(finding)))),
        labels_of(call, utterance, field),
        _changed(findings, adds=True),
        _changed(findings, adds=False),
        "\n".join(lines[max(0, last - (5 if utterance is None else 2)) : last]),
        lines[last] if lines else "",
    )


def _cue(finding: Finding) -> str:
    """Why a label is proposed or doubted: a cue word, or what a model says."""
    if finding.kind.startswith("likely_") and finding.field is not None and finding.label is not None:
        return f"{VOCABULARIES[finding.field].names[finding.label]} {finding.detail}"
    return finding.detail if finding.kind == "missing_label" else ""


def _changed(findings: Iterable[Finding], adds: bool) -> tuple[int, ...]:
    """The labels that findings add, or that they remove; two findings can be about one label."""
    labels = (finding.label for finding in findings if finding.adds == adds and finding.label is not None)
    return tuple(dict.fromkeys(labels))


def labels_of(call: Call, utterance: int | None, field: str) -> tuple[int, ...]:
    """The current labels as sorted class indices; none of an unlabeled call, whose row has no labels."""
    if utterance is None:
        satisfaction = call.row.get("satisfaction")
        return () if satisfaction is None else (satisfaction,)
    return tuple(sorted(set(call.row["utterances"][utterance].get(field) or ())))


def write_review(path: Path, items: Iterable[ReviewItem]) -> int:
    """Writes a review file, .csv or .jsonl, and returns its number of rows. Only the owner may read the file.

    Raises cmcc.DataError if the file exists, because it may contain decisions.
    """
    check_new(path)
    rows = 0
    with open_replacement(path, private=True) as file:
        file.write(review_head(path).encode("utf-8"))
        for item in items:
            file.write(review_line(path, item.as_dict()).encode("utf-8"))
            rows += 1
    return rows


def check_new(path: Path) -> None:
    """Raises cmcc.DataError if a review file cannot be written here: wrong extension, or the path exists."""
    _is_csv(path)
    if path.exists():
        problem = "the file exists already and may contain decisions"
        raise DataError(problem, "", "Choose another --out, or remove the file.", file=str(path))


def _is_csv(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise DataError(f"the extension {path.suffix!r}", "a review file, .csv or .jsonl", file=path.name)
    return path.suffix.lower() == ".csv"


def review_head(path: Path) -> str:
    """What a review file begins with: in .csv the names of the columns."""
    # The byte order mark: without it spreadsheets decode Chinese wrongly.
    return "\ufeff" + _csv_line(COLUMNS) if _is_csv(path) else ""


def review_line(path: Path, row: Mapping[str, str]) -> str:
    """A row of a review file, .csv or .jsonl, with its line break. row: as `ReviewItem.as_dict` gives it."""
    return _csv_line(escape_cell(row[name]) for name in COLUMNS) if _is_csv(path) else json_line(row)


def _csv_line(cells: Iterable[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerow(cells)
    return stream.getvalue()


def read_review(path: Path) -> list[ReviewRow]:
    """Reads the rows of a review file that have a decision, in order.

    Raises cmcc.DataError, which names file, line and column, for missing columns, unknown labels or fields, a decision
    without an annotator, and a repeated question. If several rows are wrong, the error lists all of them.
    """
    seen: dict[Question, int] = {}

    def read(row: TableRow) -> ReviewRow:
        """A row whose question is not repeated."""
        parsed = _row(row)
        check_once(parsed, seen)
        return parsed

    rows = each_row(read_table(path, _NEEDED), read, path.name)
    return [row for row in rows if row.decision]


def each_row(rows: Iterable[AnyRow], read: Callable[[AnyRow], ReviewRow], file: str) -> list[ReviewRow]:
    """Reads each row with the given function.

    Raises one cmcc.DataError with all errors of the function, so that an annotator can fix them in one go.
    """
    results, wrong = [], []
    for row in rows:
        try:
            results.append(read(row))
        except DataError as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0].at(file=file)
    if wrong:
        lines = list(_messages(wrong[:_LISTED]))
        if len(wrong) > _LISTED:
            lines.append(f"and {len(wrong) - _LISTED} more")
        problem = f"{len(wrong)} rows are wrong. Fix them and run the command again"
        raise DataError("\n  ".join([f"{problem}:", *lines]), file=file)
    return results


def _messages(errors: Iterable[DataError]) -> Iterator[str]:
    """The messages of errors. An expectation or hint, such as all labels of a field, is given only once."""
    given = set()
    for error in errors:
        if (error.expected, error.hint) in given:
            error = DataError(f"found {error.found}" if error.expected else error.found, **error.place)
        given.add((error.expected, error.hint))
        yield str(error)


def _row(row: TableRow) -> ReviewRow:
    """Parses a row. Errors also name dialogue and utterance, because a spreadsheet shows row numbers, not lines."""
    cells = row.cells
    try:
        field = cells["field"].lower()
        if field not in _FIELDS:
            raise DataError(f"{cells['field']!r:.40}", f"one of {', '.join(_FIELDS)}", column="field")
        labels = {name: _labels(cells[name], field, name) for name in ("current", "add", "remove")}
        decision, after = _decision(cells["decision"], field, labels)
        if decision and not cells["annotator"]:
            raise DataError(
                "the row has a decision but no annotator", "", "Fill in the annotator's name.", column="annotator"
            )
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
        expected = "an empty cell for satisfaction" if field == "satisfaction" else "the number of an utterance"
        raise DataError(f"{text!r:.40}", expected, column="utterance")
    return number


def _decision(text: str, field: str, labels: Mapping[str, tuple[int, ...]]) -> tuple[str, tuple[int, ...]]:
    """The decision (accept, reject, labels, or empty), and the labels after it."""
    word = text.casefold()
    if not word:
        return "", labels["current"]
    if word in _ACCEPT:
        return "accept", propose(field, labels["current"], labels["add"], labels["remove"])
    if word in _REJECT and field != "satisfaction":
        return "reject", labels["current"]
    after = _labels(text, field, "decision")
    if field == "emotions" and NEUTRAL in after and len(after) > 1:
        raise DataError("neutral with another emotion", "neutral alone, or other emotions", column="decision")
    if field == "satisfaction" and len(after) != 1:
        raise DataError(f"{len(after)} labels", "accept, or one label", column="decision")
    return "labels", after


def _labels(text: str, field: str, column: str) -> tuple[int, ...]:
    """The sorted class indices of the label names in a cell, which `cmcc.label_names` splits."""
    vocabulary = VOCABULARIES[field]
    labels = set()
    for name in label_names(text):
        try:
            label = satisfaction_label(name) if field == "satisfaction" else vocabulary.find(name)
        except DataError:
            label = None
        if label is None:
            raise _unknown_label(name, field, column)
        labels.add(label)
    return tuple(sorted(labels))


def _unknown_label(name: str, field: str, column: str) -> DataError:
    names = ", ".join(VOCABULARIES[field])
    expected, hint = f"labels: {names}", ""
    if column == "decision" and field == "satisfaction":
        expected = f"accept, or a label: {names}"
        if name.casefold() in _REJECT:
            hint = "reject does not say which label is right: write that label instead."
    elif column == "decision":
        expected = f"accept, reject, or labels: {names}"
    return DataError(f"{name!r:.60}", expected, hint, column=column)


def check_once(row: ReviewRow, seen: dict[Question, int]) -> None:
    """Raises cmcc.DataError, which names both lines, for a repeated question, else adds the question to `seen`.

    seen: the line of each question.
    """
    key = row.dialogue_id, row.utterance, row.field
    if key in seen:
        if is_shortened(row.dialogue_id):
            raise shortened_id(row)
        problem = f"this row has the same dialogue, utterance and field as line {seen[key]}"
        hint = "Remove one of the two rows."
        if _FIFTEEN_DIGITS.fullmatch(row.dialogue_id):
            hint = f"The last digits of the id may be lost: spreadsheets keep 15 digits of a number. {AS_TEXT}."
        raise DataError(problem, "", hint, **row.place, dialogue=row.dialogue_id)
    seen[key] = row.line


def shortened_id(row: ReviewRow) -> DataError:
    """The error for an id that a spreadsheet has shortened to its first digits."""
    problem = "a spreadsheet has shortened this id, so that digits are lost"
    hint = f"{AS_TEXT}, copy the decisions into it, and save it as CSV UTF-8."
    return DataError(problem, "", hint, **row.place, dialogue=row.dialogue_id)

"""The review file: what annotators are asked to decide, written for a spreadsheet, and read back with care."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cmcc
from cmcc_bench.masking import mask_lines
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import NEUTRAL, Finding
from cmcc_bench.quality.lexicon import VOCABULARIES

COLUMNS = (
    "dialogue_id", "utterance", "turn", "field", "kinds", "cues", "current", "remove", "add", "proposed", "context",
    "text", "decision", "annotator",
)  # fmt: skip
_NEEDED = ("dialogue_id", "utterance", "field", "current", "remove", "add", "decision", "annotator")
_FIELDS = ("emotions", "acts", "satisfaction")
_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")  # what a spreadsheet takes for a formula, already escaped or not
_LONGEST = 5000  # characters of an utterance: six of them fit a spreadsheet's cell
_SATISFACTION_VALUES = {str(value): label for label, value in enumerate((1, 2, 3))}


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
            return ",".join(list(VOCABULARIES[self.field])[label] for label in labels)

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
    """A decided row of a review file: the labels after it, and by whom. line: in the file, from 1."""

    line: int
    dialogue_id: str
    utterance: int | None
    field: str
    current: tuple[int, ...]
    add: tuple[int, ...]
    remove: tuple[int, ...]
    decision: str  # accept, reject or labels
    after: tuple[int, ...]
    annotator: str


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
    lines = [cmcc.printable(line, _LONGEST) for line in mask_lines(cmcc.transcript_lines(call.row))]
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
    text = _as_csv(rows) if _is_csv(path) else "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(text.encode("utf-8"))
    return len(rows)


def check_new(path: Path) -> None:
    """Raises cmcc.DataError when a review file cannot be written here: wrong ending, or something is there."""
    _is_csv(path)
    if path.exists():
        hint = "Decisions may stand in it: name another file, or remove it."
        raise cmcc.DataError("a file that is there already", "a new one", hint, file=str(path))


def _is_csv(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise cmcc.DataError(f"the ending {path.suffix!r}", "a review file, .csv or .jsonl", file=path.name)
    return path.suffix.lower() == ".csv"


def _as_csv(rows: list[dict[str, str]]) -> str:
    stream = io.StringIO()
    stream.write("\ufeff")  # without it a spreadsheet reads Chinese as something else
    writer = csv.DictWriter(stream, COLUMNS)
    writer.writeheader()
    writer.writerows({key: escape_cell(value) for key, value in row.items()} for row in rows)
    return stream.getvalue()


def escape_cell(text: str) -> str:
    """A cell that no spreadsheet runs as a formula: an apostrophe before = + - @, tab and carriage return."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_cell(text: str) -> str:
    """The text of which `escape_cell` made a cell."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def read_review(path: Path) -> list[ReviewRow]:
    """The decided rows of a review file, in order; rows without a decision are left out.

    Raises cmcc.DataError, which names file, line and column, for missing columns, unknown labels or fields, a decision
    without an annotator, and a question that stands twice.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [_located_row(line, cells) for line, cells in (_csv_rows(text) if _is_csv(path) else _json_rows(text))]
    except UnicodeDecodeError as error:
        hint = "Save it as CSV UTF-8, or convert it with iconv -f GB18030 -t UTF-8."
        raise cmcc.DataError("bytes that are not UTF-8", "UTF-8 text", hint, file=path.name) from error
    except cmcc.DataError as error:
        raise error.at(file=path.name) from None
    _check_once(rows, path.name)
    return [row for row in rows if row.decision]


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)  # spreadsheets write semicolons where a comma is the decimal mark
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        _check_columns(reader.fieldnames or ())
        for cells in reader:
            if None in cells:
                raise cmcc.DataError("more cells than columns", f"{len(COLUMNS)} cells", line=reader.line_num)
            yield reader.line_num, {key: unescape_cell(value or "") for key, value in cells.items()}
    except csv.Error as error:
        raise cmcc.DataError(f"no CSV ({error})", "comma-separated values", line=reader.line_num) from error


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise cmcc.DataError(f"no JSON ({error})", "an object a line", line=number) from error
        if not isinstance(cells, dict):
            raise cmcc.DataError(type(cells).__name__, "an object", line=number)
        _check_columns(list(cells), line=number)
        yield number, cells


def _check_columns(found: Iterable[str], **place: int) -> None:
    names = list(found)
    missing = [column for column in _NEEDED if column not in names]
    if missing or len(set(names)) < len(names):
        hint = "Separate cells with commas, semicolons or tabs, and leave the columns as cmcc check wrote them."
        shown = ", ".join(f"{name:.20}" for name in names[:20]) or "none"
        where = {"line": 1} | place
        raise cmcc.DataError(f"the columns {shown}", f"each once: {', '.join(_NEEDED)}", hint, **where)


def _located_row(line: int, cells: Mapping[str, Any]) -> ReviewRow:
    """The row; its errors name the question, too, as a spreadsheet numbers rows and not lines."""
    try:
        return _row(line, cells)
    except cmcc.DataError as error:
        question = {"dialogue": str(cells["dialogue_id"]), "utterance": str(cells["utterance"]) or None}
        place = {"line": line, **question, **error.place}
        raise cmcc.DataError(error.found, error.expected, error.hint, **place) from None


def _row(line: int, cells: Mapping[str, Any]) -> ReviewRow:
    for column in _NEEDED:
        if not isinstance(cells[column], str):
            raise cmcc.DataError(type(cells[column]).__name__, "text", line=line, column=column)
    text = {column: cells[column].strip() for column in _NEEDED}
    field = text["field"]
    if field not in _FIELDS:
        raise cmcc.DataError(f"{field!r:.40}", f"one of {', '.join(_FIELDS)}", line=line, column="field")
    labels = {name: _labels(text[name], field, line, name) for name in ("current", "add", "remove")}
    decision, after = _decision(text["decision"], field, labels, line)
    if decision and not text["annotator"]:
        raise cmcc.DataError("no name", "who decided", line=line, column="annotator")
    utterance = _utterance(text["utterance"], field, line)
    return ReviewRow(
        line, cells["dialogue_id"], utterance, field, **labels, decision=decision, after=after,
        annotator=text["annotator"],
    )  # fmt: skip


def _utterance(text: str, field: str, line: int) -> int | None:
    if field == "satisfaction" and not text:
        return None
    if field == "satisfaction" or not (text.isascii() and text.isdecimal() and len(text) < 7):
        expected = "none for satisfaction" if field == "satisfaction" else "the number of an utterance"
        raise cmcc.DataError(f"{text!r:.40}", expected, line=line, column="utterance")
    return int(text)


def _decision(text: str, field: str, labels: Mapping[str, tuple[int, ...]], line: int) -> tuple[str, tuple[int, ...]]:
    """What was decided, and the labels after it."""
    word = text.lower()
    if not word:
        return "", labels["current"]
    if word == "accept":
        return "accept", propose(field, labels["current"], labels["add"], labels["remove"])
    if word == "reject" and field != "satisfaction":
        return "reject", labels["current"]
    after = _labels(text, field, line, "decision")
    if field == "emotions" and NEUTRAL in after and len(after) > 1:
        raise cmcc.DataError("neutral beside another emotion", "one or the other", line=line, column="decision")
    if field == "satisfaction" and len(after) != 1:
        raise cmcc.DataError(f"{len(after)} labels", "accept, or the right label", line=line, column="decision")
    return "labels", after


def _labels(text: str, field: str, line: int, column: str) -> tuple[int, ...]:
    """Class indices, sorted, of names that stand between commas: English or Chinese, satisfaction also 1, 2 or 3."""
    vocabulary = VOCABULARIES[field]
    index = {name: label for names in (vocabulary, vocabulary.values()) for label, name in enumerate(names)}
    index |= _SATISFACTION_VALUES if field == "satisfaction" else {}
    found = set()
    for name in filter(None, (part.strip() for part in re.split("[,，、;；]", text))):
        if name not in index:
            words = {"decision": "accept, reject, or labels: "}.get(column, "labels: ")
            raise cmcc.DataError(f"{name!r:.60}", words + ", ".join(vocabulary), line=line, column=column)
        found.add(index[name])
    return tuple(sorted(found))


def _check_once(rows: list[ReviewRow], file: str) -> None:
    seen: dict[tuple[str, int | None, str], int] = {}
    for row in rows:
        key = row.dialogue_id, row.utterance, row.field
        if key in seen:
            found = f"the question of line {seen[key]} again"
            raise cmcc.DataError(found, "each dialogue, utterance and field once", file=file, line=row.line)
        seen[key] = row.line

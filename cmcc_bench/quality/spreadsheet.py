"""Tables as people's tools save them: rows of a file that went through Excel, WPS, LibreOffice or pandas.

These tools write CSV with other separators, encodings and line ends, put columns without a name and blank rows around
the table, and turn texts that look like numbers into numbers: 0 becomes 0.0, 001 becomes 1, and a long number becomes
2.02E+15. `read_table` undoes what can be undone; `id_number` and `is_shortened` tell the rest.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.vocabulary import SPEAKERS

CSV_ENDINGS = (".csv", ".tsv", ".txt")  # Excel calls its "Unicode text" .txt
AS_TEXT = (
    "Import the file that cmcc check wrote with the column dialogue_id formatted as text (Excel: Data > From Text/CSV)"
)

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_NOTHING = {"nan", "NaN", "NaT", "<NA>", "#N/A", "N/A", "n/a", "None", "null", "NULL"}  # "Nan" is a name
_INVISIBLE = "\ufeff\u200b\u2060"
_SEPARATOR_LINE = re.compile(r'"?sep=.?"?[,;\t]*', re.IGNORECASE)
_WHOLE = re.compile(r"(\d+)(?:[.,]0*)?")
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class TableRow:
    """A row that is not blank. line: in the file, from 1; row: in a spreadsheet, from 1 for the row of the names."""

    line: int
    row: int
    cells: Mapping[str, str]


def read_table(path: Path, needed: Sequence[str]) -> Iterator[TableRow]:
    """The rows of a .csv, .tsv, .txt or .jsonl file, each with the columns `needed`, as texts without blanks around.

    The dialogue_id is as it is in the file: blanks and "nan" can be part of an id.
    Raises cmcc.DataError, which names file and line, for what is no such table.
    """
    ending = path.suffix.lower()
    if ending not in (*CSV_ENDINGS, ".jsonl"):
        _refuse_workbook(path, ending in (".xlsx", ".xls", ".xlsm", ".ods", ".et"))
        raise DataError(f"the ending {path.suffix!r}", "a review file, .csv or .jsonl", file=path.name)
    _refuse_workbook(path)
    text = _decoded(path)
    try:
        for row in _csv_rows(text, needed) if ending in CSV_ENDINGS else _json_rows(text, needed):
            if any(map(_plain, row.cells.values())):
                yield row
    except DataError as error:
        raise error.at(file=path.name) from None


def id_number(dialogue_id: str) -> str | None:
    """What is left of an id of digits when a tool reads it as a number: 1 of 001, 1 and 1.0; None for other ids."""
    match = _WHOLE.fullmatch(dialogue_id.strip()) if dialogue_id.isascii() else None
    return (match[1].lstrip("0") or "0") if match else None


def is_shortened(dialogue_id: str) -> bool:
    """Whether an id looks like a long number as a spreadsheet saves it, 2.02E+15, so that digits of it are lost."""
    return _SHORTENED.fullmatch(dialogue_id.strip()) is not None


def whole_number(text: str) -> int | None:
    """A number below a million, also as 3.0 and in full-width digits; None for anything else."""
    match = _WHOLE.fullmatch(unicodedata.normalize("NFKC", text))
    return int(match[1]) if match and match[1].isascii() and len(match[1]) < 7 else None


def _refuse_workbook(path: Path, by_name: bool = False) -> None:
    with path.open("rb") as stream:
        if by_name or stream.read(4) in _WORKBOOKS:
            hint = 'Save it as "CSV UTF-8 (comma delimited)" and use that file.'
            raise DataError("a workbook of a spreadsheet", "a review file, .csv or .jsonl", hint, file=path.name)


def _decoded(path: Path) -> str:
    """The text of a file in UTF-8, in UTF-16 with its mark, or in GB18030, as a Chinese Excel saves CSV.

    Nearly all bytes are some GB18030: they are taken for it where a speaker of the texts is among what comes out.
    """
    content = path.read_bytes()
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    for tried in [encoding] if encoding else ["utf-8", "gb18030"]:
        try:
            text = content.decode(tried)
        except UnicodeDecodeError:
            continue
        if tried != "gb18030" or any(speaker in text for speaker in SPEAKERS.chinese):
            return text
    hint = "Save it as CSV UTF-8, or convert it with iconv -t UTF-8 -f and its encoding."
    raise DataError("bytes that are no text in UTF-8, UTF-16 or GB18030", "UTF-8", hint, file=path.name)


def _csv_rows(text: str, needed: Sequence[str]) -> Iterator[TableRow]:
    lines = re.split("\r\n|\r|\n", text, maxsplit=1)
    skipped = 1 if len(lines) > 1 and _SEPARATOR_LINE.fullmatch(lines[0]) else 0
    body = lines[1] if skipped else text
    header = next((line for line in re.split("[\r\n]", body) if line.strip(" ,;\t")), "")
    delimiter = max(",;\t", key=header.count)  # spreadsheets write semicolons where a comma is the decimal mark
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    try:
        for number, cells in enumerate(reader, 1 + skipped):
            place = {"line": reader.line_num + skipped}
            if names is None:
                if any(map(_plain, cells)):
                    names = [_column(name) for name in cells]
                    _check_columns(names, needed, place)
                continue
            if any(map(_plain, cells[len(names) :])):
                raise DataError("more cells than columns", f"{len(names)} cells", **place)
            found = dict.fromkeys(needed, "") | dict(zip(names, cells, strict=False))
            yield TableRow(place["line"], number, {name: _cell(unescape_cell(found[name]), name) for name in needed})
    except csv.Error as error:
        line = reader.line_num + skipped
        raise DataError(f"no CSV ({error})", "comma-separated values", line=line) from error
    if names is None:
        _check_columns([], needed, {"line": 1})


def _json_rows(text: str, needed: Sequence[str]) -> Iterator[TableRow]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"no JSON ({error})", "an object a line", line=number) from error
        if not isinstance(cells, dict):
            raise DataError(type(cells).__name__, "an object", line=number)
        found = {_column(name): value for name, value in cells.items()}
        _check_columns(list(found), needed, {"line": number})
        yield TableRow(number, number, {name: _cell(_text(found[name], number, name), name) for name in needed})


def _text(value: object, line: int, column: str) -> str:
    """The text that a JSON value stands for: 3 for 3.0, none for null and NaN."""
    if value is None or isinstance(value, str | bool | int):
        return "" if value is None else str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else "" if math.isnan(value) else str(value)
    raise DataError(type(value).__name__, "text", line=line, column=column)


def _cell(text: str, column: str) -> str:
    return text if column == "dialogue_id" else _plain(text)


def _plain(cell: str) -> str:
    """A cell without blanks around it; nothing where a tool wrote that nothing is there."""
    text = cell.strip().strip(_INVISIBLE).strip()
    return "" if text in _NOTHING else text


def _column(name: str) -> str:
    """The name of a column as cmcc check writes it; nothing for one that has none, such as the index of pandas."""
    plain = re.sub(r"[\s_-]+", "_", _plain(name)).casefold()
    return "" if plain.startswith("unnamed:") else plain


def _check_columns(found: Sequence[str], needed: Sequence[str], place: Mapping[str, int]) -> None:
    if any(found.count(column) != 1 for column in needed):
        hint = "Separate cells with commas, semicolons or tabs, and leave the columns as cmcc check wrote them."
        shown = ", ".join(f"{name:.20}" for name in list(filter(None, found))[:20]) or "none"
        raise DataError(f"the columns {shown}", f"each once: {', '.join(needed)}", hint, **place)


_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")  # what a spreadsheet takes for a formula, already escaped or not


def escape_cell(text: str) -> str:
    """A cell that no spreadsheet runs as a formula: an apostrophe before = + - @, tab and carriage return."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_cell(text: str) -> str:
    """The text of which `escape_cell` made a cell."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def json_line(value: object) -> str:
    """A line of JSON lines, which no reader splits: line separators within texts are escaped as well."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"

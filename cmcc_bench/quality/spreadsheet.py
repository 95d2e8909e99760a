"""Reads tables that were saved by Excel, WPS, LibreOffice or pandas.

These tools write CSV with other separators, encodings and line breaks, add columns without a name and blank rows, and
turn texts that look like numbers into numbers: 0 becomes 0.0, 001 becomes 1, and a long number becomes 2.02E+15.
`read_table` undoes what can be undone; `id_number` and `is_shortened` detect the rest.
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
    """Yields the rows of a .csv, .tsv, .txt or .jsonl file with the columns `needed`, as stripped texts.

    The dialogue_id is not stripped: blanks and "nan" can be part of an id.
    Raises cmcc.DataError, which names file and line, if the file is not such a table.
    """
    ending = path.suffix.lower()
    if ending not in (*CSV_ENDINGS, ".jsonl"):
        _refuse_workbook(path, ending in (".xlsx", ".xls", ".xlsm", ".ods", ".et"))
        raise DataError(f"the extension {path.suffix!r}", "a review file, .csv or .jsonl", file=path.name)
    _refuse_workbook(path)
    text = _decoded(path)
    try:
        for row in _csv_rows(text, needed) if ending in CSV_ENDINGS else _json_rows(text, needed):
            if any(map(_plain, row.cells.values())):
                yield row
    except DataError as error:
        raise error.at(file=path.name) from None


def id_number(dialogue_id: str) -> str | None:
    """What a tool makes of an id that it reads as a number: 1 for 001, 1 and 1.0. None for ids that are not numbers."""
    match = _WHOLE.fullmatch(dialogue_id.strip()) if dialogue_id.isascii() else None
    return (match[1].lstrip("0") or "0") if match else None


def is_shortened(dialogue_id: str) -> bool:
    """Whether an id looks like a long number that a spreadsheet has shortened, such as 2.02E+15."""
    return _SHORTENED.fullmatch(dialogue_id.strip()) is not None


def whole_number(text: str) -> int | None:
    """A whole number below a million, also written as 3.0 or in full-width digits; None for other texts."""
    match = _WHOLE.fullmatch(unicodedata.normalize("NFKC", text))
    return int(match[1]) if match and match[1].isascii() and len(match[1]) < 7 else None


def _refuse_workbook(path: Path, by_name: bool = False) -> None:
    with path.open("rb") as stream:
        if by_name or stream.read(4) in _WORKBOOKS:
            hint = 'Save it as "CSV UTF-8 (comma delimited)" and use that file.'
            raise DataError("a spreadsheet workbook", "a review file, .csv or .jsonl", hint, file=path.name)


def _decoded(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 with a byte order mark, or GB18030, in which Chinese Excel saves CSV.

    Nearly all bytes are valid GB18030. The text is accepted as GB18030 only if it contains the name of a speaker.
    """
    content = path.read_bytes()
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    for candidate in [encoding] if encoding else ["utf-8", "gb18030"]:
        try:
            text = content.decode(candidate)
        except UnicodeDecodeError:
            continue
        if candidate != "gb18030" or any(speaker in text for speaker in SPEAKERS.chinese):
            return text
    hint = "Save it as CSV UTF-8, or convert it: iconv -f ENCODING -t UTF-8."
    raise DataError("the file is not text in UTF-8, UTF-16 or GB18030", "", hint, file=path.name)


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
                hint = (
                    "Put texts with commas or line breaks in double quotes, or save the file as CSV from a spreadsheet."
                )
                raise DataError("the row has more cells than columns", "", hint, **place)
            by_column = dict.fromkeys(needed, "") | dict(zip(names, cells, strict=False))
            yield TableRow(
                place["line"], number, {name: _cell(unescape_cell(by_column[name]), name) for name in needed}
            )
    except csv.Error as error:
        line = reader.line_num + skipped
        hint = "Save the file as CSV UTF-8 again."
        raise DataError(f"the file is not valid CSV ({error})", "", hint, line=line) from error
    if names is None:
        _check_columns([], needed, {"line": 1})


def _json_rows(text: str, needed: Sequence[str]) -> Iterator[TableRow]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            hint = "Write one JSON object per line."
            raise DataError(f"the line is not valid JSON ({error})", "", hint, line=number) from error
        if not isinstance(cells, dict):
            raise DataError(f"a JSON {type(cells).__name__}", "a JSON object", line=number)
        by_column = {_column(name): value for name, value in cells.items()}
        _check_columns(list(by_column), needed, {"line": number})
        yield TableRow(number, number, {name: _cell(_text(by_column[name], number, name), name) for name in needed})


def _text(value: object, line: int, column: str) -> str:
    """A JSON value as text: 3 for 3.0, empty for null and NaN."""
    if value is None or isinstance(value, str | bool | int):
        return "" if value is None else str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else "" if math.isnan(value) else str(value)
    raise DataError(type(value).__name__, "text", line=line, column=column)


def _cell(text: str, column: str) -> str:
    return text if column == "dialogue_id" else _plain(text)


def _plain(cell: str) -> str:
    """A stripped cell; empty if a tool wrote a marker of a missing value, such as nan."""
    text = cell.strip().strip(_INVISIBLE).strip()
    return "" if text in _NOTHING else text


def _column(name: str) -> str:
    """A column name as cmcc check writes it; empty for columns without a name, such as the index of pandas."""
    plain = re.sub(r"[\s_-]+", "_", _plain(name)).casefold()
    return "" if plain.startswith("unnamed:") else plain


def _check_columns(names: Sequence[str], needed: Sequence[str], place: Mapping[str, int]) -> None:
    if any(names.count(column) != 1 for column in needed):
        hint = "Separate cells with commas, semicolons or tabs, and keep the columns that cmcc check wrote."
        shown = ", ".join(f"{name:.20}" for name in list(filter(None, names))[:20]) or "none"
        raise DataError(f"the columns {shown}", f"each of these once: {', '.join(needed)}", hint, **place)


_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")  # cells that a spreadsheet runs as a formula, already escaped or not


def escape_cell(text: str) -> str:
    """Escapes a cell that a spreadsheet would run as a formula: an apostrophe before = + - @, tab, carriage return."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_cell(text: str) -> str:
    """The inverse of `escape_cell`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def json_line(value: object) -> str:
    """A line of a JSON lines file. Unicode line separators are escaped, so that no reader splits the line."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"

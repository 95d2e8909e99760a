"""Review files that went through Excel, WPS, LibreOffice or pandas make the care file that the untouched one makes."""

import csv
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.quality.decisions import read_log
from cmcc_bench.quality.review import COLUMNS, read_review
from tests import raw

IDS = ["001", "002", "20221127", "call-9"]


@pytest.fixture
def folder(tmp_path):
    turn = raw.turn(user="我担心乱扣钱", intents="问候", 用户情绪="中性")
    raw.write(tmp_path / "raw", "calls.json", [raw.dialogue(name, [turn]) for name in IDS])
    assert run(tmp_path / "raw", "--out", tmp_path / "review.csv", "--examples", 0) == 0
    return tmp_path


def run(*arguments):
    return cli.main(["check", *map(str, arguments)])


def rows_of(folder):
    """The cells of the review with decisions, the first row being the names."""
    text = (folder / "review.csv").read_bytes().decode("utf-8-sig")
    names, *rows = csv.reader(io.StringIO(text, newline=""))
    field, decision, annotator = map(names.index, ("field", "decision", "annotator"))
    decisions = iter(["accept", "reject", "抱怨某问题", "accept"])
    for row in rows:
        row[decision], row[annotator] = "2" if row[field] == "satisfaction" else next(decisions), "王"
    return [names, *rows]


def as_csv(rows, delimiter=",", end="\r\n"):
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator=end).writerows(rows)
    return stream.getvalue()


def applied(folder, content, name="saved.csv"):
    """The dialogues of the care file that a saved review makes, or the message that it is refused with."""
    path, care = folder / name, folder / "care.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    care.unlink(missing_ok=True)
    (folder / "care.log.jsonl").unlink(missing_ok=True)
    assert run(folder / "raw", "--apply", path, "--out", care) == 0
    return json.loads(care.read_text("utf-8"))["dialogues"]


def edited(rows, column, change):
    place = rows[0].index(column)
    return [rows[0], *([*row[:place], change(row[place]), *row[place + 1 :]] for row in rows[1:])]


SAVED = {
    "Excel's Unicode text": lambda rows: as_csv(rows, "\t").encode("utf-16"),
    "UTF-16 of the other order": lambda rows: b"\xfe\xff" + as_csv(rows, "\t").encode("utf-16-be"),
    "a Chinese Excel": lambda rows: as_csv(rows).encode("gbk"),
    "GB18030": lambda rows: as_csv(rows).encode("gb18030"),
    "without a mark": lambda rows: as_csv(rows),
    "semicolons": lambda rows: as_csv(rows, ";"),
    "Unix lines": lambda rows: as_csv(rows, end="\n"),
    "old Macintosh lines": lambda rows: as_csv(rows, end="\r"),
    "a line sep=,": lambda rows: "\ufeffsep=,\r\n" + as_csv(rows),
    "a line sep=; saved again": lambda rows: as_csv([["sep=;"] + [""] * 13, *rows]),
    "blank rows": lambda rows: as_csv([[], [""] * 14, *rows[:2], [" "] * 14, *rows[2:], *[[""] * 14] * 3]),
    "columns without a name": lambda rows: as_csv([["", *row, "", ""] for row in rows]),
    "names written otherwise": lambda rows: as_csv([[name.upper().replace("_", " ") for name in rows[0]], *rows[1:]]),
    "blanks around cells": lambda rows: as_csv([[f" {cell}\u3000" for cell in row] for row in rows]),
    "numbers with a decimal": lambda rows: as_csv(edited(rows, "utterance", lambda cell: cell and f"{cell}.0")),
    "numbers with a decimal comma": lambda rows: as_csv(edited(rows, "utterance", lambda cell: cell and f"{cell},0")),
    "ids as numbers": lambda rows: as_csv(edited(rows, "dialogue_id", lambda cell: cell.lstrip("0"))),
    "ids as decimals": lambda rows: as_csv(
        edited(rows, "dialogue_id", lambda cell: f"{int(cell)}.0" if cell.isdecimal() else cell)
    ),
    "TRUE for accept": lambda rows: as_csv(edited(rows, "decision", lambda cell: {"accept": "TRUE"}.get(cell, cell))),
    "nan for nothing": lambda rows: as_csv([[cell or "nan" for cell in row] for row in rows]),
    "other columns": lambda rows: as_csv([[*row, "备注"] for row in rows]),
    "other order": lambda rows: as_csv([row[::-1] for row in rows]),
    "labels written otherwise": lambda rows: as_csv(
        edited(rows, "decision", lambda cell: {"抱怨某问题": "Complain about a problem、 "}.get(cell, cell))
    ),
}


@pytest.mark.parametrize("saved", SAVED)
def test_a_review_saved_by_other_tools_is_read(folder, saved):
    rows = rows_of(folder)
    untouched = applied(folder, as_csv(rows))
    assert len(untouched) == 3 and applied(folder, SAVED[saved](rows)) == untouched


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("name", ["saved.csv", "saved.jsonl"])
def test_a_review_saved_by_pandas_is_read(folder, name, index):
    rows = rows_of(folder)
    untouched = applied(folder, as_csv(rows))
    (folder / "read.csv").write_text(as_csv(rows), encoding="utf-8")
    frame = pd.read_csv(folder / "read.csv")
    assert frame["utterance"].dtype == np.float64  # 1.0, as satisfaction has none
    lines = frame.to_json(orient="records", lines=True, force_ascii=index)
    assert applied(folder, frame.to_csv(index=index) if name == "saved.csv" else lines, name) == untouched
    numbers = frame[frame["dialogue_id"] != "call-9"].astype({"dialogue_id": float})  # 001 is 1.0
    before = [one for one in untouched if one["id"] != "call-9"]
    lines = numbers.to_json(orient="records", lines=True)
    assert applied(folder, numbers.to_csv(index=index) if name == "saved.csv" else lines, name) == before


def refused(folder, content, name="saved.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(cmcc.DataError) as caught:
        read_review(path)
    return str(caught.value)


@pytest.mark.parametrize("shown", ["2.02E+15", "2,02E+15", "2.0221127000012E+15", "1e+20"])
def test_the_error_for_a_shortened_id_names_its_row_and_the_fix(folder, capsys, shown):
    rows = edited(rows_of(folder), "dialogue_id", lambda cell: shown if cell == "001" else cell)
    (folder / "saved.csv").write_text(as_csv(rows), encoding="utf-8")
    assert run(folder / "raw", "--apply", folder / "saved.csv", "--out", folder / "care.json") == 1
    told = capsys.readouterr().err
    assert (
        f"file saved.csv, line 2, dialogue {shown}: a spreadsheet has shortened this id" in told
        and "formatted as text" in told
    )


def test_two_shortened_ids_are_not_a_repeated_question(folder):
    told = refused(folder, as_csv(edited(rows_of(folder), "dialogue_id", lambda _: "2.02E+15")))
    assert "formatted as text" in told and "line 3" in told


def test_the_error_for_ids_cut_to_15_digits_says_how_to_fix_them(folder):
    told = refused(folder, as_csv(edited(rows_of(folder), "dialogue_id", lambda _: "2022112700000000")))
    assert "dialogue 2022112700000000" in told and "keep 15 digits" in told and "formatted as text" in told


def test_an_id_that_was_always_in_exponent_form_is_accepted(tmp_path):
    turn = raw.turn(user="我担心乱扣钱", intents="问候", 用户情绪="中性")
    raw.write(tmp_path / "raw", "calls.json", [raw.dialogue("7E10", [turn])])
    run(tmp_path / "raw", "--out", tmp_path / "review.csv")
    (found,) = applied(tmp_path, as_csv(rows_of(tmp_path)))
    assert found["id"] == "7E10"


def test_two_spellings_of_one_id_are_a_repeated_question(folder, capsys):
    names, first, *rest = rows_of(folder)
    (folder / "saved.csv").write_text(
        as_csv([names, first, *rest, [first[0].lstrip("0"), *first[1:]]]), encoding="utf-8"
    )
    assert run(folder / "raw", "--apply", folder / "saved.csv", "--out", folder / "care.json") == 1
    assert (
        "file saved.csv, line 7, dialogue 001: this row has the same dialogue, utterance and field as line 2"
        in capsys.readouterr().err
    )


class TestIdsThatAreTheSameNumber:
    @pytest.fixture
    def folder(self, tmp_path):
        turn = raw.turn(user="我担心乱扣钱", intents="问候", 用户情绪="中性")
        raw.write(tmp_path / "raw", "calls.json", [raw.dialogue(name, [turn]) for name in ("1", "001")])
        run(tmp_path / "raw", "--out", tmp_path / "review.csv", "--examples", 0)
        return tmp_path

    def test_are_told_apart_in_a_file_that_kept_them(self, folder):
        rows = edited(rows_of(folder), "decision", lambda _: "accept")
        assert {one["id"] for one in applied(folder, as_csv(rows))} == {"001", "1"}

    def test_are_an_error_where_they_may_have_been_changed(self, folder, capsys):
        names, *rows = rows_of(folder)
        assert rows[0][0] == "1"
        (folder / "saved.csv").write_text(as_csv([names, rows[0]]), encoding="utf-8")
        assert run(folder / "raw", "--apply", folder / "saved.csv", "--out", folder / "care.json") == 1
        told = capsys.readouterr().err
        assert (
            "dialogue 1: this id is ambiguous" in told and "could be 001 or 1." in told and "formatted as text" in told
        )


@pytest.mark.parametrize(
    ("name", "content"),
    [("review.xlsx", b"PK\x03\x04"), ("review.csv", b"PK\x03\x04rest"), ("review.xls", b"\xd0\xcf\x11\xe0\xa1\xb1"),
     ("review.csv", b"\xd0\xcf\x11\xe0\xa1\xb1"), ("review.ods", b"")],
)  # fmt: skip
def test_the_error_for_a_workbook_says_to_save_it_as_csv(tmp_path, name, content):
    told = refused(tmp_path, content, name)
    assert "a spreadsheet workbook" in told and "CSV UTF-8" in told


def test_bytes_that_only_look_like_gb18030_are_an_error(tmp_path):
    assert "iconv" in refused(tmp_path, ",".join(COLUMNS).encode() + "\n用,é".encode("big5", "replace") + b"\xe9")


def test_json_values_may_be_numbers_but_not_objects(tmp_path):
    row = dict.fromkeys(COLUMNS, None) | {"dialogue_id": 1, "utterance": 2.0, "field": "acts", "decision": True}
    path = tmp_path / "review.jsonl"
    path.write_text(json.dumps(row | {"annotator": 7, "current": float("nan")}))
    (found,) = read_review(path)
    assert (found.dialogue_id, found.utterance, found.decision, found.annotator) == ("1", 2, "accept", "7")
    assert "column current: found list" in refused(tmp_path, json.dumps(row | {"current": ["安抚"]}), "list.jsonl")


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x1c", "\x1d", "\x1e", "\x0b", "\x0c"])
@pytest.mark.parametrize("name", ["saved.csv", "saved.jsonl"])
def test_a_line_separator_in_a_name_does_not_break_the_log(folder, name, separator):
    rows = edited(rows_of(folder), "annotator", lambda cell: cell and f"王{separator}小明")
    content = as_csv(rows)
    if name == "saved.jsonl":
        content = "".join(
            json.dumps(dict(zip(rows[0], row, strict=True)), ensure_ascii=False) + "\n" for row in rows[1:]
        )
    applied(folder, content, name)
    log = folder / "care.log.jsonl"
    assert len(read_log(log)) == 5 and len(log.read_text("utf-8").splitlines()) == 5
    assert run(folder / "raw", "--reviewed", log, "--out", folder / "again.csv", "--examples", 0) == 0
    assert json.loads(read_log(log)[0])["annotator"] == f"王{separator}小明"


def test_a_log_that_an_earlier_version_wrote_with_separators_is_read(folder):
    applied(folder, as_csv(rows_of(folder)))
    log = folder / "care.log.jsonl"
    old = re.sub("王", "王\u2028", log.read_text("utf-8"))
    log.write_bytes(b"\xef\xbb\xbf" + old.replace("\n", "\r\n").encode() + b"\r\n")
    assert len(read_log(log)) == 5

"""The review file: written for spreadsheets and annotators, read back with suspicion."""

import csv
import io
import json
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench.quality.calls import find_source, read_calls
from cmcc_bench.quality.check import check_calls
from cmcc_bench.quality.lexicon import load_lexicon
from cmcc_bench.quality.review import (
    COLUMNS,
    ReviewItem,
    propose,
    read_review,
    review_items,
    write_review,
)
from cmcc_bench.quality.spreadsheet import escape_cell, unescape_cell
from tests import raw


def item(**changes):
    plain = {
        "dialogue_id": "call-1", "utterance": 2, "turn": 1, "field": "acts", "kinds": ("missing_label",),
        "cues": ("放心",), "current": (0,), "add": (10,), "remove": (), "context": "用户：喂", "text": "客服：请您放心",
    }  # fmt: skip
    return ReviewItem(**(plain | changes))


def decided(path, decision="accept", annotator="王", line=0, **changes):
    """Fills in a row of a review file, .csv or .jsonl, in place."""
    text = path.read_bytes().decode("utf-8-sig")
    if path.suffix == ".jsonl":
        rows = [json.loads(row) for row in text.splitlines()]
    else:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    rows[line] |= {"decision": decision, "annotator": annotator} | changes
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("name", ["review.csv", "review.jsonl"])
class TestBothForms:
    def test_written_questions_are_read_back_with_their_decisions(self, tmp_path, name):
        write_review(tmp_path / name, [item(dialogue_id="=call", current=(0, 3)), item(utterance=4)])
        rows = read_review(decided(tmp_path / name))
        assert len(rows) == 1
        row = rows[0]
        assert (row.dialogue_id, row.utterance, row.field, row.annotator) == ("=call", 2, "acts", "王")
        assert (row.current, row.add, row.remove, row.after) == ((0, 3), (10,), (), (0, 3, 10))

    @pytest.mark.parametrize(
        ("decision", "after"), [("accept", (0, 10)), ("Reject", (0,)), ("安抚，同理心", (10, 15)), ("inform", (0,))]
    )
    def test_a_decision_is_accept_reject_or_labels_in_either_language(self, tmp_path, name, decision, after):
        write_review(tmp_path / name, [item()])
        assert read_review(decided(tmp_path / name, decision))[0].after == after

    def test_a_file_is_not_overwritten_and_only_its_owner_can_read_it(self, tmp_path, name):
        write_review(tmp_path / name, [item()])
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        with pytest.raises(cmcc.DataError, match="may contain decisions"):
            write_review(tmp_path / name, [item()])

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"decision": "maybe"}, "column decision: found 'maybe'; expected accept, reject, or labels"),
            ({"annotator": " "}, "column annotator: the row has a decision but no annotator"),
            ({"field": "moods"}, "column field"),
            ({"utterance": "two"}, "column utterance"),
            ({"utterance": "-1"}, "column utterance"),
            ({"current": "comfort,cuddle"}, "column current: found 'cuddle'"),
            (
                {"field": "satisfaction", "current": "", "add": "", "utterance": "", "decision": "reject"},
                "column decision: found 'reject'; expected accept, or a label: ",
            ),
            ({"field": "emotions", "current": "", "add": "", "decision": "中性,抱怨某问题"}, "expected neutral alone"),
        ],
    )
    def test_an_error_names_file_line_and_column(self, tmp_path, name, changes, told):
        write_review(tmp_path / name, [item()])
        decided(tmp_path / name, **({"decision": "accept", "annotator": "王"} | changes))
        with pytest.raises(cmcc.DataError, match=f"file {name}, line") as caught:
            read_review(tmp_path / name)
        assert told in str(caught.value)

    def test_a_repeated_question_is_an_error(self, tmp_path, name):
        write_review(tmp_path / name, [item(), item()])
        with pytest.raises(cmcc.DataError, match="the same dialogue, utterance and field as line"):
            read_review(tmp_path / name)

    def test_all_wrong_rows_are_listed_with_their_lines(self, tmp_path, name):
        path = tmp_path / name
        write_review(path, [item(dialogue_id=f"call-{number}") for number in range(26)])
        for line in range(23):
            decided(path, "maybe", line=line)
        decided(path, line=23, annotator="")
        decided(path, line=24)
        decided(path, line=25, dialogue_id="call-24")
        with pytest.raises(cmcc.DataError) as caught:
            read_review(path)
        first, *lines, last = str(caught.value).split("\n")
        assert first == f"file {name}: 25 rows are wrong. Fix them and run the command again:"
        assert last == "  and 5 more"
        number = 1 if name.endswith("l") else 2  # of the first row
        assert [line.split(",")[0] for line in lines] == [f"  line {number + index}" for index in range(20)]
        assert "expected accept, reject, or labels" in lines[0]
        assert lines[1].endswith("dialogue call-1, utterance 2, column decision: found 'maybe'")

    @settings(max_examples=150, deadline=None)
    @given(data=st.binary(max_size=300))
    def test_any_bytes_are_rows_or_a_data_error(self, tmp_path_factory, name, data):
        path = tmp_path_factory.mktemp("review") / name
        path.write_bytes(data)
        read_or_refused(path)

    @settings(max_examples=150, deadline=None)
    @given(cells=st.lists(st.lists(st.text(max_size=8), min_size=14, max_size=15), max_size=3))
    def test_any_cells_are_rows_or_a_data_error(self, tmp_path_factory, name, cells):
        path = tmp_path_factory.mktemp("review") / name
        stream = io.StringIO()
        if name.endswith(".csv"):
            csv.writer(stream).writerows([COLUMNS, *cells])
        else:
            for row in cells:
                stream.write(json.dumps(dict(zip(COLUMNS, row, strict=False))) + "\n")
        path.write_bytes(stream.getvalue().encode("utf-8", "surrogatepass"))
        read_or_refused(path)


def read_or_refused(path):
    try:
        assert all(row.decision and row.annotator for row in read_review(path))
    except cmcc.DataError as error:
        assert error.place["file"] == path.name


@given(text=st.text(alphabet="'=+-@＝\t\ra放", max_size=6) | st.text(max_size=20))
def test_no_cell_begins_like_a_formula_and_escaping_can_be_undone(text):
    cell = escape_cell(text)
    assert cell[:1] not in tuple("=+-@＝＋－＠\t\r") and unescape_cell(cell) == text


labels = st.lists(st.integers(0, 8), unique=True, max_size=4).map(lambda found: tuple(sorted(found)))


@given(current=labels, add=labels, remove=labels)
def test_proposed_emotions_never_conflict_and_are_never_none(current, add, remove):
    proposed = propose("emotions", current, add, remove)
    assert proposed and (0 not in proposed or proposed == (0,))


@given(items=st.lists(st.tuples(st.text(min_size=1), st.text(), labels, labels), max_size=3, unique_by=lambda x: x[0]))
@settings(max_examples=60, deadline=None)
def test_a_csv_file_brings_back_any_ids_and_labels(tmp_path_factory, items):
    path = tmp_path_factory.mktemp("review") / "review.csv"
    written = [item(dialogue_id=name, text=text, current=now, add=add) for name, text, now, add in items]
    write_review(path, written)
    for line in range(len(written)):
        decided(path, line=line)
    rows = read_review(path)
    assert [(row.dialogue_id, row.current, row.after) for row in rows] == [
        (one.dialogue_id, one.current, one.proposed) for one in written
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "found the columns none"),
        (b"dialogue_id;utterance\n", "Separate cells with commas"),
        ("dialogue_id,意见\n".encode("gb18030"), "UTF-8"),
        (",".join([*COLUMNS, "Decision"]).encode(), "expected each of these once"),
        (",".join(COLUMNS).encode() + b"\n" + b"," * 20 + b"x", "more cells than columns"),
        (",".join(COLUMNS).encode() + b'\n"', "not valid CSV"),
    ],
)
def test_an_invalid_review_file_is_an_error(tmp_path, content, told):
    path = tmp_path / "review.csv"
    path.write_bytes(content)
    with pytest.raises(cmcc.DataError, match=r"file review\.csv") as caught:
        read_review(path)
    assert told in str(caught.value)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path, delimiter):
    path = tmp_path / "review.csv"
    write_review(path, [item(current=(0, 3), text="客服：a;b\t，c"), item(utterance=4)])
    decided(path)
    before = read_review(path)
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    path.write_bytes(stream.getvalue().encode("utf-8-sig"))
    assert read_review(path) == before and len(before) == 1


def test_an_error_in_a_decision_names_dialogue_and_utterance(tmp_path):
    path = tmp_path / "review.csv"
    write_review(path, [item(context="用户：喂\n客服：您好")])
    decided(path, "acept")
    with pytest.raises(cmcc.DataError, match="line 3, dialogue call-1, utterance 2, column decision"):
        read_review(path)


def test_control_characters_are_escaped_and_long_texts_fit_a_cell(tmp_path):
    turn = raw.turn(user="怎么又\x1b[31m\x07" + "长" * 10_000, 用户情绪="中性", intents="其他")
    raw.write(tmp_path, "calls.json", [raw.dialogue("a", [turn, turn])])
    source = find_source(str(tmp_path))
    items = list(review_items(check_calls(source, load_lexicon()).findings, read_calls(source)))
    write_review(tmp_path / "review.csv", items)
    cells = [one.text + one.context for one in items]
    assert r"怎么又\x1b[31m\x07" in items[0].text and "\x1b" not in "".join(cells)
    assert max(map(len, cells)) < 32_767


def test_the_questions_of_one_utterance_stand_together_and_hold_no_personal_data(tmp_path):
    turn = raw.turn(user="我担心乱扣钱，我叫王小明，13812345678", 用户情绪="中性", intents="问候")
    raw.write(tmp_path, "calls.json", [raw.dialogue("a", [turn])])
    source = find_source(str(tmp_path))
    items = list(review_items(check_calls(source, load_lexicon()).findings, read_calls(source)))
    assert [(one.utterance, one.field) for one in items] == [(1, "emotions"), (None, "satisfaction")]
    assert len(items[0].add) == 2 and len(items[0].cues) == 2
    assert items[0].text == "用户：我担心乱扣钱，我叫***，***********"
    assert "138" not in items[1].text + items[1].context


def test_calls_are_read_to_the_last_one_with_a_question_and_no_further(tmp_path):
    turn = raw.turn(user="我担心乱扣钱", 用户情绪="中性", intents="问候")
    raw.write(tmp_path, "calls.json", [raw.dialogue("a", [turn]), raw.dialogue("b"), raw.dialogue("c")])
    source = find_source(str(tmp_path))
    findings = [one for one in check_calls(source, load_lexicon()).findings if one.kind == "missing_label"]
    calls = read_calls(source)
    assert {one.dialogue_id for one in review_items(findings, calls)} == {"a"}
    assert [call.dialogue_id for call in calls] == ["b", "c"]
    assert list(review_items([], iter(()))) == []


def test_another_extension_is_an_error(tmp_path):
    with pytest.raises(cmcc.DataError, match="expected a review file"):
        write_review(tmp_path / "review.xlsx", [])

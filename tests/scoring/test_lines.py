"""All commands read JSON Lines alike: byte order marks, blank lines, line breaks, and line numbers in errors."""

import codecs
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmcc
from cmcc_bench.decoding.parts import Parts
from cmcc_bench.decoding.processes import ALONE
from cmcc_bench.leaderboard.check import check_file
from cmcc_bench.leaderboard.files import SUBMISSIONS, read_predictions_of
from cmcc_bench.leaderboard.submission import PREDICTIONS_NAME
from cmcc_bench.scoring import align, read_answers, read_predictions
from cmcc_bench.scoring.lines import Bounds, filled_lines
from cmcc_bench.tasks import TASKS, answer_line

TRACK = TASKS["response"]
ROWS = [{"dialogue_id": "d", "exchange": number} for number in range(3)]
MARK = codecs.BOM_UTF8


def prediction(exchange, **changes):
    texts = dict.fromkeys(("entities", "user_intent", "kb_result", "emotions", "acts"), "")
    value = {"dialogue_id": "d", "exchange": exchange} | texts | {"response": "好\u2028的"} | changes
    return json.dumps(value, ensure_ascii=False).encode()


LINES = [prediction(number) for number in range(3)]
FORMS = {
    "plain": b"\n".join(LINES),
    "a line break at the end": b"\n".join(LINES) + b"\n",
    "a mark": MARK + b"\n".join(LINES),
    "blank lines": b"\n \n" + b"\n\n\t\n".join(LINES) + b"\n\n\n",
    "a mark on a blank line": MARK + b"\r\n" + b"\n".join(LINES),
    "Windows": MARK + b"\r\n".join(LINES) + b"\r\n\r\n",
    "joined files": MARK + LINES[0] + b"\n" + MARK + LINES[1] + b"\n" + LINES[2],
    "gzip": gzip.compress(MARK + b"\n\n".join(LINES)),
}


def by_score(path):
    return read_predictions(path)


def by_validate(path):
    checked = check_file(path, TRACK, ROWS)
    if checked.problems:
        raise checked.problems[0]
    return list(checked.answers)


def by_board(path):
    return read_predictions_of(path.parents[2], TRACK, path.parent.name)


READERS = (by_score, by_validate, by_board)


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / SUBMISSIONS / "00001-a"
    folder.mkdir(parents=True)
    return folder / PREDICTIONS_NAME


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_every_command_reads_every_encoding_in_the_same_way(path, content, read):
    path.write_bytes(content)
    assert [(p.exchange, p.response) for p in read(path)] == [(n, "好\u2028的") for n in range(3)]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_error_for_utf_16_says_how_to_convert_the_file(path, read, encoding):
    path.write_bytes(b"\n".join(LINES).decode().encode(encoding))
    with pytest.raises(cmcc.DataError, match=r"found UTF-16 text; expected UTF-8\. Convert the file"):
        read(path)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("line", [b"{]", b"[]", prediction(1, acts=3)])
def test_an_error_names_the_line_of_the_file(path, read, line):
    path.write_bytes(MARK + b"\n\n" + LINES[0] + b"\r\n\n" + line + b"\n")
    with pytest.raises(cmcc.DataError, match="line 5"):
        read(path)


@pytest.mark.parametrize("read", [lambda path: align(read_predictions(path), ROWS, path.name), by_validate])
def test_errors_about_predictions_name_the_line_of_the_file(path, read):
    path.write_bytes(MARK + b"\n\n" + LINES[0] + b"\n\n\n" + b"\n".join(LINES))
    with pytest.raises(cmcc.DataError, match=r"line 6, dialogue d, exchange 0: .* the first is line 3"):
        read(path)
    path.write_bytes(b"\n\n\n" + prediction(7))
    with pytest.raises(cmcc.DataError, match=r"line 4, dialogue d, exchange 7: .*not in the data"):
        read(path)


def test_errors_count_predictions_instead_of_lines_after_some_were_removed(path):
    path.write_bytes(b"\n" + b"\n".join([*LINES, LINES[2]]))
    read = read_predictions(path)
    read.pop(0)
    with pytest.raises(cmcc.DataError, match=r"prediction 3, dialogue d, exchange 2: .* the first is prediction 2"):
        align(read, ROWS)


@pytest.mark.parametrize("read", [by_score, by_validate])
def test_a_file_of_blank_lines_is_empty(path, read):
    path.write_bytes(MARK + b"\n \n\r\n")
    with pytest.raises(cmcc.DataError, match="empty"):
        read(path)


def test_answers_of_recognizers_are_read_in_the_same_way(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(MARK + b'\r\n{"dialogue_id": "d", "satisfaction": "satisfied"}\r\n\r\n')
    assert [answer.satisfaction for answer in read_answers(path, "satisfaction")] == ["satisfied"]


def test_a_stopped_run_resumes_from_a_file_that_an_editor_saved(tmp_path):
    parts = Parts(tmp_path / "p.jsonl.part", [1, 2])
    units = b'{"unit": 1, "lines": ["b", "c"]}', b'{"unit": 0, "lines": ["a"]}'
    parts.path.write_bytes(MARK + b"\r\n" + units[0] + b"\r\n\r\n" + units[1] + b"\r\n" + units[0][:9])
    assert parts.finish(lambda *_: iter(()), ALONE, lambda: True) == 3
    assert parts.path.read_bytes().startswith(b'{"unit":1,"lines":["b","c"]}\n')
    assert list(parts.lines()) == ["a", "b", "c"]
    for wrong in (b"{]\n", b'{"unit": 1, "lines": ["b"]}\n', b'{"unit": 2, "lines": []}\n', b"[]\n"):
        parts.path.write_bytes(b"\n" + wrong)
        with pytest.raises(cmcc.DataError, match=r"p\.jsonl\.part, line 2: .* Remove p.jsonl.part to start again"):
            parts.finish(lambda *_: iter(()), ALONE, lambda: True)


def test_predictions_are_written_as_plain_lines(path):
    path.write_bytes(FORMS["Windows"])
    lines = b"".join(map(answer_line, by_validate(path))).splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(line) for line in LINES]


@given(
    items=st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2), max_size=5),
    ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \r\n"]), min_size=6, max_size=6),
    mark=st.sampled_from([b"", MARK]),
)
def test_each_value_has_the_right_line_number_with_blank_lines_between(items, ends, mark):
    content, expected, number = mark, [], 1
    for item, end in zip(items, ends, strict=False):
        content += json.dumps(item, ensure_ascii=False).encode() + end
        expected.append((number, item))
        number += end.count(b"\n")
    items_by_line = [(number, json.loads(line)) for number, line in filled_lines(io.BytesIO(content), "p")]
    assert items_by_line == expected


@given(content=st.binary(max_size=60), bounds=st.builds(Bounds, *[st.integers(1, 30)] * 3))
def test_any_bytes_are_lines_within_bounds_or_a_data_error(content, bounds):
    try:
        lines = list(filled_lines(io.BytesIO(content), "p", bounds))
    except cmcc.DataError:
        return
    assert len(lines) <= bounds.lines and all(line.strip() and len(line) <= bounds.line_bytes for _, line in lines)

"""The check of submitted files: its messages, and its safety with any content."""

import gzip
import json
import pickle
import tracemalloc
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench import cli
from cmcc_bench.leaderboard import check
from cmcc_bench.leaderboard.check import check_file
from cmcc_bench.tasks import TASKS, answer_line
from tests.leaderboard.data import DIALOGUES, gold_lines, write_data, write_lines

RESPONSE = TASKS["response"]


@pytest.fixture(scope="module")
def rows(data):
    return RESPONSE.split_rows(str(data), "test")


@pytest.fixture(scope="module")
def lines(data):
    return gold_lines(data)


def problems(path, rows, track=RESPONSE):
    checked = check_file(path, track, rows)
    assert not (checked.answers and checked.problems)
    return [str(problem) for problem in checked.problems]


def changed(line, **fields):
    return json.dumps(json.loads(line) | fields).encode() + b"\n"


@pytest.mark.parametrize("task", TASKS)
def test_a_complete_file_of_any_track_is_valid(data, tmp_path, task):
    lines, track = gold_lines(data, task), TASKS[task]
    path = write_lines(tmp_path / "predictions.jsonl", lines)
    checked = check_file(path, track, track.split_rows(str(data), "test"))
    assert checked.problems == () and [answer_line(answer) for answer in checked.answers] == lines


@pytest.mark.parametrize("task", TASKS)
def test_a_file_is_valid_for_a_split_with_hidden_labels(data, tmp_path, task):
    hidden, track = write_data(tmp_path / "hidden", with_hidden_labels=True), TASKS[task]
    path = write_lines(tmp_path / "predictions.jsonl", gold_lines(data, task))
    assert problems(path, track.split_rows(str(hidden), "test"), track) == []


def test_gzip_is_read_and_the_order_of_lines_does_not_matter(rows, lines, tmp_path):
    path = tmp_path / "predictions.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(reversed(lines))))
    assert problems(path, rows) == []


def test_every_problem_names_the_line_and_what_was_found_and_expected(rows, lines, tmp_path):
    bad = [*lines[:2], changed(lines[2], acts=7), b"{]\n", *lines[4:5], changed(lines[5], exchange=-1), *lines[6:]]
    found = problems(write_lines(tmp_path / "p.jsonl", bad), rows)
    assert len(found) == 3
    assert found[0].startswith("file p.jsonl, line 3, field acts: found 7; expected a string")
    assert found[1].startswith("file p.jsonl, line 4: '{]") and "is not valid JSON" in found[1]
    assert found[2].startswith("file p.jsonl, line 6, field exchange: found -1; expected an integer")


def test_only_the_first_of_many_problems_are_reported(rows, tmp_path):
    assert len(problems(write_lines(tmp_path / "p.jsonl", [b"x\n"] * 10_000), rows)) == check.PROBLEMS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "no prediction"),
        (lambda lines: [*lines, lines[3]], "line 13, dialogue synthetic-test-03, exchange 0: a second"),
        (lambda lines: [changed(lines[0], dialogue_id="synthetic-train-0"), *lines[1:]], "not in the data"),
        (lambda lines: [changed(lines[0], exchange=99), *lines[1:]], "not in the data"),
        (lambda lines: [], "an empty file"),
        (lambda lines: [changed(lines[0], response="好" * 1001), *lines[1:]], "1001 characters; expected at most 1000"),
        (lambda lines: [b'{"a": ' + b"[" * 100_000 + b"\n", *lines], "longer than 32768 bytes"),
        (lambda lines: [b'{"a": ' + b"[" * 20_000 + b"\n", *lines], "is not valid JSON"),
        (lambda lines: [b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n", *lines], "is not valid JSON"),
        (lambda lines: [b"[" * 500 + b"]" * 500 + b"\n", *lines], "expected a JSON object"),
        (lambda lines: [lines[0].replace(b'"exchange":0', b'"exchange":NaN'), *lines[1:]], "is not valid JSON"),
        (lambda lines: [lines[0].replace(b'"exchange":0', b'"exchange":0.0'), *lines[1:]], "field exchange: found 0.0"),
        (lambda lines: [lines[0].replace(b'"exchange":0', b'"exchange":true'), *lines[1:]], "found True"),
        (lambda lines: [lines[0].replace(b'"exchange":0', b'"exchange":1e999'), *lines[1:]], "is not valid JSON"),
        (lambda lines: [lines[0].replace(b'"response":"', b'"response":"\\ud800'), *lines[1:]], "is not valid JSON"),
        (lambda lines: [b"\xff\xfe" + lines[0], *lines[1:]], "UTF-16 text; expected UTF-8"),
    ],
)  # fmt: skip
def test_each_kind_of_problem_has_a_message(rows, lines, tmp_path, change, message):
    found = problems(write_lines(tmp_path / "p.jsonl", change(list(lines))), rows)
    assert found and message in found[0]


def test_english_labels_are_valid_without_a_note(rows, lines, tmp_path):
    english = [
        changed(line, acts="inform、Comfort", emotions="Neutral", user_intent="inquire（账户余额）") for line in lines
    ]
    checked = check_file(write_lines(tmp_path / "p.jsonl", english), RESPONSE, rows)
    assert (checked.problems, checked.notes, len(checked.answers)) == ((), (), len(lines))


def test_unknown_labels_are_listed_with_their_number_of_lines(rows, lines, tmp_path):
    odd = [changed(lines[0], acts="shout,shout,通知"), changed(lines[1], acts="inform;shout"), *lines[2:]]
    odd[5] = changed(lines[5], user_intent="ask(账户余额)", emotions="cross")
    checked = check_file(write_lines(tmp_path / "p.jsonl", [b"\n", *odd]), RESPONSE, rows)
    assert checked.problems == ()
    assert checked.notes == (
        "acts: the label 'shout' on 2 lines, the first is line 2",
        "emotions: the label 'cross' on 1 line, the first is line 7",
        "user_intent: the label 'ask' on 1 line, the first is line 7",
    )


def test_the_most_frequent_unknown_labels_are_listed(rows, lines, tmp_path):
    odd = [changed(line, acts=",".join(f"e{n}i{i}" for i in range(9))) for n, line in enumerate(lines)]
    odd[-2:] = [changed(line, acts="shout") for line in lines[-2:]]
    notes = check_file(write_lines(tmp_path / "p.jsonl", odd), RESPONSE, rows).notes
    assert notes[0].startswith("acts: the label 'shout' on 2 lines")


def test_unknown_labels_are_shown_with_personal_data_masked(rows, lines, tmp_path):
    odd = [changed(lines[0], acts="打13800000000"), *lines[1:]]
    notes = check_file(write_lines(tmp_path / "p.jsonl", odd), RESPONSE, rows).notes
    assert notes == ("acts: the label '打***********' on 1 line, the first is line 1",)


def test_the_command_lists_unknown_labels_of_a_valid_file(data, lines, tmp_path, capsys):
    path = write_lines(tmp_path / "p.jsonl", [changed(lines[0], acts="shout"), *lines[1:]])
    assert cli.main(["validate", str(path), str(data)]) == 0
    printed = capsys.readouterr().out
    assert "valid for the track response" in printed
    assert "each counts as wrong" in printed
    assert "acts: the label 'shout' on 1 line, the first is line 1" in printed


def test_unknown_labels_of_a_recognizer_are_problems(data, tmp_path):
    track, lines = TASKS["emotion"], gold_lines(data, "emotion")
    odd = [
        *(changed(line, emotions=["cross", "无"]) for line in lines[:3]),
        changed(lines[3], emotions=["mad", "cross"]),
    ]
    found = problems(write_lines(tmp_path / "p.jsonl", [*odd, *lines[4:]]), track.split_rows(str(data), "test"), track)
    assert len(found) == 2
    assert found[0].startswith(
        "file p.jsonl, line 1, field emotions: found the label 'cross' on 4 lines; expected one of"
    )
    assert found[1].startswith("file p.jsonl, line 4, field emotions: found the label 'mad' on 1 line; expected one of")


def test_only_some_of_many_unknown_labels_are_listed(rows, data, tmp_path):
    track, lines = TASKS["emotion"], gold_lines(data, "emotion")
    odd = [changed(line, emotions=[f"e{n}-{i}" for i in range(99)]) for n, line in enumerate(lines)]
    path = write_lines(tmp_path / "p.jsonl", odd)
    assert len(problems(path, track.split_rows(str(data), "test"), track)) == check.PROBLEMS
    noted = [changed(line, acts=",".join(f"e{n}-{i}" for i in range(99))) for n, line in enumerate(gold_lines(data))]
    notes = check_file(write_lines(path, noted), RESPONSE, rows).notes
    assert len(notes) == check.PROBLEMS + 1
    assert notes[-1] == f"and {99 * len(noted) - check.PROBLEMS} other labels"


def test_predictions_of_another_split_are_reported_as_such(data, rows, tmp_path):
    train = RESPONSE.split_rows(str(data), "train")
    path = write_lines(tmp_path / "p.jsonl", [answer_line(a) for a in RESPONSE.bounds(train, train, 0)["gold"]])
    assert "Score with the data set and the split" in problems(path, rows)[0]


def bomb(path, line, times):
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(times):
            stream.write(line)
    return path


def test_a_gzip_bomb_is_read_up_to_the_limit_with_little_memory(rows, lines, tmp_path):
    long = changed(lines[0], more=" " * 30_000)
    path = bomb(tmp_path / "bomb.jsonl.gz", long, 20_000)  # 600 MB
    assert path.stat().st_size < 10 << 20
    tracemalloc.start()
    found = problems(path, [*rows] * 500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "larger than 64 MB uncompressed" in found[0] and peak < 64 << 20


@pytest.mark.parametrize("line", [b"\n", b"{}\n"])
def test_reading_stops_after_too_many_lines(rows, tmp_path, monkeypatch, line):
    monkeypatch.setattr(check, "read_answer", lambda *_: None)
    path = bomb(tmp_path / "p.jsonl.gz", line * 1000, 1000)
    assert f"more than {2 * len(rows) + check.PROBLEMS} lines" in problems(path, rows)[0]


def test_a_gzip_bomb_of_one_line_is_read_up_to_the_line_limit(rows, tmp_path):
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b"0" * (200 << 20), compresslevel=1))
    assert "longer than 32768 bytes" in problems(path, rows)[0]


def test_broken_gzip_is_reported(rows, lines, tmp_path):
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(lines))[:-20])
    assert "the gzip file is damaged" in problems(path, rows)[0]


def test_a_zip_archive_is_not_opened(rows, tmp_path):
    path = tmp_path / "p.jsonl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../climb.jsonl", "{}")
    assert "found a zip archive" in problems(path, rows)[0]


class _Harm:
    def __reduce__(self):
        return (open, ("harm.txt", "w"))


def test_a_pickle_is_not_opened(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.jsonl"
    path.write_bytes(pickle.dumps(_Harm()))
    assert "found a pickle" in problems(path, rows)[0] and not (tmp_path / "harm.txt").exists()


def test_a_missing_file_raises_os_error(rows, tmp_path):
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path / "none.jsonl", RESPONSE, rows)


def test_too_many_entities_of_one_utterance_are_reported(data, tmp_path):
    track, lines = TASKS["entities"], gold_lines(data, "entities")
    entity = {"name": "x", "type": "data_pack", "start": 0, "end": 1}
    bad = [changed(lines[0], entities=[entity] * 501, emotions=None), *lines[1:]]
    if len(bad[0]) > check.LINE_BYTES:
        bad[0] = changed(lines[0], entities=[{"name": "x"}] * 501, emotions=None)
    found = problems(write_lines(tmp_path / "p.jsonl", bad), track.split_rows(str(data), "test"), track)
    assert "field entities: found 501 items; expected at most 500" in found[0]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
_near = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("dialogue_id", "exchange", "utterance", "entities", "emotions", "acts", "response", "scores", "satisfaction"),
        _json,
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | (_json | _near).map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize("task", TASKS)
def test_no_content_raises_an_exception(tmp_path, task, content):
    path, track = tmp_path / "p.jsonl", TASKS[task]
    path.write_bytes(content)
    checked = check_file(path, track, _ROWS[task])
    assert checked.problems and all(isinstance(problem, cmcc.DataError) for problem in checked.problems)


_ROWS = {
    "response": [{"dialogue_id": "a", "exchange": 0}],
    "emotion": [{"dialogue_id": "a", "utterance": 0}],
    "entities": [{"dialogue_id": "a", "utterance": 0}],
    "satisfaction": [{"dialogue_id": "a"}],
}


def test_the_data_have_what_the_tests_rely_on(rows):
    assert len(rows) == DIALOGUES and len({row["dialogue_id"] for row in rows}) == DIALOGUES

"""Calls go to Label Studio and doccano and come back with every label in its place."""

import json
from collections import Counter
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench import cli
from cmcc_bench.quality.annotations import acts_in, known_calls, read_annotations
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.doccano import document, read_documents, write_documents
from cmcc_bench.quality.exchange import add_labels, add_satisfaction, exchanged, utf16_length, utf16_slice, write_care
from cmcc_bench.quality.label_studio import labeling_config, read_tasks, task, write_tasks
from cmcc_bench.reader.care import merge_care, read_care
from tests import raw
from tests.quality.test_doubts import write_model, write_raw

EMOJI = "我🙂担心𠮷"  # seven UTF-16 units: 🙂 and 𠮷 have two each
TOOLS = {
    "label-studio": (write_tasks, read_tasks, "calls.json"),
    "doccano": (write_documents, read_documents, "a.jsonl"),
}


def labels(count, least=1):
    return st.none() | st.lists(st.integers(0, count - 1), min_size=least, unique=True)


@st.composite
def rows(draw, number=0):
    """A row of `labeled`: any texts, each turn with one or both speakers in either order, any part of it labeled."""
    utterances = []
    for turn in range(draw(st.integers(1, 4))):
        for speaker in draw(st.sampled_from([(0, 1), (1, 0), (0,), (1,)])):
            emotions = draw(labels(len(cmcc.EMOTIONS))) if speaker else None
            acts = None if speaker else draw(labels(len(cmcc.ACTS)))
            text = draw(st.text(st.sampled_from(EMOJI + "用户：\n\r\u2028 <&\"'é"), max_size=8))
            utterances.append({"speaker": speaker, "turn": turn, "text": text, "emotions": emotions, "acts": acts})
    return {"dialogue_id": f"{number}", "satisfaction": draw(labels(3) | st.none()), "utterances": utterances}


def labeled(row):
    row["satisfaction"] = row["satisfaction"] and row["satisfaction"][0]
    return Call(row, "train", True, "calls.json", 3)


def through(tool, calls, folder):
    """The care labels after a way through a tool."""
    write, read, name = TOOLS[tool]
    write(folder / name, map(exchanged, calls))
    write_care(folder / "care.json", read(folder / name), "Li")
    return read_care(folder / "care.json")


@pytest.mark.parametrize("tool", TOOLS)
@settings(max_examples=25, deadline=None)
@given(rows())
def test_no_label_is_lost_on_the_way_through_a_tool(tool, row):
    call = labeled(row)
    with TemporaryDirectory() as folder:
        care = through(tool, [call], Path(folder))
    bare = deepcopy(row["utterances"])
    for utterance in bare:
        utterance["emotions"] = utterance["acts"] = None
    repairs = Counter()
    if care:
        merge_care(care["0"], 9, bare, repairs)
    assert bare == row["utterances"] and not +repairs
    assert (care["0"].satisfaction if care else None) == row["satisfaction"]


@given(st.text(st.sampled_from("a我🙂𠮷é")), st.data())
def test_positions_are_those_of_a_browser(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert utf16_slice(text, utf16_length(text[:start]), utf16_length(text[:end])) == text[start:end]
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


def call_of(*texts, **more):
    """A call in which user and service speak in turns, the user first."""
    utterances = [
        {"speaker": 1 - number % 2, "turn": number // 2, "text": text, "emotions": None, "acts": None}
        for number, text in enumerate(texts)
    ]
    return Call({"dialogue_id": "call-1", "satisfaction": None, "utterances": utterances} | more, "train", True)


def selected(start, end, first, last, *names, field="emotions", text=None):
    """The result of Label Studio for a selection with the mouse."""
    value = {"start": str(start), "end": str(end), "startOffset": first, "endOffset": last}
    value |= {"paragraphlabels": list(names)} | ({"text": text} if text is not None else {})
    return {"from_name": field, "to_name": "dialogue", "type": "paragraphlabels", "value": value}


def read_results(tmp_path, *results, call=None, **more):
    made = task(exchanged(call or call_of(EMOJI, "您好", "🙂")))
    content = [made | {"annotations": [{"result": list(results)} | more]}]
    (tmp_path / "in.json").write_text(json.dumps(content), "utf-8")
    return {place: found for one in read_tasks(tmp_path / "in.json") for place, found in one.labels.items()}


def test_a_selection_of_a_part_labels_its_utterance_also_behind_an_emoji(tmp_path):
    part = selected(0, 0, 3, 5, "表示担忧或焦虑", text="担心")
    assert read_results(tmp_path, part) == {(0, "emotions"): (5,)}
    with pytest.raises(cmcc.DataError, match="text is not that of the call"):
        read_results(tmp_path, selected(0, 0, 2, 4, "中性", text="担心"))  # positions in characters


def test_a_selection_that_touches_the_next_utterance_does_not_label_it(tmp_path):
    assert read_results(tmp_path, selected(0, 1, 0, 0, "neutral")) == {(0, "emotions"): (0,)}
    assert read_results(tmp_path, selected(1, 2, 2, 2, "neutral")) == {(2, "emotions"): (0,)}
    both = read_results(tmp_path, selected(0, 2, 0, 2, "neutral"))
    assert both == {(0, "emotions"): (0,), (2, "emotions"): (0,)}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (selected(1, 1, 0, 2, "neutral"), "Emotions belong to the user"),
        (selected(0, 0, 0, 2, "sad"), "the label 'sad'"),
        (selected(0, 9, 0, 2, "neutral"), "does not have"),
        (selected(0, 0, 0, 99, "neutral"), "does not have"),
    ],
)
def test_a_wrong_label_or_place_is_an_error_that_names_the_task(tmp_path, result, message):
    with pytest.raises(cmcc.DataError, match=f"(?s)in.json.*task 0.*{message}"):
        read_results(tmp_path, result)


def test_predictions_and_cancelled_annotations_are_not_labels(tmp_path):
    call = call_of(EMOJI)
    call.row["utterances"][0]["emotions"] = [5]
    write_tasks(tmp_path / "in.json", [exchanged(call)], "predictions", "runs/emotion/best")
    assert list(read_tasks(tmp_path / "in.json")) == []
    assert json.loads((tmp_path / "in.json").read_text("utf-8"))[0]["predictions"][0]["model_version"]
    assert read_results(tmp_path, selected(0, 0, 0, 7, "neutral"), was_cancelled=True) == {}


def test_of_several_users_one_is_chosen(tmp_path):
    made = task(exchanged(call_of(EMOJI))) | {
        "annotations": [
            {"completed_by": {"id": 3, "email": "li@example.org"}, "result": [selected(0, 0, 0, 7, "neutral")]},
            {"completed_by": 4, "result": [selected(0, 0, 0, 7, "抱怨某问题")]},
        ]
    }
    path = tmp_path / "in.json"
    path.write_text(json.dumps([made]), "utf-8")
    with pytest.raises(cmcc.DataError, match=r"4, li@example\.org"):
        list(read_tasks(path))
    assert [one.labels for one in read_tasks(path, "4")] == [{(0, "emotions"): (1,)}]
    assert [one.labels for one in read_tasks(path, "li@example.org")] == [{(0, "emotions"): (0,)}]
    assert list(read_tasks(path, "5")) == []


@pytest.mark.parametrize("names", [5, "抱怨某问题", {"a": 1}])
def test_labels_that_are_not_a_list_are_an_error(names):
    for add in (lambda: add_labels({}, [], [], names), lambda: add_satisfaction({}, names)):
        with pytest.raises(cmcc.DataError, match="not a list"):
            add()


def test_spans_of_doccano_count_an_emoji_as_two():
    call = call_of(EMOJI, "您好")
    call.row["utterances"][1]["acts"] = [2]
    line = document(exchanged(call))
    assert line["entities"] == [[11, 16, "问候"]]  # "用户：" and seven units, a line break, "客服：您好"
    assert line["text"].encode("utf-16-le")[22:32].decode("utf-16-le") == "客服：您好"


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "in.json"
    for content in ("{}", "[1]", '[{"data": {}, "annotations": [{"result": []}]}]'):
        path.write_text(content)
        with pytest.raises(cmcc.DataError, match=r"cmcc export|export \"JSON\""):
            list(read_tasks(path))
    for content in ("1", "{}", '{"text": "用户：a", "turns": [0, 1]}', '{"text": "a", "turns": [0]}', "{"):
        path.write_text(content)
        with pytest.raises(cmcc.DataError, match=r"line 1.*cmcc export"):
            list(read_documents(path))


def places(value, path=()):
    """The paths of all values in a JSON value, from the outermost."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def replaced(value, path, new):
    """The value with another one at a path."""
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("中性")
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("tool", TOOLS)
@settings(max_examples=6, deadline=None)
@example([["中性"]])
@example({"a": 1})
@given(ANY_JSON)
def test_any_json_in_place_of_any_value_is_read_or_an_error_that_says_where_and_what_to_do(tool, new):
    call = call_of(EMOJI, "您好", satisfaction=2)
    call.row["utterances"][0]["emotions"], call.row["utterances"][1]["acts"] = [1, 5], [2]
    _, read, name = TOOLS[tool]
    whole = document(exchanged(call)) if tool == "doccano" else [task(exchanged(call))]
    with TemporaryDirectory() as folder:
        for path in places(whole):
            (Path(folder) / name).write_text(json.dumps(replaced(whole, path, new)), "utf-8")
            care = Path(folder) / "care.json"
            care.unlink(missing_ok=True)
            try:
                write_care(care, read(Path(folder) / name), "Li")
            except cmcc.DataError as error:
                assert error.place["file"] == name and (error.hint or error.expected), path


@pytest.mark.parametrize("tool", TOOLS)
def test_the_commands_keep_the_labels_of_raw_files(tool, tmp_path, capsys):
    turns = [raw.turn(user=EMOJI, 用户情绪="中性"), raw.answer()]
    raw.write(tmp_path / "raw", "calls.json", [raw.dialogue("call-1", turns), raw.plain("plain-1")])
    data, out, care = str(tmp_path / "raw"), str(tmp_path / TOOLS[tool][2]), str(tmp_path / "care_Li.json")
    assert cli.main(["export", data, "--format", tool, "--out", out]) == 0
    assert cli.main(["import", out, "--format", tool, "--out", care, "--annotator", "Li"]) == 0
    assert "2 calls" in capsys.readouterr().out
    calls = known_calls([care, data], data)
    first, second = (read_annotations(name, calls, acts_in([care])) for name in (data, care))
    assert second.emotions == first.emotions and second.acts == first.acts
    assert second.satisfaction == first.satisfaction == {"call-1": 1}
    assert cli.main(["import", out, "--format", tool, "--out", care]) == 1  # would replace the file
    assert "exists already" in capsys.readouterr().err


def test_utterances_that_are_left_open_are_not_neutral(tmp_path):
    call = call_of("贵", "您好", "好")
    call.row["utterances"][0]["emotions"] = [1]
    write_tasks(tmp_path / "calls.json", [exchanged(call)])
    write_care(tmp_path / "care.json", read_tasks(tmp_path / "calls.json"), None)
    found = read_annotations(str(tmp_path / "care.json"), {"call-1": call}, ())
    assert found.emotions == {("call-1", 0): {1}}


def test_options_of_other_formats_are_refused(tmp_path, capsys):
    for arguments in (
        ["--format", "doccano", "--labels", "predictions"],
        ["--format", "doccano", "--split", "train"],
        ["--format", "messages", "--care", "care.json"],
        ["--format", "label-studio", "--model", "tiny", "--labels", "none"],
    ):
        assert cli.main(["export", "sample", "--out", str(tmp_path / "x.jsonl"), *arguments]) == 2
    assert capsys.readouterr().err.count("cmcc export:") == 4


def test_what_a_model_predicts_is_written_as_predictions(tmp_path):
    write_raw(tmp_path / "raw", 2)
    model, out = write_model(tmp_path / "run"), tmp_path / "tasks.json"
    assert (
        cli.main(["export", str(tmp_path / "raw"), "--format", "label-studio", "--model", model, "--out", str(out)])
        == 0
    )
    first, second = json.loads(out.read_text("utf-8"))
    assert "annotations" not in first and first["predictions"][0]["model_version"] == model
    given = [result["value"]["paragraphlabels"] for result in second["predictions"][0]["result"]]
    assert given == [["中性"], ["抱怨某问题"]]


def test_label_studio_itself_accepts_the_configuration_and_the_results():
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface(labeling_config())
    interface.validate()
    call = call_of(EMOJI, "您好", satisfaction=2)
    call.row["utterances"][0]["emotions"], call.row["utterances"][1]["acts"] = [1, 5], [2]
    made = task(exchanged(call))
    assert interface.validate_task({"data": made["data"]})
    assert interface._validate_object(made["annotations"][0], return_errors=True) == []
    prediction = task(exchanged(call), "predictions")["predictions"][0]
    assert interface._validate_object(prediction, return_errors=True) == []
    made["annotations"][0]["result"][0]["value"]["paragraphlabels"] = ["sad"]
    assert interface._validate_object(made["annotations"][0], return_errors=True)

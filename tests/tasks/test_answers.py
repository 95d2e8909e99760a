"""Reading answers: written answers are read back, and invalid ones are errors that name file, line and field."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmcc
from cmcc_bench.scoring import read_answers
from cmcc_bench.tasks import TASKS, EmotionAnswer, Entity, EntityAnswer, SatisfactionAnswer, answer_line

from ..spelling import spellings

GOOD = {
    "emotion": EmotionAnswer("d", 1, ("neutral",), (0.5,) * 9),
    "entities": EntityAnswer("d", 1, (Entity("流量包", "data_pack", 0, 3), Entity("套餐")), ("neutral",)),
    "satisfaction": SatisfactionAnswer("d", "satisfied", (0.0, 0.0, 1.0)),
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("task", GOOD)
def test_written_answers_are_read_back_unchanged(tmp_path, task):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(answer_line(GOOD[task]) * 2)
    assert read_answers(path, task) == [GOOD[task]] * 2


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        ("emotion", {"emotions": ["angry"]}, "found 'angry'"),
        ("emotion", {"emotions": ["neutral", "neutral"]}, "repeated labels"),
        ("emotion", {"emotions": 1}, "expected a list"),
        ("emotion", {"scores": [0.5]}, "9 numbers from 0 to 1"),
        ("emotion", {"scores": [2.0] * 9}, "9 numbers from 0 to 1"),
        ("emotion", {"utterance": -1}, "an integer of 0 or more"),
        ("emotion", {"dialogue_id": None}, "a string"),
        ("entities", {"entities": [{"name": "x", "type": "nothing", "start": 0, "end": 1}]}, "found 'nothing'"),
        ("entities", {"entities": [{"name": "x", "type": "package", "start": 2, "end": 1}]}, "is not after the start"),
        ("entities", {"entities": [{"name": "x", "type": "package"}]}, "field start"),
        ("satisfaction", {"satisfaction": 4}, "found 4"),
    ],
)
def test_the_error_for_a_wrong_field_names_file_line_and_problem(tmp_path, task, change, message):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(json.loads(answer_line(GOOD[task])) | change))
    with pytest.raises(cmcc.DataError) as error:
        read_answers(path, task)
    assert message in str(error.value) and "answers.jsonl" in str(error.value) and "line 1" in str(error.value)


@given(labels=st.lists(spellings(cmcc.EMOTIONS), max_size=3, unique_by=lambda label: label[0]))
def test_emotions_are_read_in_any_spelling(labels):
    value = {"dialogue_id": "d", "utterance": 0, "emotions": [written for _, written in labels]}
    assert [cmcc.EMOTIONS[name] for name in TASKS["emotion"].parse(value, {}).emotions] == [zh for zh, _ in labels]
    joined = value | {"emotions": ["、".join(value["emotions"])] if labels else []}
    assert TASKS["emotion"].parse(joined, {}) == TASKS["emotion"].parse(value, {})
    one_text = value | {"emotions": ", ".join(value["emotions"])}
    assert TASKS["emotion"].parse(one_text, {}) == TASKS["emotion"].parse(value, {})


@given(label=spellings(cmcc.ENTITY_TYPES))
def test_entity_types_are_read_in_any_spelling(label):
    entity = {"name": "x", "type": label[1], "start": 0, "end": 1}
    answer = TASKS["entities"].parse({"dialogue_id": "d", "utterance": 0, "entities": [entity]}, {})
    assert cmcc.ENTITY_TYPES[answer.entities[0].type] == label[0]


@pytest.mark.parametrize("value", [3, 3.0, "3", " 3 ", "３", "3.0", "满意", "Satisfied", "SATISFIED "])
def test_satisfaction_is_read_by_number_and_by_name(value):
    assert TASKS["satisfaction"].parse({"dialogue_id": "d", "satisfaction": value}, {}).satisfaction == "satisfied"


@pytest.mark.parametrize("value", ["", "无", float("nan"), True, 0, 4, 1.5, "4", "happy", [3], {}])
def test_an_invalid_satisfaction_is_an_error_that_names_the_field(value):
    with pytest.raises(cmcc.DataError, match=r"field satisfaction: .* expected one of"):
        TASKS["satisfaction"].parse({"dialogue_id": "d", "satisfaction": value}, {})
    with pytest.raises(cmcc.DataError, match=r"field satisfaction: .* expected one of"):
        TASKS["satisfaction"].parse({"dialogue_id": "d"}, {})


@given(value=anything, task=st.sampled_from(sorted(GOOD)), names=st.lists(anything, max_size=3))
def test_any_json_is_an_answer_or_a_data_error(value, task, names):
    filled = {"dialogue_id": "d", "utterance": 0, "emotions": names, "entities": names, "satisfaction": value}
    for tried in (value, filled):
        with contextlib.suppress(cmcc.DataError):
            TASKS[task].parse(tried, {})

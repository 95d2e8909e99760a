"""Names of labels in any spelling: cmcc.label_names, cmcc.find_label and cmcc.satisfaction_label."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmcc

VOCABULARIES = [cmcc.EMOTIONS, cmcc.ACTS, cmcc.INTENTS, cmcc.ENTITY_TYPES, cmcc.SATISFACTION, cmcc.SPEAKERS]
FULL_WIDTH = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)} | {" ": "\u3000"})
SPELLINGS = [
    str, str.upper, str.title, lambda name: f" {name}\t", lambda name: name.replace("_", " "),
    lambda name: name.replace("_", "-"), lambda name: name.translate(FULL_WIDTH), lambda name: " ".join(name),
]  # fmt: skip


@given(st.sampled_from(VOCABULARIES), st.data())
def test_a_label_is_found_in_any_spelling(vocabulary, data):
    label = data.draw(st.integers(0, len(vocabulary) - 1))
    name = data.draw(st.sampled_from(list(list(vocabulary.items())[label])))
    for spelling in data.draw(st.lists(st.sampled_from(SPELLINGS), max_size=3)):
        name = spelling(name)
    assert cmcc.find_label(name, vocabulary) == label


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_no_two_labels_of_a_vocabulary_have_the_same_spelling(vocabulary):
    for names in (vocabulary, vocabulary.values()):
        assert [cmcc.find_label(name, vocabulary) for name in names] == list(range(len(vocabulary)))


@pytest.mark.parametrize("name", ["", " ", "、", "()", "happy", "开心", "抱怨", "抱怨某问题,中性", None, 3, ["中性"]])
def test_unknown_names_are_not_found(name):
    assert cmcc.find_label(name, cmcc.EMOTIONS) is None


def test_aliases_of_annotators_are_found():
    assert cmcc.find_label("无", cmcc.EMOTIONS) == 0
    assert cmcc.find_label("求助-咨询", cmcc.INTENTS) == cmcc.find_label("seek_help_query", cmcc.INTENTS)
    assert cmcc.find_label("提供信息", cmcc.ACTS) == cmcc.find_label("inform", cmcc.ACTS)
    assert cmcc.find_label("", cmcc.ACTS) == cmcc.find_label("other", cmcc.ACTS)


@pytest.mark.parametrize("separator", [",", "，", "、", ";", "；", "/", "／", "|", "｜", "\n", " , ", ",,", "、 "])
def test_names_are_separated_by_any_usual_separator(separator):
    assert cmcc.label_names(separator.join(["抱怨某问题", "情绪较为激动"])) == ["抱怨某问题", "情绪较为激动"]
    assert cmcc.label_names(f"{separator}抱怨某问题{separator}") == ["抱怨某问题"]


def test_an_empty_label_string_has_no_names():
    assert cmcc.label_names("") == cmcc.label_names(" 、,") == []


@pytest.mark.parametrize(
    "value",
    [
        3,
        3.0,
        "3",
        " 3",
        "3.0",
        "3.00",
        "３",
        np.int64(3),
        np.float64(3),
        "满意",
        " 满 意",
        "satisfied",
        "Satisfied",
        "3分",
    ],
)
def test_satisfaction_is_read_from_any_kind_of_number_and_from_names(value):
    assert cmcc.satisfaction_label(value) == 2


@pytest.mark.parametrize("value", [None, math.nan, np.float64("nan"), "", "  ", "NaN", "nan", "None", "无"])
def test_a_missing_satisfaction_is_not_annotated(value):
    assert cmcc.satisfaction_label(value) is None


@pytest.mark.parametrize("value", [0, 4, 3.5, "33", "-1", True, "很好", [], [3], {}, math.inf])
def test_an_invalid_satisfaction_is_an_error_that_lists_the_valid_values(value):
    with pytest.raises(cmcc.DataError, match=r"满意度.*1 \(unsatisfied\), 2"):
        cmcc.satisfaction_label(value)

"""What is said of a submission: fields that can be shown, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmcc
from cmcc_bench.leaderboard.submission import (
    Description,
    Stored,
    describe,
    description_of,
    read_description,
    read_stored,
    slug,
)

SAID = {"model": "A model", "task": "response", "training_data": "CMCC, train", "paper": "https://arxiv.org/abs/1"}


def test_a_description_comes_back_as_it_was_written():
    made = describe("A model 模型", "emotion", "CMCC", None)
    assert read_description(made.as_json()) == made and made.toolkit.startswith("cmcc ")


def test_a_stored_submission_comes_back_as_it_was_written():
    stored = Stored(Description("Ünï-模型", "response", "CMCC"), 7, "bob", "2026-01-02", "c0ffee", reviewed=True)
    assert read_stored(stored.as_json()) == stored and stored.name == "00007-uni"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", ""),
        ("model", "   "),
        ("model", "…!?"),
        ("model", "x" * 81),
        ("model", "a\nb"),
        ("model", "a\u202eb"),
        ("model", "a\x1b[31mb"),
        ("model", 7),
        ("model", None),
        ("model", "Gold"),
        ("model", "random"),
        ("model", "Ｍajority"),
        ("model", "Variant, as published"),
        ("model", "(Gold)!"),
        ("model", "G\u043eld"),  # a Cyrillic o
        ("model", "go\u0301ld"),
        ("model", "gold\ufe0f"),
        ("model", "MA\u0408ORITY"),
        ("model", "Variant,  as - published"),
        ("model", "Character n-grams, 5"),
        ("model", "\u3164\u3164"),  # letters without a shape
        ("model", "a\u034fb"),
        ("task", "unknown"),
        ("training_data", "x" * 501),
        ("training_data", ["CMCC"]),
        ("paper", "http://example.org"),
        ("paper", "javascript:alert(1)"),
        ("paper", "https://"),
        ("paper", "https://user:pass@example.org"),
        ("paper", "https://example.org/ x"),
        ("paper", "https://example.org/<script>"),
        ("paper", "https://example.org/'onclick='"),
        ("paper", "https://[::1"),
        ("paper", 7),
        ("toolkit", "a\nb"),
    ],
)
def test_a_field_that_cannot_be_shown_is_named(field, value):
    with pytest.raises(cmcc.DataError) as caught:
        description_of(SAID | {field: value})
    assert caught.value.place["field"] == field


@pytest.mark.parametrize(
    "paper", [None, "", "https://arxiv.org/abs/2207.02657", "https://aclanthology.org/A.1#x?y=z&w=%20"]
)
def test_addresses_of_papers_stay_as_they_are(paper):
    assert description_of(SAID | {"paper": paper}).paper == (paper or None)


@given(
    st.binary(max_size=300)
    | st.dictionaries(st.sampled_from([*SAID, "x"]), st.text() | st.integers()).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_content_is_a_description_or_an_error_that_says_why(content):
    try:
        made = read_description(content)
    except cmcc.DataError as error:
        assert error.expected
    else:
        assert made.model.isprintable() and made.training_data.isprintable()


@given(st.text())
def test_a_part_of_a_path_never_climbs_and_is_never_empty(name):
    part = slug(name)
    assert part and set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and len(part) <= 40


@pytest.mark.parametrize("model", ["Gold standard net", "随机森林", "модель", "Ünï", "n-gram characters", "Golden"])
def test_names_that_only_remind_of_reserved_ones_are_names(model):
    assert description_of(SAID | {"model": model}).model == model


def test_what_an_author_adds_to_the_description_is_not_kept():
    made = read_description(json.dumps(SAID | {"reviewed": True, "pull_request": 1, "author": "root"}).encode())
    assert b"reviewed" not in made.as_json() and b"root" not in made.as_json()

"""Descriptions of submissions: valid fields, and nothing else."""

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
from cmcc_bench.reports.facts import SystemFacts

FIELDS = {"model": "A model", "task": "response", "training_data": "CMCC, train", "paper": "https://arxiv.org/abs/1"}


def test_a_description_can_be_written_and_read_unchanged():
    facts = SystemFacts("few-shot", tokens_in=5, tokens_out=1, cost=0.5, data_cutoff="2024-01")
    description = describe("A model 模型", "emotion", "CMCC", None, facts)
    assert read_description(description.as_json()) == description and description.toolkit.startswith("cmcc ")


def test_a_description_of_an_earlier_version_says_nothing_of_its_kind():
    assert description_of(FIELDS).system == SystemFacts()


def test_a_stored_submission_can_be_written_and_read_unchanged():
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
        ("model", "\u3164\u3164"),  # invisible letters
        ("model", "a\u034fb"),
        ("system", {"kind": "<b>"}),
        ("system", {"base_model": "x" * 201}),
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
def test_an_invalid_field_is_named(field, value):
    with pytest.raises(cmcc.DataError) as caught:
        description_of(FIELDS | {field: value})
    assert str(caught.value.place["field"]).split(".")[0] == field


@pytest.mark.parametrize(
    "paper", [None, "", "https://arxiv.org/abs/2207.02657", "https://aclanthology.org/A.1#x?y=z&w=%20"]
)
def test_addresses_of_papers_are_unchanged(paper):
    assert description_of(FIELDS | {"paper": paper}).paper == (paper or None)


@given(
    st.binary(max_size=300)
    | st.dictionaries(st.sampled_from([*FIELDS, "x"]), st.text() | st.integers()).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_content_is_a_description_or_an_error_that_says_why(content):
    try:
        description = read_description(content)
    except cmcc.DataError as error:
        assert error.hint or error.expected
    else:
        assert description.model.isprintable() and description.training_data.isprintable()


@given(st.text())
def test_a_slug_never_leaves_its_folder_and_is_never_empty(name):
    part = slug(name)
    assert part and set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and len(part) <= 40


@pytest.mark.parametrize("model", ["Gold standard net", "随机森林", "модель", "Ünï", "n-gram characters", "Golden"])
def test_names_similar_to_reserved_ones_are_allowed(model):
    assert description_of(FIELDS | {"model": model}).model == model


def test_extra_fields_of_a_description_are_dropped():
    description = read_description(
        json.dumps(FIELDS | {"reviewed": True, "pull_request": 1, "author": "root"}).encode()
    )
    assert b"reviewed" not in description.as_json() and b"root" not in description.as_json()

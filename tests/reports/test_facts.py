"""What a system is and what it took, from records new and old, and whether its model may know the corpus."""

import pytest

import cmcc
from cmcc_bench.cli import main
from cmcc_bench.paper import PUBLIC_SINCE
from cmcc_bench.reports.facts import (
    KINDS,
    SystemFacts,
    check_facts,
    contamination_note,
    facts_of,
    parse_month,
    parse_parameters,
    short_count,
)

ENDPOINT = {"kind": "few-shot", "requests": 3, "tokens_in": 30, "tokens_out": 6, "cost": 0.5, "data_cutoff": "2024-01"}
LORA = {"options": ["LoRA"], "base": "/models/Qwen/x", "base_revision": "sha256-0123456789abcdef"}


@pytest.mark.parametrize(
    ("prediction", "training", "facts"),
    [
        ({}, {}, SystemFacts()),
        ({"task": "response"}, {}, SystemFacts("trained")),  # a record of an earlier version
        ({"parameters": 7}, {"parameters": 9}, SystemFacts("trained", parameters=9)),
        ({"parameters": 7}, {}, SystemFacts("trained", parameters=7)),
        ({"training": {"options": ["character n-grams"]}}, {}, SystemFacts("n-grams")),
        ({"endpoint": ENDPOINT}, {}, SystemFacts("few-shot", "", None, 30, 6, 0.5, "2024-01")),
        ({"endpoint": ENDPOINT | {"uncounted": 1}}, {}, SystemFacts("few-shot", data_cutoff="2024-01")),
        ({"endpoint": {"kind": "oracle", "tokens_in": "many", "data_cutoff": "2024"}}, {}, SystemFacts()),
        ({"training": LORA}, {}, SystemFacts("adapter", "x@0123456789ab")),
        ({}, {"adapter": {"base_model": "Qwen/x", "revision": None}}, SystemFacts("adapter", "Qwen/x")),
        ({}, {"recipe": {"adapter": "lora"}, "parameters": 5}, SystemFacts("adapter", parameters=5)),
        ({}, {"recipe": {"adapter": "none"}}, SystemFacts("trained")),
    ],
)
def test_what_a_record_does_not_hold_is_not_known(prediction, training, facts):
    assert facts_of(prediction, training) == facts


def test_only_models_that_may_know_the_corpus_are_in_the_note():
    first = min(PUBLIC_SINCE.values())
    systems = [
        ("small", SystemFacts("trained")),
        ("old", SystemFacts("zero-shot", data_cutoff="2022-06")),
        ("new", SystemFacts("zero-shot", data_cutoff=first)),
        ("new", SystemFacts("zero-shot", data_cutoff=first)),  # for another task
        ("secret", SystemFacts("adapter")),
    ]
    note = contamination_note(systems, is_licensed=True)
    assert note.endswith(f"by data cut-off: new: {first}; secret: unknown.") and "CMCC public since 2022-12" in note
    assert contamination_note(systems[:2], is_licensed=True) == ""
    assert "Simulated dialogues are not in the corpus" in contamination_note(systems, is_licensed=False)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("x", "field system:"),
        ({"kind": "best"}, "system.kind"),
        ({"parameters": -1}, "system.parameters"),
        ({"tokens_in": 1.5}, "system.tokens_in"),
        ({"tokens_out": 2**70}, "system.tokens_out"),
        ({"cost": float("nan")}, "system.cost"),
        ({"cost": 1e300}, "system.cost"),
        ({"data_cutoff": "2024-13"}, "system.data_cutoff"),
        ({"base_model": "a\u202eb"}, "system.base_model"),
    ],
)
def test_facts_that_are_not_valid_are_an_error_that_names_the_field(value, field):
    with pytest.raises(cmcc.DataError, match=field):
        check_facts(value)


def test_numbers_and_months_of_the_command_line():
    assert [parse_parameters(text) for text in ("8.2B", "729k", "12", "1T")] == [8_200_000_000, 729_000, 12, 10**12]
    assert [short_count(number) for number in (999, 728832, 999_999, 8_200_000_000)] == ["999", "729 K", "1 M", "8.2 B"]
    assert parse_month("2024-06") == "2024-06"
    for parse, text in ((parse_parameters, "8 billion"), (parse_month, "June 2024"), (parse_month, "2024-13")):
        with pytest.raises(ValueError, match="expected a"):
            parse(text)


def test_the_help_of_submit_lists_all_kinds(capsys):
    with pytest.raises(SystemExit):
        main(["submit", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert ", ".join([*KINDS][:-1]) + f" or {[*KINDS][-1]}" in printed

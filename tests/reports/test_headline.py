"""One screen of a terminal, and the sentences on it."""

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from cmcc_bench.reports.headline import headline_tables
from cmcc_bench.reports.report import make_report
from cmcc_bench.reports.scores import SystemPair
from cmcc_bench.reports.section import simple_finding
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.tasks import task_of


def screen(report):
    """The lines of the screen, 80 columns wide."""
    out = io.StringIO()
    console = Console(file=out, width=80, soft_wrap=True)
    for table in headline_tables(report):
        console.print(table.terminal(compact=True))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def size(report):
    """The number of dialogues that are scored."""
    return report.sections[0].systems[0].scores.dialogues


def test_all_systems_of_the_paper_are_on_one_screen(report):
    lines = screen(report)
    assert len(lines) <= 55 and max(map(len, lines)) <= 80
    text = " ".join(lines)
    assert "SYNTHETIC" in lines[0] and f"test split: {size(report)} dialogues" in lines[0]
    assert "1.000 (0.656)" in text and "[1.00, 1.00]" in text
    for title in ("Table 2", "Table 3", "Table 5, emotions", "Table 9, entities"):
        assert any(line.startswith(title) for line in lines), title


def test_the_sentences_name_the_scores_that_differ_and_the_power(report):
    text = " ".join(screen(report))
    pair = "Variant (End2End) against Baseline (End2End)"
    assert f"{pair}: significantly higher in success, act F1 and BLEU-4; no" in text
    assert "no significant difference in user intent F1." in text
    assert f"With 80 % power, these {size(report)} test dialogues show a difference of at least" in text
    assert f"After a negative emotion, and caring acts: {pair}: significantly higher in" in text
    assert "in macro F1; the other 1 does not." in text
    assert "Stack-propagation beats names known from training in entity F1." in text


@pytest.mark.parametrize("name", ["baseline-end2end", "variant-oracle", "satisfaction"])
def test_one_system_alone_has_its_scores(runs, name):
    lines = screen(make_report([runs / f"{name}.jsonl"], Bootstrap(0)))
    assert len(lines) < 15 and any("." in line for line in lines[3:]), lines
    assert "nan" not in " ".join(lines) and "Traceback" not in " ".join(lines)


@pytest.mark.parametrize(
    ("lows", "sentence"),
    [
        ({"a, tuned": 0.1}, "a, tuned beats n-grams in macro F1."),
        ({"a": -0.1, "b": 0.0}, "None of the 2 systems beats n-grams in macro F1."),
        ({"a": 0.1, "b, tuned": 0.2, "c": -0.1}, "a; b, tuned beat n-grams in macro F1; the other 1 does not."),
        ({"a": 0.1, "b": 0.1}, "a; b beat n-grams in macro F1."),
        ({"a": float("nan")}, ""),
    ],
)
def test_the_sentence_about_the_simple_baseline_counts_the_systems_that_beat_it(lows, sentence):
    pairs = [
        SystemPair(name, "n-grams", SimpleNamespace(differences={"macro_f1": SimpleNamespace(low=low)}))
        for name, low in lows.items()
    ]
    assert simple_finding(task_of("emotion"), pairs) == sentence


def test_prompted_models_have_rows_of_their_kind_their_cost_and_a_note_on_contamination(mixed):
    lines = screen(mixed)
    text = " ".join(lines)
    assert any(line.startswith("big, zero-shot") for line in lines) and any(
        line.startswith("big, few") for line in lines
    )
    assert "Trained: 1 prediction file, parameters unknown." in text
    assert (
        "Prompted, zero-shot: 1 prediction file, parameters unknown, 1.2 K tokens in and 34 out, cost 0.2500." in text
    )
    assert "by data cut-off: big, few-shot: unknown; big, zero-shot: 2025-03." in text
    rows = {row[0]: row[2:] for row in mixed.facts.rows}
    assert rows["big, zero-shot"] == ("prompted, zero-shot", "–", "1,200", "34", "0.2500", "2025-03")
    assert rows["big, few-shot"][-2:] == ("–", "unknown") and rows["Classification-based"][-1] == "–"
    assert mixed.markdown().startswith("### Systems\n")
    kinds = {row[0]: row[1] for row in mixed.tables[0].rows}
    assert (kinds["Classification-based"], kinds["big, few-shot"], kinds["gold"]) == (
        "trained",
        "prompted, few-shot",
        "bound",
    )


def test_the_report_as_json_has_the_facts_of_the_systems_and_the_scores_of_the_rows(mixed):
    value = mixed.as_dict()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    facts = {system["name"]: system for system in value["systems"]}
    assert (facts["big, zero-shot"]["data_cutoff"], facts["big, zero-shot"]["cost"]) == ("2025-03", 0.25)
    assert facts["big, few-shot"]["data_cutoff"] is facts["Classification-based"]["parameters"] is None
    rows = {row["name"]: row for row in value["sections"][0]["rows"]}
    assert rows["big, zero-shot"]["kind"] == "zero-shot" and rows["gold"]["scores"]["micro_f1"]["point"] == 1
    assert value["contamination"] and value["synthetic"] is True

"""One screen of a terminal, and the sentences on it."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.reports.headline import headline_tables
from cmcc_bench.reports.report import make_report
from cmcc_bench.scoring import Bootstrap
from tests.reports.test_answers import bounds, write_answers
from tests.reports.test_response import write_system


def screen(report):
    """The lines of the screen, 80 columns wide."""
    out = io.StringIO()
    console = Console(file=out, width=80, soft_wrap=True)
    for table in headline_tables(report):
        console.print(table.terminal(compact=True))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every system of the paper: the variant with the gold answers, the others worse."""
    folder = tmp_path_factory.mktemp("headline") / "runs"
    gold = bounds("response")["gold"]
    worse = [replace(p, response="不知道", acts="通知") for p in gold]
    for form, mode, given in (
        ("variant", "end2end", gold), ("variant", "oracle", gold), ("baseline", "end2end", worse),
        ("baseline", "oracle", worse), ("no_emotion", "end2end", gold), ("no_caring", "end2end", worse),
    ):  # fmt: skip
        emotions = {} if form in ("variant", "no_caring") else {"emotions": None}
        write_system(folder, f"{form}-{mode}", form, mode, [replace(p, **emotions) for p in given])
    write_answers(folder, "emotion", TrainingRecord("emotion"), bounds("emotion")["random"])
    write_answers(folder, "joint", TrainingRecord("entities"), bounds("entities")["gold"])
    write_answers(folder, "satisfaction", TrainingRecord("satisfaction"), bounds("satisfaction")["majority"])
    return folder


@pytest.fixture(scope="module")
def report(runs):
    return make_report([runs], Bootstrap(40))


def test_all_systems_of_the_paper_are_on_one_screen(report):
    lines = screen(report)
    assert len(lines) <= 55 and max(map(len, lines)) <= 80
    text = " ".join(lines)
    assert "SYNTHETIC" in lines[0] and "test split: 40 dialogues" in lines[0]
    assert "1.000 (0.656)" in text and "[1.00, 1.00]" in text
    for title in ("Table 2", "Table 3", "Table 5, emotions", "Table 9, entities"):
        assert any(line.startswith(title) for line in lines), title


def test_the_sentences_name_the_scores_that_differ_and_the_power(report):
    text = " ".join(screen(report))
    pair = "Variant (End2End) against Baseline (End2End)"
    assert f"{pair}: significantly higher in success, act F1 and BLEU-4; no" in text
    assert "no significant difference in user intent F1." in text
    assert "With 80 % power, these 40 test dialogues show a difference of at least" in text
    assert f"After a negative emotion, and caring acts: {pair}: significantly higher in" in text
    assert "Classification-based does not beat character n-grams, logistic regression in macro F1." in text
    assert "Stack-propagation beats names known from training in entity F1." in text


@pytest.mark.parametrize("name", ["baseline-end2end", "variant-oracle", "satisfaction", "emotion"])
def test_one_system_alone_has_its_scores(runs, name):
    lines = screen(make_report([runs / f"{name}.jsonl"], Bootstrap(0)))
    assert len(lines) < 15 and any("." in line for line in lines[3:]), lines
    assert "nan" not in " ".join(lines) and "Traceback" not in " ".join(lines)

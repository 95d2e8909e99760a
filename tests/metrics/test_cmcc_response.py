"""The metric of responses loads from its folder without a network; its page names its fields and scores."""

import doctest
import math
import re
from dataclasses import asdict, replace
from pathlib import Path

import evaluate
import pytest
import yaml

import cmcc
from cmcc_bench.scoring import Bootstrap
from tests.scoring.rows import gold_predictions, score_responses

from ..scoring.rows import predicted, two_dialogues

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "metrics" / "cmcc_response"
PAGE = (FOLDER / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def metric():
    return evaluate.load(str(FOLDER))


def written(rows, changes=None):
    return [asdict(prediction) for prediction in predicted(rows, changes)]


def test_gold_scores_1_and_100(metric):
    rows = two_dialogues()
    results = metric.compute(predictions=written(rows), references=rows, resamples=20)
    assert (results["intent_f1"], results["act_f1"], results["success"], results["bleu"]) == (1.0, 1.0, 1.0, 100.0)
    assert (results["dialogues"], results["exchanges"], results["bleu_low"]) == (2, 4, 100.0)


@pytest.mark.parametrize("version", ["strict", "seretod"])
def test_scores_equal_those_of_the_library_at_once_and_in_batches(metric, version):
    rows = two_dialogues()
    predictions = predicted(rows, {("a", 0): {"acts": "通知", "response": "您稍等"}})
    expected = score_responses(predictions, rows, version, bootstrap=Bootstrap(20)).scores
    at_once = metric.compute(predictions=list(map(asdict, predictions)), references=rows, version=version, resamples=20)
    for start in (2, 0):
        batch = slice(start, start + 2)
        metric.add_batch(predictions=list(map(asdict, predictions[batch])), references=rows[batch])
    assert metric.compute(version=version, resamples=20)["bleu"] == at_once["bleu"] == expected["bleu"].point
    for name, interval in expected.items():
        assert (at_once[name], at_once[f"{name}_low"]) == pytest.approx((interval.point, interval.low)), name


def test_labels_may_have_english_names_and_other_separators(metric):
    rows = two_dialogues()
    english = {cmcc.ACTS[name]: name.replace("_", " ").title() for name in cmcc.ACTS}
    changes = {
        (row["dialogue_id"], row["exchange"]): {
            "acts": "、".join(english[act] for act in row["acts"].split(",")),
            "user_intent": row["user_intent"].translate(str.maketrans("(),", "（），")),
        }
        for row in rows
    }
    results = metric.compute(predictions=written(rows, changes), references=rows, resamples=0)
    assert (results["intent_f1"], results["act_f1"]) == (1.0, 1.0)


def test_a_model_may_write_no_emotions(metric):
    rows = two_dialogues()
    without_emotions = [asdict(replace(prediction, emotions=None)) for prediction in gold_predictions(rows)]
    results = metric.compute(predictions=without_emotions, references=rows, resamples=0)
    assert results["act_f1"] == 1.0
    assert math.isnan(results["act_f1_low"])


def test_options_reach_the_library(metric):
    rows = two_dialogues()
    baseline = written(rows, {("a", 0): {"acts": "抱歉", "emotions": "中性"}})
    results = metric.compute(predictions=baseline, references=rows, fold_caring=True, emotions=True, resamples=0)
    assert (results["act_f1"], results["emotion_f1"]) == (1.0, 0.75)


def test_an_unknown_exchange_is_an_error_that_names_it(metric):
    rows = two_dialogues()
    wrong = written(rows)
    wrong[0]["exchange"] = 7
    with pytest.raises(cmcc.DataError, match="prediction 1, dialogue a, exchange 7"):
        metric.compute(predictions=wrong, references=rows)


def test_the_examples_of_the_page_print_the_shown_output(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, "README.md", "README.md", 0)
    assert len(test.examples) > 8
    report: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_the_page_has_the_header_of_a_metric_space():
    header = yaml.safe_load(PAGE.split("---\n")[1])
    assert header["tags"] == ["evaluate", "metric"]
    assert {"title", "sdk", "colorFrom", "colorTo", "description"} <= set(header)


def test_the_page_names_every_field_and_score(metric):
    rows = two_dialogues()
    for name in written(rows)[0]:
        assert f"`{name}`" in PAGE
    for name in metric.compute(predictions=written(rows), references=rows, emotions=True, resamples=0):
        if not name.endswith(("_low", "_high")):
            assert re.search(rf"[`*]{name}[`*]", PAGE), name

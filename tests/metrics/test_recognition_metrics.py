"""The metrics of emotions and entities load from their folders without a network; their pages name their scores."""

import doctest
import math
import re
from dataclasses import asdict
from pathlib import Path

import evaluate
import pytest
import yaml

import cmcc
from cmcc_bench import paper
from cmcc_bench.scoring import Bootstrap, score
from cmcc_bench.tasks import task_of

ROOT = Path(__file__).parents[2]
NAMES = ["cmcc_emotion", "cmcc_entities"]


def page(name):
    return (ROOT / "metrics" / name / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_page_run(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for block in re.findall(r"```python\n(.*?)```", page(name), re.DOTALL):
        runner.run(doctest.DocTestParser().get_doctest(block, {}, name, None, 0))
    assert runner.tries > 3 and runner.failures == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_the_header_of_a_space_and_names_every_score(name):
    head = yaml.safe_load(page(name).split("---")[1])
    assert head["sdk"] == "static" and "metric" in head["tags"]
    task = name.removeprefix("cmcc_")
    rows = task_of(task).split_rows("sample", "validation")
    for name_of_score in score(task, task_of(task).bounds(rows, rows, 0)["gold"], rows, Bootstrap(0)).scores:
        assert f"`{name_of_score}`" in page(name), name_of_score


def test_scores_of_emotions_equal_those_of_the_library():
    rows = task_of("emotion").split_rows("sample", "validation")
    answers = task_of("emotion").bounds(rows, rows, 3)["random"]
    predictions = [
        {"dialogue_id": a.dialogue_id, "utterance": a.utterance, "emotions": list(a.emotions)} for a in answers
    ]
    results = evaluate.load(str(ROOT / "metrics" / "cmcc_emotion")).compute(
        predictions=predictions, references=rows, resamples=9
    )
    expected = score("emotion", answers, rows, Bootstrap(9))
    for name, interval in expected.scores.items():
        assert (results[name], results[f"{name}_low"]) == pytest.approx((interval.point, interval.low)), name
    assert results["labels"]["neutral"]["support"] == expected.labels["neutral"].support


def test_entities_may_be_names_only_and_emotions_none():
    metric = evaluate.load(str(ROOT / "metrics" / "cmcc_entities"))
    whole = {"name": "流量包", "type": "data_pack", "start": 2, "end": 5}
    gold = [{"dialogue_id": "d", "utterance": 1, "entities": [whole], "emotions": ["neutral"]}]
    name = {"name": "流量包", "type": None, "start": None, "end": None}
    predictions = [{"dialogue_id": "d", "utterance": 1, "entities": [name], "emotions": None}]
    results = metric.compute(predictions=predictions, references=gold, resamples=0)
    assert results["name_f1"] == 1 and results["entity_f1"] == 0 and math.isnan(results["emotion_accuracy"])
    with pytest.raises(cmcc.DataError, match="found 'plane'"):
        metric.compute(predictions=gold, references=[gold[0] | {"entities": [whole | {"type": "plane"}]}])


def test_references_may_be_rows_of_the_task():
    rows = task_of("entities").split_rows("sample", "validation")
    answers = task_of("entities").bounds(rows, rows, 3)["random"]
    metric = evaluate.load(str(ROOT / "metrics" / "cmcc_entities"))
    results = metric.compute(predictions=list(map(asdict, answers)), references=rows, resamples=9)
    expected = score("entities", answers, rows, Bootstrap(9))
    assert {name: results[name] for name in expected.scores} == pytest.approx(
        {name: interval.point for name, interval in expected.scores.items()}
    )
    assert sum(results["labels"][label]["support"] for label in cmcc.ENTITY_TYPES) > 10


def test_the_pages_have_the_numbers_of_the_paper():
    numbers = [n for row in paper.EMOTION_RESULTS.values() for n in (row.micro_f1, row.macro_f1)]
    assert all(str(number) in page("cmcc_emotion") for number in numbers)
    assert all(str(row.entity_f1) in page("cmcc_entities") for row in paper.ENTITY_RESULTS.values())

"""The modules of emotions and entities load from their folders without a network, and their pages say what they do."""

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
def test_the_page_is_a_space_s_and_names_every_score(name):
    head = yaml.safe_load(page(name).split("---")[1])
    assert head["sdk"] == "static" and "metric" in head["tags"]
    task = name.removeprefix("cmcc_")
    rows = task_of(task).split_rows("sample", "validation")
    for name_of_score in score(task, task_of(task).bounds(rows, rows, 0)["gold"], rows, Bootstrap(0)).scores:
        assert f"`{name_of_score}`" in page(name), name_of_score


def test_emotions_are_the_library_s_score_of_rows_of_the_config():
    rows = task_of("emotion").split_rows("sample", "validation")
    answers = task_of("emotion").bounds(rows, rows, 3)["random"]
    said = [{"dialogue_id": a.dialogue_id, "utterance": a.utterance, "emotions": list(a.emotions)} for a in answers]
    found = evaluate.load(str(ROOT / "metrics" / "cmcc_emotion")).compute(
        predictions=said, references=rows, resamples=9
    )
    expected = score("emotion", answers, rows, Bootstrap(9))
    for name, interval in expected.scores.items():
        assert (found[name], found[f"{name}_low"]) == pytest.approx((interval.point, interval.low)), name
    assert found["labels"]["neutral"]["support"] == expected.labels["neutral"].support


def test_entities_may_be_names_alone_and_emotions_none():
    metric = evaluate.load(str(ROOT / "metrics" / "cmcc_entities"))
    whole = {"name": "流量包", "type": "data_pack", "start": 2, "end": 5}
    gold = [{"dialogue_id": "d", "utterance": 1, "entities": [whole], "emotions": ["neutral"]}]
    name = {"name": "流量包", "type": None, "start": None, "end": None}
    said = [{"dialogue_id": "d", "utterance": 1, "entities": [name], "emotions": None}]
    found = metric.compute(predictions=said, references=gold, resamples=0)
    assert found["name_f1"] == 1 and found["entity_f1"] == 0 and math.isnan(found["emotion_accuracy"])
    with pytest.raises(cmcc.DataError, match="found 'plane'"):
        metric.compute(predictions=gold, references=[gold[0] | {"entities": [whole | {"type": "plane"}]}])


def test_references_are_rows_as_the_page_says_they_are_made():
    rows = task_of("entities").split_rows("sample", "validation")
    answers = task_of("entities").bounds(rows, rows, 3)["random"]
    metric = evaluate.load(str(ROOT / "metrics" / "cmcc_entities"))
    found = metric.compute(predictions=list(map(asdict, answers)), references=rows, resamples=9)
    expected = score("entities", answers, rows, Bootstrap(9))
    assert {name: found[name] for name in expected.scores} == pytest.approx(
        {name: interval.point for name, interval in expected.scores.items()}
    )
    assert sum(found["labels"][label]["support"] for label in cmcc.ENTITY_TYPES) > 10


def test_the_paper_s_numbers_on_the_pages_are_those_of_the_library():
    numbers = [n for row in paper.EMOTION_RESULTS.values() for n in (row.micro_f1, row.macro_f1)]
    assert all(str(number) in page("cmcc_emotion") for number in numbers)
    assert all(str(row.entity_f1) in page("cmcc_entities") for row in paper.ENTITY_RESULTS.values())

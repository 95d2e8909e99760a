"""The scores of a system and the paired test of two, on two dialogues whose scores are known by hand."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.tasks import RESPONSE
from cmcc_bench.tasks.bleu import signature
from cmcc_bench.views import response_rows
from tests.scoring.rows import compare_responses, gold_predictions, score_responses

from ..views.rows import rows as any_rows
from .rows import PLAIN_CALL, pack_call, predicted, two_dialogues, view

NAMES = ("intent_precision", "intent_recall", "intent_f1", "act_precision", "act_recall", "act_f1", "success", "bleu")


def points(scores):
    return {name: interval.point for name, interval in scores.scores.items()}


@pytest.mark.parametrize("fold_caring", [False, True])
def test_gold_against_gold_scores_exactly_1_and_100(fold_caring):
    rows = two_dialogues()
    scores = score_responses(gold_predictions(rows), rows, fold_caring=fold_caring)
    assert points(scores) == dict.fromkeys(NAMES, 1.0) | {"bleu": 100.0}
    assert scores.scores["bleu"].low == scores.scores["bleu"].high == 100.0
    assert (scores.dialogues, scores.items) == (2, 4)
    assert scores.signature == signature()


@settings(max_examples=150, deadline=None)
@given(call=any_rows(), fold_caring=st.booleans())
def test_gold_scores_1_or_nan_for_any_dialogue(call, fold_caring):
    rows = response_rows(call)
    if rows:
        scores = points(score_responses(gold_predictions(rows), rows, fold_caring=fold_caring, bootstrap=Bootstrap(0)))
        assert all(math.isnan(scores[name]) or scores[name] == 1.0 for name in NAMES[:7])


@settings(max_examples=150, deadline=None)
@given(
    call=any_rows(),
    texts=st.lists(st.text() | st.text("询问通知(),-_ 流量包entG1", max_size=12), min_size=3, max_size=3),
)
def test_scores_are_in_range_for_any_text_of_a_model(call, texts):
    rows = response_rows(call)
    if rows:
        written = dict(zip(("user_intent", "acts", "response"), texts, strict=True))
        predictions = predicted(rows, {(row["dialogue_id"], row["exchange"]): written for row in rows})
        for version in ("strict", "seretod"):
            scores = points(score_responses(predictions, rows, version, bootstrap=Bootstrap(2)))
            assert all(math.isnan(scores[name]) or 0 <= scores[name] <= 1 for name in NAMES[:7])
            assert 0 <= scores["bleu"] <= 100.00001


def test_scores_equal_those_counted_by_hand():
    rows = two_dialogues()
    wrong = {
        ("a", 0): {"user_intent": "询问", "acts": "抱歉,通知"},
        ("b", 0): {"user_intent": "", "acts": ""},
        ("a", 1): {"response": ""},
    }
    scores = points(score_responses(predicted(rows, wrong), rows, bootstrap=Bootstrap(0)))
    assert scores["intent_precision"] == pytest.approx(2 / 3)  # 4 true intents; of the 3 written 1 lacks its slots
    assert scores["intent_recall"] == pytest.approx(2 / 4)
    assert scores["intent_f1"] == pytest.approx(2 * 2 / (3 + 4))
    assert scores["act_precision"] == pytest.approx(3 / 4)
    assert scores["act_recall"] == pytest.approx(3 / 5)
    assert scores["act_f1"] == pytest.approx(2 * 3 / (4 + 5))
    assert scores["success"] == 0  # one dialogue asks, and its second answer is empty
    assert 0 < scores["bleu"] < 100


def test_an_empty_response_lowers_bleu_in_the_version_strict_only():
    rows = two_dialogues()
    empty = predicted(rows, {("a", 0): {"response": ""}})
    strict, theirs = (
        points(score_responses(empty, rows, version, bootstrap=Bootstrap(0))) for version in ("strict", "seretod")
    )
    assert strict["bleu"] < 80
    full = points(score_responses(predicted(rows), rows, "seretod", bootstrap=Bootstrap(0)))
    assert theirs["bleu"] == pytest.approx(full["bleu"], abs=5)


def test_scores_without_any_label_or_request_are_nan():
    rows = view(*PLAIN_CALL)
    for row in rows:
        row["user_intent"] = row["acts"] = ""
    scores = score_responses(gold_predictions(rows), rows)
    for name in (*NAMES[:6], "success"):
        assert math.isnan(scores.scores[name].point), name
    assert scores.scores["bleu"].point == 100


def test_intervals_contain_the_score_and_depend_on_the_seed_only():
    rows = [row for number in range(30) for row in view(*pack_call(), dialogue_id=f"d{number:02}")]
    wrong = {(f"d{number:02}", 1): {"acts": "引导", "response": "您稍等"} for number in range(0, 30, 3)}
    scores = score_responses(predicted(rows, wrong), rows, bootstrap=Bootstrap(300))
    for name in ("act_f1", "success", "bleu"):
        interval = scores.scores[name]
        assert interval.low < interval.point < interval.high, name
    assert scores.scores["intent_f1"].low == scores.scores["intent_f1"].high == 1.0
    assert scores == score_responses(predicted(rows, wrong), rows, bootstrap=Bootstrap(300)), "the seed decides"


def test_the_paired_test_is_significant_only_for_scores_that_differ():
    rows = [row for number in range(30) for row in view(*pack_call(), dialogue_id=f"d{number:02}")]
    wrong = {(f"d{number:02}", 1): {"acts": "引导", "response": "您稍等"} for number in range(0, 30, 3)}
    differences = compare_responses(predicted(rows), predicted(rows, wrong), rows, bootstrap=Bootstrap(300)).differences
    assert differences["success"].difference == pytest.approx(1 / 3)
    assert differences["success"].low > 0
    assert differences["bleu"].p_value < 0.05
    assert (differences["intent_f1"].difference, differences["intent_f1"].p_value) == (0, 1)


def test_each_system_of_a_comparison_has_its_own_fold_caring():
    rows = two_dialogues()
    baseline = predicted(rows, {("a", 0): {"acts": "抱歉"}})
    unfair = compare_responses(baseline, predicted(rows), rows, bootstrap=Bootstrap(50))
    fair = compare_responses(baseline, predicted(rows), rows, fold_caring=(True, False), bootstrap=Bootstrap(50))
    assert unfair.differences["act_f1"].difference < 0
    assert fair.differences["act_f1"].difference == 0


def test_emotions_are_scored_when_asked_for():
    rows = two_dialogues()
    scores = score_responses(
        predicted(rows, {("a", 0): {"emotions": "中性"}}), rows, emotions=True, bootstrap=Bootstrap(0)
    )
    assert points(scores)["emotion_f1"] == pytest.approx(3 / 4)
    assert "emotion_f1" not in score_responses(predicted(rows), rows, bootstrap=Bootstrap(0)).scores
    theirs = score_responses(predicted(rows, {("a", 0): {"emotions": "中性"}}), rows, "seretod", emotions=True)
    assert points(theirs)["emotion_f1"] == pytest.approx(3 / 4)


def test_emotions_of_a_model_that_writes_none_are_an_error_that_names_the_exchange():
    rows = two_dialogues()
    empty = predicted(rows, {("b", 1): {"emotions": None}})
    with pytest.raises(
        cmcc.DataError, match=r"dialogue b, exchange 1, field emotions: .*Score this model without emotions"
    ):
        score_responses(empty, rows, emotions=True)
    with pytest.raises(cmcc.DataError, match="dialogue b, exchange 1"):
        compare_responses(predicted(rows), empty, rows, emotions=True)


def test_an_unknown_version_is_an_error():
    rows = two_dialogues()
    with pytest.raises(ValueError, match="choose strict or seretod"):
        score_responses(gold_predictions(rows), rows, "loose")


def test_results_are_json():
    rows = two_dialogues()
    values = json.loads(
        json.dumps(score_responses(RESPONSE.majority(rows, rows), rows, bootstrap=Bootstrap(10)).as_dict())
    )
    assert set(values["scores"]) == set(NAMES)
    assert values["counts"]["requesting"] == 1
    compared = compare_responses(gold_predictions(rows), RESPONSE.majority(rows, rows), rows, bootstrap=Bootstrap(10))
    assert json.loads(json.dumps(compared.as_dict()))["differences"]["bleu"]["difference"] > 0

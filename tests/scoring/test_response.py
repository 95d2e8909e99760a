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
def test_gold_against_gold_is_exactly_one_and_100(fold_caring):
    rows = two_dialogues()
    found = score_responses(gold_predictions(rows), rows, fold_caring=fold_caring)
    assert points(found) == dict.fromkeys(NAMES, 1.0) | {"bleu": 100.0}
    assert found.scores["bleu"].low == found.scores["bleu"].high == 100.0
    assert (found.dialogues, found.items) == (2, 4)
    assert found.signature == signature()


@settings(max_examples=150, deadline=None)
@given(call=any_rows(), fold_caring=st.booleans())
def test_gold_is_one_or_undefined_whatever_the_dialogue(call, fold_caring):
    rows = response_rows(call)
    if rows:
        found = points(score_responses(gold_predictions(rows), rows, fold_caring=fold_caring, bootstrap=Bootstrap(0)))
        assert all(math.isnan(found[name]) or found[name] == 1.0 for name in NAMES[:7])


@settings(max_examples=150, deadline=None)
@given(
    call=any_rows(),
    texts=st.lists(st.text() | st.text("询问通知(),-_ 流量包entG1", max_size=12), min_size=3, max_size=3),
)
def test_any_text_of_a_model_has_scores_in_range(call, texts):
    rows = response_rows(call)
    if rows:
        written = dict(zip(("user_intent", "acts", "response"), texts, strict=True))
        predictions = predicted(rows, {(row["dialogue_id"], row["exchange"]): written for row in rows})
        for version in ("strict", "seretod"):
            found = points(score_responses(predictions, rows, version, bootstrap=Bootstrap(2)))
            assert all(math.isnan(found[name]) or 0 <= found[name] <= 1 for name in NAMES[:7])
            assert 0 <= found["bleu"] <= 100.00001


def test_scores_are_those_counted_by_hand():
    rows = two_dialogues()
    wrong = {
        ("a", 0): {"user_intent": "询问", "acts": "抱歉,通知"},
        ("b", 0): {"user_intent": "", "acts": ""},
        ("a", 1): {"response": ""},
    }
    found = points(score_responses(predicted(rows, wrong), rows, bootstrap=Bootstrap(0)))
    assert found["intent_precision"] == pytest.approx(2 / 3)  # 4 true intents; of the 3 written 1 lacks its slots
    assert found["intent_recall"] == pytest.approx(2 / 4)
    assert found["intent_f1"] == pytest.approx(2 * 2 / (3 + 4))
    assert found["act_precision"] == pytest.approx(3 / 4)
    assert found["act_recall"] == pytest.approx(3 / 5)
    assert found["act_f1"] == pytest.approx(2 * 3 / (4 + 5))
    assert found["success"] == 0  # one dialogue asks, and its second answer is empty
    assert 0 < found["bleu"] < 100


def test_the_versions_differ_where_silence_is_concerned():
    rows = two_dialogues()
    silent = predicted(rows, {("a", 0): {"response": ""}})
    strict, theirs = (
        points(score_responses(silent, rows, version, bootstrap=Bootstrap(0))) for version in ("strict", "seretod")
    )
    assert strict["bleu"] < 80
    full = points(score_responses(predicted(rows), rows, "seretod", bootstrap=Bootstrap(0)))
    assert theirs["bleu"] == pytest.approx(full["bleu"], abs=5)


def test_no_label_anywhere_is_nan_and_no_request_is_nan():
    rows = view(*PLAIN_CALL)
    for row in rows:
        row["user_intent"] = row["acts"] = ""
    found = score_responses(gold_predictions(rows), rows)
    for name in (*NAMES[:6], "success"):
        assert math.isnan(found.scores[name].point), name
    assert found.scores["bleu"].point == 100


def test_intervals_come_from_dialogues_and_hold_the_score():
    rows = [row for number in range(30) for row in view(*pack_call(), dialogue_id=f"d{number:02}")]
    wrong = {(f"d{number:02}", 1): {"acts": "引导", "response": "您稍等"} for number in range(0, 30, 3)}
    found = score_responses(predicted(rows, wrong), rows, bootstrap=Bootstrap(300))
    for name in ("act_f1", "success", "bleu"):
        interval = found.scores[name]
        assert interval.low < interval.point < interval.high, name
    assert found.scores["intent_f1"].low == found.scores["intent_f1"].high == 1.0
    assert found == score_responses(predicted(rows, wrong), rows, bootstrap=Bootstrap(300)), "the seed decides"


def test_a_paired_test_sees_what_differs_and_only_that():
    rows = [row for number in range(30) for row in view(*pack_call(), dialogue_id=f"d{number:02}")]
    wrong = {(f"d{number:02}", 1): {"acts": "引导", "response": "您稍等"} for number in range(0, 30, 3)}
    found = compare_responses(predicted(rows), predicted(rows, wrong), rows, bootstrap=Bootstrap(300)).differences
    assert found["success"].difference == pytest.approx(1 / 3)
    assert found["success"].low > 0
    assert found["bleu"].p_value < 0.05
    assert (found["intent_f1"].difference, found["intent_f1"].p_value) == (0, 1)


def test_folding_can_differ_between_the_two():
    rows = two_dialogues()
    baseline = predicted(rows, {("a", 0): {"acts": "抱歉"}})
    unfair = compare_responses(baseline, predicted(rows), rows, bootstrap=Bootstrap(50))
    fair = compare_responses(baseline, predicted(rows), rows, fold_caring=(True, False), bootstrap=Bootstrap(50))
    assert unfair.differences["act_f1"].difference < 0
    assert fair.differences["act_f1"].difference == 0


def test_emotions_are_scored_when_asked_for():
    rows = two_dialogues()
    found = score_responses(
        predicted(rows, {("a", 0): {"emotions": "中性"}}), rows, emotions=True, bootstrap=Bootstrap(0)
    )
    assert points(found)["emotion_f1"] == pytest.approx(3 / 4)
    assert "emotion_f1" not in score_responses(predicted(rows), rows, bootstrap=Bootstrap(0)).scores
    theirs = score_responses(predicted(rows, {("a", 0): {"emotions": "中性"}}), rows, "seretod", emotions=True)
    assert points(theirs)["emotion_f1"] == pytest.approx(3 / 4)


def test_emotions_of_a_model_that_writes_none_are_an_error_that_names_the_exchange():
    rows = two_dialogues()
    silent = predicted(rows, {("b", 1): {"emotions": None}})
    with pytest.raises(
        cmcc.DataError, match=r"dialogue b, exchange 1, field emotions: .*Score this model without emotions"
    ):
        score_responses(silent, rows, emotions=True)
    with pytest.raises(cmcc.DataError, match="dialogue b, exchange 1"):
        compare_responses(predicted(rows), silent, rows, emotions=True)


def test_an_unknown_version_is_an_error():
    rows = two_dialogues()
    with pytest.raises(ValueError, match="choose strict or seretod"):
        score_responses(gold_predictions(rows), rows, "loose")


def test_results_are_json():
    rows = two_dialogues()
    found = json.loads(
        json.dumps(score_responses(RESPONSE.majority(rows, rows), rows, bootstrap=Bootstrap(10)).as_dict())
    )
    assert set(found["scores"]) == set(NAMES)
    assert found["counts"]["requesting"] == 1
    compared = compare_responses(gold_predictions(rows), RESPONSE.majority(rows, rows), rows, bootstrap=Bootstrap(10))
    assert json.loads(json.dumps(compared.as_dict()))["differences"]["bleu"]["difference"] > 0

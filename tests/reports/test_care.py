"""Scores after a negative emotion, and of caring acts."""

import math

import pytest

from cmcc_bench.reports.care import care_measure, rare_care
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.scoring.score import align_with_gold, scores_of
from cmcc_bench.tasks import RESPONSE
from tests.scoring.rows import PLAIN_CALL, predicted, two_dialogues, view


def care_scores(rows, changes=None, fold_caring=False):
    dialogues = align_with_gold(RESPONSE, predicted(rows, changes), rows)
    return scores_of(RESPONSE, care_measure(fold_caring), dialogues, Bootstrap(20)).scores


def test_gold_has_the_highest_scores():
    scores = care_scores(two_dialogues())
    assert [scores[name].point for name in scores] == pytest.approx([100, 1, 1, 1])


def test_only_exchanges_after_a_negative_emotion_count():
    rows = two_dialogues()  # the first exchange of "a" follows a complaint, all others a neutral utterance
    others = {("a", 1): {"response": "不知道", "acts": "问候"}, ("b", 0): {"response": "不知道", "acts": "问候"}}
    scores = care_scores(rows, others)
    assert scores["bleu_negative"].point == pytest.approx(100) and scores["act_f1_negative"].point == 1
    scores = care_scores(rows, {("a", 0): {"response": "不知道", "acts": "问候"}})
    assert scores["bleu_negative"].point == 0 and scores["act_f1_negative"].point == 0


def test_a_caring_act_that_is_missed_lowers_recall_and_one_too_many_lowers_precision():
    rows = two_dialogues()
    assert care_scores(rows, {("a", 0): {"acts": "抱歉"}})["caring_recall"].point == 0
    scores = care_scores(rows, {("b", 0): {"acts": "问候,安抚"}})
    assert scores["caring_recall"].point == 1 and scores["caring_precision"].point == 0.5


def test_caring_acts_are_not_folded_where_they_are_counted():
    scores = care_scores(two_dialogues(), {("a", 0): {"acts": "抱歉"}}, fold_caring=True)
    assert scores["act_f1_negative"].point == 1 and scores["caring_recall"].point == 0


def test_without_a_negative_emotion_the_scores_are_not_defined():
    scores = care_scores(view(*PLAIN_CALL))
    assert all(math.isnan(scores[name].point) for name in scores)


def test_the_report_says_how_rare_caring_acts_are_in_training_unless_they_are_the_rule():
    upset, calm = {"emotions": "抱怨问题", "acts": "通知"}, {"emotions": "中性", "acts": "安抚"}
    cared = upset | {"acts": "安抚,通知"}
    assert rare_care([upset, upset, cared, calm]).startswith("In training, 33% of the 3 exchanges after a negative")
    assert rare_care([upset, cared, calm]) == rare_care([calm]) == ""

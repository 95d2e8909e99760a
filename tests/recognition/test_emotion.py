"""Thresholds and answers from probabilities."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

import cmcc
from cmcc_bench.recognition.emotion import (
    LABELS,
    checked_thresholds,
    emotion_answers,
    is_collapsed,
    said_labels,
    tuned_thresholds,
)
from cmcc_bench.tasks.emotion import gold_matrix

ROWS = [{"dialogue_id": "d", "utterance": n, "emotions": labels} for n, labels in enumerate([[0], [1, 2], [0]])]


def test_a_label_is_said_from_its_threshold_on():
    scores = [0.3, 0.29, 0.9, *[0.0] * 6]
    assert said_labels(scores, [0.3] * 9) == (LABELS[0], LABELS[2])
    assert said_labels([0.1] * 9, [0.3] * 9) == ()


def test_thresholds_are_the_model_s_own_or_as_published_and_wrong_ones_are_refused():
    assert checked_thresholds(None, "m") == (0.3,) * 9
    assert checked_thresholds([0.1 * n for n in range(9)], "m")[5] == 0.5
    for wrong in ([0.3] * 8, [], "0.3", [*[0.3] * 8, 2], [*[0.3] * 8, None]):
        with pytest.raises(cmcc.DataError, match=r"thresholds: found .* expected 9 numbers.*Copy config.json"):
            checked_thresholds(wrong, "m")


def test_tuned_thresholds_have_the_highest_f1_that_any_threshold_has():
    chance = np.random.default_rng(0)
    gold = chance.random((80, 9)) < 0.3
    gold[:, 8] = np.arange(80) < 9
    scores = np.clip(gold * 0.3 + chance.random((80, 9)) * 0.7, 0, 1)
    thresholds = tuned_thresholds(scores, gold)
    for label in range(8):
        best = max(f1_score(gold[:, label], scores[:, label] >= cut) for cut in np.unique(scores[:, label]))
        assert f1_score(gold[:, label], scores[:, label] >= thresholds[label]) == pytest.approx(best)
    assert thresholds[8] == 0.3  # a label that is this rare keeps the published one


def test_answers_hold_the_scores_and_the_labels_in_the_vocabulary_s_order():
    scores = np.array([[0.9] + [0.0] * 8, [0.1, 0.8, 0.7] + [0.0] * 6, [0.2] * 9])
    answers = list(emotion_answers(ROWS, scores, [0.3] * 9))
    assert [answer.emotions for answer in answers] == [(LABELS[0],), (LABELS[1], LABELS[2]), ()]
    assert answers[1].scores[:3] == (0.1, 0.8, 0.7)


def test_one_answer_for_all_is_a_collapse_unless_gold_is_one_for_all_too():
    assert is_collapsed([("neutral",)] * 3, gold_matrix(ROWS))
    assert not is_collapsed([("neutral",), (), ()], gold_matrix(ROWS))
    assert not is_collapsed([("neutral",)] * 2, gold_matrix([ROWS[0], ROWS[2]]))

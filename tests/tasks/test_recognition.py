"""The scores of recognition equal those of scikit-learn and seqeval; the rules for labels that do not occur."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.scheme import IOB2
from sklearn.metrics import cohen_kappa_score, f1_score, hamming_loss, recall_score

import cmcc
from cmcc_bench.recognition.entities import spans_of, tag_names
from cmcc_bench.scoring import Bootstrap, compare, score
from cmcc_bench.tasks import EmotionAnswer, Entity, EntityAnswer, SatisfactionAnswer

EMOTIONS, TYPES = list(cmcc.EMOTIONS), list(cmcc.ENTITY_TYPES)
label_sets = st.sets(st.integers(0, 8), max_size=3)


def emotion_case(pairs):
    rows = [{"dialogue_id": f"d{n % 3}", "utterance": n, "emotions": sorted(gold)} for n, (gold, _) in enumerate(pairs)]
    answers = [
        EmotionAnswer(f"d{n % 3}", n, tuple(EMOTIONS[i] for i in sorted(predicted)))
        for n, (_, predicted) in enumerate(pairs)
    ]
    return rows, answers


def matrix(sets):
    decisions = np.zeros((len(sets), 9), dtype=int)
    for number, labels in enumerate(sets):
        decisions[number, sorted(labels)] = 1
    return decisions


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(label_sets, label_sets), min_size=3, max_size=20))
def test_emotions_are_scored_as_scikit_learn_does(pairs):
    rows, answers = emotion_case(pairs)
    scores = score("emotion", answers, rows, Bootstrap(0)).scores
    gold, predicted = matrix([pair[0] for pair in pairs]), matrix([pair[1] for pair in pairs])
    if gold.any() or predicted.any():
        assert scores["micro_f1"].point == pytest.approx(f1_score(gold, predicted, average="micro", zero_division=0))
    else:
        assert math.isnan(scores["micro_f1"].point)
    assert scores["macro_f1"].point == pytest.approx(f1_score(gold, predicted, average="macro", zero_division=0))
    without = f1_score(gold[:, 1:], predicted[:, 1:], average="macro", zero_division=0)
    assert scores["macro_f1_without_neutral"].point == pytest.approx(without)
    assert scores["hamming_loss"].point == pytest.approx(hamming_loss(gold, predicted))
    assert scores["exact_match"].point == pytest.approx(np.mean((gold == predicted).all(axis=1)))


def test_a_label_without_gold_and_predicted_instances_counts_as_0_in_macro_f1():
    rows, answers = emotion_case([({0}, {0}), ({1}, {1}), ({0}, {0})])
    scores = score("emotion", answers, rows, Bootstrap(0))
    assert scores.scores["macro_f1"].point == pytest.approx(2 / 9)
    assert scores.scores["micro_f1"].point == 1
    assert scores.labels["neutral"].support == 2 and math.isnan(scores.labels["dissatisfied_with_service"].f1)


def tagged(tags):
    return spans_of(tags, [(position, position + 1) for position in range(len(tags))])


@settings(deadline=None)
@given(
    pairs=st.integers(1, 12).flatmap(
        lambda length: st.lists(
            st.tuples(*[st.lists(st.integers(0, 6), min_size=length, max_size=length)] * 2), min_size=1, max_size=6
        )
    )
)
def test_entities_are_scored_as_strict_iob2_by_seqeval(pairs):
    rows, answers = [], []
    for number, (gold, predicted) in enumerate(pairs):
        entities = [{"type": t, "name": f"{s}", "start": s, "end": e} for t, s, e in tagged(gold)]
        rows.append({"dialogue_id": "d", "utterance": number, "entities": entities, "emotions": [0]})
        spans = tuple(Entity(f"{s}", TYPES[t], s, e) for t, s, e in tagged(predicted))
        answers.append(EntityAnswer("d", number, spans))
    entity_f1 = score("entities", answers, rows, Bootstrap(0)).scores["entity_f1"].point
    names = [[tag_names(tags) for tags in side] for side in zip(*pairs, strict=True)]
    expected = seqeval_f1(*names, mode="strict", scheme=IOB2, zero_division=0)
    assert entity_f1 == pytest.approx(expected) or (math.isnan(entity_f1) and expected == 0)


def test_answers_with_names_only_have_a_name_f1_and_an_entity_f1_of_0():
    entities = [{"type": 0, "name": "WiFi包", "start": 0, "end": 5}]
    rows = [{"dialogue_id": "d", "utterance": 0, "entities": entities, "emotions": [0]}]
    scores = score("entities", [EntityAnswer("d", 0, (Entity("wifi包"),))], rows, Bootstrap(0)).scores
    assert scores["name_f1"].point == 1 and scores["entity_f1"].point == 0
    assert math.isnan(scores["emotion_accuracy"].point)


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=20))
def test_satisfaction_is_scored_as_scikit_learn_does(pairs):
    names = list(cmcc.SATISFACTION)
    rows = [{"dialogue_id": f"d{n}", "satisfaction": gold} for n, (gold, _) in enumerate(pairs)]
    answers = [SatisfactionAnswer(f"d{n}", names[predicted]) for n, (_, predicted) in enumerate(pairs)]
    scores = score("satisfaction", answers, rows, Bootstrap(0)).scores
    gold, predicted = zip(*pairs, strict=True)
    options = {"labels": [0, 1, 2], "average": "macro", "zero_division": 0}
    assert scores["macro_recall"].point == pytest.approx(recall_score(gold, predicted, **options))
    assert scores["macro_f1"].point == pytest.approx(f1_score(gold, predicted, **options))
    if len(set(gold) | set(predicted)) > 1:
        kappa = cohen_kappa_score(gold, predicted, labels=[0, 1, 2], weights="quadratic")
        assert scores["quadratic_kappa"].point == pytest.approx(kappa)
    else:
        assert math.isnan(scores["quadratic_kappa"].point)


def test_missing_unknown_and_repeated_answers_are_errors():
    rows, answers = emotion_case([({0}, {0}), ({1}, {1})])
    with pytest.raises(cmcc.DataError, match=r"dialogue d1, utterance 1: no predictions for 1 of 2 utter"):
        score("emotion", answers[:1], rows)
    with pytest.raises(cmcc.DataError, match="this utterance is not in the data"):
        score("emotion", [*answers, EmotionAnswer("d9", 1, ())], rows)
    with pytest.raises(cmcc.DataError, match="a second prediction"):
        score("emotion", [*answers, answers[0]], rows)


def test_the_paired_test_of_a_better_system_excludes_0():
    pairs = [({n % 2}, {n % 2}) for n in range(30)]
    rows, right = emotion_case(pairs)
    _, wrong = emotion_case([(gold, {0}) for gold, _ in pairs])
    result = compare("emotion", right, wrong, rows, Bootstrap(200)).differences["micro_f1"]
    assert result.difference > 0 and result.excludes_0
    same = compare("emotion", right, right, rows, Bootstrap(50)).differences["macro_f1"]
    assert same.difference == 0 and not same.excludes_0


def test_no_answer_to_satisfaction_is_scored_as_wrong_whatever_is_gold():
    rows = [{"dialogue_id": str(gold), "satisfaction": gold} for gold in range(3)]
    scores = score("satisfaction", [SatisfactionAnswer(str(gold), None) for gold in range(3)], rows).scores
    assert scores["accuracy"].point == scores["macro_f1"].point == 0 and scores["quadratic_kappa"].point < 0

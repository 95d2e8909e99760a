"""Bounds: gold is perfect, majority is the most frequent answer, and simple baselines learn simple patterns."""

import pytest

import cmcc
from cmcc_bench.scoring import Bootstrap, score
from cmcc_bench.tasks import task_of

TYPES = list(cmcc.ENTITY_TYPES)


def emotion_rows(number):
    angry, calm = "气死我了怎么又扣费", "好的谢谢你"
    return [
        {
            "dialogue_id": f"d{n}",
            "utterance": 1,
            "text": angry if n % 3 == 0 else calm,
            "emotions": [2] if n % 3 == 0 else [0],
        }
        for n in range(number)
    ]


def entity_row(number, text, *spans):
    entities = [{"type": t, "name": text[s:e], "start": s, "end": e} for t, s, e in spans]
    return {"dialogue_id": f"d{number}", "utterance": 1, "text": text, "emotions": [0], "entities": entities}


def test_gold_is_perfect_majority_is_neutral_and_random_depends_on_the_seed():
    rows = emotion_rows(30)
    answers = task_of("emotion").bounds(rows, rows, seed=1)
    assert list(answers) == ["gold", "character n-grams, logistic regression", "majority", "random"]
    scores = {name: score("emotion", predictions, rows, Bootstrap(0)).scores for name, predictions in answers.items()}
    assert scores["gold"]["micro_f1"].point == 1 == scores["character n-grams, logistic regression"]["micro_f1"].point
    assert {answer.emotions for answer in answers["majority"]} == {("neutral",)}
    assert scores["random"]["micro_f1"].point < 1
    assert task_of("emotion").bounds(rows, rows, seed=1)["random"] == answers["random"]


def test_training_names_are_found_longest_first_with_their_type():
    train = [
        entity_row(0, "办流量包", (6, 1, 4)),
        entity_row(1, "大流量包好", (3, 0, 4)),
        entity_row(2, "好好好", (0, 0, 1)),
    ]
    answers = task_of("entities").bounds(train, [entity_row(9, "大流量包和流量包好")], seed=0)[
        "names known from training"
    ]
    assert [(e.name, e.type) for e in answers[0].entities] == [("大流量包", TYPES[3]), ("流量包", TYPES[6])]
    assert answers[0].emotions is None  # 好 is an entity once and no entity four times, so it is not used


def test_the_majority_of_entities_is_what_most_utterances_have():
    train = [entity_row(n, "没有") for n in range(3)] + [entity_row(9, "办流量包", (6, 1, 4))]
    answer = task_of("entities").bounds(train, train, seed=0)["majority"][3]
    assert answer.entities == () and answer.emotions == ("neutral",)


def test_satisfaction_is_learned_from_words():
    rows = [
        {"dialogue_id": f"d{n}", "text": "谢谢再见" if n % 2 else "我要投诉", "satisfaction": 2 if n % 2 else 0}
        for n in range(12)
    ]
    answers = task_of("satisfaction").bounds(rows, rows, seed=0)
    scores = score(
        "satisfaction", answers["character n-grams, logistic regression"], rows, bootstrap=Bootstrap(0)
    ).scores
    assert scores["accuracy"].point == 1 and scores["quadratic_kappa"].point == 1


def test_training_rows_with_only_one_label_need_no_classifier():
    rows = [row | {"emotions": [0]} for row in emotion_rows(4)]
    answers = task_of("emotion").bounds(rows, rows, seed=0)
    assert {answer.emotions for answer in answers["character n-grams, logistic regression"]} == {("neutral",)}


def test_no_training_rows_are_an_error():
    with pytest.raises(cmcc.DataError, match="no training rows"):
        task_of("emotion").bounds([], emotion_rows(2), seed=0)


def test_names_are_found_once_for_a_data_set(monkeypatch):
    train = [entity_row(index, "我要大流量包", (6, 2, 6)) for index in range(3)]
    first = task_of("entities").bounds(train, train, seed=0)["names known from training"]
    monkeypatch.setattr("cmcc_bench.tasks.entities._training_names", None)
    assert task_of("entities").bounds(train, train, seed=0)["names known from training"] == first
    with pytest.raises(TypeError):
        task_of("entities").bounds(train[:2], train, seed=0)

"""Gold, majority and random predictions."""

import pytest

import cmcc
from cmcc_bench.tasks import RESPONSE
from tests.scoring.rows import gold_predictions, two_dialogues


def test_gold_is_written_in_lower_case_as_models_write():
    rows = two_dialogues()
    assert rows[1]["response"] == "流量是一个G的"
    assert gold_predictions(rows)[1].response == "流量是一个g的"
    assert gold_predictions(rows)[0].acts == "抱歉,安抚"


def test_majority_is_the_most_frequent_text_of_each_segment():
    rows = two_dialogues()
    train = [
        rows[2],
        rows[2],
        rows[3] | {"acts": "", "user_intent": ""},
        rows[3] | {"acts": ""},
        rows[1] | {"acts": ""},
    ]
    predictions = RESPONSE.majority(train, rows)
    assert {(p.user_intent, p.acts, p.entities, p.emotions) for p in predictions} == {("问候", "问候", "", "中性")}
    assert [(p.dialogue_id, p.exchange) for p in predictions] == [(row["dialogue_id"], row["exchange"]) for row in rows]


def test_ties_go_to_the_first_by_code_point():
    rows = two_dialogues()
    assert RESPONSE.majority(rows, rows) == RESPONSE.majority(rows[::-1], rows)


def test_random_takes_all_segments_of_one_training_exchange():
    rows = two_dialogues()
    pairs = {(p.acts, p.response) for p in gold_predictions(rows)}
    predictions = RESPONSE.random(rows, rows * 10, seed=0)
    assert {(p.acts, p.response) for p in predictions} == pairs


def test_random_depends_on_the_seed_only():
    rows = two_dialogues() * 5
    assert RESPONSE.random(rows, rows, 1) == RESPONSE.random(rows, rows, 1)
    assert RESPONSE.random(rows, rows, 1) != RESPONSE.random(rows, rows, 2)


@pytest.mark.parametrize("bound", [RESPONSE.majority, lambda train, rows: RESPONSE.random(train, rows, 0)])
def test_no_training_rows_are_an_error(bound):
    with pytest.raises(cmcc.DataError, match="no training rows"):
        bound([], two_dialogues())

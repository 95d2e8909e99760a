"""Counts over blocks of dialogues, against the same counted by hand or row by row."""

from collections import Counter

import numpy as np
import pytest

import cmcc
from cmcc_bench.corpus import labeled_rows
from cmcc_bench.statistics import Counts, count
from cmcc_bench.statistics.columns import columns_of
from cmcc_bench.statistics.examples import better, examples_of
from tests.statistics.dialogues import ACT, AGITATED, COMPLAINT, dialogue, service, user, utterance


def columns(*dialogues):
    return columns_of(cmcc.table_of(dialogues, "labeled"))


def counted(*dialogues):
    return count(columns(*dialogues))


COMPLAINING = dialogue(
    service("您好", "greeting"),
    user("又断网了", COMPLAINT, AGITATED),
    service("抱歉请放心", "apology", "comfort", turn=1),
    user("好", 0, turn=1),
    service("不客气", "courtesy", turn=2),
    satisfaction=0,
)


def test_a_transition_is_from_a_user_utterance_to_the_next_service_utterance():
    transitions = counted(COMPLAINING).transitions
    assert transitions[COMPLAINT, ACT["apology"]] == transitions[AGITATED, ACT["comfort"]] == 1
    assert transitions[0, ACT["courtesy"]] == 1
    assert transitions.sum() == 5 and transitions[:, ACT["greeting"]].sum() == 0


def test_no_transition_crosses_the_border_of_dialogues():
    ends_with_user = dialogue(service("您好", "greeting"), user("喂", COMPLAINT))
    begins_with_service = dialogue(service("请讲", "guide"), user("好", 0))
    found = counted(ends_with_user, begins_with_service)
    assert found.exchanges == 0 and found.transitions.sum() == 0 and found.first_flow.sum() == 0


def test_the_first_four_utterances_begin_with_the_users_first():
    found = counted(COMPLAINING)
    assert found.first_flow[COMPLAINT, ACT["apology"]] == 1 and found.first_flow.sum() == 4
    assert found.second_flow[ACT["comfort"], 0] == 1 and found.second_flow.sum() == 2
    assert found.third_flow[0, ACT["courtesy"]] == 1 and found.third_flow.sum() == 1


def test_a_flow_ends_at_two_utterances_of_one_speaker():
    found = counted(
        dialogue(user("喂", COMPLAINT), service("您好", "greeting"), service("请讲", "guide"), user("好", 0))
    )
    assert (found.first_flow.sum(), found.second_flow.sum(), found.third_flow.sum()) == (1, 0, 0)


def test_pairs_are_symmetric_and_count_single_labels_on_the_diagonal():
    pairs = counted(COMPLAINING).emotion_pairs
    assert pairs[COMPLAINT, AGITATED] == pairs[AGITATED, COMPLAINT] == 1
    assert np.diag(pairs).sum() == 3


def test_satisfaction_counts_a_dialogue_once_for_each_emotion():
    found = counted(
        COMPLAINING, dialogue(user("又断网了", COMPLAINT), user("烦", COMPLAINT)), dialogue(satisfaction=None)
    )
    assert found.satisfaction_by_emotion[COMPLAINT].tolist() == [1, 0, 1]
    assert found.annotated_dialogues["satisfaction"] == 2


def test_null_is_not_annotated_and_an_empty_list_is_annotated_with_no_labels():
    found = counted(dialogue(user("喂"), utterance(1, "好"), utterance(0, "您好")))
    assert found.annotated_utterances("emotions") == 1 and found.annotated_utterances("acts") == 0
    assert found.labels_an_utterance == {("emotions", 0): 1, ("intents", 0): 1}
    assert found.annotated_dialogues["acts"] == 0 and found.annotated_dialogues["emotions"] == 1


def test_unlabeled_dialogues_are_counted_without_labels():
    rows = [{"dialogue_id": "x", "utterances": [{"speaker": 1, "text": "喂", "turn": 0}]}]
    found = count(columns_of(cmcc.table_of(rows, "unlabeled")))
    assert (found.dialogues, found.characters.tolist(), found.turns) == (1, [0, 1], {1: 1})
    assert not found.labels and not found.annotated_utterances("acts")


def test_dialogues_without_utterances_have_no_turns():
    assert counted(dialogue(), dialogue(user("喂"))).turns == {0: 1, 1: 1}
    assert counted(dialogue()).turns == {0: 1}


def test_counts_of_blocks_add_up_to_the_counts_of_all():
    rows = [dict(row) for row in labeled_rows("sample")][:60]
    whole, parts = counted(*rows), counted(*rows[:17]) + counted(*rows[17:]) + Counts()
    for name, value in vars(whole).items():
        assert (
            np.array_equal(value, getattr(parts, name)) if isinstance(value, np.ndarray) else value == vars(parts)[name]
        )


def test_the_array_counts_equal_those_of_a_loop_over_rows():
    rows = [dict(row) for row in labeled_rows("sample")][:80]
    transitions: Counter = Counter()
    for row in rows:
        for first, second in zip(row["utterances"], row["utterances"][1:], strict=False):
            if (first["speaker"], second["speaker"]) == (1, 0):
                transitions.update((e, a) for e in first["emotions"] or () for a in second["acts"] or ())
    found = counted(*rows)
    assert {(e, a): int(found.transitions[e, a]) for e, a in np.argwhere(found.transitions)} == transitions
    labels = Counter(act for row in rows for u in row["utterances"] for act in u["acts"] or ())
    assert [found.labels["acts", act] for act in range(17)] == [labels[act] for act in range(17)]


@pytest.fixture
def told():
    alone, longer = user("一二三四五六七八九十甲乙丙丁戊己", COMPLAINT), user("一二三", COMPLAINT)
    return dialogue(alone), dialogue(longer, user("一二三四五六七八九十甲乙丙丁戊己", COMPLAINT, AGITATED))


def test_an_example_has_few_labels_and_a_typical_length_whatever_the_order(told):
    first, second = told
    one_way = better(examples_of(columns(first)), examples_of(columns(second)))
    assert one_way == better(examples_of(columns(second)), examples_of(columns(first)))
    assert one_way["emotions", COMPLAINT] == (1, 0, "一二三四五六七八九十甲乙丙丁戊己")
    assert one_way["emotions", AGITATED][0] == 2 and ("acts", 0) not in one_way

"""What is shown of a reply."""

import pytest

from cmcc_bench.chat.session import Session
from cmcc_bench.chat.trace import kb_cards, pieces_of, shown, trace_of
from tests.chat.models import KB, prediction, random_model


def texts(reply):
    return {
        part.english: [f"{item.english} {item.text}".strip() for item in part.items] for part in trace_of(reply, KB)
    }


def test_labels_have_both_names_and_a_caring_act_is_marked():
    reply = prediction(
        entities="畅享流量包", user_intent="询问(畅享流量包-业务费用),问候", emotions="情绪较为激动", acts="安抚,胡说"
    )
    assert texts(reply) == {
        "entities": ["畅享流量包"],
        "user intent": ["inquire 询问（畅享流量包：业务费用）", "greeting 问候"],
        "KB result": ["八块"],
        "emotions": ["emotionally more agitated 情绪较为激动"],
        "acts": ["comfort 安抚", "胡说"],
    }
    assert [item.is_caring for item in trace_of(reply, KB)[-1].items] == [True, False]


def test_a_question_that_the_kb_cannot_answer_is_told_from_no_question():
    notes = [trace_of(prediction(user_intent=intent), KB)[2].note for intent in ("询问(星际套餐-业务费用)", "问候")]
    assert "not in the local KB" in notes[0] and "nothing asked" in notes[1]


@pytest.mark.parametrize("form", ["baseline", "variant"])
def test_a_reply_shows_every_segment_that_its_form_has(form, tmp_path):
    reply = Session(random_model(tmp_path, form), KB).reply("流量包多少钱")
    assert ("emotions" in texts(reply)) == (form == "variant") and len(texts(reply)) == 4 + (form == "variant")


@pytest.mark.parametrize(
    ("intent", "hits"),
    [
        ("询问(流量包-业务费用)", ["业务费用 八块"]),  # another entity has the slot, too
        ("询问(流量包-流量总量)", ["业务规则 次月生效、不能转赠"]),  # a rule may spell it out
        ("询问(流量余额)", ["流量余额 三个G"]),
        ("询问(套餐)", ["乐享套餐"]),
        ("询问(星际套餐-业务费用)", []),
        ("问候", []),
    ],
)
def test_what_the_intent_queries_is_marked_in_the_kb(intent, hits):
    found = []
    for card in kb_cards(KB, intent):
        found += [card.title] * card.is_hit + [f"{fact.slot} {fact.text}" for fact in card.facts if fact.is_hit]
    assert found == hits


def test_values_of_the_kb_are_marked_in_the_reply_but_not_inside_other_numbers():
    assert list(pieces_of("是8g_不是18g", ["8G"])) == [("是", False), ("8g", True), ("，不是18g", False)]
    assert list(pieces_of("二十八块", ["八块"])) == [("二十八块", False)]
    assert list(pieces_of("三十八", ["三十"])) == [("三十八", False)]
    assert list(pieces_of("好(的", ["", "(的"])) == [("好", False), ("(的", True)]
    assert list(pieces_of("", ["八块"])) == []


def test_personal_data_are_masked_and_pauses_are_commas():
    assert shown("号码138_1234_5678") == "号码***，****，****"
    reply = prediction(user_intent="询问(用户需求)", entities="13812345678")
    kb = {"NA": KB["NA"].__class__((), None, {"用户需求": ("13812345678",)})}
    assert "138" not in str(trace_of(reply, kb)) + str(list(kb_cards(kb)))

"""The calls to chat about and their openings."""

import pytest

import cmcc
from cmcc_bench.chat.calls import ChatCalls, openings
from cmcc_bench.chat.session import Session, open_chat_model


def row(user, intent, kb_result="", emotions="中性", entities=""):
    return {"user": user, "user_intent": intent, "kb_result": kb_result, "emotions": emotions, "entities": entities}


def test_openings_are_the_shortest_clear_questions_that_the_kb_answers_and_one_complaint():
    price, negative = "询问(A包-业务费用)", "抱怨某问题"
    rows = [
        row("a包是多少钱的呢", price, "八块"),
        row("那是多少钱", price, "八块"),  # does not say which
        row("都有哪些套餐", "询问(套餐)", "乐享套餐"),  # a type
        row("你好a包多少钱", "求助-查询(A包-业务费用)", "八块"),  # the beginning of a call
        row("a包啥规矩", "询问(A包-业务规则)"),  # not in the KB
        row("还剩多少话费", "询问(剩余话费)", "十块"),
        row("a包" * 30 + "多少钱", price, "八块"),
        row("嗯" + "你们乱扣费", "投诉反馈", "", negative),
        row("第二个抱怨", "投诉反馈", "", negative),
        row("知道了", "被动确认", "", negative),
    ]
    assert openings(rows) == ("还剩多少话费", "a包是多少钱的呢", "嗯你们乱扣费")
    assert openings(rows[:1], "气死我了") == ("a包是多少钱的呢", "气死我了")
    assert openings([row("你好", None, "", None)]) == ()


def test_a_call_of_any_split_is_opened_by_its_id_and_an_unknown_one_is_an_error():
    calls = ChatCalls("sample")
    train = cmcc.load("sample")["train"][0]["dialogue_id"]
    assert train not in calls.ids and calls.open(train).dialogue_id == train and calls.open(train).kb
    assert calls.default() in calls.ids and len(calls.open(calls.default()).openings) == 4
    with pytest.raises(cmcc.DataError, match="the id of a dialogue of sample, such as synthetic-"):
        calls.open("unknown")


def test_the_shipped_model_says_what_the_kb_has_for_each_question_that_is_an_opening():
    model, calls = open_chat_model("tiny"), ChatCalls("sample")
    call = calls.open(calls.default())
    for question in call.openings[:3]:
        reply = Session(model, call.kb).reply(question)
        assert reply.kb_result and reply.kb_result in reply.response, question

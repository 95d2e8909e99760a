"""One test for each quirk of the reference that the default form avoids: the rows of both are compared."""

import json

import pytest

from cmcc_bench.views import CompatibilityError, response_rows

from .rows import entity, intent, row, service, triple, user


def both(*utterances):
    """(rows of the reference, our rows) of one dialogue."""
    call = row(*utterances)
    return response_rows(call, compatible=True), response_rows(call)


def kbs(theirs, ours):
    return json.loads(theirs[0]["kb"]), json.loads(ours[0]["kb"])


def goals(theirs, ours):
    return json.loads(theirs[0]["goal"]), json.loads(ours[0]["goal"])


def test_a_dialogue_of_mixed_speaker_order_is_dropped():
    theirs, ours = both(user("喂", intent("问候")), service("您好"), service("请讲"), user("多少钱"), service("十元"))
    assert theirs == []
    assert [(found["user"], found["response"]) for found in ours] == [("喂", "您好_请讲"), ("多少钱", "十元")]


def test_a_dialogue_whose_last_turn_has_one_speaker_is_dropped():
    theirs, ours = both(user("喂"), service("您好"), user("再见"))
    assert (len(theirs), len(ours)) == (0, 1)


def test_a_dialogue_with_an_unannotated_side_is_dropped():
    theirs, ours = both(user("喂") | {"intents": None}, service("您好"))
    assert (len(theirs), len(ours)) == (0, 1)


def test_entities_of_the_greeting_and_of_the_last_utterance_are_lost():
    theirs, ours = both(
        service("半年包要吗", entities=[entity("半年包", "ent-2")]),
        user("喂"),
        service("您好"),
        user("那G包呢", entities=[entity("G包")]),
    )
    assert kbs(theirs, ours)[0] == {}
    assert list(kbs(theirs, ours)[1]) == ["ent-2", "ent-1"]


def test_a_triple_whose_value_is_not_literally_in_the_text_is_lost():
    question = user("一共十 元", intent("询问"), triples=[triple("业务费用", "十元")])
    theirs, ours = both(service("您好"), question, service("对"), user("嗯"))
    assert kbs(theirs, ours)[0] == {}
    assert kbs(theirs, ours)[1]["ent-1"]["slots"] == {"业务费用": ["十元"]}
    assert (theirs[0]["user_intent"], ours[0]["user_intent"]) == ("询问", "询问(业务费用)")


def test_a_value_said_twice_is_asked_twice():
    triples = [triple("业务费用", "五十元", entity_name="包"), triple("业务费用", "五十元", entity_name="包")]
    theirs, ours = both(user("五十元五十元", intent("主动确认"), triples=triples), service("对"))
    assert theirs[0]["user_intent"] == "主动确认(包-业务费用)(包-业务费用)"
    assert ours[0]["user_intent"] == "主动确认(包-业务费用)"
    assert (theirs[0]["kb_result"], ours[0]["kb_result"]) == ("五十元,五十元", "五十元")


def test_an_empty_value_matches_every_text():
    theirs, ours = both(user("什么", intent("询问")), service("嗯", triples=[triple("业务费用", "")]))
    assert (theirs[0]["user_intent"], ours[0]["user_intent"]) == ("询问(业务费用)", "询问")


def test_an_entity_first_named_in_a_triple_never_gets_a_type_and_is_named_na():
    theirs, ours = both(
        user("多少钱", intent("询问", (None, "流量包"))),
        service("十元", triples=[triple("业务费用", "十元")]),
        user("嗯"),
        service("G包", entities=[entity("G包")]),
    )
    assert kbs(theirs, ours)[0] == {"ent-1": {"name": "g包,na", "业务费用": "十元"}}
    assert kbs(theirs, ours)[1] == {"ent-1": {"names": ["G包"], "type": "流量包", "slots": {"业务费用": ["十元"]}}}
    assert (theirs[0]["kb_result"], ours[0]["kb_result"]) == ("", "G包")


def test_a_slot_with_capitals_is_overwritten():
    theirs, ours = both(user("嗯"), service("嗯", triples=[triple("流量G", "一个"), triple("流量G", "两个")]))
    assert kbs(theirs, ours)[0]["ent-1"]["流量g"] == "两个"
    assert kbs(theirs, ours)[1]["ent-1"]["slots"] == {"流量G": ["一个", "两个"]}


def test_ent_10_is_cut_to_ent_1():
    names = [entity("G包", "ent-1"), entity("套餐", "ent-10")]
    asked = intent("询问", ("ent-1", "业务费用"), ("ent-10", "业务费用"))
    fees = [triple("业务费用", "十元", "ent-1"), triple("业务费用", "八元", "ent-10")]
    theirs, ours = both(user("G包和套餐", asked, entities=names), service("嗯", triples=fees))
    assert theirs[0]["user_intent"] == "询问(g包-业务费用)(g包0-业务费用)"
    assert ours[0]["user_intent"] == "询问(G包-业务费用)(套餐-业务费用)"
    assert (theirs[0]["kb_result"], ours[0]["kb_result"]) == ("十元", "十元,八元")
    assert goals(theirs, ours)[0]["ent-1"]["0-业务费用"] == "?"
    assert goals(theirs, ours)[1]["entities"]["ent-10"]["asked"] == {"业务费用": 0}


def test_a_comma_inside_a_value_splits_it():
    triples = [triple("业务规则", "先省内,再国内"), triple("业务规则", "下月")]
    theirs, ours = both(user("嗯"), service("先省内,再国内下月", triples=triples))
    assert len(kbs(theirs, ours)[0]["ent-1"]["业务规则"].split(",")) == 3
    assert kbs(theirs, ours)[1]["ent-1"]["slots"]["业务规则"] == ["先省内,再国内", "下月"]


def test_a_second_slot_is_not_resolved_from_the_history():
    theirs, ours = both(
        user("套餐", intent("提供信息"), entities=[entity("套餐", "ent-2", "套餐")]),
        service("嗯"),
        user("G包多少钱", intent("询问", ("ent-1", "业务费用"), ("ent-2", "业务费用")), entities=[entity("G包")]),
        service("十元"),
    )
    assert theirs[1]["user_intent"] == "询问(g包-业务费用)(业务费用)"
    assert ours[1]["user_intent"] == "询问(G包-业务费用)(套餐-业务费用)"


def test_entities_named_only_by_the_service_cannot_be_queried():
    theirs, ours = both(
        user("有什么"),
        service("有半年包", entities=[entity("半年包")]),
        user("多少钱", intent("询问", ("ent-1", "业务费用"))),
        service("六十"),
    )
    assert (theirs[1]["entities"], ours[1]["entities"]) == ("", "半年包")
    assert (theirs[1]["user_intent"], ours[1]["user_intent"]) == ("询问(业务费用)", "询问(半年包-业务费用)")


def test_a_query_by_id_uses_no_alternatives():
    asked = user("有什么规定", intent("询问", ("ent-1", "业务规则")))
    theirs, ours = both(asked, service("十元", entities=[entity("G包")], triples=[triple("业务费用", "十元")]))
    assert (theirs[0]["kb_result"], ours[0]["kb_result"]) == ("", "十元")


def test_a_name_in_a_triple_is_not_an_alias_of_a_known_entity():
    named = triple("业务时长", "半年", entity_name="半年 包")
    asked = user("半年_包", intent("询问", ("ent-1", "业务费用")), entities=[entity("半年_包")], triples=[named])
    theirs, ours = both(asked, service("嗯"))
    assert kbs(theirs, ours)[0]["ent-1"]["name"] == "半年_包"
    assert kbs(theirs, ours)[1]["ent-1"]["names"] == ["半年_包", "半年 包"]
    assert ours[0]["user_intent"] == theirs[0]["user_intent"] == "询问(半年 包-业务费用)"


def test_a_type_in_lower_case_is_taken_for_personal_information():
    asked = user("有什么", intent("询问", (None, "4g套餐")))
    theirs, ours = both(asked, service("飞享", entities=[entity("飞享", entity_type="4G套餐")]))
    assert goals(theirs, ours)[0] == {"NA": {"4g套餐": "?", "意图": "询问"}}
    assert goals(theirs, ours)[1] == {"entities": {}, "types": {"4G套餐": 0}}
    assert (theirs[0]["kb_result"], ours[0]["kb_result"]) == ("", "飞享")


@pytest.mark.parametrize(
    "utterances",
    [
        (user("欠费包", entities=[entity("包", None)]), service("嗯")),
        (user("包", entities=[entity("包", "ent-1", None)]), service("嗯")),
        (user("五十元", intent("询问"), triples=[triple("业务费用", "五十元", "2")]), service("嗯")),
    ],
    ids=[
        "an entity without an id after personal information",
        "a named entity without a type",
        "an id of another form",
    ],
)
def test_a_dialogue_that_crashes_the_reference_gives_rows(utterances):
    personal = (user("嗯"), service("五元", triples=[triple("欠费", "五元", None)]))
    call = row(*personal, *utterances)
    with pytest.raises(CompatibilityError):
        response_rows(call, compatible=True)
    assert len(response_rows(call)) == 2

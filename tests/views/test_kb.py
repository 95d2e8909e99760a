"""The local KB, the goal, and the four modes of the KB query."""

import pytest

import cmcc
from cmcc_bench.views import (
    KBEntry,
    completed_intents,
    exchanges,
    goal,
    goal_from_json,
    goal_to_json,
    kb_from_json,
    kb_to_json,
    local_kb,
    query,
)

from .rows import entity, intent, row, service, triple, user

KB = {
    "ent-1": KBEntry(("流量包", "G包"), "流量包", {"业务费用": ("十块钱",), "流量总量": ("一个G",)}),
    "ent-2": KBEntry(("套餐", "G包"), "4G套餐", {"业务规则": ("下月生效",), "流量G": ("两个",)}),
    "ent-10": KBEntry(("活动",), None, {"业务费用": ("八块", "十块钱")}),
    "NA": KBEntry(("某包",), None, {"话费余额": ("八元",)}),
}


def kb_of(*utterances):
    return local_kb(exchanges(row(*utterances)))


def goal_of(*utterances):
    dialogue = exchanges(row(*utterances))
    return goal(dialogue, [completed_intents(exchange) for exchange in dialogue.exchanges])


def test_the_kb_has_the_facts_of_both_speakers_in_order_of_first_mention():
    kb = kb_of(
        service("您好", entities=[entity("半年包", "ent-2")]),
        user("G包", entities=[entity("G包"), entity("g包"), entity("流量包")]),
        service("十元", triples=[triple("业务费用", "十元"), triple("账户余额", "八元", None)]),
        user("二十", triples=[triple("业务费用", "二十"), triple("业务费用", "十元")]),
    )
    assert list(kb) == ["ent-2", "ent-1", "NA"]
    assert kb["ent-1"] == KBEntry(("G包", "流量包"), "流量包", {"业务费用": ("十元", "二十")})
    assert kb["NA"].slots == {"账户余额": ("八元",)}


def test_a_triple_names_its_entity_and_an_entity_without_an_id_is_kept_under_na():
    named = triple("业务费用", "十元", entity_name="半年 包")
    kb = kb_of(user("半年_包", entities=[entity("半年_包"), entity("某包", None)], triples=[named]))
    assert kb["ent-1"].names == ("半年_包", "半年 包")
    assert kb["NA"].names == ("某包",)


@pytest.mark.parametrize("nothing", [None, "", " ", "NA", "na"])
def test_na_and_blank_are_not_names(nothing):
    assert kb_of(user("x", entities=[entity(nothing)]))["ent-1"].names == ()


def test_an_empty_value_is_ignored():
    assert kb_of(user("x", triples=[triple("业务费用", "")]))["ent-1"].slots == {}


def test_the_goal_has_the_names_values_and_requests_of_the_user():
    found = goal_of(
        user(
            "G包", intent("询问", ("ent-1", "业务时长"), (None, "账户余额"), (None, "流量包")), entities=[entity("G包")]
        ),
        service("半年包", entities=[entity("半年包", "ent-2")], triples=[triple("业务费用", "十元")]),
        user("十元吗", intent("主动确认", ("ent-1", "业务时长"), ("ent-1", "业务费用"), (None, "流量包"))),
        service("对十元", triples=[triple("业务费用", "十元")]),
    )
    assert found.types == {"流量包": 0}
    assert list(found.entities) == ["ent-1", "NA"]
    assert found.entities["ent-1"].names == ("G包",)
    assert found.entities["ent-1"].given == {"业务费用": ("十元",)}
    assert found.entities["ent-1"].asked == {"业务时长": 0, "业务费用": 1}
    assert found.entities["NA"].asked == {"账户余额": 0}


def test_an_unanswered_last_utterance_gives_values_but_no_requests():
    last = user("五十元吗", intent("询问", ("ent-1", "业务时长")), triples=[triple("业务费用", "五十元")])
    found = goal_of(user("喂"), service("您好"), last)
    assert found.entities["ent-1"].given == {"业务费用": ("五十元",)}
    assert found.entities["ent-1"].asked == {}


def test_query_by_id_and_by_name_use_the_same_alternatives():
    for key in ({"entity_id": "ent-1"}, {"name": "流量包"}, {"name": "没有,g包"}):
        assert query(KB, slot="业务费用", **key) == ("十块钱",)
        assert query(KB, slot="业务规则", **key) == ("十块钱", "一个G")
    for key in ({"entity_id": "ent-2"}, {"name": "套餐"}):
        assert query(KB, slot="流量总量", **key) == ("下月生效",)
        assert query(KB, slot="流量g", **key) == ("两个",)
        assert query(KB, slot="账户余额", **key) is None


def test_query_by_name_goes_on_to_the_next_entity_that_has_the_slot():
    assert query(KB, name="g包", slot="流量G") == ("两个",)


def test_query_by_slot_reads_personal_information_then_all_entities():
    assert query(KB, slot="剩余话费") == query(KB, slot="话费余额") == ("八元",)
    assert query(KB, slot="业务费用") == ("十块钱", "八块")
    assert query(KB, slot="欠费") is None


def test_query_by_type_follows_the_type_tree():
    assert query(KB, type="主套餐") == query(KB, type="4g套餐") == ("套餐", "G包")
    assert query(KB, type="附加套餐") == ("流量包", "G包")
    assert query(KB, type="长途业务") is None
    assert query(KB, type="宽带") is None


def test_every_type_is_its_own_subtype():
    for name in cmcc.ENTITY_TYPES.values():
        assert query({"ent-1": KBEntry(("x",), name, {})}, type=name) == ("x",)


def test_a_query_without_its_key_finds_nothing():
    assert query({}, entity_id="ent-1", slot="业务费用") is None
    assert query(KB, entity_id="ent-1") is None
    assert query(KB, name="流量包") is None
    assert query(KB) is None


def test_json_gives_back_the_same_kb_and_goal():
    assert kb_from_json(kb_to_json(KB)) == KB
    found = goal_of(
        user(
            "G包十元", intent("询问", (None, "流量包")), entities=[entity("G包")], triples=[triple("业务费用", "十元")]
        ),
        service("嗯"),
    )
    assert goal_from_json(goal_to_json(found)) == found

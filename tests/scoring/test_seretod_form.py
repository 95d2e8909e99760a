"""Converting rows and predictions into dialogues of SereTOD's scorer: ids, KB and goal."""

import orjson
import pytest

from cmcc_bench.scoring import align
from cmcc_bench.scoring.seretod import requested_info
from cmcc_bench.scoring.seretod_form import seretod_dialogue
from cmcc_bench.views import response_rows
from cmcc_bench.views import seretod as state
from cmcc_bench.views.raw import raw_dialogue
from tests.scoring.rows import gold_predictions

from ..views.rows import entity, intent, row, service, triple, user
from .rows import PLAIN_CALL, pack_call, view

PACKS = [entity("日包", "ent-1"), entity("月包", "ent-2")]
PRICES = [triple("业务费用", "一块", "ent-1", "日包"), triple("业务费用", "十块", "ent-2", "月包")]
CALLS = {
    "plain": PLAIN_CALL,
    "pack": pack_call(),
    "type": (
        user("有什么流量包", intent("求助-查询", (None, "流量包"))),
        service("有日包", "通知", entities=PACKS[:1]),
    ),
    "balance": (
        user("还有多少话费", intent("询问", (None, "账户余额"))),
        service("十三块九", "通知", triples=[triple("账户余额", "十三块九", None)]),
    ),
    "two of a kind": (
        user("日包和月包多少钱", intent("询问", ("ent-1", "业务费用"), ("ent-2", "业务费用")), entities=PACKS),
        service("一块和十块", "通知", triples=PRICES),
    ),
    "asked before it is named": (
        user("那个多少钱", intent("询问", ("ent-1", "业务费用"))),
        service("日包一块", "通知", entities=PACKS[:1], triples=PRICES[:1]),
    ),
    "given": (
        user("一块的日包吗", intent("主动确认"), entities=PACKS[:1], triples=PRICES[:1]),
        service("对的", "被动确认"),
    ),
}


def converted(rows):
    (dialogue,) = align(gold_predictions(rows), rows)
    return seretod_dialogue(dialogue)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_rows_of_response_give_the_intents_and_requests_of_the_reference(call):
    """User-first calls without any quirk: intents with ids, and the requests, are those of the reference's files."""
    (theirs,) = state.preprocess([raw_dialogue(row(*call))])
    ours = converted(view(*call))
    assert [turn["用户意图"] for turn in ours["content"]] == [turn["用户意图"] for turn in theirs["content"]]
    assert [turn["客服"] for turn in ours["content"]] == [turn["客服"] for turn in theirs["content"]]
    assert requested_info(ours["KB"], ours["goal"]) == requested_info(theirs["KB"], theirs["goal"])


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_compatible_rows_keep_the_kb_and_goal_of_the_reference(call):
    (theirs,) = state.preprocess([raw_dialogue(row(*call))])
    ours = converted(response_rows(row(*call), compatible=True))
    assert (ours["KB"], ours["goal"]) == (theirs["KB"], theirs["goal"])
    assert [turn["用户意图"] for turn in ours["content"]] == [turn["用户意图"] for turn in theirs["content"]]


def test_the_ids_of_all_public_calls_are_found_by_name(real_calls):
    """Compatible rows have names for ids; whoever asks two entities for one slot is told apart by the names."""
    for dialogue in state.preprocess(orjson.loads((real_calls / "example.json").read_bytes())):
        segments = state.sequences(dialogue["KB"], dialogue["content"])
        state_columns = {
            name: orjson.dumps(dialogue[name.upper() if name == "kb" else name]) for name in ("kb", "goal")
        }
        rows = [
            {
                "dialogue_id": "d",
                "exchange": index,
                "user_intent": exchange.user_intent,
                "acts": exchange.service_intent,
            }
            | {"entities": "", "kb_result": "", "emotions": "", "response": exchange.response}
            | state_columns
            for index, exchange in enumerate(segments)
        ]
        intents = [turn["用户意图"] for turn in converted(rows)["content"]]
        assert intents == [turn["用户意图"] for turn in dialogue["content"]]


def test_ent_10_asks_for_a_slot_of_ent_1_that_is_not_there():
    packs = [entity("日包", "ent-10"), entity("月包", "ent-1")]
    asked = user("日包多少钱月包呢", intent("询问", ("ent-10", "业务费用")), entities=packs)
    ours = converted(view(asked, service("一块钱", triples=[triple("业务费用", "一块钱", "ent-10", "日包")])))
    assert ours["content"][0]["用户意图"] == "询问(ent-10-业务费用)"
    assert ours["goal"]["ent-1"]["0-业务费用"] == "?"
    assert requested_info(ours["KB"], ours["goal"]) == []


def test_a_name_that_the_kb_does_not_know_stays():
    rows = view(*pack_call())
    rows[0]["user_intent"] = "询问(日包-业务规则)"
    assert converted(rows)["content"][0]["用户意图"] == "询问(日包-业务规则)"


def ask(name, entity_id, slot="业务费用"):
    return user(
        f"{name}多少钱", intent("询问", (entity_id, slot)), entities=[entity(name, entity_id)] if entity_id else []
    )


def test_of_two_entities_with_one_name_the_one_asked_last_is_taken():
    ours = converted(view(ask("包", "ent-1"), service("一块"), ask("包", "ent-2"), service("两块")))
    assert [turn["用户意图"] for turn in ours["content"]] == ["询问(ent-1-业务费用)", "询问(ent-2-业务费用)"]


def test_an_unknown_name_becomes_the_only_entity_that_is_asked_for_the_slot():
    rows = view(ask("日包", "ent-1"), service("一块"), ask("月包", "ent-2"), service("两块"))
    for exchange in rows:
        exchange["user_intent"] = "询问(年包-业务费用)"
    intents = [turn["用户意图"] for turn in converted(rows)["content"]]
    assert intents == ["询问(ent-1-业务费用)", "询问(年包-业务费用)"], "by the second exchange two were asked for it"


def test_a_slot_without_entity_stays_if_it_was_also_asked_of_no_entity():
    ours = converted(view(ask("日包", "ent-1"), service("一块"), ask("", None), service("两块")))
    assert [turn["用户意图"] for turn in ours["content"]] == ["询问(ent-1-业务费用)", "询问(业务费用)"]


def test_names_are_in_lower_case_and_an_entity_without_one_is_called_na():
    reply = service("一块", triples=[triple("业务费用", "一个G", "ent-2")])
    ours = converted(view(user("G包", entities=[entity("G包", entity_type="4G套餐")]), reply))
    assert ours["KB"] == {"ent-1": {"name": "g包", "type": "4g套餐"}, "ent-2": {"name": "na", "业务费用": "一个G"}}


def test_a_dialogue_without_a_kb_has_a_goal():
    ours = converted(view(user("多少钱", intent("询问", (None, "业务费用"))), service("什么")))
    assert (ours["KB"], ours["goal"]) == ({}, {"NA": {"业务费用": "?"}})


def test_caring_acts_are_folded_on_both_sides():
    rows = view(*pack_call())
    (dialogue,) = align(gold_predictions(rows), rows)
    first = seretod_dialogue(dialogue, fold_caring=True)["content"][0]
    assert (first["客服意图"], first["客服意图-生成"]) == ("抱歉", "抱歉")

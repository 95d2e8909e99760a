"""The `response` view: its rows, for any labeled row, and the same under any hash seed."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench.views import CompatibilityError, kb_from_json, query, response_rows
from cmcc_bench.views.response import kb_result
from tests import raw

from .rows import entity, intent, row, rows, service, triple, user

CALL = row(
    service("您好，半年包要办吗", "问候", entities=[entity("半年包", "ent-2")]),
    user("有G包吗", intent("询问", (None, "流量包")), intent("问候"), emotions=[0, 1], entities=[entity("G包")]),
    service("有，十元", "通知", "安抚", triples=[triple("业务费用", "十元", entity_name="一个G的包")]),
    user("那个多少钱", intent("询问", ("ent-1", "业务费用"), ("ent-2", "业务时长"))),
    service("G包十元", "通知", entities=[entity("G包"), entity("这个G包")]),
    user("余额呢", intent("求助-查询", (None, "账户余额"))),
    service("八元", "通知", triples=[triple("账户余额", "八元", None)]),
    user("八元啊", intent("询问"), triples=[triple("账户余额", "八元", None)]),
)


def test_a_row_has_each_segment_of_an_exchange():
    first = response_rows(CALL)[0]
    assert {name: first[name] for name in first if name not in ("kb", "goal")} == {
        "dialogue_id": "d",
        "exchange": 0,
        "history_entities": "",
        "user": "有G包吗",
        "entities": "G包",
        "user_intent": "询问(流量包),问候",
        "kb_result": "半年包,G包,一个G的包,这个G包",
        "emotions": "中性,抱怨某问题",
        "acts": "通知,安抚",
        "response": "有，十元",
    }


def test_a_slot_has_the_longest_name_in_the_exchange_or_else_an_earlier_one():
    second = response_rows(CALL)[1]
    assert second["history_entities"] == response_rows(CALL)[0]["entities"] == "G包"
    assert second["user_intent"] == "询问(这个G包-业务费用)(半年包-业务时长)"
    assert second["entities"] == "这个G包,G包,半年包"
    assert second["kb_result"] == "十元"


def test_names_of_the_same_length_are_sorted_by_code_point():
    tied = row(
        user("x", intent("询问", ("ent-1", "业务费用")), entities=[entity("乙包"), entity("丙包")]), service("x")
    )
    assert response_rows(tied)[0]["user_intent"] == "询问(丙包-业务费用)"


def test_rows_fit_the_features_and_share_kb_and_goal():
    made = response_rows(CALL)
    features = cmcc.response_features()
    for index, found in enumerate(made):
        assert list(found) == list(features)
        assert features.encode_example(found) == found
        assert found["exchange"] == index
    assert len(made) == 3
    assert len({(found["kb"], found["goal"]) for found in made}) == 1


def test_the_text_of_a_row_queries_its_kb_with_the_same_result():
    found = response_rows(CALL)[1]
    assert query(kb_from_json(found["kb"]), name="这个g包", slot="业务费用") == ("十元",)
    assert json.loads(found["goal"])["entities"]["ent-1"]["asked"] == {"业务费用": 1}


def test_ent_10_is_not_ent_1():
    names = [entity(f"{index}号包", f"ent-{index}") for index in range(1, 13)]
    fees = [triple("业务费用", f"{index}元", f"ent-{index}") for index in range(1, 13)]
    asked = intent("询问", ("ent-1", "业务费用"), ("ent-10", "业务费用"), ("ent-12", "业务费用"))
    found = response_rows(row(user("x", asked, entities=names, triples=fees), service("x")))[0]
    assert found["user_intent"] == "询问(1号包-业务费用)(10号包-业务费用)(12号包-业务费用)"
    assert found["kb_result"] == "1元,10元,12元"
    assert list(json.loads(found["goal"])["entities"])[:2] == ["ent-1", "ent-2"]
    assert json.loads(found["goal"])["entities"]["ent-10"]["asked"] == {"业务费用": 0}


def test_text_keeps_its_case_and_unannotated_sides_give_empty_segments():
    bare = user("我要G包") | {"intents": None, "emotions": None}
    found = response_rows(row(bare, service("好") | {"acts": None}))[0]
    assert (found["user"], found["user_intent"], found["emotions"], found["acts"]) == ("我要G包", "", "", "")


@given(rows())
@settings(deadline=None, max_examples=200)
def test_any_dialogue_gives_one_row_per_exchange(drawn):
    made = response_rows(drawn)
    speakers = [utterance["speaker"] for utterance in drawn["utterances"]]
    changes = sum(pair == (1, 0) for pair in pairwise(speakers))
    assert len(made) == changes
    for found in made:
        assert cmcc.response_features().encode_example(found) == found


@given(rows())
@settings(deadline=None, max_examples=150)
def test_the_compatible_form_gives_rows_or_an_error_for_a_crash_of_the_reference(drawn):
    try:
        made = response_rows(drawn, compatible=True)
    except CompatibilityError as error:
        assert "SereTOD's baseline crashes in" in str(error)
    else:
        assert all(list(found) == list(cmcc.response_features()) for found in made)


@pytest.mark.parametrize("compatible", [False, True])
def test_rows_do_not_depend_on_the_hash_seed(compatible):
    script = (
        "import json, sys\nfrom cmcc_bench.views import response_rows\n"
        f"print(json.dumps(response_rows(json.load(sys.stdin), compatible={compatible})))"
    )
    names = [entity(f"{name}包", f"ent-{index % 3}") for index, name in enumerate("甲乙丙丁戊己庚辛")]
    fees = [
        triple("业务费用", f"{name}元", f"ent-{index % 3}", f"{name}卡") for index, name in enumerate("一二三四五六")
    ]
    asked = intent("询问", ("ent-0", "业务费用"), ("ent-1", "业务费用"), ("ent-2", "业务规则"))
    text = "".join(found["name"] for found in names) + "".join(found["value"] for found in fees)
    call = row(user(text, asked, entities=names, triples=fees), service("嗯"), user("嗯", asked), service("嗯"))
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(call),
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(json.loads(outputs.pop())) == 2


@given(
    st.text("欠费账户余额()（）,，-－ 、/[]G5", min_size=1, max_size=12).filter(str.strip),
    st.sampled_from(["ent-1", None]),
)
@settings(max_examples=300, deadline=None)
def test_a_slot_with_any_name_finds_its_value_in_the_kb(slot, entity_id):
    told = triple(slot, "三十块", entity_id)
    call = row(
        user("多少钱啊", intent("询问", (entity_id, slot)), entities=[entity("G-包(新)", "ent-1", None)]),
        service("三十块", "通知", triples=[told]),
    )
    (first,) = response_rows(call)
    assert first["kb_result"] == "三十块"
    assert kb_result(kb_from_json(first["kb"]), first["user_intent"].lower()) == ("三十块",)


def test_slots_outside_the_vocabulary_are_found_in_the_kb(tmp_path):
    turn = raw.turn(user="流量包还欠多少", intents="求助-查询（账户余额（欠费））(ent-1-故障、问题)", info={
        "ents": [{"name": "流量包", "id": "ent-1", "type": "流量包", "pos": [[2, 0, 3]]}],
        "triples": [
            {"ent-id": "NA", "ent-name": "NA", "prop": "账户余额(欠费)", "value": "三十块", "pos": [1, 0, 3]},
            {"ent-id": "ent-1", "ent-name": "流量包", "prop": "故障、问题", "value": "网坏了", "pos": [1, 3, 6]},
        ],
    })  # fmt: skip
    user_first = {raw.USER: turn.pop(raw.USER), raw.SERVICE: "三十块网坏了"} | {
        key: value for key, value in turn.items() if key != raw.SERVICE
    }
    for item in user_first["info"]["ents"]:
        item["pos"] = [[1, 0, 3]]
    raw.write(tmp_path, "calls.json", [raw.dialogue(turns=[user_first])])
    (dialogue,) = cmcc.read_dialogues(tmp_path)
    (first,) = response_rows(dialogue.row)
    assert first["user_intent"] == "求助-查询(账户余额（欠费）)(流量包-故障、问题)"
    assert first["kb_result"] == "三十块,网坏了"

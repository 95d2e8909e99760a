"""Converting a labeled row back to raw turns."""

from cmcc_bench.views.raw import raw_dialogue

from .rows import entity, intent, row, service, triple, user


def test_the_order_of_keys_is_the_spoken_order():
    service_first = raw_dialogue(row(service("您好", "问候"), user("G包", intent("询问", ("ent-1", "业务费用")))))
    assert list(service_first["content"][0]) == ["[SPEAKER 1]", "[SPEAKER 2]", "客服意图", "用户意图", "info"]
    user_first = raw_dialogue(row(user("喂", intent("问候")), service("您好", "问候", "安抚")))
    turn = user_first["content"][0]
    assert list(turn) == ["[SPEAKER 2]", "[SPEAKER 1]", "用户意图", "客服意图", "info"]
    assert turn["客服意图"] == "问候,安抚"


def test_intents_have_their_slots_and_annotations_their_speaker():
    asked = user(
        "G包",
        intent("询问", ("ent-10", "业务费用"), (None, "账户余额")),
        intent("其他"),
        entities=[entity("G包", "ent-10", "4G套餐"), entity("包", None, None)],
        triples=[triple("账户余额", "八元", None, start=None)],
    )
    turn = raw_dialogue(row(service("您好"), asked))["content"][0]
    assert turn["用户意图"] == "询问(ent-10-业务费用)(账户余额),其他"
    assert turn["info"]["ents"] == [
        {"name": "G包", "id": "ent-10", "type": "4G套餐", "pos": [[2, 0, 2]]},
        {"name": "包", "id": "NA", "pos": [[2, 0, 1]]},
    ]
    assert turn["info"]["triples"] == [
        {"ent-id": "NA", "ent-name": "NA", "prop": "账户余额", "value": "八元", "pos": []}
    ]


def test_missing_annotations_have_no_key():
    unlabeled = user("喂") | {"intents": None}
    assert list(raw_dialogue(row(unlabeled))["content"][0]) == ["[SPEAKER 2]", "info"]

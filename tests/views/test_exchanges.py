"""Exchanges of a dialogue: nothing is lost, in any order of the speakers."""

from itertools import pairwise

from hypothesis import given, settings

from cmcc_bench.views import Slot
from cmcc_bench.views.exchanges import exchanges

from .rows import ACTS, entity, intent, row, rows, service, triple, user


def test_an_exchange_is_a_user_utterance_and_the_reply_after_it():
    dialogue = exchanges(row(user("多少钱"), service("十元"), user("好"), service("再见")))
    assert [(pair.user.text, pair.service.text) for pair in dialogue.exchanges] == [("多少钱", "十元"), ("好", "再见")]
    assert (dialogue.opening, dialogue.closing) == (None, None)


def test_a_greeting_and_an_unanswered_last_utterance_are_kept_separately():
    dialogue = exchanges(row(service("您好"), user("多少钱"), service("十元"), user("谢谢")))
    assert dialogue.opening.text == "您好"
    assert [pair.user.text for pair in dialogue.exchanges] == ["多少钱"]
    assert dialogue.closing.text == "谢谢"


def test_a_dialogue_of_one_speaker_has_no_exchanges_but_keeps_its_text():
    assert exchanges(row(service("喂"), service("在吗"))).opening.text == "喂_在吗"
    assert exchanges(row(user("喂"), user("在吗"))).closing.text == "喂_在吗"
    assert list(exchanges(row()).sides()) == []


def test_consecutive_utterances_of_one_speaker_are_one_side_with_all_their_labels():
    first = user("有G包", intent("询问", ("ent-1", "业务费用")), emotions=[1, 0], entities=[entity("G包")])
    second = user("", intent("其他"), emotions=None)
    third = user("五十元", intent("询问", ("ent-1", "业务费用"), ("ent-1", "业务时长")), emotions=[2, 1])
    third["triples"] = [triple("业务费用", "五十元")]
    side = exchanges(row(first, second, third, service("对", "通知"), service("嗯", "客套", "通知"))).exchanges[0]
    assert side.user.text == "有G包_五十元"
    assert side.user.utterances == (0, 1, 2)
    assert side.user.emotions == (1, 0, 2)
    assert [(found.name, found.slots) for found in side.user.intents] == [
        ("询问", (Slot("ent-1", "业务费用"), Slot("ent-1", "业务时长"))),
        ("其他", ()),
    ]
    assert side.service.acts == (ACTS["通知"], ACTS["客套"])


def test_positions_are_those_in_the_joined_text():
    first = user("嗯", entities=[])
    second = user("五十元", triples=[triple("业务费用", "五十元")])
    closing = exchanges(row(first, second)).closing
    found = closing.triples[0]
    assert closing.text[found["start"] : found["end"]] == "五十元"
    assert second["triples"][0]["start"] == 0, "the row itself is not changed"


def test_missing_annotations_stay_missing():
    utterance = user("喂") | {"emotions": None, "intents": None, "entities": None, "triples": None}
    side = exchanges(row(utterance, utterance)).closing
    assert (side.emotions, side.intents, side.acts, side.entities) == (None, None, None, ())


@given(rows())
@settings(deadline=None, max_examples=150)
def test_no_utterance_and_no_annotation_is_lost(drawn):
    sides = list(exchanges(drawn).sides())
    utterances = drawn["utterances"]
    assert [index for side in sides for index in side.utterances] == list(range(len(utterances)))
    assert all(left.is_user != right.is_user for left, right in pairwise(sides))
    for side in sides:
        own = [utterances[index] for index in side.utterances]
        assert all((utterance["speaker"] == 1) == side.is_user for utterance in own)
        assert side.text == "_".join(utterance["text"] for utterance in own if utterance["text"])
        assert [found["name"] for found in side.entities] == [e["name"] for u in own for e in u["entities"] or ()]
        assert [found["value"] for found in side.triples] == [t["value"] for u in own for t in u["triples"] or ()]
        assert set(side.acts or ()) == {act for utterance in own for act in utterance["acts"] or ()}
        assert set(side.emotions or ()) == {label for utterance in own for label in utterance["emotions"] or ()}

"""The strict scores: labels, requests, and when a request is fulfilled."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmcc
from cmcc_bench.scoring import Bootstrap, align
from cmcc_bench.tasks.strict import (
    Request,
    act_labels,
    count_dialogue,
    intent_labels,
    mark_values,
    plain,
    requests,
    says,
    unknown_labels,
)
from cmcc_bench.views import response_rows
from cmcc_bench.views.intents import NamedSlot, TextIntent, in_brackets, parse_intent_text, tidy_intent_text
from tests.scoring.rows import score_responses

from ..scoring.rows import pack_call, predicted, view
from ..spelling import SEPARATORS, spellings
from ..views.rows import entity, intent, row, service, triple, user


def counted(rows, changes=None, **options):
    (dialogue,) = align(predicted(rows, changes), rows)
    return count_dialogue(dialogue, **options)


def succeeds(rows, changes=None):
    counts = counted(rows, changes)
    assert counts.requesting == 1
    return bool(counts.succeeded)


def test_an_intent_is_right_only_with_all_its_slots():
    rows = view(*pack_call())
    assert rows[0]["user_intent"] == "询问(流量包-业务费用)(流量包-流量总量)"
    assert counted(rows, {("d", 0): {"user_intent": "询问(流量包-业务费用)"}}).intents == (1, 1, 1)
    assert counted(rows, {("d", 0): {"user_intent": "询问"}}).intents == (1, 1, 1)


def test_slots_are_a_set():
    rows = view(*pack_call())
    turned = "询问(流量包-流量总量)(流量包-业务费用)(流量包-业务费用)"
    assert counted(rows, {("d", 0): {"user_intent": turned}}).intents == (2, 0, 0)


@pytest.mark.parametrize("written", ["询问(4g套餐)", "询问( 4G 套餐 )", " 询问 (4G套餐),询问(4G套餐)", "询问(4G_套餐)"])
def test_case_blanks_pauses_and_repeats_are_ignored(written):
    assert intent_labels(written) == intent_labels("询问(4G套餐)")


@pytest.mark.parametrize(
    "written", ["询问(包-业务费用)", "询问(业务费用)", "求助-查询(流量包-业务费用)", "询问(流量包-业务规则)"]
)
def test_another_name_slot_or_intent_is_another_label(written):
    assert intent_labels(written).isdisjoint(intent_labels("询问(流量包-业务费用)"))


def test_an_empty_prediction_is_a_false_negative_and_no_false_positive():
    rows = view(*pack_call())
    nothing = {("d", 0): {"user_intent": "", "acts": "", "response": ""}}
    counts = counted(rows, nothing)
    assert (counts.intents, counts.acts) == ((1, 0, 1), (1, 0, 2))


def test_an_unknown_act_is_a_false_positive_and_a_repeated_act_is_not():
    rows = view(*pack_call())
    assert counted(rows, {("d", 1): {"acts": "通知,通知,推销"}}).acts == (3, 1, 0)


def test_part_of_an_act_is_not_the_act():
    rows = view(*pack_call())
    assert counted(rows, {("d", 1): {"acts": "通"}}).acts == (2, 1, 1)


def test_caring_acts_are_folded_back_on_both_sides():
    assert act_labels("抱歉,安抚", fold_caring=True) == {"抱歉"}
    assert act_labels("安抚", fold_caring=True) == {"通知"}
    rows = view(*pack_call())
    baseline = {("d", 0): {"acts": "抱歉"}}
    assert counted(rows, baseline).acts == (2, 0, 1)
    assert counted(rows, baseline, fold_caring=True).acts == (2, 0, 0)
    assert counted(rows, fold_caring=True).acts == (2, 0, 0), "a model that writes caring acts is folded, too"


def test_emotions_are_counted_where_both_sides_have_them():
    rows = view(*pack_call())
    assert counted(rows).emotions == (2, 0, 0)
    assert counted(rows, {("d", 0): {"emotions": "中性"}}).emotions == (1, 1, 1)
    assert counted(rows, {("d", 0): {"emotions": None}}).emotions == (1, 0, 0)
    rows[1]["emotions"] = ""
    assert counted(rows, {("d", 1): {"emotions": "中性"}}).emotions == (1, 0, 0)


def test_values_that_the_user_asks_for_and_the_service_gives_are_requested():
    assert requests(view(*pack_call())) == (Request(0, ("十块钱",)), Request(0, ("一个g",)))


def test_gold_succeeds():
    assert succeeds(view(*pack_call()))


def test_a_value_may_be_said_later_than_it_is_asked():
    rows = view(*pack_call())
    assert succeeds(rows, {("d", 0): {"response": "请稍等"}, ("d", 1): {"response": "十块钱一个g"}})


def test_a_value_said_before_it_is_asked_does_not_count():
    rows = view(user("喂"), service("您好"), *pack_call())
    early = {("d", 0): {"response": "十块钱一个g"}, ("d", 1): {"response": "嗯"}, ("d", 2): {"response": "嗯"}}
    assert not succeeds(rows, early)


def test_every_value_must_be_said():
    rows = view(*pack_call())
    assert not succeeds(rows, {("d", 1): {"response": "流量很多"}})


def test_values_are_found_regardless_of_case_blanks_and_pauses():
    rows = view(*pack_call())
    assert succeeds(rows, {("d", 0): {"response": "十 块_钱"}, ("d", 1): {"response": "一 个g"}})


def test_a_value_in_two_replies_is_not_said():
    rows = view(*pack_call())
    assert not succeeds(rows, {("d", 0): {"response": "十块"}, ("d", 1): {"response": "钱一个g"}})


def test_a_value_that_the_user_gave_is_not_requested():
    given = triple("业务费用", "十块钱")
    asked = user(
        "十块钱的流量包吗", intent("询问", ("ent-1", "业务费用")), entities=[entity("流量包")], triples=[given]
    )
    assert requests(view(asked, service("对的十块钱"))) == ()


def test_a_value_that_the_user_repeats_after_the_service_is_requested():
    rows = view(*pack_call())
    assert "十块钱" in rows[1]["user"]
    assert requests(rows)[0].values == ("十块钱",)


def test_a_value_that_gold_never_says_in_time_is_not_requested():
    known = service("十块钱的流量包", entities=[entity("流量包")], triples=[triple("业务费用", "十块钱")])
    asked = user("多少钱", intent("询问", ("ent-1", "业务费用")))
    assert requests(view(known, asked, service("刚才说了"))) == ()
    assert requests(view(known, asked, service("十块钱"))) == (Request(0, ("十块钱",)),)


def test_a_dialogue_without_a_request_is_not_counted():
    counts = counted(view(user("喂"), service("您好")))
    assert (counts.requesting, counts.succeeded) == (0, 0)


def test_a_type_asks_for_the_names_that_the_service_says():
    asked = user("我这个老套餐之外有什么流量包", intent("询问", (None, "流量包")), entities=[entity("老套餐", "ent-3")])
    reply = service(
        "老套餐之外有日包和月包", entities=[entity("日包", "ent-1"), entity("月包", "ent-2"), entity("夜包", "ent-4")]
    )
    rows = view(asked, reply)
    assert requests(rows) == (Request(0, ("日包", "月包")),)
    assert not succeeds(rows, {("d", 0): {"response": "有日包"}})


def test_personal_information_is_requested():
    asked = user("我话费还有多少", intent("询问", (None, "话费余额")))
    rows = view(asked, service("十三块九", triples=[triple("剩余话费", "十三块九", None)]))
    assert requests(rows) == (Request(0, ("十三块九",)),)


def test_a_price_asked_of_no_entity_is_not_requested_when_the_user_gave_it():
    given = triple("业务费用", "十块钱", entity_name="流量包")
    asked = user("十块钱的是多少钱", intent("询问", (None, "业务费用")), triples=[given])
    reply = service("十块钱和二十", triples=[triple("业务费用", "二十", "ent-2", "日包")])
    assert requests(view(asked, reply)) == (Request(0, ("二十",)),)


def test_rows_in_the_format_of_seretod_are_an_error_that_names_the_version():
    labeled = row(user("喂", intent("问候"), entities=[entity("包")]), service("您好", "问候"))
    with pytest.raises(cmcc.DataError, match="with the version seretod"):
        requests(response_rows(labeled, compatible=True))


def price_call(value="八块钱", reply="一个月{}"):
    asked = user("这个流量包多少钱", intent("询问", ("ent-1", "业务费用")), entities=[entity("流量包")])
    return view(asked, service(reply.format(value), "通知", triples=[triple("业务费用", value)]))


@pytest.mark.parametrize(
    "reply", ["十八块钱", "八十八块钱", "二百零八块钱", "十_八块钱", "十 八块钱", "18八块钱", "两千八块钱"]
)
def test_a_price_that_ends_another_price_is_not_said(reply):
    assert not succeeds(price_call(), {("d", 0): {"response": reply}})
    assert succeeds(price_call(), {("d", 0): {"response": f"不是{reply}是八块钱"}}), "a later one is whole"


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("8元", ["18元", "8.8元", "1,008元", "０8元", "三点8元", "十8元"]),
        ("8", ["28", "85", "8.5", "0.8", "０．８", "8万", "8,000", "第8"]),
        ("800", ["1,800", "800,000", "2800", "１，８００"]),
        ("８００", ["１，８００", "８００．５", "８００，０００"]),
        ("三十", ["三十八", "一百三十", "三十万", "三十点五", "百分之三十"]),
        (
            "八",
            [
                "三点八",
                "八点五",
                "零八",
                "八零",
                "〇八",
                "幺八",
                "八幺",
                "第八",
                "八百",
                "八千",
                "八亿",
                "两八",
                "八半",
            ],
        ),
        ("八块", ["二百零八块", "一百_八块", "九点八块"]),
        ("18元", ["１１８元", "1１8元", "０．18元"]),
        ("半年", ["一半年"]),
        ("二十八的套餐", ["一百二十八的套餐"]),
    ],
)
def test_a_part_of_a_number_is_not_the_number(value, texts):
    for text in texts:
        assert not says(plain(text), value), text
        assert says(plain(f"{text}，还有{value}"), value), text
        assert says(plain(f"{value}，还有{text}"), value), text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("三月八", "三月八号"),
        ("八块", "八块五"),
        ("18", "套餐18，300兆流量"),
        ("8", "共8."),
        ("8", "是5-8元"),
        ("一个g", "送一个G的"),
        ("1,800", "1,800元"),
        ("第八", "第八个"),
        ("百分之八", "百分之八的"),
        ("三点八", "是三点八折"),
        ("半年", "两年半年都行"),
        ("4g套餐", "改4G套餐十八"),
        ("套餐", "十八套餐八"),
        ("18元", "是１８元"),
        ("１８元（月）", "是18元(月)"),
        ("１，８００元", "1,800元"),
        ("十八", "要十八，二十八也行"),
    ],
)
def test_a_whole_number_is_found_beside_other_characters(value, text):
    assert says(plain(text), value)


NUMERALS = st.text("0189０８零〇一二八九十百千万亿两半幺", min_size=1, max_size=3)
OTHERS = st.text("块元月年个的您好，。g -_", max_size=4)
REST = st.text("块钱元月个的g", max_size=3)


@given(number=NUMERALS, rest=REST, more=NUMERALS, around=st.tuples(OTHERS, OTHERS))
def test_a_value_that_begins_with_a_numeral_is_not_said_after_other_numerals(number, rest, more, around):
    before, after = around
    text, value = plain(f"{before}{more}{number}{rest}{after}"), plain(number + rest)
    assert text.count(value) > 1 or not says(text, value)


@given(number=NUMERALS, rest=REST, more=NUMERALS, around=st.tuples(OTHERS, OTHERS))
def test_a_value_that_ends_with_a_numeral_is_not_said_before_other_numerals(number, rest, more, around):
    before, after = around
    text, value = plain(f"{before}{rest}{number}{more}{after}"), plain(rest + number)
    assert text.count(value) > 1 or not says(text, value)


@given(value=st.text("08８零八十百两块钱g点", min_size=1, max_size=6), around=st.tuples(OTHERS, OTHERS), far=NUMERALS)
def test_a_value_between_other_characters_is_always_said(value, around, far):
    before, after = around
    assert says(plain(f"{far}套餐{before}{value}{after}套餐{far}"), plain(value))


def test_a_number_that_the_user_gave_as_part_of_another_is_requested():
    given_price = triple("业务费用", "八块钱")
    asked = user(
        "是十八块钱吗", intent("询问", ("ent-1", "业务费用")), entities=[entity("流量包")], triples=[given_price]
    )
    assert requests(view(asked, service("八块钱"))) == (Request(0, ("八块钱",)),)


def test_a_number_that_gold_says_as_part_of_another_only_is_not_requested():
    assert requests(price_call(reply="一个月十{}")) == ()


@given(labels=st.lists(spellings(cmcc.ACTS), max_size=4), separator=st.sampled_from(SEPARATORS))
def test_acts_are_read_in_any_spelling(labels, separator):
    assert act_labels(separator.join(written for _, written in labels)) == {chinese for chinese, _ in labels}


def test_slots_of_acts_are_ignored():
    assert act_labels("通知（流量包-业务费用），问候(x)") == {"通知", "问候"}


@given(
    labels=st.lists(spellings(cmcc.INTENTS), min_size=1, max_size=3),
    separator=st.sampled_from(SEPARATORS),
    brackets=st.sampled_from(["()", "（）"]),
)
def test_intents_are_read_in_any_spelling(labels, separator, brackets):
    slots, other = (
        "(流量包-业务费用)(流量包-业务时长)(data_pack)".translate(str.maketrans("()", brackets)),
        "(流量包-业务费用)(流量包-业务时长)(流量包)",
    )
    predicted_text = separator.join(written + slots for _, written in labels)
    assert intent_labels(predicted_text) == intent_labels(",".join(chinese + other for chinese, _ in labels))


@pytest.mark.parametrize(
    "written",
    [
        "询问（流量包-业务费用）（流量包-业务时长）",
        "inquire（流量包－业务费用、业务时长）",
        "询问(流量包-业务费用,流量包-业务时长)",
        "Inquire (流量包-业务费用；业务时长）",
        "询问 (流量包-业务费用) (流量包-业务时长",
        "询问(流量包-业务费用)、（流量包-业务时长）",
    ],
)
def test_slots_are_read_in_any_brackets_and_together(written):
    assert intent_labels(written) == intent_labels("询问(流量包-业务费用)(流量包-业务时长)")


@pytest.mark.parametrize("written", ["询问(套餐（新）-欠费)", "询问（套餐（新）-欠费）", "询问（套餐(新)-欠费）"])
def test_the_brackets_of_a_name_are_part_of_it_in_either_width(written):
    assert intent_labels(written) == {("询问", frozenset({("套餐（新）", "欠费")}))}


@pytest.mark.parametrize("written", ["询问(流量包-业务费用,账户余额)", "询问(流量包-业务费用,data pack)"])
def test_personal_slots_and_types_after_a_slot_have_no_entity(written):
    (label,) = intent_labels(written)
    assert {name for name, _ in label[1]} == {"流量包", ""}


def test_tidying_does_not_change_what_the_parser_reads():
    """For texts as models write them: half-width marks, Chinese names, also cut off."""
    for text in (
        "询问(包-业务费用)(4g套餐),被动确认",
        "询问(包（新）-业务规则),其他",
        "询问((x)",
        "询问(a-b",
        "询问)(账户余额)",
        "a(b-c-d)",
        ",,",
        "()",
    ):
        assert parse_intent_text(tidy_intent_text(text)) == tuple(
            TextIntent(i.name, tuple(NamedSlot(s.name and plain_width(s.name), s.slot) for s in i.slots))
            for i in parse_intent_text(text)
        )


def plain_width(name):
    return in_brackets(unicodedata.normalize("NFKC", name))


@given(st.text("询问(（)）,，、-|包 a\n", max_size=12))
def test_any_text_has_intent_labels(text):
    assert all(name for name, _ in intent_labels(text))


def test_emotions_are_read_in_any_spelling():
    rows = view(*pack_call())
    written = {("d", 0): {"emotions": "Complain about a problem"}, ("d", 1): {"emotions": "无"}}
    assert counted(rows, written).emotions == (2, 0, 0)


def test_unknown_labels_are_wrong_and_are_listed_with_their_field():
    rows = view(*pack_call())
    changes = {"acts": "inform、推 销", "emotions": "angry", "user_intent": "询问(包-业务费用)；shout", "response": ""}
    (prediction, *_) = predicted(rows, {("d", 0): changes})
    assert unknown_labels(prediction) == (("user_intent", "shout"), ("emotions", "angry"), ("acts", "推销"))
    assert counted(rows, {("d", 0): changes}).emotions == (1, 1, 1)


def test_the_version_seretod_does_not_read_english_names():
    rows = view(*pack_call())
    english = {("d", 1): {"acts": "inform", "user_intent": "inquire(流量包-流量总量)"}}
    assert score_responses(predicted(rows, english), rows, "strict", bootstrap=Bootstrap(0)).scores["act_f1"].point == 1
    assert score_responses(predicted(rows, english), rows, "seretod", bootstrap=Bootstrap(0)).scores["act_f1"].point < 1


def test_a_value_is_marked_as_a_whole_number_and_across_pauses():
    assert mark_values("一共十_块钱的", ["十块钱"]) == (("一共", False), ("十_块钱", True), ("的", False))
    assert mark_values("一共二十块钱", ["十块钱"]) == (("一共二十块钱", False),)
    assert mark_values("没有", []) == (("没有", False),)
    assert mark_values("十八块和八块", ["八块"]) == (("十八块和", False), ("八块", True))
    assert mark_values("八块五", ["八块", "八块五"]) == (("八块五", True),)
    assert mark_values("", ["八块"]) == ()


@given(text=st.text("十八8_块 İ，", max_size=12), values=st.lists(st.text("十八8块_", max_size=3), max_size=3))
def test_the_marked_pieces_make_up_the_text_and_a_value_is_marked_where_it_is_said(text, values):
    pieces = mark_values(text, values)
    assert "".join(piece for piece, _ in pieces) == text
    assert any(is_value for _, is_value in pieces) == any(
        plain(value) and says(plain(text), plain(value)) for value in values
    )

"""The declaration of the models' text form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmcc
from cmcc_bench.textform import FORMS, SPECIAL_TOKENS, fold_caring, load_form, normalize_labels, read_labels
from cmcc_bench.views.intents import parse_intent_text

ROW = {
    "history_entities": "G包",
    "user": "套餐多少钱",
    "entities": "套餐",
    "user_intent": "询问(套餐-业务费用)",
    "kb_result": "十元",
    "emotions": "抱怨某问题",
    "acts": "通知,安抚",
    "response": "十元请放心",
}


def test_the_variant_has_all_eight_segments_in_the_paper_s_order():
    ends = [segment.end for segment in FORMS["variant"].segments]
    assert ends == list(SPECIAL_TOKENS)
    assert FORMS["variant"].write(ROW) == (
        "g包", "套餐多少钱", "套餐", "询问(套餐-业务费用)", "十元", "抱怨某问题", "通知,安抚", "十元请放心",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "emotions", "acts"),
    [("baseline", False, "通知"), ("no_emotion", False, "通知,安抚"), ("no_caring", True, "通知")],
)
def test_each_ablation_drops_the_part_in_its_name(form, emotions, acts):
    written = dict(zip([s.column for s in FORMS[form].segments], FORMS[form].write(ROW), strict=True))
    assert ("emotions" in written) == emotions and written["acts"] == acts


def test_folding_drops_a_caring_act_next_to_another_act_and_replaces_a_single_one():
    assert fold_caring(["安抚", "通知"]) == ["通知"]
    assert fold_caring(["安抚", "解释"]) == ["通知"]
    assert fold_caring(["同理心"]) == ["抱歉"] and fold_caring(["赞同"]) == ["被动确认"]
    caring = {cmcc.ACTS[name] for name in cmcc.CARING_ACTS}
    for act in cmcc.ACTS.values():
        assert not caring & set(fold_caring([act])) and fold_caring([act])
    assert fold_caring([]) == []


def test_a_form_is_saved_to_and_read_from_a_model_s_folder(tmp_path):
    for form in FORMS.values():
        form.save(tmp_path)
        assert load_form(tmp_path) == form


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "[]",
        '{"name": "x", "emotions": "no", "caring": "no"}',
        '{"name": "x"}',
        '{"name": "x", "emotions": 1, "other": 2}',
    ],
)
def test_the_error_for_a_folder_without_a_model_says_which_folder_to_name(tmp_path, content):
    if content is not None:
        (tmp_path / "text_form.json").write_text(content)
    with pytest.raises(
        cmcc.DataError,
        match=r"cannot read text_form.json .*trained with cmcc train dialogue",
    ):
        load_form(tmp_path)


@given(st.text(alphabet="通知询问(),- gent1包安抚\n", max_size=40) | st.text(max_size=40))
def test_any_text_can_be_read(text):
    for intent in parse_intent_text(text):
        assert intent.name and all(slot.slot for slot in intent.slots)
    labels = read_labels(text)
    assert len(set(labels)) == len(labels) and "" not in labels
    fold_caring(labels)


def test_an_intent_whose_parenthesis_was_cut_off_keeps_its_slot():
    (intent,) = parse_intent_text("询问(十元-包-业务费用)(业务时")
    assert intent.slots == (("十元-包", "业务费用"), (None, "业务时"))


def test_labels_get_their_chinese_names_and_unknown_names_are_kept():
    written = " Inform；通知（包）、推 销 / request_to_repeat\n推销 "
    assert normalize_labels(written, cmcc.ACTS) == ("通知", "推销", "请求重复")

"""SereTOD's scores, bug for bug: outputs of the reference (tests/data/track2_cases.json), and a test for each quirk.

Tests of quirks have the names of the cases in that file.
"""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest

from cmcc_bench.scoring import eval_end_to_end
from cmcc_bench.scoring.seretod import (
    corpus_bleu,
    count_dialogue,
    count_ngrams,
    count_system_intent,
    count_user_intent,
    get_intent_dict,
    requested_info,
)
from cmcc_bench.tasks.counts import ACTS, BLEU, COLUMNS, INTENTS, DialogueCounts, LabelCounts, sum_bleu
from cmcc_bench.views import seretod as state

DATA = json.loads((Path(__file__).parents[1] / "data" / "track2_cases.json").read_text("utf-8"))
PAD = DATA["PAD_dialogue"]
KB = PAD["KB"]


def cases(function):
    matches = [case for case in DATA["cases"] if case["function"] == function]
    assert matches, function
    return pytest.mark.parametrize("case", matches, ids=[case["name"] for case in matches])


def bleu(*pairs):
    none = LabelCounts()
    counts = sum_bleu([count_ngrams(generated, true) for generated, true in pairs])
    return float(corpus_bleu(np.array(DialogueCounts(none, none, none, 0, 0, counts).flat(), dtype=float)[BLEU]))


# --------------------------------------------------------------------------------------------------------------------
# The reference's own outputs
# --------------------------------------------------------------------------------------------------------------------


@cases("eval_end_to_end")
def test_counts_and_requests_are_those_of_the_reference(case):
    dialogues, expected = copy.deepcopy(case["input"]["dials"]), case["output"]["counts"]
    sums = np.array([count_dialogue(dialogue).flat() for dialogue in dialogues]).sum(axis=0)
    assert sums[INTENTS].tolist() == [expected["tp_u"], expected["fp_u"], expected["fn_u"]]
    assert sums[ACTS].tolist() == [expected["tp_s"], expected["fp_s"], expected["fn_s"]]
    assert sums[COLUMNS.index("succeeded")] == expected["success"]
    assert sums[COLUMNS.index("requesting")] == expected["dials_with_requested"]
    assert float(corpus_bleu(sums[BLEU].astype(float))) == pytest.approx(expected["bleu"], abs=1e-9)
    requested = [requested_info(dialogue["KB"], dialogue["goal"]) for dialogue in dialogues]
    assert requested == case["output"]["requested_info"]
    assert dialogues == case["input"]["dials"], "the arguments are not changed"


@cases("eval_end_to_end")
def test_results_are_those_of_the_reference(case):
    dialogues, output = case["input"]["dials"], case["output"]
    for given, expected in (
        (dialogues, output["result"]),
        ([*dialogues, PAD], output.get("result_with_PAD_dialogue_appended", {"error": "not recorded"})),
    ):
        scores = eval_end_to_end(given).as_dict()
        if "error" not in expected:
            assert {name: list(np.atleast_1d(value)) for name, value in scores.items()} == {
                name: pytest.approx(list(np.atleast_1d(value)), abs=1e-9) for name, value in expected.items()
            }


@cases("BLEUScorer.score")
def test_bleu_is_that_of_the_reference(case):
    score = bleu(*case["input"]["pairs(gen,true)"])
    crashes = isinstance(case["output"], dict)
    assert score == pytest.approx(0.0 if crashes else case["output"], abs=1e-9)


@cases("get_intent_dict")
def test_intents_are_read_as_in_the_reference(case):
    assert list(get_intent_dict(case["input"]["intent"], case["input"]["KB"])) == case["output"]


def test_the_scores_of_the_public_calls_equal_those_of_the_reference(real_calls):
    """Section 5 of the description of the reference's scripts: ceilings 0.9545 and 99.905, 3 of 9 dialogues ask."""
    dialogues = state.preprocess(json.loads((real_calls / "example.json").read_text("utf-8")))
    for dialogue in dialogues:
        for turn in dialogue["content"]:
            lower = {
                "用户意图-生成": turn["用户意图"],
                "客服意图-生成": turn["客服意图"],
                "客服-生成": turn["客服"].lower(),
            }
            turn.update(lower)
    scores = eval_end_to_end(dialogues)
    assert round(scores.user_intent[2], 4) == 0.9545
    assert round(scores.bleu, 3) == 99.905
    assert sum(bool(requested_info(dialogue["KB"], dialogue["goal"])) for dialogue in dialogues) == 3


# --------------------------------------------------------------------------------------------------------------------
# Quirks of the user intent, (true positives, false positives, missed)
# --------------------------------------------------------------------------------------------------------------------


def test_user_gold_fed_back_is_false_and_missed():
    assert count_user_intent("询问(ent-1-业务费用)", "询问(ent-1-业务费用)", KB) == (0, 1, 1)


def test_user_name_prop_any_name_of_the_entity_is_right():
    for name in ("流量包", "包"):
        assert count_user_intent(f"询问({name}-业务费用)", "询问(ent-1-业务费用)", KB) == (1, 0, 0)


def test_user_seek_help_query_is_inquire():
    assert count_user_intent("询问", "求助-查询", KB) == (1, 0, 0)


def test_user_gen_no_slot_is_right_and_missed():
    assert count_user_intent("询问", "询问(ent-1-业务费用)", KB) == (1, 0, 1)


def test_user_gen_extra_slot_is_false_but_not_missed():
    assert count_user_intent("询问(流量包-业务费用)", "询问", KB) == (0, 1, 0)


def test_user_unclosed_slot_is_right():
    assert count_user_intent("询问(流量包-业务", "询问(ent-1-业务费用)", KB)[:2] == (1, 0)


def test_user_unknown_id_asks_for_nothing():
    assert count_user_intent("询问(x-业务费用)", "询问(ent-9-业务费用)", KB) == (0, 1, 0)


def test_user_ent_10_is_read_as_ent_1():
    assert count_user_intent("询问(流量包-业务费用)", "询问(ent-10-业务费用)", KB) == (1, 0, 0)


def test_user_type_case_never_matches():
    assert count_user_intent("询问(4g套餐)", "询问(4G套餐)", KB) == (0, 1, 1)


def test_user_dup_act_keeps_the_last_slots_only():
    assert count_user_intent("询问(x)", "询问(y),询问(x)", KB) == (1, 0, 0)


def test_user_merge_overwrite_loses_slots():
    assert count_user_intent("询问", "询问(ent-1-业务费用),求助-查询", KB) == (1, 0, 0)


@pytest.mark.parametrize(
    "written", ["询问（账户余额）", "询问 (账户余额)", "询问( 账户余额)"], ids=["fullwidth", "space", "space-in"]
)
def test_user_fullwidth_and_space_are_mismatches(written):
    assert count_user_intent(written, "询问(账户余额)", KB) == (0, 1, 1)


def test_user_dup_slot_is_one():
    assert get_intent_dict("询问(ent-2-业务费用)(ent-2-业务费用)", KB)[0] == {"询问": [["套餐-业务费用"]]}


def test_user_comma_in_slot_makes_two_acts():
    assert get_intent_dict("询问(a,b)", KB)[0] == {"询问": [], "b)": None}


def test_user_empty_is_an_act():
    assert count_user_intent("", "问候", KB) == (0, 1, 1)


def test_a_slot_of_an_entity_without_a_name_is_dropped_where_the_reference_raises():
    assert get_intent_dict("询问(ent-1-业务费用)", {"ent-1": {}})[0] == {"询问": []}


# --------------------------------------------------------------------------------------------------------------------
# Quirks of the system intent and of BLEU
# --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generated", "true", "expected"),
    [
        ("", "通知", (1, 0, 1)),
        ("通知,通知", "通知", (2, 0, 0)),
        ("确认", "被动确认", (1, 0, 1)),
        ("主动确认通知", "通知", (0, 1, 0)),
        ("通知,", "通知", (2, 0, 0)),
        ("通知", "通知(ent-1-业务费用),询问", (1, 0, 1)),
        ("通知", "通知(x),询问(y)", (1, 0, 1)),
    ],
    ids=["empty", "repeat", "substring-gen", "glued", "trailing-comma", "slots-stripped", "between-two-slots"],
)
def test_system_quirk(generated, true, expected):
    assert count_system_intent(generated, true) == expected


def test_bleu_empty_answers_are_skipped_so_that_silence_is_free():
    pair = ("很高兴为您服务", "很高兴为您服务")
    assert bleu(pair, ("", "请问还有什么可以帮您")) == bleu(pair)


def test_bleu_a_lone_blank_is_not_skipped():
    pair = ("很高兴为您服务", "很高兴为您服务")
    assert bleu(pair, (" ", "请问还有什么可以帮您")) < bleu(pair) / 2


def test_bleu_exceeds_100():
    assert 100 < bleu(("很高兴为您服务", "很高兴为您服务")) < 100.00001


def test_bleu_case_counts():
    assert bleu(("一个g流量", "一个G流量")) < 50


# --------------------------------------------------------------------------------------------------------------------
# Quirks of success
# --------------------------------------------------------------------------------------------------------------------


def turn(answer, **labels):
    true = {"用户意图": "问候", "客服意图": "通知", "客服": "好的再见"}
    return true | {"用户意图-生成": "问候", "客服意图-生成": "通知", "客服-生成": answer} | labels


def succeeds(goal, *answers, kb=KB):
    counts = count_dialogue({"KB": kb, "goal": goal, "content": [turn(answer) for answer in answers]})
    assert counts.requesting == 1
    return bool(counts.succeeded)


def test_success_user_gave_substring_is_not_requested():
    assert requested_info(KB, {"ent-1": {"业务费用": "?,十块钱的"}}) == []


def test_success_upper_case_value_never_succeeds():
    assert not succeeds({"ent-1": {"流量总量": "?"}}, "一个g流量")


def test_success_at_any_turn_even_before_it_is_asked():
    assert succeeds({"ent-1": {"业务费用": "?"}}, "十块钱", "好的")


def test_success_any_part_will_do():
    assert succeeds({"ent-1": {"业务费用": "?"}}, "二十", kb={"ent-1": {"name": "包", "业务费用": "十块钱,二十"}})


def test_success_short_value_by_accident():
    assert succeeds({"ent-1": {"业务费用": "?"}}, "等十分钟", kb={"ent-1": {"name": "包", "业务费用": "十"}})


def test_success_consult_any_name_of_any_entity_of_the_type():
    assert succeeds({"咨询": "求助-查询-流量包"}, "给您打包")


def test_success_knows_no_alternatives():
    assert requested_info({"ent-1": {"name": "包", "业务费用": "十元"}}, {"ent-1": {"业务规则": "?"}}) == []


def test_success_unknown_type_requests_nothing_where_the_reference_raises():
    assert requested_info(KB, {"咨询": "询问-宽带"}) == []


def test_skip_turn_its_answer_is_ignored():
    silent = {name: text for name, text in turn("十块钱").items() if name != "用户意图-生成"}
    counts = count_dialogue({"KB": KB, "goal": {"ent-1": {"业务费用": "?"}}, "content": [silent]})
    assert (counts.requesting, counts.succeeded, counts.acts) == (1, 0, (0, 0, 0))


# --------------------------------------------------------------------------------------------------------------------
# Where the reference divides by zero
# --------------------------------------------------------------------------------------------------------------------


def test_zero_no_true_positive_is_zero():
    content = [turn("再见", **{"用户意图-生成": "x", "客服意图-生成": "y"})]
    scores = eval_end_to_end([{"KB": {}, "goal": {}, "content": content}])
    assert scores.user_intent == scores.system_intent == (0, 0, 0)


def test_zero_no_request_is_nan():
    assert math.isnan(eval_end_to_end([{"KB": {}, "goal": {}, "content": [turn("再见")]}]).success)


def test_zero_nothing_generated_is_bleu_zero():
    assert eval_end_to_end([{"KB": {}, "goal": {}, "content": [turn("")]}]).bleu == 0


def test_zero_no_turn_at_all_is_nan():
    scores = eval_end_to_end([{"KB": {}, "goal": None, "content": []}])
    assert all(map(math.isnan, (*scores.user_intent, *scores.system_intent, scores.success)))
    assert scores.bleu == 0


def test_no_dialogue_is_an_error():
    with pytest.raises(ValueError, match="no dialogues to score"):
        eval_end_to_end([])

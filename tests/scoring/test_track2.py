"""Track 2's files: a result file is scored with its own gold or that of a second file, and errors say what to do."""

import copy
import json
from pathlib import Path

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.scoring import Bootstrap, eval_end_to_end
from cmcc_bench.scoring.track2 import compare_track2, is_track2, read_results, score_track2

from .. import raw

CASES = json.loads((Path(__file__).parents[1] / "data" / "track2_cases.json").read_text("utf-8"))
PAD = CASES["PAD_dialogue"]
GOLD = {"用户意图": "询问(ent-1-业务费用)", "客服意图": "通知", "客服": "八块钱"}
TEXTS = {"用户意图-生成": "询问(畅享套餐-业务费用)", "客服意图-生成": "通知", "客服-生成": "八块钱"}
NO_TEXTS = dict.fromkeys(TEXTS, "")
KB = {"ent-1": {"name": "畅享套餐", "type": "套餐", "业务费用": "八块钱"}}
EMPTY = {"id": "t1", "KB": {}, "content": []}
BARE = {"id": "t2", "content": []}


def call(name, *fields, **more):
    content = [{"用户": f"多少钱{number}"} | field for number, field in enumerate(fields)]
    return {"id": name, "KB": KB, "goal": {"ent-1": {"业务费用": "?"}}, "content": content} | more


def write(folder, name, *dialogues):
    return raw.write(folder, name, list(dialogues))


def test_dialogues_without_exchanges_are_kept_in_order(tmp_path):
    path = write(tmp_path, "test.json", EMPTY, call("t0", NO_TEXTS), BARE, call("t3", NO_TEXTS))
    assert [(d.dialogue_id, len(d.exchanges)) for d in cmcc.read_track2(path)] == [
        ("t1", 0),
        ("t0", 1),
        ("t2", 0),
        ("t3", 1),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"KB": []}, "dialogue t0, field KB: found list"),
        ({"KB": {"ent-1": "x"}}, "dialogue t0, field KB ent-1: found 'x'"),
        ({"KB": {"ent-1": {"name": 3}}}, "dialogue t0, field KB ent-1"),
        ({"content": None}, "'content' of type NoneType"),
    ],
)
def test_a_field_of_another_type_is_an_error_that_names_it(tmp_path, change, message):
    with pytest.raises(cmcc.DataError, match=message):
        list(cmcc.read_track2(write(tmp_path, "test.json", call("t0", NO_TEXTS, **change))))


def test_only_track_2_files_are_recognized_as_such(tmp_path):
    assert is_track2(write(tmp_path, "a.json", BARE, EMPTY, call("t0", TEXTS)))
    assert is_track2(write(tmp_path, "a.jsonl", call("t0", TEXTS)))
    assert not is_track2(write(tmp_path, "b.json", raw.dialogue()))
    assert not is_track2(raw.write(tmp_path, "c.jsonl", '{"dialogue_id": "d", "exchange": 0}\n'))
    assert not is_track2(raw.write(tmp_path, "d.json", "{]"))
    assert not is_track2(tmp_path / "none.json")


def test_a_result_file_with_gold_is_scored_and_empty_dialogues_are_ignored(tmp_path):
    dialogues = [call("t0", GOLD | TEXTS), call("t3", GOLD | TEXTS | {"客服-生成": "九块"})]
    asking = EMPTY | {"KB": KB, "goal": {"ent-1": {"业务费用": "?"}}}
    dialogues_read = read_results(write(tmp_path, "r.json", asking, dialogues[0], BARE, dialogues[1]))
    scores = score_track2(dialogues_read, Bootstrap(20))
    alone = score_track2(read_results(write(tmp_path, "s.json", *dialogues)), Bootstrap(20))
    assert scores == alone
    assert (scores.dialogues, scores.items, scores.scores["success"].point) == (2, 2, 0.5)


def test_a_result_file_without_gold_is_scored_against_a_file_with_gold(tmp_path):
    generated = call("t0", TEXTS, TEXTS | {"客服-生成": "好的"})
    del generated["goal"]
    result = write(tmp_path, "r.json", generated, EMPTY)
    gold = write(tmp_path, "gold.json", BARE, EMPTY, call("t0", GOLD | NO_TEXTS, GOLD))
    whole = write(tmp_path, "whole.json", call("t0", GOLD | TEXTS, GOLD | TEXTS | {"客服-生成": "好的"}))
    assert score_track2(read_results(result, gold), Bootstrap(20)) == score_track2(read_results(whole), Bootstrap(20))


@pytest.mark.parametrize(
    "case", [c for c in CASES["cases"] if c["function"] == "eval_end_to_end"], ids=lambda case: case["name"]
)
def test_dialogues_of_the_reference_have_the_same_scores_from_a_file_and_in_memory(tmp_path, case):
    dialogues = [copy.deepcopy(dialogue) for dialogue in [*case["input"]["dials"], PAD]]
    if not all(dialogue["content"] for dialogue in dialogues):
        pytest.skip("a dialogue without exchanges is left out here")
    for number, dialogue in enumerate(dialogues):
        dialogue["id"] = str(number)
        dialogue["content"] = [{"用户": "喂"} | turn for turn in dialogue["content"]]
    scores = score_track2(read_results(write(tmp_path, "r.json", *dialogues)), bootstrap=Bootstrap(0)).scores
    expected = eval_end_to_end(dialogues)
    points = [[scores[f"{kind}_{name}"].point for name in ("precision", "recall", "f1")] for kind in ("intent", "act")]
    assert points == [
        pytest.approx(expected.user_intent, nan_ok=True),
        pytest.approx(expected.system_intent, nan_ok=True),
    ]
    assert [scores["bleu"].point, scores["success"].point] == pytest.approx(
        [expected.bleu, expected.success], nan_ok=True
    )


@pytest.mark.parametrize(
    ("result", "gold", "message"),
    [
        ([call("t0", TEXTS)], None, r"dialogue t0, turn 0, field 用户意图: the gold field.* RESULT\.json GOLD\.json"),
        ([call("t0", GOLD | TEXTS, TEXTS)], None, "turn 1, field 用户意图: the gold field is missing"),
        ([call("t0", GOLD | NO_TEXTS)], None, "no generated text.*--format seretod"),
        ([EMPTY, BARE], None, "no generated text"),
        ([call("t0", TEXTS)], [raw.dialogue()], r"gold .*gold\.json: not a SereTOD Track 2 file.* gold fields"),
        ([call("t0", TEXTS)], [call("t0", NO_TEXTS)], r"gold\.json, dialogue t0, turn 0, field 用户意图: the gold"),
        ([call("t0", TEXTS)], [call("t0", GOLD), call("t3", GOLD)], r"r\.json, dialogue t3: this .* of gold\.json"),
        ([call("t0", TEXTS), call("t3", TEXTS)], [call("t0", GOLD)], r"gold\.json, dialogue t3: this .* of r\.json"),
        ([call("t0", TEXTS)], [call("t0", GOLD, GOLD)], "in the 1 exchanges differ from those in the 2 exchanges"),
        ([call("t0", TEXTS)], [call("t0", GOLD | {"用户": "喂"})], "the user's texts in the 1 exchanges differ"),
        ([call("t0", TEXTS), call("t0", TEXTS)], None, "a second dialogue with this id"),
        ([call("t0", GOLD | TEXTS, goal={"ent-1": [1]})], None, "dialogue t0, field KB, goal"),
    ],
)  # fmt: skip
def test_the_error_says_why_a_file_cannot_be_scored(tmp_path, result, gold, message):
    path = write(tmp_path, "r.json", *result)
    second = write(tmp_path, "gold.json", *gold) if gold else None
    with pytest.raises(cmcc.DataError, match=message):
        score_track2(read_results(path, second))


def test_an_exchange_without_generated_texts_is_skipped_as_in_the_reference(tmp_path):
    path = write(tmp_path, "r.json", call("t0", GOLD | TEXTS, GOLD))
    assert score_track2(read_results(path), Bootstrap(0)).scores["intent_recall"].point == 1


def test_two_result_files_are_compared_dialogue_by_dialogue(tmp_path):
    worse = TEXTS | {"客服-生成": "九块", "客服意图-生成": "问候"}
    a = read_results(write(tmp_path, "a.json", call("t0", GOLD | TEXTS), call("t3", GOLD | TEXTS)))
    b = read_results(write(tmp_path, "b.json", call("t3", GOLD | worse), call("t0", GOLD | TEXTS)))
    assert compare_track2(a, b, Bootstrap(20)).differences["act_f1"].difference == 0.5
    with pytest.raises(cmcc.DataError, match="different dialogues"):
        compare_track2(a, b[:1])


def test_caring_acts_are_folded_on_both_sides(tmp_path):
    path = write(tmp_path, "r.json", call("t0", GOLD | TEXTS | {"客服意图-生成": "通知,安抚"}))
    assert score_track2(read_results(path), Bootstrap(0)).scores["act_precision"].point == 0.5
    folded = read_results(path, fold_caring=True)
    assert score_track2(folded, Bootstrap(0), fold_caring=True).scores["act_precision"].point == 1


def test_the_command_scores_a_result_file_by_itself(tmp_path, capsys):
    result = write(tmp_path, "r.json", call("t0", TEXTS), EMPTY)
    gold = write(tmp_path, "gold.json", call("t0", GOLD), EMPTY)
    assert cli.main(["score", str(result), str(gold), "--json", "--resamples", "0"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["version"], printed["dialogues"], printed["scores"]["success"]["point"]) == ("seretod", 1, 1.0)
    assert cli.main(["score", str(result)]) == 1
    assert "cmcc score RESULT.json GOLD.json" in capsys.readouterr().err
    assert cli.main(["score", str(result), str(gold), "--version", "strict"]) == 1
    assert "a Track 2 result file has no strict scores" in capsys.readouterr().err
    (tmp_path / "predictions.jsonl").write_text("{}\n")
    assert cli.main(["score", str(tmp_path / "predictions.jsonl")]) == 2
    assert "no data set is named" in capsys.readouterr().err

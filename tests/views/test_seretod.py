"""The preprocessing of SereTOD's baseline, compared with its own outputs (tests/data/track2_cases.json)."""

import copy
import json
from pathlib import Path

import pytest

from cmcc_bench.views import seretod
from cmcc_bench.views.seretod import CompatibilityError

CASES = json.loads((Path(__file__).parents[1] / "data" / "track2_cases.json").read_text("utf-8"))["cases"]
EXAMPLE = Path(__file__).parents[3] / "shared" / "mobilecs" / "example.json"


def cases(function):
    found = [case for case in CASES if case["function"] == function]
    assert found, function
    return pytest.mark.parametrize("case", found, ids=[case["name"] for case in found])


def check(case, run):
    """Compares with the reference's output. If the reference raises, our error names the same exception."""
    before = copy.deepcopy(case["input"])
    if isinstance(case["output"], dict) and "error" in case["output"]:
        with pytest.raises(CompatibilityError, match=case["output"]["error"]):
            run(case["input"])
    else:
        assert run(case["input"]) == case["output"]
    assert case["input"] == before, "nothing given is changed"


@cases("data_statistics+restructure")
def test_dialogues_are_split_and_restructured_as_in_the_reference(case):
    def run(given):
        split = seretod.data_statistics(given["raw"])
        ids = {name: [dialogue["id"] for dialogue in getattr(split, name)] for name in split._fields}
        return ids | {"restructured": seretod.restructure(split)}

    check(case, run)


@cases("normalize (one turn)")
def test_intents_are_normalized_as_in_the_reference(case):
    def run(given):
        turn = seretod.normalize(given)
        return [turn["用户意图"], turn["客服意图"]]

    check(case, run)


@cases("add_constraint (one turn)")
def test_questions_without_slots_are_completed_as_in_the_reference(case):
    check(case, lambda given: seretod.add_constraint(given | {"info": {"ents": [], "triples": given["triples"]}}))


@cases("extract_local_KB (one dialogue)")
def test_kb_and_goal_are_extracted_as_in_the_reference(case):
    """Comma lists are compared as sets: the reference joins Python sets, whose order depends on the hash seed."""

    def run(given):
        kb, goal = seretod.extract_local_kb(given["turns"])
        return {"KB": kb, "goal": goal}

    as_sets = copy.deepcopy(case)
    as_sets["output"] = comma_sets(case["output"])
    check(as_sets, lambda given: comma_sets(run(given)))


@cases("KB_query.query")
def test_the_kb_is_queried_as_in_the_reference(case):
    check(case, lambda given: seretod.query(given["KB"], **{key: given[key] for key in given if key != "KB"}))


@cases("convert_to_sequences (one dialogue)")
def test_training_texts_are_the_same_as_in_the_reference(case):
    """Name lists are compared as sets: the reference joins Python sets, whose order depends on the hash seed."""
    as_sets = copy.deepcopy(case)
    as_sets["output"] = [segments(text) for text in case["output"]]
    check(
        as_sets,
        lambda given: [segments(turn.text()) for turn in seretod.sequences(given["KB"], given["turns"])],
    )


def comma_sets(value):
    if isinstance(value, dict):
        return {key: comma_sets(item) for key, item in value.items()}
    return set(value.split(","))


def segments(text):
    """History and entity names are compared as sets, the rest unchanged."""
    history, rest = text.split("[EOS_L]")
    user, rest = rest.split("[EOS_U]")
    entities, rest = rest.split("[EOS_E]")
    return set(history.split(",")), user, set(entities.split(",")), rest


def turn(user_intent="询问", user="嗯", entities=(), triples=()):
    labels = {"用户意图": user_intent, "客服意图": "通知"}
    return {"用户": user, "客服": "嗯"} | labels | {"info": {"ents": list(entities), "triples": list(triples)}}


@pytest.mark.parametrize(
    ("run", "error"),
    [
        (lambda: seretod.data_statistics([{"id": "a", "content": [{"客服": "x"}]}]), "IndexError"),
        (lambda: seretod.add_constraint(turn(triples=[{"ent-id": "ent-1", "prop": "业务费用"}])), "KeyError: 'value'"),
        (lambda: seretod.extract_local_kb([turn(entities=[{"name": "嗯", "id": "ent-1"}])]), "KeyError: 'type'"),
        (
            lambda: seretod.extract_local_kb(
                [
                    turn(triples=[{"ent-id": "NA", "ent-name": "NA", "prop": "欠费", "value": "五元"}]),
                    turn(entities=[{"name": "包", "id": "NA", "type": "流量包"}]),
                ]
            ),
            "KeyError: 'name'",
        ),
        (lambda: seretod.query({"ent-1": {"name": "包", "type": "流量包"}}, ent_type="宽带"), "KeyError"),
        (lambda: seretod.query({"ent-1": {}}, ent_name="包", prop="业务费用"), "KeyError: 'name'"),
        (lambda: seretod.sequences({}, [turn(entities=[{"name": "嗯"}])]), "KeyError: 'id'"),
    ],
)
def test_the_error_names_the_step_in_which_the_reference_crashes(run, error):
    with pytest.raises(CompatibilityError, match=f"SereTOD's baseline crashes in .*: {error}"):
        run()


def test_the_error_for_a_crash_names_the_dialogue():
    raw = {"[SPEAKER 2]": "嗯", "[SPEAKER 1]": "嗯", "用户意图": "询问", "客服意图": "通知"}
    raw["info"] = {"ents": [], "triples": [{"ent-id": "ent-1", "prop": "业务费用"}]}
    with pytest.raises(CompatibilityError, match=r"'d7'.*add_constraint"):
        seretod.preprocess([{"id": "d7", "content": [raw]}])


def test_service_first_dialogues_come_before_user_first_ones():
    first = {"[SPEAKER 2]": "喂", "[SPEAKER 1]": "您好", "用户意图": "问候", "客服意图": "问候"}
    second = {"[SPEAKER 1]": "您好", "[SPEAKER 2]": "喂", "客服意图": "问候", "用户意图": "问候"}
    prepared = seretod.preprocess([{"id": "u", "content": [first]}, {"id": "s", "content": [second, second]}])
    assert [dialogue["id"] for dialogue in prepared] == ["s", "u"]


def test_a_triple_in_two_turns_has_the_later_speaker_in_both():
    triples = [{"ent-id": "ent-1", "ent-name": "包", "prop": "业务费用", "value": "十元", "pos": [1, 0, 2]}]
    both = {"[SPEAKER 1]": "十元", "[SPEAKER 2]": "十元", "客服意图": "通知", "用户意图": "询问"}
    split = seretod.data_statistics(
        [{"id": "a", "content": [both, both | {"info": {"ents": [], "triples": triples}}, both]}]
    )
    shifted = seretod.restructure(split)[0]["content"]
    assert [new["info"]["triples"][0]["pos"] for new in shifted] == [[1, 0, 2], [1, 0, 2]]


def test_an_id_written_as_a_name_is_cut():
    entity = {"name": "ent-2-包", "id": "ent-1", "type": "流量包"}
    made = seretod.sequences({}, [turn("询问(ent-1-业务费用)", entities=[entity])])
    assert made[0].user_intent == "询问(包-业务费用)"


def test_acts_between_two_acts_with_slots_are_lost_as_in_the_reference():
    assert seretod.sequences({}, [turn() | {"客服意图": "通知(x),询问(y),客套"}])[0].service_intent == "通知,客套"


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the public example calls are not beside this copy")
def test_the_ten_public_example_calls_give_nine_dialogues_and_79_texts():
    prepared = seretod.preprocess(json.loads(EXAMPLE.read_text("utf-8")))
    made = [seretod.sequences(dialogue["KB"], dialogue["content"]) for dialogue in prepared]
    assert (len(made), sum(map(len, made))) == (9, 79)

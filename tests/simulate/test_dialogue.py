"""A simulated call: its raw form, its positions, its labels and what its speakers do to each other."""

import os
import subprocess
import sys
from collections import Counter

import orjson
import pytest

import cmcc
from cmcc_bench.simulate import simulate_dialogue
from cmcc_bench.simulate.dialogue import SERVICE, USER


def test_a_raw_turn_has_the_keys_of_the_cmcc_form_in_the_order_of_speaking(sample):
    orders = Counter(tuple(turn) for dialogue in sample for turn in dialogue["content"])
    service_first = (SERVICE, USER, "客服意图", "用户意图", "用户情绪", "info")
    user_first = (USER, SERVICE, "用户意图", "客服意图", "用户情绪", "info")
    single = {(SERVICE, "客服意图", "info"), (USER, "用户意图", "用户情绪", "info")}
    assert set(orders) <= {service_first, user_first} | single
    assert orders[service_first] > 2 * orders[user_first] > 0


def test_every_position_slices_to_its_name_or_value(sample):
    seen = 0
    for dialogue in sample:
        for turn in dialogue["content"]:
            texts = [turn[key] for key in turn if key in (SERVICE, USER)]
            for entity in turn["info"]["ents"]:
                for speaker, start, end in entity["pos"]:
                    assert texts[speaker - 1][start:end] == entity["name"]
                    seen += 1
            for triple in turn["info"]["triples"]:
                speaker, start, end = triple["pos"]
                assert texts[speaker - 1][start:end] == triple["value"]
                seen += 1
    assert seen > 3000


def test_the_reader_finds_nothing_to_repair(tmp_path, sample):
    (tmp_path / "sample.json").write_bytes(orjson.dumps(sample))
    report = cmcc.Report()
    assert len(list(cmcc.read_dialogues(tmp_path, report))) == 400
    assert not +report.repaired
    assert not report.rejected


def test_every_label_type_and_slot_occurs(sample_rows):
    utterances = [utterance for row in sample_rows for utterance in row["utterances"]]
    assert {act for u in utterances for act in u["acts"] or ()} == set(range(len(cmcc.ACTS)))
    assert {emotion for u in utterances for emotion in u["emotions"] or ()} == set(range(len(cmcc.EMOTIONS)))
    assert {i["intent"] for u in utterances for i in u["intents"] or ()} == set(range(len(cmcc.INTENTS)))
    assert {entity["type"] for u in utterances for entity in u["entities"]} == set(range(len(cmcc.ENTITY_TYPES)))
    assert {triple["slot"] for u in utterances for triple in u["triples"]} == set(cmcc.SLOTS)
    assert {row["satisfaction"] for row in sample_rows} == {0, 1, 2}


def test_neutral_stands_alone_and_some_utterances_carry_two_emotions(many_rows):
    labels = Counter(tuple(u["emotions"]) for row in many_rows for u in row["utterances"] if u["speaker"])
    assert all(len(emotions) == 1 or 0 not in emotions for emotions in labels)
    assert sum(count for emotions, count in labels.items() if len(emotions) == 2) > 50


def test_an_intent_has_slots_exactly_when_it_asks_for_some(many_rows):
    asked = Counter()
    for row in many_rows:
        for utterance in row["utterances"]:
            for intent in utterance["intents"] or ():
                name = cmcc.INTENTS.names[intent["intent"]]
                asked[name] += bool(intent["slots"])
                for slot in intent["slots"]:
                    known = slot["slot"] in cmcc.SLOTS or slot["slot"] in cmcc.ENTITY_TYPES.values()
                    assert known, slot
    assert {name for name, count in asked.items() if count} == {"seek_help_query", "inquire"}
    assert asked["inquire"] > 1000


def test_what_is_asked_of_a_product_is_told_later_in_most_calls(sample_rows):
    asked = told = 0
    for row in sample_rows:
        for at, utterance in enumerate(row["utterances"]):
            for slot in (slot for intent in utterance["intents"] or () for slot in intent["slots"]):
                if slot["slot"] in cmcc.SLOTS:
                    asked += 1
                    later = row["utterances"][at:]
                    told += any(
                        t["slot"] == slot["slot"] and t["entity_id"] == slot["entity_id"]
                        for u in later
                        if not u["speaker"]
                        for t in u["triples"]
                    )
    assert asked > 500
    assert told / asked > 0.95


def test_a_caring_act_makes_an_upset_user_neutral_more_often(many_rows):
    caring = {cmcc.ACTS.id_of(act) for act in cmcc.CARING_ACTS}
    outcomes = {True: Counter(), False: Counter()}
    for row in many_rows:
        utterances = row["utterances"]
        for before, reply, after in zip(utterances, utterances[1:], utterances[2:], strict=False):
            if (before["speaker"], reply["speaker"], after["speaker"]) == (1, 0, 1) and any(before["emotions"]):
                outcomes[bool(caring & set(reply["acts"]))][after["emotions"] == [0]] += 1
    neutral = {cared: counts[True] / counts.total() for cared, counts in outcomes.items()}
    assert outcomes[True].total() > 100
    assert neutral[True] > neutral[False] + 0.1


def test_calls_end_satisfied_when_solved_and_unsatisfied_in_anger(many_rows):
    last_words = {0: Counter(), 2: Counter()}
    for row in many_rows:
        if row["satisfaction"] in last_words:
            last = [u for u in row["utterances"] if u["speaker"]][-2:]
            last_words[row["satisfaction"]][any(any(u["emotions"]) for u in last)] += 1
    assert last_words[0][True] > 0.95 * last_words[0].total()
    assert last_words[2][True] < 0.35 * last_words[2].total()


def test_four_fifths_are_opened_by_the_service_and_one_in_a_hundred_has_a_turn_in_the_opposite_order(many_rows):
    opened = Counter(row["utterances"][0]["speaker"] for row in many_rows)
    assert 0.75 < opened[0] / len(many_rows) < 0.85
    mixed = 0
    for row in many_rows:
        first_speakers = {}
        for utterance in row["utterances"]:
            first_speakers.setdefault(utterance["turn"], utterance["speaker"])
        mixed += len(set(first_speakers.values())) == 2
    assert 0.003 < mixed / len(many_rows) < 0.03


def test_some_long_calls_name_ten_products_or_more_and_none_more_than_twelve(many_rows):
    named = Counter(
        len({entity["entity_id"] for u in row["utterances"] for entity in u["entities"]}) for row in many_rows
    )
    assert max(named) in (11, 12)
    assert 0 < sum(count for number, count in named.items() if number >= 10) < 0.02 * len(many_rows)


def test_a_dialogue_depends_on_its_seed_and_index_alone():
    first = simulate_dialogue(3, 5)
    simulate_dialogue(3, 6)
    assert simulate_dialogue(3, 5) == first
    assert simulate_dialogue(3, 6)["content"] != first["content"]
    assert simulate_dialogue(4, 5)["content"] != first["content"]
    assert simulate_dialogue(3, 5, labeled=False)["id"] == "synthetic-s2-u3-000005"


def test_the_hash_seed_of_python_changes_nothing():
    code = "from cmcc_bench.simulate import simulate_dialogue as s; print([s(2, i) for i in range(30)])"
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": other, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert run.stdout.strip() == str([simulate_dialogue(2, index) for index in range(30)])


def test_an_unlabeled_dialogue_has_texts_and_nothing_else():
    dialogue = simulate_dialogue(0, 0, labeled=False)
    assert set(dialogue) == {"id", "content"}
    assert all(set(turn) <= {SERVICE, USER} for turn in dialogue["content"])
    assert dialogue["id"].startswith(cmcc.SYNTHETIC_ID)


def test_a_negative_index_is_refused():
    with pytest.raises(ValueError, match="the index of a dialogue is -1"):
        simulate_dialogue(0, -1)

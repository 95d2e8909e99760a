"""The reader of raw files: the forms of dialogues, counted repairs, and errors."""

import copy
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench.reader import json_stream
from cmcc_bench.simulate import simulate_dialogue
from tests import raw


def read(folder, **options):
    """The dialogues of a folder and the report of reading them."""
    report = cmcc.Report()
    return list(cmcc.read_dialogues(folder, report, **options)), report


def read_one(tmp_path, dialogue):
    raw.write(tmp_path, "calls.json", [dialogue])
    dialogues, report = read(tmp_path)
    return dialogues[0].row, report


def read_dialogue(dialogue, report=None):
    """The row of a dialogue, read without a file."""
    file, reader = cmcc.RawFile(Path("calls.json"), "calls.json", None), cmcc.DialogueReader()
    row = reader.read(cmcc.RawDialogue(file, 0, json.dumps(dialogue), dialogue, ())).row
    if report is not None:
        report.add(reader.report)
    return row


def full_width(text):
    """Text in full-width characters, as input methods write it."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def with_info(**info):
    turn = raw.turn()
    turn["info"] = {"ents": [], "triples": []} | info
    return raw.dialogue(turns=[turn])


def entity(**more):
    return {"name": "流量包", "id": "ent-1", "type": "流量包", "pos": [[2, 3, 6]]} | more


def triple(**more):
    return {"ent-id": "ent-1", "ent-name": "流量包", "prop": "业务费用", "value": "流量包", "pos": [2, 3, 6]} | more


class TestForms:
    def test_a_cmcc_dialogue_becomes_a_row_with_all_its_labels(self, tmp_path):
        row, report = read_one(tmp_path, raw.dialogue())
        assert row["dialogue_id"] == "call-1"
        assert row["satisfaction"] == cmcc.SATISFACTION.id_of("accepted_unsolved")
        opening, question, reply, grumble = row["utterances"]
        assert [u["speaker"] for u in row["utterances"]] == [0, 1, 0, 1]
        assert [u["turn"] for u in row["utterances"]] == [0, 0, 1, 1]
        assert opening["acts"] == [cmcc.ACTS.id_of("greeting")] and opening["emotions"] is opening["intents"] is None
        query = cmcc.INTENTS.id_of("seek_help_query")
        assert question["intents"] == [{"intent": query, "slots": [{"entity_id": "ent-1", "slot": "业务费用"}]}]
        assert question["emotions"] == [0] and question["acts"] is None
        package = cmcc.ENTITY_TYPES.id_of("data_pack")
        assert question["entities"] == [{"entity_id": "ent-1", "type": package, "name": "流量包", "start": 3, "end": 6}]
        assert reply["acts"] == [cmcc.ACTS.id_of(name) for name in ("inform", "comfort")]
        price = reply["triples"][0]
        assert (price["slot"], price["value"], price["entity_name"]) == ("业务费用", "十块钱", "流量包")
        assert reply["text"][price["start"] : price["end"]] == "十块钱"
        assert grumble["emotions"] == [cmcc.EMOTIONS.id_of("complain_about_a_problem")]
        assert report.read == {"cmcc": 1} and not report.repaired

    def test_mobilecs_has_no_emotions_and_no_satisfaction(self, tmp_path):
        dialogue = raw.dialogue(turns=[raw.turn()])
        del dialogue["满意度"]
        row, report = read_one(tmp_path, dialogue)
        assert row["satisfaction"] is None and row["utterances"][1]["emotions"] is None
        assert report.read == {"mobilecs": 1}

    def test_the_older_form_has_no_ids_and_gets_ids_made_from_the_content(self, tmp_path):
        row, report = read_one(tmp_path, [raw.turn()])
        again, _ = read_one(tmp_path, [raw.turn()])
        other, _ = read_one(tmp_path, [raw.turn(service="您好呀")])
        assert report.read == {"older": 1} and report.repaired == {"missing_id": 1}
        assert row["dialogue_id"] == again["dialogue_id"] != other["dialogue_id"]

    def test_turns_with_only_speaker_keys_are_unlabeled_and_always_in_train(self, tmp_path):
        raw.write(tmp_path, "test.json", [raw.plain()])
        dialogues, report = read(tmp_path)
        assert [(d.config, d.split) for d in dialogues] == [("unlabeled", "train")]
        assert [u["text"] for u in dialogues[0].row["utterances"]] == ["您好", "喂", "请讲", "没事了"]
        assert report.read == {"unlabeled": 1}

    def test_a_care_file_adds_labels_by_id_and_by_file_and_index(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue(turns=[raw.turn(), raw.answer()]), [raw.turn()]])
        by_id = {
            "id": "call-1",
            "satisfaction": 1,
            "user_emotions": {"1": ["情绪较为激动"]},
            "caring_acts": {"1": ["explain"]},
        }
        by_index = {
            "file": "calls.json",
            "index": 1,
            "id": None,
            "satisfaction": 3,
            "user_emotions": {},
            "caring_acts": {},
        }
        raw.write(tmp_path, "care.json", json.dumps({"dialogues": [by_id, by_index]}))
        dialogues, _ = read(tmp_path)
        first, second = (d.row for d in dialogues)
        assert [u["emotions"] for u in first["utterances"]] == [None, [0], None, [2]]
        acts = [cmcc.ACTS.id_of(name) for name in ("inform", "comfort", "explain")]
        assert first["utterances"][2]["acts"] == acts
        assert (first["satisfaction"], second["satisfaction"]) == (0, 2)
        assert second["utterances"][1]["emotions"] == [0]

    def test_track_2_dialogues_are_set_aside_and_read_by_their_own_function(self, tmp_path):
        content = [{"用户": "喂", "用户意图-生成": "问候", "客服意图-生成": "", "客服-生成": "您好"}]
        path = raw.write(tmp_path, "track2.json", [{"id": "x", "KB": {"ent-1": {"name": "包"}}, "content": content}])
        dialogues, report = read(tmp_path)
        assert not dialogues and report.set_aside == {"track2_dialogue": 1}
        (dialogue,) = cmcc.read_track2(path)
        assert dialogue.kb == {"ent-1": {"name": "包"}} and dialogue.goal is None
        exchange = dialogue.exchanges[0]
        assert (exchange.user, exchange.response, exchange.generated_response) == ("喂", None, "您好")
        with pytest.raises(cmcc.DataError, match="has the form 'cmcc', not 'track2'"):
            list(cmcc.read_track2(raw.write(tmp_path, "calls.json", [raw.dialogue()])))

    @pytest.mark.parametrize("suffix", cmcc.SUFFIXES)
    def test_every_kind_of_file_gives_the_same_rows(self, tmp_path, suffix):
        wanted = [raw.dialogue(), raw.plain()]
        raw.write(tmp_path, f"calls{suffix}", wanted)
        dialogues, report = read(tmp_path)
        assert [d.row["dialogue_id"] for d in dialogues] == ["call-1", "plain-1"]
        assert sum(len(d.row["utterances"]) for d in dialogues) == 8 and report.rejected == []

    def test_file_names_set_the_split_or_else_the_id_does(self, tmp_path):
        for name in ("train", "dev", "test", "more/part-1"):
            folder = (tmp_path / name).parent
            raw.write(folder, f"{Path(name).name}.json", [raw.dialogue(f"of-{name}")])
        splits = {d.row["dialogue_id"]: d.split for d in read(tmp_path)[0]}
        assert splits["of-train"] == "train" and splits["of-dev"] == "validation" and splits["of-test"] == "test"
        assert splits["of-more/part-1"] == cmcc.split_of("of-more/part-1")

    @pytest.mark.parametrize(
        ("name", "split"),
        [
            ("train/p.json", "train"),
            ("test-00.json", "test"),
            ("dev_1.jsonl", "validation"),
            ("a/test/b/p.json", "test"),
            ("trainers.json", None),
            ("track2.json", None),
        ],
    )
    def test_folders_and_numbered_files_set_the_split_too(self, tmp_path, name, split):
        path = tmp_path / name
        raw.write(path.parent, path.name, [raw.dialogue()])
        (file,), _ = cmcc.find_files(tmp_path)
        assert file.split == split

    def test_linked_files_and_capital_suffixes_are_read_hidden_files_skipped_and_others_counted(self, tmp_path):
        raw.write(tmp_path / "elsewhere", "a.json", [raw.dialogue("a")])
        raw.write(tmp_path / "raw", "B.JSON", [raw.dialogue("b")])
        raw.write(tmp_path / "raw", "care_calls.json", [raw.dialogue("c")])
        raw.write(tmp_path / "raw", "._a.json", "junk")
        raw.write(tmp_path / "raw", "notes.txt", "x")
        (tmp_path / "raw" / "part.json").mkdir()
        (tmp_path / "raw" / "linked").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "raw" / "loop").symlink_to(tmp_path / "raw")
        (tmp_path / "raw" / "gone.json").symlink_to(tmp_path / "nowhere")
        assert [d.row["dialogue_id"] for d in read(tmp_path / "raw")[0]] == ["b", "c", "a"]
        assert cmcc.skipped_files(tmp_path / "raw") == {"file_not_read:.txt": 1}

    def test_the_order_of_the_speaker_keys_is_the_spoken_order(self, tmp_path):
        turn = {raw.USER: "喂流量包", raw.SERVICE: "您好", "用户意图": "问候", "客服意图": "问候"}
        turn["info"] = {"ents": [entity(pos=[[1, 1, 4]])], "triples": []}
        row, _ = read_one(tmp_path, raw.dialogue(turns=[turn]))
        assert [u["speaker"] for u in row["utterances"]] == [1, 0]
        assert row["utterances"][0]["entities"][0]["start"] == 1

    def test_a_last_turn_may_have_one_speaker(self, tmp_path):
        last = {raw.SERVICE: "再见", "客服意图": "再见", "用户意图": "", "info": {"ents": [], "triples": []}}
        row, _ = read_one(tmp_path, raw.dialogue(turns=[raw.turn(), last]))
        assert [u["text"] for u in row["utterances"]][-1] == "再见" and len(row["utterances"]) == 3


class TestRepairs:
    @pytest.mark.parametrize(
        ("text", "slots", "kinds"),
        [
            ("求助-查询（ent-1-业务费用）", [("ent-1", "业务费用")], {"full_width_intent"}),
            ("求助-查询(ent-1-业务费用,业务时长)", [("ent-1", "业务费用"), ("ent-1", "业务时长")], set()),
            (
                "求助-查询(ent-1-业务费用)，ent-1-业务时长",
                [("ent-1", "业务费用"), ("ent-1", "业务时长")],
                {"full_width_intent"},
            ),
            ("求助-查询,(账户余额)", [(None, "账户余额")], {"malformed_intent"}),
            ("求助-查询(账户余额", [(None, "账户余额")], {"malformed_intent"}),
            ("求助-查询((账户余额))", [(None, "账户余额")], {"malformed_intent"}),
            ("求助-查询(ent-1-业务费用,账户余额)", [("ent-1", "业务费用"), (None, "账户余额")], set()),
            ("求助-查询(ent-1-业务费用)(流量包)", [("ent-1", "业务费用"), (None, "流量包")], set()),
            ("求助-查询(4g套餐)", [(None, "4G套餐")], set()),
            ("求助-询问(ent-1-业务费用)(ent-1-业务费用)", [("ent-1", "业务费用")], {"intent_alias", "doubled_slot"}),
            ("求助-查询,求助-查询(账户余额)", [(None, "账户余额")], {"doubled_label"}),
            ("求助-查询(ent-1-业务费用,取消)", [("ent-1", "业务费用"), ("ent-1", "取消")], set()),
            ("求助-查询(ent-1)", [], {"blank_slot"}),
            ("，求助-查询,", [], {"full_width_intent", "blank_label"}),
        ],
    )
    def test_intents_of_every_spelling_give_their_slots(self, tmp_path, text, slots, kinds):
        row, report = read_one(tmp_path, raw.dialogue(turns=[raw.turn(intents=text)]))
        (intent,) = row["utterances"][1]["intents"]
        assert intent["intent"] == cmcc.INTENTS.id_of("seek_help_query")
        assert [(slot["entity_id"], slot["slot"]) for slot in intent["slots"]] == slots
        assert set(report.repaired) == kinds

    def test_ent_10_is_not_ent_1(self, tmp_path):
        turn = raw.turn(intents="询问(ent-10-业务费用)")
        turn["info"]["ents"][0]["id"] = "ent-10"
        row, _ = read_one(tmp_path, raw.dialogue(turns=[turn]))
        assert row["utterances"][1]["intents"][0]["slots"] == [{"entity_id": "ent-10", "slot": "业务费用"}]

    def test_slots_of_acts_are_dropped_and_counted(self, tmp_path):
        row, report = read_one(tmp_path, raw.dialogue(turns=[raw.turn(acts="通知(ent-1-业务费用),提供信息,询问")]))
        assert row["utterances"][0]["acts"] == [cmcc.ACTS.id_of("inform"), cmcc.ACTS.id_of("request")]
        assert report.repaired == {"act_slots_left_out": 1, "act_alias": 1, "doubled_label": 1}

    @pytest.mark.parametrize(
        ("text", "names", "kinds"),
        [
            ("通知,", ["inform"], {"blank_label"}),
            ("，通知", ["inform"], {"full_width_intent", "blank_label"}),
            ("", ["other"], {"act_alias"}),
            ("通知(ent-1-业务费用,询问", ["inform", "request"], {"malformed_intent", "act_slots_left_out"}),
            (["通知", "询问"], ["inform", "request"], {"list_of_labels"}),
        ],
    )
    def test_acts_of_every_spelling_are_read_and_none_is_invented(self, tmp_path, text, names, kinds):
        row, report = read_one(tmp_path, raw.dialogue(turns=[raw.turn(acts=text)]))
        assert row["utterances"][0]["acts"] == [cmcc.ACTS.id_of(name) for name in names]
        assert set(report.repaired) == kinds

    def test_an_empty_intent_is_other_and_an_intent_in_an_open_parenthesis_is_an_intent(self, tmp_path):
        row, report = read_one(
            tmp_path, raw.dialogue(turns=[raw.turn(intents=""), raw.turn(intents="询问(账户余额,问候")])
        )
        names = [[cmcc.INTENTS.names[i["intent"]] for i in u["intents"]] for u in row["utterances"] if u["intents"]]
        assert names == [["other"], ["inquire", "greeting"]]
        assert report.repaired == {"intent_alias": 1, "malformed_intent": 1}

    def test_rows_with_the_same_label_string_share_no_mutable_values(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue("a"), raw.dialogue("b")])
        first, second = (dialogue.row for dialogue in read(tmp_path)[0])
        first["utterances"][1]["intents"][0]["slots"].clear()
        assert second["utterances"][1]["intents"][0]["slots"] != []

    def test_confused_intents_are_not_annotated(self, tmp_path):
        row, report = read_one(tmp_path, raw.dialogue(turns=[raw.turn(意图混乱=True)]))
        assert row["utterances"][0]["acts"] is None and row["utterances"][1]["intents"] is None
        assert report.repaired == {"confused_intents": 1}

    @pytest.mark.parametrize(
        ("item", "kind"),
        [
            (entity(pos=[[2, 4, 7]]), "wrong_position"),
            (entity(pos=[[1, 0, 3]]), "wrong_position"),
            (entity(pos=[[2, 30, 33]]), "wrong_position"),
            (entity(pos=None), "missing_position"),
            (entity(name="流量 包"), "extra_blank"),
            (entity(name=None), "missing_name"),
            ({"ent-name": "流量包", "id": "ent-1", "type": "流量包", "pos": [[2, 3, 6]]}, "other_key:ent-name"),
            ({"name": "流量包", "ent-id": "ent-1", "type": "流量包", "pos": [[2, 3, 6]]}, "other_key:ent-id"),
            (entity(type=None), "missing_type"),
        ],
    )
    def test_an_entity_with_a_wrong_position_is_found_in_the_text(self, tmp_path, item, kind):
        row, report = read_one(tmp_path, with_info(ents=[item]))
        (found,) = row["utterances"][1]["entities"]
        assert (found["entity_id"], found["name"], found["start"], found["end"]) == ("ent-1", "流量包", 3, 6)
        assert report.repaired == {kind: 1}

    def test_the_nearest_of_several_matches_is_used(self, tmp_path):
        turn = raw.turn(user="流量包还有流量包呢", intents="询问")
        turn["info"]["ents"] = [entity(pos=[[2, 4, 7]])]
        row, _ = read_one(tmp_path, raw.dialogue(turns=[turn]))
        assert row["utterances"][1]["entities"][0]["start"] == 5

    def test_a_name_that_is_not_in_the_text_gets_no_position(self, tmp_path):
        row, report = read_one(tmp_path, with_info(ents=[entity(name="语音包")]))
        assert row["utterances"][1]["entities"][0] == {
            "entity_id": "ent-1", "type": 6, "name": "语音包", "start": None, "end": None,
        }  # fmt: skip
        assert report.repaired == {"position_left_out": 1}

    def test_unknown_tokens_are_removed_and_positions_are_corrected(self, tmp_path):
        turn = raw.turn(user="我[UNK]问[UNK]流量包啊")
        row, report = read_one(tmp_path, raw.dialogue(turns=[turn]))
        utterance = row["utterances"][1]
        assert utterance["text"] == "我问流量包啊" and "[UNK]" not in json.dumps(row)
        assert (utterance["entities"][0]["start"], utterance["entities"][0]["end"]) == (2, 5)
        assert report.repaired == {"unknown_token": 2}

    @pytest.mark.parametrize("missing", ["NA", "", None])
    def test_an_id_that_is_na_is_null(self, tmp_path, missing):
        row, _ = read_one(tmp_path, with_info(ents=[entity()], triples=[triple(**{"ent-id": missing})]))
        assert row["utterances"][1]["triples"][0]["entity_id"] is None

    def test_a_missing_info_is_counted(self, tmp_path):
        dialogue = raw.dialogue(turns=[raw.turn(intents="询问")])
        del dialogue["content"][0]["info"]
        row, report = read_one(tmp_path, dialogue)
        assert row["utterances"][1]["entities"] == [] and report.repaired == {"missing_info": 1}

    def test_a_doubled_key_with_equal_values_is_counted(self, tmp_path):
        text = json.dumps([raw.dialogue()], ensure_ascii=False).replace(
            '"用户情绪": "中性"', '"用户情绪": "中性", "用户情绪": "中性"'
        )
        raw.write(tmp_path, "calls.json", text)
        assert read(tmp_path)[1].repaired == {"doubled_key": 1}

    def test_unknown_keys_are_counted_by_name_at_every_level(self, tmp_path):
        turn = raw.turn(备注="x")
        turn["info"] = {"ents": [entity(normalized=1)], "triples": [triple(unit=1)], "notes": []}
        _, report = read_one(tmp_path, raw.dialogue(turns=[turn], 满意渡=3))
        names = ("备注", "normalized", "unit", "notes", "满意渡")
        assert report.repaired == {f"ignored_key:{name}": 1 for name in names}

    def test_a_care_file_without_emotions_keeps_those_of_the_raw_file(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue()])
        raw.write(tmp_path, "care.json", json.dumps({"dialogues": [{"id": "call-1", "satisfaction": 1}]}))
        dialogues, report = read(tmp_path)
        assert [u["emotions"] for u in dialogues[0].row["utterances"]] == [None, [0], None, [1]]
        assert dialogues[0].row["satisfaction"] == 0 and report.repaired == {"care_replaces_satisfaction": 1}

    def test_labels_that_a_care_file_replaces_or_cannot_merge_are_counted(self, tmp_path):
        alone = {raw.SERVICE: "再见", "客服意图": "再见", "info": {"ents": [], "triples": []}}
        raw.write(tmp_path, "calls.json", [raw.dialogue(turns=[raw.turn(用户情绪="中性"), alone])])
        entry = {"id": "call-1", "user_emotions": {"0": ["抱怨某问题"], "1": ["中性"]}, "caring_acts": {}}
        raw.write(tmp_path, "care.json", json.dumps({"dialogues": [entry]}))
        assert read(tmp_path)[1].repaired == {"care_replaces_emotions": 1, "care_label_without_utterance": 1}

    def test_a_care_label_by_file_and_index_is_only_for_that_file(self, tmp_path):
        for folder in ("x", "y"):
            raw.write(tmp_path / folder, "calls.json", [[raw.turn(service=f"您好{folder}")]])
        entry = {"file": "y/calls.json", "index": 0, "user_emotions": {"0": ["抱怨某问题"]}}
        raw.write(tmp_path, "care.json", json.dumps({"dialogues": [entry]}))
        assert [d.row["utterances"][1]["emotions"] for d in read(tmp_path)[0]] == [None, [1]]

    def test_one_dialogue_in_two_files_is_read_once_and_counted(self, tmp_path):
        raw.write(tmp_path, "a.json", [raw.dialogue()])
        raw.write(tmp_path, "b.jsonl", [raw.dialogue(), raw.dialogue("call-2")])
        dialogues, report = read(tmp_path)
        assert [d.row["dialogue_id"] for d in dialogues] == ["call-1", "call-2"]
        assert report.set_aside == {"repeated_dialogue": 1}


BAD_DIALOGUES = {
    "a text that is no string": (
        raw.dialogue(turns=[raw.turn() | {raw.USER: 7}]),
        ["turn 0", "[SPEAKER 2]", "found int", "a string"],
    ),
    "a third speaker, spelled otherwise": (
        raw.dialogue(turns=[raw.turn(speaker3="啊")]),
        ["speaker3", "unknown speaker", "[SPEAKER 2] for the user"],
    ),
    "a text under two spellings of its key": (
        raw.dialogue(turns=[raw.turn(**{"[speaker1]": "啊"})]),
        ["field [SPEAKER 1]", "occurs twice, also as '[speaker1]'", "Remove one of the two"],
    ),
    "a table written by column": (
        raw.dialogue() | {"content": {"0": raw.turn()}},
        ["'content' of type dict", "orient='records'"],
    ),
    "lists as text": (raw.dialogue() | {"content": "[]"}, ["'content' of type str", "json.loads"]),
    "a third speaker": (raw.dialogue(turns=[raw.turn(**{"[SPEAKER 3]": "啊"})]), ["[SPEAKER 3]", "unknown speaker"]),
    "texts under other keys": (
        raw.dialogue(turns=[{"客服": "您好", "顾客": "喂", "用户意图": "问候"}]),
        ["turn 0", "no speaker key"],
    ),
    "a turn that is no object": (raw.dialogue(turns=[raw.turn(), ["您好"]]), ["turn 1", "found list"]),
}

NO_INTENTS, NO_ACTS, NO_EMOTIONS = ((1, "intents", None), (0, "acts", None), (1, "emotions", None))
DEFECTS = {  # defect -> dialogue, (utterance, field, value) in the row, kind in the report
    "an unknown emotion": (raw.turn(用户情绪="开心"), NO_EMOTIONS, "unknown_label:开心"),
    "an unknown emotion beside a known one": (
        raw.turn(用户情绪="开心;中性"),
        (1, "emotions", [0]),
        "unknown_label:开心",
    ),
    "an unknown intent": (raw.turn(intents="吵架(业务费用)"), NO_INTENTS, "unknown_label:吵架"),
    "an unknown act": (raw.turn(acts="唱歌,问候"), (0, "acts", [2]), "unknown_label:唱歌"),
    "words in the place of a label": (
        raw.turn(用户情绪="我都跟你们说了好几遍了怎么还是不行呢"),
        NO_EMOTIONS,
        "unknown_label",
    ),
    "a number in the place of a label": (raw.turn(用户情绪="13800138000"), NO_EMOTIONS, "unknown_label"),
    "an intent that is no string": (raw.turn(用户意图=3), NO_INTENTS, "unreadable_label:用户意图"),
    "emotions that are an object": (raw.turn(用户情绪={"a": 1}), NO_EMOTIONS, "unreadable_label:用户情绪"),
    "an act that is missing as tables say it": (raw.turn(acts=float("nan")), NO_ACTS, "missing_act"),
    "confused intents among others": (raw.turn(intents="意图混乱,询问"), NO_ACTS, "confused_intents"),
    "confused intents in a list": (raw.turn(intents=["询问", "意图混乱"]), NO_INTENTS, "confused_intents"),
    "a slot of an entity that is never declared": (
        raw.turn(intents="询问(ent-7-业务费用)(账户余额)"),
        (1, "intents", [{"intent": 5, "slots": [{"entity_id": None, "slot": "账户余额"}]}]),
        "undeclared_entity",
    ),
    "an info that is no object": (raw.turn(intents="询问", info=[]), (1, "entities", []), "unreadable_label:info"),
    "half a surrogate pair": (raw.turn(service="a\ud83d"), (0, "text", "a\ufffd"), "half_surrogate"),
    "a text that is null": (raw.turn(service=None), (0, "text", ""), "missing_text"),
}
ENTITY_DEFECTS = {  # defect -> entity or triple, the fields that differ in the row (None: it is dropped), kind
    "an unknown type": (entity(type="火车票"), {"type": None}, "unknown_label:火车票"),
    "a position outside its text": (
        entity(name="语音包", pos=[[2, 90, 93]]), {"name": "语音包", "start": None, "end": None}, "position_left_out",
    ),
    "a position of no speaker": (entity(pos=[[3, 0, 1]]), {}, "unreadable_position"),
    "a position of two numbers": (entity(pos=[[2, 3]]), {}, "unreadable_position"),
    "a position that is a text": (entity(pos="2,3,6"), {}, "unreadable_position"),
    "an empty position": (entity(pos=[[]]), {}, "missing_position"),
    "no positions": (entity(pos=[]), {}, "missing_position"),
    "an empty position before another": (entity(pos=[[], [2, 3, 6]]), {}, "empty_position"),
    "an empty position behind another": (entity(pos=[[2, 3, 6], []]), {}, "empty_position"),
    "a null position among others": (entity(pos=[None, [2, 3, 6]]), {}, "empty_position"),
    "an id of another form": (entity(id="7号"), {"entity_id": None}, "unreadable_entity_id"),
    "neither name nor position": (entity(name=None, pos=None), None, "entity_without_name"),
    "an empty name without position": (entity(name="", pos=[[]]), None, "entity_without_name"),
    "a name that is a list": (entity(name=["流量包"]), {}, "missing_name"),
}  # fmt: skip
TRIPLE_DEFECTS = {
    "no slot": (triple(prop=None), None, "triple_without_slot"),
    "a blank slot": (triple(prop=" "), None, "triple_without_slot"),
    "a slot that is a number": (triple(prop=5), None, "triple_without_slot"),
    "neither value nor position": (triple(value=None, pos=None), None, "triple_without_value"),
    "a value that is an object": (triple(value={}, pos=[]), None, "triple_without_value"),
    "no value": (triple(value=None), {}, "missing_name"),
    "an empty position": (triple(pos=[]), {}, "missing_position"),
    "an empty position in a list": (triple(pos=[[]]), {}, "missing_position"),
    "an entity that is never declared": (triple(**{"ent-id": "ent-9", "ent-name": "NA"}), None, "undeclared_entity"),
    "a number for its value": (
        triple(value=30, pos=[2, 90, 93]), {"value": "30", "start": None, "end": None}, "number_for_text",
    ),
}  # fmt: skip
IN_PLACE = {
    "entities": {"entity_id": "ent-1", "type": 6, "name": "流量包", "start": 3, "end": 6},
    "triples": {
        "entity_id": "ent-1", "entity_name": "流量包", "slot": "业务费用", "value": "流量包", "start": 3, "end": 6,
    },
}  # fmt: skip


class TestDefects:
    """A defect drops its label and is counted; the dialogue is never lost."""

    @pytest.mark.parametrize("name", list(DEFECTS))
    def test_a_defect_of_a_turn_drops_only_its_label(self, tmp_path, name):
        turn, (number, field, value), kind = DEFECTS[name]
        raw.write(tmp_path, "calls.json", json.dumps([raw.dialogue(turns=[turn, raw.answer()]), raw.dialogue("other")]))
        dialogues, report = read(tmp_path)
        first, other = (dialogue.row for dialogue in dialogues)
        assert first["utterances"][number][field] == value and report.repaired[kind] >= 1 and not report.rejected
        assert len(first["utterances"]) == 4 and first["utterances"][2]["acts"] == other["utterances"][2]["acts"]
        assert "13800138000" not in str(report.as_dict())

    @pytest.mark.parametrize("key", ["entities", "triples"])
    def test_a_defect_of_an_entity_or_triple_drops_only_that_part(self, tmp_path, key):
        for item, change, kind in (ENTITY_DEFECTS if key == "entities" else TRIPLE_DEFECTS).values():
            ents = [item, entity()] if key == "entities" else [entity()]
            dialogue = with_info(ents=ents, triples=[item, triple()] if key == "triples" else [])
            row, report = read_one(tmp_path, dialogue)
            wanted = [] if change is None else [IN_PLACE[key] | change]
            assert row["utterances"][1][key] == [*wanted, IN_PLACE[key]], (item, report)
            assert report.repaired[kind] == 1, (item, report)

    @pytest.mark.parametrize("value", [4, "很好", True, [3], {"a": 1}, 2.5])
    def test_an_unknown_satisfaction_is_not_annotated(self, tmp_path, value):
        row, report = read_one(tmp_path, raw.dialogue(满意度=value))
        assert row["satisfaction"] is None and report.repaired == {"unknown_satisfaction": 1}

    @pytest.mark.parametrize("value", [3.0, "3.0", " 3", "满意", "satisfied"])
    def test_another_spelling_of_satisfaction_is_read_and_counted(self, tmp_path, value):
        row, report = read_one(tmp_path, raw.dialogue(满意度=value))
        assert row["satisfaction"] == 2 and report.repaired == {"satisfaction_spelling": 1}

    def test_a_satisfaction_that_is_missing_in_a_table_is_not_annotated(self, tmp_path):
        row, report = read_one(tmp_path, raw.dialogue(满意度=float("nan")))
        assert row["satisfaction"] is None and report.repaired == {"missing_satisfaction": 1}

    def test_no_emotion_is_neutral_and_is_dropped_with_another_emotion(self, tmp_path):
        for text, emotions in (("无", [0]), ("无、抱怨某问题", [1]), ("None", [0]), (" 中性 | 抱怨某问题", [0, 1])):
            row, _ = read_one(tmp_path, raw.dialogue(turns=[raw.turn(用户情绪=text)]))
            assert row["utterances"][1]["emotions"] == emotions

    def test_dropped_labels_are_counted_separately_from_other_repairs(self, tmp_path):
        turn = raw.turn(intents="吵架", acts="", 用户情绪=" 中性")
        _, report = read_one(tmp_path, raw.dialogue(turns=[turn], 满意度=9))
        assert report.left_out == {"unknown_label:吵架": 1, "unknown_satisfaction": 1}
        assert report.repaired - report.left_out == {"act_alias": 1}

    @pytest.mark.parametrize("value", [2.02e15, True, {}, ["call-1"], "\ud800", 1.5])
    def test_an_invalid_id_is_replaced_by_one_made_from_the_content(self, tmp_path, value):
        raw.write(tmp_path, "calls.json", json.dumps([raw.dialogue(value), raw.dialogue("call-2", 满意度=1)]))
        dialogues, report = read(tmp_path)
        made = dialogues[0].row["dialogue_id"]
        assert len(made) == 32 and report.left_out == {"unreadable_id": 1}
        assert read_dialogue(raw.dialogue(None))["dialogue_id"] == made

    @pytest.mark.parametrize(
        "spelling",
        [str.lower, str.title, lambda key: re.sub(r"[\W]", "", key), lambda key: f" {key}\u200b", full_width],
        ids=["lower", "title", "bare", "blanks", "full width"],
    )
    @pytest.mark.parametrize("which", [{raw.SERVICE}, {raw.SERVICE, raw.USER}, {"用户情绪"}, {"info", "用户意图"}])
    def test_a_key_in_another_spelling_is_read(self, spelling, which):
        turn = raw.turn(用户情绪="抱怨某问题")
        other = {spelling(key) if key in which else key: value for key, value in turn.items()}
        report = cmcc.Report()
        row = read_dialogue(raw.dialogue(turns=[other]), report)
        assert row == read_dialogue(raw.dialogue(turns=[turn])) and len(row["utterances"]) == 2
        written = {f"other_key:{key}" for key in other if key not in turn and key.isprintable()}
        assert written <= report.repaired.keys() and not report.left_out

    def test_an_unlabeled_turn_with_keys_in_another_spelling_is_read(self):
        turns = [{"[speaker 1]": "您好", "[SPEAKER2]": "喂"}]
        assert [u["text"] for u in read_dialogue({"id": "p", "content": turns})["utterances"]] == ["您好", "喂"]

    @pytest.mark.parametrize("missing", [None, float("nan")])
    def test_null_turns_and_null_keys_of_another_form_are_ignored(self, missing):
        turns = [missing, raw.turn(用户情绪="中性"), missing, raw.answer()]
        row = read_dialogue(raw.dialogue(turns=turns, KB=missing, goal=missing))
        assert [u["turn"] for u in row["utterances"]] == [1, 1, 3, 3] and row["satisfaction"] == 1
        plain = [turn | dict.fromkeys(["用户意图", "info", "用户"], missing) for turn in raw.plain()["content"]]
        report = cmcc.Report()
        row = read_dialogue({"id": "p", "content": plain, "满意度": missing, "KB": missing}, report)
        assert len(row["utterances"]) == 4 and report.read == {"unlabeled": 1}

    def test_an_error_about_a_track_2_dialogue_without_id_gives_its_index(self, tmp_path):
        good = {"id": "t", "KB": {}, "content": [{"用户": "喂"}]}
        raw.write(tmp_path, "test.json", [good, {"KB": {}, "content": [{"用户": 5}]}])
        with pytest.raises(cmcc.DataError, match="dialogue at index 1, turn 0, field 用户: found int"):
            list(cmcc.read_track2(tmp_path))

    @pytest.mark.parametrize("missing", [None, float("nan")])
    def test_of_two_spellings_of_a_key_the_one_with_a_value_is_used(self, missing):
        item = {
            "name": missing,
            "ent-name": "流量包",
            "id": missing,
            "ent-id": "ent-1",
            "type": "流量包",
            "pos": [[2, 3, 6]],
        }
        turn = raw.turn(info={"ents": [item], "triples": []})
        assert read_dialogue(raw.dialogue(turns=[turn])) == read_dialogue(raw.dialogue(turns=[raw.turn()]))

    @pytest.mark.parametrize("separator", [*",，﹐、､﹑;；﹔/／|｜+＋&＆\n", "\r\n", " \n "])
    def test_all_kinds_of_labels_have_the_same_separators(self, separator):
        turn = raw.turn(
            user="好",
            intents=f"询问{separator}问候(短信)",
            acts=f"问候{separator}询问",
            用户情绪=f"抱怨某问题{separator}情绪较为激动",
        )
        service, user = read_dialogue(raw.dialogue(turns=[turn]))["utterances"]
        assert (service["acts"], user["emotions"], len(user["intents"])) == ([2, 4], [1, 2], 2)

    @pytest.mark.parametrize("name", ["无", "None", "NONE", "（无）", " 无情绪 "])
    def test_no_emotion_in_any_spelling_is_dropped_with_another_emotion(self, name):
        turn = raw.turn(用户情绪=f"{name},抱怨某问题")
        assert read_dialogue(raw.dialogue(turns=[turn]))["utterances"][1]["emotions"] == [1]
        assert read_dialogue(raw.dialogue(turns=[raw.turn(用户情绪=name)]))["utterances"][1]["emotions"] == [0]

    def test_care_labels_without_a_dialogue_are_counted(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue()])
        raw.write(tmp_path, "care.json", {"dialogues": [{"id": "call-1"}, {"id": "gone", "satisfaction": 1}]})
        assert read(tmp_path)[1].left_out == {"care_entry_without_dialogue": 1}

    def test_a_turn_without_texts_has_no_utterance(self, tmp_path):
        turn = {"用户意图": "问候", "info": {"ents": [entity()], "triples": []}}
        row, report = read_one(tmp_path, raw.dialogue(turns=[raw.turn(), turn, raw.answer()]))
        assert [u["turn"] for u in row["utterances"]] == [0, 0, 2, 2]
        assert report.repaired == {"turn_without_utterance": 1, "label_without_utterance": 1}

    def test_of_a_doubled_label_key_the_last_value_is_used_and_counted(self, tmp_path):
        text = json.dumps([raw.dialogue()], ensure_ascii=False).replace(
            '"用户情绪": "中性"', '"用户情绪": "中性", "用户情绪": "抱怨某问题"'
        )
        raw.write(tmp_path, "calls.json", text)
        dialogues, report = read(tmp_path)
        assert dialogues[0].row["utterances"][1]["emotions"] == [1]
        assert report.repaired == {"doubled_key_last_taken:用户情绪": 1}

    def test_invalid_care_labels_are_dropped_and_counted(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue(), raw.dialogue("call-2")])
        emotions = {"0": ["happy"], "1": "情绪较为激动、抱怨某问题", "9": ["neutral"], "x": ["neutral"]}
        entries = [{"id": "call-1", "satisfaction": 7, "user_emotions": emotions, "caring_acts": []}, 5]
        raw.write(tmp_path, "care.json", json.dumps({"dialogues": [*entries, {"id": "call-2", "satisfaction": "1.0"}]}))
        dialogues, report = read(tmp_path)
        assert [u["emotions"] for u in dialogues[0].row["utterances"]] == [None, None, None, [2, 1]]
        assert [d.row["satisfaction"] for d in dialogues] == [1, 0]
        assert report.left_out == {
            "unknown_label:happy": 1, "unknown_satisfaction": 1, "care_label_beyond_dialogue": 1,
            "unreadable_label:user_emotions": 1, "unreadable_label:caring_acts": 1, "unreadable_care_entry": 1,
        }  # fmt: skip


class TestSlotNames:
    @pytest.mark.parametrize(
        ("text", "slots"),
        [
            ("求助-查询（账户余额（欠费））", [(None, "账户余额（欠费）")]),
            ("求助-查询(账户余额(欠费))", [(None, "账户余额(欠费)")]),
            ("求助-查询(ent-1-业务规则（新）)(业务费用)", [("ent-1", "业务规则（新）"), ("ent-1", "业务费用")]),
            ("求助-查询(故障问题),问候", [(None, "故障问题")]),
            ("求助-查询( ent-1 -业务费用)", [("ent-1", "业务费用")]),
            ("求助-查询(ENT-1-业务费用)", [("ent-1", "业务费用")]),
            ("求助-查询(ent－1－业务费用)", [("ent-1", "业务费用")]),
            ("求助-查询(ent-1-业务费用、业务时长)", [("ent-1", "业务费用"), ("ent-1", "业务时长")]),
            ("求助-查询(ent-1-通话、上网的费用)", [("ent-1", "通话、上网的费用")]),
            ("求助-查询((业务费用)(业务时长))", [(None, "业务费用"), (None, "业务时长")]),
            ("求助-查询(ent-1-业务费用(ent-1-业务时长)", [("ent-1", "业务费用"), ("ent-1", "业务时长")]),
        ],
    )
    def test_a_slot_is_read_as_it_is_written(self, tmp_path, text, slots):
        row, _ = read_one(tmp_path, raw.dialogue(turns=[raw.turn(intents=text)]))
        intent = row["utterances"][1]["intents"][0]
        assert [(slot["entity_id"], slot["slot"]) for slot in intent["slots"]] == slots

    @pytest.mark.parametrize("entity_id", ["ent-1 ", " ent - 1", "Ent-1", "ent_1", "ent1", "ent-01", "ent-１"])
    def test_an_entity_id_is_the_same_in_any_spelling(self, tmp_path, entity_id):
        turn = raw.turn(intents="询问(ent-1-业务费用)")
        turn["info"]["ents"][0]["id"] = entity_id
        row, report = read_one(tmp_path, raw.dialogue(turns=[turn]))
        assert row["utterances"][1]["entities"][0]["entity_id"] == "ent-1" and not report.left_out
        assert row["utterances"][1]["intents"][0]["slots"] == [{"entity_id": "ent-1", "slot": "业务费用"}]

    @given(st.text(alphabet="()（）,，、-－entNA12 询问账户余额;/", max_size=40))
    @settings(max_examples=500, deadline=None)
    def test_any_string_of_labels_is_read(self, text):
        dialogue = raw.dialogue(turns=[raw.turn(intents=text, acts=text, 用户情绪=text)])
        assert_reads_all_or_raises(dialogue)

    def test_a_long_string_of_parentheses_is_read_fast(self):
        for text in ("(" * 20_000, "(a" * 20_000, "询问" + "(a(b)" * 10_000, "((" + "a" * 50_000, "、" * 50_000):
            assert_reads_all_or_raises(raw.dialogue(turns=[raw.turn(intents=text)]))


class TestUTF16:
    @given(st.lists(st.sampled_from(["😡", "套餐", "啊", "𠮷", "e\u0301"]), min_size=1, max_size=12))
    @settings(max_examples=300, deadline=None)
    def test_positions_in_utf_16_units_are_converted(self, parts):
        text = "".join(parts)
        starts = [len("".join(parts[:n])) for n, part in enumerate(parts) if part == "套餐"]
        for encode in (lambda n: n, lambda n: len(text[:n].encode("utf-16-le")) // 2):
            pos = [[2, encode(start), encode(start + 2)] for start in starts]
            turn = raw.turn(user=text, intents="询问", info={"ents": [entity(name="套餐", type="套餐", pos=pos)]})
            row = read_dialogue(raw.dialogue(turns=[turn]))
            assert not starts or [e["start"] for e in row["utterances"][1]["entities"]] == starts


class TestErrors:
    @pytest.mark.parametrize("name", list(BAD_DIALOGUES))
    def test_the_message_names_file_dialogue_problem_and_fix(self, tmp_path, name):
        dialogue, words = BAD_DIALOGUES[name]
        path = raw.write(tmp_path, "calls.json", json.dumps([dialogue]))
        before = path.read_bytes()
        with pytest.raises(cmcc.DataError) as caught:
            read(tmp_path)
        for word in ["file calls.json", "dialogue call-1", *words]:
            assert word in str(caught.value)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("name", list(BAD_DIALOGUES))
    def test_skipping_gives_the_raw_dialogue_and_reads_the_others(self, tmp_path, name):
        bad = BAD_DIALOGUES[name][0]
        raw.write(tmp_path, "calls.json", json.dumps([raw.dialogue("before"), bad, raw.dialogue("after")]))
        rejected = []
        dialogues, report = read(tmp_path, on_error=lambda item, error: rejected.append(item))
        assert [d.row["dialogue_id"] for d in dialogues] == ["before", "after"]
        assert [json.loads(item.text) for item in rejected] == [json.loads(json.dumps(bad))]
        assert len(report.rejected) == 1 and report.read == {"cmcc": 2}

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (json.dumps([raw.dialogue()], ensure_ascii=False)[:-40], ["line 1", "cut off", "cannot be read"]),
            ("hello", ["line 1", "'h'", "a list of dialogues"]),
            ("", ["the file is empty"]),
            (
                '{"dialogues": []}',
                ["no dialogues in the JSON object with the key 'dialogues'", "name it care.json"],
            ),
            ("[1, 2]", ["dialogue at index 0", "found int", "a list of turns"]),
            ('[{"id": "x"}]', ["dialogue x", "without a list 'content'"]),
            ('[{"id": "x", "content": []}]', ["dialogue x", "an empty dialogue"]),
            ('[{"id": {}, "content": [1]}]', ["dialogue at index 0", "turn 0", "found int"]),
            ("[] {}", ["after the end of the list"]),
            (f"[{json.dumps(raw.dialogue())} 1]", ["'1'", "a comma or the end of the list"]),
            ("[" * 100_000, ["recursion"]),
            ('[{"a": ' + "9" * 5000 + "}]", ["4300 digits"]),
        ],
        ids=lambda value: value[:12] if isinstance(value, str) else "",
    )
    def test_an_error_about_a_file_without_a_list_of_dialogues_gives_the_place(self, tmp_path, content, words):
        raw.write(tmp_path, "calls.json", content)
        with pytest.raises(cmcc.DataError) as caught:
            read(tmp_path)
        for word in ["file calls.json", *words]:
            assert word in str(caught.value)

    @pytest.mark.parametrize(
        "value", [None, True, 5, 1.5, "x", [], [5], [[]], [[1]], [None], {}, {"a": 1}, "\ud800", 10**30]
    )
    def test_a_field_of_any_type_is_read_or_an_error_that_names_the_file(self, value):
        whole = with_info(ents=[entity()], triples=[triple()])
        for path in places(whole):
            assert_reads_all_or_raises(mutate(whole, path, "replace", value))

    def test_deep_nesting_and_very_long_dialogues_are_errors(self, tmp_path, monkeypatch):
        deep = "[" * 900 + "]" * 900
        raw.write(tmp_path, "calls.json", f'[[{{"[SPEAKER 1]": "a", "info": {deep}}}]]')
        assert read(tmp_path)[1].left_out == {"unreadable_label:info": 1}
        monkeypatch.setattr(json_stream, "_LONGEST_DIALOGUE", 1000)
        monkeypatch.setattr(json_stream, "_CHUNK", 100)
        for name in ("long.json", "long.jsonl"):
            path = raw.write(tmp_path, name, [raw.dialogue(turns=[raw.turn(user="啊" * 5000)])])
            with pytest.raises(cmcc.DataError, match="million characters in one dialogue"):
                read(path)

    def test_a_gzip_file_with_any_byte_changed_is_read_or_named(self, tmp_path):
        path = raw.write(tmp_path, "calls.json.gz", [raw.dialogue()])
        whole = path.read_bytes()
        for position in range(0, len(whole), 3):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
            try:
                read(tmp_path)
            except cmcc.DataError as error:
                assert "calls.json.gz" in str(error)

    def test_control_characters_of_a_file_are_not_written_to_the_terminal(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue("\x1b[31m" + "x" * 500, turns=[raw.turn(service=9)])])
        with pytest.raises(cmcc.DataError) as caught:
            read(tmp_path)
        assert "\x1b" not in str(caught.value) and "\\x1b[31mxxx" in str(caught.value) and len(str(caught.value)) < 400

    def test_a_truncated_gzip_file_is_named(self, tmp_path):
        path = raw.write(tmp_path, "calls.json.gz", [raw.dialogue()])
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(cmcc.DataError, match=r"calls.json.gz: the gzip file is damaged"):
            read(tmp_path)

    def test_the_error_for_a_file_that_is_not_utf_8_says_how_to_convert_it(self, tmp_path):
        (tmp_path / "calls.json").write_bytes('[{"id": "号"}]'.encode("gb18030"))
        with pytest.raises(cmcc.DataError, match=r"not UTF-8.*iconv"):
            read(tmp_path)

    def test_a_line_that_is_not_json_can_be_skipped(self, tmp_path):
        lines = [json.dumps(raw.dialogue()), '{"id": "half', json.dumps(raw.dialogue("call-2"))]
        path = raw.write(tmp_path, "calls.jsonl", "\n".join(lines))
        with pytest.raises(cmcc.DataError, match="line 2"):
            read(tmp_path)
        skipped = []
        file = cmcc.find_files(path)[0][0]
        found = list(cmcc.raw_dialogues(file, lambda line, error: skipped.append((line.strip(), str(error)))))
        assert [item.value["id"] for item in found] == ["call-1", "call-2"]
        assert skipped[0][0] == '{"id": "half' and "line 2" in skipped[0][1]

    def test_a_doubled_text_key_with_different_values_is_an_error(self, tmp_path):
        text = json.dumps([raw.dialogue()], ensure_ascii=False).replace(
            '"[SPEAKER 1]": "您好"', '"[SPEAKER 1]": "您好", "[SPEAKER 1]": "喂"'
        )
        raw.write(tmp_path, "calls.json", text)
        with pytest.raises(cmcc.DataError, match=r"field \[SPEAKER 1\]: the key occurs twice"):
            read(tmp_path)

    def test_two_dialogues_with_one_id_and_different_content_name_both_files(self, tmp_path):
        raw.write(tmp_path, "a.json", [raw.dialogue()])
        raw.write(tmp_path, "b.json", [raw.dialogue(满意度=1)])
        with pytest.raises(
            cmcc.DataError, match=r"file b.json, dialogue call-1: a different dialogue in a.json has the"
        ):
            read(tmp_path)

    def test_the_error_for_a_missing_or_empty_folder_says_where_to_get_data(self, tmp_path):
        for folder, found in ((tmp_path / "nowhere", "no such folder"), (tmp_path, "no dialogue files")):
            with pytest.raises(cmcc.DataError) as caught:
                read(folder)
            assert (
                found in str(caught.value)
                and "seretod.org" in str(caught.value)
                and 'cmcc.load("sample")' in str(caught.value)
            )

    def test_a_file_without_permission_is_named(self):
        # Root can read all files, so the test runs as another user, who has no access to pytest's folder.
        folder = Path(tempfile.mkdtemp(prefix="cmcc-"))
        folder.chmod(0o755)
        raw.write(folder, "calls.json", [raw.dialogue()]).chmod(0)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(cmcc.DataError, match=r"calls.json: no permission to read the file.*chmod"):
                read(folder)
        finally:
            os.seteuid(user)
            shutil.rmtree(folder)

    def test_several_care_files_without_a_final_one_are_an_error(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue()])
        for name in ("care_a.json", "care_b.json"):
            raw.write(tmp_path, name, json.dumps({"dialogues": []}))
        with pytest.raises(cmcc.DataError, match=r"care_a.json, care_b.json.*care.json"):
            read(tmp_path)
        raw.write(tmp_path, "care_adjudicated.json", json.dumps({"dialogues": []}))
        assert len(read(tmp_path)[0]) == 1

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ('{"labels": []}', ["no list 'dialogues'"]),
            ("{", ["not valid JSON"]),
            (
                '{"dialogues": [{"id": "call-1", "user_emotions": {"0": ["happy"]}}]}',
                ["dialogue 0", "turn 0", "'happy'"],
            ),
            ('{"dialogues": [{"id": "x"}, {"id": "x"}]}', ["two entries for the dialogue x"]),
            (
                '{"dialogues": [{"id": "x", "caring_acts": {"first": ["explain"]}}]}',
                ["caring_acts", "by turn", "'first'"],
            ),
        ],
    )
    def test_an_invalid_care_file_is_an_error_that_names_the_problem(self, tmp_path, content, words):
        raw.write(tmp_path, "calls.json", [raw.dialogue()])
        raw.write(tmp_path, "care.json", content)
        with pytest.raises(cmcc.DataError) as caught:
            cmcc.read_care(tmp_path / "care.json")
        for word in words:
            assert word in str(caught.value)


# CMCC_MUTATIONS=10000 makes 10,000, which takes minutes.
MUTATIONS = int(os.environ.get("CMCC_MUTATIONS", "400"))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ODD_TEXT = st.sampled_from(
    [
        "",
        "NA",
        "询问(",
        "询问(ent-10-业务费用",
        "），（",
        "[UNK]",
        "十 块钱",
        "意图混乱",
        "ent-1",
        "\ud800",
        "通知,通知",
        "询问（账户余额（欠费））",
        "抱怨某问题|无",
        "3.0",
        "😡",
        "ent-1 ",
    ]
)


def places(value, path=()):
    """The paths of all parts of a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def mutate(value, path, change, new):
    """A copy of `value`, with the part at `path` replaced, removed or doubled."""
    if not path:
        return new
    value = copy.deepcopy(value)
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    if change == "remove":
        del parent[path[-1]]
    elif change == "double" and isinstance(parent, list):
        parent.append(parent[path[-1]])
    else:
        parent[path[-1]] = new
    return value


def utterances_in(dialogue) -> int:
    turns = dialogue["content"] if isinstance(dialogue, dict) else dialogue
    keys = [key for turn in turns if isinstance(turn, dict) for key in turn]
    return sum(re.fullmatch(r"\W*speaker\W*[12]\W*", key, re.IGNORECASE) is not None for key in keys)


def respelled(dialogue, draw):
    """A dialogue as other programs may save it: keys in other spellings, null turns and null keys."""
    turns = dialogue["content"] if isinstance(dialogue, dict) else dialogue
    spelling = draw(st.sampled_from([str.lower, str.title, lambda key: re.sub(r"\W", "", key), lambda key: f" {key} "]))
    written = [{spelling(k): v for k, v in turn.items()} if draw(st.booleans()) else turn for turn in turns]
    written.insert(draw(st.integers(0, len(written))), draw(st.sampled_from([None, float("nan"), {}])))
    if isinstance(dialogue, dict):
        return dialogue | {"content": written} | draw(st.sampled_from([{}, {"KB": None}, {"KB": float("nan")}]))
    return written


def assert_reads_all_or_raises(dialogue, may_raise=True):
    """Checks that the reader gives every utterance or raises DataError, and that the row has the features."""
    file = cmcc.RawFile(Path("mutated.json"), "mutated.json", None)
    element = cmcc.RawDialogue(file, 0, json.dumps(dialogue), dialogue, ())
    try:
        read = cmcc.DialogueReader().read(element)
    except cmcc.DataError as error:
        assert may_raise and "mutated.json" in str(error)
        return
    if read is None:
        assert may_raise and element.source_format == "track2"
        return
    assert len(read.row["utterances"]) == utterances_in(dialogue)
    assert cmcc.table_of([read.row], read.config).num_rows == 1
    orjson.dumps(read.row)


@given(st.data())
@settings(max_examples=MUTATIONS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_dialogue_gives_every_utterance_or_the_error(data):
    made = [simulate_dialogue(7, number, labeled=number < 3) for number in range(5)]
    dialogue = data.draw(st.sampled_from([raw.dialogue(), raw.plain(), [raw.turn(), raw.answer()], *made]))
    if data.draw(st.booleans()):
        dialogue = respelled(dialogue, data.draw)
        assert_reads_all_or_raises(dialogue, may_raise=False)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(dialogue))))
        dialogue = mutate(
            dialogue, path, data.draw(st.sampled_from(["replace", "remove", "double"])), data.draw(JSON | ODD_TEXT)
        )
    assert_reads_all_or_raises(dialogue)


@given(st.data())
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_a_mutated_real_dialogue_gives_every_utterance_or_the_error(real_calls, data):
    name = data.draw(st.sampled_from(["example.json", "example_v0.json"]))
    dialogue = data.draw(st.sampled_from(json.loads((real_calls / name).read_text("utf-8"))))
    path = data.draw(st.sampled_from(list(places(dialogue))))
    assert_reads_all_or_raises(
        mutate(dialogue, path, data.draw(st.sampled_from(["replace", "remove", "double"])), data.draw(JSON | ODD_TEXT))
    )


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=200, deadline=None)
def test_a_file_of_any_bytes_is_read_or_raises_the_error(content):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("calls.json", "calls.jsonl", "calls.json.gz"):
            path = Path(folder) / name
            path.write_bytes(content)
            try:
                list(cmcc.read_dialogues(path))
            except cmcc.DataError as error:
                assert name in str(error)
            path.unlink()


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_elements_are_found_at_any_chunk_size(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    content = [raw.dialogue(), raw.plain(), [raw.turn()]]
    path = raw.write(tmp_path, "calls.json", " \n" + json.dumps(content, ensure_ascii=False, indent=1) + "\n ")
    file = cmcc.find_files(path)[0][0]
    found = list(cmcc.raw_dialogues(file))
    assert [item.value for item in found] == content
    assert [json.loads(item.text) for item in found] == content


ODD_JSON = {  # parts of a dialogue that orjson reads in another way than the standard library, or not at all
    "a long integer": '"满意度": 18446744073709551616',
    "a long negative integer": '"满意度":-9223372036854775809',
    "19 digits in a text": '"x": "1234567890123456789"',
    "not a number": '"满意度": NaN',
    "infinite": '"满意度": 1e400',
    "half of a surrogate pair": '"x": "\\ud83d"',
    "both halves": '"x": "\\ud83d\\ude00"',
    "a doubled key": '"满意度": 1, "满意度": 2',
    "a doubled key with a colon in the lost value": '"x": {"a": ":"}, "x": {}',
    "a doubled key and an escaped colon": '"y": 1, "y": "\\u003a"',
    "colons": '"x": "：:::", "a:b": [":"]',
    "nested deeply": '"x": ' + "[" * 300 + "{}" + "]" * 300,
    "the key of the next": '"x": [{"id": 1}, {"id": 2}]',
    "a byte order mark": '\ufeff"x": 1',
    "an error": '"x": 1,,',
    "not closed": '"x": [',
}


@pytest.mark.parametrize("odd", ODD_JSON)
@pytest.mark.parametrize("batch", [40, 300, 1 << 17])
@pytest.mark.parametrize("indent", [None, 2])
def test_dialogues_decoded_many_at_once_are_those_of_the_scanner(tmp_path, monkeypatch, odd, batch, indent):
    texts = [json.dumps(raw.plain(f"call-{n}"), ensure_ascii=False, indent=indent) for n in range(9)]
    texts[4] = f"{texts[4][:-1].rstrip()}, {ODD_JSON[odd]}}}"
    path = raw.write(tmp_path, "calls.json", " [\r\n" + ",\r\n".join(texts) + "\n]\n")
    found = []
    for name in ("batches", "scanner"):
        monkeypatch.setattr(json_stream, "_BATCH", batch if name == "batches" else 1)
        try:
            items = list(cmcc.raw_dialogues(cmcc.find_files(path)[0][0]))
            found.append([(item.index, item.text, repr(item.value), item.doubled, item.repaired) for item in items])
        except cmcc.DataError as error:
            found.append(str(error))
    assert found[0] == found[1] and (
        isinstance(found[0], str) == (odd in ("a byte order mark", "an error", "not closed"))
    )


@pytest.mark.parametrize(
    "info",
    [
        '{"ents": [{"name": "a", "name": "b"}]}',
        '{"ents": [], "ents": [{"name": "a"}], "triples": []}',
        '{"ents": [{"name": "a:b", "pos": {"x": 1}}], "x": {"y": ":"}}',
        '{"ents": [{"name": "\\u003a", "name": 1}, 2, [{"x": 1}]], "triples": {"x": {"y": 1, "y": 2}}}',
        '[{"a": 1, "a": 1}]',
        "null",
    ],
)
def test_doubled_keys_in_the_labels_of_a_turn_are_found_in_a_batch(info):
    text = f'{{"id": 1, "content": [{{"{raw.SERVICE}": "好", "info": {info}}}]}}'
    value, _, doubled = json_stream._decode(text, 0)
    batch = json_stream._decode_batch(f"{text}, {text}".encode())
    assert [(element.value, element.doubled) for element in batch] == [(value, doubled)] * 2


class TestRealCalls:
    def test_the_20_public_calls_read_whole_with_their_care_labels(self, real_calls):
        dialogues, report = read(real_calls)
        rows = [dialogue.row for dialogue in dialogues]
        assert len(rows) == 20 and sum(len(row["utterances"]) for row in rows) == 386
        utterances = [utterance for row in rows for utterance in row["utterances"]]
        assert sum(emotion != 0 for u in utterances for emotion in u["emotions"] or ()) == 24
        assert sorted(row["satisfaction"] for row in rows) == [1] * 10 + [2] * 10
        bare = {}
        for name in ("example.json", "example_v0.json"):
            bare |= {d.row["dialogue_id"]: d.row for d in read(real_calls / name)[0]}
        added = 0
        for row in rows:
            for with_care, without in zip(row["utterances"], bare[row["dialogue_id"]]["utterances"], strict=True):
                added += len(with_care["acts"] or ()) - len(without["acts"] or ())
        assert added == 16
        assert not report.rejected and report.set_aside == {"track2_dialogue": 2}

    def test_every_position_in_the_public_calls_matches_its_name(self, real_calls):
        for dialogue in read(real_calls)[0]:
            for utterance in dialogue.row["utterances"]:
                for span in utterance["entities"] + utterance["triples"]:
                    assert utterance["text"][span["start"] : span["end"]] == span.get("name", span.get("value"))

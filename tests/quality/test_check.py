"""Quality control: what each check finds, and what it leaves alone."""

import copy

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.dataset import build
from cmcc_bench.quality.calls import Call, find_source
from cmcc_bench.quality.check import check_calls, example_lines, summary_table
from cmcc_bench.quality.findings import label_findings
from cmcc_bench.quality.kinds import KINDS
from cmcc_bench.quality.lexicon import Cues, Lexicon, load_lexicon
from tests import raw

LEXICON = load_lexicon()


def said(user, **more):
    """A raw turn in which the user says this, and names no entity."""
    return raw.turn(user=user, intents="问候", **more)


def check(folder, **more):
    return check_calls(find_source(str(folder)), LEXICON, **more)


def kinds(checked):
    return sorted({finding.kind for finding in checked.findings} - {"satisfaction_sample"})


@pytest.fixture
def checked_one(tmp_path):
    """Checks one dialogue of the given turns."""

    def run(*turns, dialogue_id="call-1"):
        raw.write(tmp_path / "raw", "calls.json", [raw.dialogue(dialogue_id, list(turns))])
        return check(tmp_path / "raw")

    return run


def test_a_call_with_nothing_wrong_gives_nothing_but_the_satisfaction_sample(checked_one):
    checked = checked_one(raw.turn(用户情绪="中性"), raw.answer(用户情绪="抱怨某问题"))
    assert kinds(checked) == [] and len(checked.findings) == 1 and not checked.has_errors


def test_words_that_suggest_an_act_that_is_not_there_are_found(checked_one):
    checked = checked_one(raw.answer(客服意图="通知"))
    found = checked.findings[0]
    assert (found.kind, found.utterance, found.detail, found.adds) == ("missing_label", 0, "放心", True)
    assert cmcc.ACTS.names[found.label] == "comfort" and not checked.has_errors


def test_a_caring_act_without_its_words_is_found(checked_one):
    checked = checked_one(raw.turn(acts="问候,同理心", 用户情绪="中性"))
    assert kinds(checked) == ["label_without_cue"]


def test_emotions_are_checked_in_the_user_s_words_alone(checked_one):
    checked = checked_one(said("我担心会乱扣钱", service="您是担心这个吧", 用户情绪="中性"))
    found = [finding for finding in checked.findings if finding.kind == "missing_label"]
    assert {finding.utterance for finding in found} == {1} and len(found) == 2


def test_emotions_that_are_not_annotated_are_counted_not_guessed(checked_one):
    checked = checked_one(said("我担心会乱扣钱"))
    assert kinds(checked) == [] and checked.without_emotions == 1


def test_neutral_beside_another_emotion_is_an_error(checked_one):
    checked = checked_one(raw.turn(用户情绪="中性,抱怨某问题"))
    assert kinds(checked) == ["conflicting_labels"] and checked.has_errors


@pytest.mark.parametrize("personal", ["13812345678", "11010519491231002X", "someone@mail.example.cn", "京A12345"])
def test_personal_data_are_an_error_and_not_printed(checked_one, personal):
    checked = checked_one(said(f"我的是{personal}啊"))
    assert kinds(checked) == ["personal_data"] and checked.has_errors
    assert all(personal not in line for line in example_lines(checked, 5))


def test_a_number_that_runs_over_utterances_is_found_where_it_begins(tmp_path):
    turns = [
        said("我号码是幺三八", service="嗯", 用户情绪="中性"),
        said("幺二三四", service="对", 用户情绪="中性"),
        said("五六七八", service="好", 用户情绪="中性"),
    ]
    raw.write(tmp_path, "calls.json", [raw.dialogue("a", turns)])
    (found,) = [one for one in check(tmp_path).findings if one.kind == "personal_data"]
    assert found.utterance == 1  # the service speaks first
    assert found.detail == "telephone: 我号码是*** 客服：对 用户：**** 客服：好 用户：****"


def test_what_a_cue_spans_is_masked(checked_one):
    cues = Cues("emotions", 1, ("投诉…你",), missing=True)
    call = Call(
        {"utterances": [{"speaker": 1, "text": "投诉1381234你", "emotions": [0]}], "dialogue_id": "a"}, "", True
    )
    (found,) = label_findings(call, Lexicon({"emotions": {1: cues}}))
    assert found.detail == "投诉*******你"


def test_what_an_error_quotes_of_the_data_is_masked(tmp_path, capsys):
    raw.write(tmp_path, "calls.json", [raw.dialogue("20221127001")])
    labels = {"id": "20221127001", "user_emotions": {"0": ["13812345678"]}}
    raw.write(tmp_path, "care.json", {"dialogues": [labels]})
    assert cli.main(["check", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "the label '***********'" in told and "13812345678" not in told


@pytest.mark.parametrize("personal", ["1234567", "我叫王小明", "11010519491231002"])
def test_what_may_be_personal_data_is_a_suggestion(checked_one, personal):
    checked = checked_one(said(f"号是{personal}"))
    assert kinds(checked) == ["maybe_personal"] and not checked.has_errors


def test_the_numbers_of_synthetic_calls_are_nobody_s(checked_one):
    checked = checked_one(said("我的是13812345678"), dialogue_id=f"{cmcc.SYNTHETIC_ID}1")
    assert kinds(checked) == ["maybe_personal"] and checked.synthetic == 1
    assert "SYNTHETIC" in summary_table(checked, "x").title


def test_positions_that_the_reader_mends_are_told(checked_one):
    turn = raw.turn()
    turn["info"]["ents"][0]["pos"] = [[2, 0, 3]]
    assert kinds(checked_one(turn)) == ["repaired_position"]


def test_speakers_out_of_order_are_told(checked_one):
    user_first = {raw.USER: "喂", raw.SERVICE: "您好", "客服意图": "问候", "用户意图": "问候"}
    checked = checked_one(user_first, raw.turn())
    assert kinds(checked) == ["same_speaker_again"]


def test_a_label_that_the_reader_left_out_is_a_finding(checked_one):
    assert kinds(checked_one(raw.turn(用户情绪="开心", acts="唱歌"))) == ["label_left_out"]


def test_what_the_reader_refuses_is_a_finding_and_the_others_are_checked(tmp_path):
    raw.write(tmp_path, "calls.json", [raw.unreadable(), raw.dialogue("good", [raw.answer(客服意图="通知")])])
    checked = check(tmp_path)
    assert kinds(checked) == ["missing_label", "unreadable"] and checked.has_errors and checked.dialogues == 1


def test_a_file_that_is_cut_off_is_a_finding(tmp_path):
    raw.write(tmp_path, "a.json", '[{"id": "x", "content": [')
    raw.write(tmp_path, "b.jsonl", '{"id"\n')
    raw.write(tmp_path, "c.json", [raw.dialogue()])
    assert [finding.kind for finding in check(tmp_path).findings][:2] == ["unreadable", "unreadable"]


class TestRepeats:
    def found(self, tmp_path, **files):
        for name, dialogues in files.items():
            raw.write(tmp_path, f"{name}.json", dialogues)
        return kinds(check(tmp_path))

    def test_one_id_for_two_dialogues(self, tmp_path):
        other = raw.dialogue("a", [raw.turn(service="喂您好")])
        assert self.found(tmp_path, train=[raw.dialogue("a"), other]) == ["doubled_id"]

    def test_the_same_id_in_two_splits(self, tmp_path):
        assert self.found(tmp_path, train=[raw.dialogue("a")], test=[raw.dialogue("a")]) == ["split_leakage"]

    def test_an_archive_of_all_splits_only_repeats_them_as_a_build_gives_it_their_splits(self, tmp_path):
        names = ("train", "dev", "test")
        calls = {name: [raw.dialogue(name, [raw.turn(service=name, 用户情绪="中性")])] for name in names}
        every = [call for split in calls.values() for call in split]
        assert self.found(tmp_path, **calls, all=every) == ["repeated_dialogue"]

    def test_the_same_texts_under_another_id_in_two_splits(self, tmp_path):
        assert self.found(tmp_path, train=[raw.dialogue("a")], test=[raw.dialogue("b")]) == ["split_leakage"]

    def test_the_texts_of_a_test_call_among_the_unlabeled(self, tmp_path):
        plain = raw.plain("p")
        labeled = raw.dialogue("t", [turn | {"用户意图": "问候"} for turn in copy.deepcopy(plain["content"])])
        assert self.found(tmp_path, test=[labeled], unlabeled=[plain]) == ["split_leakage"]

    def test_the_same_dialogue_again_in_one_split(self, tmp_path):
        assert self.found(tmp_path, train=[raw.dialogue("a"), raw.dialogue("a")]) == ["repeated_dialogue"]


def test_a_built_folder_is_checked_too_and_a_wrong_position_in_it_is_an_error(tmp_path):
    turn = raw.answer(客服意图="通知")
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("a", [raw.turn(用户情绪="中性"), turn]), raw.plain("b")])
    build(tmp_path / "raw", tmp_path / "cmcc")
    checked = check(tmp_path / "cmcc")
    assert kinds(checked) == ["missing_label"] and checked.dialogues == 2
    with pytest.raises(cmcc.DataError, match="build with --care"):
        find_source(str(tmp_path / "cmcc"), tmp_path / "care.json")


def test_a_built_folder_of_unlabeled_calls_alone_is_checked(tmp_path):
    raw.write(tmp_path / "raw", "unlabeled.json", [raw.plain("a"), raw.plain("b")])
    build(tmp_path / "raw", tmp_path / "cmcc")
    checked = check(tmp_path / "cmcc")
    assert kinds(checked) == ["repeated_dialogue"] and checked.dialogues == 2


def test_labels_of_the_other_speaker_and_positions_that_are_not_right_are_found_in_rows():
    from cmcc_bench.quality.calls import Call
    from cmcc_bench.quality.structure import structure_findings

    nothing = {"intents": None, "triples": [], "turn": 0}
    entity = {"entity_id": "ent-1", "type": 6, "name": "流量包", "start": 0, "end": 3}
    said = [
        {"speaker": 0, "text": "您好", "emotions": [1], "acts": [0], "entities": [entity], **nothing},
        {"speaker": 0, "text": "请讲", "emotions": None, "acts": [0], "entities": [], **nothing},
    ]
    call = Call({"dialogue_id": "x", "satisfaction": None, "utterances": said}, "train", labeled=True)
    found = {finding.kind for finding in structure_findings(call)}
    assert found == {"label_of_other_speaker", "wrong_position", "speaker_order"}
    assert all(KINDS[kind].error for kind in found)


class TestTheSatisfactionSample:
    def ids(self, folder, seed=0):
        return [f.dialogue_id for f in check(folder, seed=seed).findings if f.kind == "satisfaction_sample"]

    def test_it_is_a_tenth_by_seed_and_id_whatever_the_order(self, tmp_path):
        dialogues = [raw.dialogue(f"call-{n}", [raw.turn(service=f"您好{n}")]) for n in range(95)]
        raw.write(tmp_path / "a", "calls.json", dialogues)
        raw.write(tmp_path / "b", "calls.json", dialogues[::-1])
        sample = self.ids(tmp_path / "a")
        assert len(set(sample)) == 10 and sample == self.ids(tmp_path / "b")
        assert sample != self.ids(tmp_path / "a", seed=1)


def test_the_sample_has_no_errors_and_says_that_it_is_synthetic():
    checked = check("sample")
    assert not checked.has_errors and "SYNTHETIC" in summary_table(checked, "sample").title


def test_the_public_calls_are_readable_and_their_findings_quote_no_number(real_calls):
    checked = check(real_calls)
    assert "unreadable" not in kinds(checked) and checked.dialogues == 20
    assert not any(character.isdecimal() for line in example_lines(checked, 99) if "personal" in line
                   for character in line.split(": ", 3)[-1])  # fmt: skip

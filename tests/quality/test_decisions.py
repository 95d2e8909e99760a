"""From a review to a care file: the labels change as decided, the log tells it, and nothing decided comes back."""

import json

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.dataset import build
from cmcc_bench.quality.calls import find_source
from cmcc_bench.quality.decisions import apply_review, read_log
from cmcc_bench.quality.review import read_review
from tests import raw
from tests.quality.test_review import decided


@pytest.fixture
def folder(tmp_path):
    turns = [
        raw.turn(user="我担心乱扣钱", intents="问候", 用户情绪="中性"),
        raw.answer(客服意图="通知", 用户情绪="抱怨某问题"),
        raw.turn(service="那这个也请您放心", 用户情绪="执行某项操作有困难"),
    ]
    raw.write(tmp_path / "raw", "calls.json", [raw.dialogue("call-1", turns)])
    return tmp_path


def run(*arguments):
    return cli.main(["check", *map(str, arguments)])


def questions(path):
    return [(row["utterance"], row["field"]) for row in map(json.loads, path.read_text("utf-8").splitlines())]


def labels(folder, care=None):
    reader = cmcc.DialogueReader(cmcc.read_care(care) if care else None)
    raw_dialogue = next(cmcc.raw_dialogues(cmcc.find_files(folder / "raw")[0][0]))
    return reader.read(raw_dialogue).row


def test_a_review_is_written_decided_and_applied(folder, capsys):
    review, care = folder / "review.jsonl", folder / "care.json"
    assert run(folder / "raw", "--out", review) == 0
    asked = [("1", "emotions"), ("2", "acts"), ("4", "acts"), ("5", "emotions"), ("", "satisfaction")]
    assert questions(review) == asked
    for line, decision in enumerate(["accept", "reject", "通知,安抚", "accept", "3"]):
        decided(review, decision, "Li", line)
    assert run(folder / "raw", "--apply", review, "--out", care) == 1
    printed = capsys.readouterr().out
    assert "5 decisions" in printed and "NOT APPLIED: dialogue call-1, turn 2" in printed
    row = labels(folder, care)
    spoken = row["utterances"]
    concern = cmcc.EMOTIONS.id_of("express_concern_or_anxiety")
    assert row["satisfaction"] == 2 and spoken[1]["emotions"] == [1, concern] and spoken[5]["emotions"] == [0]
    assert spoken[3]["emotions"] == [1]  # was not asked about, and stays
    assert spoken[2]["acts"] == [0] and spoken[4]["acts"] == [2]

    again = folder / "again.jsonl"
    assert run(folder / "raw", "--care", care, "--out", again) == 0
    assert questions(again) == [("4", "acts")]  # what only a hand can mend comes back, all else is decided
    assert "annotators decided them before: 2" in capsys.readouterr().out


def test_missing_folders_of_review_and_care_file_are_created(folder):
    review, care = folder / "new" / "review.csv", folder / "labels" / "care.json"
    run(folder / "raw", "--out", review)
    decided(review)
    assert run(folder / "raw", "--apply", review, "--out", care) == 0
    assert care.exists() and care.with_name("care.log.jsonl").exists()


def test_the_log_says_who_changed_what(folder):
    review, care = folder / "review.csv", folder / "care.json"
    run(folder / "raw", "--out", review)
    decided(review, annotator="李")
    assert run(folder / "raw", "--apply", review, "--out", care) == 0
    (line,) = (folder / "care.log.jsonl").read_text("utf-8").splitlines()
    entry = json.loads(line)
    assert (entry["annotator"], entry["dialogue_id"], entry["utterance"], entry["turn"]) == ("李", "call-1", 1, 0)
    assert entry["before"] == ["neutral"] and entry["decision"] == "accept"
    assert entry["after"] == ["complain_about_a_problem", "express_concern_or_anxiety"]


def test_a_rejected_suggestion_does_not_come_back_with_its_log(folder):
    review, care, again = folder / "review.csv", folder / "care.json", folder / "again.jsonl"
    run(folder / "raw", "--out", review)
    decided(review, "reject", line=1)
    run(folder / "raw", "--apply", review, "--out", care)
    assert json.loads(care.read_text())["dialogues"] == []
    run(folder / "raw", "--reviewed", folder / "care.log.jsonl", "--out", again)
    assert ("2", "acts") not in questions(again) and ("4", "acts") in questions(again)


def test_decisions_are_merged_into_an_existing_care_file(folder):
    old = {
        "_about": "ours",
        "dialogues": [
            {"id": "other", "caring_acts": {"0": ["comfort"]}},
            {"file": "calls.json", "index": 0, "caring_acts": {"2": ["comfort"]}, "note": "kept"},
        ],
    }
    (folder / "raw" / "care.json").write_text(json.dumps(old))
    review, care = folder / "review.jsonl", folder / "new.json"
    run(folder / "raw", "--out", review)
    assert questions(review)[1] == ("2", "acts")
    decided(review, "accept", line=1)
    assert run(folder / "raw", "--apply", review, "--out", care) == 0
    new = json.loads(care.read_text())
    assert new["_about"] == "ours" and new["dialogues"][0] == old["dialogues"][0]
    assert "Changed by annotators" in new["_revised"]  # what it says of itself is no longer the whole story
    assert new["dialogues"][1] == old["dialogues"][1] | {"caring_acts": {"1": ["comfort"], "2": ["comfort"]}}


def test_a_caring_act_of_an_earlier_care_file_can_be_removed(folder):
    old = {"dialogues": [{"id": "call-1", "caring_acts": {"0": ["empathy"]}}]}
    (folder / "raw" / "care.json").write_text(json.dumps(old))
    review, care = folder / "review.jsonl", folder / "new.json"
    run(folder / "raw", "--out", review)
    assert questions(review)[0] == ("0", "acts")
    decided(review, "accept")
    assert run(folder / "raw", "--apply", review, "--out", care) == 0
    assert json.loads(care.read_text())["dialogues"][0]["caring_acts"] == {}
    assert labels(folder, care)["utterances"][0]["acts"] == [2]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dialogue_id": "unknown"}, "dialogue unknown: the data have no labeled dialogue with this id"),
        ({"utterance": "2"}, "the dialogue has no user utterance with the number 2"),
        ({"utterance": "999"}, "no user utterance with the number 999"),
        ({"current": "抱怨某问题"}, "The labels have changed since"),
    ],
)
def test_a_row_that_does_not_match_the_data_is_an_error(folder, changes, told):
    review = folder / "review.csv"
    run(folder / "raw", "--out", review)
    decided(review, **changes)
    with pytest.raises(cmcc.DataError, match=r"file review\.csv, line 2") as caught:
        apply_review(read_review(review), find_source(str(folder / "raw")), review.name)
    assert told in str(caught.value)


def test_all_rows_that_do_not_match_the_data_are_listed(folder):
    review = folder / "review.csv"
    run(folder / "raw", "--out", review)
    decided(review, dialogue_id="unknown")
    decided(review, line=1)
    decided(review, line=2, utterance="999")
    with pytest.raises(cmcc.DataError, match=r"file review\.csv: 2 rows are wrong\. Fix them") as caught:
        apply_review(read_review(review), find_source(str(folder / "raw")), review.name)
    first, second = str(caught.value).split("\n")[1:]
    assert first.startswith("  line 2, dialogue unknown: the data have no labeled dialogue with this id")
    assert second.startswith(
        "  line 6, row 4, column utterance: the dialogue has no service utterance with the number 999"
    )


def test_emotions_that_are_not_annotated_do_not_become_neutral(tmp_path, capsys):
    turns = [raw.turn(user="我担心啊", intents="问候", 用户情绪="中性"), raw.turn()]
    raw.write(tmp_path / "raw", "calls.json", [raw.dialogue("call-1", turns)])
    review = tmp_path / "review.csv"
    run(tmp_path / "raw", "--out", review)
    decided(review)
    assert run(tmp_path / "raw", "--apply", review, "--out", tmp_path / "care.json") == 1
    assert "Annotate the emotions of all user utterances" in capsys.readouterr().err
    assert not (tmp_path / "care.json").exists()


def test_a_review_of_a_built_folder_makes_a_care_file_for_the_next_build(folder):
    build(folder / "raw", folder / "cmcc")
    review, care, again = folder / "review.jsonl", folder / "care.json", folder / "again.jsonl"
    run(folder / "cmcc", "--out", review)
    for line in range(2):
        decided(review, line=line)
    assert run(folder / "cmcc", "--apply", review, "--out", care) == 0
    build(folder / "raw", folder / "cmcc", care_file=care)
    run(folder / "cmcc", "--reviewed", folder / "care.log.jsonl", "--out", again)
    assert questions(again) == questions(review)[2:]


def test_an_invalid_log_is_an_error_with_its_line(tmp_path):
    (tmp_path / "x.log.jsonl").write_text('{"field": "acts"}\n')
    with pytest.raises(cmcc.DataError, match=r"file x\.log\.jsonl, line 1"):
        read_log(tmp_path / "x.log.jsonl")


class TestTheCommand:
    def test_errors_end_with_1_and_suggestions_with_0(self, tmp_path):
        raw.write(tmp_path / "a", "calls.json", [raw.dialogue("a", [raw.answer(客服意图="通知")])])
        raw.write(tmp_path / "b", "calls.json", [raw.dialogue("b", [raw.answer(用户情绪="中性,抱怨某问题")])])
        assert run(tmp_path / "a") == 0 and run(tmp_path / "b") == 1

    def test_help_says_which_findings_make_1(self, capsys):
        with pytest.raises(SystemExit):
            run("--help")
        printed = " ".join(capsys.readouterr().out.split())
        assert "Exit status 1" in printed and "split_leakage" in printed and "Exit status 0" in printed

    def test_a_copy_of_the_lexicon_is_not_overwritten(self, tmp_path, capsys):
        assert run("--write-lexicon", tmp_path / "mine.toml") == 0
        assert run("--write-lexicon", tmp_path / "mine.toml") == 1
        assert run(cmcc.SAMPLE_DIR, "--lexicon", tmp_path / "mine.toml", "--examples", 0) == 0
        assert "SYNTHETIC" in capsys.readouterr().out

    def test_an_existing_review_file_is_an_error_before_anything_is_read(self, folder, capsys):
        (folder / "review.csv").write_text("mine")
        assert run(folder / "raw", "--out", folder / "review.csv") == 1
        assert "may contain decisions" in capsys.readouterr().err


def test_after_accepting_all_proposals_for_the_sample_no_question_is_left(tmp_path):
    review, care, again = tmp_path / "review.jsonl", tmp_path / "care.json", tmp_path / "again.jsonl"
    run("sample", "--examples", 0, "--out", review)
    rows = [json.loads(line) | {"decision": "accept", "annotator": "Li"} for line in review.read_text().splitlines()]
    review.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(rows) > 100 and run("sample", "--apply", review, "--out", care) == 0
    assert run("sample", "--care", care, "--examples", 0, "--out", again) == 0
    assert questions(again) == []

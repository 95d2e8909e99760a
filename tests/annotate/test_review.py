"""The findings of a check on the page: one key each, and a review file that --apply takes."""

import json

import pytest

from cmcc_bench import cli
from cmcc_bench.annotate.review import decision_word, review_mode
from cmcc_bench.annotate.store import Decision
from cmcc_bench.errors import DataError
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import Finding
from cmcc_bench.quality.review import read_review, review_items
from tests.annotate.work import open_review_work, review_questions, write_disputed_calls


@pytest.fixture
def folder(tmp_path):
    write_disputed_calls(tmp_path / "raw")
    return tmp_path


def decide(session, question, labels, choice=""):
    place = {"utterance": question["utterance"], "field": question["field"]}
    session.decide({"call": 0, "labels": labels, "choice": choice, **place})


def test_the_findings_are_asked_with_what_to_accept_and_what_to_keep(folder):
    session, items = open_review_work(folder), review_questions(folder)
    call = session.open(0)
    assert [(one["utterance"], one["field"]) for one in call["questions"]] == [
        (1, "emotions"), (2, "acts"), (4, "acts"), (5, "emotions"), (None, "satisfaction"),
    ]  # fmt: skip
    first, *_, last = call["questions"]
    assert {one["name"]: (one["key"], one["labels"]) for one in first["candidates"]} == {
        "accept": ("a", items[0].proposed), "reject": ("r", items[0].current),
    }  # fmt: skip
    assert first["proposal"] == items[0].proposed and "担心" in first["about"]["en"] and "担心" in first["about"]["zh"]
    assert [one["name"] for one in last["candidates"]] == ["accept"]
    assert "零零零" not in call["utterances"][4]["text"] and "***" in call["utterances"][4]["text"]
    session.close()


def test_a_doubted_satisfaction_can_be_accepted_or_kept():
    finding = Finding("likely_wrong_label", "a", None, "probability 0.90", "satisfaction", 0, adds=True)
    sampled = Finding("satisfaction_sample", "a", None, "satisfied", "satisfaction", 2, adds=True)
    call = Call({"dialogue_id": "a", "satisfaction": 2, "utterances": []}, "train", True)
    (item,) = review_items([sampled, finding], [call])
    (asked,) = review_mode([item]).questions["a"]
    assert [(one.key, one.labels) for one in asked.candidates] == [("a", (0,)), ("r", (2,))]
    assert [(mark.label, mark.source) for mark in asked.marks] == [(0, "add")]
    words = [decision_word(item, Decision(labels)) for labels in ((0,), (2,), None)]
    assert words == ["accept", "satisfied", ""]  # a review file takes no "reject" of a satisfaction


@pytest.mark.parametrize("name", ["review.csv", "review.jsonl"])
def test_the_decisions_are_what_apply_takes(folder, name):
    session, items = open_review_work(folder, name), review_questions(folder)
    questions = session.open(0)["questions"]
    decide(session, questions[0], list(items[0].proposed), "accept")
    decide(session, questions[1], list(items[1].current), "reject")
    decide(session, questions[2], [0, 10, 12])
    decide(session, questions[4], [2])
    session.close()
    rows = read_review(folder / name)
    assert [(row.utterance, row.field, row.decision, row.annotator) for row in rows] == [
        (1, "emotions", "accept", "A"), (2, "acts", "reject", "A"), (4, "acts", "labels", "A"),
        (None, "satisfaction", "labels", "A"),
    ]  # fmt: skip
    assert (
        cli.main(["check", str(folder / "raw"), "--apply", str(folder / name), "--out", str(folder / "care.json")]) <= 1
    )
    (entry,) = json.loads((folder / "care.json").read_text("utf-8"))["dialogues"]
    assert entry["satisfaction"] == 3 and "1" not in entry["caring_acts"]


def test_a_second_start_goes_on_and_other_questions_are_refused(folder):
    session, items = open_review_work(folder), review_questions(folder)
    decide(session, session.open(0)["questions"][0], list(items[0].proposed), "accept")
    session.close()
    session = open_review_work(folder)
    assert session.progress().decided == 1 and session.open(0)["questions"][0]["choice"] == "accept"
    session.undo({})
    session.close()
    assert read_review(folder / "review.csv") == []
    with pytest.raises(DataError, match="found cmcc check, A"):
        open_review_work(folder, annotator="B")
    (folder / "review.journal").unlink()
    with pytest.raises(DataError, match="the file exists already and may contain decisions"):
        open_review_work(folder)


def test_an_empty_cell_is_no_decision_so_no_act_is_refused(folder):
    session = open_review_work(folder)
    question = session.open(0)["questions"][1]
    assert question["can_be_none"] is False
    with pytest.raises(DataError, match="found no label; expected one label or more"):
        decide(session, question, [])
    session.close()
    assert review_mode([]).questions == {}


def test_the_command_needs_a_name_and_a_file(folder, capsys):
    assert cli.main(["check", str(folder / "raw"), "--web"]) == 2
    assert "--annotator NAME and --out REVIEW.csv" in capsys.readouterr().err

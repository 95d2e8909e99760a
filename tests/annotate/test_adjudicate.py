"""Adjudication on the page: what was said side by side, the labels that come of it, and a log of who decided what."""

import json

import pytest

import cmcc
from cmcc_bench.annotate.adjudicate import adjudicate_mode, candidates
from cmcc_bench.errors import DataError
from cmcc_bench.quality.adjudication import Decided, Dispute
from cmcc_bench.quality.decisions import decided_in, read_log
from tests.annotate.work import open_adjudication_work

COMPLAINT = (1,)


def dispute(utterance, field="emotions", **given):
    return Dispute("call-1", utterance, field, given, max(given.values(), key=list(given.values()).count))


@pytest.fixture
def disputes():
    return [dispute(1, A=COMPLAINT, B=(0,), C=COMPLAINT), dispute(None, "satisfaction", A=(0,), B=(1,), C=(2,))]


def test_equal_answers_are_one_candidate_and_the_most_frequent_comes_first():
    one = dispute(1, A=(0,), B=COMPLAINT, C=COMPLAINT)
    assert [(c.name, c.key, c.labels) for c in candidates(one)] == [("B, C", "a", (1,)), ("A", "s", (0,))]
    many = Dispute("call-1", 1, "emotions", {f"N{n}": (n % 8 + 1, 9 + n) for n in range(12)}, (0,))
    keys = [one.key for one in candidates(many)]
    assert len(keys) == 12 and keys[-1] == "" and len(set(keys)) == 12 and not set(keys) & set("glnzqwetyuio")


def test_a_dispute_is_asked_with_its_proposal_and_nothing_else_is_asked(tmp_path, disputes):
    session = open_adjudication_work(tmp_path, disputes)
    assert session.start()["mode"] == "adjudicate" and session.progress().questions == 2
    questions = session.open(0)["questions"]
    assert [(one["utterance"], one["proposal"]) for one in questions] == [(1, COMPLAINT), (None, (0,))]
    assert adjudicate_mode(disputes).sizes() == {"call-1": 2}
    session.close()


def test_the_care_file_has_what_is_agreed_and_decided_and_the_log_who_said_what(tmp_path, disputes):
    session = open_adjudication_work(tmp_path, disputes)
    session.decide({"call": 0, "utterance": 1, "field": "emotions", "labels": [0], "choice": "B", "note": "calm"})
    session.close()
    care = cmcc.read_care(tmp_path / "care.json")
    assert care["call-1"].emotions == {} and care["call-1"].acts == {1: (10,)}
    assert care["call-1"].satisfaction is None and care["call-2"].satisfaction == 2
    (line,) = read_log(tmp_path / "care.log.jsonl")
    assert json.loads(line) == {
        "annotator": "D", "dialogue_id": "call-1", "utterance": 1, "turn": 0, "field": "emotions", "decision": "B",
        "before": ["complain_about_a_problem"], "after": ["neutral"], "add": ["neutral"],
        "remove": ["complain_about_a_problem"], "applied": True, "note": "calm",
        "given": {"A": ["complain_about_a_problem"], "B": ["neutral"], "C": ["complain_about_a_problem"]},
    }  # fmt: skip
    assert ("call-1", 1, "emotions", 1, False) in decided_in([line])


def test_what_a_method_decided_before_is_in_both_files_until_the_page_decides_otherwise(tmp_path, disputes):
    taken = {0: Decided(COMPLAINT, "majority", "taken")}
    session = open_adjudication_work(tmp_path, disputes, taken=taken)
    assert session.progress().questions == 1
    session.decide({"call": 0, "utterance": None, "field": "satisfaction", "labels": [1], "choice": "B"})
    session.close()
    care = cmcc.read_care(tmp_path / "care.json")["call-1"]
    assert care.emotions == {0: COMPLAINT} and care.satisfaction == 1
    log = [json.loads(line) for line in read_log(tmp_path / "care.log.jsonl")]
    assert [(line["annotator"], line["decision"]) for line in log] == [("majority", "taken"), ("D", "B")]


def test_a_second_start_goes_on_and_other_disputes_are_refused(tmp_path, disputes):
    session = open_adjudication_work(tmp_path, disputes)
    session.decide({"call": 0, "utterance": None, "field": "satisfaction", "labels": [1], "choice": "B"})
    session.close()
    session = open_adjudication_work(tmp_path, disputes)
    assert session.progress().decided == 1
    session.undo({})
    session.close()
    assert (tmp_path / "care.log.jsonl").read_text("utf-8") == ""
    with pytest.raises(DataError, match="found cmcc agreement, D"):
        open_adjudication_work(tmp_path, disputes[:1])
    (tmp_path / "care.journal").unlink()
    with pytest.raises(DataError, match="the file exists already"):
        open_adjudication_work(tmp_path, disputes)

"""Adjudication: what all gave is taken, the rest is asked and decided, and the log says who decided what."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import cmcc
from cmcc_bench import cli
from cmcc_bench.commands.annotate import serve
from cmcc_bench.quality.adjudication_report import kappa_of_counts
from cmcc_bench.quality.decisions import read_log
from tests import raw

CALM, COMPLAINT, WORRY = "中性", "抱怨某问题", "表示担忧或焦虑"


def annotator(folder, name, first, second, act=(), satisfaction=1):
    entry = {
        "file": "calls.json",
        "index": 0,
        "id": "call-1",
        "satisfaction": satisfaction,
        "user_emotions": {"0": [first], "1": [second]},
        "caring_acts": {"1": list(act)},
    }
    (folder / f"care_{name}.json").write_text(json.dumps({"dialogues": [entry]}), "utf-8")


@pytest.fixture
def folder(tmp_path):
    turns = [raw.turn(user="我担心乱扣钱"), raw.answer(客服意图="通知", 用户情绪=None)]
    one = raw.dialogue("call-1", turns) | {"满意度": None}
    raw.write(tmp_path / "raw", "calls.json", [one, raw.plain("plain-1")])
    annotator(tmp_path, "A", WORRY, COMPLAINT, ["安抚"])
    annotator(tmp_path, "B", WORRY, CALM, ["安抚"])
    annotator(tmp_path, "C", COMPLAINT, COMPLAINT, ["安抚"], satisfaction=3)
    return tmp_path


def run(folder, *arguments, names="ABC"):
    files = [str(folder / f"care_{name}.json") for name in names]
    fixed = ["--data", str(folder / "raw"), "--resamples", "20", "--adjudicate", str(folder / "out.json")]
    return cli.main(["agreement", *files, *fixed, *map(str, arguments)])


def fill(folder, **decisions):
    """Fills in decisions by field, or by field and utterance (emotions1)."""
    path = folder / "out.review.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["decision"] = decisions.get(row["field"] + row["utterance"], "")
        row["annotator"] = "Li" if row["decision"] else ""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_what_differs_is_asked_decided_and_logged(folder, capsys):
    assert run(folder, "--method", "majority") == 0
    care = cmcc.read_care(folder / "out.json")["call-1"]
    assert care.acts == {1: (10,)} and care.emotions is None and care.satisfaction is None
    assert "3 questions" in (printed := capsys.readouterr().out) and "with the decided" in printed
    rows = fill(folder, emotions1="accept", emotions3="reject", satisfaction="2")
    assert [(row["field"], row["utterance"]) for row in rows] == [
        ("emotions", "1"), ("emotions", "3"), ("satisfaction", ""),
    ]  # fmt: skip
    assert rows[0]["proposed"] == "express_concern_or_anxiety" and "complain_about_a_problem" in rows[0]["cues"]

    assert run(folder, "--method", "majority", "--apply", folder / "out.review.csv") == 0
    care = cmcc.read_care(folder / "out.json")["call-1"]
    assert care.emotions == {0: (cmcc.EMOTIONS.id_of("express_concern_or_anxiety"),)} and care.satisfaction == 1
    log = [json.loads(line) for line in read_log(folder / "out.log.jsonl")]
    assert [(line["annotator"], line["decision"]) for line in log] == [
        ("Li", "accept"), ("Li", "reject"), ("Li", "labels"),
    ]  # fmt: skip
    assert log[2]["given"] == {"care_A": ["unsatisfied"], "care_B": ["unsatisfied"], "care_C": ["satisfied"]}
    assert log[2]["after"] == ["accepted_unsolved"] and log[1]["turn"] == 1
    first = (folder / "out.json").read_bytes()
    assert run(folder, "--method", "majority", "--apply", folder / "out.review.csv") == 0
    assert (folder / "out.json").read_bytes() == first


def test_a_field_with_an_open_question_is_not_written(folder, capsys):
    run(folder, "--method", "majority")
    fill(folder, emotions1="accept")
    assert run(folder, "--method", "majority", "--apply", folder / "out.review.csv") == 0
    care = cmcc.read_care(folder / "out.json")["call-1"]
    assert care.emotions is None and "2 undecided" in capsys.readouterr().out


def test_certain_proposals_are_taken_and_the_log_says_by_what(folder):
    assert run(folder, "--method", "majority", "--take", "0.6") == 0
    care = cmcc.read_care(folder / "out.json")["call-1"]
    assert care.emotions == {0: (5,), 1: (1,)} and care.satisfaction == 0
    assert {json.loads(line)["annotator"] for line in read_log(folder / "out.log.jsonl")} == {"majority"}
    assert not (folder / "out.review.csv").exists()


def test_three_annotators_are_weighed_by_dawid_skene_and_two_are_not(folder, capsys):
    run(folder)
    assert "as dawid-skene proposes" in capsys.readouterr().out
    (folder / "out.review.csv").unlink()
    run(folder, names="AB")
    assert "as majority proposes" in capsys.readouterr().out
    with (folder / "out.review.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["proposed"] == "complain_about_a_problem" and row["current"] == "neutral"  # as A says


def test_a_review_of_other_annotations_is_refused(folder, capsys):
    run(folder, "--method", "majority")
    fill(folder, emotions1="accept")
    annotator(folder, "C", WORRY, COMPLAINT, ["安抚"], satisfaction=3)
    assert run(folder, "--method", "majority", "--apply", folder / "out.review.csv") == 1
    assert "do not disagree about this" in capsys.readouterr().err


def test_a_review_with_decisions_is_not_overwritten(folder, capsys):
    run(folder)
    assert run(folder) == 1 and "may contain decisions" in capsys.readouterr().err


def test_the_page_asks_what_differs_and_knows_what_is_agreed(folder, monkeypatch):
    sessions = []
    monkeypatch.setattr("cmcc_bench.commands.quality.serve", lambda session, _: sessions.append(session) or 0)
    assert run(folder, "--web", "--annotator", "Li") == 0
    (session,) = sessions
    assert session.progress().questions == 3
    session.decide({"call": 0, "utterance": None, "field": "satisfaction", "labels": [2], "choice": "care_C"})
    session.close()
    care = cmcc.read_care(folder / "out.json")["call-1"]
    assert care.acts == {1: (10,)} and care.emotions is None and care.satisfaction == 2


def test_the_page_and_the_review_file_give_the_same_care_file(folder, monkeypatch, capsys):
    def decide_and_end(session, options):
        session.decide({"call": 0, "utterance": None, "field": "satisfaction", "labels": [2], "choice": "care_C"})
        return serve(session, options)

    monkeypatch.setattr("cmcc_bench.commands.quality.serve", decide_and_end)
    monkeypatch.setattr("cmcc_bench.annotate.server.PageServer.run", lambda _: None)
    assert run(folder, "--web", "--annotator", "Li") == 0
    assert f"{folder / 'out.json'}: 1 of 3 labels" in capsys.readouterr().out
    page = json.loads((folder / "out.json").read_bytes())
    assert run(folder) == 0
    fill(folder, satisfaction="3")
    assert run(folder, "--apply", folder / "out.review.csv") == 0
    assert json.loads((folder / "out.json").read_bytes()) == page
    assert page["annotators"] == ["care_A", "care_B", "care_C"]


def test_wrong_use_is_refused(folder, capsys):
    care = [str(folder / f"care_{name}.json") for name in "AB"]
    assert cli.main(["agreement", *care, "--apply", "x.csv"]) == 2
    assert cli.main(["agreement", *care, "--adjudicate", "x.json", "--web"]) == 2
    assert cli.main(["agreement", *care, "--adjudicate", str(folder / "out.json"), "--json"]) == 2
    own = (folder / "care_A.json").read_bytes()
    assert cli.main(["agreement", *care, "--adjudicate", care[0]]) == 2
    assert (folder / "care_A.json").read_bytes() == own
    assert run(folder, "--adjudicate", str(folder / "out.csv")) == 1
    (folder / "raw" / "calls.json").unlink()
    assert cli.main(["agreement", *care, "--adjudicate", str(folder / "out.json"), "--resamples", "0"]) == 1
    assert "Add --data RAW" in capsys.readouterr().err


def test_kappa_of_counts_is_that_of_scikit_learn():
    first, second = np.random.default_rng(0).random((2, 50)) < [[0.4], [0.5]]
    counts = [np.sum(a & b) for a, b in ((first, second), (first, ~second), (~first, second), (~first, ~second))]
    assert kappa_of_counts(np.array(counts, float)) == pytest.approx(cohen_kappa_score(first, second))
    assert np.isnan(kappa_of_counts(np.array([0.0, 0, 0, 9])))

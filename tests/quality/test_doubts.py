"""Labels that a model doubts: planted errors are found, and no model judges a call that it trained on."""

import json

import numpy as np
import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.ngrams import fit_ngrams
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.doubts import (
    asked_labels,
    confident_errors,
    confident_levels,
    cross_validated,
    doubts,
    labeled_texts,
    most_doubtful,
)
from cmcc_bench.quality.review import propose, review_items
from cmcc_bench.reader.splits import split_of
from cmcc_bench.vocabulary import EMOTIONS
from tests import raw

COMPLAINT, WORRY = 1, 5
SAID = {0: "好的谢谢", COMPLAINT: "怎么又扣我钱啊", WORRY: "我担心以后乱扣"}


def call(number, *emotions):
    utterances = [
        {"speaker": 1, "turn": turn, "text": f"{SAID[one]}{number % 7}", "emotions": [one], "acts": None}
        for turn, one in enumerate(emotions)
    ]
    return Call({"dialogue_id": f"call-{number}", "satisfaction": None, "utterances": utterances}, "train", True)


@pytest.fixture
def calls():
    made = [call(number, 0, COMPLAINT, WORRY) for number in range(30)]
    made[3].row["utterances"][1]["emotions"] = [0]  # a complaint is missing
    made[7].row["utterances"][0]["emotions"] = [WORRY]  # a worry too many
    return made


def test_planted_errors_come_first(calls):
    data = labeled_texts(calls, "emotions")
    found = doubts(data, cross_validated(data))
    places = {(one.dialogue_id, one.utterance, one.label, one.adds): one for one in found[:2]}
    assert set(places) == {("call-3", 1, COMPLAINT, True), ("call-7", 0, WORRY, False)}
    assert {one.kind for one in found} == {"likely_missing_label", "likely_wrong_label"}
    assert all(one.label for one in found)  # neutral is the absence of others


def test_each_part_is_predicted_without_its_own_dialogues(calls):
    data = labeled_texts(calls, "emotions")
    before = cross_validated(data)
    data.gold[:3] = ~data.gold[:3]  # the labels of one dialogue
    assert (cross_validated(data)[:3] == before[:3]).all()


def test_a_bold_model_must_be_bolder():
    given = np.array([[True], [True], [False], [False], [False]])
    bold = np.array([[0.99], [0.97], [0.6], [0.01], [0.02]])
    assert not confident_errors(given, bold)[0].any()
    cautious = np.array([[0.6], [0.55], [0.6], [0.1], [0.2]])
    assert confident_errors(given, cautious)[0][:, 0].tolist() == [False, False, True, False, False]


def test_labels_that_all_or_none_have_are_not_doubted():
    assert not confident_errors(np.array([[True, False]] * 4), np.full((4, 2), 0.5))[0].any()


def test_the_errors_are_those_of_cleanlab():
    find = pytest.importorskip("cleanlab.filter").find_label_issues
    generator = np.random.default_rng(0)
    given = generator.random(400) < 0.3
    p = np.clip(np.where(given, 0.7, 0.2) + generator.normal(0, 0.25, 400), 0.01, 0.99)
    theirs = find(given.astype(int), np.stack([1 - p, p], 1), filter_by="confident_learning", n_jobs=1)
    assert theirs.sum() > 5 and (confident_errors(given[:, None], p[:, None])[0][:, 0] == theirs).all()


def rated(number, *emotions):
    """A call in which the user is satisfied, or complains and is not."""
    made = call(number, *emotions)
    made.row["satisfaction"] = 0 if COMPLAINT in emotions else 2
    return made


def test_planted_errors_of_the_satisfaction_come_first_and_the_right_level_is_proposed():
    made = [rated(number, 0, COMPLAINT if number % 3 == 0 else WORRY, 0) for number in range(30)]
    made[4].row["satisfaction"], made[6].row["satisfaction"] = 0, 2
    data = labeled_texts([*made, call(30, 0)], "satisfaction")
    found = doubts(data, cross_validated(data))
    assert {(one.dialogue_id, one.utterance, one.label) for one in found[:2]} == {
        ("call-4", None, 2),
        ("call-6", None, 0),
    }
    assert {one.kind for one in found} == {"likely_wrong_label"} and "satisfied 0.0" in found[0].detail
    items = {item.dialogue_id: item for item in review_items(found, made)}
    assert items["call-6"].current == (2,) and items["call-6"].proposed == (0,)


def test_a_doubted_satisfaction_that_is_also_in_the_sample_has_one_proposal():
    assert propose("satisfaction", (2,), (2, 0), ()) == (0,) and propose("satisfaction", (2,), (2,), ()) == (2,)


def test_a_level_is_doubted_where_another_is_as_probable_as_for_its_own_calls():
    given = np.array([0, 0, 1, 1, 1])
    p = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.3, 0.7, 0], [0.6, 0.4, 0], [0.2, 0.8, 0]])
    # 0.6 is above the mean of those given 0 (0.55), 0.8 above the mean of those given 1 (0.63); no text was given 2
    assert confident_levels(given, p).tolist() == [-1, 1, -1, 0, -1]


def test_the_doubted_levels_are_those_of_cleanlab():
    find = pytest.importorskip("cleanlab.filter").find_label_issues
    generator = np.random.default_rng(0)
    given = generator.integers(0, 3, 400)
    p = generator.dirichlet([0.6] * 3, 400) + 0.4 * np.eye(3)[given]
    p /= p.sum(axis=1, keepdims=True)
    theirs = find(given, p, filter_by="confident_learning", n_jobs=1)
    assert theirs.sum() > 5 and ((confident_levels(given, p) >= 0) == theirs).all()


def test_a_single_call_with_a_satisfaction_does_not_end_the_check(tmp_path, capsys):
    turns = [raw.turn(user=SAID[COMPLAINT], 用户情绪="抱怨某问题")]
    calls = [raw.dialogue(f"call-{number}", turns) for number in range(8)]
    for one in calls[1:]:
        del one["满意度"]
    raw.write(tmp_path / "raw", "calls.json", calls)
    cli.main(["check", str(tmp_path / "raw"), "--doubts", "5"])
    assert "too few" not in capsys.readouterr().err


def test_fields_take_turns_in_the_list():
    assert most_doubtful([["a", "b", "c"], ["x"]], 3) == ["a", "x", "b"] and most_doubtful([], 3) == []


def write_raw(folder, count=12):
    """Raw files of calls of which every second has a complaint; the first one's is missing."""
    names = {0: "中性", COMPLAINT: "抱怨某问题"}
    for number in range(count):
        turns = [
            raw.turn(user=SAID[one] + chr(0x4E00 + number), intents="其他", 用户情绪=names[one])
            for one in (0, COMPLAINT)
        ]
        if number == 0:
            turns[1]["用户情绪"] = "中性"
        raw.write(folder, f"calls-{number}.json", [raw.dialogue(f"call-{number}", turns)])


def test_the_command_lists_the_doubts_and_asks_about_them(tmp_path, capsys):
    write_raw(tmp_path / "raw")
    assert cli.main(["check", str(tmp_path / "raw"), "--doubts", "5", "--out", str(tmp_path / "r.jsonl")]) == 0
    assert "likely_missing_label: dialogue call-0, utterance 3: complain" in capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text("utf-8").splitlines()]
    (row,) = [row for row in rows if "likely_missing_label" in row["kinds"]]
    assert row["proposed"] == "complain_about_a_problem" and "probability 0." in row["cues"]


def write_model(folder, dataset=None, task="emotion"):
    """An emotion model of character n-grams, in the folder of a run that names its data."""
    data = labeled_texts([call(number, 0, COMPLAINT, WORRY) for number in range(9)], "emotions")
    fit_ngrams(data.texts, data.gold, EMOTIONS.names, multi_label=True).save(folder / "best")
    TrainingRecord(task=task).save(folder / "best")
    if dataset is not None:
        (folder / "run.json").write_text(json.dumps({"recipe": {"dataset": dataset}}))
    return str(folder / "best")


def test_a_model_does_not_judge_calls_that_it_trained_on(tmp_path, capsys):
    write_raw(tmp_path / "raw", 30)
    model = write_model(tmp_path / "run")
    assert cli.main(["check", str(tmp_path / "raw"), "--model", model]) == 0
    printed = capsys.readouterr().out
    splits = [split_of(f"call-{number}") for number in range(30)]
    assert f"leave out {splits.count('train')} calls that it trained on" in printed
    assert "likely_missing_label: dialogue call-0" not in printed or splits[0] != "train"


def test_a_model_of_all_the_calls_is_refused(tmp_path, capsys):
    write_raw(tmp_path / "train")
    (tmp_path / "raw").mkdir()
    (tmp_path / "train").rename(tmp_path / "raw" / "train")
    assert cli.main(["check", str(tmp_path / "raw"), "--model", write_model(tmp_path / "run")]) == 1
    assert "Use --doubts N without --model" in capsys.readouterr().err


def test_a_run_that_names_its_data_has_seen_only_those(tmp_path, capsys):
    write_raw(tmp_path / "raw")
    model = write_model(tmp_path / "run", dataset="sample")  # has none of these calls
    assert cli.main(["check", str(tmp_path / "raw"), "--model", model]) == 0
    printed = capsys.readouterr().out
    assert "leave out" not in printed and "likely_missing_label: dialogue call-0, utterance 3" in printed


def test_other_models_and_too_few_calls_are_refused(tmp_path, capsys):
    write_raw(tmp_path / "raw", 1)
    assert cli.main(["check", str(tmp_path / "raw"), "--doubts", "5"]) == 1
    model = write_model(tmp_path / "run", dataset="sample", task="satisfaction")
    assert cli.main(["check", str(tmp_path / "raw"), "--model", model]) == 1
    printed = capsys.readouterr().err
    assert "too few dialogues" in printed and "expected a model of emotions" in printed


def test_only_caring_acts_are_doubted():
    assert [cmcc.ACTS.names[label] for label in asked_labels("acts")] == ["comfort", "explain", "empathy", "agree"]

"""Which labeled dialogues are used, and pseudo-labels for response models."""

import json
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.recognition import pseudo
from cmcc_bench.recognition.pseudo import confidences, label_unlabeled, pseudo_rows
from cmcc_bench.simulate import write_corpus
from cmcc_bench.textform import FORMS
from cmcc_bench.training.emotion import EmotionRecipe
from cmcc_bench.training.labels import describe, is_in_share
from tests.tiny_model import write_model


def test_a_share_is_of_dialogues_and_smaller_ones_are_in_larger_ones():
    ids = [f"call-{number}" for number in range(2000)]
    few, most = ({name for name in ids if is_in_share(name, share)} for share in (0.2, 0.7))
    assert few < most and len(few) == pytest.approx(400, rel=0.2)
    assert all(is_in_share(name, 1.0) for name in ids)


def test_confidences_are_one_for_all_and_others_for_some():
    found = confidences("emotion", "0.9,neutral=0.99")
    assert found["neutral"] == 0.99 and found["dissatisfied_with_service"] == 0.9
    assert set(confidences("response", "0.5")) == {"entities", "user_intent", "emotions", "acts"}
    for wrong in ("much", "0.9,sad=0.1", "1.2", "0.9,neutral=x"):
        with pytest.raises(cmcc.DataError, match="pseudo_confidence"):
            confidences("emotion", wrong)


def test_emotions_are_kept_where_every_label_is_decided(tmp_path):
    def row(number, *scores):
        return {"dialogue_id": "d", "utterance": number, "context": "", "text": "", "scores": [*scores, *[0.0] * 7]}

    path = tmp_path / "labels.jsonl"
    rows = [row(0, 0.95, 0.0), row(1, 0.95, 0.5), row(2, 0.05, 0.05), row(3, 0.0, 0.93)]
    path.write_bytes(orjson.dumps({"dialogue_id": "d", "rows": rows}) + b"\n")
    kept = list(pseudo_rows("emotion", path, confidences("emotion", "0.9")))
    assert [(row["utterance"], row["emotions"]) for row in kept] == [(0, [0]), (3, [1])]


@pytest.fixture
def response_model(tmp_path) -> Path:
    write_model(tmp_path / "model", FORMS["variant"])
    return tmp_path / "model"


def test_a_response_model_labels_exchanges_and_keeps_their_replies(data, response_model, tmp_path):
    path, seen = tmp_path / "labels.jsonl", []
    label_unlabeled("response", str(response_model), str(data), path, 4, lambda *done: seen.append(done))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 4 and seen[-1] == (4, 4)
    unlabeled = cmcc.load("unlabeled", data_dir=data.parent / "raw")["train"]
    texts = {row["dialogue_id"]: [u["text"] for u in row["utterances"]] for row in unlabeled}
    for line in lines:
        for row in line["rows"]:
            assert row["user"] in texts[line["dialogue_id"]] and row["response"] in texts[line["dialogue_id"]]
            assert set(row["confidence"]) == {"entities", "user_intent", "emotions", "acts"}
            assert all(0 <= found <= 1 for found in row["confidence"].values())
    every = list(pseudo_rows("response", path, confidences("response", "0")))
    assert len(every) == sum(len(line["rows"]) for line in lines) and "confidence" not in every[0]
    assert list(pseudo_rows("response", path, confidences("response", "1"))) == []


@pytest.mark.slow
def test_labeling_that_was_stopped_goes_on_and_gives_the_same(data, response_model, tmp_path):
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    for path in (whole, part):
        label_unlabeled("response", str(response_model), str(data), path)
    part.unlink()
    part.with_name("part.jsonl.part").write_bytes(b'{"unit":0,"lin')
    label_unlabeled("response", str(response_model), str(data), part)
    assert part.read_bytes() == whole.read_bytes()
    with pytest.raises(cmcc.DataError, match="of another model or other data"):
        label_unlabeled("response", str(response_model), str(data), part, most=3)


@pytest.mark.slow
def test_a_batch_that_was_stopped_is_labeled_again_as_a_whole(data, response_model, tmp_path, monkeypatch):
    monkeypatch.setattr(pseudo, "_DIALOGUES", 2)
    path, seen = tmp_path / "labels.jsonl", []
    label_unlabeled("response", str(response_model), str(data), path)
    whole = path.read_bytes()
    path.unlink()

    def progress(done, total):
        seen.append((done, total))
        if len(seen) == 2:
            raise KeyboardInterrupt

    for _ in range(2):
        with suppress(KeyboardInterrupt):
            label_unlabeled("response", str(response_model), str(data), path, progress=progress)
    assert path.read_bytes() == whole and seen == [(0, 6), (2, 6), (2, 6), (4, 6), (6, 6)]
    assert not path.with_name("labels.jsonl.part").exists()


def test_labels_of_data_that_were_built_anew_are_refused(response_model, tmp_path):
    for seed in (0, 1):
        write_corpus(tmp_path / f"raw-{seed}", 1, 3, seed=seed)
        build(tmp_path / f"raw-{seed}", tmp_path / "cmcc")
        if seed == 0:
            label_unlabeled("response", str(response_model), str(tmp_path / "cmcc"), tmp_path / "labels.jsonl")
    with pytest.raises(cmcc.DataError, match=r"other data.*Remove labels.jsonl to label again"):
        label_unlabeled("response", str(response_model), str(tmp_path / "cmcc"), tmp_path / "labels.jsonl")


def test_a_model_that_is_not_there_is_named(data, tmp_path):
    with pytest.raises(cmcc.DataError, match=r"model nowhere: no such folder"):
        label_unlabeled("response", "nowhere", str(data), tmp_path / "labels.jsonl")


def test_a_file_that_this_model_did_not_begin_is_left_alone(data, response_model, tmp_path):
    (tmp_path / "mine.jsonl").write_text("precious\n")
    with pytest.raises(cmcc.DataError, match="of another model"):
        label_unlabeled("response", str(response_model), str(data), tmp_path / "mine.jsonl")
    assert (tmp_path / "mine.jsonl").read_text() == "precious\n"


@pytest.mark.parametrize("key", ["backbone", "pseudo_label"])
def test_a_model_that_learned_from_a_licensed_one_is_licensed_itself(tmp_path, key):
    settings = {"out": "x", "backbone": "scratch", "epochs": 1, "batch_size": 8, "learning_rate": 1e-3}
    rows = {"train": [{"dialogue_id": f"{cmcc.SYNTHETIC_ID}1"}], "validation": []}
    assert describe("emotion", EmotionRecipe(**settings), rows).licensed is False
    for name, licensed, expected in (("real", True, True), ("unknown", None, True), ("simulated", False, False)):
        (tmp_path / name).mkdir()
        TrainingRecord("emotion", "cmcc", not licensed, licensed).save(tmp_path / name)
        recipe = EmotionRecipe(**(settings | {key: str(tmp_path / name)}))
        assert describe("emotion", recipe, rows).licensed is expected


def test_the_place_of_the_data_on_this_machine_is_not_in_the_models_folder(tmp_path):
    settings = {"out": "x", "backbone": "scratch", "epochs": 1, "batch_size": 8, "learning_rate": 1e-3}
    recipe = EmotionRecipe(**settings, dataset=str(tmp_path / "my-data"))
    assert describe("emotion", recipe, {"train": [], "validation": []}).dataset == "my-data"

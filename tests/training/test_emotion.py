"""Training emotion classifiers, with the options that a recipe has."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

import cmcc
from cmcc_bench import cli
from cmcc_bench.corpus import open_split
from cmcc_bench.dataset import build
from cmcc_bench.models.record import read_training
from cmcc_bench.scoring import read_answers
from cmcc_bench.simulate import write_corpus
from cmcc_bench.training.emotion import EmotionRecipe
from cmcc_bench.training.recipe import read_recipe
from tests import raw

from .recognizers import SHORT, SMALL, labels_by_transformers_alone, stop_at

ROOT = Path(__file__).parents[2]


@pytest.fixture
def trained(data, tmp_path, run_training):
    def run(name="run", **settings):
        out = tmp_path / name
        assert run_training("emotion", **({**SMALL, **SHORT, "dataset": data, "out": out} | settings)) == 0
        return out

    return run


def test_the_checkpoint_is_transformers_own_with_nine_english_names(trained, data, tmp_path, capsys):
    out = trained(learning_rate=1e-4)
    found = labels_by_transformers_alone(out / "best", ROOT)
    assert set(found) == set(cmcc.EMOTIONS) and all(0 <= score <= 1 for score in found.values())
    assert sum(found.values()) != pytest.approx(1, abs=1e-3)  # a sigmoid each, no softmax
    assert cli.main(["predict", str(out / "best"), str(data), "--out", str(tmp_path / "a.jsonl")]) == 0
    assert "SYNTHETIC" in capsys.readouterr().out
    assert cli.main(["score", str(tmp_path / "a.jsonl"), str(data), "--resamples", "20", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["task"] == "emotion" and set(scores["labels"]) == set(cmcc.EMOTIONS)


def test_a_model_that_says_the_same_everywhere_is_warned_of(trained, capsys):
    out = trained(learning_rate=1e-6)
    assert "WARNING: the model predicts the same emotions for every validation utterance" in capsys.readouterr().out
    assert read_training(out / "best").validation["collapsed"] is True


def test_context_weights_and_tuned_thresholds_are_kept_with_the_model(trained, capsys):
    out = trained(context="true", class_weights="true", thresholds="tuned", epochs=2)
    config = json.loads((out / "best" / "config.json").read_text())
    assert config["context"] is True and len(config["thresholds"]) == 9
    assert any(threshold != 0.3 for threshold in config["thresholds"])
    assert read_training(out / "best").options == ("with context", "class weights", "tuned thresholds")
    assert read_training(out / "best").suffix == ", with context, class weights, tuned thresholds"


@pytest.mark.slow
def test_a_pipeline_gives_what_cmcc_predict_says_also_of_the_utterances_before(trained, data, tmp_path):
    out, answers = trained(context="true"), tmp_path / "a.jsonl"
    assert cli.main(["predict", str(out / "best"), str(data), "--out", str(answers)]) == 0
    row = max(open_split(str(data), "emotion", "test"), key=lambda row: len(row["context"]))
    assert len(row["context"] + row["text"]) > SMALL["max_length"]  # it has to be cut
    pair = {"text": row["context"], "text_pair": row["text"]}
    found = labels_by_transformers_alone(out / "best", ROOT, pair, truncation=True)
    said = {(a.dialogue_id, a.utterance): a for a in read_answers(answers, "emotion")}
    scores = said[row["dialogue_id"], row["utterance"]].scores
    assert [found[name] for name in cmcc.EMOTIONS] == pytest.approx(scores, abs=1e-4)


@pytest.mark.slow
def test_the_tiny_recipe_begins_with_what_the_backbone_knows_and_its_prompt_is_kept(trained, data, tmp_path):
    out = tmp_path / "run"
    settings = ["--dataset", str(data), "--out", str(out), "--epochs", "1", "--learning_rate", "1e-6"]
    assert cli.main(["train", "emotion", "--recipe", "tiny", *settings]) == 0
    assert read_training(out / "best").validation["macro_f1"] > 0.2  # the layer was fitted; nothing else was learned
    assert not read_training(out / "best").validation["collapsed"]
    record = json.loads((out / "run.json").read_text())
    neutral = sum(row["emotions"] == [0] for row in open_split(str(data), "emotion", "train"))
    assert record["examples"]["train"] < len(open_split(str(data), "emotion", "train")) - neutral // 2
    answers, row = tmp_path / "a.jsonl", open_split(str(data), "emotion", "test")[3]
    assert cli.main(["predict", str(out / "best"), str(data), "--out", str(answers)]) == 0
    found = labels_by_transformers_alone(out / "best", ROOT, row["text"], truncation=True)
    said = {(a.dialogue_id, a.utterance): a for a in read_answers(answers, "emotion")}
    scores = said[row["dialogue_id"], row["utterance"]].scores
    assert [found[name] for name in cmcc.EMOTIONS] == pytest.approx(scores, abs=1e-4)


def test_data_without_emotions_say_what_to_build(tmp_path, run_training, capsys):
    bare = raw.dialogue()
    bare["content"] = [{key: value for key, value in t.items() if key != "用户情绪"} for t in bare["content"]]
    raw.write(tmp_path / "raw", "train.json", [bare])
    build(tmp_path / "raw", tmp_path / "cmcc")
    settings = {**SMALL, **SHORT, "dataset": tmp_path / "cmcc", "out": tmp_path / "x"}
    assert run_training("emotion", **settings) == 1
    assert "no labels for emotion. Add them to the raw files or to a care file" in capsys.readouterr().err


def test_data_with_one_split_say_which_is_missing(tmp_path, run_training, capsys):
    write_corpus(tmp_path / "raw" / "train", 2, 0, seed=0)
    build(tmp_path / "raw", tmp_path / "cmcc")
    settings = {**SMALL, **SHORT, "dataset": tmp_path / "cmcc", "out": tmp_path / "x"}
    assert run_training("emotion", **settings) == 1
    assert "split validation: no annotated rows" in capsys.readouterr().err


def test_a_run_that_is_gone_on_with_has_the_weights_of_one_that_was_not_stopped(
    trained, data, tmp_path, run_training, monkeypatch
):
    whole, half = trained("whole", epochs=2), tmp_path / "half"
    settings = {**SMALL, **SHORT, "dataset": data, "epochs": 2, "save_every": 3, "out": half}
    stop_at(monkeypatch, 8)
    assert run_training("emotion", **settings) == 1
    assert [state.name for state in half.glob("state-*")] == ["state-6"]
    assert run_training("emotion", **settings, resume="true") == 0
    first, second = (load_file(out / "best" / "model.safetensors") for out in (whole, half))
    assert all((first[name] == second[name]).all() for name in first)


def test_pseudo_labels_of_a_first_model_train_a_second(trained, data, tmp_path, capsys):
    first = trained("first", epochs=3, labeled_share=0.5)
    settings = {"labeled_share": 0.5, "pseudo_label": first / "best", "pseudo_confidence": "0.6"}
    second = trained("second", **settings)
    training = read_training(second / "best")
    assert training.pseudo_labeled > 0 and training.suffix == ", 50% of the labels, pseudo-labels"
    assert f"({training.pseudo_labeled} pseudo-labeled)" in capsys.readouterr().out
    assert len((second / "pseudo-labels.jsonl").read_text().splitlines()) == 6


def test_a_model_of_another_task_labels_nothing(data, tmp_path, run_training, capsys):
    (tmp_path / "response").mkdir()  # without a training.json: a response model
    settings = {**SMALL, **SHORT, "dataset": data, "out": tmp_path / "x", "pseudo_label": tmp_path / "response"}
    assert run_training("emotion", **settings) == 1
    assert "expected a model of the task emotion" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tiny", "paper"])
def test_the_recipes_are_read_and_the_published_threshold_is_theirs(kind):
    recipe = read_recipe(EmotionRecipe, f"{kind}/emotion", {})
    assert recipe.thresholds == "published" and not recipe.context
    assert recipe.backbone == ("tiny-emotion" if kind == "tiny" else "bert-base-chinese")

"""Training taggers, with emotions and without, from scratch and over a backbone."""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

import cmcc
from cmcc_bench import cli
from cmcc_bench.models.record import read_training
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.recognition.entities import load_tagger
from cmcc_bench.training.joint import JointRecipe, make_tagger
from cmcc_bench.training.recipe import read_recipe

from .recognizers import SHORT, SMALL, stop_at

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("emotions", [True, False])
def test_a_tagger_is_trained_predicts_and_is_scored(data, tmp_path, run_training, capsys, emotions):
    out, answers = tmp_path / "run", tmp_path / "a.jsonl"
    settings = {**SMALL, **SHORT, "dataset": data, "out": out, "emotions": emotions, "epochs": 2}
    assert run_training("joint", **settings) == 0
    assert read_training(out / "best").suffix == ("" if emotions else ", w/o user emotion")
    assert json.loads((out / "run.json").read_text())["task"] == "entities"
    assert cli.main(["predict", str(out / "best"), str(data), "--out", str(answers)]) == 0
    capsys.readouterr()
    assert cli.main(["score", str(answers), str(data), "--resamples", "20", "--json"]) == 0
    accuracy = json.loads(capsys.readouterr().out)["scores"]["emotion_accuracy"]["point"]
    assert (accuracy is not None) == emotions


def test_a_tagger_that_was_stopped_goes_on_to_the_same_weights(data, tmp_path, run_training, monkeypatch):
    settings = {**SMALL, **SHORT, "dataset": data, "epochs": 2, "save_every": 3, "dropout": 0.1}
    assert run_training("joint", **settings, out=tmp_path / "whole") == 0
    stop_at(monkeypatch, 8)
    assert run_training("joint", **settings, out=tmp_path / "half") == 1
    assert [state.name for state in (tmp_path / "half").glob("state-*")] == ["state-6"]
    assert run_training("joint", **settings, out=tmp_path / "half", resume="true") == 0
    first, second = ((tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("whole", "half"))
    assert first == second


def test_a_published_encoder_gives_its_weights(tmp_path):
    torch.manual_seed(1)
    tokenizer = character_tokenizer(["我要流量包"], ())
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    encoder = BertModel(BertConfig(vocab_size=len(tokenizer), **sizes))
    encoder.save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    recipe = read_recipe(JointRecipe, None, {**SMALL, **SHORT, "out": "x", "backbone": str(tmp_path / "bert")})
    found, model = make_tagger(recipe, [])
    assert len(found) == len(tokenizer)
    weights = model.encoder.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in encoder.state_dict().items())


def test_a_text_longer_than_the_backbone_reads_is_refused_before_training(tmp_path):
    tokenizer = character_tokenizer(["我要流量包"], ())
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    recipe = read_recipe(JointRecipe, None, {**SMALL, **SHORT, "out": "x", "backbone": str(tmp_path)})
    with pytest.raises(cmcc.DataError, match=r"max_length: found 64; expected at most 32, the limit of the backbone"):
        make_tagger(recipe, [])


def test_what_is_no_tagger_is_refused(tmp_path):
    with pytest.raises(cmcc.DataError, match=r"tagger cannot be opened.*Give the folder of a run of cmcc train joint"):
        load_tagger(tmp_path)


@pytest.mark.parametrize("kind", ["tiny", "paper"])
def test_the_recipes_are_read(kind):
    recipe = read_recipe(JointRecipe, f"{kind}/joint", {})
    assert recipe.emotions and recipe.backbone == "scratch"

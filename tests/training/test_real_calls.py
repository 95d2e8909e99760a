"""Recognizers predict and are scored on the public calls, where they are; nothing of them is kept."""

import json
from pathlib import Path

import pytest

from cmcc_bench import cli
from cmcc_bench.dataset import build


@pytest.fixture(scope="module")
def built(real_calls, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    build(real_calls, folder / "cmcc")
    return folder / "cmcc"


@pytest.mark.parametrize(
    ("training", "task"), [("emotion", "emotion"), ("joint", "entities"), ("satisfaction", "satisfaction")]
)
def test_every_recognizer_predicts_and_is_scored_on_real_calls(
    training, task, data, built, tmp_path, run_training, capsys
):
    small = {"backbone": "scratch", "layers": 1, "width": 32, "heads": 2, "max_length": 64, "precision": "float32"}
    short = {"epochs": 1, "batch_size": 16, "group": 16, "learning_rate": 1e-3}
    assert run_training(training, **small, **short, dataset=data, out=tmp_path / "run") == 0
    answers = tmp_path / "answers.jsonl"
    for_train = [str(built), "--split", "train"]  # most of the 20 calls
    assert cli.main(["predict", str(tmp_path / "run" / "best"), *for_train, "--out", str(answers)]) == 0
    capsys.readouterr()
    assert cli.main(["score", str(answers), *for_train, "--resamples", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["task"] == task and 10 <= found["dialogues"] <= 20

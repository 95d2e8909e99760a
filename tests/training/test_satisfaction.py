"""Training satisfaction classifiers."""

import json
from pathlib import Path

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.corpus import open_split
from cmcc_bench.scoring import read_answers
from cmcc_bench.training.recipe import read_recipe
from cmcc_bench.training.satisfaction import SatisfactionRecipe

from .recognizers import SHORT, SMALL, labels_by_transformers_alone

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_checkpoint_is_transformers_own_and_its_answers_are_scored(data, tmp_path, run_training, capsys):
    out, answers = tmp_path / "run", tmp_path / "a.jsonl"
    assert run_training("satisfaction", **SMALL, **SHORT, dataset=data, out=out) == 0
    found = labels_by_transformers_alone(out / "best", ROOT)
    assert set(found) == set(cmcc.SATISFACTION) and sum(found.values()) == pytest.approx(1, abs=1e-4)
    assert cli.main(["predict", str(out / "best"), str(data), "--out", str(answers)]) == 0
    capsys.readouterr()
    assert cli.main(["score", str(answers), str(data), "--resamples", "20", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert set(scores) == {"macro_recall", "macro_f1", "quadratic_kappa", "accuracy"}
    options = ["--format", "seretod", "--out", str(tmp_path / "b.jsonl")]
    assert cli.main(["predict", str(out / "best"), str(data), *options]) == 1
    assert "--format seretod needs a dialogue model; this one is of the task satisfaction" in capsys.readouterr().err
    options = ["--precision", "bfloat16", "--out", str(tmp_path / "b.jsonl")]
    assert cli.main(["predict", str(out / "best"), str(data), *options]) == 1
    assert "Leave --precision out" in capsys.readouterr().err


@pytest.mark.slow
def test_a_pipeline_takes_a_whole_transcript_and_gives_what_cmcc_predict_says(data, tmp_path, run_training):
    out, answers = tmp_path / "run", tmp_path / "a.jsonl"
    assert run_training("satisfaction", **SMALL, **SHORT, dataset=data, out=out) == 0
    assert cli.main(["predict", str(out / "best"), str(data), "--out", str(answers)]) == 0
    row = open_split(str(data), "satisfaction", "test")[0]
    assert len(row["text"]) > SMALL["max_length"]
    found = labels_by_transformers_alone(out / "best", ROOT, row["text"], truncation=True)
    scores = read_answers(answers, "satisfaction")[0].scores
    assert [found[name] for name in cmcc.SATISFACTION] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("kind", ["tiny", "paper"])
def test_the_recipes_are_read(kind):
    recipe = read_recipe(SatisfactionRecipe, f"{kind}/satisfaction", {})
    assert Path(recipe.out).name == "satisfaction"

"""Training character n-grams, and what the other commands do with them."""

import json

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.cards.model_card import write_model_card
from cmcc_bench.hub.artifact import model_artifact, run_facts
from cmcc_bench.models.record import read_training
from cmcc_bench.scoring import read_answers
from cmcc_bench.tasks import task_of

BOUND = "character n-grams, logistic regression"


@pytest.fixture(scope="module", params=["emotion", "satisfaction"])
def run(request, data, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param) / "run"
    assert cli.main(["train", request.param, "--recipe", "ngrams", "--dataset", str(data), "--out", str(out)]) == 0
    answers = out / "test.jsonl"
    assert cli.main(["predict", str(out / "best"), str(data), "--out", str(answers)]) == 0
    return request.param, out, answers


def test_its_answers_are_those_of_the_cheap_baseline_of_the_tables(run, data):
    task, _, answers = run
    rows = task_of(task).rows(str(data), ("train", "test"))
    bound = task_of(task).bounds(rows["train"], rows["test"], seed=0)[BOUND]
    value = {"emotion": "emotions", "satisfaction": "satisfaction"}[task]
    assert [getattr(a, value) for a in read_answers(answers, task)] == [getattr(a, value) for a in bound]


def test_its_answers_are_scored_and_its_record_names_the_model(run, data, capsys):
    task, out, answers = run
    assert cli.main(["score", str(answers), str(data), "--resamples", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == task
    training, record = read_training(out / "best"), json.loads((out / "run.json").read_text())
    assert training.suffix == ", character n-grams" and training.synthetic and not training.licensed
    assert record["finished"] and record["recipe"]["model"] == "ngrams" and record["parameters"] > 0
    assert set(training.validation) == {"macro_f1"} | ({"micro_f1"} if task == "emotion" else set())


def test_it_is_pushed_with_a_card_whose_code_runs(run):
    _, out, _ = run
    best = out / "best"
    files = model_artifact(best, lambda facts: write_model_card(best, facts)).files
    assert set(files) == {"README.md", "config.json", "model.safetensors", "training.json"}
    card = write_model_card(best, run_facts(best))
    assert "library_name: cmcc" in card and "not recorded" not in card and ", character n-grams" in card
    code = card.split("```python\n")[1].split("```")[0]
    exec(code, {})


def test_another_run_is_not_overwritten_and_a_finished_one_is_not_repeated(run, data, capsys):
    task, out, _ = run
    command = ["train", task, "--recipe", "ngrams", "--dataset", str(data), "--out", str(out)]
    before = (out / "best" / "model.safetensors").stat().st_mtime_ns
    assert cli.main(command) == 1 and "the folder already holds a run" in capsys.readouterr().err
    assert cli.main([*command, "--resume"]) == 0 and "the run is finished" in capsys.readouterr().out
    assert cli.main([*command, "--resume", "--c", "3"]) == 1
    assert "changed since the first start: c (was 50.0, is 3.0)" in capsys.readouterr().err
    assert (out / "best" / "model.safetensors").stat().st_mtime_ns == before


def test_tuned_thresholds_are_kept_with_the_model(data, tmp_path):
    settings = ["--recipe", "ngrams", "--dataset", str(data), "--out", str(tmp_path / "run"), "--thresholds", "tuned"]
    assert cli.main(["train", "emotion", *settings]) == 0
    thresholds = json.loads((tmp_path / "run" / "best" / "config.json").read_text())["thresholds"]
    assert len(thresholds) == len(cmcc.EMOTIONS) and any(threshold != 0.3 for threshold in thresholds)
    assert read_training(tmp_path / "run" / "best").suffix == ", character n-grams, tuned thresholds"


def test_a_task_without_n_grams_says_so(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "joint", "--recipe", "ngrams", "--out", str(tmp_path / "run")])
    assert "no such recipe" in capsys.readouterr().err


@pytest.mark.parametrize(("key", "value"), [("order", "4"), ("min_count", "0"), ("c", "0"), ("epochs", "3")])
def test_a_wrong_setting_is_refused(key, value, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "emotion", "--recipe", "ngrams", f"--{key}", value, "--out", str(tmp_path / "run")])
    assert key in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_the_help_lists_the_settings_of_n_grams(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "satisfaction", "--recipe", "ngrams", "--help"])
    assert stopped.value.code == 0 and "--min_count" in capsys.readouterr().out

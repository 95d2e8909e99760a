"""`make reproduce`: its steps are commands that exist, and a failure shows why."""

import sys
from pathlib import Path

import pytest

from cmcc_bench.cli import _parser
from train import reproduce


def test_every_step_names_files_and_arguments_that_exist(tmp_path):
    recipes = reproduce.ROOT / "train" / "recipes" / "tiny"
    steps = reproduce.data_steps(tmp_path / "cmcc", tmp_path)
    for form in reproduce.FORMS:
        steps += reproduce.system_steps(form, tmp_path / "cmcc", tmp_path / "runs", recipes, [])
    for step in steps:
        if step.command[1:3] == ["-m", "cmcc_bench.cli"]:
            assert _parser().parse_args(step.command[3:])
        else:
            script, recipe = Path(step.command[1]), Path(step.command[step.command.index("--recipe") + 1])
            assert script.is_file() and recipe.is_file() and recipe.stem in step.name
    assert sum("oracle" in step.name for step in steps) == 2 and len(steps) == 2 + 4 + 6


def test_a_run_that_is_there_is_gone_on_with(tmp_path):
    (tmp_path / "runs" / "variant").mkdir(parents=True)
    train = reproduce.system_steps("variant", tmp_path, tmp_path / "runs", tmp_path, ["--epochs", "1"])[0]
    assert "--resume" in train.command and train.command[-2:] == ["--epochs", "1"]
    assert "--resume" not in reproduce.system_steps("baseline", tmp_path, tmp_path / "runs", tmp_path, [])[0].command


def test_the_clock_tells_the_time_left_and_a_failed_step_the_end_of_its_log(tmp_path, capsys):
    clock = reproduce.Clock(whole=4.0)
    good = reproduce.Step("good", [sys.executable, "-c", "print('fine')"], 1.0)
    bad = reproduce.Step("bad", [sys.executable, "-c", "print('no such model'); raise SystemExit(1)"], 3.0)
    with pytest.raises(SystemExit, match=r"failed: (.|\n)*fine\nno such model"):
        reproduce.run_system([good, bad], tmp_path / "x.log", clock)
    printed = capsys.readouterr().out
    assert "[ 25%] done: good" in printed and "min left" in printed and "bad" not in printed

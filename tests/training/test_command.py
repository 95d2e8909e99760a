"""`cmcc train` and the scripts of train/: what they take, what they say, and that only a training imports torch."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from cmcc_bench import cli
from cmcc_bench.training import TASKS
from cmcc_bench.training.recipe import recipe_names

from .recognizers import SHORT, SMALL, stop_at

ROOT = Path(__file__).parents[2]


def start(*command: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    line = [sys.executable, *map(str, command)]
    return subprocess.run(line, cwd=folder, env=variables, capture_output=True, text=True)


def options(**settings: object) -> list[str]:
    return [part for key, value in settings.items() for part in (f"--{key}", str(value))]


@pytest.mark.parametrize("asked", ["--list", "--help"])
def test_the_list_and_the_help_import_no_torch(asked, tmp_path):
    code = f"""
import sys
from cmcc_bench.cli import main
try:
    main(["train", "{asked}"])
except SystemExit as ended:
    print(ended.code, [name for name in ("torch", "transformers", "accelerate") if name in sys.modules])
"""
    done = start("-c", code, folder=tmp_path)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert "tiny/variant" in done.stdout


def test_the_list_has_a_line_for_each_recipe_with_its_task_and_description(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--list"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0 and [line.split()[0] for line in lines] == recipe_names()
    assert all(line.split()[1] in TASKS and len(line.split()) > 6 for line in lines)


@pytest.mark.parametrize("arguments", [[], ["emotions"], ["--recipe", "tiny/emotion"]])
def test_a_task_that_is_missing_or_none_ends_with_status_2_and_names_all(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", *arguments])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "TASK" in shown and "SETTINGS" not in shown


def test_a_training_that_is_stopped_ends_with_status_1_and_says_how_to_go_on(
    data, tmp_path, monkeypatch, capsys, run_training
):
    stop_at(monkeypatch, 1)
    assert run_training("satisfaction", **SMALL, **SHORT, dataset=data, out=tmp_path / "run") == 1
    assert f"stopped. Add --resume to continue {tmp_path / 'run'} from its last saved state" in capsys.readouterr().err


def test_a_library_that_is_missing_is_named_with_the_extra_that_brings_it(tmp_path):
    code = """
import sys
sys.modules["accelerate"] = None  # as if it were not installed
from cmcc_bench.cli import main
sys.exit(main(["train", "satisfaction", "--out", "run"]))
"""
    done = start("-c", code, folder=tmp_path)
    assert done.returncode == 1
    assert "this command needs accelerate. Install it: pip install 'cmcc-bench[train]" in done.stderr


@pytest.mark.parametrize("task", TASKS)
def test_the_script_of_a_task_is_the_command(task, monkeypatch, capsys):
    script = str(ROOT / "train" / f"{task}.py")
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(script, run_name="__main__")
    text = capsys.readouterr().out
    assert end.value.code == 0 and text.startswith(f"usage: cmcc train {task} ") and "--labeled_share" in text


@pytest.mark.slow
def test_two_processes_of_torchrun_train_one_model(data, tmp_path):
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", 2, "-m", "cmcc_bench.cli")
    settings = options(**SMALL, **SHORT, dataset=data, out="run", processes=2)
    done = start(*torchrun, "train", "satisfaction", *settings, folder=tmp_path, ACCELERATE_USE_CPU="1")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert record["processes"] == 2
    assert done.stdout.count("training examples") == done.stdout.count("best checkpoint") == 1


def test_response_is_another_name_of_the_task_dialogue(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "response", "--help"])
    assert ended.value.code == 0
    assert "usage: cmcc train dialogue" in capsys.readouterr().out

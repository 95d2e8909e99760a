"""`make reproduce`: its steps are commands that exist, and a failure shows why."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from cmcc_bench.cli import _parser
from cmcc_bench.training import reproduce
from cmcc_bench.training.recipe import parse_recipe

ROOT = Path(__file__).parents[2]


def commands(tmp_path, system):
    return reproduce.system_steps(system, tmp_path / "cmcc", tmp_path / "runs", Path("tiny"), [])


def test_every_step_names_files_and_arguments_that_exist(tmp_path):
    steps = reproduce.data_steps(tmp_path, None)
    for system in reproduce.SYSTEMS:
        steps += commands(tmp_path, system)
    for step in steps:
        assert step.command[1:3] == ["-m", "cmcc_bench.cli"]
        options = _parser().parse_args(step.command[3:])
        if step.command[3] == "train":
            kind = import_module(f"cmcc_bench.training.{options.task}").RECIPE
            recipe = parse_recipe(kind, "", options.settings, "")
            assert step.name.startswith(f"train {Path(options.settings[1]).stem}")
            assert recipe.out == str(tmp_path / "runs" / step.name.removeprefix("train "))
    assert sum("oracle" in step.name for step in steps) == 2
    assert sum(step.name.startswith("train ") for step in steps) == len(reproduce.SYSTEMS) == 16


def test_a_system_that_needs_another_is_started_after_it_and_names_its_model(tmp_path):
    names = [system.name for system in reproduce.SYSTEMS]
    for place, system in enumerate(reproduce.SYSTEMS):
        if system.after:
            assert system.after in names[:place]
            assert str(tmp_path / "runs" / system.after / "best") in commands(tmp_path, system)[0].command
    assert [system.name for system in reproduce.chosen(["emotion_pseudo"])] == ["emotion", "emotion_pseudo"]


def test_systems_run_side_by_side_wait_for_what_they_need_and_stop_together(tmp_path):
    out = tmp_path / "order"
    write = "import sys, time; time.sleep(float(sys.argv[2])); open(sys.argv[3], 'a').write(sys.argv[1])"

    def steps(name, seconds, code=write):
        return [reproduce.Step(name, [sys.executable, "-c", code, name[-1], str(seconds), str(out)], 1.0)]

    first, second = reproduce.TrainedSystem("a", "", ""), reproduce.TrainedSystem("b", "", "", after="a")
    clock = reproduce.Clock(whole=2.0)
    reproduce.run_systems({"a": steps("a", 0.5), "b": steps("b", 0)}, [first, second], tmp_path, 2, clock)
    assert out.read_text() == "ab"
    failing = {"a": steps("a", 0, "raise SystemExit(1)"), "b": steps("b", 0)}
    with pytest.raises(SystemExit, match="failed"):
        reproduce.run_systems(failing, [first, second], tmp_path, 2, reproduce.Clock(whole=2.0))
    assert out.read_text() == "ab"


def test_the_corpora_share_no_seed_and_a_system_reads_its_own(tmp_path):
    steps = [*reproduce.data_steps(tmp_path, None), *reproduce.large_steps(tmp_path)]
    seeds = [step.command[step.command.index("--seed") + 1] for step in steps if "--seed" in step.command]
    assert len(seeds) == len(set(seeds)) == len(reproduce.CORPUS) + 1 + len(reproduce.LARGE)
    assert steps[-1].command[-1] == str(tmp_path / "large")
    assert [system.name for system in reproduce.SYSTEMS if system.corpus == "large"] == ["emotion_large"]


def test_a_run_that_exists_is_resumed(tmp_path):
    (tmp_path / "runs" / "variant").mkdir(parents=True)
    variant, baseline, *_ = reproduce.SYSTEMS
    train = reproduce.system_steps(variant, tmp_path, tmp_path / "runs", tmp_path, ["--epochs", "1"])[0]
    assert "--resume" in train.command and train.command[-2:] == ["--epochs", "1"]
    assert "--resume" not in reproduce.system_steps(baseline, tmp_path, tmp_path / "runs", tmp_path, [])[0].command


def test_the_clock_tells_the_time_left_and_a_failed_step_the_end_of_its_log(tmp_path, capsys):
    clock = reproduce.Clock(whole=4.0)
    good = reproduce.Step("good", [sys.executable, "-c", "print('fine')"], 1.0)
    bad = reproduce.Step("bad", [sys.executable, "-c", "print('no such model'); raise SystemExit(1)"], 3.0)
    with pytest.raises(SystemExit, match=r"failed: (.|\n)*fine\nno such model"):
        reproduce.run_system([good, bad], tmp_path / "x.log", clock)
    printed = capsys.readouterr().out
    assert "[ 25%] done: good" in printed and "min left" in printed and "bad" not in printed


def test_a_step_that_takes_long_shows_the_last_line_of_its_log(tmp_path, capsys):
    code = "import time; print('epoch 1/8', flush=True); time.sleep(1)"
    clock = reproduce.Clock(whole=2.0, every=0.2)
    reproduce.run_system([reproduce.Step("slow", [sys.executable, "-c", code], 1.0)], tmp_path / "x.log", clock)
    assert "[  0%] running: slow: epoch 1/8 (0." in capsys.readouterr().out


def test_steps_that_run_count_for_the_time_left_but_never_as_done():
    clock = reproduce.Clock(whole=300.0, begin=0.0, done=100.0)
    clock.started = {"long": (10.0, 100.0), "short": (10.0, 5.0)}
    assert clock.done_by(now=30.0) == 100 + 20 + 0.95 * 5
    assert clock.done_by(now=1000.0) == 100 + 0.95 * 105 < clock.whole


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--jobs", "0"], "argument --jobs: found 0; expected a whole number of 1 or more"),
        (["--out", __file__], "test_reproduce.py is a file; expected a folder"),
        (["--only", "unknown"], "argument --only: invalid choice: 'unknown'"),
        (["--recipes", "huge"], "argument --recipes: recipe huge/variant.yaml: no such recipe"),
        (["--out", "old"], "old/raw has simulated calls of an earlier version"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_before_anything_runs(
    arguments, problem, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old" / "raw").mkdir(parents=True)
    (tmp_path / "old" / "raw" / "synthetic-labeled-00.json").touch()
    monkeypatch.setattr(sys, "argv", ["reproduce.py", *arguments])
    with pytest.raises(SystemExit) as end:
        reproduce.main()
    assert end.value.code == 2 and problem in capsys.readouterr().err


def test_the_documents_give_the_sizes_of_the_corpus_and_the_number_of_systems():
    sizes, systems = reproduce.CORPUS, len(reproduce.SYSTEMS)
    quickstart, readme = ((ROOT / name).read_text("utf-8") for name in ("docs/quickstart.md", "README.md"))
    assert f"simulates {sum(sizes.values()):,} labeled and {reproduce.PSEUDO_DIALOGUES} unlabeled calls" in quickstart
    assert f"trains {systems} small models" in quickstart and f"{systems} small models" in readme
    described = " ".join(str(reproduce.__doc__).split())
    assert f"has {sizes['train']:,} training dialogues" in described
    assert f"With {sizes['test']} test dialogues" in described
    assert f"The {sizes['validation']} validation dialogues" in described
    large = reproduce.LARGE
    assert f"{large['train']:,} training and {large['test']:,} test dialogues" in described
    assert f"{large['train']:,} and {large['test']:,} more" in quickstart

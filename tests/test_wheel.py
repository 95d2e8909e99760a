"""The wheel installed into an environment of its own, beside the dependencies: every step works in another folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MADE = {"out", "runs", "cmcc", "build", "dist", "site"}  # by commands, at the top of a checkout
TINY = ("--epochs", "1", "--layers", "1", "--width", "32", "--heads", "2", "--max_length", "64")


def run(*command: object, folder: Path) -> str:
    """What the command prints. It runs as a user's does, without PYTHONPATH; the Hub's clients are offline."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy: the build writes beside its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, source)
        elif not path.name.startswith(".") and not path.name.endswith(".egg-info") and path.name not in MADE:
            shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, source, folder=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A virtual environment with the wheel alone; what it depends on is found where these tests find it."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    python = folder / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, folder=folder)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip()
    # A folder that a .pth file names has its own .pth files left out: an editable installation is not found through it.
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


def test_it_installs_one_module_one_package_and_every_recipe(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith((".dist-info", ".data"))} == {"cmcc.py", "cmcc_bench"}
    recipes = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("cmcc_bench/training/recipes/*/*.yaml")}
    assert len(recipes) >= 14 and recipes <= set(names)


def test_every_module_of_the_package_is_in_it(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("cmcc_bench/**/*.py")}
    assert modules <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
def test_the_installed_command_does_every_step_in_another_folder(environment, tmp_path):
    def cmcc(line: str, *more: str) -> str:
        return run(environment / "bin" / "cmcc", *line.split(), *more, folder=tmp_path)

    where = run(environment / "bin" / "python", "-c", "import cmcc_bench; print(cmcc_bench.__path__)", folder=tmp_path)
    assert str(environment) in where and str(ROOT) not in where
    assert "tiny/variant " in cmcc("train --list")
    cmcc("simulate --dialogues 30 --seed 0 --out raw")
    cmcc("build --data-dir raw --out cmcc")
    cmcc("train dialogue --recipe tiny/variant --dataset cmcc --out runs/variant --max_length 512", *TINY[:-2])
    cmcc("train emotion --recipe train/recipes/tiny/emotion.yaml --dataset cmcc --out runs/emotion", *TINY)
    assert json.loads((tmp_path / "runs" / "variant" / "run.json").read_text())["commit"] is None
    cmcc("predict runs/variant/best cmcc --out runs/variant/test.end2end.jsonl")
    cmcc("predict runs/emotion/best cmcc --out runs/emotion/test.jsonl")
    scores = json.loads(cmcc("score runs/variant/test.end2end.jsonl cmcc --resamples 20 --json"))
    assert scores["exchanges"] > 0
    cmcc("report runs --resamples 20 --out report.md")
    assert "Table 2" in (tmp_path / "report.md").read_text("utf-8")
    cmcc("figures cmcc --out figures --formats svg --figures 1")
    assert list((tmp_path / "figures").glob("*.svg"))
    assert "by `cmcc train emotion`" in cmcc("card runs/emotion")

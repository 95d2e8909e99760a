"""The README: short, and its tree, its code and its commands are what is there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from cmcc_bench.training.recipe import parse_recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
NOT_OURS = {"__pycache__", "out", "cmcc", "build", "dist", "runs", "site"}  # made by commands, not part of the project


def folders(below: Path) -> set[str]:
    names = {path.name for path in below.iterdir() if path.is_dir()}
    return {name for name in names if not name.startswith(".") and not name.endswith(".egg-info")}


def test_it_has_at_most_120_lines():
    assert README.count("\n") <= 120


def test_the_tree_names_the_folders_that_are_there_and_no_others():
    tree = re.search(r"## What is where\n+```\n(.*?)```", README, re.DOTALL)[1]
    top = {line.split()[0] for line in tree.splitlines() if not line.startswith(" ")}
    rooms = {line.split()[0] for line in tree.splitlines() if line.startswith("  ")}
    assert top == {f"{name}/" for name in folders(ROOT) - NOT_OURS} | {"cmcc.py"}
    assert rooms == {f"{name}/" for name in folders(ROOT / "cmcc_bench") - (NOT_OURS - {"build"})}


def test_the_python_in_it_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) >= 1 and names["first"]["dialogue_id"].startswith("synthetic-")


@pytest.mark.parametrize("target", ["setup", "test", "lint", "docs", "reproduce", "publish-demo", "bench"])
def test_the_makefile_has_every_verb(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def commands(program):
    """The lines of README's shell blocks that start a program, as the words behind its name."""
    blocks = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in blocks.splitlines()]
    return [words[1:] for words in lines if words[:1] == [program]]


def test_the_commands_it_names_exist():
    from cmcc_bench.cli import _parser

    known = set(_parser()._subparsers._group_actions[0].choices)
    assert set(re.findall(r"^cmcc (\w+)", README, re.MULTILINE)) <= known


@pytest.mark.parametrize("words", commands("cmcc"), ids=" ".join)
def test_every_command_it_shows_is_one_that_can_be_typed(words):
    from cmcc_bench.cli import _parser

    assert callable(_parser().parse_args(words).run)


@pytest.mark.parametrize("words", [words for words in commands("cmcc") if words[0] == "train"], ids=" ".join)
def test_every_training_it_shows_has_a_recipe_and_settings_that_are_there(words):
    kind = importlib.import_module(f"cmcc_bench.training.{words[1]}").RECIPE
    assert parse_recipe(kind, "", words[2:], "cmcc train").epochs


def test_every_picture_and_file_that_it_links_to_is_there():
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("http")]
    assert len(targets) >= 6 and all((ROOT / target).is_file() for target in targets)

"""Tests of recipes: what is read, what overrides what, what is refused."""

from dataclasses import FrozenInstanceError, fields
from importlib import import_module
from pathlib import Path

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.training import TASKS
from cmcc_bench.training.dialogue import DialogueRecipe
from cmcc_bench.training.ngrams import RECIPES as NGRAM_RECIPES
from cmcc_bench.training.recipe import Recipe, list_recipes, parse_recipe, read_recipe, recipe_names, recipe_path

NEEDED = "out: runs/x\nepochs: 3\nbatch_size: 8\nlearning_rate: 2e-5\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_is_read_with_its_types(tmp_path):
    recipe = read_recipe(Recipe, write(tmp_path, NEEDED + "precision: float32\nresume: true"), {})
    assert recipe == Recipe(out="runs/x", epochs=3, batch_size=8, learning_rate=2e-5, precision="float32", resume=True)


def test_the_command_line_overrides_the_file(tmp_path):
    path = write(tmp_path, NEEDED)
    arguments = ["--recipe", str(path), "--epochs", "5", "--learning-rate=3e-4", "--save_every", "7", "--resume"]
    recipe = parse_recipe(Recipe, "", arguments, "cmcc train")
    assert (recipe.epochs, recipe.learning_rate, recipe.save_every, recipe.resume) == (5, 3e-4, 7, True)


def test_a_recipe_cannot_be_changed(tmp_path):
    with pytest.raises(FrozenInstanceError):
        read_recipe(Recipe, write(tmp_path, NEEDED), {}).epochs = 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("learning_rat: 1", r"recipe .*recipe.yaml: unknown key 'learning_rat'. Use one like .*learning_rate"),
        ("epochs: many", r"key epochs: found 'many'; expected whole number"),
        ("epochs: 2.5", r"key epochs: found 2.5; expected whole number"),
        ("epochs: true", r"key epochs: found True; expected whole number"),
        ("epochs: 0", r"key epochs: found 0; expected 1 or more"),
        ("learning_rate: .nan", r"key learning_rate: found nan; expected number"),
        ("learning_rate: [1]", r"key learning_rate: found \[1\]; expected number"),
        ("learning_rate: 0", r"key learning_rate: found 0.0; expected more than 0"),
        ("group: 12", r"key group: found 12; expected a multiple of batch_size 8"),
        ("warmup: 20", r"key warmup: found 20.0; expected a number from 0 to 1"),
        ("resume: maybe", r"key resume: found 'maybe'; expected true\|false"),
        ("precision: fp16", r"key precision: found 'fp16'; expected auto\|float32\|bfloat16"),
        ("out: 2024", r"key out: found 2024; expected text"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_what_was_found_and_what_was_expected(tmp_path, line, message):
    key = line.split(":")[0]
    text = "".join(row + "\n" for row in NEEDED.splitlines() if not row.startswith(f"{key}:")) + line
    with pytest.raises(cmcc.DataError, match=message):
        read_recipe(Recipe, write(tmp_path, text), {})


def test_missing_keys_are_named(tmp_path):
    with pytest.raises(cmcc.DataError, match=r"no value for out, batch_size.*--out, --batch_size"):
        read_recipe(Recipe, write(tmp_path, "epochs: 3\nlearning_rate: 1"), {})


@pytest.mark.parametrize("text", ["- a list", "a: [", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(cmcc.DataError, match="a YAML"):
        read_recipe(Recipe, write(tmp_path, text), {})


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(cmcc.DataError, match=r"nowhere.yaml: no such recipe. Give a YAML file"):
        read_recipe(Recipe, tmp_path / "nowhere.yaml", {})


@pytest.mark.parametrize("option", ["--epoch=3", "--layerz", "stray"])
def test_an_unknown_option_ends_with_status_2_and_the_close_ones(tmp_path, capsys, option):
    with pytest.raises(SystemExit) as ended:
        parse_recipe(Recipe, "", ["--recipe", str(write(tmp_path, NEEDED)), option], "cmcc train")
    assert ended.value.code == 2
    assert "unknown key" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--labelled_share", "--labelled-share", "--labeled_share"])
def test_the_old_spelling_of_labeled_share_is_still_read(tmp_path, option):
    path = write(tmp_path, f"labelled_share: 0.4\nform: variant\nbackbone: scratch\n{NEEDED}")
    assert read_recipe(DialogueRecipe, path, {}).labeled_share == 0.4
    assert parse_recipe(DialogueRecipe, "", ["--recipe", str(path), option, "0.2"], "cmcc train").labeled_share == 0.2


def test_the_help_names_every_key_and_shows_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "dialogue", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: cmcc train dialogue ") and "cmcc train dialogue --recipe tiny/variant" in shown
    assert all(f"--{field.name} " in shown for field in fields(DialogueRecipe))


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_ships_is_read_by_its_task_and_described(name):
    listed = {found: (task, description) for found, task, description in list_recipes()}
    task, description = listed[name]
    declared = import_module(f"cmcc_bench.training.{task}").RECIPE
    recipe = read_recipe(NGRAM_RECIPES[task] if name.startswith("ngrams/") else declared, name, {})
    assert recipe.task == task in TASKS and recipe.out.endswith(name.partition("/")[2])
    assert description.endswith(".") and len(description) > 40
    if task == "dialogue":
        assert recipe.form == name.partition("/")[2].removesuffix("_lora")


def test_every_task_has_a_small_recipe_and_one_as_published():
    assert {(name.partition("/")[0], task) for name, task, _ in list_recipes()} >= {
        (size, task) for size in ("tiny", "paper") for task in TASKS
    }


def test_the_published_settings_are_those_of_the_published_code():
    recipe = read_recipe(DialogueRecipe, "paper/variant", {})
    assert recipe.backbone == "uer/gpt2-chinese-cluecorpussmall"
    assert (recipe.batch_size, recipe.accumulation, recipe.learning_rate, recipe.warmup) == (8, 4, 2e-5, 0.2)


@pytest.mark.parametrize(
    "name",
    ["tiny/variant", "tiny/variant.yaml", "train/recipes/tiny/variant.yaml", "/old/train/recipes/tiny/variant.yaml"],
)
def test_a_recipe_that_ships_is_found_by_its_name_and_by_its_old_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_recipe(DialogueRecipe, name, {}) == read_recipe(DialogueRecipe, recipe_path("tiny/variant"), {})


def test_a_file_of_yours_comes_before_a_recipe_that_ships(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "variant.yaml").write_text(NEEDED.replace("3", "77"), encoding="utf-8")
    assert read_recipe(Recipe, "tiny/variant.yaml", {}).epochs == 77


@pytest.mark.parametrize("name", ["tiny/varient", "variant", "mine/tiny/variant.yaml", "..", "", "a\0b"])
def test_a_name_of_no_recipe_is_refused_with_those_that_are_like_it(name):
    with pytest.raises(cmcc.DataError, match=r"no such recipe. Give a YAML file or .*train --list"):
        recipe_path(name)


def test_a_recipe_of_another_task_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "emotion", "--recipe", "tiny/variant", "--out", "x"])
    assert ended.value.code == 2
    expected = "recipe tiny/variant: found a recipe of the task dialogue; expected one of the task emotion"
    assert expected in capsys.readouterr().err

"""Tests of recipes: what is read, what overrides what, what is refused."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import cmcc
from train.dialogue import DialogueRecipe
from train.recipe import Recipe, parse_recipe, read_recipe

RECIPES = Path(__file__).parents[2] / "train" / "recipes"
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
    recipe = parse_recipe(Recipe, "", arguments)
    assert (recipe.epochs, recipe.learning_rate, recipe.save_every, recipe.resume) == (5, 3e-4, 7, True)


def test_a_recipe_cannot_be_changed(tmp_path):
    with pytest.raises(FrozenInstanceError):
        read_recipe(Recipe, write(tmp_path, NEEDED), {}).epochs = 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("learning_rat: 1", r"recipe .*recipe.yaml: found the unknown key 'learning_rat'; expected .*learning_rate"),
        ("epochs: many", r"key epochs: found 'many'; expected whole number"),
        ("epochs: 2.5", r"key epochs: found 2.5; expected whole number"),
        ("epochs: true", r"key epochs: found True; expected whole number"),
        ("epochs: 0", r"key epochs: found 0; expected 1 or more"),
        ("learning_rate: .nan", r"key learning_rate: found nan; expected number"),
        ("learning_rate: [1]", r"key learning_rate: found \[1\]; expected number"),
        ("learning_rate: 0", r"key learning_rate: found 0.0; expected more than 0"),
        ("group: 12", r"key group: found 12; expected a multiple of batch_size 8"),
        ("warmup: 20", r"key warmup: found 20.0; expected a share from 0 to 1"),
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
    with pytest.raises(cmcc.DataError, match="found no out, batch_size"):
        read_recipe(Recipe, write(tmp_path, "epochs: 3\nlearning_rate: 1"), {})


@pytest.mark.parametrize("text", ["- a list", "a: [", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(cmcc.DataError, match="expected a YAML"):
        read_recipe(Recipe, write(tmp_path, text), {})


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(cmcc.DataError, match=r"nowhere.yaml: found no recipe"):
        read_recipe(Recipe, tmp_path / "nowhere.yaml", {})


@pytest.mark.parametrize("option", ["--epoch=3", "--layerz", "stray"])
def test_an_unknown_option_ends_with_status_2_and_the_close_ones(tmp_path, capsys, option):
    with pytest.raises(SystemExit) as ended:
        parse_recipe(Recipe, "", ["--recipe", str(write(tmp_path, NEEDED)), option])
    assert ended.value.code == 2
    assert "found the unknown key" in capsys.readouterr().err


def test_the_help_names_every_key(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_recipe(DialogueRecipe, "what it is for", ["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"--{name}" in shown for name in DialogueRecipe.__dataclass_fields__)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_recipes_of_response_models_can_be_read(path):
    if path.stem not in ("baseline", "variant", "no_emotion", "no_caring"):
        pytest.skip("the recipe of another script")
    recipe = read_recipe(DialogueRecipe, path, {})
    assert recipe.form == path.stem


def test_the_published_settings_are_those_of_the_published_code():
    recipe = read_recipe(DialogueRecipe, RECIPES / "paper" / "variant.yaml", {})
    assert recipe.backbone == "uer/gpt2-chinese-cluecorpussmall"
    assert (recipe.batch_size, recipe.accumulation, recipe.learning_rate, recipe.warmup) == (8, 4, 2e-5, 0.2)

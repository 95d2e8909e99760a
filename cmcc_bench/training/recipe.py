"""Recipes: YAML files with the settings of a training. Options of the command line override them.

    cmcc train dialogue --recipe tiny/variant --epochs 3 --out runs/short

A task declares its settings as a frozen subclass of Recipe; every key has a type and a help text. The key `task` of a
file names its task. The first line, a comment, is its description in `cmcc train --list`.
"""

from __future__ import annotations

import argparse
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from cmcc_bench.errors import DataError
from cmcc_bench.models.record import with_current_keys

_RECIPES = Path(__file__).parent / "recipes"

Settings = TypeVar("Settings", bound="RunRecipe")


def setting(help_text: str, default: Any = MISSING) -> Any:  # noqa: ANN401  # stands for a field of any type
    """A field of a recipe; a field without a default is required."""
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """The settings of every training. task: the TASK of `cmcc train TASK`."""

    task: ClassVar[str] = ""

    out: str = setting("folder of the run")
    resume: bool = setting("continue the run in that folder, if there is one", False)

    def __post_init__(self) -> None:
        """Checks the values; a subclass checks its own and calls this."""


@dataclass(frozen=True, kw_only=True)
class DataRecipe(RunRecipe):
    """The settings of the training data."""

    dataset: str = setting("a built folder, a Hub id, or sample (synthetic)", "sample")
    labeled_share: float = setting("share of the labeled training dialogues to use, chosen by a hash of their ids", 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(0 < self.labeled_share <= 1, "labeled_share", self.labeled_share, "a number above 0 and at most 1")


@dataclass(frozen=True, kw_only=True)
class Recipe(RunRecipe):
    """The settings of the training loop, for all tasks."""

    seed: int = setting("random seed for the first weights, the batches and the dropout", 0)
    epochs: int = setting("number of epochs")
    keep: Literal["loss", "score", "last"] = setting(
        "checkpoint to keep: lowest validation loss, highest validation score (emotion, satisfaction), or last", "loss"
    )
    patience: int = setting("stop after this many epochs without a better one (see keep); 0 trains all epochs", 0)
    batch_size: int = setting("examples in one forward pass, of all processes together")
    accumulation: int = setting("forward passes in each optimizer step (gradient accumulation)", 1)
    group: int = setting("examples of similar length that stay together in a step; a multiple of batch_size", 8)
    learning_rate: float = setting("peak learning rate, at the end of the warm-up")
    warmup: float = setting(
        "warm-up fraction: share of the steps in which the learning rate grows; then it falls to 0", 0.1
    )
    weight_decay: float = setting("weight decay of AdamW", 0.0)
    clip: float = setting("maximum gradient norm; 0 disables clipping", 1.0)
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto is bfloat16 on a GPU that has it, float32 otherwise", "auto"
    )
    torch_compile: bool = setting("compile the model with torch.compile first; a minute or more before step 1", False)
    processes: int = setting("number of processes that the launcher starts; any other number is an error", 1)
    save_every: int = setting("steps between saved states for --resume; 0 saves after each epoch only", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = {
            "epochs": 1,
            "batch_size": 1,
            "accumulation": 1,
            "processes": 1,
            "save_every": 0,
            "patience": 0,
            "seed": 0,
            "clip": 0,
        }
        self.check_least(limits)
        whole = self.group > 0 and self.group % self.batch_size == 0
        check(whole, "group", self.group, f"a multiple of batch_size {self.batch_size}, so that little is padded")
        check(0 <= self.warmup <= 1, "warmup", self.warmup, "a number from 0 to 1")
        check(self.learning_rate > 0, "learning_rate", self.learning_rate, "more than 0")
        check(not (self.patience and self.keep == "last"), "patience", self.patience, "0 with keep last")

    def check_least(self, limits: Mapping[str, int]) -> None:
        """Raises cmcc.DataError if the value of a key is below its limit."""
        for key, least in limits.items():
            check(getattr(self, key) >= least, key, getattr(self, key), f"{least} or more")


@dataclass(frozen=True, kw_only=True)
class ModelRecipe(DataRecipe, Recipe):
    """The settings of a model, from scratch or from a backbone, and of its training data."""

    backbone: str = setting("folder or Hub id of a pretrained model; scratch builds one from the next four settings")
    layers: int = setting("layers of a model from scratch", 2)
    width: int = setting("width (hidden size) of a model from scratch", 128)
    heads: int = setting("attention heads of a model from scratch; they divide its width", 4)
    dropout: float = setting("dropout of a model from scratch", 0.0)
    max_length: int = setting("maximum length of a text, in tokens", 512)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.heads > 0 and self.width % self.heads == 0, "heads", self.heads, f"a divisor of width {self.width}")
        check(self.width > 0, "width", self.width, "1 or more")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "a number from 0 to below 1")
        check(self.max_length > 1, "max_length", self.max_length, "2 or more")


@dataclass(frozen=True, kw_only=True)
class ClassifierRecipe(ModelRecipe):
    """The settings of a text classifier."""

    probe: bool = setting("first fit the classification layer alone, on what the backbone makes of the texts", False)


@dataclass(frozen=True, kw_only=True)
class SemiSupervisedRecipe(ModelRecipe):
    """The settings of a model that can also be trained on pseudo-labels."""

    pseudo_label: str = setting("folder of a trained model that first labels the unlabeled dialogues", "")
    pseudo_dialogues: int = setting("maximum number of unlabeled dialogues to label; 0 for all", 0)
    pseudo_confidence: str = setting(
        "minimum probability of a label that the model gives; also by label: 0.9,neutral=0.99", "0.9"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.pseudo_dialogues >= 0, "pseudo_dialogues", self.pseudo_dialogues, "0 or more")


def check(holds: bool, key: str, found: object, expected: str) -> None:
    """Raises cmcc.DataError for the key unless the condition `holds`."""
    if not holds:
        raise DataError(repr(found), expected, key=key)


def recipe_names() -> list[str]:
    """The recipes that come with the package, such as tiny/variant."""
    return sorted(path.relative_to(_RECIPES).with_suffix("").as_posix() for path in _RECIPES.glob("*/*.yaml"))


def recipe_path(name: str | Path, task: str = "") -> Path:
    """The path of a recipe: an existing file, or a name of recipe_names(), also as train/recipes/NAME.yaml.

    A name may leave out the task: `ngrams` is ngrams/emotion for the task emotion. Raises cmcc.DataError if there is no
    such recipe.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = Path(name).as_posix().rpartition("train/recipes/")[2].removesuffix(".yaml")
    names = recipe_names()
    if f"{shipped}/{task}" in names:
        shipped = f"{shipped}/{task}"
    if shipped not in names:
        close = ", ".join(difflib.get_close_matches(shipped, names) or names)
        hint = f"Give a YAML file or a name like {close}. Run cmcc train --list to see all recipes."
        raise DataError("no such recipe", "", hint, recipe=str(name))
    return _RECIPES / f"{shipped}.yaml"


def list_recipes() -> list[tuple[str, str, str]]:
    """Name, task and description of each recipe that comes with the package; the description is its first line."""
    paths = [(name, recipe_path(name)) for name in recipe_names()]
    return [
        (name, str(_read_yaml(path, name)["task"]), path.read_text("utf-8").split("\n")[0].removeprefix("# "))
        for name, path in paths
    ]


def parse_recipe(recipe: type[Settings], description: str, arguments: Sequence[str], prog: str) -> Settings:
    """Parses the command line of a training. An error in it or in the recipe exits with status 2.

    description: text of --help. arguments: the arguments after `prog`, the command.
    """
    parser = argparse.ArgumentParser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME_OR_FILE",
        help="settings: a name that `cmcc train --list` shows, or a YAML file; the options below override them",
    )
    types = get_type_hints(recipe)
    for item in fields(recipe):
        _add_option(parser, item, types[item.name])
    arguments = [re.sub("^--labelled[_-]share", "--labeled_share", argument) for argument in arguments]  # old spelling
    options, unknown = parser.parse_known_args(arguments)
    given = {key: value for key, value in vars(options).items() if key != "recipe" and value is not None}
    try:
        if unknown:
            _check_key(unknown[0].split("=")[0].lstrip("-").replace("-", "_"), recipe, "command line")
        return read_recipe(recipe, options.recipe, given)
    except DataError as error:
        parser.error(str(error))


def read_recipe(recipe: type[Settings], name: str | Path | None, overrides: Mapping[str, Any]) -> Settings:
    """Reads the settings of a recipe (see recipe_path); `overrides` take precedence. Values of both may be text.

    Raises cmcc.DataError if the file is missing, not YAML or of another task, for unknown or missing keys and for
    values of the wrong type.
    """
    values: dict[str, Any] = {}
    file_values = _read_yaml(recipe_path(name, recipe.task), str(name)) if name else {}
    task = file_values.pop("task", recipe.task)
    if task != recipe.task:
        hint = f"Run cmcc train {task}, or choose another recipe from cmcc train --list."
        raise DataError(f"a recipe of the task {task}", f"one of the task {recipe.task}", hint, recipe=str(name))
    types = get_type_hints(recipe)
    for place, source in ((str(name), file_values), ("command line", overrides)):
        for key, value in with_current_keys(source).items():
            _check_key(key, recipe, place)
            values[key] = _typed(value, types[key], key, place)
    missing = [item.name for item in fields(recipe) if item.default is MISSING and item.name not in values]
    if missing:
        options = ", ".join(f"--{key}" for key in missing)
        hint = f"Set them in the recipe, or with {options}."
        raise DataError(f"no value for {', '.join(missing)}", "", hint, recipe=str(name) if name else "none")
    try:
        return recipe(**values)
    except DataError as error:
        raise error.at(recipe=str(name)) from error


def model_of(arguments: Sequence[str], task: str) -> str:
    """The key `model` of the recipe that a command line names; empty if there is none, or no such recipe."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--recipe")
    name = parser.parse_known_args(arguments)[0].recipe
    try:
        return str(_read_yaml(recipe_path(name, task), name).get("model", "")) if name else ""
    except DataError:
        return ""  # parse_recipe reports it


def _add_option(parser: argparse.ArgumentParser, item: Field[Any], kind: Any) -> None:  # noqa: ANN401  # a type
    """Adds an option for a key, also spelled with hyphens. Its value stays text; a bool needs no value."""
    default = "required" if item.default is MISSING else f"default: {item.default}"
    names = dict.fromkeys((f"--{item.name}", f"--{item.name.replace('_', '-')}"))
    options: dict[str, Any] = {"nargs": "?", "const": "true"} if kind is bool else {}
    parser.add_argument(
        *names, metavar=_described(kind).upper(), help=f"{item.metadata['help']} ({default})", **options
    )


def _read_yaml(path: Path, name: str) -> dict[str, Any]:
    """The keys of a recipe's file. name: the recipe's name in error messages."""
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = f"the file cannot be read ({' '.join(str(error).split())})"
        hint = "Give a YAML file; cmcc train --list shows the recipes that ship."
        raise DataError(problem, "", hint, recipe=name) from error
    if not isinstance(values, dict):
        hint = "Write one setting a line, for example epochs: 8."
        raise DataError(f"a {type(values).__name__}", "a YAML mapping", hint, recipe=name)
    return values


def _check_key(key: object, recipe: type[RunRecipe], place: str) -> None:
    known = [item.name for item in fields(recipe)]
    if key not in known:
        close = difflib.get_close_matches(str(key), known, n=3) or known
        raise DataError(f"unknown key {key!r}", "", f"Use one like {', '.join(close)}.", recipe=place)


def _typed(value: Any, kind: Any, key: str, place: str) -> Any:  # noqa: ANN401  # values as YAML has them
    """Converts the value to the key's type. Raises cmcc.DataError if that is impossible."""
    if get_origin(kind) is Literal and value in get_args(kind):
        return value
    if kind is bool and str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    if kind is str and isinstance(value, str):
        return value
    number = _number(value)
    if number is not None and (kind is float or (kind is int and number.is_integer())):
        return kind(number)
    raise DataError(repr(value), _described(kind), recipe=place, key=key)


def _number(value: Any) -> float | None:  # noqa: ANN401  # values as YAML has them
    """A finite number, also from text: YAML reads 2e-5 as text, and options are text. None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if isinstance(value, bool) or not math.isfinite(number) else number


def _described(kind: Any) -> str:  # noqa: ANN401  # a type
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return {int: "whole number", float: "number", bool: "true|false", str: "text"}[kind]

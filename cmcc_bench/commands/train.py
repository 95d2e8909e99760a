"""The command that trains models: cmcc train."""

from __future__ import annotations

import argparse
import textwrap
from importlib import import_module

from cmcc_bench.commands.console import Commands, HelpFormatter, console
from cmcc_bench.training import TASKS

_EPILOG = f"""\
tasks:
{chr(10).join(textwrap.fill(f"  {task:<14}{text}", 79, subsequent_indent=16 * " ") for task, text in TASKS.items())}

examples:
  cmcc train --list             # list the recipes
  cmcc train dialogue --recipe tiny/variant --dataset cmcc --out runs/variant
  cmcc train emotion --recipe my-recipe.yaml --epochs 3 --out runs/emotion
  cmcc train dialogue --help    # list all settings
"""

_ALIASES = {"response": "dialogue"}  # models of `dialogue` are scored as the task `response`


class _List(argparse.Action):
    """Prints the recipes and exits, as --help does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Called by argparse for the option --list."""
        from cmcc_bench.training.recipe import list_recipes

        recipes = list_recipes()
        widths = [max(len(row[column]) for row in recipes) for column in (0, 1)]
        for name, task, description in recipes:
            line = f"{name:<{widths[0]}}  {task:<{widths[1]}}  {description}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        parser.exit()


def add(commands: Commands) -> None:
    """Adds the parser of this command."""
    train = commands.add_parser(
        "train",
        help="train a model from a recipe",
        description="Train a model. A recipe is a YAML file with the settings; options override them.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    train.add_argument("--list", action=_List, nargs=0, help="list the recipes that come with cmcc and exit")
    train.add_argument("task", choices=(*TASKS, *_ALIASES), metavar="TASK", help=f"what to train: {', '.join(TASKS)}")
    # The settings are parsed when the command runs: they are declared in the modules of the tasks, which import torch.
    settings = train.add_argument(
        "settings",
        nargs=argparse.REMAINDER,
        metavar="--recipe NAME_OR_FILE --dataset D --out RUN [--KEY VALUE ...]",
        help="settings; `cmcc train TASK --help` lists all of them",
    )
    settings.required = False  # the parser of the task reports missing settings
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from cmcc_bench.training.recipe import model_of, parse_recipe

    options.task = _ALIASES.get(options.task, options.task)
    module = import_module(f"cmcc_bench.training.{options.task}")
    if model_of(options.settings, options.task) == "ngrams":
        module = import_module("cmcc_bench.training.ngrams")
        kind = module.RECIPES.get(options.task, next(iter(module.RECIPES.values())))
    else:
        kind = module.RECIPE
    recipe = parse_recipe(kind, str(module.__doc__), options.settings, f"cmcc train {options.task}")
    try:
        module.train(recipe)
    except KeyboardInterrupt as stopped:
        stopped.add_note(f"Add --resume to continue {recipe.out} from its last saved state")
        raise
    return 0

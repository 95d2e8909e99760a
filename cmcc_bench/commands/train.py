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
  cmcc train --list             # the recipes that come with cmcc
  cmcc train dialogue --recipe tiny/variant --dataset cmcc --out runs/variant
  cmcc train emotion --recipe my-recipe.yaml --epochs 3 --out runs/emotion
  cmcc train dialogue --help    # every setting
"""


class _List(argparse.Action):
    """Prints the recipes and ends, as --help does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """What argparse calls when it meets the option."""
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
        description="Train a model of a task from a recipe: settings in a YAML file.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    train.add_argument("--list", action=_List, nargs=0, help="show the recipes and exit")
    train.add_argument("task", choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    # The settings of a task are declared beside its training, which imports torch: they are parsed when it is run.
    settings = train.add_argument(
        "settings",
        nargs=argparse.REMAINDER,
        metavar="--recipe NAME_OR_FILE --dataset D --out RUN [--KEY VALUE ...]",
        help="the settings of the task; `cmcc train TASK --help` shows all",
    )
    settings.required = False  # what a recipe must have is said by the parser of its task
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from cmcc_bench.training.recipe import parse_recipe

    module = import_module(f"cmcc_bench.training.{options.task}")
    recipe = parse_recipe(module.RECIPE, str(module.__doc__), options.settings, f"cmcc train {options.task}")
    try:
        module.train(recipe)
    except KeyboardInterrupt as stopped:
        stopped.add_note(f"--resume goes on with {recipe.out} after its last state")
        raise
    return 0

"""Helpers of all commands: output to the terminal, questions to the user, common options and their types."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from rich.console import Console

from cmcc_bench.errors import printable

_T = TypeVar("_T")
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

# Soft wrap: the terminal wraps long lines, not rich, so that a path or a number can be copied as a whole.
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and examples, and puts the help of an option beside its name."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)
        self._action_max_length = 15  # argparse ignores the indent of commands and would wrap the longest


def add_command(
    commands: Commands, name: str, summary: str, epilog: str, description: str | None = None
) -> argparse.ArgumentParser:
    """Adds the parser of a command and returns it.

    summary: one line for the list of commands. epilog: the text below the options, such as examples.
    description: the text above the options (default: the summary as a sentence).
    """
    text = description or f"{summary[0].upper()}{summary[1:]}."
    return commands.add_parser(name, help=summary, description=text, epilog=epilog, formatter_class=HelpFormatter)


def add_number(parser: argparse.ArgumentParser, name: str, default: int, text: str) -> None:
    """Adds an option that takes a whole number of 0 or more. text: its help, without the default."""
    parser.add_argument(name, type=whole_number, default=default, metavar="N", help=f"{text} (default: %(default)s)")


def add_bootstrap(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the bootstrap for confidence intervals and paired tests."""
    add_number(parser, "--resamples", 1000, "number of bootstrap resamples")
    add_number(parser, "--seed", 0, "random seed of the bootstrap")


def add_question(group: argparse._ArgumentGroup) -> None:
    """Adds the options that say what a language model is asked: the task, its context and its prompt."""
    group.add_argument("--task", type=task_name, metavar="TASK", help="task to ask about (default: response)")
    group.add_argument(
        "--context",
        choices=("markov", "full"),
        help="markov: of the call so far, response gets the names of entities; full: all (default: markov)",
    )
    group.add_argument("--prompt", type=Path, metavar="FILE", help="prompt in place of the one that ships")


def whole_number(text: str) -> int:
    """Parses a whole number of 0 or more, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a whole number of 0 or more")
    return int(text)


def positive_number(text: str) -> int:
    """Parses a whole number of 1 or more, for argparse."""
    if whole_number(text) == 0:
        raise argparse.ArgumentTypeError("found 0; expected a whole number of 1 or more")
    return int(text)


def share(text: str) -> float:
    """Parses a number from 0 to 1, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a number from 0 to 1")
    return value


def task_name(text: str) -> str:
    """Checks the name of a task, for argparse; tasks are imported only when the option is used."""
    from cmcc_bench.tasks import TASKS

    if text not in TASKS:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected one of {', '.join(TASKS)}")
    return text


def incremental(show: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    """Converts a progress function that takes (done, total) into one that takes the amount done since the last call."""
    done = 0

    def advance(amount: int) -> None:
        """Adds what was done since the last call."""
        nonlocal done
        done += amount
        show(done, total)

    return advance


def disable_hub_bars_without_terminal() -> None:
    """Disables the progress bars of huggingface_hub where standard error is not a terminal."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    if not sys.stderr.isatty():
        disable_progress_bars()


def print_line(line: str) -> None:
    """Prints a line; characters that could control the terminal are escaped."""
    console.print(printable(line, len(line)), markup=False, highlight=False, soft_wrap=True)


def is_confirmed(question: str) -> bool:
    """Asks the user at the terminal and returns whether the answer is yes; without a terminal the answer is no."""
    if not (sys.stdin.isatty() and console.is_terminal):
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() == "y"
    except EOFError:
        return False


def silence_transformers() -> None:
    """Disables the progress bars of transformers, which shows one for each file."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]


def data_cutoff(text: str) -> str:
    """Parses a month, YYYY-MM, for argparse."""
    from cmcc_bench.reports.facts import parse_month

    return _parsed(parse_month, text)


def parameters(text: str) -> int:
    """Parses a number of parameters, such as 8.2B, for argparse."""
    from cmcc_bench.reports.facts import parse_parameters

    return _parsed(parse_parameters, text)


def system_kind(text: str) -> str:
    """Parses the kind of a system, for argparse."""
    from cmcc_bench.reports.facts import KINDS

    if text not in KINDS:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected one of {', '.join(KINDS)}")
    return text


def _parsed(parse: Callable[[str], _T], text: str) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error

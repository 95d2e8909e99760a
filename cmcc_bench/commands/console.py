"""What commands share: the terminal, what is said and asked there, the numbers that options take."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TypeAlias

from rich.console import Console

from cmcc_bench.errors import printable

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

# Soft wrap: the terminal breaks a long line, so that a path or a number that is copied from it is whole.
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions and examples as they are written; the help of a command or option beside its name."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)
        self._action_max_length = 15  # argparse forgets that it indents commands: the longest is wrapped otherwise


def add_command(commands: Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    """Adds the parser of a command; text: what stands below its options, such as examples."""
    description = f"{summary[0].upper()}{summary[1:]}."
    return commands.add_parser(name, help=summary, description=description, epilog=text, formatter_class=HelpFormatter)


def add_number(parser: argparse.ArgumentParser, name: str, default: int, what: str) -> None:
    """Adds an option that takes a whole number of 0 or more."""
    parser.add_argument(name, type=count, default=default, metavar="N", help=f"{what} (default: %(default)s)")


def add_bootstrap(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the bootstrap behind intervals and tests."""
    add_number(parser, "--resamples", 1000, "bootstrap resamples")
    add_number(parser, "--seed", 0, "bootstrap seed")


def count(text: str) -> int:
    """A whole number of 0 or more, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of 0 or more")
    return int(text)


def positive(text: str) -> int:
    """A whole number of 1 or more, for argparse."""
    if count(text) == 0:
        raise argparse.ArgumentTypeError("found 0, expected a whole number of 1 or more")
    return int(text)


def task_name(text: str) -> str:
    """The name of a task, for argparse; what there is is imported only when it is asked for."""
    from cmcc_bench.tasks import TASKS

    if text not in TASKS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected one of {', '.join(TASKS)}")
    return text


def added(show: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    """For work that reports what it did since the last time: the same bar."""
    done = 0

    def advance(amount: int) -> None:
        nonlocal done
        done += amount
        show(done, total)

    return advance


def quiet_without_terminal() -> None:
    """The client's own progress bars are for a terminal; it writes them into files, too."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    if not sys.stderr.isatty():
        disable_progress_bars()


def say(line: str) -> None:
    """Prints a line as it may be shown in a terminal."""
    console.print(printable(line, len(line)), markup=False, highlight=False, soft_wrap=True)


def confirmed(question: str) -> bool:
    """Whether a person at a terminal says yes; where there is nobody, no."""
    if not (sys.stdin.isatty() and console.is_terminal):
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() == "y"
    except EOFError:
        return False

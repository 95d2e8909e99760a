"""The command `cmcc`: parses arguments, shows progress, prints results. The work is done by the modules it calls.

    cmcc simulate --dialogues 400 --seed 0 --out raw
    cmcc build --data-dir raw --out cmcc
    cmcc stats cmcc

Exit status: 0, 1 (the data or the result is not right) or 2 (usage).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import cmcc

_console = Console()
_errors = Console(stderr=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    options = _parser().parse_args(arguments)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        status: int = options.run(options)
    except cmcc.DataError as error:
        _errors.print(f"cmcc: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except OSError as error:
        hint = ". Nothing was changed. Free space or mend the permissions, then run it again." if error.errno else ""
        message = f"cmcc: {error.filename or 'writing'}: {error.strerror or error}{hint}"
        _errors.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        _errors.print("cmcc: stopped; nothing was changed.")
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cmcc", description=str(__doc__).split("\n")[0])
    parser.add_argument("--version", action="version", version=f"cmcc data {cmcc.VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    simulate = commands.add_parser("simulate", help="write synthetic calls as raw files")
    simulate.add_argument("--dialogues", type=_count, default=400, help="labelled dialogues (default: %(default)s)")
    simulate.add_argument("--unlabeled", type=_count, default=0, help="unlabelled dialogues (default: %(default)s)")
    simulate.add_argument("--seed", type=_count, default=0, help="default: %(default)s")
    simulate.add_argument("--out", type=Path, required=True, help="folder for the raw files")
    simulate.set_defaults(run=_simulate)

    build = commands.add_parser("build", help="make the data set's folder from raw files")
    build.add_argument("--data-dir", type=Path, required=True, help="folder of raw files (or one file)")
    build.add_argument("--out", type=Path, default=Path("cmcc"), help="the folder to make (default: %(default)s)")
    build.add_argument("--num-proc", type=_positive, default=1, help="processes; each takes whole files")
    build.add_argument("--care", type=Path, help="care labels to merge (default: the care file among the raw files)")
    build.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        default="raise",
        help="skip: leave unreadable dialogues out and write them to OUT-rejects.jsonl (default: %(default)s)",
    )
    build.set_defaults(run=_build)

    stats = commands.add_parser("stats", help="a data set's statistics beside the published ones")
    stats.add_argument("dataset", help="a built folder, a Hub id, or `sample`")
    stats.set_defaults(run=_stats)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError("found 0, expected a whole number of 1 or more")
    return int(text)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar with the time left; yields the function that advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=_errors, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)


def _simulate(options: argparse.Namespace) -> int:
    from cmcc_bench.simulate import write_corpus

    total = options.dialogues + options.unlabeled
    if not total:
        _errors.print("cmcc simulate: nothing to do: --dialogues and --unlabeled are both 0")
        return 2
    with _progress("simulating dialogues", total) as advance:
        paths = write_corpus(options.out, options.dialogues, options.unlabeled, options.seed, advance)
    _console.print(f"{total} synthetic dialogues (seed {options.seed}) in {len(paths)} files in {options.out}")
    return 0


def _build(options: argparse.Namespace) -> int:
    from cmcc_bench.build import build, raw_bytes

    with _progress("reading raw bytes", raw_bytes(options.data_dir)) as advance:
        result = build(
            options.data_dir, options.out, options.num_proc, options.on_error == "skip", options.care, advance
        )
    for line in result.summary():
        _console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _stats(options: argparse.Namespace) -> int:
    from cmcc_bench.corpus import labeled_rows
    from cmcc_bench.stats import comparison_table, marginals

    _console.print(comparison_table(marginals(labeled_rows(options.dataset))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

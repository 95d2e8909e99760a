"""The commands that make and count data: simulate, build, stats."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmcc_bench.commands.console import Commands, add_command, add_number, added, console, errors, positive
from cmcc_bench.files import write_bytes, write_text
from cmcc_bench.terminal import progress_bar

_SIMULATE = """\
example:
  cmcc simulate --dialogues 8975 --unlabeled 90000 --seed 1 --out raw"""
_BUILD = """\
examples:
  cmcc build --data-dir my/raw/files --out cmcc
  cmcc build --data-dir my/raw/files --out cmcc --on-error skip --figures"""
_STATS = """\
examples:
  cmcc stats
  cmcc stats cmcc --json stats.json --markdown stats.md"""


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_simulate(commands)
    _add_build(commands)
    _add_stats(commands)


def _add_simulate(commands: Commands) -> None:
    simulate = add_command(commands, "simulate", "write synthetic calls as raw files", _SIMULATE)
    add_number(simulate, "--dialogues", 400, "labeled dialogues")
    add_number(simulate, "--unlabeled", 0, "unlabeled dialogues")
    add_number(simulate, "--seed", 0, "the same seed gives the same files")
    simulate.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for the raw files")
    simulate.set_defaults(run=_simulate)


def _add_build(commands: Commands) -> None:
    build = add_command(commands, "build", "make the data set's folder from raw files", _BUILD)
    build.add_argument("--data-dir", type=Path, required=True, metavar="RAW", help="folder of raw files (or one file)")
    build.add_argument(
        "--out", type=Path, default=Path("cmcc"), metavar="FOLDER", help="the folder to make (default: %(default)s)"
    )
    build.add_argument(
        "--num-proc",
        type=positive,
        default=1,
        metavar="N",
        help="number of processes; each reads whole files (default: 1)",
    )
    build.add_argument(
        "--care", type=Path, metavar="FILE", help="care labels to merge (default: the care file among the raw files)"
    )
    build.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        default="raise",
        help="skip: leave unreadable dialogues out; they are written to FOLDER-rejects.jsonl and the reasons to "
        "FOLDER-rejects.txt (default: %(default)s)",
    )
    build.add_argument("--figures", action="store_true", help="draw figures into the folder and its card")
    build.add_argument(
        "--hide-test-labels",
        action="store_true",
        help="leave the test split's labels out of FOLDER; they go into FOLDER-test-labels, for a private repository",
    )
    build.set_defaults(run=_build)


def _add_stats(commands: Commands) -> None:
    stats = add_command(commands, "stats", "print a data set's statistics beside the published ones", _STATS)
    stats.add_argument(
        "dataset", nargs="?", default="sample", help="a built folder, a Hub id, or `sample` (the default)"
    )
    stats.add_argument("--json", type=Path, metavar="FILE", help="also write every count to this file")
    stats.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to this file")
    stats.set_defaults(run=_stats)


def _simulate(options: argparse.Namespace) -> int:
    from cmcc_bench.simulate.write import write_corpus

    total = options.dialogues + options.unlabeled
    if not total:
        errors.print("cmcc simulate: nothing to do: --dialogues and --unlabeled are both 0")
        return 2
    with progress_bar("simulating dialogues") as show:
        paths = write_corpus(options.out, options.dialogues, options.unlabeled, options.seed, added(show, total))
    console.print(f"{total} synthetic dialogues (seed {options.seed}) in {len(paths)} files in {options.out}")
    return 0


@contextmanager
def _sigterm_cleans_up() -> Iterator[None]:
    """SIGTERM ends the block as an exception does, with the status that shells give a command that it ended."""

    def leave(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():  # only the main one may set what a signal does
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _build(options: argparse.Namespace) -> int:
    from cmcc_bench.dataset.folder import build, raw_bytes

    with _sigterm_cleans_up(), progress_bar("reading raw bytes") as show:
        advance = added(show, raw_bytes(options.data_dir))
        skip = options.on_error == "skip"
        result = build(
            options.data_dir,
            options.out,
            options.num_proc,
            skip,
            options.care,
            advance,
            options.figures,
            options.hide_test_labels,
        )
    for line in result.summary():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _stats(options: argparse.Namespace) -> int:
    from cmcc_bench.statistics.collect import collect
    from cmcc_bench.statistics.record import statistics_bytes
    from cmcc_bench.statistics.tables import statistics_tables

    with progress_bar("counting dialogues") as show:
        statistics = collect(options.dataset, show)
    tables = statistics_tables(statistics)
    for table in tables:
        console.print(table.terminal())
    if options.json:
        write_bytes(options.json, statistics_bytes(statistics))
    if options.markdown:
        write_text(options.markdown, "\n".join(table.markdown() for table in tables))
    return 0

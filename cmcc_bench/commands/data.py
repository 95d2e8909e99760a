"""The commands that make data and count them: simulate, build, stats."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmcc_bench.commands.console import (
    Commands,
    add_command,
    add_number,
    console,
    errors,
    incremental,
    positive_number,
)
from cmcc_bench.files import write_bytes, write_text
from cmcc_bench.terminal import counted, progress_bar

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
    simulate = add_command(commands, "simulate", "write synthetic dialogues as raw files", _SIMULATE)
    add_number(simulate, "--dialogues", 400, "number of labeled dialogues")
    add_number(simulate, "--unlabeled", 0, "number of unlabeled dialogues")
    add_number(simulate, "--seed", 0, "random seed; the same seed gives the same files")
    simulate.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write the raw files to")
    simulate.set_defaults(run=_simulate)


def _add_build(commands: Commands) -> None:
    build = add_command(commands, "build", "build the data set from raw files", _BUILD)
    build.add_argument(
        "--data-dir", type=Path, required=True, metavar="RAW", help="folder with the raw files, or one raw file"
    )
    build.add_argument(
        "--out",
        type=Path,
        default=Path("cmcc"),
        metavar="FOLDER",
        help="folder to write the data set to (default: %(default)s)",
    )
    build.add_argument(
        "--num-proc",
        type=positive_number,
        default=1,
        metavar="N",
        help="number of processes; each file is read by one process (default: 1)",
    )
    build.add_argument(
        "--care", type=Path, metavar="FILE", help="care labels to merge (default: the care file among the raw files)"
    )
    build.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        default="raise",
        help="raise: stop at the first unreadable dialogue; skip: leave unreadable dialogues out and write them to "
        "FOLDER-rejects.jsonl, the reasons to FOLDER-rejects.txt (default: %(default)s)",
    )
    build.add_argument("--figures", action="store_true", help="also draw figures and show them in the data set card")
    build.add_argument(
        "--hide-test-labels",
        action="store_true",
        help="write the labels of the test split to FOLDER-test-labels (for a private repository), not to FOLDER",
    )
    build.set_defaults(run=_build)


def _add_stats(commands: Commands) -> None:
    stats = add_command(commands, "stats", "print the statistics of a data set beside the published ones", _STATS)
    stats.add_argument(
        "dataset",
        nargs="?",
        default="sample",
        metavar="DATASET",
        help="a built folder, a Hub id, or `sample` (the default)",
    )
    stats.add_argument("--json", type=Path, metavar="FILE", help="also write every count to this file")
    stats.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to this file")
    stats.set_defaults(run=_stats)


def _simulate(options: argparse.Namespace) -> int:
    from cmcc_bench.simulate.write import write_corpus

    total = options.dialogues + options.unlabeled
    if not total:
        errors.print(
            "cmcc simulate: --dialogues and --unlabeled are both 0. Set one of them to 1 or more.", soft_wrap=True
        )
        return 2
    with progress_bar("simulating dialogues") as show:
        paths = write_corpus(options.out, options.dialogues, options.unlabeled, options.seed, incremental(show, total))
    dialogues = counted(total, "synthetic dialogue")
    console.print(f"{dialogues} (seed {options.seed}) in {counted(len(paths), 'file')} in {options.out}")
    return 0


@contextmanager
def _sigterm_cleans_up() -> Iterator[None]:
    """Turns SIGTERM into SystemExit(143) inside the block, so that the build can remove its temporary files."""

    def stop(*_: object) -> None:
        """Ends the command as SIGTERM would, after the cleaning up."""
        raise SystemExit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set a signal handler
        yield
        return
    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _build(options: argparse.Namespace) -> int:
    from cmcc_bench.dataset.folder import build, raw_bytes

    with _sigterm_cleans_up(), progress_bar("reading raw bytes") as show:
        advance = incremental(show, raw_bytes(options.data_dir))
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

    with progress_bar("statistics:") as show:
        statistics = collect(options.dataset, show)
    tables = statistics_tables(statistics)
    for table in tables:
        console.print(table.terminal())
    if options.json:
        write_bytes(options.json, statistics_bytes(statistics))
    if options.markdown:
        write_text(options.markdown, "\n".join(table.markdown() for table in tables))
    return 0

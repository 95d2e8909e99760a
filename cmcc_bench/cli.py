"""The command `cmcc`: parses arguments, shows progress, prints results. The work is done by the modules it calls.

    cmcc simulate --dialogues 400 --seed 0 --out raw
    cmcc build --data-dir raw --out cmcc
    cmcc stats cmcc

Exit status: 0, 1 (the data or the result is not right) or 2 (usage).
"""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import datasets
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import cmcc

_console = Console()
_errors = Console(stderr=True)


# What is not installed with the library alone, and the extra that brings it.
_EXTRAS = {"torch": "train", "transformers": "train", "accelerate": "train", "gradio": "leaderboard"}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    options = _parser().parse_args(arguments)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        status: int = options.run(options)
    except cmcc.DataError as error:
        _say_error(str(error))
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say_error(_sentences(f"{where}{error.strerror or error}", *_notes(error), _ADVICE.get(error.errno or 0, "")))
        return 1
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        _say_error(f"this command needs {error.name}: pip install 'cmcc[{_EXTRAS[error.name]}]'")
        return 1
    except KeyboardInterrupt as error:
        _say_error(_sentences("stopped", *_notes(error)))
        return 1
    return status


_AGAIN = "then run it again."
_ADVICE = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), f"Free space, {_AGAIN}") | dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS), f"Mend the permissions, or name another place, {_AGAIN}"
)  # by the number of an OSError


def _notes(error: BaseException) -> list[str]:
    """What the function that raised the error adds to it, such as that nothing was changed."""
    return getattr(error, "__notes__", [])


def _sentences(*parts: str) -> str:
    return " ".join(f"{part.removesuffix('.')}." for part in parts if part)


def _say_error(message: str) -> None:
    """Prints a message as it may be shown in a terminal: it may quote names and ids from files."""
    lines = [cmcc.printable(line, len(line)) for line in f"cmcc: {message}".split("\n")]
    _errors.print("\n".join(lines), style="red", markup=False, highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cmcc", description=str(__doc__).split("\n")[0])
    parser.add_argument("--version", action="version", version=f"cmcc {version('cmcc')}, data {cmcc.VERSION}")
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
        help="skip: leave unreadable dialogues out, write them to OUT-rejects.jsonl and why to OUT-rejects.txt "
        "(default: %(default)s)",
    )
    build.set_defaults(run=_build)

    predict = commands.add_parser("predict", help="decode a split with a trained model")
    predict.add_argument("model", type=Path, help="the folder of a run's best checkpoint, RUN/best")
    predict.add_argument("dataset", help="a built folder, a Hub id, `sample`, or a Track 2 test file")
    predict.add_argument("--split", default="test", choices=cmcc.SPLITS, help="default: %(default)s")
    predict.add_argument("--mode", default="end2end", choices=("end2end", "oracle"), help="default: %(default)s")
    predict.add_argument("--format", default="jsonl", choices=("jsonl", "seretod"), help="default: %(default)s")
    predict.add_argument("--batch-size", type=_positive, help="dialogues decoded at a time")
    predict.add_argument("--out", type=Path, required=True, help="file to write; a second start goes on with it")
    predict.set_defaults(run=_predict)

    score = commands.add_parser("score", help="score a file of predictions")
    score.add_argument("predictions", type=Path, help="a file that cmcc predict wrote")
    score.add_argument("dataset", help="a built folder, a Hub id, or `sample`")
    score.add_argument("--split", default="test", choices=cmcc.SPLITS, help="default: %(default)s")
    score.add_argument("--version", default="strict", choices=("strict", "seretod"), help="default: %(default)s")
    score.add_argument("--against", type=Path, metavar="OTHER", help="the paired test against another file instead")
    score.add_argument(
        "--fold-caring",
        action="store_true",
        help="score acts with the caring ones folded back (known from FILE.run.json)",
    )
    score.add_argument("--resamples", type=_count, default=1000, help="of the bootstrap (default: %(default)s)")
    score.add_argument("--seed", type=_count, default=0, help="of the bootstrap (default: %(default)s)")
    score.add_argument("--json", action="store_true", help="print JSON instead of a table")
    score.set_defaults(run=_score)

    report = commands.add_parser("report", help="the paper's tables, from files of predictions")
    report.add_argument("runs", type=Path, nargs="+", help="files that cmcc predict wrote, or folders of them")
    report.add_argument("--out", type=Path, help="write Markdown to this file, too")
    report.add_argument("--resamples", type=_count, default=1000, help="of the bootstrap (default: %(default)s)")
    report.add_argument("--seed", type=_count, default=0, help="of the bootstrap (default: %(default)s)")
    report.add_argument("--examples", type=_count, default=8, help="exchanges of table 4 (default: %(default)s)")
    report.set_defaults(run=_report)

    chat = commands.add_parser("chat", help="talk to one or more trained models")
    chat.add_argument("models", type=Path, nargs="+", help="folders of best checkpoints; several stand side by side")
    chat.add_argument("--dataset", default="sample", help="where the local KB is from (default: %(default)s)")
    chat.add_argument("--dialogue", help="the id of the dialogue whose KB is used (default: the largest KB of test)")
    chat.add_argument("--web", action="store_true", help="open a page instead, on this machine only")
    chat.add_argument("--port", type=_positive, help="of the page")
    chat.set_defaults(run=_chat)

    stats = commands.add_parser("stats", help="a data set's statistics beside the published ones")
    stats.add_argument(
        "dataset", nargs="?", default="sample", help="a built folder, a Hub id, or `sample` (the default)"
    )
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
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left; yields the function that takes how much is done and how much there is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=_errors, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _added(show: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    """For work that reports what it did since the last time: the same bar."""
    done = 0

    def advance(amount: int) -> None:
        nonlocal done
        done += amount
        show(done, total)

    return advance


def _simulate(options: argparse.Namespace) -> int:
    from cmcc_bench.simulate import write_corpus

    total = options.dialogues + options.unlabeled
    if not total:
        _errors.print("cmcc simulate: nothing to do: --dialogues and --unlabeled are both 0")
        return 2
    with _progress("simulating dialogues") as show:
        paths = write_corpus(options.out, options.dialogues, options.unlabeled, options.seed, _added(show, total))
    _console.print(f"{total} synthetic dialogues (seed {options.seed}) in {len(paths)} files in {options.out}")
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
    from cmcc_bench.build import build, raw_bytes

    with _sigterm_cleans_up(), _progress("reading raw bytes") as show:
        advance = _added(show, raw_bytes(options.data_dir))
        result = build(
            options.data_dir, options.out, options.num_proc, options.on_error == "skip", options.care, advance
        )
    for line in result.summary():
        _console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _predict(options: argparse.Namespace) -> int:
    from cmcc_bench.decoding import BATCH_SIZE, predict

    with _progress("decoding exchanges") as show:
        run = predict(
            options.model,
            options.dataset,
            options.out,
            split=options.split,
            mode=options.mode,
            output_format=options.format,
            batch_size=options.batch_size or BATCH_SIZE,
            progress=show,
        )
    synthetic = " of SYNTHETIC data" if run.synthetic else ""
    cut = (
        f"; {run.cut_contexts} contexts were too long: {run.cut_entities} history entities cut"
        if run.cut_contexts
        else ""
    )
    _console.print(
        f"{options.out}: {run.exchanges} exchanges{synthetic}, {run.exchanges_per_second:.1f} a second{cut}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


def _score(options: argparse.Namespace) -> int:
    import orjson

    from cmcc_bench.corpus import is_synthetic, open_split
    from cmcc_bench.reports.response import difference_table
    from cmcc_bench.reports.systems import read_system
    from cmcc_bench.reports.table import score_table
    from cmcc_bench.scoring import compare_responses, read_predictions, score_responses
    from cmcc_bench.scoring.predictions import facts_path

    rows = list(open_split(options.dataset, "response", options.split))
    synthetic, file, other = is_synthetic(rows), options.predictions, options.against
    system = read_system(file) if facts_path(file).exists() else None
    fold = options.fold_caring or (system is not None and system.fold_caring)
    predictions = read_predictions(file)
    result: dict[str, object]
    if other:
        other_fold = options.fold_caring or (facts_path(other).exists() and read_system(other).fold_caring)
        compared = compare_responses(
            predictions,
            read_predictions(other),
            rows,
            options.version,
            (fold, other_fold),
            options.resamples,
            options.seed,
            files=(file, other),
        )
        result, table = compared.as_dict(), difference_table(f"{file.name} less {other.name}", compared, synthetic)
    else:
        scores = score_responses(predictions, rows, options.version, fold, options.resamples, options.seed, file=file)
        mode = system.mode if system else "end2end"
        result, table = scores.as_dict(), score_table(file.name, scores, synthetic, mode)
    if options.json:
        _console.print_json(orjson.dumps(result).decode())
    else:
        _console.print(table.terminal())
    return 0


def _report(options: argparse.Namespace) -> int:
    from cmcc_bench.corpus import fingerprint_of, open_split
    from cmcc_bench.reports.response import Data, response_tables
    from cmcc_bench.reports.systems import check_data, find_systems

    systems = find_systems(options.runs)
    gold, train = (open_split(systems[0].dataset, "response", name) for name in (systems[0].split, "train"))
    check_data(systems, fingerprint_of(gold))
    tables = response_tables(systems, Data(list(gold), list(train)), options.resamples, options.seed, options.examples)
    for table in tables:
        _console.print(table.terminal())
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n".join(table.markdown() for table in tables), encoding="utf-8")
    return 0


def _chat(options: argparse.Namespace) -> int:
    from cmcc_bench.chat.session import Session, choose_kb, model_name
    from cmcc_bench.decoding import open_model

    dialogue_id, kb = choose_kb(options.dataset, options.dialogue)
    sessions: dict[str, Session] = {}
    for folder in options.models:
        trained = open_model(folder)
        sessions[model_name(folder, trained, sessions)] = Session(trained, kb)
    _console.print(f"Local KB: dialogue {dialogue_id} of {options.dataset}", markup=False, highlight=False)
    if options.web:
        from cmcc_bench.chat.page import launch, make_page

        launch(make_page(sessions, "cmcc chat"), options.port)
    else:
        from cmcc_bench.chat.terminal import talk

        talk(sessions, _console)
    return 0


def _stats(options: argparse.Namespace) -> int:
    from cmcc_bench.corpus import labeled_rows
    from cmcc_bench.stats import comparison_table, marginals

    _console.print(comparison_table(marginals(labeled_rows(options.dataset))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

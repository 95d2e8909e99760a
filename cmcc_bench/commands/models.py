"""The commands that use trained models: predict, score, report, chat."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cmcc_bench.commands.console import (
    Commands,
    add_bootstrap,
    add_command,
    add_number,
    console,
    errors,
    positive,
    task_name,
)
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_text
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.terminal import progress_bar
from cmcc_bench.vocabulary import SYNTHETIC_ID

if TYPE_CHECKING:
    from cmcc_bench.reports.table import ReportTable
    from cmcc_bench.scoring import Comparison, Scores
    from cmcc_bench.tasks import Task

_SPLIT = f"{', '.join(SPLITS)} (default: %(default)s)"
_MODE = "oracle: with the gold labels before each reply (default: %(default)s)"
_FORMAT = "seretod: a SereTOD Track 2 result file (default: %(default)s)"

_PREDICT = """\
examples:
  cmcc predict runs/variant/best cmcc --out runs/variant/test.end2end.jsonl
  cmcc predict runs/emotion/best cmcc --split validation --out emotions.jsonl"""
_SCORE = """\
examples:
  cmcc score runs/variant/test.end2end.jsonl cmcc
  cmcc score a.jsonl cmcc --against b.jsonl --version seretod"""
_REPORT = """\
example:
  cmcc report runs/baseline runs/variant runs/emotion --out tables.md"""
_CHAT = """\
example:
  cmcc chat runs/baseline/best runs/variant/best --dataset cmcc --web"""


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_predict(commands)
    _add_score(commands)
    _add_report(commands)
    _add_chat(commands)


def _add_predict(commands: Commands) -> None:
    predict = add_command(commands, "predict", "decode a split with a trained model", _PREDICT)
    predict.add_argument(
        "model", type=Path, help="the folder of a run's best checkpoint, RUN/best, of any task; or a Hub id"
    )
    predict.add_argument("dataset", help="a built folder, a Hub id, `sample`, or a Track 2 test file")
    predict.add_argument("--split", default="test", choices=SPLITS, metavar="SPLIT", help=_SPLIT)
    predict.add_argument("--mode", default="end2end", choices=("end2end", "oracle"), help=_MODE)
    predict.add_argument("--format", default="jsonl", choices=("jsonl", "seretod"), help=_FORMAT)
    predict.add_argument("--batch-size", type=positive, metavar="N", help="dialogues decoded at a time")
    predict.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="file to write; a second start continues it"
    )
    predict.set_defaults(run=_predict)


def _add_score(commands: Commands) -> None:
    score = add_command(commands, "score", "score a file of predictions", _SCORE)
    score.add_argument(
        "predictions", type=Path, help="a file that cmcc predict wrote, or a SereTOD Track 2 result file"
    )
    score.add_argument(
        "dataset",
        nargs="?",
        help="a built folder, a Hub id, or `sample`; of a Track 2 result file, the file with the gold that it lacks",
    )
    score.add_argument("--split", default="test", choices=SPLITS, metavar="SPLIT", help=_SPLIT)
    score.add_argument(
        "--task",
        type=task_name,
        metavar="TASK",
        help="what to score (known from FILE.run.json); emotion also of what a dialogue model wrote",
    )
    score.add_argument(
        "--version",
        choices=("strict", "seretod"),
        help="which scores (default: strict; for a Track 2 result file always seretod)",
    )
    score.add_argument(
        "--against", type=Path, metavar="OTHER", help="print the paired test against another file instead"
    )
    score.add_argument(
        "--fold-caring",
        action="store_true",
        help="score acts with the caring ones folded back (known from FILE.run.json)",
    )
    add_bootstrap(score)
    score.add_argument("--json", action="store_true", help="print JSON instead of a table")
    score.set_defaults(run=_score)


def _add_report(commands: Commands) -> None:
    report = add_command(commands, "report", "print the paper's tables, from files of predictions", _REPORT)
    report.add_argument("runs", type=Path, nargs="+", help="files that cmcc predict wrote, or folders of them")
    report.add_argument("--out", type=Path, metavar="FILE", help="also write the tables to this file, as Markdown")
    add_bootstrap(report)
    add_number(report, "--examples", 8, "exchanges shown in table 4")
    report.set_defaults(run=_report)


def _add_chat(commands: Commands) -> None:
    chat = add_command(commands, "chat", "talk to one or more trained models", _CHAT)
    chat.add_argument(
        "models", type=Path, nargs="+", help="folders of best checkpoints, or Hub ids; several stand side by side"
    )
    chat.add_argument("--dataset", default="sample", help="data set of the local KB (default: %(default)s)")
    chat.add_argument(
        "--dialogue", metavar="ID", help="dialogue whose KB is used (default: the largest KB of the test split)"
    )
    chat.add_argument("--web", action="store_true", help="open a page instead, on this machine only")
    chat.add_argument("--port", type=positive, metavar="N", help="port of the page (default: a free one)")
    chat.set_defaults(run=_chat)


def _predict(options: argparse.Namespace) -> int:
    from cmcc_bench.hub.pull import model_folder
    from cmcc_bench.models.record import read_training
    from cmcc_bench.tasks import RESPONSE

    _silence_transformers()
    folder = model_folder(options.model)
    is_dialogue_model = read_training(folder).task == RESPONSE.name
    return _decode(options, folder) if is_dialogue_model else _recognize(options, folder)


def _silence_transformers() -> None:
    """No bar of its own for each file that is read."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]


def _recognize(options: argparse.Namespace, folder: Path) -> int:
    from cmcc_bench.recognition.run import BATCH_SIZE, recognize
    from cmcc_bench.tasks import task_of

    batch_size = options.batch_size or BATCH_SIZE
    with progress_bar("recognising") as show:
        run = recognize(folder, options.dataset, options.out, split=options.split, batch_size=batch_size, progress=show)
    synthetic, items = " of SYNTHETIC data" if run.synthetic else "", task_of(run.task).items
    console.print(
        f"{options.out}: {run.task} of {run.exchanges} {items}{synthetic}, {run.exchanges_per_second:.1f} a second",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


def _decode(options: argparse.Namespace, folder: Path) -> int:
    from cmcc_bench.decoding.decoder import BATCH_SIZE
    from cmcc_bench.decoding.run import predict

    with progress_bar("decoding exchanges") as show:
        run = predict(
            folder,
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
    console.print(
        f"{options.out}: {run.exchanges} exchanges{synthetic}, {run.exchanges_per_second:.1f} a second{cut}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


# Scores or their paired test, the scores left out, and whether any dialogue is simulated.
ScoreResult: TypeAlias = "tuple[Scores | Comparison, Sequence[str], bool]"


def _score(options: argparse.Namespace) -> int:
    import orjson

    from cmcc_bench.reports.systems import task_of_file
    from cmcc_bench.scoring.track2 import is_track2
    from cmcc_bench.tasks import RESPONSE, task_of

    task = task_of(options.task or task_of_file(options.predictions))
    if task is RESPONSE and is_track2(options.predictions):
        found, untold, synthetic = _score_track2(options)
    elif options.dataset is None:
        errors.print("cmcc score: name the data set that the predictions are of; see --help", style="red")
        return 2
    else:
        found, untold, synthetic = _score_answers(options, task)
    if options.json:
        console.print_json(orjson.dumps(found.as_dict()).decode())
    else:
        console.print(_score_table(options, found, untold, synthetic).terminal())
    return 0


def _score_table(
    options: argparse.Namespace, found: Scores | Comparison, untold: Sequence[str], synthetic: bool
) -> ReportTable:
    from cmcc_bench.reports.scores import difference_table, score_table
    from cmcc_bench.scoring import Scores

    name = options.predictions.name
    if isinstance(found, Scores):
        return score_table(name, found, synthetic, untold)
    return difference_table(f"{name} minus {options.against.name}", found, synthetic, untold)


def _score_track2(options: argparse.Namespace) -> ScoreResult:
    from cmcc_bench.scoring import Bootstrap
    from cmcc_bench.scoring.track2 import compare_track2, read_results, score_track2

    file, fold = options.predictions, options.fold_caring
    if options.version == "strict":
        hint = "Leave --version out; a built data set has the strict scores."
        raise DataError("the version strict", "seretod for a Track 2 result file", hint, file=str(file))
    dialogues = read_results(file, options.dataset, fold)
    bootstrap = Bootstrap(options.resamples, options.seed)
    synthetic = any(dialogue["id"].startswith(SYNTHETIC_ID) for dialogue in dialogues)
    if options.against:
        others = read_results(options.against, options.dataset, fold)
        return compare_track2(dialogues, others, bootstrap, fold), (), synthetic
    return score_track2(dialogues, bootstrap, fold), (), synthetic


def _score_answers(options: argparse.Namespace, task: Task) -> ScoreResult:
    """The scores of JSON lines or their paired test, the scores left out, and whether data are simulated."""
    from cmcc_bench.corpus import is_synthetic
    from cmcc_bench.reports.systems import read_measure, read_task_answers, read_untold
    from cmcc_bench.scoring.bootstrap import Bootstrap
    from cmcc_bench.scoring.score import compare, score

    files = [options.predictions, *([options.against] if options.against else [])]
    measures = [read_measure(file, task, options.version or "strict", options.fold_caring) for file in files]
    answers, rows = read_task_answers(files, task, options.dataset, options.split)
    synthetic, bootstrap = is_synthetic(rows), Bootstrap(options.resamples, options.seed)
    untold = [name for found in answers for name in task.untold(found)]
    if options.against:
        (a, b), both = answers, (measures[0], measures[1])
        return compare(task, a, b, rows, bootstrap, measures=both, files=(files[0], files[1])), untold, synthetic
    found = score(task, answers[0], rows, bootstrap, measure=measures[0], file=files[0])
    return found, untold or read_untold(files[0], task), synthetic


def _report(options: argparse.Namespace) -> int:
    from cmcc_bench.reports.report import all_tables
    from cmcc_bench.scoring import Bootstrap

    with progress_bar("scoring systems") as show:
        bootstrap = Bootstrap(options.resamples, options.seed)
        tables = all_tables(options.runs, bootstrap, options.examples, show)
    for table in tables:
        console.print(table.terminal())
    if options.out:
        write_text(options.out, "\n".join(table.markdown() for table in tables))
    return 0


def _chat(options: argparse.Namespace) -> int:
    from cmcc_bench.chat.session import Session, choose_kb, model_name
    from cmcc_bench.decoding.run import open_model
    from cmcc_bench.hub.pull import model_folder

    _silence_transformers()
    dialogue_id, kb = choose_kb(options.dataset, options.dialogue)
    sessions: dict[str, Session] = {}
    for folder in map(model_folder, options.models):
        trained = open_model(folder)
        sessions[model_name(folder, trained, sessions)] = Session(trained, kb)
    console.print(f"Local KB: dialogue {dialogue_id} of {options.dataset}", markup=False, highlight=False)
    if options.web:
        from cmcc_bench.chat.page import launch, make_page

        launch(make_page(sessions, "cmcc chat"), options.port)
    else:
        from cmcc_bench.chat.terminal import talk

        talk(sessions, console)
    return 0

"""The commands that use trained models: predict, score, report, chat."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cmcc_bench.commands.console import Commands, console, count, errors, positive, progress_bar, task_name
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_text
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.vocabulary import SYNTHETIC_ID

if TYPE_CHECKING:
    from cmcc_bench.reports.table import ReportTable
    from cmcc_bench.scoring import Comparison, Scores
    from cmcc_bench.tasks import Task


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_predict(commands)
    _add_score(commands)
    _add_report(commands)
    _add_chat(commands)


def _add_predict(commands: Commands) -> None:
    predict = commands.add_parser("predict", help="decode a split with a trained model")
    predict.add_argument(
        "model", type=Path, help="the folder of a run's best checkpoint, RUN/best, of any task; or a Hub id"
    )
    predict.add_argument("dataset", help="a built folder, a Hub id, `sample`, or a Track 2 test file")
    predict.add_argument("--split", default="test", choices=SPLITS, help="default: %(default)s")
    predict.add_argument("--mode", default="end2end", choices=("end2end", "oracle"), help="default: %(default)s")
    predict.add_argument("--format", default="jsonl", choices=("jsonl", "seretod"), help="default: %(default)s")
    predict.add_argument("--batch-size", type=positive, help="dialogues decoded at a time")
    predict.add_argument("--out", type=Path, required=True, help="file to write; a second start goes on with it")
    predict.set_defaults(run=_predict)


def _add_score(commands: Commands) -> None:
    score = commands.add_parser("score", help="score a file of predictions")
    score.add_argument(
        "predictions", type=Path, help="a file that cmcc predict wrote, or a SereTOD Track 2 result file"
    )
    score.add_argument(
        "dataset",
        nargs="?",
        help="a built folder, a Hub id, or `sample`; of a Track 2 result file, the file with the gold that it lacks",
    )
    score.add_argument("--split", default="test", choices=SPLITS, help="default: %(default)s")
    score.add_argument(
        "--task",
        type=task_name,
        help="what to score (known from FILE.run.json); emotion also of what a dialogue model wrote",
    )
    score.add_argument(
        "--version", choices=("strict", "seretod"), help="default: strict; of a Track 2 result file always seretod"
    )
    score.add_argument("--against", type=Path, metavar="OTHER", help="the paired test against another file instead")
    score.add_argument(
        "--fold-caring",
        action="store_true",
        help="score acts with the caring ones folded back (known from FILE.run.json)",
    )
    score.add_argument("--resamples", type=count, default=1000, help="of the bootstrap (default: %(default)s)")
    score.add_argument("--seed", type=count, default=0, help="of the bootstrap (default: %(default)s)")
    score.add_argument("--json", action="store_true", help="print JSON instead of a table")
    score.set_defaults(run=_score)


def _add_report(commands: Commands) -> None:
    report = commands.add_parser("report", help="the paper's tables, from files of predictions")
    report.add_argument("runs", type=Path, nargs="+", help="files that cmcc predict wrote, or folders of them")
    report.add_argument("--out", type=Path, help="write Markdown to this file, too")
    report.add_argument("--resamples", type=count, default=1000, help="of the bootstrap (default: %(default)s)")
    report.add_argument("--seed", type=count, default=0, help="of the bootstrap (default: %(default)s)")
    report.add_argument("--examples", type=count, default=8, help="exchanges of table 4 (default: %(default)s)")
    report.set_defaults(run=_report)


def _add_chat(commands: Commands) -> None:
    chat = commands.add_parser("chat", help="talk to one or more trained models")
    chat.add_argument(
        "models",
        type=Path,
        nargs="+",
        help="folders of best checkpoints, Hub ids, or tiny, which ships (synthetic); several stand side by side",
    )
    chat.add_argument("--dataset", default="sample", help="where the local KB is from (default: %(default)s)")
    chat.add_argument("--dialogue", help="the id of the dialogue whose KB is used (default: the largest KB of test)")
    chat.add_argument("--web", action="store_true", help="open a page instead, on this machine only")
    chat.add_argument("--port", type=positive, help="of the page")
    chat.set_defaults(run=_chat)


def _predict(options: argparse.Namespace) -> int:
    from cmcc_bench.hub.pull import model_folder
    from cmcc_bench.models.training import read_training
    from cmcc_bench.tasks import RESPONSE

    _silence_transformers()
    folder = model_folder(options.model)
    is_dialogue_model = read_training(folder).task == RESPONSE.name
    return _decode(options, folder) if is_dialogue_model else _recognise(options, folder)


def _silence_transformers() -> None:
    """No bar of its own for each file that is read."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]


def _recognise(options: argparse.Namespace, folder: Path) -> int:
    from cmcc_bench.recognition.run import BATCH_SIZE, recognise
    from cmcc_bench.tasks import task_of

    batch_size = options.batch_size or BATCH_SIZE
    with progress_bar("recognising") as show:
        run = recognise(folder, options.dataset, options.out, split=options.split, batch_size=batch_size, progress=show)
    synthetic, items = " of SYNTHETIC data" if run.synthetic else "", task_of(run.task).items
    console.print(
        f"{options.out}: {run.task} of {run.exchanges} {items}{synthetic}, {run.exchanges_per_second:.1f} a second",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


def _decode(options: argparse.Namespace, folder: Path) -> int:
    from cmcc_bench.decoding import BATCH_SIZE, predict

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
    return difference_table(f"{name} less {options.against.name}", found, synthetic, untold)


Scored: TypeAlias = "tuple[Scores | Comparison, Sequence[str], bool]"  # and untold scores; whether any is simulated


def _score_track2(options: argparse.Namespace) -> Scored:
    from cmcc_bench.scoring.track2 import compare_track2, read_results, score_track2

    file, fold = options.predictions, options.fold_caring
    if options.version == "strict":
        hint = "Leave --version out; a built data set has the strict scores."
        raise DataError("the version strict", "seretod for a Track 2 result file", hint, file=str(file))
    dialogues = read_results(file, options.dataset, fold)
    synthetic = any(dialogue["id"].startswith(SYNTHETIC_ID) for dialogue in dialogues)
    if options.against:
        others = read_results(options.against, options.dataset, fold)
        return compare_track2(dialogues, others, options.resamples, options.seed, fold), (), synthetic
    return score_track2(dialogues, options.resamples, options.seed, fold), (), synthetic


def _score_answers(options: argparse.Namespace, task: Task) -> Scored:
    from cmcc_bench.corpus import is_synthetic
    from cmcc_bench.reports.systems import read_measure, read_task_answers, read_untold
    from cmcc_bench.scoring import compare, score

    files = [options.predictions, *([options.against] if options.against else [])]
    measures = [read_measure(file, task, options.version or "strict", options.fold_caring) for file in files]
    answers, rows = read_task_answers(files, task, options.dataset, options.split)
    synthetic, drawn = is_synthetic(rows), (options.resamples, options.seed)
    untold = [name for found in answers for name in task.untold(found)]
    if options.against:
        (a, b), both = answers, (measures[0], measures[1])
        return compare(task, a, b, rows, *drawn, measures=both, files=(files[0], files[1])), untold, synthetic
    found = score(task, answers[0], rows, *drawn, measure=measures[0], file=files[0])
    return found, untold or read_untold(files[0], task), synthetic


def _report(options: argparse.Namespace) -> int:
    from cmcc_bench.reports.report import all_tables

    with progress_bar("scoring systems") as show:
        tables = all_tables(options.runs, options.resamples, options.seed, options.examples, show)
    for table in tables:
        console.print(table.terminal())
    if options.out:
        write_text(options.out, "\n".join(table.markdown() for table in tables))
    return 0


def _chat(options: argparse.Namespace) -> int:
    from cmcc_bench.chat.session import Session, choose_kb, model_name
    from cmcc_bench.decoding import open_model
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

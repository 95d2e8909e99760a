"""The commands that use trained models: predict, score, report, chat."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cmcc_bench.commands.console import (
    Commands,
    add_bootstrap,
    add_command,
    console,
    errors,
    positive_number,
    print_line,
    silence_transformers,
    task_name,
    whole_number,
)
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_text
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.terminal import counted, progress_bar
from cmcc_bench.vocabulary import SYNTHETIC_ID

if TYPE_CHECKING:
    from cmcc_bench.decoding.run_files import PredictionRun
    from cmcc_bench.models.record import TrainingRecord
    from cmcc_bench.reports.table import ReportTable
    from cmcc_bench.scoring import Comparison, Scores
    from cmcc_bench.tasks import Task

_SPLIT = f"split: {', '.join(SPLITS)} (default: %(default)s)"
_MODE = (
    "end2end: the model predicts all segments; oracle: it gets the gold labels before each reply (default: %(default)s)"
)
_FORMAT = "jsonl: JSON Lines; seretod: a SereTOD Track 2 result file (default: %(default)s)"

_PREDICT = """\
examples:
  cmcc predict runs/variant/best cmcc --out runs/variant/test.end2end.jsonl
  cmcc predict runs/emotion/best cmcc --split validation --out emotions.jsonl
  cmcc predict openai:MODEL sample --endpoint http://127.0.0.1:8000/v1 \\
      --task emotion --out emotions.jsonl"""
_SCORE = """\
examples:
  cmcc score runs/variant/test.end2end.jsonl cmcc
  cmcc score a.jsonl cmcc --against b.jsonl --version seretod"""
_REPORT = """\
examples:
  cmcc report runs --out report.md    # writes report.html, too
  cmcc report runs/baseline runs/variant --html page.html"""
_CHAT = """\
examples:
  cmcc chat tiny
  cmcc chat tiny --web
  cmcc chat runs/baseline/best runs/variant/best --dataset cmcc --web"""


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_predict(commands)
    _add_score(commands)
    _add_report(commands)
    _add_chat(commands)


def _add_predict(commands: Commands) -> None:
    predict = add_command(commands, "predict", "predict a split with a trained or a language model", _PREDICT)
    predict.add_argument(
        "model",
        metavar="MODEL",
        help="folder of a trained model, RUN/best, of any task; or a Hub id; or openai:NAME, a language model behind "
        "--endpoint",
    )
    predict.add_argument(
        "dataset", metavar="DATASET", help="a built folder, a Hub id, `sample`, or a Track 2 test file"
    )
    predict.add_argument("--split", default="test", choices=SPLITS, metavar="SPLIT", help=_SPLIT)
    predict.add_argument("--mode", default="end2end", choices=("end2end", "oracle"), help=_MODE)
    predict.add_argument("--format", default="jsonl", choices=("jsonl", "seretod"), help=_FORMAT)
    predict.add_argument(
        "--batch-size",
        type=positive_number,
        metavar="N",
        help="number of dialogues decoded together (default: set by the task)",
    )
    predict.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write; an interrupted run continues where it stopped"
    )
    _add_endpoint(predict)
    predict.set_defaults(run=_predict)


def _add_endpoint(predict: argparse.ArgumentParser) -> None:
    group = predict.add_argument_group(
        "language models",
        "Options of openai:NAME. The key, where one is needed, is in CMCC_API_KEY or\nOPENAI_API_KEY.",
    )
    group.add_argument("--endpoint", metavar="URL", help="chat-completions interface, http://HOST:PORT/v1")
    group.add_argument("--task", type=task_name, metavar="TASK", help="task to ask about (default: response)")
    group.add_argument(
        "--context",
        choices=("markov", "full"),
        help="markov: of the call so far, response gets the names of entities; full: all (default: markov)",
    )
    group.add_argument(
        "--shots", type=whole_number, metavar="N", help="number of examples from the training split (default: 0)"
    )
    group.add_argument(
        "--nearest",
        action="store_true",
        help="choose the examples by similarity, in character n-grams (default: the same ones for all, by --seed)",
    )
    group.add_argument("--prompt", type=Path, metavar="FILE", help="prompt in place of the one that ships")
    group.add_argument(
        "--list-prompts", action=_ListPrompts, nargs=0, help="list the prompts that ship, with digests, and exit"
    )
    group.add_argument(
        "--price",
        type=_price,
        nargs=2,
        metavar=("IN", "OUT"),
        help="price of a million tokens, to show and record the cost",
    )
    group.add_argument(
        "--send-licensed-data",
        action="store_true",
        help="let real calls leave this machine; synthetic ones always may",
    )
    group.add_argument(
        "--concurrency", type=positive_number, metavar="N", help="maximum number of requests in flight (default: 16)"
    )
    group.add_argument(
        "--timeout", type=positive_number, metavar="N", help="seconds to wait for an answer (default: 120)"
    )
    group.add_argument(
        "--max-tokens", type=positive_number, metavar="N", help="maximum number of tokens per answer (default: 1024)"
    )
    group.add_argument("--temperature", type=_price, metavar="T", help="sampling temperature; 0 is greedy (default: 0)")
    group.add_argument("--seed", type=whole_number, metavar="N", help="seed of examples and sampling (default: 0)")
    group.add_argument(
        "--show-messages", action="store_true", help="print the messages of the first request and send nothing"
    )


_ENDPOINT_OPTIONS = (
    "endpoint", "task", "context", "shots", "nearest", "prompt", "price", "send_licensed_data", "concurrency",
    "timeout", "max_tokens", "temperature", "seed", "show_messages",
)  # fmt: skip


class _ListPrompts(argparse.Action):
    """Prints the prompts and exits, as --version does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from cmcc_bench.endpoint.prompt import PARTS, load_prompt, prompt_path

        for task in PARTS:
            print_line(f"{task:<13}{load_prompt(task).digest[:12]}  {prompt_path(task)}")
        parser.exit()


def _price(text: str) -> float:
    """Parses a number of 0 or more, for argparse."""
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a number of 0 or more")
    return price


def _add_score(commands: Commands) -> None:
    score = add_command(commands, "score", "score predictions, or compare two files", _SCORE)
    score.add_argument(
        "predictions",
        type=Path,
        metavar="PREDICTIONS",
        help="a file that cmcc predict wrote, or a SereTOD Track 2 result file",
    )
    score.add_argument(
        "dataset",
        nargs="?",
        metavar="DATASET",
        help="a built folder, a Hub id, or `sample`; with a Track 2 result file, the file that holds the gold labels",
    )
    score.add_argument("--split", default="test", choices=SPLITS, metavar="SPLIT", help=_SPLIT)
    score.add_argument(
        "--task",
        type=task_name,
        metavar="TASK",
        help="task to score (default: from PREDICTIONS.run.json); `emotion` also scores the "
        "emotions that a dialogue model wrote",
    )
    score.add_argument(
        "--version",
        choices=("strict", "seretod"),
        help="strict: the scores of cmcc; seretod: those of the SereTOD challenge (default: strict; always "
        "seretod for a Track 2 result file)",
    )
    score.add_argument(
        "--against",
        type=Path,
        metavar="OTHER",
        help="compare with another file of predictions: print the differences and the paired bootstrap test",
    )
    score.add_argument(
        "--fold-caring",
        action="store_true",
        help="replace caring acts by the general acts before scoring (default: from PREDICTIONS.run.json)",
    )
    add_bootstrap(score)
    score.add_argument("--json", action="store_true", help="print JSON instead of a table")
    score.set_defaults(run=_score)


def _add_report(commands: Commands) -> None:
    report = add_command(commands, "report", "print the tables of the paper from files of predictions", _REPORT)
    report.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="files that cmcc predict wrote, or folders with such files"
    )
    report.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write all tables to this file, as Markdown, and a page to the same name with .html",
    )
    report.add_argument("--html", type=Path, metavar="FILE", help="write the page to this file")
    add_bootstrap(report)
    report.add_argument(
        "--examples",
        type=whole_number,
        metavar="N",
        help="number of exchanges in table 4, with their texts (default: 8 of simulated dialogues, none of real calls)",
    )
    report.set_defaults(run=_report)


def _add_chat(commands: Commands) -> None:
    chat = add_command(commands, "chat", "chat with one or more trained models", _CHAT)
    chat.add_argument(
        "models",
        type=Path,
        nargs="+",
        metavar="MODEL",
        help="folders of trained models (RUN/best), Hub ids, or tiny, which ships (synthetic); several side by side",
    )
    chat.add_argument("--dataset", default="sample", help="data set of the calls to chat about (default: %(default)s)")
    chat.add_argument(
        "--dialogue",
        metavar="ID",
        help="call to chat about: its local KB is used (default: the one of the test split with the most examples)",
    )
    chat.add_argument("--web", action="store_true", help="open a page instead, on this machine only")
    chat.add_argument("--port", type=positive_number, metavar="N", help="port of the page (default: a free one)")
    chat.set_defaults(run=_chat)


def _predict(options: argparse.Namespace) -> int:
    if options.model.startswith("openai:"):
        return _ask(options)
    given = [name for name in _ENDPOINT_OPTIONS if getattr(options, name)]
    if given:
        shown = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        errors.print(f"cmcc predict: {shown} are for a MODEL openai:NAME.", style="red")
        return 2
    if options.out is None:
        errors.print("cmcc predict: name the file to write with --out.", style="red")
        return 2
    from cmcc_bench.hub.pull import model_folder
    from cmcc_bench.models.record import read_training
    from cmcc_bench.tasks import RESPONSE

    silence_transformers()
    folder = model_folder(Path(options.model))
    training = read_training(folder)
    run = _decode if training.task == RESPONSE.name else _recognize
    return run(options, folder, training)


def _ask(options: argparse.Namespace) -> int:
    """Asks a language model behind an endpoint."""
    if not options.endpoint or not (options.out or options.show_messages):
        errors.print("cmcc predict: a MODEL openai:NAME needs --endpoint URL and --out FILE.", style="red")
        return 2
    if options.format != "jsonl":
        errors.print("cmcc predict: --format seretod is for trained models.", style="red")
        return 2
    from cmcc_bench.endpoint.client import Endpoint
    from cmcc_bench.endpoint.run import AskSettings, first_messages, predict

    endpoint = Endpoint(options.endpoint, options.model.removeprefix("openai:"), **_given(options, _OF_ENDPOINT))
    settings = AskSettings(split=options.split, mode=options.mode, **_given(options, _OF_SETTINGS))
    if options.show_messages:
        for message in first_messages(endpoint, options.dataset, settings):
            console.print(f"[{message['role']}]", style="bold", markup=False, highlight=False)
            for line in message["content"].split("\n"):
                print_line(line)
        return 0
    with progress_bar("asking") as show:
        run = predict(endpoint, options.dataset, options.out, settings, show)
    for line in _asked_lines(options.out, run):
        print_line(line)
    return 0


_OF_ENDPOINT = ("temperature", "seed", "max_tokens", "concurrency", "timeout")
_OF_SETTINGS = ("task", "context", "prompt", "shots", "nearest", "seed", "price", "send_licensed_data")


def _given(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """The options that were given; the defaults of the others are those of the library."""
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return given | ({"price": tuple(given["price"])} if "price" in given else {})


def _asked_lines(out: Path, run: PredictionRun) -> list[str]:
    """What a run with a language model gave: its size, its tokens, and what was wrong with answers."""
    from cmcc_bench.endpoint.run import EndpointRecord
    from cmcc_bench.tasks import task_of

    record = EndpointRecord(**run.endpoint)
    synthetic = " of SYNTHETIC data" if run.synthetic else ""
    items = counted(run.exchanges, task_of(run.task).items.removesuffix("s"))
    cost = "" if record.cost is None else f", cost {record.cost:.4f}"
    lines = [
        f"{out}: {run.task} of {items}{synthetic}, {record.kind}, {run.exchanges_per_second:.1f} per second",
        f"  {counted(record.requests, 'answer')}, {record.tokens_in} tokens in, {record.tokens_out} out{cost}",
    ]
    wrong = (
        (record.unparsed, "could not be read"),
        (record.unknown_labels, "had unknown labels"),
        (record.not_in_text, "had names that are not in the text"),
    )
    if any(number for number, _ in wrong):
        shown = "; ".join(f"{counted(number, 'answer')} {what}" for number, what in wrong if number)
        lines.append(f"  {shown}: counted as wrong, kept in the field `problems`")
    if record.cut_requests:
        cut = f"{counted(record.cut_turns, 'earlier turn')} and {counted(record.cut_shots, 'shot')} left out"
        lines.append(f"  {counted(record.cut_requests, 'request')} too long for the model: {cut}")
    return lines


def _recognize(options: argparse.Namespace, folder: Path, training: TrainingRecord) -> int:
    from cmcc_bench.recognition.run import BATCH_SIZE, recognize
    from cmcc_bench.tasks import task_of

    if options.format == "seretod":
        hint = "Leave --format out, or pass a model of cmcc train dialogue."
        problem = f"--format seretod needs a dialogue model; this one is of the task {training.task}"
        raise DataError(problem, "", hint, model=str(folder))
    batch_size = options.batch_size or BATCH_SIZE
    with progress_bar("recognizing") as show:
        run = recognize(
            folder,
            options.dataset,
            options.out,
            split=options.split,
            batch_size=batch_size,
            progress=show,
            training=training,
        )
    synthetic = " of SYNTHETIC data" if run.synthetic else ""
    items = counted(run.exchanges, task_of(run.task).items.removesuffix("s"))
    console.print(
        f"{options.out}: {run.task} of {items}{synthetic}, {run.exchanges_per_second:.1f} per second",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


def _decode(options: argparse.Namespace, folder: Path, training: TrainingRecord) -> int:
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
            training=training,
        )
    synthetic = " of SYNTHETIC data" if run.synthetic else ""
    contexts, entities = counted(run.cut_contexts, "context"), "entity" if run.cut_entities == 1 else "entities"
    cut = f"; {contexts} too long: {run.cut_entities} {entities} of the history removed" if run.cut_contexts else ""
    exchanges = counted(run.exchanges, "exchange")
    console.print(
        f"{options.out}: {exchanges}{synthetic}, {run.exchanges_per_second:.1f} per second{cut}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


# The scores or the paired test, the names of scores left out, and whether any dialogue is simulated.
ScoreResult: TypeAlias = "tuple[Scores | Comparison, Sequence[str], bool]"


def _score(options: argparse.Namespace) -> int:
    import orjson

    from cmcc_bench.reports.systems import task_of_file
    from cmcc_bench.scoring.track2 import is_track2
    from cmcc_bench.tasks import RESPONSE, task_of

    for file in filter(None, (options.predictions, options.against)):
        if not file.exists():
            raise DataError("no such file", "", "Check the path of the prediction file.", file=str(file))
    task = task_of(options.task or task_of_file(options.predictions))
    if task is RESPONSE and is_track2(options.predictions):
        result, missing_scores, synthetic = _score_track2(options)
    elif options.dataset is None:
        problem = "cmcc score: no data set is named. Run cmcc score PREDICTIONS DATASET."
        errors.print(f"{problem} {_task_hint(options)}".strip(), style="red", soft_wrap=True)
        return 2
    else:
        try:
            result, missing_scores, synthetic = _score_answers(options, task)
        except DataError as error:
            if "line" not in error.place:
                raise
            hint = f"{error.hint} {_task_hint(options)}".strip()
            raise DataError(error.found, error.expected, hint, **error.place) from error
    if options.json:
        console.print_json(orjson.dumps(result.as_dict()).decode())
    else:
        console.print(_score_table(options, result, missing_scores, synthetic).terminal())
    return 0


def _task_hint(options: argparse.Namespace) -> str:
    """The advice to name the task if neither --task nor the record of the predictions does; "" if one does."""
    from cmcc_bench.reports.systems import task_of_file
    from cmcc_bench.scoring.predictions import facts_path
    from cmcc_bench.tasks import TASKS

    record = facts_path(options.predictions)
    if options.task or record.exists():
        return ""
    task = task_of_file(options.predictions)
    return f"Without {record.name} the task is {task}. For another task add --task NAME, one of {', '.join(TASKS)}."


def _score_table(
    options: argparse.Namespace, result: Scores | Comparison, missing_scores: Sequence[str], synthetic: bool
) -> ReportTable:
    from cmcc_bench.reports.scores import difference_table, score_table
    from cmcc_bench.scoring import Scores

    if isinstance(result, Scores):
        return score_table(options.predictions.name, result, synthetic, missing_scores)
    first, second = _distinct_names(options.predictions, options.against)
    return difference_table(f"{first} minus {second}", result, synthetic, missing_scores)


def _distinct_names(first: Path, second: Path) -> tuple[str, str]:
    """The shortest ends of two paths that differ: the file names, or with as many folders as it takes."""
    a, b = first.absolute().parts, second.absolute().parts
    size = next((size for size in range(1, min(len(a), len(b))) if a[-size:] != b[-size:]), 1)
    return Path(*a[-size:]).as_posix(), Path(*b[-size:]).as_posix()


def _score_track2(options: argparse.Namespace) -> ScoreResult:
    from cmcc_bench.scoring import Bootstrap
    from cmcc_bench.scoring.track2 import compare_track2, read_results, score_track2

    file, fold = options.predictions, options.fold_caring
    if options.version == "strict":
        hint = "Leave --version out; for strict scores, run cmcc predict on a built data set."
        raise DataError("a Track 2 result file has no strict scores", "", hint, file=str(file))
    dialogues = read_results(file, options.dataset, fold)
    bootstrap = Bootstrap(options.resamples, options.seed)
    synthetic = any(dialogue["id"].startswith(SYNTHETIC_ID) for dialogue in dialogues)
    if options.against:
        others = read_results(options.against, options.dataset, fold)
        return compare_track2(dialogues, others, bootstrap, fold), (), synthetic
    return score_track2(dialogues, bootstrap, fold), (), synthetic


def _score_answers(options: argparse.Namespace, task: Task) -> ScoreResult:
    """Scores or compares JSON Lines files of predictions."""
    from cmcc_bench.corpus import is_synthetic
    from cmcc_bench.reports.systems import read_measure, read_missing_scores, read_task_answers
    from cmcc_bench.scoring.bootstrap import Bootstrap
    from cmcc_bench.scoring.score import compare, score

    files = [options.predictions, *([options.against] if options.against else [])]
    measures = [read_measure(file, task, options.version or "strict", options.fold_caring) for file in files]
    answers, rows = read_task_answers(files, task, options.dataset, options.split)
    synthetic, bootstrap = is_synthetic(rows), Bootstrap(options.resamples, options.seed)
    missing_scores = [name for file_answers in answers for name in task.missing_scores(file_answers)]
    if options.against:
        (a, b), both = answers, (measures[0], measures[1])
        return (
            compare(task, a, b, rows, bootstrap, measures=both, files=(files[0], files[1])),
            missing_scores,
            synthetic,
        )
    scores = score(task, answers[0], rows, bootstrap, measure=measures[0], file=files[0])
    return scores, missing_scores or read_missing_scores(files[0], task), synthetic


def _report(options: argparse.Namespace) -> int:
    from cmcc_bench.reports.headline import headline_tables
    from cmcc_bench.reports.page import page_html
    from cmcc_bench.reports.report import make_report
    from cmcc_bench.scoring import Bootstrap

    markdown, page = _report_files(options)
    with progress_bar("scoring systems") as show:
        report = make_report(options.runs, Bootstrap(options.resamples, options.seed), options.examples, show)
    for table in headline_tables(report):
        console.print(table.terminal(compact=True))
    if markdown:
        write_text(markdown, report.markdown())
        print_line(f"All tables: {markdown}")
    if page:
        write_text(page, page_html(report))
        print_line(f"The page with everything: {page}")
    if not (markdown or page):
        print_line("All tables, figures and examples: cmcc report ... --out report.md")
    return 0


def _report_files(options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """The Markdown file and the page to write. Raises cmcc.DataError if both have the same path."""
    markdown, page = options.out, options.html
    if markdown and not page:
        page = markdown.with_suffix(".html")
    if markdown and markdown == page:
        hint = "Choose a name that ends with .md for --out; the page is written beside it."
        raise DataError("the page would overwrite the Markdown file", "", hint, file=str(markdown))
    return markdown, page


def _chat(options: argparse.Namespace) -> int:
    from cmcc_bench.chat.calls import ChatCalls
    from cmcc_bench.chat.session import Session, model_name, open_chat_model

    silence_transformers()
    sessions: dict[str, Session] = {}
    calls = ChatCalls(options.dataset)
    call = calls.open(options.dialogue or calls.default())
    for model in options.models:
        trained = open_chat_model(model)
        sessions[model_name(model, trained, sessions)] = Session(trained, call.kb)
    if options.web:
        from cmcc_bench.chat.page import ChatPage, launch

        page = ChatPage(sessions, calls).make(call)
        console.print(f"Open {launch(page, options.port)} in a browser on this machine. Ctrl-C ends.", highlight=False)
        page.block_thread()
    else:
        from cmcc_bench.chat.terminal import talk

        talk(sessions, calls, call, console)
    return 0

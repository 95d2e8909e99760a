"""The command predict: a trained model, or a language model behind an endpoint."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmcc_bench.commands.console import (
    Commands,
    add_command,
    add_question,
    console,
    data_cutoff,
    errors,
    parameters,
    positive_number,
    print_line,
    silence_transformers,
    whole_number,
)
from cmcc_bench.errors import DataError
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.terminal import counted, progress_bar

if TYPE_CHECKING:
    from cmcc_bench.decoding.run_files import PredictionRun
    from cmcc_bench.models.record import TrainingRecord

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


def add(commands: Commands) -> None:
    """Adds the parser of the command."""
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
        help="number of exchanges or texts in a batch (default: set by the task)",
    )
    predict.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="numbers of a response model; bfloat16 needs half the memory, for large models on a GPU (default: "
        "float32)",
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
    add_question(group)
    group.add_argument(
        "--shots", type=whole_number, metavar="N", help="number of examples from the training split (default: 0)"
    )
    group.add_argument(
        "--nearest",
        action="store_true",
        help="choose the examples by similarity, in character n-grams (default: the same ones for all, by --seed)",
    )
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
        "--data-cutoff",
        type=data_cutoff,
        metavar="YYYY-MM",
        help="last month of the data that the model learned from; reports say if the corpus was public",
    )
    group.add_argument(
        "--parameters", type=parameters, metavar="N", help="number of the model's parameters, such as 8.2B, to record"
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


_OF_ENDPOINT = ("temperature", "seed", "max_tokens", "concurrency", "timeout")
_OF_SETTINGS = (
    "task", "context", "prompt", "shots", "nearest", "seed", "price", "data_cutoff", "parameters", "send_licensed_data",
)  # fmt: skip
_ENDPOINT_OPTIONS = ("endpoint", *dict.fromkeys((*_OF_SETTINGS, *_OF_ENDPOINT)), "show_messages")


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
    if options.precision:
        errors.print("cmcc predict: --precision is for trained dialogue models.", style="red")
        return 2
    if not options.endpoint or not (options.out or options.show_messages):
        errors.print("cmcc predict: a MODEL openai:NAME needs --endpoint URL and --out FILE.", style="red")
        return 2
    from cmcc_bench.decoding.processes import started_processes

    if started_processes() > 1:
        errors.print("cmcc predict: start openai:NAME without torchrun; set --concurrency instead.", style="red")
        return 2
    from cmcc_bench.endpoint.client import Endpoint
    from cmcc_bench.endpoint.run import AskSettings, first_messages, predict

    endpoint = Endpoint(options.endpoint, options.model.removeprefix("openai:"), **_given(options, _OF_ENDPOINT))
    settings = AskSettings(
        split=options.split, mode=options.mode, format=options.format, **_given(options, _OF_SETTINGS)
    )
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
    from cmcc_bench.decoding.processes import open_processes
    from cmcc_bench.recognition.run import BATCH_SIZE, recognize
    from cmcc_bench.tasks import task_of

    if options.format == "seretod":
        hint = "Leave --format out, or pass a model of cmcc train dialogue."
        problem = f"--format seretod needs a dialogue model; this one is of the task {training.task}"
        raise DataError(problem, "", hint, model=str(folder))
    if options.precision:
        hint = "Leave --precision out; it is for the models of cmcc train dialogue."
        raise DataError(f"this model is of the task {training.task}", "", hint, model=str(folder))
    batch_size = options.batch_size or BATCH_SIZE
    with open_processes() as processes, progress_bar("recognizing", processes.is_first) as show:
        run = recognize(
            folder,
            options.dataset,
            options.out,
            split=options.split,
            batch_size=batch_size,
            progress=show,
            training=training,
            processes=processes,
        )
    if not processes.is_first:
        return 0
    synthetic = " of SYNTHETIC data" if run.synthetic else ""
    items = counted(run.exchanges, task_of(run.task).items.removesuffix("s"))
    console.print(
        f"{options.out}: {run.task} of {items}{synthetic}, {run.exchanges_per_second:.1f} per second",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


def _decode(options: argparse.Namespace, folder: Path, training: TrainingRecord) -> int:
    from cmcc_bench.decoding.decoder import BATCH_SIZE
    from cmcc_bench.decoding.processes import open_processes
    from cmcc_bench.decoding.run import predict

    with open_processes() as processes, progress_bar("decoding exchanges", processes.is_first) as show:
        run = predict(
            folder,
            options.dataset,
            options.out,
            split=options.split,
            mode=options.mode,
            output_format=options.format,
            precision=options.precision or "float32",
            batch_size=options.batch_size or BATCH_SIZE,
            progress=show,
            training=training,
            processes=processes,
        )
    if not processes.is_first:
        return 0
    synthetic = " of SYNTHETIC data" if run.synthetic else ""
    contexts, entities = counted(run.cut_contexts, "context"), "entity" if run.cut_entities == 1 else "entities"
    cut = f"; {contexts} too long: {run.cut_entities} {entities} of the history removed" if run.cut_contexts else ""
    exchanges = counted(run.exchanges, "exchange")
    console.print(
        f"{options.out}: {exchanges}{synthetic}, {run.exchanges_per_second:.1f} per second{cut}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0

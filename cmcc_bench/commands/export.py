"""The commands that exchange data and models with other programs: cmcc export, cmcc import."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmcc_bench.commands.console import (
    Commands,
    add_command,
    add_question,
    errors,
    incremental,
    print_line,
    silence_transformers,
)
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.terminal import counted, progress_bar

if TYPE_CHECKING:
    from cmcc_bench.quality.calls import Call
    from cmcc_bench.quality.exchange import ExchangedCall

_EXPORT = """\
examples:
  cmcc export cmcc --format messages --out train.jsonl
  cmcc export cmcc --format messages --split validation --out validation.jsonl
  cmcc export raw --format label-studio --out tasks.json
  cmcc export raw --format label-studio --model runs/e/best --out tasks.json
  cmcc export raw --format doccano --out calls.jsonl
  cmcc export runs/lora/best --merged runs/lora-merged

The files contain the calls: with licensed data, keep them private. Personal
data are not masked."""

_IMPORT = """\
examples:
  cmcc import annotated.json --format label-studio --out care_Li.json
  cmcc import all.json --format label-studio --annotator 3 --out care_3.json
  cmcc import all.jsonl --format doccano --out care_Li.json"""
_IMPORT_ABOUT = """\
Read the labels that annotators gave in another tool, and write a care file.
The calls must be those that `cmcc export` wrote. Check the result with
`cmcc check RAW --care CARE.json`, compare annotators with `cmcc agreement`."""
_TOOLS = ("label-studio", "doccano")
_TOGETHER = 32  # calls that a model is asked about at a time


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_export(commands)
    _add_import(commands)


def _add_export(commands: Commands) -> None:
    summary = "write data for other tools, or an adapter merged into its base"
    export = add_command(commands, "export", summary, _EXPORT)
    export.add_argument(
        "source",
        metavar="SOURCE",
        help="with --format, a data set: a built folder, a Hub id, or `sample`, for annotation tools also raw files; "
        "with --merged, an adapter, RUN/best",
    )
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--format",
        choices=("messages", *_TOOLS),
        help="messages: JSON Lines for trl, ms-swift and LLaMA-Factory: the questions of `cmcc predict openai:...` "
        "and the gold answers. label-studio: tasks, and the labeling configuration beside them. doccano: JSON Lines, "
        "and the label types beside them",
    )
    kind.add_argument(
        "--merged", type=Path, metavar="FOLDER", help="folder for the merged model, which needs no peft and no base"
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="file to write")
    _add_messages(export)
    _add_tools(export)
    export.set_defaults(run=_export)


def _add_messages(export: argparse.ArgumentParser) -> None:
    group = export.add_argument_group("messages")
    group.add_argument("--split", choices=SPLITS, metavar="SPLIT", help=f"split: {', '.join(SPLITS)} (default: train)")
    add_question(group)


def _add_tools(export: argparse.ArgumentParser) -> None:
    group = export.add_argument_group("annotation tools")
    group.add_argument("--care", type=Path, metavar="FILE", help="care labels to merge into raw files")
    group.add_argument(
        "--labels",
        choices=("annotations", "predictions", "none"),
        help="write the labels of the data as annotations, as predictions that annotators confirm (label-studio), or "
        "not at all (default: annotations)",
    )
    group.add_argument(
        "--model", metavar="MODEL", help="write what a model predicts as predictions: RUN/best, a Hub id, or tiny"
    )


def _add_import(commands: Commands) -> None:
    parser = add_command(commands, "import", "read labels from an annotation tool", _IMPORT, _IMPORT_ABOUT)
    parser.add_argument("file", type=Path, metavar="FILE", help="what the tool exported: JSON or JSONL")
    parser.add_argument("--format", choices=_TOOLS, required=True, help="tool that wrote the file")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="care file to write, .json")
    who = "whose labels; of a Label Studio user, the number or e-mail address in the file"
    parser.add_argument("--annotator", metavar="NAME", help=who)
    parser.set_defaults(run=_import)


_MESSAGES, _CALLS = ("task", "split", "context", "prompt"), ("care", "labels", "model")


def _export(options: argparse.Namespace) -> int:
    kind = "--merged" if options.merged else f"--format {options.format}"
    allowed = () if options.merged else ("out", *(_MESSAGES if options.format == "messages" else _CALLS))
    given = {name: value for name in ("out", *_MESSAGES, *_CALLS) if (value := getattr(options, name))}
    refused = ", ".join(f"--{name}" for name in given if name not in allowed)
    if refused:
        errors.print(f"cmcc export: {refused} is not allowed with {kind}.", style="red")
        return 2
    if options.merged:
        return _merge(options)
    if not given.pop("out", None):
        errors.print("cmcc export: name the file to write with --out.", style="red")
        return 2
    if options.out.resolve() == Path(options.source).resolve():
        errors.print(f"cmcc export: --out {options.out} is the file to export; choose another.", style="red")
        return 2
    return _export_messages(options, given) if options.format == "messages" else _export_calls(options)


def _export_messages(options: argparse.Namespace, given: dict[str, Any]) -> int:
    from cmcc_bench.endpoint.export import export_messages

    with progress_bar("writing messages") as show:
        rows, licensed = export_messages(options.source, options.out, progress=show, **given)
    kind = "the calls are LICENSED: keep the file private" if licensed else "all calls are SYNTHETIC"
    print_line(f"{options.out}: {counted(rows, 'conversation')}; {kind}")
    return 0


def _merge(options: argparse.Namespace) -> int:
    from cmcc_bench.hub.pull import model_folder
    from cmcc_bench.training.merge import merge

    silence_transformers()
    merge(model_folder(options.source), options.merged)
    print_line(f"{options.merged}: the adapter {options.source}, merged into its base model")
    return 0


def _export_calls(options: argparse.Namespace) -> int:
    from cmcc_bench.quality.calls import find_source, read_calls
    from cmcc_bench.quality.doccano import label_paths, write_documents
    from cmcc_bench.quality.exchange import exchanged, first_calls
    from cmcc_bench.quality.label_studio import config_path, write_tasks

    kind = "predictions" if options.model else options.labels or "annotations"
    if kind == "predictions" and options.format == "doccano":
        errors.print("cmcc export: doccano has no predictions. Use --labels annotations or none.", style="red")
        return 2
    if options.model and options.labels:
        errors.print("cmcc export: --model writes predictions in place of the labels; omit --labels.", style="red")
        return 2
    if options.model:
        silence_transformers()
    source = find_source(options.source, options.care)
    with progress_bar("exporting calls") as show:
        read = read_calls(source, progress=incremental(show, source.size))
        calls: Iterable[ExchangedCall] = map(exchanged, first_calls(read))
        if options.model:
            calls = _predicted(options.model, first_calls(read))
        elif kind == "none":
            calls = (replace(call, labels={}) for call in calls)
        if options.format == "doccano":
            written, beside = write_documents(options.out, calls), list(label_paths(options.out))
        else:
            written, beside = write_tasks(options.out, calls, kind, options.model or "data"), [config_path(options.out)]
    print_line(f"{options.out}: {counted(written, 'call')}; labels: {', '.join(map(str, beside))}")
    return 0


def _predicted(model: str, calls: Iterable[Call]) -> Iterator[ExchangedCall]:
    """Yields calls with the labels that a model predicts."""
    from cmcc_bench.annotate.suggest import model_source
    from cmcc_bench.quality.exchange import exchanged

    source, left = model_source(model), iter(calls)
    while some := list(islice(left, _TOGETHER)):
        for call, opined in zip(some, source.ask(some), strict=True):
            labels = {place: tuple(opinion) for place, opinion in opined.opinions.items() if opinion}
            yield replace(exchanged(call), labels=labels)


def _import(options: argparse.Namespace) -> int:
    from cmcc_bench.quality.doccano import read_documents
    from cmcc_bench.quality.exchange import write_care
    from cmcc_bench.quality.label_studio import read_tasks

    calls = read_documents(options.file) if options.format == "doccano" else read_tasks(options.file, options.annotator)
    written = write_care(options.out, calls, options.annotator)
    print_line(f"{options.out}: the labels of {counted(written, 'call')}")
    return 0

"""The command that writes data and models for other programs: cmcc export."""

from __future__ import annotations

import argparse
from pathlib import Path

from cmcc_bench.commands.console import Commands, add_command, errors, print_line, task_name
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.terminal import counted, progress_bar

_EXPORT = """\
examples:
  cmcc export cmcc --format messages --out train.jsonl
  cmcc export cmcc --format messages --split validation --out validation.jsonl
  cmcc export runs/lora/best --merged runs/lora-merged

The messages contain the calls: with licensed data, so does the file."""


def add(commands: Commands) -> None:
    """Adds the parser of this command."""
    summary = "write rows as chat messages, or an adapter merged into its base"
    export = add_command(commands, "export", summary, _EXPORT)
    export.add_argument(
        "source",
        metavar="SOURCE",
        help="with --format, a data set: a built folder, a Hub id, or `sample`; with --merged, an adapter, RUN/best",
    )
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--format",
        choices=("messages",),
        help="messages: JSON Lines for trl, ms-swift and LLaMA-Factory: the questions of `cmcc predict openai:...` "
        "and the gold answers",
    )
    kind.add_argument(
        "--merged", type=Path, metavar="FOLDER", help="folder for the merged model, which needs no peft and no base"
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="file for the messages")
    _add_messages(export)
    export.set_defaults(run=_export)


def _add_messages(export: argparse.ArgumentParser) -> None:
    group = export.add_argument_group("messages")
    group.add_argument("--task", type=task_name, metavar="TASK", help="task of the questions (default: response)")
    group.add_argument("--split", choices=SPLITS, metavar="SPLIT", help=f"split: {', '.join(SPLITS)} (default: train)")
    group.add_argument(
        "--context",
        choices=("markov", "full"),
        help="markov: of the call so far, response gets the names of entities; full: all (default: markov)",
    )
    group.add_argument("--prompt", type=Path, metavar="FILE", help="prompt in place of the one that ships")


def _export(options: argparse.Namespace) -> int:
    given = {name: getattr(options, name) for name in ("task", "split", "context", "prompt") if getattr(options, name)}
    if options.merged:
        if given or options.out:
            shown = ", ".join(f"--{name}" for name in [*given, *(["out"] if options.out else [])])
            errors.print(f"cmcc export: {shown} not allowed with --merged.", style="red")
            return 2
        return _merge(options)
    if not options.out:
        errors.print("cmcc export: name the file to write with --out.", style="red")
        return 2
    from cmcc_bench.endpoint.export import export_messages

    with progress_bar("writing messages") as show:
        rows, licensed = export_messages(options.source, options.out, progress=show, **given)
    kind = "the calls are LICENSED: keep the file private" if licensed else "all calls are SYNTHETIC"
    print_line(f"{options.out}: {counted(rows, 'conversation')}; {kind}")
    return 0


def _merge(options: argparse.Namespace) -> int:
    from transformers.utils.logging import disable_progress_bar

    from cmcc_bench.hub.pull import model_folder
    from cmcc_bench.training.merge import merge

    disable_progress_bar()  # type: ignore[no-untyped-call]
    merge(model_folder(options.source), options.merged)
    print_line(f"{options.merged}: the adapter {options.source}, merged into its base model")
    return 0

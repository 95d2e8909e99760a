"""The command that opens the page for annotators: annotate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cmcc_bench.commands.console import (
    Commands,
    add_command,
    add_number,
    console,
    errors,
    positive_number,
    share,
    silence_transformers,
)
from cmcc_bench.terminal import counted, progress_bar

if TYPE_CHECKING:
    from cmcc_bench.annotate.session import AnnotationSession
    from cmcc_bench.types import Progress

_DESCRIPTION = """\
Label calls on a page: emotions, caring acts, satisfaction, with the guideline
beside them. Everything works by keyboard; ? lists the keys. Every change is on
disk before the next key, in the journal next to the file; a second start goes
on. Suggestions are marked, and never saved until they are confirmed.

The page is on this machine only, unless --host is given; then the address has
a token, and everyone with the address can read the calls."""

_EXAMPLES = """\
examples:
  cmcc annotate my/raw/files --annotator A --out care_A.json
  cmcc annotate sample --annotator A --out care_A.json --model tiny
  cmcc annotate my/raw/files --write-plan plan.json --annotators A B C
  cmcc annotate my/raw/files --annotator B --out care_B.json --assign plan.json
  cmcc agreement care_A.json care_B.json --data my/raw/files"""


def add(commands: Commands) -> None:
    """Adds the parser of the command."""
    annotate = add_command(commands, "annotate", "label calls on a page", _EXAMPLES, _DESCRIPTION)
    data = "raw files (a folder or a file), a built folder, a Hub id, or `sample`"
    annotate.add_argument("data", metavar="DATA", help=data)
    annotate.add_argument("--annotator", metavar="NAME", help="who labels; it is written into the file")
    annotate.add_argument("--out", type=Path, metavar="FILE", help="care file to write, .json, with its journal")
    annotate.add_argument(
        "--acts",
        choices=("caring", "all"),
        default="caring",
        help="caring: the four caring acts; all: the acts of MobileCS, too (default: %(default)s)",
    )
    annotate.add_argument(
        "--suggest",
        choices=("lexicon", "data", "none"),
        default="lexicon",
        help="suggest labels by cue words, or those of DATA (default: %(default)s)",
    )
    annotate.add_argument(
        "--lexicon", type=Path, metavar="FILE", help="lexicon of cue words to use instead of the built-in one"
    )
    annotate.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="MODEL",
        help="suggest the predictions of a model of emotions, satisfaction or dialogues: RUN/best, a Hub id, or "
        "tiny or tiny-emotion, which ship (synthetic); may be repeated",
    )
    annotate.add_argument(
        "--order",
        choices=("given", "random", "uncertain"),
        default="given",
        help="order of the calls; uncertain: what the models are least sure of comes first (default: %(default)s)",
    )
    add_number(annotate, "--seed", 0, "random seed of --order random and of --write-plan")
    _add_plan(annotate)
    add_address(annotate)
    annotate.set_defaults(run=_annotate)


def _add_plan(annotate: argparse.ArgumentParser) -> None:
    group = annotate.add_argument_group("several annotators")
    group.add_argument("--assign", type=Path, metavar="PLAN", help="show only the annotator's calls, in their order")
    group.add_argument("--write-plan", type=Path, metavar="PLAN", help="write a plan and exit")
    group.add_argument("--annotators", nargs="+", default=[], metavar="NAME", help="who gets calls by the plan")
    group.add_argument(
        "--overlap",
        type=share,
        default=0.1,
        metavar="SHARE",
        help="share of the calls that several annotators get (default: %(default)s)",
    )
    group.add_argument(
        "--together",
        type=positive_number,
        default=2,
        metavar="N",
        help="number of annotators of a shared call (default: %(default)s)",
    )


def add_address(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the page's address."""
    group = parser.add_argument_group("address of the page")
    group.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="HOST",
        help="address to listen on; another than the default is reachable from other machines (default: %(default)s)",
    )
    group.add_argument("--port", type=positive_number, metavar="N", help="port (default: a free one)")


def _annotate(options: argparse.Namespace) -> int:
    if options.write_plan:
        return _write_plan(options)
    if not options.annotator or options.out is None:
        errors.print("cmcc annotate: name the annotator with --annotator and the file with --out.", style="red")
        return 2
    from cmcc_bench.annotate.open import AnnotationSettings, open_annotation

    if options.model:
        silence_transformers()
    settings = AnnotationSettings(
        options.acts == "all",
        options.suggest,
        options.lexicon,
        options.model,
        options.order,
        options.seed,
        options.assign,
    )
    with progress_bar("") as show:

        def step(name: str) -> Progress:
            """The progress bar starts again for each step."""
            return lambda done, total: show(done, total, name)

        session = open_annotation(options.data, options.annotator, options.out, settings, step)
    return serve(session, options)


def serve(session: AnnotationSession, options: argparse.Namespace) -> int:
    """Shows the page of a session until Ctrl-C or SIGTERM, and writes its file. Returns the exit status."""
    from cmcc_bench.annotate.server import PageServer

    try:
        server = PageServer(session, options.host, options.port)
        where = "on this machine" if server.is_local else "that can reach this machine; keep the address secret"
        console.print(f"Open {server.address} in a browser {where}. Ctrl-C ends.", markup=False, highlight=False)
        server.run()
    finally:
        session.close()
    progress = session.progress()
    done = (
        f"{progress.decided} of {counted(progress.questions, 'label')}, {progress.calls_done} of {progress.calls} calls"
    )
    console.print(f"{session.out}: {done}", markup=False, highlight=False)
    if session.problem:
        hint = "The journal has all decisions: free space and run the command again."
        errors.print(f"NOT WRITTEN: {session.problem}. {hint}", style="red", markup=False, highlight=False)
    return int(bool(session.problem))


def _write_plan(options: argparse.Namespace) -> int:
    from cmcc_bench.annotate.plan import make_plan, write_plan
    from cmcc_bench.quality.calls import find_source, read_calls

    ids = [call.dialogue_id for call in read_calls(find_source(options.data), lambda *_: None)]
    plan = make_plan(ids, options.annotators, options.overlap, options.together, options.seed)
    write_plan(options.write_plan, plan)
    for name, calls in plan["annotators"].items():
        console.print(f"{name}: {counted(len(calls), 'call')}", markup=False, highlight=False)
    return 0

"""The commands about the labels themselves: check, agreement."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from cmcc_bench.commands.console import Commands, HelpFormatter, add_bootstrap, add_number, added, console, errors
from cmcc_bench.terminal import progress_bar

if TYPE_CHECKING:
    from cmcc_bench.quality.calls import CallSource

_CHECK = """\
Quality control: looks for labels that the words suggest and that are missing,
labels without their words, labels that conflict, positions, ids, speakers and
splits that are not right, and personal data that was left in; and draws a
tenth of the satisfaction labels to be read again. The paper's section 2.4
describes the first and the last.

Three steps: `cmcc check DATA --out REVIEW.csv` writes the questions; an
annotator fills in `decision` (accept, reject, or the right labels) and
`annotator`; `cmcc check DATA --apply REVIEW.csv --out CARE.json` writes a
care file and its log, CARE.log.jsonl. `cmcc check DATA --care CARE.json` then
leaves out what was decided.

A review can go through Excel, WPS, LibreOffice or pandas: save it as CSV, in
UTF-8, UTF-16 or GB18030. Ids that look like numbers should stay text: format
the column dialogue_id as text on import."""

_AGREEMENT = """\
Cohen's kappa and Krippendorff's alpha of annotators, by label and overall, and
where they differ. Annotators may share a part of the calls: alpha is over all
that two or more labeled, kappa over what a pair shares. A file says nothing
for certain about who made its labels; what it says of itself is printed."""

_STATUS = """\
Exit status 1: something is wrong for certain: {errors}.
Exit status 0: nothing but suggestions: {suggestions}.
With --apply, 1 when a care file cannot express a decision, so that it needs a manual edit."""


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_check(commands)
    _add_agreement(commands)


def _add_agreement(commands: Commands) -> None:
    agreement = commands.add_parser(
        "agreement",
        help="measure how far annotators agree",
        formatter_class=HelpFormatter,
        description=_AGREEMENT,
        epilog="example:\n  cmcc agreement care_a.json care_b.json --data my/raw/files",
    )
    sources = "two or more: care files, or labeled data (raw files, a built folder, a Hub id)"
    agreement.add_argument("annotators", nargs="+", metavar="LABELS", help=sources)
    data = "the calls that care files are about (default: the raw files in the folder of the first care file)"
    agreement.add_argument("--data", metavar="RAW", help=data)
    add_number(agreement, "--examples", 20, "disagreements shown")
    add_bootstrap(agreement)
    agreement.add_argument("--json", action="store_true", help="print JSON instead of tables, with all disagreements")
    agreement.set_defaults(run=_agreement)


def _add_check(commands: Commands) -> None:
    from cmcc_bench.quality.findings import KINDS

    errors = ", ".join(name for name, kind in KINDS.items() if kind.error)
    suggestions = ", ".join(name for name, kind in KINDS.items() if not kind.error)
    status = _STATUS.format(errors=errors, suggestions=suggestions)
    check = commands.add_parser(
        "check",
        help="check labels and texts of data, and review them",
        description=_CHECK,
        epilog="\n".join(textwrap.fill(line, 78) for line in status.split("\n")),
        formatter_class=HelpFormatter,
    )
    data = "raw files (a folder or a file), a built folder, a Hub id, or `sample` (the default)"
    check.add_argument("data", nargs="?", default="sample", help=data)
    care = "care labels to merge (default: the care file among the raw files)"
    check.add_argument("--care", type=Path, metavar="FILE", help=care)
    check.add_argument("--reviewed", type=Path, metavar="LOG", help="log of more decisions to leave out")
    check.add_argument("--lexicon", type=Path, metavar="FILE", help="your own lexicon of cue words")
    check.add_argument("--write-lexicon", type=Path, metavar="FILE", help="write a copy of the lexicon and exit")
    add_number(check, "--seed", 0, "seed of the satisfaction sample")
    add_number(check, "--examples", 3, "findings shown of each kind")
    check.add_argument("--apply", type=Path, metavar="REVIEW", help="make a care file from the decisions in a review")
    out = "the review file, .csv or .jsonl; with --apply the care file, .json"
    check.add_argument("--out", type=Path, metavar="FILE", help=out)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from cmcc_bench.errors import DataError
    from cmcc_bench.files import write_text
    from cmcc_bench.quality.calls import find_source
    from cmcc_bench.quality.lexicon import lexicon_text

    if options.write_lexicon:
        if options.write_lexicon.exists():
            raise DataError(
                "the file exists already",
                "",
                "Choose another path or move the existing one.",
                file=str(options.write_lexicon),
            )
        write_text(options.write_lexicon, lexicon_text())
        return 0
    source = find_source(options.data, options.care)
    return (_apply if options.apply else _find)(options, source)


def _earlier_log(options: argparse.Namespace, care: Path | None) -> list[str]:
    """The lines of the log beside the care file, and of the one that is named."""
    from cmcc_bench.quality.decisions import log_path, read_log

    lines = read_log(log_path(care)) if care and log_path(care).exists() else []
    return lines + (read_log(options.reviewed) if options.reviewed else [])


def _find(options: argparse.Namespace, source: CallSource) -> int:
    from cmcc_bench.quality.calls import read_calls
    from cmcc_bench.quality.check import check_calls, example_lines, label_table, summary_table
    from cmcc_bench.quality.decisions import decided_in
    from cmcc_bench.quality.lexicon import load_lexicon
    from cmcc_bench.quality.review import check_new, review_items, write_review

    if options.out:
        check_new(options.out)
    lexicon = load_lexicon(options.lexicon)
    decided = decided_in(_earlier_log(options, source.care))
    with progress_bar("checking calls") as show:
        checked = check_calls(source, lexicon, options.seed, decided, added(show, source.size))
    console.print(summary_table(checked, options.data).terminal())
    if label_table(checked).rows:
        console.print(label_table(checked).terminal())
    for line in example_lines(checked, options.examples):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if options.out:
        calls = read_calls(source, lambda *_: None)
        rows = write_review(options.out, review_items(checked.findings, calls))
        message = f"{rows} questions in {options.out}: it holds texts of the calls; personal data are masked"
        console.print(message, markup=False, highlight=False, soft_wrap=True)
    return int(checked.has_errors)


def _apply(options: argparse.Namespace, source: CallSource) -> int:
    from cmcc_bench.errors import DataError, printable
    from cmcc_bench.quality.decisions import apply_review, log_path, read_log, write_applied
    from cmcc_bench.quality.review import read_review

    if options.out is None or options.out.suffix != ".json":
        raise DataError(f"--out {options.out}", "--out CARE.json, the care file to write", option="--apply")
    applied = apply_review(read_review(options.apply), source, options.apply.name)
    earlier = _earlier_log(options, source.care)
    if log_path(options.out).exists():
        earlier += read_log(log_path(options.out))
    write_applied(applied, options.out, earlier)
    message = f"{len(applied.changes)} decisions, {applied.changed} of them changed labels"
    message = f"{options.out}: {message}; log: {log_path(options.out)}"
    console.print(message, markup=False, highlight=False, soft_wrap=True)
    for change in applied.by_hand:
        place = f"dialogue {printable(change.dialogue_id, 40)}, turn {change.turn}"
        line = f"NOT APPLIED: {place}: mend 客服意图 in the raw file by hand, as a care file only adds acts"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return int(bool(applied.by_hand))


def _agreement(options: argparse.Namespace) -> int:
    from cmcc_bench.quality.agreement import disagreement_lines, measure, tables
    from cmcc_bench.quality.annotations import acts_in, known_calls, read_annotations
    from cmcc_bench.scoring import Bootstrap

    if len(options.annotators) < 2:
        errors.print("cmcc agreement: name two annotators' labels or more")
        return 2
    calls, acts = known_calls(options.annotators, options.data), acts_in(options.annotators)
    annotators = [read_annotations(name, calls, acts) for name in options.annotators]
    found = measure(annotators, calls, acts, Bootstrap(options.resamples, options.seed))
    if options.json:
        console.print_json(json.dumps(found.as_dict(), ensure_ascii=False))
        return 0
    for table in tables(found):
        console.print(table.terminal())
    for line in disagreement_lines(found, options.examples):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0

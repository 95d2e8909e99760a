"""The commands that check labels: check, agreement."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from cmcc_bench.commands.annotate import add_address, serve
from cmcc_bench.commands.console import (
    Commands,
    add_bootstrap,
    add_command,
    add_number,
    console,
    errors,
    incremental,
    positive_number,
    print_line,
    share,
)
from cmcc_bench.terminal import counted, progress_bar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cmcc_bench.quality.adjudication import Adjudication, Decided
    from cmcc_bench.quality.annotations import Annotations
    from cmcc_bench.quality.calls import Call, CallSource
    from cmcc_bench.quality.findings import Finding
    from cmcc_bench.quality.review import ReviewItem

_CHECK = """\
Check labels and texts, and review the findings. Errors: wrong positions, ids,
speakers and splits, conflicting labels, personal data. Suggestions: a label
that the words suggest is missing, or a label has no such words. A random tenth
of the satisfaction labels is added for a second reading. The paper describes
the missing labels and the second reading in section 2.4.

A review has four steps:
  1. cmcc check DATA --out REVIEW.csv writes the questions.
  2. An annotator fills in the columns `decision` (accept, reject, or the
     correct labels) and `annotator`.
  3. cmcc check DATA --apply REVIEW.csv --out CARE.json writes a care file and
     its log, CARE.log.jsonl.
  4. cmcc check DATA --care CARE.json no longer shows what was decided.

With --web and --annotator, step 2 is done on a page in step 1: one key a
question. The page can be closed; the same command goes on.

The review can be edited in Excel, WPS, LibreOffice or pandas. Save it as CSV,
in UTF-8, UTF-16 or GB18030. Import the column dialogue_id as text, so that ids
of digits are not changed."""

_AGREEMENT = """\
Print Cohen's kappa and Krippendorff's alpha of annotators, by label and
overall, and their disagreements. Annotators may have labeled different calls:
alpha is over all calls that two or more labeled, kappa over the calls that a
pair has in common. A file cannot prove who made its labels; what it says about
its annotator is printed.

An adjudication makes one care file of all labels:
  1. cmcc agreement A B C --data RAW --adjudicate CARE.json takes what all
     gave, and writes the rest as questions, with proposals, CARE.review.csv.
  2. Somebody fills in the columns `decision` (accept, reject, or the correct
     labels) and `annotator`, as in a review of cmcc check. reject keeps only
     what all gave.
  3. The same command with --apply CARE.review.csv writes the decided labels,
     and the log of who decided what, CARE.log.jsonl.
With --web and --annotator, step 2 is done on a page in step 1."""

_STATUS = """\
Exit status 1: at least one error: {errors}.
Exit status 0: no errors; suggestions are {suggestions}.
With --apply, exit status 1 means that a decision needs a manual edit of the raw file."""


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_check(commands)
    _add_agreement(commands)


def _add_agreement(commands: Commands) -> None:
    example = """\
examples:
  cmcc agreement care_a.json care_b.json --data my/raw/files
  cmcc agreement a.json b.json c.json --data raw --adjudicate care.json"""
    agreement = add_command(commands, "agreement", "measure the agreement of annotators", example, _AGREEMENT)
    sources = "the labels of two or more annotators: care files, or labeled data (raw files, a built folder, a Hub id)"
    agreement.add_argument("annotators", nargs="+", metavar="LABELS", help=sources)
    data = "the calls that the care files label (default: the raw files in the folder of the first care file)"
    agreement.add_argument("--data", metavar="RAW", help=data)
    add_number(agreement, "--examples", 20, "number of disagreements shown")
    add_bootstrap(agreement)
    agreement.add_argument("--json", action="store_true", help="print JSON with all disagreements instead of tables")
    _add_adjudication(agreement)
    agreement.set_defaults(run=_agreement)


def _add_adjudication(agreement: argparse.ArgumentParser) -> None:
    group = agreement.add_argument_group("adjudication")
    group.add_argument("--adjudicate", type=Path, metavar="CARE", help="care file to write, .json")
    group.add_argument(
        "--method",
        choices=("majority", "dawid-skene"),
        help="how labels are proposed where annotators differ (default: dawid-skene for three and more annotators, "
        "majority for two; a tie goes to the one who is named first)",
    )
    group.add_argument(
        "--take",
        type=share,
        metavar="P",
        help="take proposals of this probability or more without asking (default: ask about all)",
    )
    group.add_argument("--apply", type=Path, metavar="REVIEW", help="take the decisions in this review file")
    group.add_argument("--web", action="store_true", help="decide on a page")
    group.add_argument("--annotator", metavar="NAME", help="who decides on the page")
    add_address(agreement)


def _add_check(commands: Commands) -> None:
    from cmcc_bench.quality.kinds import KINDS

    errors = ", ".join(name for name, kind in KINDS.items() if kind.error)
    suggestions = ", ".join(name for name, kind in KINDS.items() if not kind.error)
    status = _STATUS.format(errors=errors, suggestions=suggestions)
    epilog = "\n".join(textwrap.fill(line, 78) for line in status.split("\n"))
    check = add_command(commands, "check", "check labels and texts, and review the findings", epilog, _CHECK)
    data = "raw files (a folder or a file), a built folder, a Hub id, or `sample` (the default)"
    check.add_argument("data", nargs="?", default="sample", metavar="DATA", help=data)
    care = "care labels to merge (default: the care file among the raw files)"
    check.add_argument("--care", type=Path, metavar="FILE", help=care)
    check.add_argument(
        "--reviewed",
        type=Path,
        metavar="LOG",
        help="log of earlier decisions, CARE.log.jsonl; findings that it decides are not shown",
    )
    check.add_argument(
        "--lexicon", type=Path, metavar="FILE", help="lexicon of cue words to use instead of the built-in one"
    )
    check.add_argument(
        "--write-lexicon", type=Path, metavar="FILE", help="write the built-in lexicon to this file and exit"
    )
    check.add_argument(
        "--doubts",
        type=positive_number,
        metavar="N",
        help="add the N most likely label errors: emotions, caring acts and satisfaction that character n-grams doubt, "
        "which trained on the other calls (seconds); with --model, emotions that the model doubts (default with "
        "--model: 100)",
    )
    check.add_argument(
        "--model",
        metavar="MODEL",
        help="a model of emotions, RUN/best or a Hub id, for --doubts; calls that it trained on are left out",
    )
    add_number(check, "--seed", 0, "random seed of the sample of satisfaction labels and of the parts of --doubts")
    add_number(check, "--examples", 3, "number of findings shown of each kind")
    check.add_argument(
        "--apply", type=Path, metavar="REVIEW", help="write a care file from the decisions in this review file"
    )
    out = "review file to write, .csv or .jsonl; with --apply, care file to write, .json"
    check.add_argument("--out", type=Path, metavar="FILE", help=out)
    check.add_argument("--web", action="store_true", help="decide on the findings on a page, and write them to --out")
    check.add_argument("--annotator", metavar="NAME", help="who decides on the page")
    add_address(check)
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
    if options.web and not (options.out and options.annotator and not options.apply):
        errors.print("cmcc check: --web needs --annotator NAME and --out REVIEW.csv, without --apply.", style="red")
        return 2
    source = find_source(options.data, options.care)
    return (_apply if options.apply else _find)(options, source)


def _earlier_log(options: argparse.Namespace, care: Path | None) -> list[str]:
    """The lines of the log of the care file and of the log that --reviewed names."""
    from cmcc_bench.quality.decisions import log_path, read_log

    lines = read_log(log_path(care)) if care and log_path(care).exists() else []
    return lines + (read_log(options.reviewed) if options.reviewed else [])


def _find(options: argparse.Namespace, source: CallSource) -> int:
    from cmcc_bench.quality.calls import read_calls
    from cmcc_bench.quality.check import add_findings, check_calls, example_lines, label_table, summary_table
    from cmcc_bench.quality.decisions import decided_in
    from cmcc_bench.quality.lexicon import load_lexicon
    from cmcc_bench.quality.review import check_new, review_items, write_review

    if options.out and not options.web:
        check_new(options.out)
    lexicon = load_lexicon(options.lexicon)
    decided = decided_in(_earlier_log(options, source.care))
    with progress_bar("checking calls") as show:
        checked = check_calls(source, lexicon, options.seed, decided, incremental(show, source.size))
    if options.doubts or options.model:
        add_findings(checked, _doubts(options, source), decided)
    console.print(summary_table(checked, options.data).terminal())
    if label_table(checked).rows:
        console.print(label_table(checked).terminal())
    for line in example_lines(checked, options.examples):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not options.out:
        return int(checked.has_errors)
    with progress_bar("writing questions") as show:
        calls = read_calls(source, lambda *_: None, incremental(show, source.size))
        items = review_items(checked.findings, calls)
        if not options.web:
            rows = counted(write_review(options.out, items), "question")
            print_line(f"{rows} in {options.out}: it holds texts of the calls; personal data are masked")
            return int(checked.has_errors)
        asked = list(items)
    return _review_on_page(options, source, asked)


def _doubts(options: argparse.Namespace, source: CallSource) -> list[Finding]:
    """The most likely label errors, first those that are doubted most."""
    from cmcc_bench.quality.calls import read_calls
    from cmcc_bench.quality.doubts import FIELDS, FOLDS, cross_validated, doubts, labeled_texts, most_doubtful

    calls = [call for call in read_calls(source, lambda *_: None) if call.labeled]
    if options.model:
        return _doubts_of_model(options, calls)[: options.doubts or 100]
    every = [labeled_texts(calls, field) for field in FIELDS]
    data = [one for one in every if len(one.dialogues) > 1] or every[:1]  # the first says what is missing
    with progress_bar("predicting each part from the others") as show:
        advance = incremental(show, FOLDS * len(data))
        found = [doubts(one, cross_validated(one, options.seed, progress=advance)) for one in data]
    return most_doubtful(found, options.doubts)


def _doubts_of_model(options: argparse.Namespace, calls: list[Call]) -> list[Finding]:
    from cmcc_bench.commands.console import silence_transformers
    from cmcc_bench.errors import DataError
    from cmcc_bench.hub.pull import model_folder
    from cmcc_bench.quality.doubts import doubts, labeled_texts, without
    from cmcc_bench.recognition.unseen import trained_calls, unseen_emotions

    silence_transformers()
    folder = model_folder(options.model)
    data = labeled_texts(calls, "emotions")
    trained, why = trained_calls(folder, calls)
    unseen = without(data, trained)
    left_out = len(data.dialogues & trained)
    if left_out and not unseen.texts:
        hint = "Use --doubts N without --model: then each part of the calls is predicted by a model of the others."
        raise DataError("the model trained on all of these calls", "", hint, model=str(options.model))
    if left_out:
        print_line(f"the model's doubts leave out {counted(left_out, 'call')} that it trained on: {why}")
    return doubts(unseen, unseen_emotions(folder, calls, unseen))


def _review_on_page(options: argparse.Namespace, source: CallSource, items: Sequence[ReviewItem]) -> int:
    from cmcc_bench.annotate.open import open_review

    if not items:
        console.print("no questions: the page is not opened", highlight=False)
        return 0
    status = serve(open_review(source, items, options.annotator, options.out, options.data), options)
    apply = f"Apply the decisions: cmcc check {options.data} --apply {options.out} --out CARE.json"
    console.print(apply, markup=False, highlight=False, soft_wrap=True)
    return status


def _apply(options: argparse.Namespace, source: CallSource) -> int:
    from cmcc_bench.errors import DataError, printable
    from cmcc_bench.quality.decisions import apply_review, log_path, read_log, write_applied
    from cmcc_bench.quality.review import read_review

    if options.out is None or options.out.suffix != ".json":
        raise DataError("--apply needs a care file to write", "", "Add --out CARE.json.")
    applied = apply_review(read_review(options.apply), source, options.apply.name)
    earlier = _earlier_log(options, source.care)
    if log_path(options.out).exists():
        earlier += read_log(log_path(options.out))
    write_applied(applied, options.out, earlier)
    decisions = counted(len(applied.changes), "decision")
    message = f"{options.out}: {decisions}, {applied.changed} of them changed labels; log: {log_path(options.out)}"
    console.print(message, markup=False, highlight=False, soft_wrap=True)
    for change in applied.by_hand:
        place = f"dialogue {printable(change.dialogue_id, 40)}, turn {change.turn}"
        line = f"NOT APPLIED: {place}: edit 客服意图 in the raw file; a care file can only add acts"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return int(bool(applied.by_hand))


def _agreement(options: argparse.Namespace) -> int:
    from cmcc_bench.quality.agreement import disagreement_lines, measure, tables
    from cmcc_bench.quality.annotations import Annotations, acts_in, known_calls, read_annotations
    from cmcc_bench.scoring import Bootstrap

    if len(options.annotators) < 2:
        errors.print("cmcc agreement: one annotator has no agreement. Name the labels of two or more.", soft_wrap=True)
        return 2
    if options.adjudicate is None and (options.apply or options.web or options.method or options.take is not None):
        errors.print("cmcc agreement: --apply, --web, --method and --take need --adjudicate CARE.json.", style="red")
        return 2
    if options.adjudicate and options.json:
        errors.print("cmcc agreement: --json is not allowed with --adjudicate.", style="red")
        return 2
    if options.adjudicate and options.adjudicate.resolve() in {Path(name).resolve() for name in options.annotators}:
        errors.print(f"cmcc agreement: choose another --adjudicate: {options.adjudicate} has an annotator's labels.")
        return 2
    if options.web and (options.annotator is None or options.apply):
        errors.print("cmcc agreement: --web needs --annotator NAME, and no --apply.", style="red")
        return 2
    calls, acts = known_calls(options.annotators, options.data), acts_in(options.annotators)
    with progress_bar("comparing annotators") as show:
        annotators, steps = list[Annotations](), len(options.annotators) + 1  # the last one is the bootstrap
        for name in options.annotators:
            show(len(annotators), steps)
            annotators.append(read_annotations(name, calls, acts))
        show(len(annotators), steps)
        agreement = measure(annotators, calls, acts, Bootstrap(options.resamples, options.seed))
    if options.json:
        console.print_json(json.dumps(agreement.as_dict(), ensure_ascii=False))
        return 0
    for table in tables(agreement):
        console.print(table.terminal())
    for line in disagreement_lines(agreement, options.examples):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return _adjudicate(options, annotators, calls) if options.adjudicate else 0


def _adjudicate(options: argparse.Namespace, annotators: Sequence[Annotations], calls: Mapping[str, Call]) -> int:
    from cmcc_bench.errors import DataError
    from cmcc_bench.quality.adjudication import (
        adjudicate,
        decide,
        review_items,
        with_short_names,
        write_adjudicated,
    )
    from cmcc_bench.quality.adjudication_report import adjudication_tables
    from cmcc_bench.quality.decisions import log_path
    from cmcc_bench.quality.review import check_new, read_review, write_review
    from cmcc_bench.scoring import Bootstrap

    out = options.adjudicate
    if out.suffix != ".json":
        raise DataError(f"the extension {out.suffix!r}", "a care file, .json", file=out.name)
    annotators = with_short_names(annotators)
    method = options.method or ("dawid-skene" if len(annotators) > 2 else "majority")
    adjudication = adjudicate(annotators, calls, method)
    rows = read_review(options.apply) if options.apply else []
    take = 2.0 if options.take is None else options.take  # no proposal is that certain
    decided = decide(adjudication, calls, rows, options.apply.name if options.apply else "", take)
    for table in adjudication_tables(annotators, adjudication, decided, Bootstrap(options.resamples, options.seed)):
        console.print(table.terminal())
    undecided = [one for at, one in enumerate(adjudication.disputes) if at not in decided]
    if options.web and undecided:
        return _adjudicate_on_page(options, adjudication, decided)
    review = out.with_suffix(".review.csv")
    if undecided and not options.apply:
        check_new(review)
    write_adjudicated(out, adjudication, decided, calls)
    agreed = sum(map(len, adjudication.agreed.values()))
    print_line(f"{counted(agreed, 'unit')} agreed, {adjudication.alone} of them labeled by one annotator alone")
    print_line(f"{counted(len(decided), 'dispute')} decided, {len(undecided)} undecided; log: {log_path(out)}")
    if undecided and not options.apply:
        written = write_review(review, review_items(undecided, calls))
        print_line(f"{counted(written, 'question')} in {review}: it holds texts of the calls; personal data are masked")
    elif undecided:
        print_line(f"{options.apply}: fill in the other rows and run the command again")
    return 0


def _adjudicate_on_page(options: argparse.Namespace, adjudication: Adjudication, decided: Mapping[int, Decided]) -> int:
    from cmcc_bench.annotate.open import open_adjudication
    from cmcc_bench.quality.annotations import is_care_file
    from cmcc_bench.quality.calls import find_source

    data = options.data or next((one for one in options.annotators if not is_care_file(Path(one))), None)
    source = find_source(data or str(Path(options.annotators[0]).parent), without_care=True)
    session = open_adjudication(source, adjudication, decided, options.annotator, options.adjudicate, source.name)
    return serve(session, options)

"""The commands of the leaderboard: validate, submit, leaderboard."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cmcc_bench.commands.console import (
    Commands,
    add_command,
    console,
    data_cutoff,
    disable_hub_bars_without_terminal,
    errors,
    is_confirmed,
    parameters,
    positive_number,
    print_line,
    system_kind,
    task_name,
)
from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import write_text
from cmcc_bench.terminal import counted, progress_bar

LEADERBOARD = "CMCC_LEADERBOARD"  # the environment variable that names the repository of submissions

_DATASET = "a built folder, a Hub id, or `sample` (the default)"
_REPOSITORY = f"data set that holds the results, ORGANIZATION/NAME (default: ${LEADERBOARD})"

_VALIDATE = """\
example:
  cmcc validate runs/variant/test.end2end.jsonl cmcc

Exit status 1: the file is not valid."""
_SUBMIT = """\
example:
  cmcc submit runs/variant/test.end2end.jsonl cmcc \\
      --leaderboard ORGANIZATION/leaderboard-results \\
      --model "My variant" --training-data "CMCC train" --yes"""
_BOARD = f"""\
examples:
  cmcc leaderboard show ORGANIZATION/leaderboard-results
  cmcc leaderboard update ORGANIZATION/leaderboard-results --dataset cmcc --yes
  cmcc leaderboard --hub ORGANIZATION/cmcc

{LEADERBOARD} in the environment names the repository once for all commands."""
_SHOW = """\
examples:
  cmcc leaderboard show ORGANIZATION/leaderboard-results
  cmcc leaderboard show ORGANIZATION/leaderboard-results --web"""
_UPDATE = """\
example:
  cmcc leaderboard update ORGANIZATION/leaderboard-results --dataset cmcc --yes"""


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_validate(commands)
    _add_submit(commands)
    _add_leaderboard(commands)


def _add_file(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "predictions", type=Path, metavar="PREDICTIONS", help="JSON Lines file that cmcc predict wrote"
    )
    command.add_argument(
        "dataset",
        nargs="?",
        default="sample",
        metavar="DATASET",
        help=f"data set that was decoded: {_DATASET}; its labels may be hidden",
    )
    command.add_argument("--split", default="test", help="split that was decoded (default: %(default)s)")
    command.add_argument(
        "--task",
        type=task_name,
        metavar="TASK",
        help="task of the predictions (default: from PREDICTIONS.run.json, or response)",
    )


def _add_validate(commands: Commands) -> None:
    validate = add_command(commands, "validate", "check a file of predictions as the leaderboard does", _VALIDATE)
    _add_file(validate)
    validate.set_defaults(run=_validate)


def _add_submit(commands: Commands) -> None:
    submit = add_command(commands, "submit", "submit predictions to the leaderboard, as a pull request", _SUBMIT)
    _add_file(submit)
    submit.add_argument("--leaderboard", default=os.environ.get(LEADERBOARD), metavar="REPOSITORY", help=_REPOSITORY)
    submit.add_argument("--model", required=True, metavar="NAME", help="name of the system in the table")
    submit.add_argument(
        "--training-data", required=True, metavar="TEXT", help="what the system was trained on, in one line"
    )
    submit.add_argument("--paper", metavar="URL", help="address of a paper or page that describes the system")
    from_record = "(default: from PREDICTIONS.run.json, or unknown)"
    kinds = "trained, adapter, zero-shot, few-shot or n-grams"
    submit.add_argument("--kind", type=system_kind, metavar="KIND", help=f"kind of the system: {kinds} {from_record}")
    submit.add_argument(
        "--parameters", type=parameters, metavar="N", help=f"number of its parameters, such as 8.2B {from_record}"
    )
    submit.add_argument(
        "--data-cutoff",
        type=data_cutoff,
        metavar="YYYY-MM",
        help=f"last month of the data that its model learned from {from_record}",
    )
    submit.add_argument("--yes", action="store_true", help="submit; without it, only show what would be submitted")
    submit.add_argument(
        "--i-have-the-rights",
        action="store_true",
        help="confirm that you may publish what is derived from the licensed calls; needed for a public leaderboard",
    )
    submit.set_defaults(run=_submit)


def _add_leaderboard(commands: Commands) -> None:
    leaderboard = add_command(
        commands,
        "leaderboard",
        "show or update the leaderboard",
        _BOARD,
        "Show or update the leaderboard; or, with --hub, show the results that the cards\n"
        "of models on the Hub report for a data set.",
    )
    leaderboard.add_argument(
        "--hub", metavar="DATASET_ID", help="show the results that models on the Hub report for this data set"
    )
    leaderboard.set_defaults(run=_hub_results)
    actions = leaderboard.add_subparsers(title="actions", metavar="ACTION")
    show = add_command(actions, "show", "print the tables", _SHOW)
    show.add_argument(
        "repository",
        nargs="?",
        default=os.environ.get(LEADERBOARD),
        metavar="REPOSITORY",
        help=f"{_REPOSITORY}; or a folder with a copy of it",
    )
    show.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to this file")
    show.add_argument("--web", action="store_true", help="open a page instead, on this machine only")
    show.add_argument("--port", type=positive_number, metavar="N", help="port of the page (default: a free one)")
    show.set_defaults(run=_show)
    update = add_command(actions, "update", "score the submissions and write the tables", _UPDATE)
    update.add_argument(
        "repository", nargs="?", default=os.environ.get(LEADERBOARD), metavar="REPOSITORY", help=_REPOSITORY
    )
    update.add_argument("--dataset", default="sample", help=f"data set to score on: {_DATASET}")
    update.add_argument("--labels", metavar="DATASET", help="data set with the labels, where --dataset hides them")
    update.add_argument("--split", default="test", help="split to score on (default: %(default)s)")
    update.add_argument("--yes", action="store_true", help="write; without it, only show what would be written")
    update.set_defaults(run=_update)


def _is_named(repository: str | None) -> bool:
    """Whether the leaderboard is named; prints how to name it where it is not."""
    if not repository:
        errors.print(
            f"cmcc: no leaderboard is named. Name its repository, ORGANIZATION/NAME, or set {LEADERBOARD} to it."
        )
    return bool(repository)


def _task(options: argparse.Namespace) -> str:
    from cmcc_bench.reports.systems import task_of_file

    return str(options.task or task_of_file(options.predictions))


def _validate(options: argparse.Namespace) -> int:
    from cmcc_bench.leaderboard.check import PROBLEMS, check_file
    from cmcc_bench.leaderboard.submit import rows_to_answer
    from cmcc_bench.masking import mask_error
    from cmcc_bench.tasks import task_of

    track = task_of(_task(options))
    rows = rows_to_answer(track, options.dataset, options.split)
    result = check_file(options.predictions, track, rows)
    for problem in result.problems:
        message = printable(str(mask_error(problem)), 1000)
        errors.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    if result.problems:
        more = "the first " if len(result.problems) == PROBLEMS else ""
        problems = counted(len(result.problems), "problem")
        print_line(
            f"{options.predictions}: NOT valid, {more}{problems} above. Fix the file and run cmcc validate again."
        )
        return 1
    dialogues = counted(len({answer.dialogue_id for answer in result.answers}), "dialogue")
    answers = counted(len(result.answers), track.items.removesuffix("s"))
    size = f"{answers} of {dialogues}, the whole {options.split} split"
    print_line(f"{options.predictions}: valid for the track {track.name}: {size}")
    _print_notes(result.notes)
    return 0


def _print_notes(notes: Sequence[str]) -> None:
    """Prints the labels of a valid file that are in no vocabulary."""
    if notes:
        print_line("Labels that are not in the vocabulary; each counts as wrong:")
    for note in notes:
        print_line(f"  {note}")


def _submit(options: argparse.Namespace) -> int:
    from huggingface_hub import HfApi

    from cmcc_bench.leaderboard.submission import describe
    from cmcc_bench.leaderboard.submit import check_new, check_rights, is_private, make_submission, open_pull_request
    from cmcc_bench.reports.systems import facts_of_file

    if not _is_named(options.leaderboard):
        return 2
    disable_hub_bars_without_terminal()
    repository, task = options.leaderboard, _task(options)
    _check_end2end(options.predictions)
    given = {"kind": options.kind, "parameters": options.parameters, "data_cutoff": options.data_cutoff}
    system = replace(facts_of_file(options.predictions), **{name: value for name, value in given.items() if value})
    description = describe(options.model, task, options.training_data, options.paper, system)
    submission = make_submission(options.predictions, description, options.dataset, options.split)
    api = HfApi()
    private = is_private(api, repository)
    check_rights(submission, repository, private, options.i_have_the_rights)
    check_new(api, submission, repository)
    for line in submission.lines(repository, private):
        print_line(line)
    _print_notes(submission.notes)
    if options.yes or is_confirmed("Submit this?"):
        print_line(f"{open_pull_request(api, submission, repository)}: the next update scores it")
    else:
        print_line("Nothing was sent. Add --yes to submit it.")
    return 0


def _check_end2end(path: Path) -> None:
    """Raises cmcc.DataError for predictions of the oracle mode, which has the gold labels of each exchange."""
    from cmcc_bench.files import read_facts
    from cmcc_bench.scoring.predictions import facts_path

    if facts_path(path).exists() and read_facts(facts_path(path)).get("mode") == "oracle":
        hint = "Run cmcc predict --mode end2end and submit its file."
        raise DataError("predictions of the oracle mode", "predictions without gold labels", hint, file=str(path))


def _show(options: argparse.Namespace) -> int:
    from cmcc_bench.leaderboard.card import board_tables
    from cmcc_bench.leaderboard.files import load_board

    if not _is_named(options.repository):
        return 2
    disable_hub_bars_without_terminal()
    repository = options.repository
    if options.web:
        from cmcc_bench.leaderboard.page import launch_board

        launch_board(repository, options.port)
        return 0
    tables = board_tables(load_board(repository))
    for table in tables:
        console.print(table.terminal())
    if options.markdown:
        write_text(options.markdown, "\n".join(table.markdown() for table in tables))
    return 0


def _update(options: argparse.Namespace) -> int:
    from huggingface_hub import HfApi

    from cmcc_bench.corpus import short_name
    from cmcc_bench.leaderboard.card import board_tables
    from cmcc_bench.leaderboard.standings import read_gold
    from cmcc_bench.leaderboard.update import carry_out, plan_update

    if not _is_named(options.repository):
        return 2
    disable_hub_bars_without_terminal()
    repository, api = options.repository, HfApi()
    gold = read_gold(options.dataset, options.labels, options.split)
    name = short_name(options.dataset)
    with tempfile.TemporaryDirectory(prefix="cmcc-leaderboard-") as work, progress_bar("scoring systems") as show:
        update = plan_update(api, repository, gold, name, options.split, Path(work), show)
    for table in board_tables(update.board):
        console.print(table.terminal())
    for line in update.lines():
        print_line(line)
    if options.yes or is_confirmed("Write this?"):
        print_line(f"Written to {repository}, commit {carry_out(api, update)}")
    else:
        print_line("Nothing was written. Add --yes to write it.")
    return 0


def _hub_results(options: argparse.Namespace) -> int:
    if not options.hub:
        errors.print(
            "cmcc leaderboard: no action is named. Run cmcc leaderboard show or update, or give --hub DATASET_ID."
        )
        return 2
    from cmcc_bench.hub.results import hub_leaderboard

    disable_hub_bars_without_terminal()
    console.print(hub_leaderboard(options.hub).terminal())
    return 0

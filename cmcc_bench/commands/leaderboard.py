"""The commands about the leaderboard: validate, submit, leaderboard."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cmcc_bench.commands.console import (
    Commands,
    confirmed,
    console,
    errors,
    positive,
    quiet_without_terminal,
    say,
    task_name,
)
from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import write_text
from cmcc_bench.terminal import progress_bar

LEADERBOARD = "CMCC_LEADERBOARD"  # the environment's name for the repository that submissions go to

_DATASET = "a built folder, a Hub id, or `sample` (the default)"
_REPOSITORY = f"ORGANIZATION/NAME of the data set that holds the results (default: {LEADERBOARD} of the environment)"


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_validate(commands)
    _add_submit(commands)
    _add_leaderboard(commands)


def _add_file(command: argparse.ArgumentParser) -> None:
    command.add_argument("predictions", type=Path, help="a file of JSON lines, as cmcc predict writes it")
    command.add_argument("dataset", nargs="?", default="sample", help=f"{_DATASET}; its labels may be hidden")
    command.add_argument("--split", default="test", help="default: %(default)s")
    command.add_argument("--task", type=task_name, help="default: as the file beside the predictions says, or response")


def _add_validate(commands: Commands) -> None:
    validate = commands.add_parser("validate", help="check a file of predictions as the leaderboard does")
    _add_file(validate)
    validate.set_defaults(run=_validate)


def _add_submit(commands: Commands) -> None:
    submit = commands.add_parser("submit", help="send predictions to the leaderboard, as a pull request")
    _add_file(submit)
    submit.add_argument("--leaderboard", default=os.environ.get(LEADERBOARD), metavar="REPO", help=_REPOSITORY)
    submit.add_argument("--model", required=True, help="what the system is called in the table")
    submit.add_argument("--training-data", required=True, help="what it was trained on, in a line")
    submit.add_argument("--paper", metavar="URL", help="where it is described")
    submit.add_argument("--yes", action="store_true", help="send it; without it only show what would be sent")
    submit.add_argument(
        "--i-have-the-rights", action="store_true", help="let what was made from licensed calls go to a public place"
    )
    submit.set_defaults(run=_submit)


def _add_leaderboard(commands: Commands) -> None:
    leaderboard = commands.add_parser(
        "leaderboard",
        help="show or update the leaderboard, or what model repositories say of their results",
        description="--hub shows what the repositories of models on the Hub give as results on a data set.",
    )
    leaderboard.add_argument("--hub", metavar="DATASET_ID", help="read the results in model repositories back")
    leaderboard.set_defaults(run=_hub_results)
    actions = leaderboard.add_subparsers(title="actions", metavar="ACTION")
    show = actions.add_parser("show", help="print the tables")
    show.add_argument("repository", nargs="?", default=os.environ.get(LEADERBOARD), help=f"{_REPOSITORY}, or a folder")
    show.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to this file, too")
    show.add_argument("--web", action="store_true", help="open the page on this machine instead")
    show.add_argument("--port", type=positive, help="of the page (default: a free one)")
    show.set_defaults(run=_show)
    update = actions.add_parser("update", help="score what was submitted, and write the tables")
    update.add_argument("repository", nargs="?", default=os.environ.get(LEADERBOARD), help=_REPOSITORY)
    update.add_argument("--dataset", default="sample", help=_DATASET)
    update.add_argument("--labels", metavar="DATASET", help="the data set with the labels that --dataset hides")
    update.add_argument("--split", default="test", help="default: %(default)s")
    update.add_argument("--yes", action="store_true", help="do it; without it only show what would be done")
    update.set_defaults(run=_update)


def _is_named(repository: str | None) -> bool:
    """Whether the leaderboard is named; says how where it is not."""
    if not repository:
        errors.print(f"cmcc: name the leaderboard's repository, ORGANIZATION/NAME, or set {LEADERBOARD}; see --help")
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
    checked = check_file(options.predictions, track, rows)
    for problem in checked.problems:
        shown = printable(str(mask_error(problem)), 1000)
        errors.print(shown, style="red", markup=False, highlight=False, soft_wrap=True)
    if checked.problems:
        more = ": the first ones, fix them and check again" if len(checked.problems) == PROBLEMS else ""
        many = "1 problem" if len(checked.problems) == 1 else f"{len(checked.problems)} problems"
        say(f"{options.predictions}: NOT valid, {many}{more}")
        return 1
    dialogues = len({answer.dialogue_id for answer in checked.answers})
    what = f"{len(checked.answers)} {track.items} of {dialogues} dialogues, each of the split {options.split} once"
    say(f"{options.predictions}: valid for the track {track.name}: {what}")
    _say_notes(checked.notes)
    return 0


def _say_notes(notes: Sequence[str]) -> None:
    """The labels of a valid file that are in no vocabulary."""
    if notes:
        say("Labels that are in no vocabulary; each of them counts as a wrong one:")
    for note in notes:
        say(f"  {note}")


def _submit(options: argparse.Namespace) -> int:
    from huggingface_hub import HfApi

    from cmcc_bench.leaderboard.submission import describe
    from cmcc_bench.leaderboard.submit import check_new, check_rights, is_private, make_submission, open_pull_request

    if not _is_named(options.leaderboard):
        return 2
    quiet_without_terminal()
    repository, task = options.leaderboard, _task(options)
    _check_end2end(options.predictions)
    description = describe(options.model, task, options.training_data, options.paper)
    submission = make_submission(options.predictions, description, options.dataset, options.split)
    api = HfApi()
    private = is_private(api, repository)
    check_rights(submission, repository, private, options.i_have_the_rights)
    check_new(api, submission, repository)
    for line in submission.lines(repository, private):
        say(line)
    _say_notes(submission.notes)
    if options.yes or confirmed("Send this?"):
        say(f"{open_pull_request(api, submission, repository)}: the next update scores it")
    else:
        say("Nothing was sent. Add --yes to do it.")
    return 0


def _check_end2end(path: Path) -> None:
    """Raises cmcc.DataError for predictions that were made with the gold labels before each reply."""
    from cmcc_bench.reports.systems import read_system, task_of_file
    from cmcc_bench.scoring.predictions import facts_path
    from cmcc_bench.tasks import RESPONSE

    if facts_path(path).exists() and task_of_file(path) == RESPONSE.name and read_system(path).mode != "end2end":
        hint = "Make them with cmcc predict --mode end2end."
        raise DataError("predictions made with the oracle", "those of a system alone", hint, file=str(path))


def _show(options: argparse.Namespace) -> int:
    from cmcc_bench.leaderboard.card import board_tables
    from cmcc_bench.leaderboard.files import load_board

    if not _is_named(options.repository):
        return 2
    quiet_without_terminal()
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

    from cmcc_bench.corpus import label_of
    from cmcc_bench.leaderboard.card import board_tables
    from cmcc_bench.leaderboard.standings import read_gold
    from cmcc_bench.leaderboard.update import carry_out, plan_update

    if not _is_named(options.repository):
        return 2
    quiet_without_terminal()
    repository, api = options.repository, HfApi()
    gold = read_gold(options.dataset, options.labels, options.split)
    name = label_of(options.dataset)
    with tempfile.TemporaryDirectory(prefix="cmcc-leaderboard-") as work, progress_bar("scoring systems") as show:
        update = plan_update(api, repository, gold, name, options.split, Path(work), show)
    for table in board_tables(update.board):
        console.print(table.terminal())
    for line in update.lines():
        say(line)
    if options.yes or confirmed("Write this?"):
        say(f"{repository} has it, commit {carry_out(api, update)}")
    else:
        say("Nothing was written. Add --yes to do it.")
    return 0


def _hub_results(options: argparse.Namespace) -> int:
    if not options.hub:
        errors.print("cmcc leaderboard: name an action (show, update), or a data set with --hub; see --help")
        return 2
    from cmcc_bench.hub.results import hub_leaderboard

    quiet_without_terminal()
    console.print(hub_leaderboard(options.hub).terminal())
    return 0

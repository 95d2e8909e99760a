"""The commands that publish and download: card, push, pull."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cmcc_bench.commands.console import (
    Commands,
    add_bootstrap,
    add_command,
    disable_hub_bars_without_terminal,
    is_confirmed,
    print_line,
)
from cmcc_bench.distribution import requirement
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_text
from cmcc_bench.terminal import progress_bar

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from cmcc_bench.hub.artifact import Artifact
    from cmcc_bench.hub.push import Plan


_REPOSITORY = "repository on the Hub, ORGANIZATION/NAME; NAME alone for your own account"
_RUN = "folder of a run, RUN or RUN/best"

_CARD = """\
examples:
  cmcc card runs/variant
  cmcc card runs/variant --repository ORGANIZATION/variant --out card.md"""
_PUSH = """\
examples:
  cmcc push dataset cmcc ORGANIZATION/cmcc         # shows what would change
  cmcc push dataset cmcc ORGANIZATION/cmcc --yes   # uploads

`cmcc push KIND --help` shows the arguments of each kind. Log in first with
`hf auth login`, or set HF_TOKEN."""
_PUSH_DATASET = """\
example:
  cmcc push dataset cmcc ORGANIZATION/cmcc --yes"""
_PUSH_MODEL = """\
example:
  cmcc push model runs/variant ORGANIZATION/variant \\
      --dataset-id ORGANIZATION/cmcc --yes"""
_PUSH_METRICS = """\
examples:
  cmcc push metrics ORGANIZATION --public --yes
  cmcc push metrics ORGANIZATION --metric cmcc_emotion --public --yes"""
_PUSH_LEADERBOARD = """\
example:
  cmcc push leaderboard ORGANIZATION/leaderboard --yes"""
_PULL = """\
examples:
  cmcc pull dataset ORGANIZATION/cmcc --out cmcc
  cmcc pull model ORGANIZATION/variant --out variant --revision v1"""


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_card(commands)
    _add_push(commands)
    _add_pull(commands)


def _add_card(commands: Commands) -> None:
    card = add_command(commands, "card", "print the model card of a run, with its scores", _CARD)
    card.add_argument("folder", type=Path, metavar="RUN", help=_RUN)
    card.add_argument("--out", type=Path, metavar="FILE", help="write the card to this file instead of printing it")
    card.add_argument(
        "--repository",
        metavar="ORGANIZATION/NAME",
        help="repository that the card's loading example names (default: the folder)",
    )
    _add_scoring_data(card)
    add_bootstrap(card)
    card.set_defaults(run=_card)


def _add_scoring_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset",
        help="data set to score the run's predictions on: a built folder, a Hub id, or `sample` (default: "
        "--dataset-id, or the data set that was decoded)",
    )
    parser.add_argument(
        "--dataset-id",
        metavar="ORGANIZATION/NAME",
        help="data set on the Hub that the card reports its results for",
    )


def _add_push(commands: Commands) -> None:
    summary = "publish a data set, a model, metrics or the leaderboard"
    push = add_command(commands, "push", summary, _PUSH)
    kinds = push.add_subparsers(title="kinds", required=True, metavar="KIND")
    dataset = add_command(kinds, "dataset", "upload a data set that cmcc build wrote", _PUSH_DATASET)
    dataset.add_argument("folder", type=Path, metavar="FOLDER", help="folder that cmcc build wrote")
    dataset.add_argument("repository", metavar="REPOSITORY", help=_REPOSITORY)
    dataset.set_defaults(artifacts=_dataset)
    model = add_command(kinds, "model", "upload the best checkpoint of a run, with its card", _PUSH_MODEL)
    model.add_argument("folder", type=Path, metavar="RUN", help=_RUN)
    model.add_argument("repository", metavar="REPOSITORY", help=_REPOSITORY)
    _add_scoring_data(model)
    model.set_defaults(artifacts=_model)
    metrics = add_command(kinds, "metrics", "upload the metrics as Spaces for evaluate.load()", _PUSH_METRICS)
    metrics.add_argument("organization", metavar="ORGANIZATION", help="organization or user to upload to")
    metrics.add_argument(
        "--metric", action="append", metavar="NAME", help="upload this metric only; can be repeated (default: all)"
    )
    metrics.set_defaults(artifacts=_metrics)
    summary = "upload the leaderboard: a Space, and a data set of results"
    leaderboard = add_command(kinds, "leaderboard", summary, _PUSH_LEADERBOARD)
    leaderboard.add_argument("repository", metavar="SPACE", help="the Space, ORGANIZATION/NAME")
    leaderboard.add_argument(
        "--results", metavar="REPOSITORY", help="data set that holds the results (default: SPACE-results)"
    )
    leaderboard.set_defaults(artifacts=_leaderboard)
    for kind in (dataset, model, metrics, leaderboard):
        kind.add_argument("--public", action="store_true", help="make the repository public (default: private)")
        kind.add_argument("--tag", help="tag of this version (default: made from the content)")
        kind.add_argument("--yes", action="store_true", help="upload; without it, only show what would be uploaded")
        kind.set_defaults(run=_push, i_have_the_rights=False)
    for kind in (dataset, model):
        kind.add_argument(
            "--i-have-the-rights",
            action="store_true",
            help="confirm that you may publish what is derived from the licensed calls; needed with --public",
        )


def _add_pull(commands: Commands) -> None:
    pull = add_command(commands, "pull", "download a data set or a model from the Hub", _PULL)
    pull.add_argument("kind", choices=("dataset", "model"), metavar="KIND", help="dataset or model")
    pull.add_argument("repository", metavar="REPOSITORY", help="repository on the Hub, ORGANIZATION/NAME")
    pull.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to download into")
    pull.add_argument("--revision", help="branch, tag or commit (default: the latest commit)")
    pull.set_defaults(run=_pull)


def _dataset(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from cmcc_bench.hub.artifact import dataset_artifact

    return [(dataset_artifact(options.folder), options.repository)]


def _model(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from huggingface_hub import HfApi

    from cmcc_bench.hub.artifact import best_folder, model_artifact
    from cmcc_bench.hub.model_pages import ModelPages

    best = best_folder(options.folder)
    with progress_bar("scoring predictions") as show:
        pages = ModelPages(HfApi(), best, options.repository, options.dataset, options.dataset_id, show)
        return [(model_artifact(best, pages.card, pages.results), options.repository)]


def _metrics(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from cmcc_bench.files import resource_folder
    from cmcc_bench.hub.artifact import metric_artifact

    folders = {path.parent.name: path.parent for path in sorted(resource_folder("metrics").glob("*/README.md"))}
    if unknown := sorted(set(options.metric or ()) - folders.keys()):
        raise DataError("no such metric", "", f"Choose from {', '.join(folders)}.", metric=", ".join(unknown))
    chosen = options.metric or folders
    return [(metric_artifact(folders[name]), f"{options.organization}/{name}") for name in chosen]


def _leaderboard(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from cmcc_bench.files import resource_folder
    from cmcc_bench.hub.artifact import leaderboard_artifact, results_artifact

    try:
        folder = resource_folder("leaderboard")
    except FileNotFoundError as error:
        hint = f"Install cmcc again: pip install --force-reinstall '{requirement('leaderboard')}'."
        raise DataError("this installation lacks the leaderboard's page", "", hint) from error
    results = options.results or f"{options.repository}-results"
    return [(leaderboard_artifact(folder, results), options.repository), (results_artifact(), results)]


def _card(options: argparse.Namespace) -> int:
    from cmcc_bench.cards.model_card import write_model_card
    from cmcc_bench.cards.scores import score_run
    from cmcc_bench.hub.artifact import best_folder, run_facts
    from cmcc_bench.hub.model_pages import check_hub_id
    from cmcc_bench.scoring import Bootstrap

    for name in filter(None, (options.repository, options.dataset_id)):
        check_hub_id(name)
    best = best_folder(options.folder)
    with progress_bar("scoring predictions") as show:
        dataset = options.dataset or options.dataset_id
        scored = score_run(best, dataset, Bootstrap(options.resamples, options.seed), show)
    text = write_model_card(best, run_facts(best), options.repository, scored, options.dataset_id)
    if options.out:
        write_text(options.out, text)
    else:
        sys.stdout.write(text)
    return 0


def _push(options: argparse.Namespace) -> int:
    from huggingface_hub import HfApi

    from cmcc_bench.hub.push import full_name, make_plan, user_name

    disable_hub_bars_without_terminal()
    artifacts = options.artifacts(options)  # before the network is used: local errors are reported first
    api = HfApi()
    user_name(api)  # reports a wrong token before anything else
    plans = [
        make_plan(
            api,
            artifact,
            full_name(api, name),
            options.public,
            options.i_have_the_rights,
            options.tag,
        )
        for artifact, name in artifacts
    ]
    for plan in plans:
        for line in plan.lines():
            print_line(line)
    pending = [plan for plan in plans if plan.has_work]
    if not pending:
        print_line("Nothing to do: the repository is up to date.")
    elif options.yes or is_confirmed("Upload this?"):
        _upload(api, pending)
    else:
        print_line("Nothing was uploaded. Add --yes to upload it.")
    return 0


def _upload(api: HfApi, plans: list[Plan]) -> None:
    from cmcc_bench.hub.push import push

    for plan in plans:
        print_line(f"Uploading {plan.repository} ...")
        print_line(f"Uploaded to {push(api, plan, f'cmcc push: {plan.tag}')}, tag {plan.tag}")


def _pull(options: argparse.Namespace) -> int:
    from cmcc_bench.hub.pull import pull_dataset, pull_model

    disable_hub_bars_without_terminal()
    download = pull_dataset if options.kind == "dataset" else pull_model
    for line in download(options.repository, options.out, options.revision).lines():
        print_line(line)
    return 0

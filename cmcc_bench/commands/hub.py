"""The commands that publish and fetch: card, push, pull."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cmcc_bench.commands.console import Commands, confirmed, count, quiet_without_terminal, say
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_text
from cmcc_bench.terminal import progress_bar

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from cmcc_bench.hub.artifact import Artifact
    from cmcc_bench.hub.push import Plan


def add(commands: Commands) -> None:
    """Adds the parsers of these commands."""
    _add_card(commands)
    _add_push(commands)
    _add_pull(commands)


def _add_card(commands: Commands) -> None:
    card = commands.add_parser(
        "card", help="the card of a trained model, its scores computed anew; push writes the same"
    )
    card.add_argument("folder", type=Path, help="the run's folder, RUN or RUN/best")
    card.add_argument("--out", type=Path, help="write it to this file instead of printing it")
    card.add_argument("--repository", help="ORGANIZATION/NAME by which it says how to load (default: the folder)")
    _add_scored_on(card)
    card.add_argument("--resamples", type=count, default=1000, help="of the bootstrap (default: %(default)s)")
    card.add_argument("--seed", type=count, default=0, help="of the bootstrap (default: %(default)s)")
    card.set_defaults(run=_card)


def _add_scored_on(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", help="to score the run's predictions on (default: --dataset-id, or as they say)")
    parser.add_argument(
        "--dataset-id",
        metavar="ORGANIZATION/NAME",
        help="the data set on the Hub, for whose leaderboard results are said",
    )


def _add_push(commands: Commands) -> None:
    push = commands.add_parser("push", help="publish a data set, a model, the metrics or the leaderboard on the Hub")
    kinds = push.add_subparsers(required=True, metavar="KIND")
    dataset = kinds.add_parser("dataset", help="a built folder")
    dataset.add_argument("folder", type=Path, help="a folder that cmcc build made")
    dataset.add_argument("repository", help="ORGANIZATION/NAME, or NAME for one of your own")
    dataset.set_defaults(artifacts=_dataset)
    model = kinds.add_parser("model", help="the best checkpoint of a run")
    model.add_argument("folder", type=Path, help="the run's folder, RUN or RUN/best")
    model.add_argument("repository", help="ORGANIZATION/NAME, or NAME for one of your own")
    _add_scored_on(model)
    model.set_defaults(artifacts=_model)
    metrics = kinds.add_parser("metrics", help='the metrics, each a Space for evaluate.load("ORGANIZATION/METRIC")')
    metrics.add_argument("organization", help="or your own name")
    metrics.add_argument("--metric", action="append", help="one of them only (default: all)")
    metrics.set_defaults(artifacts=_metrics)
    leaderboard = kinds.add_parser("leaderboard", help="the leaderboard's page, and the data set of its results")
    leaderboard.add_argument("repository", help="ORGANIZATION/NAME of the Space")
    leaderboard.add_argument("--results", help="the data set's repository (default: the Space's name and -results)")
    leaderboard.set_defaults(artifacts=_leaderboard)
    for kind in (dataset, model, metrics, leaderboard):
        kind.add_argument("--public", action="store_true", help="for everybody to see (default: private)")
        kind.add_argument("--tag", help="the name of this state (default: a version made from the content)")
        kind.add_argument("--yes", action="store_true", help="upload; without it only show what would be")
        kind.set_defaults(run=_push, i_have_the_rights=False)
    for kind in (dataset, model):
        kind.add_argument(
            "--i-have-the-rights", action="store_true", help="let what is made of licensed calls be public"
        )


def _add_pull(commands: Commands) -> None:
    pull = commands.add_parser("pull", help="download a data set or a model from the Hub")
    pull.add_argument("kind", choices=("dataset", "model"))
    pull.add_argument("repository", help="ORGANIZATION/NAME")
    pull.add_argument("--out", type=Path, required=True, help="the folder to make")
    pull.add_argument("--revision", help="a branch, a tag or a commit (default: the newest state)")
    pull.set_defaults(run=_pull)


def _dataset(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from cmcc_bench.hub.artifact import dataset_artifact

    return [(dataset_artifact(options.folder), options.repository)]


def _model(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from huggingface_hub import HfApi

    from cmcc_bench.hub.artifact import model_artifact
    from cmcc_bench.hub.model_pages import ModelPages

    with progress_bar("scoring predictions") as show:
        pages = ModelPages(HfApi(), options.repository, options.dataset, options.dataset_id, show)
        return [(model_artifact(options.folder, pages.card, pages.results), options.repository)]


def _metrics(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from cmcc_bench.files import resource_folder
    from cmcc_bench.hub.artifact import metric_artifact

    folders = {path.parent.name: path.parent for path in sorted(resource_folder("metrics").glob("*/README.md"))}
    if unknown := sorted(set(options.metric or ()) - folders.keys()):
        raise DataError("no such metric", f"one of {', '.join(folders)}", metric=", ".join(unknown))
    chosen = options.metric or folders
    return [(metric_artifact(folders[name]), f"{options.organization}/{name}") for name in chosen]


def _leaderboard(options: argparse.Namespace) -> list[tuple[Artifact, str]]:
    from cmcc_bench.files import resource_folder
    from cmcc_bench.hub.artifact import leaderboard_artifact, results_artifact

    try:
        folder = resource_folder("leaderboard")
    except FileNotFoundError as error:
        expected = "the leaderboard's page in this installation"
        raise DataError("no such folder", expected, folder="leaderboard") from error
    results = options.results or f"{options.repository}-results"
    return [(leaderboard_artifact(folder, results), options.repository), (results_artifact(), results)]


def _card(options: argparse.Namespace) -> int:
    from cmcc_bench.cards.model_card import write_model_card
    from cmcc_bench.cards.scores import score_run
    from cmcc_bench.hub.artifact import best_folder, run_facts
    from cmcc_bench.hub.model_pages import check_hub_id

    for name in filter(None, (options.repository, options.dataset_id)):
        check_hub_id(name)
    best = best_folder(options.folder)
    with progress_bar("scoring predictions") as show:
        dataset = options.dataset or options.dataset_id
        scored = score_run(best, dataset, options.resamples, options.seed, show)
    text = write_model_card(best, run_facts(best), options.repository, scored, options.dataset_id)
    if options.out:
        write_text(options.out, text)
    else:
        sys.stdout.write(text)
    return 0


def _push(options: argparse.Namespace) -> int:
    from huggingface_hub import HfApi

    from cmcc_bench.hub.push import full_name, make_plan, user_name

    quiet_without_terminal()
    artifacts = options.artifacts(options)  # first what is on this machine: it needs no network
    api = HfApi()
    user_name(api)  # a token that is none is told before anything else
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
            say(line)
    waiting = [plan for plan in plans if plan.has_work]
    if not waiting:
        say("Nothing to do: all of it is there.")
    elif options.yes or confirmed("Upload this?"):
        _upload(api, waiting)
    else:
        say("Nothing was uploaded. Add --yes to do it.")
    return 0


def _upload(api: HfApi, plans: list[Plan]) -> None:
    from cmcc_bench.hub.push import push

    for plan in plans:
        say(f"pushing {plan.repository} ...")
        say(f"{push(api, plan, f'cmcc push: {plan.tag}')} has it, tag {plan.tag}")


def _pull(options: argparse.Namespace) -> int:
    from cmcc_bench.hub.pull import pull_dataset, pull_model

    quiet_without_terminal()
    function = pull_dataset if options.kind == "dataset" else pull_model
    for line in function(options.repository, options.out, options.revision).lines():
        say(line)
    return 0

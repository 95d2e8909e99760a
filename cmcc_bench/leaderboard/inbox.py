"""Pull requests on the leaderboard's repository: which ones are looked at, and what is taken of each, within bounds.

A pull request is never merged: its branch may hold anything. Two files are read of it; what is understood is written
anew by the update, and the pull request is closed with a comment.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from operator import attrgetter
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.hf_api import RepoFile

from cmcc_bench.errors import DataError
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.hub.names import is_pickle, listed
from cmcc_bench.leaderboard.check import FILE_BYTES
from cmcc_bench.leaderboard.submission import DESCRIPTION_BYTES, DESCRIPTION_NAME, FOLDER, PREDICTIONS_NAME, TITLE

PER_AUTHOR, PER_UPDATE = 5, 50  # submissions that one update scores; the others wait for the next one

_SIZES = {DESCRIPTION_NAME: DESCRIPTION_BYTES, PREDICTIONS_NAME: FILE_BYTES}
_WANTED = f"{FOLDER}/{DESCRIPTION_NAME} and {FOLDER}/{PREDICTIONS_NAME}"


@dataclass(frozen=True)
class PullRequest:
    """An open pull request. date: when it was opened, YYYY-MM-DD."""

    number: int
    author: str
    title: str
    date: str

    @property
    def ref(self) -> str:
        """Its branch."""
        return f"refs/pr/{self.number}"


@dataclass(frozen=True)
class Received:
    """What was taken of a request: the two files, as they are, and the commit that they are of."""

    description: bytes
    predictions: Path
    commit: str


def open_requests(api: HfApi, repository: str) -> list[PullRequest]:
    """The open pull requests, the oldest first."""
    with hub_errors(repository=repository):
        found = [
            PullRequest(one.num, one.author, one.title, one.created_at.date().isoformat())
            for one in api.get_repo_discussions(
                repository, discussion_type="pull_request", discussion_status="open", repo_type="dataset"
            )
        ]
    return sorted(found, key=attrgetter("number"))


def choose(
    requests: Iterable[PullRequest], per_author: int = PER_AUTHOR, in_all: int = PER_UPDATE
) -> tuple[list[PullRequest], list[PullRequest]]:
    """Those that are looked at now, and those that wait; each by number.

    Authors take turns, so that whoever sends a flood waits and nobody else does. What `cmcc submit` did not name comes
    last: requests about other things stay open until a person has looked at them.
    """
    by_author: dict[str, list[PullRequest]] = defaultdict(list)
    for request in sorted(requests, key=lambda request: (not request.title.startswith(TITLE), request.number)):
        by_author[request.author].append(request)
    turns = zip_longest(*(mine[:per_author] for mine in by_author.values()))
    chosen = [request for request in chain.from_iterable(turns) if request][:in_all]
    waiting = set(chain.from_iterable(by_author.values())) - set(chosen)
    by_number = attrgetter("number")
    return sorted(chosen, key=by_number), sorted(waiting, key=by_number)


def receive(api: HfApi, repository: str, request: PullRequest, folder: Path) -> Received | None:
    """Downloads the two files into `folder`; None where there is no folder `submission`: it is about other things.

    Raises cmcc.DataError for other files there, for what is missing and for what is too large, before any download.
    Raises what the Hub's clients raise.
    """
    info: Any = api.repo_info(repository, repo_type="dataset", revision=request.ref)
    commit = str(info.sha)
    tree = api.list_repo_tree(repository, FOLDER, recursive=True, revision=commit, repo_type="dataset")
    try:
        entries = [entry for entry in tree if isinstance(entry, RepoFile)]
    except EntryNotFoundError:
        return None
    check_tree(entries)
    folder.mkdir(parents=True)
    paths = {}
    for name in _SIZES:
        source = hf_hub_download(
            repository, f"{FOLDER}/{name}", repo_type="dataset", revision=commit, local_dir=folder / "download"
        )
        paths[name] = folder / name
        shutil.move(source, paths[name])
    return Received(paths[DESCRIPTION_NAME].read_bytes(), paths[PREDICTIONS_NAME], commit)


def check_tree(entries: Sequence[RepoFile]) -> None:
    """Raises cmcc.DataError unless the folder holds the two files, none too large, and nothing else."""
    names = {entry.path.removeprefix(f"{FOLDER}/"): entry for entry in entries}
    if strange := sorted(names.keys() - _SIZES.keys()):
        hint = "Make the pull request with cmcc submit."
        if any(map(is_pickle, strange)):
            hint = "A pickle can run any code when it is opened, so none is. Make the pull request with cmcc submit."
        raise DataError(listed(strange), f"nothing but {_WANTED}", hint)
    if missing := sorted(_SIZES.keys() - names.keys()):
        hint = "Make the pull request with cmcc submit."
        raise DataError(f"no {' and no '.join(missing)}", _WANTED, hint)
    for name, most in _SIZES.items():
        if names[name].size > most:
            raise DataError(f"{names[name].size} bytes", f"at most {most}", "Send less.", file=name)

"""Chooses the pull requests to score, and downloads the two files of each, with size limits.

A pull request is never merged, because its branch can contain anything. Two of its files are read; the update writes
their parsed content to the repository and closes the pull request with a comment.
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

PER_AUTHOR, PER_UPDATE = 5, 50  # the most submissions that one update scores; the others wait for the next update

_SIZES = {DESCRIPTION_NAME: DESCRIPTION_BYTES, PREDICTIONS_NAME: FILE_BYTES}
_EXPECTED = f"{FOLDER}/{DESCRIPTION_NAME} and {FOLDER}/{PREDICTIONS_NAME}"
_USE_SUBMIT = "Create the pull request with cmcc submit."


@dataclass(frozen=True)
class PullRequest:
    """An open pull request. date: when it was opened, YYYY-MM-DD."""

    number: int
    author: str
    title: str
    date: str

    @property
    def ref(self) -> str:
        """The branch of the pull request."""
        return f"refs/pr/{self.number}"


@dataclass(frozen=True)
class Received:
    """The downloaded files of a pull request, unchecked, and their commit."""

    description: bytes
    predictions: Path
    commit: str


def open_requests(api: HfApi, repository: str) -> list[PullRequest]:
    """The open pull requests, the oldest first."""
    with hub_errors(repository=repository):
        requests = [
            PullRequest(item.num, item.author, item.title, item.created_at.date().isoformat())
            for item in api.get_repo_discussions(
                repository, discussion_type="pull_request", discussion_status="open", repo_type="dataset"
            )
        ]
    return sorted(requests, key=attrgetter("number"))


def choose(
    requests: Iterable[PullRequest], per_author: int = PER_AUTHOR, in_all: int = PER_UPDATE
) -> tuple[list[PullRequest], list[PullRequest]]:
    """The requests to score now, and the requests that wait for the next update; both sorted by number.

    Authors take turns, so that an author of many requests does not delay the others. Requests without the title of
    `cmcc submit` come last: those about other things stay open for a maintainer.
    """
    by_author: dict[str, list[PullRequest]] = defaultdict(list)
    for request in sorted(requests, key=lambda request: (not request.title.startswith(TITLE), request.number)):
        by_author[request.author].append(request)
    turns = zip_longest(*(of_author[:per_author] for of_author in by_author.values()))
    chosen = [request for request in chain.from_iterable(turns) if request][:in_all]
    waiting = set(chain.from_iterable(by_author.values())) - set(chosen)
    by_number = attrgetter("number")
    return sorted(chosen, key=by_number), sorted(waiting, key=by_number)


def receive(api: HfApi, repository: str, request: PullRequest, folder: Path) -> Received | None:
    """Downloads the two files into `folder`. Returns None for a request without a folder `submission`.

    Raises cmcc.DataError, before any download, for other files in that folder, and for missing and too large files.
    Also raises the exceptions of the Hub's clients.
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
    """Raises cmcc.DataError unless the folder contains the two files, not too large, and no others."""
    names = {entry.path.removeprefix(f"{FOLDER}/"): entry for entry in entries}
    if unexpected := sorted(names.keys() - _SIZES.keys()):
        hint = _USE_SUBMIT
        if any(map(is_pickle, unexpected)):
            hint = f"A pickle can run any code when it is opened, so pickles are not read. {_USE_SUBMIT}"
        raise DataError(listed(unexpected), f"only {_EXPECTED}", hint)
    if missing := sorted(_SIZES.keys() - names.keys()):
        raise DataError(f"no {' and no '.join(missing)}", _EXPECTED, _USE_SUBMIT)
    for name, most in _SIZES.items():
        if names[name].size > most:
            raise DataError(f"{names[name].size} bytes", f"at most {most}", "Submit a smaller file.", file=name)

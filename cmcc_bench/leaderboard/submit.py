"""`cmcc submit`: opens a pull request on the leaderboard's repository with a description and checked predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from rich import filesize

from cmcc_bench.corpus import is_licensed, is_synthetic
from cmcc_bench.errors import DataError, printable
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.hub.push import data_words, user_name
from cmcc_bench.leaderboard.check import check_file
from cmcc_bench.leaderboard.inbox import open_requests
from cmcc_bench.leaderboard.submission import DESCRIPTION_NAME, FOLDER, PREDICTIONS_NAME, TITLE, Description
from cmcc_bench.tasks import Answer, Row, Task, answer_line, task_of


@dataclass(frozen=True)
class Submission:
    """A description and checked answers.

    licensed, synthetic: whether any dialogue is a real call, or simulated. notes: of `check.CheckedFile`.
    """

    description: Description
    answers: tuple[Answer, ...]
    licensed: bool
    synthetic: bool
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, bytes]:
        """The files to upload, by path in the pull request: only the parsed content of the file."""
        return {
            f"{FOLDER}/{DESCRIPTION_NAME}": self.description.as_json(),
            f"{FOLDER}/{PREDICTIONS_NAME}": b"".join(map(answer_line, self.answers)),
        }

    @property
    def title(self) -> str:
        """The title of the pull request."""
        return f"{TITLE}{self.description.model} ({self.description.task})"

    def lines(self, repository: str, private: bool) -> Iterator[str]:
        """The lines that show the user what would be uploaded and where, safe to print."""
        status = ", ".join(["private" if private else "PUBLIC", *data_words(self.synthetic, self.licensed)])
        yield f"pull request on {repository} ({status}): {printable(self.title)}"
        yield f"  system: {printable('; '.join(self.description.system.lines()), 1000)}"
        for name, content in self.files.items():
            yield f"  upload {name} ({filesize.decimal(len(content))})"


def rows_to_answer(track: Task, dataset: str, split: str) -> list[Row]:
    """The rows of a split that a file has to answer. Raises cmcc.DataError if there are none."""
    rows = track.rows(dataset, [split])[split]
    if not rows:
        problem, hint = f"no rows for the track {track.name}", "Choose another data set or --split."
        raise DataError(problem, "", hint, dataset=dataset, split=split)
    return rows


def make_submission(path: Path, description: Description, dataset: str, split: str) -> Submission:
    """Checks a file like `cmcc validate`. Raises cmcc.DataError with the first problem."""
    track = task_of(description.task)
    rows = rows_to_answer(track, dataset, split)
    checked = check_file(path, track, rows)
    if checked.problems:
        raise checked.problems[0]
    return Submission(description, checked.answers, is_licensed(rows), is_synthetic(rows), checked.notes)


def is_private(api: HfApi, repository: str) -> bool:
    """Whether a leaderboard's repository is private. Raises cmcc.DataError if the user cannot see it."""
    with hub_errors(leaderboard=repository):
        info: Any = api.repo_info(repository, repo_type="dataset")
    return bool(info.private)


def check_rights(submission: Submission, repository: str, private: bool, rights: bool) -> None:
    """Raises cmcc.DataError if predictions on licensed calls would become public without the rights."""
    if submission.licensed and not private and not rights:
        hint = "Use a private leaderboard, or add --i-have-the-rights if you may publish them."
        problem = "predictions on licensed calls, which quote them, would become public"
        raise DataError(problem, "", hint, leaderboard=repository)


def check_new(api: HfApi, submission: Submission, repository: str) -> None:
    """Raises cmcc.DataError if the user already has an open pull request with the same title."""
    user = user_name(api)
    for request in open_requests(api, repository):
        if (request.author, request.title) == (user, submission.title):
            problem = f"#{request.number} is an open submission of the same model"
            hint = "The next update scores it. To replace it, close it on the Hub first, or choose another --model."
            raise DataError(problem, "", hint, leaderboard=repository)


def open_pull_request(api: HfApi, submission: Submission, repository: str) -> str:
    """Uploads the submission and returns the pull request's address. Raises cmcc.DataError if the Hub refuses."""
    operations = [CommitOperationAdd(path, content) for path, content in submission.files.items()]
    with hub_errors(leaderboard=repository):
        commit = api.create_commit(
            repository, operations, commit_message=submission.title, repo_type="dataset", create_pr=True
        )
    return str(commit.pr_url)

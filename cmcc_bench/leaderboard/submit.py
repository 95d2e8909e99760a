"""`cmcc submit`: a pull request on the leaderboard's repository with a description and checked predictions."""

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
    """A description and the answers that go with it, checked; licensed, synthetic: what the dialogues are.

    notes: as `check.CheckedFile` has them.
    """

    description: Description
    answers: tuple[Answer, ...]
    licensed: bool
    synthetic: bool
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, bytes]:
        """What travels, by path in the pull request: what was understood of the file, nothing else of it."""
        return {
            f"{FOLDER}/{DESCRIPTION_NAME}": self.description.as_json(),
            f"{FOLDER}/{PREDICTIONS_NAME}": b"".join(map(answer_line, self.answers)),
        }

    @property
    def title(self) -> str:
        """Of the pull request."""
        return f"{TITLE}{self.description.model} ({self.description.task})"

    def lines(self, repository: str, private: bool) -> Iterator[str]:
        """What would be uploaded where, for a person, safe to print."""
        seen = ", ".join(["private" if private else "PUBLIC", *data_words(self.synthetic, self.licensed)])
        yield f"pull request on {repository} ({seen}): {printable(self.title)}"
        for name, content in self.files.items():
            yield f"  upload {name} ({filesize.decimal(len(content))})"


def rows_to_answer(track: Task, dataset: str, split: str) -> list[Row]:
    """The rows of a split that a file has to answer. Raises cmcc.DataError where there are none."""
    rows = track.rows(dataset, [split])[split]
    if not rows:
        expected = f"rows of the track {track.name}"
        raise DataError("none", expected, "Name another data set or --split.", dataset=dataset, split=split)
    return rows


def make_submission(path: Path, description: Description, dataset: str, split: str) -> Submission:
    """Checks a file as `cmcc validate` does. Raises cmcc.DataError with the first problem."""
    track = task_of(description.task)
    rows = rows_to_answer(track, dataset, split)
    checked = check_file(path, track, rows)
    if checked.problems:
        raise checked.problems[0]
    return Submission(description, checked.answers, is_licensed(rows), is_synthetic(rows), checked.notes)


def is_private(api: HfApi, repository: str) -> bool:
    """Whether a leaderboard's repository is private. Raises cmcc.DataError where the user may see none."""
    with hub_errors(leaderboard=repository):
        info: Any = api.repo_info(repository, repo_type="dataset")
    return bool(info.private)


def check_rights(submission: Submission, repository: str, private: bool, rights: bool) -> None:
    """Raises cmcc.DataError where what was made from licensed calls would be public without the rights."""
    if submission.licensed and not private and not rights:
        hint = "Predictions quote what was said. Say --i-have-the-rights if you may publish them."
        found = "a public leaderboard for predictions on licensed calls"
        raise DataError(found, "a private one", hint, leaderboard=repository)


def check_new(api: HfApi, submission: Submission, repository: str) -> None:
    """Raises cmcc.DataError where the user has an open pull request of the same title: a second one helps nobody."""
    user = user_name(api)
    for request in open_requests(api, repository):
        if (request.author, request.title) == (user, submission.title):
            hint = "It is scored by the next update. To replace it, close it on the Hub first, or name the model anew."
            raise DataError(f"#{request.number}, open", "no open submission of it", hint, leaderboard=repository)


def open_pull_request(api: HfApi, submission: Submission, repository: str) -> str:
    """Uploads the submission and returns the pull request's address. Raises cmcc.DataError where the Hub refuses."""
    operations = [CommitOperationAdd(path, content) for path, content in submission.files.items()]
    with hub_errors(leaderboard=repository):
        done = api.create_commit(
            repository, operations, commit_message=submission.title, repo_type="dataset", create_pr=True
        )
    return str(done.pr_url)

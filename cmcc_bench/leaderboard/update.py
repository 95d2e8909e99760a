"""`cmcc leaderboard update`: scores new submissions and all stored ones again, and writes the board in one commit.

No submission can stop the others: one that cannot be scored is rejected with the reason, and one that cannot be
downloaded waits for the next update.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download
from huggingface_hub.hf_api import RepoFile

from cmcc_bench.corpus import is_licensed
from cmcc_bench.dataset.place import CARD_NAME
from cmcc_bench.errors import DataError, printable
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.hub.push import is_same
from cmcc_bench.leaderboard.board import BOOTSTRAP, Board, Rejected
from cmcc_bench.leaderboard.card import board_card
from cmcc_bench.leaderboard.check import check_file
from cmcc_bench.leaderboard.files import REJECTED, SUBMISSIONS, board_files, read_rejected_file, texts_file, texts_path
from cmcc_bench.leaderboard.inbox import PullRequest, choose, open_requests, receive
from cmcc_bench.leaderboard.standings import Gold, public_texts, track_board
from cmcc_bench.leaderboard.submission import (
    DESCRIPTION_NAME,
    PREDICTIONS_NAME,
    Stored,
    read_description,
    read_stored,
)
from cmcc_bench.masking import mask_error
from cmcc_bench.scoring import Scores
from cmcc_bench.scoring.score import scores_of
from cmcc_bench.tasks import TASKS, Answer, answer_line
from cmcc_bench.types import Progress

_REASON_LENGTH = 1_000  # maximum characters of a reason


@dataclass(frozen=True)
class Update:
    """The changes that an update makes.

    head: the commit that was read. files: the board's files, by path. stale: paths to delete. accepted: keys by request
    number. rejected, waiting: reasons by request number; waiting requests are left for the next update. done: requests
    that are still open, although their submission is already stored.
    """

    repository: str
    head: str
    board: Board
    files: Mapping[str, bytes]
    stale: tuple[str, ...]
    accepted: Mapping[int, str]
    rejected: Mapping[int, str]
    waiting: Mapping[int, str]
    done: tuple[int, ...]

    def lines(self) -> Iterator[str]:
        """The lines to show to the user, safe to print."""
        for number, key in sorted(self.accepted.items()):
            yield f"accepted #{number}: {key}"
        for number, reason in sorted(self.rejected.items()):
            yield f"REJECTED #{number}: {printable(reason, _REASON_LENGTH)}"
        for number, reason in sorted(self.waiting.items()):
            yield f"waiting #{number}: {printable(reason, _REASON_LENGTH)}"
        tracks = self.board.tracks.values()
        systems = sum(entry.kind == "submission" for track in tracks for entry in track.entries)
        replaced = sum(len(track.history) for track in tracks)
        history = f"; {replaced} replaced submissions in the history" if replaced else ""
        yield f"{self.repository}: {systems} systems in {len(tracks)} tracks{history}"


@dataclass(frozen=True)
class _ScoredSubmission:
    """A submission on the board. files: its two files if it is new."""

    stored: Stored
    scores: Scores
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _NewSubmissions:
    """The result of scoring new submissions. waiting: reasons by request number."""

    scored: list[_ScoredSubmission] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    waiting: dict[int, str] = field(default_factory=dict)


def plan_update(
    api: HfApi, repository: str, gold: Mapping[str, Gold], dataset: str, split: str, work: Path, progress: Progress
) -> Update:
    """Reads the repository and its open pull requests, and scores everything; changes nothing.

    gold: by task. work: a folder for downloads. progress: called with the number of systems scored and of all systems.
    Raises cmcc.DataError if the repository cannot be read.
    """
    with hub_errors(repository=repository):
        head = str(api.repo_info(repository, repo_type="dataset").sha)
        here = Path(snapshot_download(repository, repo_type="dataset", revision=head, cache_dir=work / "cache"))
    stored = sorted(path.name for path in here.glob(f"{SUBMISSIONS}/*/"))
    requests, numbers = open_requests(api, repository), set(map(_number_of, stored))
    now, later = choose([request for request in requests if request.number not in numbers])
    total, done = len(stored) + len(now), count(1)

    def advance() -> None:
        """Counts one more submission as done."""
        progress(next(done), total)

    kept, lost = _score_stored(here, stored, gold, advance)
    new = _score_new(api, repository, now, gold, work, advance)
    accepted = {submission.stored.number: submission.stored.name for submission in new.scored}
    everything = {submission.stored.name: submission for submission in (*kept, *new.scored)}
    on_the_board = {submission.stored.number for submission in everything.values()}
    earlier = [rejected for rejected in _read_earlier(here) if rejected.number not in on_the_board]
    board = _board(dataset, split, gold, everything, [*earlier, *lost, *new.rejected])
    files = _files(board, gold, new.scored)
    return Update(
        repository,
        head,
        board,
        files,
        _stale(here, files),
        accepted,
        {rejected.number: rejected.reason for rejected in new.rejected},
        {request.number: "this update is full; the next one scores it" for request in later} | new.waiting,
        tuple(request.number for request in requests if request.number in numbers),
    )


def _read_earlier(here: Path) -> Iterator[Rejected]:
    """The requests that earlier updates rejected; files of another format are skipped."""
    for path in sorted((here / REJECTED).glob("*.json")):
        with suppress(OSError, TypeError, ValueError):
            yield read_rejected_file(path)


def _score_stored(
    here: Path, names: Sequence[str], gold: Mapping[str, Gold], advance: Callable[[], None]
) -> tuple[list[_ScoredSubmission], list[Rejected]]:
    """All stored submissions, scored from their predictions; and those that no longer fit the data."""
    kept, lost = [], []
    for name in names:
        folder = here / SUBMISSIONS / name
        try:
            stored = read_stored((folder / DESCRIPTION_NAME).read_bytes(), submission=name)
            kept.append(_ScoredSubmission(stored, _score_file(stored, folder / PREDICTIONS_NAME, gold)[0]))
        except Exception as error:  # neither a broken file nor a bug may stop the others
            reason = f"accepted earlier, but cannot be scored now: {_reason(error)}"[:_REASON_LENGTH]
            lost.append(Rejected(_number_of(name), "", printable(name), reason))
        advance()
    return kept, lost


def _number_of(name: str) -> int:
    """The pull request's number in the name of a submission's folder; 0, which no request has, if there is none."""
    number = name.split("-")[0]
    return int(number) if number.isdecimal() else 0


def _reason(error: Exception) -> str:
    """The text of an error that may be published: without local paths, which errors of the system contain."""
    if isinstance(error, DataError):
        return str(error)
    if isinstance(error, OSError):
        return f"{DESCRIPTION_NAME} or {PREDICTIONS_NAME}: {error.strerror or type(error).__name__}"
    return f"the scorer failed, which is a bug ({type(error).__name__})"


def _score_new(
    api: HfApi,
    repository: str,
    requests: Sequence[PullRequest],
    gold: Mapping[str, Gold],
    work: Path,
    advance: Callable[[], None],
) -> _NewSubmissions:
    """Downloads new submissions into `work` and scores them, one after the other."""
    new = _NewSubmissions()
    for request in requests:
        folder, problem = work / f"{request.number:05d}", "the download failed"
        try:
            received = receive(api, repository, request, folder)
            problem = "the scorer failed, which is a bug"
            if received is None:
                new.waiting[request.number] = "not a submission: a maintainer has to look at it"
                continue
            description = read_description(received.description)
            stored = Stored(description, request.number, request.author, request.date, received.commit)
            scores, answers = _score_file(stored, received.predictions, gold)
            files = {DESCRIPTION_NAME: stored.as_json(), PREDICTIONS_NAME: b"".join(map(answer_line, answers))}
            new.scored.append(_ScoredSubmission(stored, scores, files))
        except DataError as error:
            title, reason = (
                printable(request.title, 100),
                str(mask_error(error)).removeprefix(": ")[:_REASON_LENGTH],
            )
            new.rejected.append(Rejected(request.number, request.author, title, reason))
        except Exception as error:  # no failure may stop the other submissions: the error is shown, and it waits
            new.waiting[request.number] = f"{problem}: {error!r}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            advance()
    return new


def _score_file(stored: Stored, predictions: Path, gold: Mapping[str, Gold]) -> tuple[Scores, tuple[Answer, ...]]:
    """The scores of a file of predictions, and its answers. Raises cmcc.DataError if it cannot be scored."""
    track = TASKS[stored.description.task]
    if track.name not in gold:
        hint = "Submit to another leaderboard: this one does not score the task."
        raise DataError(f"the task {track.name}", f"one of {', '.join(gold)}", hint, field="task")
    checked = check_file(predictions, track, gold[track.name].rows, PREDICTIONS_NAME)
    if checked.problems:
        more = f" (and {len(checked.problems) - 1} more problems)" if len(checked.problems) > 1 else ""
        first = checked.problems[0]
        raise DataError(first.found + more, first.expected, first.hint, **first.place)
    return scores_of(track, track.board_measure, checked.dialogues, BOOTSTRAP), checked.answers


def _board(
    dataset: str,
    split: str,
    gold: Mapping[str, Gold],
    scored: Mapping[str, _ScoredSubmission],
    rejected: Sequence[Rejected],
) -> Board:
    tracks = {}
    for task, rows in gold.items():
        submitted = {
            name: (submission.stored, submission.scores)
            for name, submission in sorted(scored.items())
            if submission.stored.description.task == task
        }
        tracks[task] = track_board(TASKS[task], rows, submitted)
    synthetic = any(rows.synthetic for rows in gold.values())
    latest = {request.number: request for request in rejected}  # for the same request, the latest reason
    return Board(dataset, split, synthetic, tracks, tuple(latest[number] for number in sorted(latest)))


def _files(board: Board, gold: Mapping[str, Gold], new: Sequence[_ScoredSubmission]) -> dict[str, bytes]:
    files = board_files(board)
    for task, rows in gold.items():
        if texts := public_texts(TASKS[task], rows):
            files[texts_path(task)] = texts_file(texts)
    for submission in new:
        folder = f"{SUBMISSIONS}/{submission.stored.name}"
        files |= {f"{folder}/{name}": content for name, content in submission.files.items()}
    licensed = any(is_licensed(rows.rows) for rows in gold.values())
    return files | {CARD_NAME: board_card(board, licensed)}


def _stale(here: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The board's files that are not written any more, such as tables of tracks that are no longer scored."""
    paths = [
        path
        for folder in ("results", "counts", "comparisons", "history", "texts", REJECTED)
        for path in (here / folder).glob("*")
    ]
    names = (path.relative_to(here).as_posix() for path in paths)
    return tuple(sorted(name for name in names if name not in files))


def carry_out(api: HfApi, update: Update) -> str:
    """Writes the changes in one commit on top of the state that was read; then comments on and closes pull requests.

    Returns the commit's id. Raises cmcc.DataError if the Hub refuses, or somebody else changed the repository: then
    nothing was written, and the update can be run again. If a request cannot be closed, the others still are; the error
    is raised at the end, and the next update closes it.
    """
    with hub_errors(repository=update.repository):
        commit = _commit(api, update)
    failed = {}
    for number, comment in _comments(update):
        try:
            with hub_errors(repository=update.repository, pull_request=str(number)):
                api.change_discussion_status(update.repository, number, "closed", comment=comment, repo_type="dataset")
        except DataError as error:
            failed[number] = error
    if failed:
        first, numbers = next(iter(failed.values())), ", ".join(f"#{number}" for number in failed)
        hint = f"The board was written, but {numbers} stayed open; the next update closes them. {first.hint}"
        raise DataError(first.found, first.expected, hint.strip(), **first.place) from first
    return commit


def _comments(update: Update) -> Iterator[tuple[int, str]]:
    """The pull requests to close, and the comment for each."""
    for number, key in sorted(update.accepted.items()):
        yield number, f"Accepted as {key}. It is on the leaderboard now; the pull request was not merged."
    for number in update.done:
        yield number, "This submission is on the leaderboard."
    for number, reason in sorted(update.rejected.items()):
        # Four blanks make a line code in Markdown, which is shown literally.
        quoted = "\n".join(f"    {printable(line, _REASON_LENGTH)}" for line in reason.splitlines())
        yield number, f"Not accepted. The reason:\n\n{quoted}\n\nFix it and submit again."


def _commit(api: HfApi, update: Update) -> str:
    tree = api.list_repo_tree(update.repository, recursive=True, revision=update.head, repo_type="dataset")
    remote = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    changed = [path for path, content in sorted(update.files.items()) if not is_same(content, remote.get(path))]
    if not (changed or update.stale):
        return update.head
    added = [CommitOperationAdd(path, update.files[path]) for path in changed]
    removed = [CommitOperationDelete(path) for path in update.stale]
    message = f"cmcc leaderboard update: {len(update.accepted)} accepted, {len(update.rejected)} rejected"
    commit = api.create_commit(
        update.repository, [*added, *removed], commit_message=message, repo_type="dataset", parent_commit=update.head
    )
    return str(commit.oid)

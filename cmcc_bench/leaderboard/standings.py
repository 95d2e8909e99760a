"""Scores the answers of all systems in the same way and builds a track's table, with bounds and the paper's rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cmcc_bench.corpus import has_config, is_licensed, is_synthetic
from cmcc_bench.errors import DataError
from cmcc_bench.leaderboard.board import BOOTSTRAP, BoardEntry, TrackBoard, text_key, with_ranks
from cmcc_bench.leaderboard.submission import Stored, same_name, skeleton
from cmcc_bench.scoring import Interval, Scores, score
from cmcc_bench.scoring.bootstrap import paired_results_of_all
from cmcc_bench.tasks import TASKS, Answer, Row, Task


@dataclass(frozen=True)
class Gold:
    """The rows that a track is scored on, with their labels, and the training rows that the bounds are made from.

    hidden: the labels are not public; then nothing is published that reveals them.
    """

    rows: Sequence[Row]
    train: Sequence[Row]
    hidden: bool = False

    @property
    def synthetic(self) -> bool:
        """Whether any dialogue is simulated."""
        return is_synthetic(self.rows)


def track_board(track: Task, gold: Gold, submitted: Mapping[str, tuple[Stored, Scores]]) -> TrackBoard:
    """A track's table. submitted: by key, the description and the scores of each system."""

    def board_scores(answers: Iterable[Answer]) -> Scores:
        """The scores of the track for one system."""
        return score(track, answers, gold.rows, BOOTSTRAP, measure=track.board_measure)

    answers_of_bounds = track.bounds(gold.train, gold.rows, BOOTSTRAP.seed) if gold.train else {}
    bounds = {name: board_scores(answers) for name, answers in answers_of_bounds.items()}
    perfect = bounds["gold"] if bounds else board_scores(track.gold(gold.rows))
    versions = versions_of(stored for stored, _ in submitted.values())
    everything = [
        replace(submitted_entry(stored, scored, perfect.scores), submission=versions[key].number)
        for key, (stored, scored) in submitted.items()
    ]
    notes = look_alikes(stored for stored, _ in submitted.values())
    history = tuple(entry for entry in everything if not versions[entry.key].is_latest)
    entries = [replace(entry, notes=notes.get(entry.key, ())) for entry in everything if versions[entry.key].is_latest]
    entries = with_ranks(entries, track.headline)
    entries += [BoardEntry(name, name, "bound", scored.scores) for name, scored in bounds.items()]
    entries += published_entries(track)
    shown = {key: scored for key, (_, scored) in submitted.items() if versions[key].is_latest} | bounds
    ids, items = perfect.dialogue_ids, perfect.items
    counts = {key: scored.counts for key, scored in shown.items()}
    if not gold.hidden:
        return TrackBoard(track, tuple(entries), counts, ids, items, len(ids), history=history)
    tests = paired_results_of_all(counts, track.board_measure.statistics, BOOTSTRAP)
    return TrackBoard(track, tuple(entries), {}, (), items, len(ids), tests, history)


@dataclass(frozen=True)
class SubmissionVersion:
    """The number of a submission, from 1, among its author's submissions of a system, and whether it is the latest."""

    number: int
    is_latest: bool


def versions_of(submitted: Iterable[Stored]) -> dict[str, SubmissionVersion]:
    """The version of each submission of a track, by its key; the latest of an author and system replaces the others.

    Names that differ only in case, width and blanks are the same system (`same_name`).
    """
    series: dict[tuple[str, str], list[Stored]] = {}
    for stored in sorted(submitted, key=lambda stored: stored.number):
        series.setdefault((stored.author.casefold(), same_name(stored.description.model)), []).append(stored)
    return {
        stored.name: SubmissionVersion(number, number == len(versions))
        for versions in series.values()
        for number, stored in enumerate(versions, 1)
    }


def look_alikes(submitted: Iterable[Stored]) -> dict[str, tuple[str, ...]]:
    """A note, by key, for each system whose name looks like a name that another author submitted earlier.

    submitted: includes replaced submissions, so that the first author keeps the name.
    """
    first: dict[str, Stored] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for stored in sorted(submitted, key=lambda stored: stored.number):
        earlier = first.setdefault(skeleton(stored.description.model), stored)
        if earlier.author.casefold() != stored.author.casefold():
            notes[stored.name] = (f"name looks like {earlier.description.model!r} by {earlier.author}",)
    return notes


def submitted_entry(stored: Stored, scored: Scores, gold: Mapping[str, Interval]) -> BoardEntry:
    """The row of a submission, flagged if a score is exactly the score of gold."""
    description = stored.description
    perfect = [name for name, interval in scored.scores.items() if is_perfect(interval.point, gold[name].point)]
    flags = (f"exactly perfect: {', '.join(perfect)}",) if perfect and not stored.reviewed else ()
    return BoardEntry(
        stored.name,
        description.model,
        "submission",
        scored.scores,
        stored.author,
        stored.date,
        description.paper,
        description.training_data,
        flags,
        facts=description.system,
    )


def is_perfect(point: float, best: float) -> bool:
    """Whether a score equals the score of gold, apart from rounding."""
    return not math.isnan(point) and math.isclose(point, best, rel_tol=1e-12)


def published_entries(task: Task) -> list[BoardEntry]:
    """The paper's rows of a track; the paper gives no intervals."""
    return [
        BoardEntry(
            name := f"{row.name}, table {row.table}, as published",
            name,
            "published",
            {score: Interval(value, math.nan, math.nan) for score, value in row.board.items()},
            author="the paper",
            date="2022",
            training_data="CMCC",
        )
        for row in task.published
        if row.board is not None
    ]


def public_texts(track: Task, gold: Gold) -> dict[str, str]:
    """The user's text of each item, by board.text_key, to be published with a board.

    Empty unless every dialogue is simulated: licensed texts are never published. Empty for tracks of whole dialogues.
    """
    if is_licensed(gold.rows) or not track.key:
        return {}
    return {text_key(row["dialogue_id"], row[track.key]): row[track.text] for row in gold.rows}


def read_gold(dataset: str, labels: str | None, split: str) -> dict[str, Gold]:
    """The rows to score on, by task; tasks without rows or annotations are left out.

    dataset: with the training rows and, unless `labels` is given, the split. labels: the data set with the hidden
    labels. A dataset without training rows is treated in the same way. Raises cmcc.DataError if there is nothing to
    score on, or the labels are hidden.
    """
    gold = {}
    for task, track in TASKS.items():
        splits = _rows(track, labels or dataset, [split] if labels else [split, "train"])
        if rows := splits[split]:
            track.check_labels(rows, dataset=labels or dataset, split=split)
            train = (_rows(track, dataset, ["train"]) if labels else splits)["train"]
            gold[task] = Gold(rows, train, labels is not None or not train)
    if not gold:
        problem, hint = "no annotated dialogues to score on", "Choose another --dataset or --split."
        raise DataError(problem, "", hint, dataset=dataset, split=split)
    return gold


def _rows(track: Task, dataset: str, splits: Sequence[str]) -> Mapping[str, Sequence[Row]]:
    """The rows of a track by split; none if the data set lacks its config, such as MobileCS without emotions."""
    return track.rows(dataset, splits) if has_config(dataset, track.config) else dict.fromkeys(splits, ())

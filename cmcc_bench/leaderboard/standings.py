"""From answers to a board: every system scored alike, beside gold, majority, random and the paper's rows."""

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
    """What a track is scored on: the rows with their labels, and the training rows that bounds are made of.

    hidden: the labels are not public, so that nothing is published of which they could be read.
    """

    rows: Sequence[Row]
    train: Sequence[Row]
    hidden: bool = False

    @property
    def synthetic(self) -> bool:
        """Whether any dialogue is simulated."""
        return is_synthetic(self.rows)


def track_board(track: Task, gold: Gold, submitted: Mapping[str, tuple[Stored, Scores]]) -> TrackBoard:
    """A track's table. submitted: by key, what is said of each system and its scores."""

    def board_scores(answers: Iterable[Answer]) -> Scores:
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
    """Which of its author's submissions of one system a submission is: its number, from 1, and whether it is last."""

    number: int
    is_latest: bool


def versions_of(submitted: Iterable[Stored]) -> dict[str, SubmissionVersion]:
    """The version of each submission of a track, by its key; the last of an author and system replaces the others.

    A system is the same where its name is, but for case, width and blanks (`same_name`).
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
    """A note, by key, for each system whose name looks like one that another author submitted before.

    submitted: also those that were replaced, so that a new submission of a system does not lose its claim to the name.
    """
    first: dict[str, Stored] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for stored in sorted(submitted, key=lambda stored: stored.number):
        earlier = first.setdefault(skeleton(stored.description.model), stored)
        if earlier.author.casefold() != stored.author.casefold():
            notes[stored.name] = (f"name looks like {earlier.description.model!r} by {earlier.author}",)
    return notes


def submitted_entry(stored: Stored, scored: Scores, gold: Mapping[str, Interval]) -> BoardEntry:
    """The row of a submission, flagged where a score is exactly the one that gold gets."""
    said = stored.description
    perfect = [name for name, found in scored.scores.items() if is_perfect(found.point, gold[name].point)]
    flags = (f"exactly perfect: {', '.join(perfect)}",) if perfect and not stored.reviewed else ()
    return BoardEntry(
        stored.name,
        said.model,
        "submission",
        scored.scores,
        stored.author,
        stored.date,
        said.paper,
        said.training_data,
        flags,
    )


def is_perfect(point: float, best: float) -> bool:
    """Whether a score is the one of gold, to the last digits that sums may differ in."""
    return not math.isnan(point) and math.isclose(point, best, rel_tol=1e-12)


def published_entries(task: Task) -> list[BoardEntry]:
    """The paper's rows of a track; their intervals are not published."""
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
    """What the user says in each item, by board.text_key, to be published with a board.

    Empty unless every dialogue is simulated: licensed texts are never published along. Empty for whole dialogues.
    """
    if is_licensed(gold.rows) or not track.key:
        return {}
    return {text_key(row["dialogue_id"], row[track.key]): row[track.text] for row in gold.rows}


def read_gold(dataset: str, labels: str | None, split: str) -> dict[str, Gold]:
    """What each task is scored on, by task; a task without rows, or that nobody annotated, is left out.

    dataset: where the training rows are, and the split without `labels`. labels: the data set with the hidden labels;
    a data set of that split alone is taken for such a one, too. Raises cmcc.DataError where there is nothing to score
    on, or the labels are hidden.
    """
    found = {}
    for task, track in TASKS.items():
        splits = _rows(track, labels or dataset, [split] if labels else [split, "train"])
        if rows := splits[split]:
            track.check_labels(rows, dataset=labels or dataset, split=split)
            train = (_rows(track, dataset, ["train"]) if labels else splits)["train"]
            found[task] = Gold(rows, train, labels is not None or not train)
    if not found:
        expected = "annotated dialogues to score on"
        raise DataError("none", expected, "Name another --dataset or --split.", dataset=dataset, split=split)
    return found


def _rows(track: Task, dataset: str, splits: Sequence[str]) -> Mapping[str, Sequence[Row]]:
    """The rows of a track by split; none where the data set lacks its config, as MobileCS without emotions does."""
    return track.rows(dataset, splits) if has_config(dataset, track.config) else dict.fromkeys(splits, ())

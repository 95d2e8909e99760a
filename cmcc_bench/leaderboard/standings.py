"""From answers to a board: every system scored alike, beside gold, majority, random and the paper's rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cmcc_bench.corpus import has_config, is_licensed, is_synthetic
from cmcc_bench.errors import DataError
from cmcc_bench.leaderboard.board import BOOTSTRAP, Entry, TrackBoard, board_scores, text_key, with_ranks
from cmcc_bench.leaderboard.submission import Stored, same_name, skeleton
from cmcc_bench.scoring import Interval, Scores
from cmcc_bench.scoring.bootstrap import paired_results_of_all
from cmcc_bench.tasks import TASKS, Row, Task

Progress = Callable[[int, int], None]


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
    bounds = {
        name: board_scores(track, answers, gold.rows)
        for name, answers in (track.bounds(gold.train, gold.rows, BOOTSTRAP.seed) if gold.train else {}).items()
    }
    perfect = bounds["gold"] if bounds else board_scores(track, track.gold(gold.rows), gold.rows)
    places = places_of(stored for stored, _ in submitted.values())
    everything = [
        replace(submitted_entry(stored, scored, perfect.scores), submission=places[key].submission)
        for key, (stored, scored) in submitted.items()
    ]
    notes = look_alikes(stored for stored, _ in submitted.values())
    history = tuple(entry for entry in everything if not places[entry.key].is_latest)
    entries = [replace(entry, notes=notes.get(entry.key, ())) for entry in everything if places[entry.key].is_latest]
    entries = with_ranks(entries, track.headline)
    entries += [Entry(name, name, "bound", scored.scores) for name, scored in bounds.items()]
    entries += published_entries(track)
    shown = {key: scored for key, (_, scored) in submitted.items() if places[key].is_latest} | bounds
    ids, items = perfect.dialogue_ids, perfect.items
    counts = {key: scored.counts for key, scored in shown.items()}
    if not gold.hidden:
        return TrackBoard(track, tuple(entries), counts, ids, items, len(ids), history=history)
    tests = paired_results_of_all(counts, track.board_measure.statistics, BOOTSTRAP)
    return TrackBoard(track, tuple(entries), {}, (), items, len(ids), tests, history)


@dataclass(frozen=True)
class Place:
    """Where a submission stands among its author's of one system: its number there, from 1, and whether it is last."""

    submission: int
    is_latest: bool


def places_of(submitted: Iterable[Stored]) -> dict[str, Place]:
    """The place of each submission of a track, by its key; the last of an author and system replaces the others.

    A system is the same where its name is, but for case, width and blanks (`same_name`).
    """
    series: dict[tuple[str, str], list[Stored]] = {}
    for stored in sorted(submitted, key=lambda stored: stored.number):
        series.setdefault((stored.author.casefold(), same_name(stored.description.model)), []).append(stored)
    return {
        stored.name: Place(number, number == len(found))
        for found in series.values()
        for number, stored in enumerate(found, 1)
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


def submitted_entry(stored: Stored, scored: Scores, gold: Mapping[str, Interval]) -> Entry:
    """The row of a submission, flagged where a score is exactly the one that gold gets."""
    said = stored.description
    perfect = [name for name, found in scored.scores.items() if is_perfect(found.point, gold[name].point)]
    flags = (f"exactly perfect: {', '.join(perfect)}",) if perfect and not stored.reviewed else ()
    return Entry(
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


def published_entries(task: Task) -> list[Entry]:
    """The paper's rows of a track; their intervals are not published."""
    return [
        Entry(
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
        if rows := _rows(track, labels or dataset, split):
            track.check_labels(rows, dataset=labels or dataset, split=split)
            train = _rows(track, dataset, "train")
            found[task] = Gold(rows, train, labels is not None or not train)
    if not found:
        expected = "annotated dialogues to score on"
        raise DataError("none", expected, "Name another --dataset or --split.", dataset=dataset, split=split)
    return found


def _rows(track: Task, dataset: str, split: str) -> Sequence[Row]:
    """The rows of a track; none where the data set lacks its config, as MobileCS without emotions does."""
    return track.rows(dataset, [split])[split] if has_config(dataset, track.config) else ()

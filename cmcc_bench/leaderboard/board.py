"""The leaderboard as data: entries with scores, intervals and ranks, paired tests, and differences of two systems.

`files.load_board` reads a board from a folder, or from a repository on the Hub.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.reports.facts import SystemFacts
from cmcc_bench.scoring import Interval, PairedResult
from cmcc_bench.scoring.bootstrap import Bootstrap, paired_results
from cmcc_bench.tasks import Answer, Entity, Task

BOOTSTRAP = Bootstrap()

EntryKind: TypeAlias = Literal["submission", "bound", "published"]


@dataclass(frozen=True)
class BoardEntry:
    """A row of a track's table.

    key: the name of a submission's folder, or of a row that is no submission. system: the name that its author chose;
    it can contain any printable character, so escape it. scores: by name; low and high are nan without resamples and
    for published rows. ranks: by score, for submissions only; 1 is the best. flags: reasons for doubt; a flagged entry
    has no ranks. notes: other remarks, such as a name like another author's; they do not affect ranks. submission:
    its number, from 1, among its author's submissions of this system; it replaces the earlier ones. facts: what it is
    and what its answers took, as its author says; None for rows that are no submissions.
    """

    key: str
    system: str
    kind: EntryKind
    scores: Mapping[str, Interval]
    author: str = ""
    date: str = ""
    paper: str | None = None
    training_data: str = ""
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    submission: int = 1
    ranks: Mapping[str, int] | None = None
    facts: SystemFacts | None = None


@dataclass(frozen=True)
class TrackBoard:
    """A track's table: entries, and the counts that their scores are computed from.

    counts: by key, an array of shape (dialogues, counts of a dialogue). dialogue_ids: of the rows of counts. items,
    dialogues: how many were scored. tests: the paired tests of all pairs of systems, by their keys in alphabetical
    order; they replace counts if the labels are hidden, because a dialogue's counts would reveal them. history:
    submissions that a later one of the same author and system replaced; they have no ranks.
    """

    track: Task
    entries: tuple[BoardEntry, ...]
    counts: Mapping[str, NDArray[np.int64]]
    dialogue_ids: tuple[str, ...]
    items: int
    dialogues: int
    tests: Mapping[tuple[str, str], Mapping[str, PairedResult]] | None = None
    history: tuple[BoardEntry, ...] = ()

    @property
    def size(self) -> str:
        """The number of dialogues and items that were scored, as text."""
        dialogues = f"{self.dialogues} dialogues"
        return f"{dialogues}, {self.items} {self.track.items}" if self.track.key else dialogues

    @property
    def compared(self) -> frozenset[str]:
        """The keys of the systems that can be compared."""
        return frozenset(self.counts if self.tests is None else chain.from_iterable(self.tests))

    def compare(self, a: str, b: str) -> dict[str, PairedResult]:
        """The difference a minus b by headline score, on the same resampled dialogues; a, b: keys.

        Raises KeyError for a key that is not in `compared`, such as a published row's.
        """
        if self.tests is not None:
            return dict(self.tests[a, b]) if a <= b else {score: -test for score, test in self.tests[b, a].items()}
        statistics = self.track.board_measure.statistics
        return paired_results(self.counts[a], self.counts[b], statistics, BOOTSTRAP)

    def sorted_by(self, score: str) -> list[BoardEntry]:
        """The entries, highest score first; entries without the score last."""

        def order(entry: BoardEntry) -> tuple[bool, float, str]:
            """Sort key: highest first, entries without the score last, then by key."""
            point = entry.scores[score].point if score in entry.scores else math.nan
            return math.isnan(point), -point if not math.isnan(point) else 0.0, entry.key

        return sorted(self.entries, key=order)


@dataclass(frozen=True)
class Rejected:
    """A pull request that could not be scored, and the reason."""

    number: int
    author: str
    title: str
    reason: str


@dataclass(frozen=True)
class Board:
    """The boards of all scored tracks, by task. synthetic: whether any dialogue of the split is simulated."""

    dataset: str
    split: str
    synthetic: bool
    tracks: Mapping[str, TrackBoard]
    rejected: tuple[Rejected, ...] = ()


def with_ranks(entries: Sequence[BoardEntry], scores: Iterable[str]) -> list[BoardEntry]:
    """The entries with ranks added to all submissions without a flag.

    A system's rank is 1 plus the number of systems whose whole interval lies above its own: systems with overlapping
    intervals may share a rank.
    """
    ranks: dict[str, dict[str, int]] = {
        entry.key: {} for entry in entries if entry.kind == "submission" and not entry.flags
    }
    for score in scores:
        intervals = {
            entry.key: entry.scores[score]
            for entry in entries
            if entry.key in ranks and score in entry.scores and not math.isnan(entry.scores[score].point)
        }
        for key, own in intervals.items():
            ranks[key][score] = 1 + sum(other.low > own.high for other in intervals.values())
    return [replace(entry, ranks=ranks[entry.key]) if entry.key in ranks else entry for entry in entries]


@dataclass(frozen=True)
class Difference:
    """An item that two systems answer differently. fields: by name, the values of a and b.

    item: number of the exchange or utterance; None for a whole dialogue. text: of the user; "" if the texts are
    licensed and so not published with the board.
    """

    dialogue_id: str
    item: int | None
    text: str
    fields: Mapping[str, tuple[str, str]]


def differences(track: Task, a: Sequence[Any], b: Sequence[Any], texts: Mapping[str, str]) -> list[Difference]:
    """The items that two systems answer differently, in order. texts: the public ones, by `text_key`."""
    answers_b = {_position(track, answer): answer for answer in b}
    result = []
    for answer in sorted(a, key=lambda answer: _position(track, answer)):
        position = _position(track, answer)
        if position not in answers_b:
            continue
        values_a, values_b = _field_texts(answer), _field_texts(answers_b[position])
        fields = {name: (values_a[name], values_b[name]) for name in values_a if values_a[name] != values_b[name]}
        if fields:
            item = position[1] if track.key else None
            result.append(Difference(position[0], item, texts.get(text_key(*position), ""), fields))
    return result


def text_key(dialogue_id: str, item: int) -> str:
    """The key of an item's text."""
    return f"{dialogue_id}#{item}"


def _position(track: Task, answer: Answer) -> tuple[str, int]:
    return answer.dialogue_id, getattr(answer, track.key) if track.key else 0


def _field_texts(answer: Any) -> dict[str, str]:  # noqa: ANN401  # a dataclass
    """The fields of an answer as text, without its position and its probabilities."""
    return {
        name: _text(getattr(answer, name))
        for name in answer.__dataclass_fields__
        if name not in ("dialogue_id", "exchange", "utterance", "scores")
    }


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Entity):
        return f"{value.name} ({value.type})" if value.type else value.name
    return str(value)

"""The leaderboard as data: entries with scores, intervals and ranks, tests of two systems, and where they differ.

Everything is plain data in files that any library reads; `load_board` takes a folder of them, or the Hub's repository.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.scoring import Interval, PairedResult
from cmcc_bench.scoring.bootstrap import Bootstrap, paired_results
from cmcc_bench.tasks import Answer, Entity, Task

BOOTSTRAP = Bootstrap()

EntryKind: TypeAlias = Literal["submission", "bound", "published"]


@dataclass(frozen=True)
class BoardEntry:
    """A row of a track's table.

    key: a submission's folder, or the name of what is none. system: how its author calls it; anything may stand in it
    that can be printed, so escape it. scores: by name; without resamples low and high are nan, as of published rows.
    ranks: by score, of submissions alone: 1 is the best. flags: what is odd about it; a flagged one has no ranks.
    notes: what a reader should know besides, such as a name like another author's; they change no rank.
    submission: which one it is, from 1, of its author's submissions of this system; it replaces those before.
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


@dataclass(frozen=True)
class TrackBoard:
    """A track's table: entries, the counts behind their scores by key, (dialogues, k), and what was scored.

    dialogue_ids: of the rows of counts. tests: the paired tests of each two systems, by their keys in order, in the
    place of counts where the labels are hidden: a dialogue's counts would tell them. history: submissions that a later
    one of the same author and system replaced; they have no ranks.
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
        """What was scored, in words."""
        dialogues = f"{self.dialogues} dialogues"
        return f"{dialogues}, {self.items} {self.track.items}" if self.track.key else dialogues

    @property
    def compared(self) -> frozenset[str]:
        """The keys of the systems that can be compared."""
        return frozenset(self.counts if self.tests is None else chain.from_iterable(self.tests))

    def compare(self, a: str, b: str) -> dict[str, PairedResult]:
        """System a less system b by headline score, on the same resampled dialogues; a, b: keys.

        Raises KeyError for a key that is not among `compared`, such as a published row's.
        """
        if self.tests is not None:
            return dict(self.tests[a, b]) if a <= b else {key: -found for key, found in self.tests[b, a].items()}
        statistics = self.track.board_measure.statistics
        return paired_results(self.counts[a], self.counts[b], statistics, BOOTSTRAP)

    def sorted_by(self, score: str) -> list[BoardEntry]:
        """Entries with the highest score first; those without the score last."""

        def order(entry: BoardEntry) -> tuple[bool, float, str]:
            point = entry.scores[score].point if score in entry.scores else math.nan
            return math.isnan(point), -point if not math.isnan(point) else 0.0, entry.key

        return sorted(self.entries, key=order)


@dataclass(frozen=True)
class Rejected:
    """A pull request that was no submission that could be scored, and why."""

    number: int
    author: str
    title: str
    reason: str


@dataclass(frozen=True)
class Board:
    """All tracks that were scored, by task. synthetic: whether any dialogue of the split is simulated."""

    dataset: str
    split: str
    synthetic: bool
    tracks: Mapping[str, TrackBoard]
    rejected: tuple[Rejected, ...] = ()


def with_ranks(entries: Sequence[BoardEntry], scores: Iterable[str]) -> list[BoardEntry]:
    """The entries with the ranks of submissions that have no flag.

    A system's rank is one more than the number of systems whose whole interval lies above its own: those whose
    intervals overlap are not told apart and may share a rank.
    """
    ranks: dict[str, dict[str, int]] = {
        entry.key: {} for entry in entries if entry.kind == "submission" and not entry.flags
    }
    for score in scores:
        known = {
            entry.key: entry.scores[score]
            for entry in entries
            if entry.key in ranks and score in entry.scores and not math.isnan(entry.scores[score].point)
        }
        for key, own in known.items():
            ranks[key][score] = 1 + sum(other.low > own.high for other in known.values())
    return [replace(entry, ranks=ranks[entry.key]) if entry.key in ranks else entry for entry in entries]


@dataclass(frozen=True)
class Difference:
    """An item that two systems answer differently: each field that differs, what a and what b say.

    item: number of the exchange or utterance; None where it is the dialogue. said: what the user says, "" where the
    texts are licensed and so not published with the board.
    """

    dialogue_id: str
    item: int | None
    said: str
    fields: Mapping[str, tuple[str, str]]


def differences(track: Task, a: Sequence[Any], b: Sequence[Any], texts: Mapping[str, str]) -> list[Difference]:
    """The items that two systems answer differently, in order. texts: by `text_key`, as far as they are public."""
    theirs = {_place(track, answer): answer for answer in b}
    found = []
    for answer in sorted(a, key=lambda answer: _place(track, answer)):
        place = _place(track, answer)
        if place not in theirs:
            continue
        ours, other = _shown(answer), _shown(theirs[place])
        fields = {name: (ours[name], other[name]) for name in ours if ours[name] != other[name]}
        if fields:
            item = place[1] if track.key else None
            found.append(Difference(place[0], item, texts.get(text_key(*place), ""), fields))
    return found


def text_key(dialogue_id: str, item: int) -> str:
    """What an item's text is filed under."""
    return f"{dialogue_id}#{item}"


def _place(track: Task, answer: Answer) -> tuple[str, int]:
    return answer.dialogue_id, getattr(answer, track.key) if track.key else 0


def _shown(answer: Any) -> dict[str, str]:  # noqa: ANN401  # a dataclass
    """What an answer says, a text a field; neither where it stands nor how sure it is."""
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

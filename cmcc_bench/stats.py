"""Counts over labelled dialogues, and how far they are from the paper's tables 1, 6, 7 and 8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from rich import box
from rich.table import Table

import cmcc
from cmcc_bench import paper

Row = Mapping[str, Any]

RELATIVE_BOUND = 0.15
ABSOLUTE_BOUND = 0.3
LENGTH_BOUND = 0.10


@dataclass(frozen=True)
class Marginals:
    """What is counted over dialogues; labels by their English names, in the vocabulary's order.

    turns: dialogues by their number of raw turns. utterances, characters: by speaker.
    non_neutral: user utterances with a negative emotion. exchanges: user utterances followed by a service utterance.
    """

    dialogues: int
    synthetic: int
    exchanges: int
    non_neutral: int
    turns: Mapping[int, int]
    utterances: Mapping[str, int]
    characters: Mapping[str, int]
    acts: Mapping[str, int]
    emotions: Mapping[str, int]
    intents: Mapping[str, int]
    satisfaction: Mapping[str, int]

    def mean_characters(self, speaker: str) -> float:
        """Mean length of the speaker's utterances in code points, 0 without any."""
        return self.characters[speaker] / self.utterances[speaker] if self.utterances[speaker] else 0.0

    def mean_turns(self) -> float:
        """Mean number of raw turns a dialogue, 0 without dialogues."""
        return sum(turns * count for turns, count in self.turns.items()) / self.dialogues if self.dialogues else 0.0


@dataclass(frozen=True)
class Comparison:
    """One measured value beside the published one, None where a bound is all that is published.

    bound: what is asked of the value or of the difference, in words.
    """

    name: str
    measured: float
    published: float | None
    bound: str
    within: bool
    decimals: int = 2

    @property
    def difference(self) -> float | None:
        """Measured less published, in the value's own unit."""
        return None if self.published is None else self.measured - self.published

    def cells(self) -> tuple[str, ...]:
        """The row of a table: name, measured, published, difference, bound, within."""
        numbers = ((self.measured, ""), (self.published, ""), (self.difference, "+"))
        texts = ["" if number is None else f"{number:{sign}.{self.decimals}f}" for number, sign in numbers]
        return self.name, *texts, self.bound, "yes" if self.within else "NO"


def marginals(rows: Iterable[Row]) -> Marginals:
    """Counts over rows of `labeled` (cmcc.labeled_features, labels as integers), in one pass that keeps no row."""
    tally = _Tally()
    for row in rows:
        tally.add(row)
    return Marginals(
        tally.dialogues,
        tally.synthetic,
        tally.exchanges,
        tally.non_neutral,
        dict(sorted(tally.turns.items())),
        _named(tally.utterances, cmcc.SPEAKERS),
        _named(tally.characters, cmcc.SPEAKERS),
        _named(tally.acts, cmcc.ACTS),
        _named(tally.emotions, cmcc.EMOTIONS),
        _named(tally.intents, cmcc.INTENTS),
        _named(tally.satisfaction, cmcc.SATISFACTION),
    )


@dataclass
class _Tally:
    dialogues: int = 0
    synthetic: int = 0
    exchanges: int = 0
    non_neutral: int = 0
    turns: Counter[int] = field(default_factory=Counter)
    utterances: Counter[int] = field(default_factory=Counter)
    characters: Counter[int] = field(default_factory=Counter)
    acts: Counter[int] = field(default_factory=Counter)
    emotions: Counter[int] = field(default_factory=Counter)
    intents: Counter[int] = field(default_factory=Counter)
    satisfaction: Counter[int] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        self.dialogues += 1
        self.synthetic += row["dialogue_id"].startswith(cmcc.SYNTHETIC_ID)
        if row["satisfaction"] is not None:
            self.satisfaction[row["satisfaction"]] += 1
        utterances = row["utterances"]
        self.turns[utterances[-1]["turn"] + 1 if utterances else 0] += 1
        for utterance in utterances:
            self._add_utterance(utterance)
        speakers = [utterance["speaker"] for utterance in utterances]
        self.exchanges += sum(pair == (1, 0) for pair in pairwise(speakers))

    def _add_utterance(self, utterance: Row) -> None:
        self.utterances[utterance["speaker"]] += 1
        self.characters[utterance["speaker"]] += len(utterance["text"])
        self.acts.update(utterance["acts"] or ())
        self.emotions.update(utterance["emotions"] or ())
        self.intents.update(intent["intent"] for intent in utterance["intents"] or ())
        self.non_neutral += any(utterance["emotions"] or ())


def _named(counts: Counter[int], vocabulary: Mapping[str, str]) -> dict[str, int]:
    return {name: counts[index] for index, name in enumerate(vocabulary)}


def compare(measured: Marginals) -> list[Comparison]:
    """The paper's tables 1, 6, 7 and 8 row by row beside what was measured.

    Shares are percent of all act labels (tables 6, 7) and of all negative-emotion labels (table 8); they are within
    the bound when they differ by at most 15 % of the published share or 0.3 points. Lengths: within 10 %.
    """
    negative = {name: count for name, count in measured.emotions.items() if name != "neutral"}
    return [
        *_compare_dialogues(measured),
        *_compare_shares("act", measured.acts, paper.ACT_SHARES),
        *_compare_shares("emotion", negative, paper.NEGATIVE_EMOTION_SHARES),
    ]


def _compare_dialogues(measured: Marginals) -> list[Comparison]:
    table = paper.TABLE_1
    most = max(measured.turns, key=lambda turns: (measured.turns[turns], -turns), default=0)
    low, high = paper.MODE_OF_TURNS
    longest, shortest = max(measured.turns, default=0), min(measured.turns, default=0)
    rows = [
        _relative("raw turns a dialogue, mean", measured.mean_turns(), table.turns / table.dialogues, RELATIVE_BOUND),
        Comparison("raw turns, most", longest, table.most_turns, "no more", 0 < longest <= table.most_turns, 0),
        Comparison("raw turns, fewest", shortest, table.fewest_turns, "no fewer", shortest >= table.fewest_turns, 0),
        Comparison("raw turns, mode", most, None, f"{low} to {high}", low <= most <= high, 0),
    ]
    lengths = {"service": table.service_characters, "user": table.user_characters}
    for speaker, published in lengths.items():
        name = f"characters an utterance, {speaker}"
        rows.append(_relative(name, measured.mean_characters(speaker), published, LENGTH_BOUND))
    return rows


def _relative(name: str, value: float, published: float, bound: float) -> Comparison:
    return Comparison(name, value, published, f"{bound:.0%}", abs(value - published) <= bound * published)


def _compare_shares(kind: str, counts: Mapping[str, int], shares: Mapping[str, float]) -> list[Comparison]:
    total = sum(counts.values())
    rows = []
    for name, published in shares.items():
        value = 100 * counts[name] / total if total else 0.0
        within = abs(value - published) <= max(RELATIVE_BOUND * published, ABSOLUTE_BOUND)
        rows.append(
            Comparison(
                name if kind == "emotion" else f"{kind} {name}",
                value,
                published,
                "15%, 0.3",
                within,
                3 if published < 0.01 else 2,
            )
        )
    return rows


def comparison_table(measured: Marginals) -> Table:
    """`compare` as a table for the terminal; its title says so when the dialogues are synthetic, all or in part."""
    if measured.synthetic == measured.dialogues:
        what = "synthetic dialogues"
    else:
        what = f"dialogues, {measured.synthetic:,} of them synthetic" if measured.synthetic else "dialogues"
    caption = "acts: % of all act labels; emotions: % of negative labels; bounds: relative, points"
    title = f"{measured.dialogues:,} {what} beside the paper's tables 1, 6, 7 and 8"
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "here", "paper", "diff", "bound", "ok"):
        table.add_column(name, justify="left" if name in ("", "bound", "ok") else "right", no_wrap=True)
    for row in compare(measured):
        table.add_row(*row.cells())
    return table

"""Compares counts over labeled dialogues with the paper's tables 1, 6, 7 and 8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cmcc_bench import paper
from cmcc_bench.blocks import BLOCK, blocks
from cmcc_bench.features import table_of
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.statistics.columns import columns_of
from cmcc_bench.statistics.counts import Counts, count
from cmcc_bench.types import Row
from cmcc_bench.vocabulary import SATISFACTION, SPEAKERS

RELATIVE_BOUND = 0.15
ABSOLUTE_BOUND = 0.3
LENGTH_BOUND = 0.10


@dataclass(frozen=True)
class Marginals:
    """Counts over dialogues; labels by their English names, in the order of the vocabulary.

    turns: number of dialogues by number of raw turns. utterances, characters: by speaker.
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
        """Mean length of the speaker's utterances in code points; 0 if there are none."""
        return self.characters[speaker] / self.utterances[speaker] if self.utterances[speaker] else 0.0

    def raw_turns(self) -> int:
        """The total number of raw turns."""
        return sum(turns * count for turns, count in self.turns.items())

    def mean_turns(self) -> float:
        """Mean number of raw turns per dialogue; 0 if there are no dialogues."""
        return self.raw_turns() / self.dialogues if self.dialogues else 0.0


@dataclass(frozen=True)
class ComparedValue:
    """A measured and a published value. published: None if the paper gives only a bound.

    bound: the accepted range of the value or of the difference, as text. within: whether it is met.
    """

    name: str
    measured: float
    published: float | None
    bound: str
    within: bool
    decimals: int = 2

    @property
    def difference(self) -> float | None:
        """Measured minus published, in the unit of the value."""
        return None if self.published is None else self.measured - self.published

    def cells(self) -> tuple[str, ...]:
        """The row of a table: name, measured, published, difference, bound, within."""
        numbers = ((self.measured, ""), (self.published, ""), (self.difference, "+"))
        texts = ["" if number is None else f"{number:{sign}.{self.decimals}f}" for number, sign in numbers]
        return self.name, *texts, self.bound, "yes" if self.within else "NO"


def marginals(rows: Iterable[Row]) -> Marginals:
    """Counts over rows of `labeled` (cmcc.labeled_features, labels as integers), in one pass."""
    parts = (count(columns_of(table_of(block, "labeled"))) for block in blocks(rows, BLOCK))
    return marginals_of(sum(parts, Counts()))


def marginals_of(counts: Counts) -> Marginals:
    """The counts that the paper publishes, by English names."""
    return Marginals(
        counts.dialogues,
        counts.synthetic,
        counts.exchanges,
        counts.non_neutral,
        dict(sorted(counts.turns.items())),
        dict(zip(SPEAKERS, counts.utterances.tolist(), strict=True)),
        dict(zip(SPEAKERS, counts.characters.tolist(), strict=True)),
        counts.named("acts"),
        counts.named("emotions"),
        counts.named("intents"),
        dict(zip(SATISFACTION, counts.satisfaction.tolist(), strict=True)),
    )


def compare(measured: Marginals) -> list[ComparedValue]:
    """Compares the measured values with the rows of the paper's tables 1, 6, 7 and 8.

    Shares are percentages of all act labels (tables 6, 7) and of all negative-emotion labels (table 8). They may differ
    by 15 % of the published share or by 0.3 percentage points, lengths by 10 %.
    """
    negative = {name: count for name, count in measured.emotions.items() if name != "neutral"}
    return [
        *_compare_dialogues(measured),
        *_compare_shares("act", measured.acts, paper.ACT_SHARES),
        *_compare_shares("emotion", negative, paper.NEGATIVE_EMOTION_SHARES),
    ]


def _compare_dialogues(measured: Marginals) -> list[ComparedValue]:
    table = paper.TABLE_1
    most = max(measured.turns, key=lambda turns: (measured.turns[turns], -turns), default=0)
    low, high = paper.MODE_OF_TURNS
    longest, shortest = max(measured.turns, default=0), min(measured.turns, default=0)
    rows = [
        _relative("raw turns a dialogue, mean", measured.mean_turns(), table.turns / table.dialogues, RELATIVE_BOUND),
        ComparedValue("raw turns, most", longest, table.most_turns, "no more", 0 < longest <= table.most_turns, 0),
        ComparedValue("raw turns, fewest", shortest, table.fewest_turns, "no fewer", shortest >= table.fewest_turns, 0),
        ComparedValue("raw turns, mode", most, None, f"{low} to {high}", low <= most <= high, 0),
    ]
    lengths = {"service": table.service_characters, "user": table.user_characters}
    for speaker, published in lengths.items():
        name = f"characters an utterance, {speaker}"
        rows.append(_relative(name, measured.mean_characters(speaker), published, LENGTH_BOUND))
    return rows


def _relative(name: str, value: float, published: float, bound: float) -> ComparedValue:
    return ComparedValue(name, value, published, f"{bound:.0%}", abs(value - published) <= bound * published)


def _compare_shares(kind: str, counts: Mapping[str, int], shares: Mapping[str, float]) -> list[ComparedValue]:
    total = sum(counts.values())
    rows = []
    for name, published in shares.items():
        value = 100 * counts[name] / total if total else 0.0
        within = abs(value - published) <= max(RELATIVE_BOUND * published, ABSOLUTE_BOUND)
        rows.append(
            ComparedValue(
                name if kind == "emotion" else f"{kind} {name}",
                value,
                published,
                "15%, 0.3",
                within,
                3 if published < 0.01 else 2,
            )
        )
    return rows


def comparison_table(measured: Marginals) -> ReportTable:
    """`compare` as a table. The title says how many dialogues are synthetic."""
    if measured.synthetic == measured.dialogues:
        noun = "SYNTHETIC dialogues"
    else:
        noun = f"dialogues, {measured.synthetic:,} of them SYNTHETIC," if measured.synthetic else "dialogues"
    title = f"{measured.dialogues:,} {noun} compared with the paper's tables 1, 6, 7 and 8"
    notes = ("acts: % of all act labels; emotions: % of negative labels; bounds: relative, percentage points",)
    rows = tuple(row.cells() for row in compare(measured))
    return ReportTable(title, ("", "here", "paper", "diff", "bound", "ok"), rows, notes)

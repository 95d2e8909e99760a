"""The content of the paper's figures, before drawing: title, labels, counts and note of each.

Figure 6 shows the text form of a model and no data. Figures 4 and 7 are chord diagrams from the user's emotion to the
act of the reply; the paper does not say how they differ. Here figure 4 has the negative emotions only, figure 7 also
neutral.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cmcc_bench.errors import printable
from cmcc_bench.reports.table import mark
from cmcc_bench.statistics.counts import Counts, Integers
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS

LANGUAGES = ("en", "zh")
RARE = 10  # dialogues: figure 1 leaves out lengths that fewer dialogues have, as the paper does


@dataclass(frozen=True)
class Words:
    """A text in English and in Chinese."""

    en: str
    zh: str

    def text(self, language: str) -> str:
        """The text in a language, `en` or `zh`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Label:
    """A label. kind: `emotions` or `acts`, with the index in the vocabulary; or `turns`, with the number of turns."""

    kind: str
    index: int

    @property
    def words(self) -> Words:
        """The names of the label; caring acts are marked with a star."""
        if self.kind == "turns":
            return Words(str(self.index), str(self.index))
        vocabulary = EMOTIONS if self.kind == "emotions" else ACTS
        star = " *" if self.caring else ""
        english, chinese = vocabulary.names[self.index], vocabulary.chinese[self.index]
        return Words(english.replace("_", " ").capitalize() + star, chinese + star)

    @property
    def code(self) -> str:
        """A short name for narrow screens: E0 is neutral, A1 the first act."""
        return f"E{self.index}" if self.kind == "emotions" else f"A{self.index + 1}"

    @property
    def caring(self) -> bool:
        """Whether the label is a caring act of CMCC."""
        return self.kind == "acts" and ACTS.names[self.index] in CARING_ACTS


@dataclass(frozen=True)
class Bars:
    """A histogram: counts[i] of labels[i]; `across` is the title of the label axis, `up` of the count axis."""

    labels: tuple[Label, ...]
    counts: tuple[int, ...]
    across: Words
    up: Words


@dataclass(frozen=True)
class Chord:
    """A chord diagram: counts[i, j] transitions from sources[i] to targets[j]; no row or column is all 0."""

    sources: tuple[Label, ...]
    targets: tuple[Label, ...]
    counts: Integers


@dataclass(frozen=True)
class Sankey:
    """A Sankey diagram: counts[s][i, j] pairs of stages[s][i] and stages[s + 1][j]; headings[s] names stages[s]."""

    stages: tuple[tuple[Label, ...], ...]
    headings: tuple[Words, ...]
    counts: tuple[Integers, ...]

    def amounts(self) -> list[list[int]]:
        """The size of each label of each stage: its incoming or its outgoing flow, whichever is larger."""
        incoming = [np.zeros(len(self.stages[0]), dtype=np.int64), *(counts.sum(0) for counts in self.counts)]
        outgoing = [*(counts.sum(1) for counts in self.counts), np.zeros(len(self.stages[-1]), dtype=np.int64)]
        return [np.maximum(a, b).tolist() for a, b in zip(incoming, outgoing, strict=True)]


@dataclass(frozen=True)
class Figure:
    """A figure of the paper. number: as in the paper. name: a part of the file name."""

    number: int
    name: str
    title: Words
    note: Words
    content: Bars | Chord | Sankey


@dataclass(frozen=True)
class Subject:
    """The data set of the figures: its name, the number of labeled dialogues, and how many of these are simulated."""

    dataset: str
    dialogues: int
    synthetic: int

    @property
    def words(self) -> Words:
        """A line with the name and size of the data set; it says whether the data are synthetic."""
        name = printable(self.dataset)
        chinese = " — 合成数据（SYNTHETIC），不是 CMCC 的结果" if self.synthetic else ""
        return Words(
            f"{name}, {self.dialogues:,} dialogues{mark(bool(self.synthetic))}",
            f"{name}，{self.dialogues:,} 个对话{chinese}",
        )


def title_of(figure: Figure) -> Words:
    """The figure's number and title."""
    return Words(f"Figure {figure.number}. {figure.title.en}", f"图 {figure.number}  {figure.title.zh}")


def share(part: int, whole: int) -> str:
    """A count and its percentage: 12 (3.4%); two decimals below 0.1 %."""
    return f"{part:,} ({100 * part / whole:.{1 if part * 1000 >= whole else 2}f}%)"


STAR = Words("* caring act of CMCC", "* CMCC 新增的关怀行为")
_TRANSITION = Words(
    "A transition: an emotion of a user utterance, an act of the service utterance that follows it.",
    "转换：用户话语的情绪与其后客服话语的行为。",
)


def figures_of(counts: Counts) -> list[Figure]:
    """Returns the figures that the counts have data for, by number."""
    figures = [
        _turns(counts),
        _emotions(counts),
        _acts(counts),
        _chord(counts, 4, first=1),
        _sankey(counts),
        _chord(counts, 7, first=0),
    ]
    return [figure for figure in figures if figure is not None]


def _turns(counts: Counts) -> Figure | None:
    shown = {turns: n for turns, n in sorted(counts.turns.items()) if n >= RARE} or dict(sorted(counts.turns.items()))
    if not shown:
        return None
    rare = counts.dialogues - sum(shown.values())
    content = Bars(
        tuple(Label("turns", turns) for turns in shown),
        tuple(shown.values()),
        Words("raw turns of a dialogue (two utterances each)", "对话轮数（每轮两句）"),
        Words("dialogues", "对话数"),
    )
    left_out = Words(
        f"Left out: lengths that fewer than {RARE} dialogues have, {rare:,} in all.",
        f"少于 {RARE} 个对话的轮数未画出，共 {rare:,} 个对话。",
    )
    note = left_out if rare else Words("Nothing is left out.", "全部画出。")
    return Figure(1, "turns", Words("Dialogues by their number of turns", "对话轮数分布"), note, content)


def _emotions(counts: Counts) -> Figure | None:
    totals = [counts.labels["emotions", index] for index in range(len(EMOTIONS))]
    if not sum(totals[1:]):
        return None
    content = Bars(
        tuple(Label("emotions", index) for index in range(1, len(totals))),
        tuple(totals[1:]),
        Words("emotion", "情绪"),
        Words("labels", "标签数"),
    )
    note = Words(f"Neutral, {totals[0]:,} labels, is left out.", f"不含中性（{totals[0]:,} 个标签）。")
    return Figure(2, "negative-emotions", Words("Negative emotions of users", "用户负面情绪"), note, content)


def _acts(counts: Counts) -> Figure | None:
    totals = [counts.labels["acts", index] for index in range(len(ACTS))]
    if not sum(totals):
        return None
    labels = tuple(Label("acts", index) for index in range(len(totals)))
    content = Bars(labels, tuple(totals), Words("act", "行为"), Words("labels", "标签数"))
    return Figure(3, "acts", Words("Acts of the customer service", "客服行为"), STAR, content)


def _chord(counts: Counts, number: int, first: int) -> Figure | None:
    table = counts.transitions[first:]
    rows, columns = np.flatnonzero(table.sum(1)), np.flatnonzero(table.sum(0))
    if not len(rows):
        return None
    content = Chord(
        tuple(Label("emotions", first + int(row)) for row in rows),
        tuple(Label("acts", int(column)) for column in columns),
        table[np.ix_(rows, columns)],
    )
    title = (
        Words("From a negative emotion to the act of the reply", "负面情绪与下一轮客服行为")
        if first
        else Words("From any emotion, neutral included, to the act of the reply", "全部情绪（含中性）与下一轮客服行为")
    )
    note = Words(f"{_TRANSITION.en} {STAR.en}", f"{_TRANSITION.zh}{STAR.zh}")
    return Figure(number, "emotion-to-act" if first else "all-emotions-to-act", title, note, content)


def _sankey(counts: Counts) -> Figure | None:
    flows = (counts.first_flow, counts.second_flow, counts.third_flow)
    if not flows[0].sum():
        return None
    amounts = [flows[0].sum(1), *(np.maximum(a.sum(0), b.sum(1)) for a, b in pairwise(flows))]
    amounts.append(flows[-1].sum(0))
    kept = [np.flatnonzero(amount) for amount in amounts]
    kinds = ("emotions", "acts", "emotions", "acts")
    stages = tuple(tuple(Label(kind, int(i)) for i in of) for kind, of in zip(kinds, kept, strict=True))
    tables = tuple(flow[np.ix_(kept[step], kept[step + 1])] for step, flow in enumerate(flows))
    headings = tuple(
        Words(f"{place}: {who}", f"第{number}轮：{chinese}")
        for place, number, (who, chinese) in zip(
            ("1st", "2nd", "3rd", "4th"),
            "一二三四",
            (("user emotion", "用户情绪"), ("service act", "客服行为")) * 2,
            strict=True,
        )
    )
    note = Words(
        f"The first four utterances, from the user's first one on; a flow counts pairs of labels. {STAR.en}",
        f"自用户第一句起的前四句；流量为标签对的数目。{STAR.zh}",
    )
    title = Words("Emotions and acts in the first four turns", "前四轮情绪与行为的变化")
    return Figure(5, "first-four-turns", title, note, Sankey(stages, headings, tables))

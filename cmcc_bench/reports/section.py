"""The results of one table of the paper as numbers, from which the screen, the Markdown file and the page are made.

Here, too, the sentences that say what the paired tests of a section show. They are computed: "significant" means that
the paired 95 % interval excludes 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cmcc_bench.reports.confusion import Confusion
from cmcc_bench.reports.examples import Examples
from cmcc_bench.reports.scores import Entry, SystemPair, label_of, main_score
from cmcc_bench.reports.table import ReportTable, joined
from cmcc_bench.tasks import Task


@dataclass(frozen=True)
class Section:
    """The systems of one table, their scores and paired tests.

    shown: score -> its name in the table; headline: those on the screen; compared: those whose differences are drawn.
    systems, bounds: the rows. findings: sentences on what the tests show, which the screen prints; details: further
    ones. notes: what the scores count.
    """

    title: str
    shown: Mapping[str, str]
    headline: tuple[str, ...]
    compared: tuple[str, ...]
    systems: tuple[Entry, ...]
    bounds: tuple[Entry, ...] = ()
    pairs: tuple[SystemPair, ...] = ()
    findings: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskReport:
    """What a report has about one task. tables: all of its tables, those of the sections too, in reading order."""

    sections: tuple[Section, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    examples: Examples | None = None


def finding(pair: SystemPair, scores: Mapping[str, str]) -> str:
    """What a paired test shows, as a sentence that names the scores; empty without resamples.

    scores: score -> its name. "Variant against Baseline: significantly higher in BLEU-4; no significant difference in
    success and act F1."
    """
    results = {name: pair.compared.differences[score] for score, name in scores.items() if score not in pair.untold}
    kinds = (
        ("significantly higher", [name for name, result in results.items() if result.low > 0]),
        ("significantly lower", [name for name, result in results.items() if result.high < 0]),
        ("no significant difference", [name for name, result in results.items() if result.low <= 0 <= result.high]),
    )
    parts = [f"{kind} in {joined(names)}" for kind, names in kinds if names]
    return f"{pair.first} against {pair.second}: {'; '.join(parts)}." if parts else ""


def simple_finding(task: Task, pairs: Sequence[SystemPair]) -> str:
    """Which systems beat the simple baseline that they are compared with, and which do not; empty without resamples.

    "Variant does not beat character n-grams in macro F1. Classification-based beats character n-grams in macro F1."
    """
    groups = dict[tuple[bool, str], list[str]]()
    for pair in pairs:
        score = main_score(task, pair.untold)
        result = pair.compared.differences[score]
        if result.low == result.low:  # nan without resamples
            what = f"{pair.second} in {label_of(task, score)}"
            groups.setdefault((result.low > 0, what), []).append(pair.first)
    verbs = {True: ("beats", "beat"), False: ("does not beat", "do not beat")}
    return " ".join(
        f"{joined(names)} {verbs[better][len(names) > 1]} {what}." for (better, what), names in sorted(groups.items())
    )

"""The results of one table of the paper as numbers, from which the screen, the Markdown file and the page are made.

Here, too, the sentences that say what the paired tests of a section show. They are computed: "significant" means that
the paired 95 % interval excludes 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
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
    results = {
        name: pair.compared.differences[score] for score, name in scores.items() if score not in pair.missing_scores
    }
    kinds = (
        ("significantly higher", [name for name, result in results.items() if result.low > 0]),
        ("significantly lower", [name for name, result in results.items() if result.high < 0]),
        ("no significant difference", [name for name, result in results.items() if result.low <= 0 <= result.high]),
    )
    parts = [f"{kind} in {joined(names)}" for kind, names in kinds if names]
    return f"{pair.first} against {pair.second}: {'; '.join(parts)}." if parts else ""


def simple_finding(task: Task, pairs: Sequence[SystemPair]) -> str:
    """Which systems beat the simple baseline that they are compared with; empty without resamples.

    "Variant does not beat names known from training in name F1. None of the 9 systems beats character n-grams in macro
    F1." Names of systems may have commas, so semicolons separate them.
    """
    is_better: defaultdict[str, dict[str, bool]] = defaultdict(
        dict
    )  # baseline and score -> system -> whether it is better
    for pair in pairs:
        score = main_score(task, pair.missing_scores)
        result = pair.compared.differences[score]
        if not math.isnan(result.low):  # nan without resamples
            is_better[f"{pair.second} in {label_of(task, score)}"][pair.first] = result.low > 0
    return " ".join(_comparison(what, systems) for what, systems in sorted(is_better.items()))


def _comparison(what: str, is_better: Mapping[str, bool]) -> str:
    better = [system for system, beats in is_better.items() if beats]
    if len(is_better) == 1:
        (system,) = is_better
        return f"{system} {'beats' if better else 'does not beat'} {what}."
    if not better:
        return f"None of the {len(is_better)} systems beats {what}."
    others = len(is_better) - len(better)
    rest = f"; the other {others} {'does' if others == 1 else 'do'} not" if others else ""
    return f"{'; '.join(better)} {'beats' if len(better) == 1 else 'beat'} {what}{rest}."

"""The headline of a report: one screen of a terminal, 80 columns wide. Everything else is in the file and the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from cmcc_bench.reports.facts import PROMPTED
from cmcc_bench.reports.report import SystemReport
from cmcc_bench.reports.runs import facts_lines
from cmcc_bench.reports.scores import Entry
from cmcc_bench.reports.section import Section
from cmcc_bench.reports.table import NOTHING, ReportTable, decimals_of, mark, published_cell, score_cell

_MOST_SYSTEMS = 2  # shown of a section without systems of the paper
_ALWAYS = ("adapter", *PROMPTED)  # of these kinds, one is shown in any case


def headline_tables(report: SystemReport) -> Iterator[ReportTable]:
    """The tables of the screen: what was scored, then each section's main scores and a sentence about them."""
    sizes = {entry.scores.dialogues for section in report.sections for entry in section.systems}
    dialogues = " or ".join(f"{size:,}" for size in sorted(sizes))
    what = f"{report.dataset}, {report.split} split: {dialogues} dialogues{mark(report.synthetic)}"
    scores = "Scores (the paper's in parentheses), 95 % confidence intervals in brackets."
    yield ReportTable("", (), (), (what, *facts_lines(report.systems), *report.facts.notes, scores))
    seen = set[tuple[object, ...]]()
    for section in report.sections:
        systems = [entry for entry in main_systems(section) if _identity(entry, section) not in seen]
        yield _section_table(section, systems, is_alone=len(report.sections) == 1)
        seen |= {_identity(entry, section) for entry in systems}


def _identity(entry: Entry, section: Section) -> tuple[object, ...]:
    """What a row shows: table 3 does not repeat the rows of table 2, but another data set has rows of its own."""
    return entry.name, entry.scores.dialogues, *section.headline


def _section_table(section: Section, systems: Sequence[Entry], is_alone: bool) -> ReportTable:
    """The rows of the given systems and the findings; of a section that is not in the paper, the findings alone."""
    if not section.headline or not (is_alone or any(entry.published for entry in section.systems)):
        return ReportTable("", (), (), (f"{section.title}: {' '.join(section.findings)}",) if section.findings else ())
    rows = tuple((entry.name, *(_cell(entry, s) for s in section.headline)) for entry in (*systems, *_simple(section)))
    columns = (section.title, *(section.shown[score] for score in section.headline))
    return ReportTable("", columns, rows, section.findings)


def main_systems(section: Section) -> list[Entry]:
    """The systems of the paper; if there are none, the first ones; and the best adapter, zero-shot and few-shot one.

    Systems without a headline score are left out.
    """
    scored = [entry for entry in section.systems if any(_cell(entry, score) != NOTHING for score in section.headline)]
    shown = [entry for entry in scored if entry.published] or scored[:_MOST_SYSTEMS]
    for kind in _ALWAYS:
        others = [entry for entry in scored if entry.kind == kind]
        shown += [max(others, key=lambda entry: _point(entry, section.headline[0]))] if others else []
    return list({entry.name: entry for entry in shown}.values())


def _point(entry: Entry, score: str) -> float:
    """A score to choose by; the lowest where it is not defined."""
    point = math.nan if score in entry.missing_scores else entry.scores.scores[score].point
    return -math.inf if math.isnan(point) else point


def _simple(section: Section) -> list[Entry]:
    """The bounds that systems are compared with."""
    return [bound for bound in section.bounds if any(pair.second == bound.name for pair in section.pairs)]


def _cell(entry: Entry, score: str) -> str:
    """A score with the paper's and the interval: 0.642 (0.656) [0.61, 0.67]."""
    if score in entry.missing_scores:
        return NOTHING
    point, _, interval = score_cell(entry.scores.scores[score], decimals_of(score)).partition(" ")
    published = entry.published.get(score)
    return " ".join(filter(None, [point, "" if published is None else f"({published_cell(published)})", interval]))

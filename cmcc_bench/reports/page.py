"""The report as one HTML page that needs no network and no script: its style sheet and its drawings are in it.

A score is drawn as a dot with its 95 % interval as whiskers, and the paper's score as a diamond. The drawings are SVG
with positions in percent, so that they fit any width; every row has its numbers as text, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from markupsafe import Markup

from cmcc_bench.distribution import NAME, VERSION
from cmcc_bench.reports.confusion import Confusion
from cmcc_bench.reports.headline import main_systems
from cmcc_bench.reports.report import SystemReport
from cmcc_bench.reports.runs import runs_table
from cmcc_bench.reports.scores import Entry, SystemPair, published_difference
from cmcc_bench.reports.section import Section, TaskReport
from cmcc_bench.reports.table import NOTHING, decimals_of, difference_cells, published_cell, score_cell
from cmcc_bench.templates import escape_unprintable, html_environment
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS, ENTITY_TYPES, SATISFACTION, Vocabulary

_FOLDER = Path(__file__).parent
_INTERVAL = re.compile(r"^(\S+) (\[.*\])$")


@dataclass(frozen=True)
class Dot:
    """A row of a drawing. x, low, high, paper: positions in percent; None without such a mark. kind: of its color."""

    name: str
    kind: str
    x: float
    low: float | None
    high: float | None
    paper: float | None
    text: str
    paper_text: str


@dataclass(frozen=True)
class Drawing:
    """The dots of one score on one axis. ticks: (position in percent, text). zero: position of the line at 0."""

    title: str
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None


@dataclass(frozen=True)
class SectionView:
    """A section as the page shows it. anchor: its id in the page. confusions: matrices of its main systems."""

    anchor: str
    section: Section
    scores: tuple[Drawing, ...]
    differences: tuple[Drawing, ...]
    confusions: tuple[Confusion, ...]


def page_html(report: SystemReport) -> str:
    """The page. The same report gives the same bytes."""
    views = [list(_views(task, number)) for number, task in enumerate(report.tasks)]
    examples = report.examples
    shown_elsewhere = [examples.table(report.synthetic)] if examples else []
    return _ENVIRONMENT.get_template("page.html.jinja").render(
        report=report,
        views=list(chain.from_iterable(views)),
        before_examples=views[0],
        after_examples=list(chain.from_iterable(views[1:])),
        examples=examples,
        runs=runs_table(report.systems),
        tables=[table for table in report.tables if table not in shown_elsewhere],
        style=Markup((_FOLDER / "page.css").read_text("utf-8")),
        version=f"{NAME} {VERSION}",
    )


def _views(task: TaskReport, number: int) -> Iterable[SectionView]:
    for place, section in enumerate(task.sections):
        main = {entry.name for entry in (*main_systems(section), *section.bounds)}
        confusions = tuple(confusion for confusion in task.confusions if confusion.title in main)
        yield SectionView(
            f"s{number}-{place}",
            section,
            tuple(_score_drawings(section)),
            tuple(_difference_drawings(section)),
            confusions,
        )


def _score_drawings(section: Section) -> Iterable[Drawing]:
    """A drawing for each score; gold is left out, because it has the highest score possible."""
    entries = [(entry, "system") for entry in section.systems]
    entries += [(entry, "bound") for entry in section.bounds if entry.name != "gold"]
    for score, title in section.shown.items():
        scored = [
            (entry, kind) for entry, kind in entries if score not in entry.missing_scores and _is_defined(entry, score)
        ]
        if not scored:
            continue
        values = [value for entry, _ in scored for value in _values(entry, score)]
        is_share = decimals_of(score) == 3 and min(values) >= 0 and (0.3 < max(values) <= 1 or not max(values))
        axis = _Axis(0.0, 1.0) if is_share else _Axis(*_nice_range([0.0, *values]))
        dots = tuple(_dot(entry, kind, score, axis) for entry, kind in scored)
        yield Drawing(title, dots, axis.ticks(), None)


def _is_defined(entry: Entry, score: str) -> bool:
    return not math.isnan(entry.scores.scores[score].point)


def _values(entry: Entry, score: str) -> list[float]:
    interval = entry.scores.scores[score]
    values = [interval.point, interval.low, interval.high, entry.published.get(score, math.nan)]
    return [value for value in values if not math.isnan(value)]


def _dot(entry: Entry, kind: str, score: str, axis: _Axis) -> Dot:
    interval, published = entry.scores.scores[score], entry.published.get(score)
    return Dot(
        entry.name,
        kind,
        axis.at(interval.point),
        axis.at_or_none(interval.low),
        axis.at_or_none(interval.high),
        None if published is None else axis.at(published),
        score_cell(interval, decimals_of(score)),
        "" if published is None else published_cell(published),
    )


def _difference_drawings(section: Section) -> Iterable[Drawing]:
    """A drawing of the paired differences for each score that was compared."""
    entries = {entry.name: entry for entry in (*section.systems, *section.bounds)}
    for score in section.compared:
        tested = [
            (
                pair,
                pair.compared.differences[score],
                published_difference(score, entries[pair.first], entries[pair.second]),
            )
            for pair in section.pairs
            if _is_tested(pair, score)
        ]
        if not tested:
            continue
        values = [v for _, result, _ in tested for v in (result.difference, result.low, result.high)]
        values += [0.0, *(published for *_, published in tested if published is not None)]
        axis = _Axis(*_nice_range([value for value in values if not math.isnan(value)]))
        dots = (
            Dot(
                pair.name,
                "clear" if result.excludes_0 else "unclear",
                axis.at(result.difference),
                axis.at_or_none(result.low),
                axis.at_or_none(result.high),
                None if published is None else axis.at(published),
                difference_cells(result)[0],
                "" if published is None else f"{published:+.3f}",
            )
            for pair, result, published in tested
        )
        yield Drawing(section.shown[score], tuple(dots), axis.ticks(), axis.at(0.0))


def _is_tested(pair: SystemPair, score: str) -> bool:
    result = pair.compared.differences.get(score)
    return score not in pair.missing_scores and result is not None and not math.isnan(result.difference)


@dataclass(frozen=True)
class _Axis:
    """A linear axis from low to high."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """The position of a value in percent, with one decimal."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 1)

    def at_or_none(self, value: float) -> float | None:
        """The position of a value, None if it is nan."""
        return None if math.isnan(value) else self.at(value)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Positions and texts of up to five round values."""
        step = _nice_step(self.high - self.low)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return tuple((self.at(n * step), f"{n * step + 0.0:.{decimals}f}") for n in range(first, last + 1))


def _nice_step(width: float) -> float:
    """A round number, 1, 2 or 5 times a power of ten, that goes at most four times into a width."""
    power: float = 10.0 ** math.floor(math.log10(width / 4))
    return float(min(factor * power for factor in (1, 2, 5, 10) if factor * power >= width / 4 * (1 - 1e-9)))


def _nice_range(values: Sequence[float]) -> tuple[float, float]:
    """Round ends around values."""
    low, high = min(values), max(values)
    if high - low < 1e-9:
        return low - 0.1, high + 0.1
    step = _nice_step(high - low) / 4
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _label(name: str, vocabulary: Vocabulary | None = None) -> Markup:
    """A label in English and Chinese. name: of any language; one that is in no vocabulary stays as it is."""
    for known in [vocabulary] if vocabulary else (EMOTIONS, ACTS, SATISFACTION, ENTITY_TYPES):
        index = known.find(name)
        if index is not None:
            english = known.names[index].replace("_", " ")
            return Markup('<span class="en">{}</span> <span class="zh" lang="zh">{}</span>').format(
                english, known.chinese[index]
            )
    return Markup('<span lang="zh">{}</span>').format(escape_unprintable(name))


def _is_caring(act: str) -> bool:
    index = ACTS.find(act)
    return index is not None and ACTS.names[index] in CARING_ACTS


def _split_cell(text: str) -> tuple[str, str]:
    """A score and its interval, which stands below it; other texts whole."""
    match = _INTERVAL.match(text)
    return (match[1], match[2]) if match else (text, "")


def _is_number(text: str) -> bool:
    return text == NOTHING or bool(re.match(r"[+-]?[\d,.]+%?( \[.*\])?$", text))


def _shade(confusion: Confusion, row: int, column: int) -> float:
    """The share of a cell in its row, with two decimals."""
    total = sum(confusion.counts[row])
    return round(confusion.counts[row][column] / total, 2) if total else 0.0


_ENVIRONMENT = html_environment(_FOLDER, keep_trailing_newline=True)
_ENVIRONMENT.filters |= {"label": _label, "split_cell": _split_cell}
_ENVIRONMENT.globals |= {"acts": ACTS, "emotions": EMOTIONS, "shade": _shade}
_ENVIRONMENT.tests |= {"caring": _is_caring, "number_cell": _is_number}

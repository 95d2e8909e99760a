"""The content of the leaderboard's page as plain data: sorted and filtered rows, bars of the plot, comparisons."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cmcc_bench.errors import printable
from cmcc_bench.leaderboard.board import BoardEntry, Difference, EntryKind, TrackBoard
from cmcc_bench.leaderboard.submission import is_web_address
from cmcc_bench.masking import mask
from cmcc_bench.paper import PUBLIC_SINCE
from cmcc_bench.reports.table import NOTHING, decimals_of, difference_cells, score_cell, score_name
from cmcc_bench.scoring import Interval, PairedResult

ROWS = 100  # on a page of the table
BARS = 40  # in a plot
SHOWN_DIFFERENCES = 20  # on a page of differences
CHOICES = 500  # systems in a list to choose from
LONGEST = 2_000  # characters of one text

KINDS: dict[EntryKind, str] = {"submission": "submitted", "bound": "bound", "published": "as published"}
FLAGGED = "flagged"
ORDERS = {"system": "name", "date": "newest"}  # in addition to the scores
RANK_RULE = (
    "A rank is 1 plus the number of systems whose whole 95 % interval lies above. Systems that share a rank, such as "
    "1=, cannot be separated by these dialogues."
)

_PUBLIC = " and ".join(f"{month} ({name})" for name, month in PUBLIC_SINCE.items())
CUTOFF_NOTE = (
    "Data cut-off: the last month of the data that a model learned from, as its author says. The corpus has been "
    f"public since {_PUBLIC}; a later model may know it."
)


@dataclass(frozen=True)
class TableQuery:
    """A visitor's query. order: a headline score, highest first, or one of ORDERS. text: the filter. page: from 0."""

    order: str
    text: str = ""
    kinds: tuple[EntryKind, ...] = tuple(KINDS)
    page: int = 0


@dataclass(frozen=True)
class ScoreText:
    """The text of a score in a cell; interval: "" if it has none."""

    point: str
    interval: str


@dataclass(frozen=True)
class EntryRow:
    """An entry as a row. kind: a key of KINDS, or FLAGGED. link: a safe address, or None."""

    entry: BoardEntry
    rank: str
    kind: str
    scores: tuple[ScoreText, ...]
    link: str | None


@dataclass(frozen=True)
class Table:
    """A page of rows. ranked_by: the score of the ranks. matches: rows on all pages. total: rows without a filter."""

    scores: tuple[str, ...]
    order: str
    ranked_by: str
    rows: tuple[EntryRow, ...]
    matches: int
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Bar:
    """A system in the plot. x, low, high: in percent of the width; low and high are None without an interval.

    beyond: "left" or "right" if the score is outside the axis; x is then that end of the axis.
    """

    entry: BoardEntry
    mark: str
    text: ScoreText
    x: float
    low: float | None
    high: float | None
    beyond: str = ""


@dataclass(frozen=True)
class Plot:
    """The bars of one score. ticks of the axis: (percent of the width, text). left_out: number of systems not shown."""

    score: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    left_out: int


@dataclass(frozen=True)
class ComparedScore:
    """A row of the paired test of systems A and B: their scores, the difference A minus B, and the conclusion."""

    score: str
    a: ScoreText
    b: ScoreText
    difference: str
    p: str
    conclusion: str


@dataclass(frozen=True)
class SystemComparison:
    """The paired test of two systems."""

    a: BoardEntry
    b: BoardEntry
    lines: tuple[ComparedScore, ...]


@dataclass(frozen=True)
class DifferencePage:
    """A page of the items that two systems answer differently.

    fields: how often each field differs, on all pages. first: number of the first item on the page, from 1. total:
    items on all pages.
    """

    differences: tuple[Difference, ...]
    fields: tuple[tuple[str, int], ...]
    first: int
    total: int
    page: int
    pages: int


def find_entries(track: TrackBoard, query: TableQuery) -> list[BoardEntry]:
    """The entries on all pages that match a query, in its order."""
    words, matches = query.text.casefold().split(), []
    for entry in _in_order(track, query.order):
        kind = kind_lines(entry)[0]
        fields = (entry.system, entry.author, entry.training_data, entry.date, kind, *entry.flags, *entry.notes)
        text = " ".join(fields).casefold()
        if entry.kind in query.kinds and all(word in text for word in words):
            matches.append(entry)
    return matches


def _in_order(track: TrackBoard, order: str) -> list[BoardEntry]:
    if order == "system":
        return sorted(track.entries, key=lambda entry: (entry.system.casefold(), entry.key))
    by_score = track.sorted_by(order if order in track.track.headline else track.track.headline[0])
    return sorted(by_score, key=lambda entry: entry.date, reverse=True) if order == "date" else by_score


def table_of(track: TrackBoard, query: TableQuery) -> Table:
    """The page of rows for a query; the last page if the query's page does not exist."""
    matches = find_entries(track, query)
    page, pages = _page(query.page, len(matches), ROWS)
    ranked_by = query.order if query.order in track.track.headline else track.track.headline[0]
    ranks = rank_texts(track.entries, ranked_by)
    rows = tuple(
        EntryRow(
            entry,
            ranks.get(entry.key, NOTHING),
            mark_of(entry),
            tuple(score_text(entry, name) for name in track.track.headline),
            safe_link(entry.paper),
        )
        for entry in matches[page * ROWS : (page + 1) * ROWS]
    )
    return Table(track.track.headline, query.order, ranked_by, rows, len(matches), len(track.entries), page, pages)


def _page(requested: int, items: int, size: int) -> tuple[int, int]:
    """The page to show, from 0, and the number of pages."""
    pages = max(1, math.ceil(items / size))
    return min(max(requested, 0), pages - 1), pages


def rank_texts(entries: Iterable[BoardEntry], score: str) -> dict[str, str]:
    """Key -> rank by a score, with = if another system has the same rank; entries without a rank are left out."""
    ranks = {entry.key: entry.ranks[score] for entry in entries if entry.ranks and score in entry.ranks}
    shared = Counter(ranks.values())
    return {key: f"{rank}=" if shared[rank] > 1 else str(rank) for key, rank in ranks.items()}


def mark_of(entry: BoardEntry) -> str:
    """The mark of an entry: its kind, or FLAGGED."""
    return FLAGGED if entry.flags else entry.kind


def nth_submission(entry: BoardEntry) -> str:
    """The number of the submission as text, such as `2nd submission`; "" for the first one."""
    n = entry.submission
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending} submission" if n > 1 else ""


def kind_lines(entry: BoardEntry) -> list[str]:
    """What a submission is and what its answers took, the kind first; the kind alone for other rows."""
    return [KINDS[entry.kind]] if entry.facts is None else entry.facts.lines()


def name_of(entry: BoardEntry) -> str:
    """The name of an entry, without the words of its mark."""
    mark = f", {KINDS['published']}"
    return entry.system.removesuffix(mark) if entry.kind == "published" else entry.system


def shown_score(entry: BoardEntry, score: str) -> str:
    """A score of an entry with its interval; a dash if the score is missing or not defined."""
    interval = entry.scores.get(score)
    return NOTHING if interval is None else score_cell(interval, decimals_of(score))


def score_text(entry: BoardEntry, score: str) -> ScoreText:
    """A score of an entry, with its interval as a separate text."""
    point, _, interval = shown_score(entry, score).partition(" ")
    return ScoreText(point, interval)


def safe_link(address: str | None) -> str | None:
    """The address if it is safe as a link, else None: anybody may have written a stored file."""
    return address if address and is_web_address(address) else None


def plot_of(track: TrackBoard, query: TableQuery) -> Plot:
    """The bars of the systems that match a query, for the score that it sorts by, or else the main score."""
    score = query.order if query.order in track.track.headline else track.track.headline[0]
    scored = [(entry, entry.scores[score]) for entry in find_entries(track, query) if score in entry.scores]
    scored = [(entry, interval) for entry, interval in scored if math.isfinite(interval.point)]
    shown = scored[:BARS]
    # The axis covers the ranked systems only: with gold at the end of the scale they would be squeezed together.
    ranked = [interval for entry, interval in shown if entry.kind == "submission" and not entry.flags]
    intervals = ranked or [interval for _, interval in shown]
    values = [value for interval in intervals for value in (interval.point, *_ends(interval))]
    low, high, marks = _axis(min(values, default=0.0), max(values, default=1.0))

    def percent(value: float) -> float:
        """A score's position on the axis, in percent of its length."""
        return round(min(100.0, max(0.0, 100 * (value - low) / (high - low))), 2)

    bars = []
    for entry, interval in shown:
        left, right = map(percent, _ends(interval)) if _ends(interval) else (None, None)
        text, beyond = score_text(entry, score), _beyond(interval.point, low, high)
        bars.append(Bar(entry, mark_of(entry), text, percent(interval.point), left, right, beyond))
    ticks = tuple((percent(value), f"{value:g}") for value in marks)
    return Plot(score, tuple(bars), ticks, len(scored) - len(shown))


def _beyond(value: float, low: float, high: float) -> str:
    """The side on which a value lies outside the axis, or "". The tolerance is for rounding."""
    tolerance = 1e-9 * (high - low)
    return "left" if value < low - tolerance else "right" if value > high + tolerance else ""


def _ends(interval: Interval) -> tuple[float, ...]:
    return (interval.low, interval.high) if math.isfinite(interval.low) and math.isfinite(interval.high) else ()


def _axis(least: float, most: float) -> tuple[float, float, list[float]]:
    """An axis from the least to the most value with a margin: its two ends, and its marks.

    The step between marks is 1, 2 or 5 times a power of ten. The margin does not go below 0, nor above 1 unless a
    score does.
    """
    margin = 0.05 * ((most - least) or abs(most) or 1.0)
    low = least - margin if least < 0 else max(0.0, least - margin)
    high = most + margin if most > 1 else min(1.0, most + margin)
    width = high - low
    power = 10.0 ** math.floor(math.log10(width / 4))
    step = next(size * power for size in (1, 2, 5, 10) if size * power * 5 >= width)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return low, high, [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def compare_entries(track: TrackBoard, a: str, b: str) -> SystemComparison:
    """The paired test of two systems by their keys. Raises KeyError if one is missing, or has no counts."""
    by_key = {entry.key: entry for entry in track.entries}
    first, second = by_key[a], by_key[b]
    lines = tuple(
        ComparedScore(score, score_text(first, score), score_text(second, score), *_test_texts(score, test))
        for score, test in track.compare(a, b).items()
    )
    return SystemComparison(first, second, lines)


def _test_texts(score: str, test: PairedResult) -> tuple[str, str, str]:
    """The difference, the p-value, and the conclusion."""
    if math.isnan(test.difference):
        return NOTHING, NOTHING, "not defined for both"
    difference, p, _ = difference_cells(test)
    if not test.excludes_0:
        return difference, p, "does not show which is better"
    return difference, p, f"{'A' if test.difference > 0 else 'B'} has the higher {score_name(score)}"


def comparable(track: TrackBoard, query: TableQuery) -> list[tuple[str, str]]:
    """(label, key) of the systems that match the query and can be compared, in order; labels are unique."""
    compared = track.compared
    entries = [entry for entry in find_entries(track, query) if entry.key in compared][:CHOICES]
    labels = []
    for entry in entries:
        by = ", ".join(filter(None, (entry.author, entry.date))) or KINDS[entry.kind]
        labels.append(f"{printed(entry.system)} ({printed(by)})")
    duplicates = {label for label, count in Counter(labels).items() if count > 1}
    return [
        (f"{label} [{entry.key}]" if label in duplicates else label, entry.key)
        for label, entry in zip(labels, entries, strict=True)
    ]


def printed(text: str) -> str:
    """A text with unprintable characters escaped, so that it cannot hide or reverse the text beside it."""
    return printable(text.replace("\u3000", " "), LONGEST)


def page_of_differences(differences: Sequence[Difference], page: int) -> DifferencePage:
    """A page of the differences, with personal data masked, and how often each field differs among all of them."""
    page, pages = _page(page, len(differences), SHOWN_DIFFERENCES)
    first = page * SHOWN_DIFFERENCES
    shown = tuple(
        replace(item, text=mask(item.text), fields={name: (mask(a), mask(b)) for name, (a, b) in item.fields.items()})
        for item in differences[first : first + SHOWN_DIFFERENCES]
    )
    fields = Counter(name for item in differences for name in item.fields)
    return DifferencePage(shown, tuple(fields.items()), first + 1, len(differences), page, pages)

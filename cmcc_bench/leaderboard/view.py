"""What the leaderboard's page shows, as plain data: rows sorted and filtered, the plot's bars, two systems compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cmcc_bench.errors import printable
from cmcc_bench.leaderboard.board import BoardEntry, Difference, EntryKind, TrackBoard
from cmcc_bench.leaderboard.submission import is_web_address
from cmcc_bench.masking import mask
from cmcc_bench.reports.table import NOTHING, decimals_of, difference_cells, score_cell, score_name
from cmcc_bench.scoring import Interval, PairedResult

ROWS = 100  # of a table at a time
BARS = 40  # of a plot
SHOWN_DIFFERENCES = 20  # at a time
CHOICES = 500  # systems that a list to choose from holds
LONGEST = 2_000  # characters of one text

KINDS: dict[EntryKind, str] = {"submission": "submitted", "bound": "bound", "published": "as published"}
FLAGGED = "flagged"
ORDERS = {"system": "name", "date": "newest"}  # beside the scores
RANK_RULE = (
    "A rank is one more than the number of systems whose whole 95 % interval lies above: systems that share a rank, "
    "such as 1=, are not told apart by these dialogues."
)


@dataclass(frozen=True)
class TableQuery:
    """What a visitor asks for. order: a headline score, highest first, or one of ORDERS; page: from 0."""

    order: str
    text: str = ""
    kinds: tuple[EntryKind, ...] = tuple(KINDS)
    page: int = 0


@dataclass(frozen=True)
class ScoreText:
    """A score as it stands in a cell; interval: "" where it has none."""

    point: str
    interval: str


@dataclass(frozen=True)
class EntryRow:
    """An entry as a row; kind: a key of KINDS, link: an address that may be followed, or None."""

    entry: BoardEntry
    rank: str
    kind: str
    scores: tuple[ScoreText, ...]
    link: str | None


@dataclass(frozen=True)
class Table:
    """A page of rows. ranked_by: the score that the ranks are of; found: rows on all pages; total: without a filter."""

    scores: tuple[str, ...]
    order: str
    ranked_by: str
    rows: tuple[EntryRow, ...]
    found: int
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Bar:
    """A system in the plot. x, low, high: in percent of the width; low and high None without an interval.

    beyond: "left" or "right" where the score is not on the axis; x is then the end of it on that side.
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
    """Bars of one score, with the axis: ticks as (percent of the width, text). left_out: systems beyond BARS."""

    score: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    left_out: int


@dataclass(frozen=True)
class ComparedScore:
    """A line of the paired test of systems A and B, whose scores come first."""

    score: str
    a: ScoreText
    b: ScoreText
    difference: str
    p: str
    words: str


@dataclass(frozen=True)
class SystemComparison:
    """Two systems: the paired test."""

    a: BoardEntry
    b: BoardEntry
    lines: tuple[ComparedScore, ...]


@dataclass(frozen=True)
class DifferencePage:
    """Some of the items that two systems answer differently. fields: how often each differs; first: from 1."""

    differences: tuple[Difference, ...]
    fields: tuple[tuple[str, int], ...]
    first: int
    found: int
    page: int
    pages: int


def find_entries(track: TrackBoard, query: TableQuery) -> list[BoardEntry]:
    """The entries that a visitor asks for, in the order asked for, whatever the page."""
    words, found = query.text.casefold().split(), []
    for entry in _in_order(track, query.order):
        fields = (entry.system, entry.author, entry.training_data, entry.date, *entry.flags, *entry.notes)
        text = " ".join(fields).casefold()
        if entry.kind in query.kinds and all(word in text for word in words):
            found.append(entry)
    return found


def _in_order(track: TrackBoard, order: str) -> list[BoardEntry]:
    if order == "system":
        return sorted(track.entries, key=lambda entry: (entry.system.casefold(), entry.key))
    by_score = track.sorted_by(order if order in track.track.headline else track.track.headline[0])
    return sorted(by_score, key=lambda entry: entry.date, reverse=True) if order == "date" else by_score


def table_of(track: TrackBoard, query: TableQuery) -> Table:
    """The page of rows that a visitor asks for; the last one where there are not so many."""
    found = find_entries(track, query)
    page, pages = _page(query.page, len(found), ROWS)
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
        for entry in found[page * ROWS : (page + 1) * ROWS]
    )
    return Table(track.track.headline, query.order, ranked_by, rows, len(found), len(track.entries), page, pages)


def _page(wanted: int, items: int, size: int) -> tuple[int, int]:
    pages = max(1, math.ceil(items / size))
    return min(max(wanted, 0), pages - 1), pages


def rank_texts(entries: Iterable[BoardEntry], score: str) -> dict[str, str]:
    """Key -> rank by a score, with = where another system has it, too; nothing for what has no rank."""
    ranks = {entry.key: entry.ranks[score] for entry in entries if entry.ranks and score in entry.ranks}
    shared = Counter(ranks.values())
    return {key: f"{rank}=" if shared[rank] > 1 else str(rank) for key, rank in ranks.items()}


def mark_of(entry: BoardEntry) -> str:
    """How an entry is marked: its kind, or that it is flagged."""
    return FLAGGED if entry.flags else entry.kind


def nth_submission(entry: BoardEntry) -> str:
    """Which of its author's submissions of the system it is, such as `2nd submission`; "" where it is the first."""
    n = entry.submission
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending} submission" if n > 1 else ""


def name_of(entry: BoardEntry) -> str:
    """How an entry is called beside its mark, which it does not repeat."""
    words = f", {KINDS['published']}"
    return entry.system.removesuffix(words) if entry.kind == "published" else entry.system


def shown_score(entry: BoardEntry, score: str) -> str:
    """A score of an entry with its interval; a dash where it has none, or none that is defined."""
    found = entry.scores.get(score)
    return NOTHING if found is None else score_cell(found, decimals_of(score))


def score_text(entry: BoardEntry, score: str) -> ScoreText:
    """A score of an entry, and its interval apart from it."""
    point, _, interval = shown_score(entry, score).partition(" ")
    return ScoreText(point, interval)


def safe_link(address: str | None) -> str | None:
    """The address where a browser may follow it: a stored file may have been written by anybody."""
    return address if address and is_web_address(address) else None


def plot_of(track: TrackBoard, query: TableQuery) -> Plot:
    """The bars of the systems that a visitor asks for, by the score that they are sorted by, or the main one."""
    score = query.order if query.order in track.track.headline else track.track.headline[0]
    found = [(entry, entry.scores[score]) for entry in find_entries(track, query) if score in entry.scores]
    found = [(entry, interval) for entry, interval in found if math.isfinite(interval.point)]
    shown = found[:BARS]
    # The ranked systems decide what is on the axis: gold, at the end of the scale, would squeeze them into a corner.
    ranked = [interval for entry, interval in shown if entry.kind == "submission" and not entry.flags]
    values = [value for one in ranked or [one for _, one in shown] for value in (one.point, *_ends(one))]
    low, high, marks = _axis(min(values, default=0.0), max(values, default=1.0))

    def percent(value: float) -> float:
        return round(min(100.0, max(0.0, 100 * (value - low) / (high - low))), 2)

    bars = []
    for entry, interval in shown:
        left, right = map(percent, _ends(interval)) if _ends(interval) else (None, None)
        text, beyond = score_text(entry, score), _beyond(interval.point, low, high)
        bars.append(Bar(entry, mark_of(entry), text, percent(interval.point), left, right, beyond))
    ticks = tuple((percent(value), f"{value:g}") for value in marks)
    return Plot(score, tuple(bars), ticks, len(found) - len(shown))


def _beyond(value: float, low: float, high: float) -> str:
    """On which side of the axis a value lies outside; a hair is rounding."""
    hair = 1e-9 * (high - low)
    return "left" if value < low - hair else "right" if value > high + hair else ""


def _ends(interval: Interval) -> tuple[float, ...]:
    return (interval.low, interval.high) if math.isfinite(interval.low) and math.isfinite(interval.high) else ()


def _axis(least: float, most: float) -> tuple[float, float, list[float]]:
    """An axis that holds these values and a margin: its two ends, and where its marks are.

    Marks are a step apart that is 1, 2 or 5 of a power of ten. No margin goes below 0, nor above 1 where the scores do
    not.
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
    """The paired test of two systems by their keys. Raises KeyError where one is not there, or has no counts."""
    by_key = {entry.key: entry for entry in track.entries}
    first, second = by_key[a], by_key[b]
    lines = tuple(
        ComparedScore(score, score_text(first, score), score_text(second, score), *_words_of(score, found))
        for score, found in track.compare(a, b).items()
    )
    return SystemComparison(first, second, lines)


def _words_of(score: str, found: PairedResult) -> tuple[str, str, str]:
    """The difference, the p-value, and what they say."""
    if math.isnan(found.difference):
        return NOTHING, NOTHING, "not defined for both"
    difference, p, _ = difference_cells(found)
    if not found.excludes_0:
        return difference, p, "does not show which is better"
    return difference, p, f"{'A' if found.difference > 0 else 'B'} has the higher {score_name(score)}"


def comparable(track: TrackBoard, query: TableQuery) -> list[tuple[str, str]]:
    """(label, key) of the systems that can be compared, in order, those that the filter finds; no label twice."""
    compared = track.compared
    found = [entry for entry in find_entries(track, query) if entry.key in compared][:CHOICES]
    labels = []
    for entry in found:
        by = ", ".join(filter(None, (entry.author, entry.date))) or KINDS[entry.kind]
        labels.append(f"{printed(entry.system)} ({printed(by)})")
    twice = {label for label, times in Counter(labels).items() if times > 1}
    return [
        (f"{label} [{entry.key}]" if label in twice else label, entry.key)
        for label, entry in zip(labels, found, strict=True)
    ]


def printed(text: str) -> str:
    """A text with what cannot be printed written out, so that it can neither hide nor turn what stands beside it."""
    return printable(text.replace("\u3000", " "), LONGEST)


def page_of_differences(found: Sequence[Difference], page: int) -> DifferencePage:
    """Some of the differences, with personal data masked, and how often each field differs among all of them."""
    page, pages = _page(page, len(found), SHOWN_DIFFERENCES)
    first = page * SHOWN_DIFFERENCES
    shown = tuple(
        replace(one, said=mask(one.said), fields={name: (mask(a), mask(b)) for name, (a, b) in one.fields.items()})
        for one in found[first : first + SHOWN_DIFFERENCES]
    )
    fields = Counter(name for one in found for name in one.fields)
    return DifferencePage(shown, tuple(fields.items()), first + 1, len(found), page, pages)

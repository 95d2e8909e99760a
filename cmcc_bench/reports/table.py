"""A table of results, for the terminal and as Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from cmcc_bench.errors import printable
from cmcc_bench.scoring import Interval, PairedResult

NOTHING = "–"
_AUTOLINK = re.compile(r"(?<=:)//|(?<=www)\.|@", re.IGNORECASE)  # GitHub's Markdown makes links of these


@dataclass(frozen=True)
class ReportTable:
    """A title, rows of texts, and notes below the table; without columns, the notes stand alone."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table as GitHub's Markdown."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"### {_escaped(self.title)}"
        yield ""
        if self.columns:
            yield "| " + " | ".join(map(_escaped, self.columns)) + " |"
            yield "|" + "---|" * len(self.columns)
            for row in self.rows:
                yield "| " + " | ".join(map(_escaped, row)) + " |"
            yield ""
        for note in self.notes:
            yield f"{_safe(note)}  "

    def terminal(self, compact: bool = False) -> TerminalTable:
        """The table for a rich console of any width; confidence intervals are below their scores.

        compact: as few lines as possible: intervals beside their scores where they fit, and no rules.
        """
        title, *notes = map(_safe, (self.title, *self.notes))
        rows = tuple(tuple(map(_safe, row)) for row in self.rows)
        return TerminalTable(ReportTable(title, tuple(map(_safe, self.columns)), rows, tuple(notes)), compact)


@dataclass(frozen=True)
class TerminalTable:
    """A table that fits the console: a grid if every word fits into its column, else one line per cell.

    rich breaks words in the middle to make columns narrower, so widths and line breaks are computed here. Chinese text
    may break after any character; other words are broken only if they are longer than the whole line.
    """

    table: ReportTable
    compact: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the title, the rows and the notes, in lines of at most `options.max_width`."""
        width = options.max_width
        cells = [[cell.replace(" [", "\n[") for cell in row] for row in self.table.rows]
        available = width - _GAP * len(self.table.columns) - 1
        widths = _widths([list(self.table.columns), *cells], available)
        if self.compact and (inline := _widths([list(self.table.columns), *map(list, self.table.rows)], available, 1)):
            cells, widths = [list(row) for row in self.table.rows], inline
        if self.table.title:
            yield Text(wrapped(self.table.title, width), style="italic")
        if widths:
            yield _grid(self.table.columns, cells, widths, None if self.compact else box.SIMPLE_HEAD)
        elif self.table.columns:
            yield from _stacked(self.table, width)
            if self.table.notes:
                yield Text("")
        for note in self.table.notes:
            yield Text(wrapped(note, width), style="dim italic")
        yield Text("")


def _safe(text: str) -> str:
    """A text with its control characters escaped: names from files may have codes that color or turn what follows."""
    return "\n".join(printable(line, len(line)) for line in text.replace("\u3000", " ").split("\n"))


_GAP = 2  # blanks between columns
# A line may be broken after blanks, a Chinese character or a bar, not inside an interval.
_CHINESE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60"
_WORDS = re.compile(rf"\[[^\[\]\s]+, [^\[\]\s]+\]|[{_CHINESE}]|[^\s|{_CHINESE}]+\|?|\S")


def wrapped(text: str, width: int) -> str:
    """A text in lines of at most `width` cells; only words that are wider than a line are broken."""
    return "\n".join(chain.from_iterable(_lines_of(line, max(1, width)) for line in text.split("\n")))


def _lines_of(line: str, width: int) -> Iterator[str]:
    """One line wrapped into several; blanks at the breaks are removed."""
    if cell_len(line) <= width:
        yield line
        return
    current = ""
    for word in re.findall(rf"\s*(?:{_WORDS.pattern})", line):
        if cell_len(current + word) <= width:
            current += word
            continue
        if current:
            yield current
        *pieces, current = chop_cells(word.lstrip(), width) or [""]
        yield from pieces
    yield current


def _widths(rows: list[list[str]], available: int, whole_from: int | None = None) -> list[int] | None:
    """Column widths that break no word, as even as possible; None if the table is too wide for that.

    whole_from: columns from this one on are as wide as their lines, so that none of their lines is broken.
    """
    columns = list(zip(*rows, strict=True))
    whole = [max((cell_len(line) for cell in column for line in cell.split("\n")), default=1) for column in columns]
    least = [max((cell_len(word) for cell in column for word in _WORDS.findall(cell)), default=1) for column in columns]
    if whole_from is not None:
        least[whole_from:] = whole[whole_from:]
    if sum(least) > available:
        return None
    widths, left = least, available - sum(least)
    while left and (short := [n for n, width in enumerate(widths) if width < whole[n]]):
        for n in short[:left]:
            widths[n] += 1
        left -= min(left, len(short))
    return widths


def _grid(
    columns: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int], lines: box.Box | None
) -> Table:
    table = Table(box=lines, padding=(0, 1, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(Text(wrapped(column, width)), width=width, no_wrap=True, overflow="ignore")
    for row in cells:
        table.add_row(*[Text(wrapped(cell, width)) for cell, width in zip(row, widths, strict=True)])
    return table


def _stacked(table: ReportTable, width: int) -> Iterator[Text]:
    """Each row as lines `column: cell`, with a blank line before each row."""
    if not table.rows:
        yield from (Text(wrapped(column, width)) for column in table.columns)
    for row in table.rows:
        yield Text("")
        for column, cell in zip(table.columns, row, strict=True):
            yield Text(wrapped(f"{column}: {cell}" if column else cell, width))


def _escaped(text: str) -> str:
    """A text with control characters and Markdown's special characters escaped, so that it is shown literally."""
    plain = re.sub(r"[\\`*|~]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", _safe(text)).replace("](", "]\\(")
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    return _AUTOLINK.sub(lambda match: "".join(f"&#{ord(c)};" for c in match[0]), plain)


def mark(synthetic: bool) -> str:
    """The end of a table's title where the scores are of simulated dialogues."""
    return " — SYNTHETIC data, not a result on CMCC" if synthetic else ""


def score_cell(interval: Interval, decimals: int = 3) -> str:
    """A score with its confidence interval: 0.642 [0.61, 0.67]; a dash if it is undefined."""
    if math.isnan(interval.point):
        return NOTHING
    if math.isnan(interval.low):  # bootstrap without resamples
        return f"{interval.point:.{decimals}f}"
    low, high = (f"{bound:.{decimals - 1}f}" for bound in (interval.low, interval.high))
    return f"{interval.point:.{decimals}f} [{low}, {high}]"


def decimals_of(key: str) -> int:
    """The number of decimals of a score: two for BLEU, which goes up to 100, else three."""
    return 2 if key.startswith("bleu") else 3


def score_name(key: str) -> str:
    """The name of a score in tables: macro_f1_without_neutral -> macro F1 without neutral."""
    return key.replace("_", " ").replace("f1", "F1").replace("bleu", "BLEU-4")


def joined(parts: Sequence[str]) -> str:
    """Parts of a sentence as a list: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def published_cell(value: float | None) -> str:
    """A published score; a dash if there is none."""
    return NOTHING if value is None else f"{value:.3f}"


DIFFERENCES = ("score", "difference [95 % CI]", "p-value", "CI excludes 0")  # columns of a paired bootstrap test


def difference_cells(result: PairedResult) -> tuple[str, str, str]:
    """The cells of a paired bootstrap test after the score's name; dashes if the score is undefined."""
    if math.isnan(result.difference):
        return NOTHING, NOTHING, NOTHING
    if math.isnan(result.low):  # bootstrap without resamples
        return f"{result.difference:+.3f}", NOTHING, NOTHING
    interval = f"[{result.low:+.3f}, {result.high:+.3f}]"
    return f"{result.difference:+.3f} {interval}", f"{result.p_value:.3f}", "yes" if result.excludes_0 else "no"


def verdict(name: str, results: Mapping[str, PairedResult]) -> str:
    """The results of paired bootstrap tests as a sentence: which differences have an interval that excludes 0.

    name: "A minus B". results: name of a score -> its test. A score without an interval is left out.
    """
    excluding, including = list[str](), list[str]()
    for score, result in results.items():
        if result.excludes_0:
            excluding.append(f"{score} ({'positive' if result.difference > 0 else 'negative'})")
        elif result.low == result.low:
            including.append(score)
    groups = (("excludes", excluding), ("includes", including))
    parts = [f"{verb} 0 for {joined(scores)}" for verb, scores in groups if scores]
    if not parts:
        return f"{name}: the difference has no confidence interval."
    return f"{name}: the 95 % confidence interval of the difference {', and '.join(parts)}."

"""A table of results, for the terminal and as Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from cmcc_bench.scoring import Interval, PairedResult, ResponseScores

NOTHING = "–"
_AUTOLINK = re.compile(r"(?<=:)//|(?<=www)\.|@", re.IGNORECASE)  # of which GitHub's Markdown makes links by itself


@dataclass(frozen=True)
class ReportTable:
    """Rows of texts under a title; notes are lines below it."""

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
        yield "| " + " | ".join(map(_escaped, self.columns)) + " |"
        yield "|" + "---|" * len(self.columns)
        for row in self.rows:
            yield "| " + " | ".join(map(_escaped, row)) + " |"
        yield ""
        for note in self.notes:
            yield f"{note}  "

    def terminal(self) -> Table:
        """The table for a rich console; an interval stands below its score."""
        caption = Text("\n".join(self.notes), justify="left")
        table = Table(title=Text(self.title), caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), min_width=72)
        for column in self.columns:
            table.add_column(Text(column), overflow="fold")
        for row in self.rows:
            table.add_row(*[Text(cell.replace(" [", "\n[")) for cell in row])
        return table


def _escaped(text: str) -> str:
    """A text that Markdown shows as it is: no link, picture, emphasis, code, entity or mark-up comes of it."""
    plain = re.sub(r"[\\`*|~]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text).replace("](", "]\\(")
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    return _AUTOLINK.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), plain)


def mark(synthetic: bool) -> str:
    """What every title says whose numbers are of simulated dialogues."""
    return " — SYNTHETIC data, no result on CMCC" if synthetic else ""


def score_cell(interval: Interval, decimals: int = 3) -> str:
    """A score with its interval: 0.642 [0.61, 0.67]; a dash where it is not defined."""
    if math.isnan(interval.point):
        return NOTHING
    if math.isnan(interval.low):  # no resamples were asked for
        return f"{interval.point:.{decimals}f}"
    low, high = (f"{bound:.{decimals - 1}f}" for bound in (interval.low, interval.high))
    return f"{interval.point:.{decimals}f} [{low}, {high}]"


def decimals_of(key: str) -> int:
    """How many decimals a score is shown with: two of BLEU, which goes up to 100, three of all others."""
    return 2 if key == "bleu" else 3


def score_name(key: str) -> str:
    """A score's key as a reader has it: macro_f1_without_neutral -> macro F1 without neutral."""
    return key.replace("_", " ").replace("f1", "F1").replace("bleu", "BLEU-4")


def published_cell(value: float | None) -> str:
    """A published number; a dash where there is none."""
    return NOTHING if value is None else f"{value:.3f}"


DIFFERENCES = ("score", "difference [95 %]", "p", "excludes 0")  # columns of a paired test


def difference_cells(found: PairedResult) -> tuple[str, str, str]:
    """The cells of a paired test after the score's name; dashes where the score is not defined."""
    if math.isnan(found.difference):
        return NOTHING, NOTHING, NOTHING
    interval = f" [{found.low:+.3f}, {found.high:+.3f}]" if found.low == found.low else ""
    return f"{found.difference:+.3f}{interval}", f"{found.p_value:.3f}", "yes" if found.excludes_0 else "no"


def verdict(name: str, score: str, found: PairedResult) -> str:
    """What a paired test says, in words."""
    if not found.excludes_0:
        return f"{name}: the {score} interval includes 0, so these dialogues do not show which is better."
    return f"{name}: {score} is {'higher' if found.difference > 0 else 'lower'}, and the interval excludes 0."


def score_table(name: str, scores: ResponseScores, synthetic: bool, mode: str = "end2end") -> ReportTable:
    """All scores of one system, a row each; of one decoded with the oracle, those of its own response alone."""
    own = [key for key in scores.scores if mode == "end2end" or key == "bleu"]
    rows = tuple((key, score_cell(scores.scores[key])) for key in own)
    folded = ("Acts are scored with the caring ones folded back.",) if scores.fold_caring else ()
    notes = (
        *folded,
        f"{scores.dialogues} dialogues, {scores.exchanges} exchanges; {scores.resamples} resamples, seed {scores.seed}",
        f"BLEU: {scores.signature}",
    )
    return ReportTable(f"{name}, {scores.version}{mark(synthetic)}", ("score", "value [95 %]"), rows, notes)

"""A table of results, for the terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from cmcc_bench.scoring import Interval, ResponseScores

NOTHING = "–"


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
        yield f"### {self.title}"
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


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>")


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


def published_cell(value: float | None) -> str:
    """A published number; a dash where there is none."""
    return NOTHING if value is None else f"{value:.3f}"


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

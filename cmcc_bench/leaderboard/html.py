"""The parts of the leaderboard's page as HTML, with all texts escaped.

`_escape_unprintable` escapes unprintable characters, such as those that turn the direction of a text; then the
templates escape HTML.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cmcc_bench.distribution import requirement
from cmcc_bench.errors import printable
from cmcc_bench.leaderboard.board import BOOTSTRAP, Board, EntryKind, TrackBoard
from cmcc_bench.leaderboard.reader import SOURCE_VARIABLE, Reading
from cmcc_bench.leaderboard.view import (
    CUTOFF_NOTE,
    KINDS,
    RANK_RULE,
    DifferencePage,
    Plot,
    SystemComparison,
    Table,
    name_of,
    nth_submission,
    printed,
)
from cmcc_bench.reports.table import score_name
from cmcc_bench.templates import html_environment

_FOLDER = Path(__file__).parent
_KIND_NOTES: dict[EntryKind, str] = {
    "submission": "submitted by its author, scored here",
    "bound": "a reference: gold, majority, random or a simple baseline; not ranked",
    "published": "from the paper, on the licensed corpus: other data, no interval, not ranked",
}
_FLAGGED_NOTE = "a doubtful submission, for instance with an exactly perfect score; not ranked"


def _escape_unprintable(value: Any) -> Any:  # noqa: ANN401 - any value in a template
    return printed(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT = html_environment(_FOLDER, finalize=_escape_unprintable)
_ENVIRONMENT.filters["score_name"] = score_name
_ENVIRONMENT.globals["kinds"] = KINDS
_ENVIRONMENT.globals["requirement"] = requirement
_ENVIRONMENT.filters["name_of"] = name_of
_ENVIRONMENT.filters["nth_submission"] = nth_submission


def style() -> str:
    """The page's style sheet."""
    return (_FOLDER / "page.css").read_text("utf-8")


def _render(name: str, **values: Any) -> str:  # noqa: ANN401
    return _ENVIRONMENT.get_template(f"page_{name}.html.jinja").render(**values)


def heading_html(reading: Reading, track: TrackBoard | None) -> str:
    """The title, data set and split, a warning if the data are synthetic, and the problem if reading failed."""
    is_on_hub = bool(reading.source) and not Path(reading.source).is_dir()
    return _render("heading", reading=reading, track=track, is_on_hub=is_on_hub, variable=SOURCE_VARIABLE)


def table_html(table: Table) -> str:
    """The table; columns that it can be sorted by have a button in their head (data-order: the order)."""
    notes = {KINDS[kind]: note for kind, note in _KIND_NOTES.items()}
    notes |= {"flagged": _FLAGGED_NOTE, "data cut-off": CUTOFF_NOTE}
    return _render("table", table=table, rule=RANK_RULE, notes=notes, resamples=BOOTSTRAP.resamples)


def plot_html(plot: Plot) -> str:
    """The plot of the scores with their intervals; each row also has the numbers as text."""
    return _render("plot", plot=plot)


def comparison_html(comparison: SystemComparison) -> str:
    """The paired test of two systems, with its conclusion."""
    return _render("comparison", comparison=comparison, resamples=BOOTSTRAP.resamples)


def differences_html(shown: DifferencePage, items: str) -> str:
    """The items that two systems answer differently. items: the word for them, in the plural."""
    return _render("differences", shown=shown, items=items)


def help_html(board: Board | None, source: str) -> str:
    """How to submit, as commands to copy."""
    dataset = shlex.quote(printable(board.dataset)) if board else "DATASET"
    split = board.split if board else "test"
    tasks = list(board.tracks) if board else []
    repository = source if source and not Path(source).is_dir() else "ORGANIZATION/RESULTS"
    return _render("help", dataset=dataset, split=split, tasks=tasks, repository=shlex.quote(repository))


def rejected_html(board: Board | None) -> str:
    """The rejected submissions with the reasons; empty if there are none."""
    return _render("rejected", rejected=board.rejected) if board and board.rejected else ""


def note_html(text: str, is_problem: bool = False) -> str:
    """A sentence that is shown instead of content."""
    return _render("note", text=text, is_problem=is_problem)

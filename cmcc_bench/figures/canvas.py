"""The canvas of a printed figure: its style, title, data set line and note, and the area between them.

The same data give the same bytes: no date, fixed ids. Text is drawn as outlines, so that readers need no font.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from cmcc_bench.figures.data import Figure, Subject, title_of
from cmcc_bench.figures.fonts import LATIN
from cmcc_bench.figures.layout import wrapped

COLUMN, PAGE = 3.15, 6.3  # inches: widths of a column and of the whole text of an ACL paper
TITLE, TEXT, NOTE = 8.0, 7.0, 5.5  # points
DPI = 300

_LINE = 1.3  # line height, times the font size
_MARGIN = 0.06  # inches
_STYLE: Any = {  # matplotlib types its keys as literals
    "svg.hashsalt": "cmcc",
    "svg.fonttype": "path",
    "font.size": TEXT,
    "text.parse_math": False,  # dollar signs in a name are not a formula
    "axes.linewidth": 0.6,
    "axes.unicode_minus": False,
    "hatch.linewidth": 0.5,
}


@dataclass(frozen=True)
class Canvas:
    """A drawing, and the area between its title and its note: left, bottom, width, height in inches."""

    drawing: Drawing
    language: str
    room: tuple[float, float, float, float]

    def axes(self, left: float, bottom: float, width: float, height: float, polar: bool = False) -> Axes:
        """Adds axes; left and bottom are inches from the lower left corner of the area."""
        x, y, _, _ = self.room
        wide, high = self.drawing.get_size_inches()
        return self.drawing.add_axes(((x + left) / wide, (y + bottom) / high, width / wide, height / high), polar=polar)

    def width_of(self, text: str, size: float) -> float:
        """The width of a text in inches. size: in points."""
        path = TextPath((0, 0), text, size=size, prop=FontProperties(family=mpl.rcParams["font.family"]))
        return float(path.get_extents().width) / 72


@contextmanager
def print_style(font: str | None) -> Iterator[None]:
    """Sets the style of printed figures inside the block. font: the font family for Chinese text, None for none."""
    families = [LATIN] if font is None else [font, LATIN]
    settings: Any = {key: value for key, value in mpl.rcParamsDefault.items() if "backend" not in key}
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns when a Chinese font has no bold face; the regular face is used then
    try:
        with mpl.rc_context({**settings, **_STYLE, "font.family": families}):
            yield
    finally:
        log.setLevel(level)


def new_canvas(figure: Figure, subject: Subject, language: str, width: float, height: float) -> Canvas:
    """Makes a drawing with title, data set line and note. width, height: of the area between them, in inches."""
    characters = {size: int((width - 2 * _MARGIN) * 72 / (size * 0.56)) for size in (TITLE, NOTE)}
    title = wrapped(title_of(figure).text(language), int(characters[TITLE] * 0.92))
    subject_lines = wrapped(subject.words.text(language), characters[NOTE])
    note = wrapped(figure.note.text(language), characters[NOTE])
    above = (len(title) * TITLE + len(subject_lines) * NOTE) * _LINE / 72 + 2 * _MARGIN
    below = len(note) * NOTE * _LINE / 72 + 2 * _MARGIN
    total = above + height + below
    drawing = Drawing(figsize=(width, total), facecolor="white")
    left, top = _MARGIN / width, 1 - _MARGIN / total
    drawing.text(left, top, "\n".join(title), size=TITLE, weight="bold", va="top", linespacing=1.2)
    lower = top - len(title) * TITLE * _LINE / 72 / total
    drawing.text(left, lower, "\n".join(subject_lines), size=NOTE, va="top", color="#444444", linespacing=1.2)
    drawing.text(left, _MARGIN / total, "\n".join(note), size=NOTE, va="bottom", color="#444444", linespacing=1.2)
    return Canvas(drawing, language, (0.0, below, width, height))

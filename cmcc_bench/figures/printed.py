"""Figures for print, as SVG and PNG: matplotlib for bars and the Sankey diagram, pyCirclize for the chords.

The same data give the same bytes: no date, fixed ids, text as outlines, so that no reader's machine needs the font.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from cmcc_bench.figures.caption import Subject, title_of
from cmcc_bench.figures.data import Bars, Chord, Figure, Sankey
from cmcc_bench.figures.fonts import LATIN
from cmcc_bench.figures.layout import wrapped
from cmcc_bench.figures.printed_bars import draw_bars
from cmcc_bench.figures.printed_chord import draw_chord
from cmcc_bench.figures.printed_sankey import draw_sankey

COLUMN, PAGE = 3.15, 6.3  # inches: a column and the whole width of the text of an ACL paper
TITLE, TEXT, NOTE = 8.0, 7.0, 5.5  # points
DPI = 300

_LINE = 1.3  # of the size of the font
_MARGIN = 0.06  # inches
_STYLE: Any = {  # matplotlib types its keys as literals
    "svg.hashsalt": "cmcc",
    "svg.fonttype": "path",
    "font.size": TEXT,
    "text.parse_math": False,  # a name with dollar signs is no formula
    "axes.linewidth": 0.6,
    "axes.unicode_minus": False,
    "hatch.linewidth": 0.5,
}


@dataclass(frozen=True)
class Canvas:
    """A drawing, and the room below its title and above its note: left, bottom, width, height in inches."""

    drawing: Drawing
    language: str
    room: tuple[float, float, float, float]

    def axes(self, left: float, bottom: float, width: float, height: float, polar: bool = False) -> Axes:
        """Axes at a place in inches from the room's corner."""
        x, y, _, _ = self.room
        wide, high = self.drawing.get_size_inches()
        return self.drawing.add_axes(((x + left) / wide, (y + bottom) / high, width / wide, height / high), polar=polar)

    def width_of(self, text: str, size: float) -> float:
        """Inches that a text of a size in points takes."""
        path = TextPath((0, 0), text, size=size, prop=FontProperties(family=mpl.rcParams["font.family"]))
        return float(path.get_extents().width) / 72


def write_print(figure: Figure, subject: Subject, language: str, font: str | None, paths: list[Path]) -> None:
    """Draws a figure to files, whose suffixes are .svg or .png.

    font: the family for Chinese; language zh needs one. Parent folders are there.
    """
    with _style(font if language == "zh" else None):
        drawing = draw(figure, subject, language)
        for path in paths:
            metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
            drawing.savefig(path, dpi=DPI, metadata=metadata)


@contextmanager
def _style(font: str | None) -> Iterator[None]:
    families = [LATIN] if font is None else [font, LATIN]
    settings: Any = {key: value for key, value in mpl.rcParamsDefault.items() if "backend" not in key}
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns where a Chinese font has no bold; the regular one is drawn then
    try:
        with mpl.rc_context({**settings, **_STYLE, "font.family": families}):
            yield
    finally:
        log.setLevel(level)


def draw(figure: Figure, subject: Subject, language: str) -> Drawing:
    """The drawing at its printed size, under the style that is set."""
    content = figure.content
    width = COLUMN if isinstance(content, Bars) else PAGE
    height = _height(content)
    canvas = _canvas(figure, subject, language, width, height)
    if isinstance(content, Bars):
        draw_bars(canvas, content)
    elif isinstance(content, Chord):
        draw_chord(canvas, content)
    else:
        draw_sankey(canvas, content)
    return canvas.drawing


def _height(content: Bars | Chord | Sankey) -> float:
    """Inches that the content needs: a bar with a long name takes two lines."""
    if isinstance(content, Bars):
        return 1.9 if content.labels[0].kind == "turns" else 0.42 + 0.21 * len(content.labels)
    return 3.75 if isinstance(content, Chord) else 4.6


def _canvas(figure: Figure, subject: Subject, language: str, width: float, height: float) -> Canvas:
    characters = {size: int((width - 2 * _MARGIN) * 72 / (size * 0.56)) for size in (TITLE, NOTE)}
    title = wrapped(title_of(figure).said(language), int(characters[TITLE] * 0.92))
    subject_lines = wrapped(subject.words.said(language), characters[NOTE])
    note = wrapped(figure.note.said(language), characters[NOTE])
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

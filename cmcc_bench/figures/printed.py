"""Figures for print, as SVG and PNG: matplotlib for bars and the Sankey diagram, pyCirclize for the chords."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from pycirclize import Circos

from cmcc_bench.figures.canvas import COLUMN, DPI, PAGE, Canvas, new_canvas, print_style
from cmcc_bench.figures.data import Bars, Chord, Figure, Label, Sankey, Subject, share
from cmcc_bench.figures.layout import (
    GAP,
    HALVES,
    LEADER,
    bends,
    leader,
    ribbons,
    scale_of,
    spread,
    stacked,
    wrapped,
)
from cmcc_bench.figures.palette import PLAIN, color
from cmcc_bench.files import open_replacement
from cmcc_bench.statistics.counts import Integers


def write_print(figure: Figure, subject: Subject, language: str, font: str | None, paths: list[Path]) -> None:
    """Draws a figure to files, whose suffixes are .svg or .png.

    font: the font family for Chinese text, needed for language zh. The folders of the paths must exist.
    """
    with print_style(font if language == "zh" else None):
        drawing = draw(figure, subject, language)
        for path in paths:
            metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
            with open_replacement(path) as file:
                drawing.savefig(file, format=path.suffix[1:], dpi=DPI, metadata=metadata)


def draw(figure: Figure, subject: Subject, language: str) -> Drawing:
    """Returns the drawing at its printed size; call it inside `print_style`."""
    content, make_canvas = figure.content, partial(new_canvas, figure, subject, language)
    if isinstance(content, Bars):  # a long name of a bar takes two lines
        canvas = make_canvas(COLUMN, 1.9 if content.labels[0].kind == "turns" else 0.42 + 0.21 * len(content.labels))
        _draw_bars(canvas, content)
    elif isinstance(content, Chord):
        canvas = make_canvas(PAGE, 3.75)
        _draw_chord(canvas, content)
    else:
        canvas = make_canvas(PAGE, 4.6)
        _draw_sankey(canvas, content)
    return canvas.drawing


# --------------------------------------------------------------------------------------------------------------------
# Figures 1 to 3: bars, each with its count; a caring act's bar is hatched.
# --------------------------------------------------------------------------------------------------------------------

_BAR_NAME = 22  # half-width characters of a line of a bar's name
_BAR_SIZE = 6.0  # points


def _draw_bars(canvas: Canvas, bars: Bars) -> None:
    """Draws vertical bars for numbers of turns, horizontal bars with names otherwise."""
    _, _, width, height = canvas.room
    if bars.labels[0].kind == "turns":
        _draw_upright_bars(canvas.axes(0.5, 0.38, width - 0.58, height - 0.42), bars, canvas.language)
    else:
        _draw_named_bars(canvas.axes(1.2, 0.36, width - 1.28, height - 0.4), bars, canvas.language)


def _draw_upright_bars(axes: Axes, bars: Bars, language: str) -> None:
    places = [label.index for label in bars.labels]
    drawn = axes.bar(places, bars.counts, color=PLAIN, width=0.8)
    axes.bar_label(drawn, [f"{count:,}" for count in bars.counts], size=5, padding=1.5)
    axes.set_xticks(places)
    axes.set_ylim(0, 1.12 * max(bars.counts))
    axes.set_xlabel(bars.across.text(language), size=6.5)
    axes.set_ylabel(bars.up.text(language), size=6.5)
    _plain(axes)


def _draw_named_bars(axes: Axes, bars: Bars, language: str) -> None:
    places = range(len(bars.labels))
    colors = [color(label) for label in bars.labels]
    hatches = ["////" if label.caring else "" for label in bars.labels]
    drawn = axes.barh(places, bars.counts, color=colors, hatch=hatches, edgecolor="white", linewidth=0, height=0.72)
    total = sum(bars.counts)
    shares = [share(count, total) for count in bars.counts]
    axes.bar_label(drawn, shares, size=5, padding=1.5)
    names = ["\n".join(wrapped(label.words.text(language), _BAR_NAME)) for label in bars.labels]
    axes.set_yticks(places, names, size=_BAR_SIZE, linespacing=0.95)
    axes.set_xlim(0, 1.45 * max(bars.counts))
    axes.set_ylim(len(bars.labels) - 0.4, -0.6)
    axes.set_xlabel(bars.up.text(language), size=6.5)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xticks(
        [tick for tick in axes.get_xticks() if 0 <= tick <= max(bars.counts)]
    )  # later ticks would be cut off
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=_BAR_SIZE, width=0.5, length=2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if axes.get_ylabel():
        axes.yaxis.set_major_formatter("{x:,.0f}")


# --------------------------------------------------------------------------------------------------------------------
# Figures 4 and 7: chords. Emotions on the right, acts on the left, ribbons in the color of the emotion. Names are
# in two columns beside the circle, with lines to their arcs, so that the names of small arcs do not overlap.
# --------------------------------------------------------------------------------------------------------------------

_ARC = (94.0, 100.0)  # of the radius
_NAME_SIZE = 5.5  # points
_WIDEST = 1.45  # inches: the largest radius
_CHORD_LINE = 0.1  # inches per name


@dataclass(frozen=True)
class _Circle:
    x: float  # inches from the left of the drawing
    y: float  # inches from its bottom
    radius: float  # inches


def _draw_chord(canvas: Canvas, chord: Chord) -> None:
    """Draws the circle as large as the names beside it allow."""
    circos = _circos(chord)
    middles = {sector.name: math.radians(sum(sector.deg_lim) / 2) for sector in circos.sectors}
    emotions = _texts(chord.sources, chord.counts.sum(1).tolist(), canvas.language)
    acts = _texts(chord.targets, chord.counts.sum(0).tolist(), canvas.language)
    circle = _circle(canvas, [text for _, text in acts], [text for _, text in emotions])
    _, bottom, _, height = canvas.room
    side = 2 * circle.radius * 1.05  # pyCirclize draws to 105 % of the radius
    circos.plotfig(ax=canvas.axes(circle.x - side / 2, circle.y - bottom - side / 2, side, side, polar=True))
    reach = height / 2 - 0.1
    for texts, on in ((emotions, 1), (acts, -1)):
        named = sorted((math.cos(middles[label.code]), middles[label.code], text) for label, text in texts)
        heights = spread([1.25 * circle.radius * cosine for cosine, _, _ in named], _CHORD_LINE, -reach, reach)
        turns = bends([angle for _, angle, _ in named], [lift / circle.radius for lift in heights], on)
        for (_, angle, text), lift, bend in zip(named, heights, turns, strict=True):
            _draw_name(canvas, text, leader(angle, lift, on, circle.radius, bend), on, circle)


def _texts(labels: Sequence[Label], sizes: list[int], language: str) -> list[tuple[Label, str]]:
    return [(label, f"{label.words.text(language)} {size:,}") for label, size in zip(labels, sizes, strict=True)]


def _circle(canvas: Canvas, left: list[str], right: list[str]) -> _Circle:
    x, bottom, width, height = canvas.room
    before, after = (max(canvas.width_of(text, _NAME_SIZE) for text in side) + 0.1 for side in (left, right))
    radius = min(_WIDEST, (width - before - after) / (2 + 2 * LEADER), height / 2.5)
    free = width - before - after - radius * (2 + 2 * LEADER)
    return _Circle(x + before + free / 2 + radius * (1 + LEADER), bottom + height / 2, radius)


def _circos(chord: Chord) -> Circos:
    """Arcs clockwise from the top: emotions in order, then acts in reverse, so that both read from top to bottom."""
    labels = [*chord.sources, *reversed(chord.targets)]
    sizes = [*chord.counts.sum(1).tolist(), *reversed(chord.counts.sum(0).tolist())]
    gaps = [GAP] * len(labels)
    gaps[len(chord.sources) - 1] = gaps[-1] = HALVES
    circos = Circos(
        {label.code: size for label, size in zip(labels, sizes, strict=True)},
        start=HALVES / 2 - 360,
        end=HALVES / 2,
        space=gaps,
    )
    for sector, label in zip(circos.sectors, labels, strict=True):
        fill = {"fc": color(label), "ec": "none"} | (
            {"hatch": "//////", "ec": "white", "lw": 0} if label.caring else {}
        )
        sector.add_track(_ARC).axis(**fill)
    _draw_chord_ribbons(circos, chord)
    return circos


def _draw_chord_ribbons(circos: Circos, chord: Chord) -> None:
    for ribbon in ribbons(chord.counts):
        source, target = chord.sources[ribbon.row], chord.targets[ribbon.column]
        circos.link(
            (source.code, ribbon.begin, ribbon.begin + ribbon.size),
            (target.code, ribbon.end, ribbon.end + ribbon.size),
            color=color(source),
            alpha=0.6,
            lw=0.1,
            ec=color(source),
            allow_twist=False,
        )


def _draw_name(canvas: Canvas, text: str, line: list[tuple[float, float]], side: int, circle: _Circle) -> None:
    wide, high = canvas.drawing.get_size_inches()
    across = [(circle.x + x) / wide for x, _ in line]
    up = [(circle.y + y) / high for _, y in line]
    canvas.drawing.add_artist(Line2D(across, up, color="#666666", lw=0.4, solid_joinstyle="round"))
    align = "left" if side > 0 else "right"
    canvas.drawing.text(across[-1] + side * 0.03 / wide, up[-1], text, size=_NAME_SIZE, ha=align, va="center")


# --------------------------------------------------------------------------------------------------------------------
# Figure 5: flows. Four columns of labels, ribbons in the color of their emotion.
# --------------------------------------------------------------------------------------------------------------------

_NODE = 0.09  # inches
_NAME_SIZE = 5.5  # points
_SANKEY_LINE = 0.098  # inches per line of a name
_NODE_NAME = 23  # half-width characters of a line
_SIDES = (1.3, 1.15)  # inches for the names of the first and of the last column
_HEADING = 0.22


@dataclass(frozen=True)
class _Column:
    labels: tuple[Label, ...]
    texts: tuple[str, ...]
    places: list[tuple[float, float]]  # top and bottom of each node, in inches
    left: float


def _draw_sankey(canvas: Canvas, sankey: Sankey) -> None:
    """Draws the columns from left to right, as tall as the area allows."""
    _, _, width, height = canvas.room
    axes = canvas.axes(0, 0, width, height)
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    columns, unit = _columns(sankey, canvas.language, width, height - _HEADING)
    for step, counts in enumerate(sankey.counts):
        _draw_flows(axes, columns[step], columns[step + 1], counts, unit)
    for number, (column, heading) in enumerate(zip(columns, sankey.headings, strict=True)):
        _draw_nodes(axes, column, number)
        axes.text(column.left + _NODE / 2, height - 0.04, heading.text(canvas.language), size=6.5, weight="bold",
                  ha="center", va="top")  # fmt: skip


def _columns(sankey: Sankey, language: str, width: float, height: float) -> tuple[list[_Column], float]:
    amounts = sankey.amounts()
    texts = [
        tuple(
            "\n".join(wrapped(f"{label.words.text(language)} {n:,}", _NODE_NAME))
            for label, n in zip(stage, of, strict=True)
        )
        for stage, of in zip(sankey.stages, amounts, strict=True)
    ]
    least = [[_SANKEY_LINE * (1 + text.count("\n")) + 0.03 for text in of] for of in texts]
    unit = scale_of(amounts, least, height)
    distance = (width - sum(_SIDES) - _NODE) / (len(amounts) - 1)
    columns = [
        _Column(labels, names, stacked(of, rooms, unit, height), _SIDES[0] + number * distance)
        for number, (labels, names, of, rooms) in enumerate(zip(sankey.stages, texts, amounts, least, strict=True))
    ]
    return columns, unit


def _draw_flows(axes: Axes, left: _Column, right: _Column, counts: Integers, unit: float) -> None:
    begins = [top for top, _ in left.places]
    ends = [top for top, _ in right.places]
    for row, source in enumerate(left.labels):
        for column, target in enumerate(right.labels):
            size = float(counts[row, column]) * unit
            if size:
                emotion = source if source.kind == "emotions" else target
                shape = _flow(left.left + _NODE, begins[row], right.left, ends[column], size)
                axes.add_patch(PathPatch(shape, fc=color(emotion), alpha=0.5, ec="none"))
                begins[row] -= size
                ends[column] -= size


def _flow(x0: float, y0: float, x1: float, y1: float, size: float) -> Outline:
    middle = (x0 + x1) / 2
    points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    points += [(x1, y1 - size), (middle, y1 - size), (middle, y0 - size), (x0, y0 - size), (x0, y0)]
    curve = [Outline.CURVE4] * 3
    return Outline(points, [Outline.MOVETO, *curve, Outline.LINETO, *curve, Outline.CLOSEPOLY])


def _draw_nodes(axes: Axes, column: _Column, number: int) -> None:
    """Draws the nodes of a column and their names: left of the first column, right of the others."""
    x, align = (column.left - 0.04, "right") if number == 0 else (column.left + _NODE + 0.04, "left")
    # Ribbons pass under the names of the inner columns.
    box = {"fc": "white", "ec": "none", "alpha": 0.6, "pad": 0.6} if number in (1, 2) else None
    for label, text, (top, bottom) in zip(column.labels, column.texts, column.places, strict=True):
        axes.add_patch(Rectangle((column.left, bottom), _NODE, top - bottom, fc=color(label), ec="#333333", lw=0.3))
        height = (top + bottom) / 2
        axes.text(x, height, text, size=_NAME_SIZE, ha=align, va="center", linespacing=1.05, bbox=box)

"""Figures 4 and 7 for print: emotions on the right, acts on the left, ribbons in the colour of the emotion.

Names stand in two columns beside the circle, joined to their arcs by lines, so that small arcs have room for theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from pycirclize import Circos

from cmcc_bench.figures.data import Chord, Label
from cmcc_bench.figures.layout import GAP, HALVES, LEADER, bends, leader, ribbon_places, spread
from cmcc_bench.figures.palette import colour

if TYPE_CHECKING:
    from cmcc_bench.figures.printed import Canvas

_ARC = (94.0, 100.0)  # of the radius
_SIZE = 5.5  # points
_WIDEST = 1.45  # inches: the largest radius
_LINE = 0.1  # inches a name needs


@dataclass(frozen=True)
class _Circle:
    x: float  # inches from the left of the drawing
    y: float  # inches from its bottom
    radius: float  # inches


def draw_chord(canvas: Canvas, chord: Chord) -> None:
    """The circle as large as the names beside it allow."""
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
        heights = spread([1.25 * circle.radius * cosine for cosine, _, _ in named], _LINE, -reach, reach)
        turns = bends([angle for _, angle, _ in named], [lift / circle.radius for lift in heights], on)
        for (_, angle, text), lift, bend in zip(named, heights, turns, strict=True):
            _draw_name(canvas, text, leader(angle, lift, on, circle.radius, bend), on, circle)


def _texts(labels: Sequence[Label], sizes: list[int], language: str) -> list[tuple[Label, str]]:
    return [(label, f"{label.words.said(language)} {size:,}") for label, size in zip(labels, sizes, strict=True)]


def _circle(canvas: Canvas, left: list[str], right: list[str]) -> _Circle:
    x, bottom, width, height = canvas.room
    before, after = (max(canvas.width_of(text, _SIZE) for text in side) + 0.1 for side in (left, right))
    radius = min(_WIDEST, (width - before - after) / (2 + 2 * LEADER), height / 2.5)
    free = width - before - after - radius * (2 + 2 * LEADER)
    return _Circle(x + before + free / 2 + radius * (1 + LEADER), bottom + height / 2, radius)


def _circos(chord: Chord) -> Circos:
    """Arcs clockwise from the top: emotions in their order, then acts backwards, so that both are read downwards."""
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
        fill = {"fc": colour(label), "ec": "none"} | (
            {"hatch": "//////", "ec": "white", "lw": 0} if label.caring else {}
        )
        sector.add_track(_ARC).axis(**fill)
    _draw_ribbons(circos, chord)
    return circos


def _draw_ribbons(circos: Circos, chord: Chord) -> None:
    """Largest first, so that the small lie on top."""
    begins, ends = ribbon_places(chord.counts)
    order = np.argsort(-chord.counts, axis=None, kind="stable")
    for row, column in zip(*np.unravel_index(order, chord.counts.shape), strict=True):
        count = int(chord.counts[row, column])
        if count:
            source, target = chord.sources[row], chord.targets[column]
            begin, end = int(begins[row, column]), int(ends[row, column])
            circos.link(
                (source.code, begin, begin + count),
                (target.code, end, end + count),
                color=colour(source),
                alpha=0.6,
                lw=0.1,
                ec=colour(source),
                allow_twist=False,
            )


def _draw_name(canvas: Canvas, text: str, line: list[tuple[float, float]], side: int, circle: _Circle) -> None:
    wide, high = canvas.drawing.get_size_inches()
    across = [(circle.x + x) / wide for x, _ in line]
    up = [(circle.y + y) / high for _, y in line]
    canvas.drawing.add_artist(Line2D(across, up, color="#666666", lw=0.4, solid_joinstyle="round"))
    align = "left" if side > 0 else "right"
    canvas.drawing.text(across[-1] + side * 0.03 / wide, up[-1], text, size=_SIZE, ha=align, va="center")

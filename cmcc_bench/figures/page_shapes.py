"""The figures of the page as traces and layouts of plotly.js: bars, and filled shapes for chords and flows.

Every figure has a wide form with names and a narrow one for phones, with short codes that a key explains.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cmcc_bench.figures.data import Bars, Chord, Label, Sankey, share
from cmcc_bench.figures.layout import GAP, HALVES, bends, leader, ribbons, scale_of, spread, stacked, wrapped
from cmcc_bench.figures.palette import PLAIN, color, transparent

Drawn: TypeAlias = dict[str, Any]  # a figure, a trace or a layout of plotly.js
Point: TypeAlias = tuple[float, float]

FONT = "system-ui, 'Noto Sans SC', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"

_ARC = (0.94, 1.0)
_STEP = 3.0  # degrees between the points of an arc


@dataclass(frozen=True)
class Form:
    """The form of a figure: its language, and whether it is for a narrow screen."""

    language: str
    narrow: bool

    @property
    def size(self) -> int:
        """The font size in pixels."""
        return 10 if self.narrow else 12

    def name(self, label: Label) -> str:
        """The text of a label in the figure."""
        return label.code if self.narrow and label.kind != "turns" else label.words.text(self.language)


def drawn(content: Bars | Chord | Sankey, form: Form) -> Drawn:
    """Returns the traces and the layout of a figure, as JSON for plotly.js."""
    if isinstance(content, Bars):
        return _bars(content, form)
    return _chord(content, form) if isinstance(content, Chord) else _sankey(content, form)


def _layout(form: Form, height: int, **more: Any) -> Drawn:  # noqa: ANN401  # what plotly.js takes
    return {
        "height": height,
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "font": {"family": FONT, "size": form.size, "color": "#222222"},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "hoverlabel": {
            "bgcolor": "#ffffff",
            "bordercolor": "#333333",
            "font": {"family": FONT, "size": 13, "color": "#222222"},
            "align": "left",
        },
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    } | more


def _bars(bars: Bars, form: Form) -> Drawn:
    upright = bars.labels[0].kind == "turns"
    width = 18 if form.narrow else 60
    names = ["<br>".join(wrapped(label.words.text(form.language), width)) for label in bars.labels]
    top = 1.1 * max(bars.counts) if upright else (1.4 if form.narrow else 1.2) * max(bars.counts)
    up, across = bars.up.text(form.language), bars.across.text(form.language)
    counts = {"title": {"text": up}, "range": [0, top], "tickformat": ",d", "gridcolor": "#e5e5e5", "fixedrange": True}
    named: Drawn = {"automargin": True, "fixedrange": True, "ticklabelstandoff": 4}
    if upright:
        axes = {"xaxis": {**named, "title": {"text": across}, "dtick": 1}, "yaxis": {**counts, "automargin": True}}
    else:
        axes = {"xaxis": {**counts, "nticks": 5}, "yaxis": {**named, "autorange": "reversed"}}
    height = 380 if upright else 90 + (34 if form.narrow else 26) * len(names)
    margin = {"l": 8, "r": 8, "t": 8, "b": 48}
    trace = _bar_trace(bars, names, upright, form)
    return {"data": [trace], "layout": _layout(form, height, bargap=0.2, margin=margin, **axes)}


def _bar_trace(bars: Bars, names: list[str], upright: bool, form: Form) -> Drawn:
    total, counts = sum(bars.counts), list(bars.counts)
    places = [label.index for label in bars.labels] if upright else names
    shares = [share(count, total) for count in counts]
    hover_texts = [
        f"{label.words.text(form.language)}: {text}" for label, text in zip(bars.labels, shares, strict=True)
    ]
    colors = [PLAIN if upright else color(label) for label in bars.labels]
    shapes = ["/" if label.caring else "" for label in bars.labels]
    return {
        "type": "bar",
        "orientation": "v" if upright else "h",
        "x": places if upright else counts,
        "y": counts if upright else places,
        "text": [f"{count:,}" for count in counts] if form.narrow or upright else shares,
        "textfont": {"size": form.size - 2 * (upright and form.narrow)},
        "constraintext": "none",
        "textposition": "outside",
        "textangle": 0,
        "cliponaxis": False,
        "hovertext": hover_texts,
        "hoverinfo": "text",
        "marker": {
            "color": colors,
            "pattern": {"shape": shapes, "fgcolor": "#ffffff", "bgcolor": colors, "size": 6, "solidity": 0.3},
        },
    }


def _shape(points: Sequence[Point], fill: str, text: str, line: str = "rgba(0,0,0,0)") -> Drawn:
    """A filled outline that shows a text when the pointer is over it."""
    return {
        "type": "scatter",
        "mode": "lines",
        "fill": "toself",
        "hoveron": "fills",
        "hoverinfo": "text",
        "x": [round(x, 4) for x, _ in points],
        "y": [round(y, 4) for _, y in points],
        "text": text,
        "fillcolor": fill,
        "line": {"width": 0.5, "color": line},
    }


def _note(x: float, y: float, text: str, anchor: str, **more: Any) -> Drawn:  # noqa: ANN401  # what plotly.js takes
    return {"x": x, "y": y, "text": text, "xanchor": anchor, "yanchor": "middle", "showarrow": False} | more


def _hidden(low: float, high: float, **more: Any) -> Drawn:  # noqa: ANN401  # what plotly.js takes
    return {"visible": False, "range": [low, high], "fixedrange": True} | more


# --------------------------------------------------------------------------------------------------------------------
# Chords.
# --------------------------------------------------------------------------------------------------------------------


def _chord(chord: Chord, form: Form) -> Drawn:
    total = int(chord.counts.sum())
    unit = (360 - GAP * (len(chord.sources) + len(chord.targets) - 2) - 2 * HALVES) / (2 * total)
    froms, tos = chord.counts.sum(1).tolist(), chord.counts.sum(0).tolist()
    right = _arc_starts(froms, unit, HALVES / 2)
    left = _arc_starts(tos[::-1], unit, right[-1] + froms[-1] * unit + HALVES)[::-1]
    traces = list(_ribbons(chord, form, right, left, unit))
    notes: list[Drawn] = []
    sides = ((chord.sources, froms, right, 1), (chord.targets, tos, left, -1))
    for labels, sizes, starts, side in sides:
        middles = [math.radians(start + size * unit / 2) for start, size in zip(starts, sizes, strict=True)]
        for label, size, start in zip(labels, sizes, starts, strict=True):
            text = f"{label.words.text(form.language)}: {share(size, total)}"
            end = start + size * unit
            band = [*_arc(start, end, _ARC[1]), *_arc(end, start, _ARC[0]), _arc(start, end, _ARC[1])[0]]
            traces.append(_shape(band, color(label), text))
        lines, names = _names(labels, sizes, middles, side, form)
        traces += lines
        notes += names
    across, up = (1.48, 1.68) if form.narrow else (2.55, 1.42)
    axes = {"xaxis": _hidden(-across, across), "yaxis": _hidden(-up, up, scaleanchor="x", constrain="domain")}
    return {"data": traces, "layout": _layout(form, 410 if form.narrow else 640, annotations=notes, **axes)}


def _arc_starts(sizes: Sequence[int], unit: float, first: float) -> list[float]:
    """Returns where each arc begins, in degrees clockwise from the top."""
    return [first + unit * sum(sizes[:number]) + GAP * number for number in range(len(sizes))]


def _ribbons(chord: Chord, form: Form, right: list[float], left: list[float], unit: float) -> Iterator[Drawn]:
    for row, column, count, begin, end in ribbons(chord.counts):
        source, target = chord.sources[row], chord.targets[column]
        from_, to = right[row] + unit * begin, left[column] + unit * end
        points = _ribbon(from_, from_ + count * unit, to, to + count * unit)
        of = int(chord.counts[row].sum())
        yield _shape(points, transparent(color(source), 0.55), _transition(source, target, count, of, form))


def _transition(source: Label, target: Label, count: int, of: int, form: Form) -> str:
    text = f"{source.words.text(form.language)} → {target.words.text(form.language)}<br>{share(count, of)}"
    return text.replace("(", "（占前者 ").replace(")", "）") if form.language == "zh" else text[:-1] + " of the first)"


def _arc(begin: float, end: float, radius: float) -> list[Point]:
    steps = max(2, math.ceil(abs(end - begin) / _STEP) + 1)
    angles = np.radians(np.linspace(begin, end, steps))
    return [(radius * math.sin(angle), radius * math.cos(angle)) for angle in angles]


def _ribbon(begin: float, end: float, to_begin: float, to_end: float) -> list[Point]:
    """The outline of a ribbon from one arc to another, with edges that bend toward the center."""
    first, second = _arc(begin, end, _ARC[0]), _arc(to_begin, to_end, _ARC[0])
    return [*first, *_curve(first[-1], second[0]), *second, *_curve(second[-1], first[0])]


def _curve(start: Point, end: Point) -> list[Point]:
    """A quadratic Bézier curve whose control point is the center, (0, 0)."""
    times = np.linspace(0, 1, 14)[1:]
    return [
        (float((1 - t) ** 2 * start[0] + t**2 * end[0]), float((1 - t) ** 2 * start[1] + t**2 * end[1])) for t in times
    ]


def _names(
    labels: Sequence[Label], sizes: Sequence[int], middles: Sequence[float], side: int, form: Form
) -> tuple[list[Drawn], list[Drawn]]:
    """Returns the lines to the names of one side (1 right, -1 left), and the names."""
    gap, reach = (
        (0.098, 1.63) if form.narrow else (0.073, 1.37)
    )  # height of a text line and half the height of the column, in radii
    named = sorted(zip(map(math.cos, middles), middles, range(len(labels)), strict=True))
    heights = spread([1.25 * cosine for cosine, _, _ in named], gap, -reach, reach)
    lines, names = [], []
    turns = bends([angle for _, angle, _ in named], heights, side)
    for (_, angle, number), lift, bend in zip(named, heights, turns, strict=True):
        points = leader(angle, lift, side, 1.0, bend)
        text = form.name(labels[number]) + ("" if form.narrow else f" {sizes[number]:,}")
        x_values, y_values = [round(x, 4) for x, _ in points], [round(y, 4) for _, y in points]
        line = {"width": 1, "color": "#888888"}
        lines.append(
            {"type": "scatter", "mode": "lines", "x": x_values, "y": y_values, "hoverinfo": "skip", "line": line}
        )
        names.append(_note(points[-1][0] + side * 0.02, lift, text, "left" if side > 0 else "right"))
    return lines, names


# --------------------------------------------------------------------------------------------------------------------
# Flows.
# --------------------------------------------------------------------------------------------------------------------


def _sankey(sankey: Sankey, form: Form) -> Drawn:
    height, line, node = (560.0, 12.0, 0.03) if form.narrow else (720.0, 16.0, 0.012)
    amounts = sankey.amounts()
    texts = [
        [
            form.name(label) if form.narrow else "<br>".join(wrapped(f"{form.name(label)} {n:,}", 30))
            for label, n in named
        ]
        for named in (zip(stage, of, strict=True) for stage, of in zip(sankey.stages, amounts, strict=True))
    ]
    least = [[line * (1 + text.count("<br>")) + 3 for text in of] for of in texts]
    unit = scale_of(amounts, least, height)
    places = [stacked(of, rooms, unit, height) for of, rooms in zip(amounts, least, strict=True)]
    lefts = (0.1, 0.36, 0.62, 0.88) if form.narrow else (0.2, 0.41, 0.62, 0.83)
    traces: list[Drawn] = []
    notes: list[Drawn] = []
    for step in range(len(sankey.counts)):
        traces += _flows(sankey, step, places, (lefts[step] + node, lefts[step + 1]), unit, form)
    for number, stage in enumerate(sankey.stages):
        heading = sankey.headings[number].text(form.language).replace(": ", ":<br>").replace("：", "：<br>")
        notes.append(_note(lefts[number] + node / 2, height + 26, f"<b>{heading}</b>", "center"))
        for label, amount, (top, bottom), text in zip(
            stage, amounts[number], places[number], texts[number], strict=True
        ):
            x = lefts[number]
            corners = [(x, bottom), (x + node, bottom), (x + node, top), (x, top), (x, bottom)]
            hover_text = f"{label.words.text(form.language)}: {amount:,}"
            traces.append(_shape(corners, color(label), hover_text, "#333333"))
            middle = (top + bottom) / 2
            if number == 0:
                notes.append(_note(x - 0.006, middle, text, "right", align="right"))
            else:
                notes.append(
                    _note(x + node + 0.006, middle, text, "left", align="left", bgcolor="rgba(255,255,255,0.6)")
                )
    axes = {"xaxis": _hidden(0, 1), "yaxis": _hidden(-4, height + 48)}
    return {"data": traces, "layout": _layout(form, int(height) + 64, annotations=notes, **axes)}


def _flows(
    sankey: Sankey, step: int, places: list[list[Point]], sides: Point, unit: float, form: Form
) -> Iterator[Drawn]:
    counts = sankey.counts[step]
    begins, ends = ([top for top, _ in column] for column in places[step : step + 2])
    for row, source in enumerate(sankey.stages[step]):
        for column, target in enumerate(sankey.stages[step + 1]):
            size = float(counts[row, column]) * unit
            if size:
                emotion = source if source.kind == "emotions" else target
                text = _transition(source, target, int(counts[row, column]), int(counts[row].sum()), form)
                points = _flow(sides, begins[row], ends[column], size)
                yield _shape(points, transparent(color(emotion), 0.45), text)
                begins[row] -= size
                ends[column] -= size


def _flow(sides: Point, begin: float, end: float, size: float) -> list[Point]:
    """The outline of a flow between two columns; its edges are smooth steps."""
    times = np.linspace(0, 1, 16)
    edge = [
        (float(sides[0] + t * (sides[1] - sides[0])), float(begin + (3 * t**2 - 2 * t**3) * (end - begin)))
        for t in times
    ]
    return [*edge, *((x, y - size) for x, y in reversed(edge)), edge[0]]

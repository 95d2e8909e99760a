"""Figures 1 to 3 for print: bars, each with its count; a caring act's bar is hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from cmcc_bench.figures.data import Bars, share
from cmcc_bench.figures.layout import wrapped
from cmcc_bench.figures.palette import PLAIN, colour

if TYPE_CHECKING:
    from cmcc_bench.figures.printed import Canvas

_NAME = 22  # half-width characters of a line of a bar's name
_SIZE = 6.0  # points


def draw_bars(canvas: Canvas, bars: Bars) -> None:
    """Upright bars of numbers of turns, else lying ones with names."""
    _, _, width, height = canvas.room
    if bars.labels[0].kind == "turns":
        _draw_turns(canvas.axes(0.5, 0.38, width - 0.58, height - 0.42), bars, canvas.language)
    else:
        _draw_names(canvas.axes(1.2, 0.36, width - 1.28, height - 0.4), bars, canvas.language)


def _draw_turns(axes: Axes, bars: Bars, language: str) -> None:
    places = [label.index for label in bars.labels]
    drawn = axes.bar(places, bars.counts, color=PLAIN, width=0.8)
    axes.bar_label(drawn, [f"{count:,}" for count in bars.counts], size=5, padding=1.5)
    axes.set_xticks(places)
    axes.set_ylim(0, 1.12 * max(bars.counts))
    axes.set_xlabel(bars.across.said(language), size=6.5)
    axes.set_ylabel(bars.up.said(language), size=6.5)
    _plain(axes)


def _draw_names(axes: Axes, bars: Bars, language: str) -> None:
    places = range(len(bars.labels))
    colours = [colour(label) for label in bars.labels]
    hatches = ["////" if label.caring else "" for label in bars.labels]
    drawn = axes.barh(places, bars.counts, color=colours, hatch=hatches, edgecolor="white", linewidth=0, height=0.72)
    total = sum(bars.counts)
    shares = [share(count, total) for count in bars.counts]
    axes.bar_label(drawn, shares, size=5, padding=1.5)
    names = ["\n".join(wrapped(label.words.said(language), _NAME)) for label in bars.labels]
    axes.set_yticks(places, names, size=_SIZE, linespacing=0.95)
    axes.set_xlim(0, 1.45 * max(bars.counts))
    axes.set_ylim(len(bars.labels) - 0.4, -0.6)
    axes.set_xlabel(bars.up.said(language), size=6.5)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= max(bars.counts)])  # farther out they are cut
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=_SIZE, width=0.5, length=2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if axes.get_ylabel():
        axes.yaxis.set_major_formatter("{x:,.0f}")

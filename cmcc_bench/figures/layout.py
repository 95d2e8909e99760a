"""Positions without overlap: labels along a side, nodes of a column, ribbons, lines of a text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

GAP, HALVES = 0.8, 8.0  # degrees between the arcs of a chord diagram, and between its two halves
LEADER = 0.22  # distance between the circle and the names, times the radius
BENDS = tuple(1.04 + 0.01 * step for step in range(23))  # where the line to a name may bend, in radii
CLEARANCE = 0.012  # smallest distance between a line and the bend of another, in radii


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Moves positions (ascending) apart by at least `gap`, with the smallest sum of squared moves.

    The result is within [low, high]; where the range is too small, it is evenly spaced. The method is
    pool-adjacent-violators on the positions minus their gaps.
    """
    if len(positions) > 1 and gap * (len(positions) - 1) > high - low:
        return [low + (high - low) * i / (len(positions) - 1) for i in range(len(positions))]
    pools: list[list[float]] = []  # sum and number of the positions in each block
    for number, position in enumerate(positions):
        pools.append([position - number * gap, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, size = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + size]
    top = high - gap * (len(positions) - 1)
    bases = [min(max(total / size, low), top) for total, size in pools for _ in range(int(size))]
    return [base + number * gap for number, base in enumerate(bases)]


def scale_of(columns: Sequence[Sequence[float]], least: Sequence[Sequence[float]], height: float) -> float:
    """Returns the largest scale (length per unit) with which every column of nodes fits the height.

    columns: the amounts of the nodes. least: the smallest length of each node, for its label.
    """
    low, high = 0.0, height / max((sum(column) for column in columns), default=1)
    for _ in range(60):
        middle = (low + high) / 2
        fits = all(_column_height(c, n, middle) <= height for c, n in zip(columns, least, strict=True))
        low, high = (middle, high) if fits else (low, middle)
    return low


def _column_height(amounts: Sequence[float], least: Sequence[float], unit: float) -> float:
    return sum(max(amount * unit, room) for amount, room in zip(amounts, least, strict=True))


def stacked(amounts: Sequence[float], least: Sequence[float], unit: float, height: float) -> list[tuple[float, float]]:
    """Returns top and bottom of each node; the column is centered in the height, each node in its slot."""
    top = height - (height - _column_height(amounts, least, unit)) / 2
    spans = []
    for amount, room in zip(amounts, least, strict=True):
        slot = max(amount * unit, room)
        middle = top - slot / 2
        spans.append((middle + amount * unit / 2, middle - amount * unit / 2))
        top -= slot
    return spans


def ribbon_places(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns where each ribbon begins on the arc of its row and on the arc of its column, clockwise.

    Row arcs run downward on the right, column arcs upward on the left; in this order, ribbons of an arc do not cross.
    """
    begins = np.cumsum(counts, axis=1) - counts
    ends = np.cumsum(counts[::-1], axis=0)[::-1] - counts
    return begins, ends


class Ribbon(NamedTuple):
    """A ribbon of a chord diagram: its row and column, its size, and where it begins on the arcs of both."""

    row: int
    column: int
    size: int
    begin: int
    end: int


def ribbons(counts: NDArray[np.int64]) -> Iterator[Ribbon]:
    """Yields the ribbons of a chord diagram, largest first, so that small ones are drawn on top."""
    begins, ends = ribbon_places(counts)
    for flat in np.argsort(-counts, axis=None, kind="stable"):
        row, column = divmod(int(flat), counts.shape[1])
        if size := int(counts[row, column]):
            yield Ribbon(row, column, size, int(begins[row, column]), int(ends[row, column]))


def leader(angle: float, lift: float, side: int, radius: float, bend: float = 1.1) -> list[tuple[float, float]]:
    """Returns the line from an arc's middle, at `angle` from the top, to a name `lift` above the center.

    side: 1 right, -1 left. bend: where the line bends toward the name, in radii from the center.
    """
    points = [(math.sin(angle) * r * radius, math.cos(angle) * r * radius) for r in (1.01, bend)]
    return [*points, (side * radius * (1 + 0.8 * LEADER), lift), (side * radius * (1 + LEADER), lift)]


def bends(angles: Sequence[float], lifts: Sequence[float], side: int) -> list[float]:
    """Returns where the lines of one side bend, in radii: as near to the circle as possible without crossing.

    angles, lifts: as in `leader`, lifts in radii. Where names are crowded, outer lines bend farther out.
    """
    radii = [BENDS[0]] * len(angles)
    for half in (1, -1):
        of_half = [number for number, angle in enumerate(angles) if (math.cos(angle) >= 0) == (half == 1)]
        before: list[tuple[float, float]] = []
        for number in sorted(of_half, key=lambda number: half * math.cos(angles[number])):
            lines = {bend: leader(angles[number], lifts[number], side, 1.0, bend) for bend in BENDS}
            clear = (bend for bend, (_, turn, end, _) in lines.items() if _is_clear(turn, end, before, half))
            radii[number] = next(clear, BENDS[-1])
            before.append(lines[radii[number]][1])
    return radii


def _is_clear(turn: tuple[float, float], end: tuple[float, float], before: Sequence[tuple[float, float]],
              half: int) -> bool:  # fmt: skip
    """Whether a line is outside the circle and, in the upper (1) or lower (-1) half, beyond all earlier bends."""
    (x, y), (dx, dy) = turn, (end[0] - turn[0], end[1] - turn[1])
    nearest = min(max(-(x * dx + y * dy) / (dx * dx + dy * dy), 0), 1)
    if math.hypot(x + nearest * dx, y + nearest * dy) < BENDS[0]:
        return False
    passed = [(y + dy * (other - x) / dx, up) for other, up in before if min(x, end[0]) < other < max(x, end[0])]
    return all(half * (line - up) >= CLEARANCE for line, up in passed)


def wrapped(text: str, width: int) -> list[str]:
    """Breaks a text into lines of at most `width` half-width characters, at spaces or between Chinese characters."""
    lines, line = [], ""
    for word in _words(text):
        if line and _width(line) + _width(word.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += word
    return [*lines, line.rstrip()]


def _words(text: str) -> list[str]:
    words = [""]
    for character in text:
        words[-1] += character
        if character == " " or unicodedata.east_asian_width(character) in "WF":
            words.append("")
    return [word for word in words if word]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)

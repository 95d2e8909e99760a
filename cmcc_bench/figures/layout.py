"""Where things go so that no two overlap: labels along a side, nodes of a column, ribbons, lines of a text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GAP, HALVES = 0.8, 8.0  # degrees between the arcs of a chord diagram, and between its two halves
LEADER = 0.22  # of the radius: between the circle and the names
BENDS = tuple(1.04 + 0.01 * step for step in range(23))  # radii: where the line to a name may turn
CLEARANCE = 0.012  # radii: between a line and the turn of another


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart, in order and as near to the wanted ones (ascending) as least squares has it.

    Within [low, high] where that is wide enough; else evenly over it. Pool-adjacent-violators, shifted by the gaps.
    """
    if len(wanted) > 1 and gap * (len(wanted) - 1) > high - low:
        return [low + (high - low) * i / (len(wanted) - 1) for i in range(len(wanted))]
    pools: list[list[float]] = []  # sum and number of what stands together
    for number, place in enumerate(wanted):
        pools.append([place - number * gap, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, size = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + size]
    top = high - gap * (len(wanted) - 1)
    bases = [min(max(total / size, low), top) for total, size in pools for _ in range(int(size))]
    return [base + number * gap for number, base in enumerate(bases)]


def scale_of(columns: Sequence[Sequence[float]], least: Sequence[Sequence[float]], height: float) -> float:
    """The largest length of a unit with which every column of nodes fits the height.

    columns: amounts; least: the room that each node needs at least, for its label.
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
    """Top and bottom of each node, the column in the middle of the height, each node in the middle of its room."""
    top = height - (height - _column_height(amounts, least, unit)) / 2
    places = []
    for amount, room in zip(amounts, least, strict=True):
        slot = max(amount * unit, room)
        middle = top - slot / 2
        places.append((middle + amount * unit / 2, middle - amount * unit / 2))
        top -= slot
    return places


def ribbon_places(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each ribbon begins on the arc of its row, and on that of its column, clockwise.

    Rows' arcs run downwards on the right and columns' upwards on the left; so ordered, one arc's ribbons do not cross.
    """
    begins = np.cumsum(counts, axis=1) - counts
    ends = np.cumsum(counts[::-1], axis=0)[::-1] - counts
    return begins, ends


def leader(angle: float, lift: float, side: int, radius: float, bend: float = 1.1) -> list[tuple[float, float]]:
    """The line from an arc's middle, at `angle` from the top, to a name `lift` above the centre, 1 right or -1 left.

    bend: where it turns towards the name, in radii from the centre.
    """
    points = [(math.sin(angle) * r * radius, math.cos(angle) * r * radius) for r in (1.01, bend)]
    return [*points, (side * radius * (1 + 0.8 * LEADER), lift), (side * radius * (1 + LEADER), lift)]


def bends(angles: Sequence[float], lifts: Sequence[float], side: int) -> list[float]:
    """Where the lines of one side turn, in radii: as near to the circle as they can without crossing one another.

    angles, lifts: as in `leader`, lifts in radii. The farther from the middle, the farther out, where names crowd.
    """
    found = [BENDS[0]] * len(angles)
    for half in (1, -1):
        of_half = [number for number, angle in enumerate(angles) if (math.cos(angle) >= 0) == (half == 1)]
        before: list[tuple[float, float]] = []
        for number in sorted(of_half, key=lambda number: half * math.cos(angles[number])):
            lines = {bend: leader(angles[number], lifts[number], side, 1.0, bend) for bend in BENDS}
            clear = (bend for bend, (_, turn, end, _) in lines.items() if _is_clear(turn, end, before, half))
            found[number] = next(clear, BENDS[-1])
            before.append(lines[found[number]][1])
    return found


def _is_clear(turn: tuple[float, float], end: tuple[float, float], before: Sequence[tuple[float, float]],
              half: int) -> bool:  # fmt: skip
    """Whether a line passes outside the circle and, in the upper (1) or lower (-1) half, beyond all turns before."""
    (x, y), (dx, dy) = turn, (end[0] - turn[0], end[1] - turn[1])
    nearest = min(max(-(x * dx + y * dy) / (dx * dx + dy * dy), 0), 1)
    if math.hypot(x + nearest * dx, y + nearest * dy) < BENDS[0]:
        return False
    passed = [(y + dy * (other - x) / dx, up) for other, up in before if min(x, end[0]) < other < max(x, end[0])]
    return all(half * (line - up) >= CLEARANCE for line, up in passed)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` half-width characters, broken at blanks or between Chinese characters."""
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

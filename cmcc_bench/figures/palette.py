"""Colors that readers with any color vision can distinguish; the meaning is always written beside a color, too.

Emotions: Paul Tol's "muted" scheme (https://personal.sron.nl/~pault/), with pale gray for neutral: to readers
without green or red, a darker gray looks like teal or rose. Acts: Okabe and Ito's blue, and their orange, hatched or
starred, for the caring ones.
"""

from __future__ import annotations

from cmcc_bench.figures.data import Label

_EMOTIONS = ("#c6c6c6", "#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#aa4499")
PLAIN, CARING = "#0072b2", "#e69f00"


def color(label: Label) -> str:
    """The color of a label, #rrggbb."""
    if label.kind == "emotions":
        return _EMOTIONS[label.index]
    return CARING if label.caring else PLAIN


def transparent(hexadecimal: str, opacity: float) -> str:
    """A color with an opacity, as rgba() of CSS."""
    red, green, blue = (int(hexadecimal[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"

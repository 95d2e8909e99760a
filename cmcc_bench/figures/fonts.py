"""The font of Chinese figures: an installed one, or Noto Sans SC of the extra `figures`; never one that draws boxes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

LATIN = "DejaVu Sans"  # comes with matplotlib: the same outlines everywhere

_KNOWN = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # the first face of the collection that most systems have; it holds all of them
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
)
_PROBES = "一国情服"  # their outlines have different heights in every font of Chinese
_CLOSE = 79  # the code of a path's closing point, whose place means nothing


def chinese_font(texts: Iterable[str], entries: Iterable[font_manager.FontEntry] | None = None) -> str | None:
    """The family of a font that draws all characters of the texts, or None.

    Of the entries, well-known families come first. entries: the fonts to choose from; by default the installed ones,
    and the font of the extra `figures` where none of those will do.
    """
    wanted = {character for text in texts for character in text if not character.isascii()}
    installed = font_manager.fontManager.ttflist if entries is None else entries
    for entry in sorted(installed, key=_preference):
        if _draws(entry, wanted):
            return str(entry.name)
    return _packaged_font(wanted) if entries is None else None


def characters(family: str) -> set[str]:
    """What a family has glyphs for."""
    return {chr(code) for code in FT2Font(font_manager.findfont(family)).get_charmap()}


def _packaged_font(wanted: set[str]) -> str | None:
    """Makes the font of the extra `figures` known to matplotlib and returns its family."""
    try:
        from pylopdf_fonts_zh_cn import sans_path
    except ImportError:
        return None
    font_manager.fontManager.addfont(sans_path())
    entry = font_manager.fontManager.ttflist[-1]
    return str(entry.name) if _draws(entry, wanted) else None


def _preference(entry: font_manager.FontEntry) -> tuple[int, bool, bool, str, str]:
    known = _KNOWN.index(entry.name) if entry.name in _KNOWN else len(_KNOWN)
    return (
        known,
        str(entry.weight) not in ("400", "normal", "regular"),
        entry.style != "normal",
        entry.name,
        entry.fname,
    )


def _draws(entry: font_manager.FontEntry, wanted: set[str]) -> bool:
    """Whether the font maps every wanted character to a real glyph.

    Placeholder fonts map every character, too: to nothing, to one box, or to a box with the character's number in it.
    A real font of Chinese gives each ideograph an outline of its own, and not all of them the same extent.
    """
    if not Path(entry.fname).exists():
        return False
    face: Any = {"face_index": entry.index} if hasattr(entry, "index") else {}  # since matplotlib 3.11
    try:
        font = FT2Font(entry.fname, **face)
        glyphs: dict[int, Any] = font.get_charmap()
        ideographs = {character for character in wanted if "\u4e00" <= character <= "\u9fff"}
        if ideographs:
            ideographs |= set(_PROBES)
        if not {ord(character) for character in wanted | ideographs} <= set(glyphs):
            return False
        outlines = {_outline(font, glyphs[ord(character)]) for character in ideographs}
        missing = _outline(font, 0)
    except RuntimeError:  # FreeType's, of a file that is none of its fonts or has no outlines
        return False
    extents = {(min(ys), max(ys)) for ys in (outline[1::2] for outline in outlines) if ys}
    return len(outlines) == len(ideographs) and not outlines & {missing, ()} and (not outlines or len(extents) > 1)


def _outline(font: FT2Font, glyph: Any) -> tuple[float, ...]:  # noqa: ANN401  # an index, a type of matplotlib's stubs
    """The points of a glyph's outline: x, y, x, y and so on."""
    font.load_glyph(glyph)
    points, codes = font.get_path()
    return tuple(points[codes != _CLOSE].ravel().tolist())

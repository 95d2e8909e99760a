"""Finds a font for Chinese figures: an installed one, or Noto Sans SC of the extra `figures`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

LATIN = "DejaVu Sans"  # comes with matplotlib: the same outlines everywhere

_KNOWN = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # the first face of the font collection on most systems; it has all characters
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
)
_PROBES = "一国情服"  # characters whose outlines differ in height in every Chinese font
_CLOSE = 79  # the code of the closing point of a path, whose coordinates are meaningless


def chinese_font(texts: Iterable[str], entries: Iterable[font_manager.FontEntry] | None = None) -> str | None:
    """Returns the family of a font that has all characters of the texts, or None.

    entries: the fonts to choose from, well-known families first; by default the installed fonts, then the font of the
    extra `figures`.
    """
    needed = {character for text in texts for character in text if not character.isascii()}
    installed = font_manager.fontManager.ttflist if entries is None else entries
    for entry in sorted(installed, key=_preference):
        if _draws(entry, needed):
            return str(entry.name)
    return _packaged_font(needed) if entries is None else None


def characters(family: str) -> set[str]:
    """The characters that a font family has glyphs for."""
    return {chr(code) for code in FT2Font(font_manager.findfont(family)).get_charmap()}


def _packaged_font(needed: set[str]) -> str | None:
    """Registers the font of the extra `figures` with matplotlib and returns its family, or None."""
    try:
        from pylopdf_fonts_zh_cn import sans_path
    except ImportError:
        return None
    font_manager.fontManager.addfont(sans_path())
    entry = font_manager.fontManager.ttflist[-1]
    return str(entry.name) if _draws(entry, needed) else None


def _preference(entry: font_manager.FontEntry) -> tuple[int, bool, bool, str, str]:
    known = _KNOWN.index(entry.name) if entry.name in _KNOWN else len(_KNOWN)
    return (
        known,
        str(entry.weight) not in ("400", "normal", "regular"),
        entry.style != "normal",
        entry.name,
        entry.fname,
    )


def _draws(entry: font_manager.FontEntry, needed: set[str]) -> bool:
    """Whether the font has a real glyph for every needed character.

    Placeholder fonts also map every character: to nothing, to one box, or to a box with the number of the character.
    In a real Chinese font each ideograph has its own outline, and their extents differ.
    """
    if not Path(entry.fname).exists():
        return False
    face: Any = {"face_index": entry.index} if hasattr(entry, "index") else {}  # since matplotlib 3.11
    try:
        font = FT2Font(entry.fname, **face)
        glyphs: dict[int, Any] = font.get_charmap()
        ideographs = {character for character in needed if "\u4e00" <= character <= "\u9fff"}
        if ideographs:
            ideographs |= set(_PROBES)
        if not {ord(character) for character in needed | ideographs} <= set(glyphs):
            return False
        outlines = {_outline(font, glyphs[ord(character)]) for character in ideographs}
        missing = _outline(font, 0)
    except RuntimeError:  # from FreeType: not a font file, or a font without outlines
        return False
    extents = {(min(ys), max(ys)) for ys in (outline[1::2] for outline in outlines) if ys}
    return len(outlines) == len(ideographs) and not outlines & {missing, ()} and (not outlines or len(extents) > 1)


def _outline(font: FT2Font, glyph: Any) -> tuple[float, ...]:  # noqa: ANN401  # an index in matplotlib's stubs
    """The points of a glyph's outline: x, y, x, y and so on."""
    font.load_glyph(glyph)
    points, codes = font.get_path()
    return tuple(points[codes != _CLOSE].ravel().tolist())

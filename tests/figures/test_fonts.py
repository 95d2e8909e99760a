"""Which font Chinese figures get: one that draws the characters, whatever else the machine has."""

import random
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager, get_data_path
from matplotlib.ft2font import FT2Font
from PIL import Image

import cmcc
from cmcc_bench import cli
from cmcc_bench.figures import fonts, write
from cmcc_bench.figures.fonts import LATIN, chinese_font

TEXTS = [*cmcc.ZH.values(), "用户情绪，客服行为"]
ITS_OWN = [entry for entry in font_manager.fontManager.ttflist if entry.fname.startswith(get_data_path())]


@pytest.fixture
def bare(monkeypatch):
    """A machine without fonts; matplotlib's own, and the Chinese font of the extra, are there."""
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(ITS_OWN))


@pytest.fixture
def without_the_packaged_font(monkeypatch):
    monkeypatch.setattr(fonts, "_packaged_font", lambda needed: None)


def rectangle(pen, left, bottom, right, top):
    pen.moveTo((left, bottom))
    for corner in ((left, top), (right, top), (right, bottom)):
        pen.lineTo(corner)
    pen.closePath()


def font_of(path, draw):
    """A font with all characters of the texts. draw: (pen, number of the character) -> None, 0 being .notdef."""
    codes = sorted({ord(character) for text in [*TEXTS, fonts._PROBES] for character in text} | set(range(32, 127)))
    names = [".notdef", *(f"u{code:04X}" for code in codes)]
    glyphs = {}
    for number, name in enumerate(names):
        pen = TTGlyphPen(None)
        draw(pen, number)
        glyphs[name] = pen.glyph()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(codes, names[1:], strict=True)))
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return font_manager.ttfFontProperty(FT2Font(path))


def blank(pen, number):
    """Adobe Blank."""


def one_box(pen, number):
    """Adobe NotDef, Last Resort."""
    rectangle(pen, 0, 0, 900, 900)


def box_with_the_number_in_it(pen, number):
    """Unicode BMP Fallback."""
    rectangle(pen, 0, 0, 900, 900)
    for bit in range(12):
        if number >> bit & 1:
            rectangle(pen, 100 + 50 * bit, 100, 130 + 50 * bit, 800)


def notdef_where_one_character_lacks(pen, number):
    strokes(pen, 0 if number == 150 else number)  # an ideograph


def box_where_some_characters_lack(pen, number):
    strokes(pen, number if number % 7 or not number else 5000)  # another box than .notdef's


def blank_where_one_character_lacks(pen, number):
    if number != 150:
        strokes(pen, number)


def strokes(pen, number):
    """A font with real glyphs."""
    chance = random.Random(number)
    for _ in range(3):
        left, bottom = chance.randrange(400), chance.randrange(400)
        rectangle(pen, left, bottom, left + chance.randrange(50, 500), bottom + chance.randrange(50, 500))


PLACEHOLDERS = [
    blank,
    one_box,
    box_with_the_number_in_it,
    notdef_where_one_character_lacks,
    box_where_some_characters_lack,
    blank_where_one_character_lacks,
]


@pytest.mark.parametrize("draw", PLACEHOLDERS)
def test_a_font_of_placeholders_is_not_chosen(tmp_path, draw):
    entries = [font_of(tmp_path / "Noto Sans CJK SC.ttf", draw)]  # whatever its name
    assert chinese_font(TEXTS, entries) is None
    assert chinese_font(TEXTS, [*entries, font_of(tmp_path / "Real.ttf", strokes)]) == "Real"


def test_matplotlib_s_own_fonts_are_not_chosen_though_one_has_every_character():
    assert any(ord("情") in FT2Font(entry.fname).get_charmap() for entry in ITS_OWN)
    assert chinese_font(TEXTS, ITS_OWN) is None
    assert chinese_font(["情"], ITS_OWN) is None  # one character alone


def test_a_font_that_lacks_a_character_is_not_chosen():
    latin = [entry for entry in ITS_OWN if entry.name == LATIN]
    assert chinese_font(["情绪"], latin) is None
    assert chinese_font(["plain"], latin) == LATIN


def test_a_font_file_that_is_gone_or_damaged_is_passed_over(tmp_path):
    good, damaged, gone = (font_of(tmp_path / f"{name}.ttf", strokes) for name in ("Good", "Damaged", "Gone"))
    Path(damaged.fname).write_bytes(Path(damaged.fname).read_bytes()[:300])
    Path(gone.fname).unlink()
    assert chinese_font(TEXTS, [damaged, gone, good]) == "Good"


def test_a_machine_without_fonts_has_the_packaged_one(bare):
    pytest.importorskip("pylopdf_fonts_zh_cn")
    assert chinese_font(TEXTS) == "Noto Sans SC"


def test_an_installed_font_comes_before_the_packaged_one(tmp_path, monkeypatch):
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [font_of(tmp_path / "Mine.ttf", strokes), *ITS_OWN])
    assert chinese_font(TEXTS) == "Mine"


def test_chinese_figures_have_chinese_glyphs_on_a_bare_machine(bare, tmp_path, capsys):
    pytest.importorskip("pylopdf_fonts_zh_cn")
    command = ["figures", "sample", "--figures", "2", "--formats", "png", "--out"]
    assert cli.main([*command, str(tmp_path / "en")]) == 0
    assert cli.main([*command, str(tmp_path / "zh"), "--lang", "zh"]) == 0
    assert "font" not in capsys.readouterr().err  # nor a warning that it has no bold
    english, chinese = (Image.open(next((tmp_path / language).iterdir())).tobytes() for language in ("en", "zh"))
    assert english != chinese


@pytest.mark.usefixtures("without_the_packaged_font")
def test_without_a_chinese_font_the_figures_are_in_english_and_it_says_what_to_install(bare, tmp_path, capsys):
    english, fallen = tmp_path / "en", tmp_path / "zh"
    only = ["--figures", "1", "--formats", "svg"]
    assert cli.main(["figures", "sample", "--out", str(english), *only]) == 0
    assert cli.main(["figures", "sample", "--out", str(fallen), "--lang", "zh", *only]) == 0
    message = capsys.readouterr().err.replace("\n", " ")
    assert "no installed font has the Chinese characters" in message and "pip install 'cmcc-bench[figures]'" in message
    assert (english / "figure-1-turns.svg").read_bytes() == (fallen / "figure-1-turns.svg").read_bytes()


def test_a_name_that_no_font_has_costs_its_own_characters_alone(tmp_path, monkeypatch):
    entry = font_of(tmp_path / "Mine.ttf", strokes)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [entry, *ITS_OWN])
    subject = write.Subject("a\U0001f600情", 1, 0)
    assert write._in_print(subject, "Mine").dataset == "a\\U0001f600情"
    assert write._in_print(subject, None).dataset == "a\\U0001f600\\u60c5"

"""Figures as files: deterministic, legible, and without a network."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")
pytest.importorskip("pycirclize")

import plotly.graph_objects as go
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ft2font import FT2Font
from PIL import Image

import cmcc
from cmcc_bench import cli
from cmcc_bench.dataset import build
from cmcc_bench.figures import canvas, printed, write
from cmcc_bench.figures.data import Subject, figures_of, title_of
from cmcc_bench.figures.fonts import LATIN, chinese_font
from cmcc_bench.figures.page import write_page
from cmcc_bench.statistics import count
from cmcc_bench.statistics.collect import count_labels
from cmcc_bench.statistics.columns import columns_of
from tests import raw
from tests.statistics.dialogues import COMPLAINT, dialogue, service, user, utterance

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "dataset_card" / "figures"


@pytest.fixture(scope="module")
def counts():
    return count_labels("sample")


@pytest.fixture(scope="module")
def page(counts):
    return write_page(figures_of(counts), Subject("sample", 400, 400), "en")


def data_of(page):
    return json.loads(re.search(r"const PAGE = (\{.*\});\n", page)[1])


def small():
    rows = [
        dialogue(
            user("又断网了", COMPLAINT, 0),
            service("您好", "greeting", "comfort"),
            user("好", 0),
            service("再见", "goodbye"),
        )
    ]
    return count(columns_of(cmcc.table_of(rows, "labeled")))


def test_the_committed_figures_are_the_sample_s(tmp_path):
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    if version("matplotlib") != pinned["matplotlib"] or version("pycirclize") != pinned["pyCirclize"]:
        pytest.skip("drawn with other versions than those of constraints.txt")
    command = ["figures", "sample", "--out", str(tmp_path), "--formats", "svg"]
    assert cli.main(command) == 0
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in COMMITTED.iterdir()}, f"write them anew: cmcc {command}"


def test_another_hash_seed_gives_the_same_bytes(tmp_path):
    made = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "cmcc_bench.cli", "figures", "sample", "--out", str(tmp_path / seed)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([*command, "--figures", "2", "5"], check=True, env=environment, capture_output=True)
        made.append({path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()})
    assert made[0] == made[1] and len(made[0]) == 5


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_character_has_a_glyph_in_the_font(counts, language):
    figures = figures_of(counts)
    subject = Subject("sample", 400, 400)
    texts = [word.text(language) for f in figures for word in (title_of(f), f.note)] + [subject.words.text(language)]
    for figure in figures:
        content = figure.content
        if hasattr(content, "across"):
            texts += [content.across.text(language), content.up.text(language)]
        texts += [heading.text(language) for heading in getattr(content, "headings", ())]
        stages = getattr(content, "stages", ()) or [
            getattr(content, name, ()) for name in ("labels", "sources", "targets")
        ]
        texts += [label.words.text(language) for stage in stages for label in stage]
    font = chinese_font(texts) if language == "zh" else LATIN
    if font is None:
        pytest.skip("no Chinese font is installed: figures are drawn in English")
    files = [font_manager.findfont(font_manager.FontProperties(family=name)) for name in (font, LATIN)]
    glyphs = {code for file in files for code in FT2Font(file).get_charmap()}
    assert {character for text in texts for character in text if ord(character) not in glyphs} == set()
    if language == "zh":
        # What the command asks the font for covers what is drawn.
        asked = set("".join(write._chinese(figures, subject)))
        assert {c for text in texts for c in text if not c.isascii()} <= asked


def test_chinese_figures_differ_and_have_the_size_of_print(tmp_path):
    written = write.write_figures(small(), "sample", tmp_path, "zh", formats=("png",))
    if written.language == "en":
        pytest.skip("no Chinese font is installed")
    assert [path.name[:8] for path in written.paths] == [f"figure-{n}" for n in (1, 2, 3, 4, 5, 7)]
    for path in written.paths:
        with Image.open(path) as image:
            assert image.width in (945, 1890) and round(image.info["dpi"][0]) == 300


def test_synthetic_data_are_called_so_in_both_languages(page):
    texts = data_of(page)["texts"]
    assert all("SYNTHETIC" in texts[language]["subject"] for language in ("en", "zh"))
    assert "SYNTHETIC" not in write_page(figures_of(small()), Subject("x", 1, 0), "en").split("const PAGE")[1]


def test_the_page_asks_for_nothing_from_a_network(page):
    ours = page.replace(page[page.index("<script>") : page.index("</script>")], "")
    assert "http" not in ours and "src=" not in ours and "Plotly.react" in ours


def test_the_page_s_figures_are_what_plotly_takes(page):
    for texts in data_of(page)["texts"].values():
        for figure in texts["figures"]:
            for form in ("wide", "narrow"):
                go.Figure(figure[form])  # raises ValueError for a property that there is not


def test_the_page_tells_every_count_in_a_table(page, counts):
    rows = {figure["title"]: figure["rows"] for figure in data_of(page)["texts"]["en"]["figures"]}
    chord = next(rows[title] for title in rows if title.startswith("Figure 4"))
    assert ["Complain about a problem", "Inform", "172"] in chord
    assert sum(int(row[-1].replace(",", "")) for row in chord) == int(counts.transitions[1:].sum())


def test_a_name_of_a_data_set_cannot_break_out_of_the_page():
    page = write_page(figures_of(small()), Subject("</script><script>alert(1)", 1, 0), "en")
    assert "</script><script>alert" not in page


def test_a_name_with_dollar_signs_is_no_formula(tmp_path):
    written = write.write_figures(small(), r"$\frac{<b>x$ & y", tmp_path, formats=("svg", "html"))
    assert len(written.paths) == 7


def test_data_without_emotions_have_the_other_figures_and_it_says_so(tmp_path, capsys):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("call-1", [raw.turn()])])
    build(tmp_path / "raw", tmp_path / "cmcc")
    out = tmp_path / "out"
    assert cli.main(["figures", str(tmp_path / "cmcc"), "--out", str(out), "--formats", "html"]) == 0
    captured = capsys.readouterr()
    assert "no labels for figures 2, 4, 5, 7" in captured.err and "1 files" not in captured.out
    assert cli.main(["figures", str(tmp_path / "cmcc"), "--out", str(out), "--figures", "4"]) == 1
    assert "no labels to draw" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--out", "x", "--figures", "6"], ["--out", "x", "--lang", "fr"]])
def test_wrong_usage_ends_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["figures", "sample", *arguments])
    assert caught.value.code == 2


def test_calls_of_one_and_of_two_utterances_are_drawn(tmp_path):
    two = count(columns_of(cmcc.table_of([dialogue(user("喂", COMPLAINT), service("您好", "greeting"))], "labeled")))
    assert write.write_figures(two, "sample", tmp_path).missing == ()
    rows = [dialogue(utterance(1, "喂", emotions=[COMPLAINT]))]
    written = write.write_figures(count(columns_of(cmcc.table_of(rows, "labeled"))), "sample", tmp_path)
    assert written.missing == (3, 4, 5, 7) and len(written.paths) == 5


def texts_of(drawing):
    """Every text that is seen, with its box in pixels."""
    texts = list(drawing.texts)
    for axes in drawing.axes:
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
            texts += [label for place, label in ticks if low <= place <= high]
    renderer = drawing.canvas.get_renderer()
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text().strip()]


@pytest.mark.parametrize("times", [1, 32])
def test_no_text_of_a_figure_is_cut_at_its_edge_or_written_over_another(counts, times):
    for figure in figures_of(sum([counts] * (times - 1), counts)):
        with canvas.print_style(None):
            drawing = printed.draw(figure, Subject("a-name-of-some-length", 400 * times, 400 * times), "en")
            drawing.set_dpi(canvas.DPI)
            drawing.canvas = FigureCanvasAgg(drawing)
            drawing.draw_without_rendering()
            boxes = texts_of(drawing)
        width, height = drawing.bbox.size
        cut = [text for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
        over = [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.shrunk(0.95, 0.8).overlaps(other)]
        assert len(boxes) > 10 and (cut, over) == ([], []), figure.number

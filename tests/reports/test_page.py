"""The report as one page: whole without a network, and escaped."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cmcc_bench.cli import main
from cmcc_bench.reports.examples import Examples
from cmcc_bench.reports.page import _Axis, _nice_range, page_html
from cmcc_bench.reports.report import make_report
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.vocabulary import EMOTIONS


class Elements(HTMLParser):
    """The elements of a page: (tag, attributes), and its text without the style sheet."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(report):
    return page_html(report)


def test_it_loads_nothing_and_runs_nothing(page):
    found = Elements(page)
    assert not found.named("script") and not found.named("link") and not found.named("img")
    assert all(not name.startswith("on") and name != "src" for _, given in found.elements for name in given)
    links = [given["href"] for given in found.named("a")]
    ids = [given["id"] for _, given in found.elements if "id" in given]
    assert links and all(link[1:] in ids for link in links) and len(ids) == len(set(ids))
    assert "://" not in page and "url(" not in page and len(page) < 2_000_000


def test_the_same_report_gives_the_same_bytes(page, report):
    assert page_html(report) == page


def test_tables_and_drawings_can_be_read_aloud(page):
    found = Elements(page)
    assert len(found.named("caption")) == len(found.named("table")) > 10
    assert all("scope" in given for given in found.named("th"))
    drawn = [given for given in found.named("svg") if given.get("width") == "100%"]
    assert drawn and all(
        "aria-hidden" in given
        for given in found.named("svg")
        if given.get("width") == "100%" and given.get("height") == "20"
    )
    text = " ".join(found.texts)
    assert "paper 0.656" in re.sub(r"\s+", " ", text) and "nan" not in text and "None," not in text


def test_labels_are_in_both_languages_and_the_example_s_value_is_marked(page):
    assert all(f">{chinese}<" in page for chinese in EMOTIONS.chinese)
    assert "complain about a problem" in page and 'class="chip act caring"' in page and "<mark>" in page


def test_every_position_is_within_its_drawing(page):
    positions = [float(x) for x in re.findall(r'[^r]x[12]?="(-?[\d.]+)%"', page)]
    assert len(positions) > 100 and all(0 <= x <= 100 for x in positions)


def test_texts_of_the_data_are_escaped(report, page):
    example = report.examples.shown[0]
    broken = replace(example, user="<script>alert(1)</script>\u202e", dialogue_id='"><b>')
    task = replace(report.tasks[0], examples=replace(report.examples, shown=(broken,)))
    made = page_html(replace(report, dataset="<i>data</i>", tasks=(task, *report.tasks[1:])))
    assert "<script" not in made and "<b>x" not in made and "\u202e" not in made and "<i>data" not in made
    assert "&lt;script&gt;" in made and "&lt;i&gt;data" in made
    assert "&lt;script&gt;" not in page


def test_the_license_of_real_calls_is_stated(report):
    def licensed(shown):
        """The page of real calls with these examples."""
        examples = Examples(shown, ("gold response",), "none", True)
        task = replace(report.tasks[0], examples=examples)
        return page_html(replace(report, synthetic=False, licensed=True, tasks=(task,)))

    assert "This page contains no text of them." in licensed(())
    made = licensed(report.examples.shown)
    assert "LICENSED: this page contains texts of real calls" in made and "SYNTHETIC data: simulated" not in made


@pytest.mark.parametrize("name", ["baseline-end2end", "variant-oracle", "satisfaction"])
def test_one_system_alone_has_a_page(runs, name):
    made = Elements(page_html(make_report([runs / f"{name}.jsonl"], Bootstrap(0))))
    text = re.sub(r"\s+", " ", " ".join(made.texts))
    assert "What was run" in text and "nan" not in text


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 0.35], ["0.0", "0.1", "0.2", "0.3"]),
        ([0.0, 16.8], ["0", "5", "10", "15"]),
        ([-0.012, 0.004], ["-0.010", "-0.005", "0.000", "0.005"]),
        ([0.0, 0.0], ["-0.10", "-0.05", "0.00", "0.05", "0.10"]),
    ],
)
def test_the_ticks_of_an_axis_are_round(values, ticks):
    assert [text for _, text in _Axis(*_nice_range(values)).ticks()] == ticks


@pytest.mark.parametrize("option", ["--out", "--html"])
def test_a_folder_in_place_of_a_file_is_an_error_before_anything_is_scored(option, tmp_path, capsys):
    assert main(["report", str(tmp_path / "no-runs"), option, str(tmp_path)]) == 1
    assert f"this is a folder. Give {option} the path of a file" in capsys.readouterr().err

"""All figures as one interactive HTML page that needs no network: it contains plotly.js and both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import orjson
from plotly.offline import get_plotlyjs

from cmcc_bench.figures.data import LANGUAGES, Bars, Chord, Figure, Label, Sankey, Subject, Words, title_of
from cmcc_bench.figures.page_shapes import Form, drawn

TEMPLATE = Path(__file__).with_name("page.html.jinja")

_HEADING = Words("Figures of the data set", "数据集图表")
_COUNTS = Words("Counts", "数值")
_KEY = Words("Key", "图例")


def write_page(figures: list[Figure], subject: Subject, language: str) -> str:
    """Returns the page as HTML. language: the language shown first. The same figures give the same bytes."""
    texts = {
        name: {
            "heading": _HEADING.text(name),
            "subject": subject.words.text(name),
            "counts": _COUNTS.text(name),
            "key": _KEY.text(name),
            "figures": [_described(figure, name) for figure in figures],
        }
        for name in LANGUAGES
    }
    data = orjson.dumps({"language": language, "texts": texts}).decode().replace("<", "\\u003c")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    page = environment.from_string(TEMPLATE.read_text("utf-8"))
    return page.render(plotly=get_plotlyjs(), data=data, numbers=[figure.number for figure in figures])


def _described(figure: Figure, language: str) -> dict[str, Any]:
    return {
        "title": title_of(figure).text(language),
        "note": figure.note.text(language),
        "wide": drawn(figure.content, Form(language, narrow=False)),
        "narrow": drawn(figure.content, Form(language, narrow=True)),
        "key": [[label.code, label.words.text(language)] for label in _coded(figure.content)],
        "rows": [[*(label.words.text(language) for label in labels), f"{n:,}"] for labels, n in _cells(figure.content)],
    }


def _coded(content: Bars | Chord | Sankey) -> list[Label]:
    """The labels that the narrow form shows as codes."""
    if isinstance(content, Bars):
        return []
    stages = (content.sources, content.targets) if isinstance(content, Chord) else content.stages
    labels = {label for stage in stages for label in stage}
    return sorted(labels, key=lambda label: (label.kind != "emotions", label.index))


def _cells(content: Bars | Chord | Sankey) -> list[tuple[tuple[Label, ...], int]]:
    """The rows of the table below a figure: every count that is not 0, with its labels."""
    if isinstance(content, Bars):
        return [((label,), n) for label, n in zip(content.labels, content.counts, strict=True)]
    if isinstance(content, Chord):
        tables = [(content.sources, content.targets, content.counts)]
    else:
        tables = list(zip(content.stages, content.stages[1:], content.counts, strict=False))
    return [
        ((source, target), int(counts[row, column]))
        for sources, targets, counts in tables
        for row, source in enumerate(sources)
        for column, target in enumerate(targets)
        if counts[row, column]
    ]

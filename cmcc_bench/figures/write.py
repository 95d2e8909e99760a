"""Writes the figures of a data set as files: SVG and PNG for print, one HTML page for all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.figures.data import Figure, Subject, figures_of, title_of
from cmcc_bench.figures.fonts import characters, chinese_font
from cmcc_bench.figures.page import write_page
from cmcc_bench.figures.printed import write_print
from cmcc_bench.files import write_text
from cmcc_bench.statistics.counts import Counts
from cmcc_bench.vocabulary import ZH

PAGE = "figures.html"
FORMATS = ("svg", "png", "html")
NUMBERS = (1, 2, 3, 4, 5, 7)  # of the paper's figures that show data


@dataclass(frozen=True)
class FigureFiles:
    """The files, the numbers of figures that the data have no labels for, and the language of the printed ones."""

    paths: tuple[Path, ...]
    missing: tuple[int, ...]
    language: str


def write_figures(
    counts: Counts,
    dataset: str,
    out: Path,
    language: str = "en",
    numbers: Collection[int] = NUMBERS,
    formats: Collection[str] = FORMATS,
    progress: Callable[[int, int], None] | None = None,
) -> FigureFiles:
    """Draws figures into a folder, which is made: OUT/figure-4-emotion-to-act.svg, .png, and OUT/figures.html.

    dataset: the name that captions show. language: en or zh; printed figures are in English where no font has the
    Chinese characters. progress: takes figures done and in all.
    Raises cmcc.DataError when the data have no labels for any of the numbers.
    """
    figures = [figure for figure in figures_of(counts) if figure.number in numbers]
    if not figures:
        hint = "Figures show labels: build with labelled raw files; cmcc stats counts what there is."
        raise DataError("no labels to draw", "annotated dialogues", hint, dataset=dataset)
    subject = Subject(dataset, counts.dialogues, counts.synthetic)
    font = chinese_font(_chinese(figures, subject)) if language == "zh" else None
    printed = language if font else "en"
    paths, suffixes = [], [form for form in formats if form != "html"]
    out.mkdir(parents=True, exist_ok=True)
    for done, figure in enumerate(figures):
        files = [out / f"figure-{figure.number}-{figure.name}.{suffix}" for suffix in suffixes]
        if files:
            write_print(figure, _in_print(subject, font), printed, font, files)
        paths += files
        if progress:
            progress(done + 1, len(figures))
    if "html" in formats:
        write_text(out / PAGE, write_page(figures, subject, language))
        paths.append(out / PAGE)
    drawn = {figure.number for figure in figures}
    return FigureFiles(tuple(paths), tuple(sorted(set(numbers) - drawn)), printed)


def _chinese(figures: list[Figure], subject: Subject) -> list[str]:
    """Every Chinese text that the printed figures may hold."""
    headings = [title_of(figure).zh + figure.note.zh for figure in figures]
    named = replace(subject, dataset="")
    return [named.words.zh, *headings, *ZH.values(), "一二三四轮：用户情绪客服行为对话数标签（每两句）"]


def _in_print(subject: Subject, font: str | None) -> Subject:
    """A name as the figures show it: what is beyond ASCII is escaped, unless it is in the Chinese font."""
    drawn = characters(font) if font else set()
    escaped = [
        one if one.isascii() or one in drawn else one.encode("ascii", "backslashreplace").decode()
        for one in subject.dataset
    ]
    return replace(subject, dataset="".join(escaped))

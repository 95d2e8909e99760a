"""Writes the figures of a data set: SVG and PNG files for print, and one HTML page with all figures."""

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
    """What was written. missing: numbers of figures without labels. language: of the SVG and PNG files."""

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
    """Draws figures into a folder, which is created: OUT/figure-4-emotion-to-act.svg, .png, and OUT/figures.html.

    dataset: the name shown below the titles. language: en or zh; SVG and PNG are in English where no font has the
    Chinese characters. progress: called with (done, total), in figures.
    Raises cmcc.DataError when none of the figures has labels.
    """
    figures = [figure for figure in figures_of(counts) if figure.number in numbers]
    if not figures:
        hint = "Build the data set from labeled raw files, or choose other figures. cmcc stats shows the labels."
        raise DataError("there are no labels to draw", "", hint, dataset=dataset)
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
    """Escapes the characters of the name that neither ASCII nor the Chinese font has."""
    available = characters(font) if font else set()
    escaped = [
        character
        if character.isascii() or character in available
        else character.encode("ascii", "backslashreplace").decode()
        for character in subject.dataset
    ]
    return replace(subject, dataset="".join(escaped))

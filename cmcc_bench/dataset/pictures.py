"""Optional parts of the dataset card: the paper's table 1 for this build, and figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cmcc_bench.dataset.card import CardFigure
from cmcc_bench.dataset.counts import count_splits
from cmcc_bench.dataset.parquet import Sizes
from cmcc_bench.dataset.place import FIGURES
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.statistics.counts import Counts
from cmcc_bench.statistics.tables import table_1


@dataclass(frozen=True)
class Pictures:
    """Table 1 and the figures of a build; empty if no dialogue is labeled."""

    statistics: ReportTable | None = None
    figures: tuple[CardFigure, ...] = ()


def draw_pictures(folder: Path, sizes: Sizes, name: str) -> Pictures:
    """Counts the labeled dialogues of a built folder and draws the figures as SVG files into FOLDER/figures.

    name: the name of the data set in captions. Raises ModuleNotFoundError if the plotting libraries are not installed.
    """
    from cmcc_bench.figures.data import figures_of, title_of
    from cmcc_bench.figures.write import write_figures

    counts = sum(count_splits(folder, sizes).values(), Counts())
    titles = {figure.number: title_of(figure).en for figure in figures_of(counts)}
    if not titles:
        return Pictures()
    written = write_figures(counts, name, folder / FIGURES, formats=("svg",))
    figures = tuple(
        CardFigure(f"{FIGURES}/{path.name}", titles[int(path.name.split("-")[1])]) for path in written.paths
    )
    return Pictures(table_1(counts), figures)

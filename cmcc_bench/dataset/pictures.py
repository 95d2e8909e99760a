"""What a card can show beside its counts: the paper's table 1 of this build, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cmcc_bench.dataset.card import CardFigure
from cmcc_bench.dataset.parquet import Sizes, parquet_name
from cmcc_bench.dataset.place import FIGURES
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.statistics.columns import columns_of
from cmcc_bench.statistics.counts import Counts, count
from cmcc_bench.statistics.tables import table_1

_DIALOGUES = 1000  # in memory at a time


@dataclass(frozen=True)
class Pictures:
    """Table 1 of a build and its figures; none where no dialogue is labelled."""

    statistics: ReportTable | None = None
    figures: tuple[CardFigure, ...] = ()


def draw_pictures(folder: Path, sizes: Sizes, name: str) -> Pictures:
    """Counts the labelled dialogues of a built folder and draws their figures into FOLDER/figures, as SVG.

    name: of the data set, in captions. Raises ModuleNotFoundError where the libraries that draw are not installed.
    """
    from cmcc_bench.figures.data import figures_of, title_of
    from cmcc_bench.figures.write import write_figures

    counts = Counts()
    for split in sizes.get("labeled", {}):
        stream = pq.ParquetFile(folder / parquet_name("labeled", split))
        for batch in stream.iter_batches(_DIALOGUES):
            counts += count(columns_of(pa.Table.from_batches([batch])))
    titles = {figure.number: title_of(figure).en for figure in figures_of(counts)}
    if not titles:
        return Pictures()
    written = write_figures(counts, name, folder / FIGURES, formats=("svg",))
    shown = tuple(CardFigure(f"{FIGURES}/{path.name}", titles[int(path.name.split("-")[1])]) for path in written.paths)
    return Pictures(table_1(counts), shown)

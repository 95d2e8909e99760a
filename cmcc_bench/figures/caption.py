"""What is written above and below every figure: its number and title, of which data it is, and its note."""

from __future__ import annotations

from dataclasses import dataclass

from cmcc_bench.errors import printable
from cmcc_bench.figures.data import Figure, Words
from cmcc_bench.reports.table import mark


@dataclass(frozen=True)
class Subject:
    """The data that figures are of: a name, the number of labelled dialogues, how many of them are simulated."""

    dataset: str
    dialogues: int
    synthetic: int

    @property
    def words(self) -> Words:
        """A line that names the data, and says so when they are synthetic."""
        name = printable(self.dataset)
        chinese = " — 合成数据（SYNTHETIC），不是 CMCC 的结果" if self.synthetic else ""
        return Words(
            f"{name}, {self.dialogues:,} dialogues{mark(bool(self.synthetic))}",
            f"{name}，{self.dialogues:,} 个对话{chinese}",
        )


def title_of(figure: Figure) -> Words:
    """The figure's number, as in the paper, and its title."""
    return Words(f"Figure {figure.number}. {figure.title.en}", f"图 {figure.number}  {figure.title.zh}")

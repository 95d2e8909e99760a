"""Writes the golden files that tests compare with, after a change that is meant: python -m tests.write_golden"""

import re
import tempfile
from pathlib import Path

import cmcc
from cmcc_bench.build import build
from tests import raw

GOLDEN = Path(__file__).parent / "golden"


def write_sources(folder: Path) -> dict[str, Path]:
    """Raw files of small builds, by the name of the golden card."""
    calls = [raw.dialogue(f"call-{number}") for number in range(3)]
    raw.write(folder / "licensed", "train.json", calls)
    raw.write(folder / "licensed", "test.json", [raw.dialogue("call-9", 满意度=3)])
    raw.write(folder / "licensed", "unlabeled.json", [raw.plain()])
    raw.write(folder / "synthetic", "train.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}1")])
    raw.write(folder / "unlabeled", "unlabeled.json", [raw.plain()])
    raw.write(folder / "pictures", "train.json", calls)
    names = ("licensed", "pictures", "synthetic", "unlabeled")
    return {f"dataset_card_{name}.md": folder / name for name in names}


def card_of(source: Path, out: Path) -> str:
    """The card of a build, without the numbers that depend on the version of the library that writes Parquet."""
    build(source, out, with_figures=source.name == "pictures")
    text = (out / "README.md").read_text("utf-8")
    text = re.sub(r"(download_size|dataset_size|num_bytes): \d+", r"\1: N", text)
    return re.sub(r"\b1\.0\.\d+\b", "1.0.N", text)


def golden_cards(folder: Path) -> dict[str, str]:
    """The cards as they are now, by name."""
    sources = write_sources(folder / "raw")
    return {name: card_of(source, folder / name / "cmcc") for name, source in sources.items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name, text in golden_cards(Path(folder)).items():
            (GOLDEN / name).write_text(text, encoding="utf-8")

"""Figures that a build draws stand in its folder and its card, and a later build may replace them."""

import re

from cmcc_bench import cli
from cmcc_bench.dataset import build
from cmcc_bench.dataset.place import is_figure
from cmcc_bench.hub.names import is_dataset_file
from tests import raw


def calls(number):
    return [raw.dialogue(f"call-{n}") for n in range(number)]


def test_the_card_shows_table_1_and_every_figure_that_was_drawn(tmp_path):
    raw.write(tmp_path / "raw", "calls.json", calls(3))
    arguments = ["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc"), "--figures"]
    assert cli.main(arguments) == 0
    drawn = {f"figures/{path.name}" for path in (tmp_path / "cmcc" / "figures").iterdir()}
    card = (tmp_path / "cmcc" / "README.md").read_text()
    shown = re.findall(r"^!\[Figure \d\. [^\]]+\]\((figures/[^)]+)\)$", card, re.M)
    assert set(shown) == drawn and len(shown) >= 4
    assert all(is_figure(name) and is_dataset_file(name) for name in drawn)
    assert "Table 1" in card
    build(tmp_path / "raw", tmp_path / "cmcc")  # its own folder is replaced
    assert not (tmp_path / "cmcc" / "figures").exists()


def test_unlabeled_dialogues_have_no_figures(tmp_path):
    raw.write(tmp_path / "raw", "calls.json", [raw.plain()])
    build(tmp_path / "raw", tmp_path / "cmcc", with_figures=True)
    assert not (tmp_path / "cmcc" / "figures").exists()


def test_other_files_in_the_folder_of_figures_are_not_taken_for_figures():
    for name in ("figures/raw.json", "figures/figure-1-x.png", "figures/../figure-1-turns.svg", "figure-1-turns.svg"):
        assert not is_figure(name)

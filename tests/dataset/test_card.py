"""The dataset card: whole, as the golden files have it; its sections, its head, its counts and its slots."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.dataset.card import CardFigure, card, card_template
from cmcc_bench.dataset.counts import count_splits
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.statistics import marginals
from cmcc_bench.statistics.comparison import marginals_of
from tests import raw
from tests.write_golden import GOLDEN, golden_cards, write_sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    return golden_cards(tmp_path_factory.mktemp("golden"))


def test_every_golden_card_has_its_build(cards):
    assert sorted(cards) == sorted(path.name for path in GOLDEN.glob("dataset_card_*.md"))


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("dataset_card_*.md")))
class TestEveryCard:
    def test_it_is_the_golden_one(self, cards, name):
        assert cards[name] == (GOLDEN / name).read_text("utf-8"), "if it is meant: python -m tests.write_golden"

    def test_it_has_the_sections_of_the_hub_s_template_in_order(self, cards, name):
        template = (files("huggingface_hub") / "templates" / "datasetcard_template.md").read_text("utf-8")
        wanted = [heading.removesuffix(" [optional]") for heading in headings(template.split("---\n", 2)[2])[1:]]
        present = [heading for heading in headings(cards[name]) if heading in wanted]
        assert present == wanted and "More Information Needed" not in cards[name]

    def test_its_head_says_language_tasks_size_and_configs(self, cards, name):
        head = yaml.safe_load(cards[name].split("---\n")[1])
        assert head["language"] == "zh" and head["task_categories"] and head["size_categories"] == "n<1K"
        assert {entry["config_name"] for entry in head["configs"]} <= set(cmcc.FEATURES)
        assert (head["license"] == "other") == ("extra_gated_prompt" in head) == ("license_link" in head)
        assert head["license"] == ("apache-2.0" if "synthetic" in name else "other")

    def test_it_leaves_nothing_of_the_template(self, cards, name):
        body = cards[name].split("\n---\n", 1)[1]
        assert not re.search(r"\{%|%\}|\{\{(?!CMCC)|None|Undefined", body)


def headings(text):
    return re.findall(r"^#{1,4} (.+)$", text, re.MULTILINE)


def test_the_citation_names_the_authors_of_the_citation_file(cards):
    paper = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["preferred-citation"]
    text = " ".join(cards["dataset_card_licensed.md"].split())
    bibtex = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"])
    apa = [f"{author['family-names']}, {author['given-names'][0]}." for author in paper["authors"]]
    assert f"author = {{{bibtex}}}" in text and f"{', '.join(apa[:-1])}, & {apa[-1]} (2022)" in text
    assert paper["title"] in text.replace("{{CMCC}", "CMCC").replace("Systems}", "Systems")


def test_the_numbers_of_the_paper_that_it_names_are_the_published_ones(cards):
    from cmcc_bench.paper import TABLE_1

    text = cards["dataset_card_licensed.md"]
    for value in (TABLE_1.dialogues, TABLE_1.turns, TABLE_1.user_utterances):
        assert f"{value:,}" in text
    assert f"{TABLE_1.turns / TABLE_1.dialogues:.2f} each" in text
    both = TABLE_1.service_utterances + TABLE_1.user_utterances
    assert f"= {both / TABLE_1.dialogues:.2f}" in text and f"mean of {TABLE_1.mean_utterances}" in text


def test_counts_are_those_of_the_rows(tmp_path):
    calls = [raw.dialogue("a"), raw.dialogue("b", [raw.turn(用户情绪="抱怨某问题,表示担忧或焦虑")]), [raw.turn()]]
    raw.write(tmp_path / "raw", "train.json", calls)
    raw.write(tmp_path / "raw", "test.json", [raw.dialogue("c", 满意度=None)])
    result = build(tmp_path / "raw", tmp_path / "cmcc")
    counts = {split: marginals_of(found) for split, found in count_splits(result.out, result.sizes).items()}
    rows = {split: list(rows) for split, rows in cmcc.load("labeled", tmp_path / "raw").items()}
    assert list(counts) == list(result.sizes["labeled"]) and set(counts) == {"train", "test"}
    assert counts == {split: marginals(rows[split]) for split in counts}


def test_statistics_and_figures_stand_where_they_are_given(tmp_path):
    result = build(write_sources(tmp_path)["dataset_card_licensed.md"], tmp_path / "cmcc")
    table = ReportTable("Beside the paper", ("", "here", "paper"), (("turns", "2", "11.16"),))
    figures = [CardFigure("figures/turns.svg", "Raw turns a dialogue")]
    text = card(result.out, card_template(), result, "1.0.0", table, figures)
    assert table.markdown() in text and "![Raw turns a dialogue](figures/turns.svg)" in text
    assert (
        text.index("### Statistics of this build") < text.index("Beside the paper") < text.index("## Dataset Creation")
    )


def test_a_care_file_that_was_merged_is_named(tmp_path):
    raw.write(tmp_path / "raw", "calls.json", [raw.dialogue("a")])
    raw.write(tmp_path / "raw", "care.json", {"dialogues": [{"id": "a", "satisfaction": 3}]})
    build(tmp_path / "raw", tmp_path / "cmcc")
    assert "Care labels from `care.json` were merged" in (tmp_path / "cmcc" / "README.md").read_text("utf-8")

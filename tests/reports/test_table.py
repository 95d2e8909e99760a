"""Tables as Markdown and in a terminal: what a cell says is shown as it is, and whole."""

import io
import re
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

import cmcc
from cmcc_bench.corpus import open_split
from cmcc_bench.leaderboard.card import board_tables
from cmcc_bench.quality.calls import find_source
from cmcc_bench.quality.check import check_calls, label_table, summary_table
from cmcc_bench.quality.lexicon import load_lexicon
from cmcc_bench.reports import table as table_module
from cmcc_bench.reports.scores import score_table
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.statistics import collect, statistics_tables
from tests.leaderboard.boards import small_board
from tests.scoring.rows import gold_predictions, score_responses


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("a|b", r"a\|b"),
        (r"a\|b", r"a\\\|b"),  # the backslash of the text must not end the cell
        ("![x](http://example.org/x.png)", r"![x]\(http:&#47;&#47;example.org/x.png)"),
        ("https://a.b WWW.a.b x@a.b ~~no~~", r"https:&#47;&#47;a.b WWW&#46;a.b x&#64;a.b \~\~no\~\~"),
        ("号码***是***吗", r"号码\*\*\*是\*\*\*吗"),  # masks, no emphasis
        ("`code` &lt;", r"\`code\` &amp;lt;"),
        ("__init__ 好_的 a_b", r"\_\_init\_\_ 好_的 a_b"),
        ("one\ntwo", "one<br>two"),
        ("0.642 [0.61, 0.67]", "0.642 [0.61, 0.67]"),
        ("\u202egnp.exe\u202c turned\x1b[31m", r"\\u202egnp.exe\\u202c turned\\x1b[31m"),
        ("全\u3000角", "全 角"),
    ],
)
def test_markup_in_a_text_is_escaped(text, written):
    lines = ReportTable(text.replace("\n", " "), ("x", "y"), (("a", text),)).markdown().split("\n")
    assert lines[4] == f"| a | {written} |" and lines[0] == f"### {written.replace('<br>', ' ')}"


def test_a_name_in_a_note_does_not_turn_the_text_after_it():
    assert "\\u202egnp is" in ReportTable("t", (), (), ("\u202egnp is better",)).markdown()


def rendered(table, width):
    console = Console(width=width, file=io.StringIO(), legacy_windows=False, soft_wrap=True)
    console.print(table.terminal())
    return console.file.getvalue().split("\n")


WHERE_LINES_BREAK = re.compile(r"\s+|(?<=[\u2e80-\u9fff|])|(?=[\u2e80-\u9fff])")


def words_of(texts):
    return {word for text in texts for word in WHERE_LINES_BREAK.split(text) if word}


def cut_words(table, width):
    """Words of a table that no line has whole, and lines that are too long; a wider word than the line may be cut."""
    lines = rendered(table, width)
    found = words_of(lines)
    texts = [table.title, *table.columns, *chain.from_iterable(table.rows), *table.notes]
    words = words_of(cmcc.printable(text, len(text)) for text in texts)
    cut = {word for word in words if cell_len(word) < width and not {word, f"{word}:"} & found}
    return cut | {line for line in lines if cell_len(line.rstrip()) > width}


SCORES = ReportTable(
    "predictions.jsonl, strict — SYNTHETIC data, not a result on CMCC",
    ("system", "inform", "success", "BLEU-4", "intent F1", "act F1", "act F1 without caring", "combined"),
    (("Markovian GPT-2, variant", *["0.642 [0.61, 0.67]"] * 7), ("关怀式客服对话模型", *["0.402 [0.31, 0.47]"] * 7)),
    ("40 dialogues, 419 exchanges", "BLEU: nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:2.6.0"),
)


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40])
def test_no_word_or_number_of_a_table_is_cut_at_any_width(width):
    assert cut_words(SCORES, width) == set()


def test_a_table_is_stacked_where_its_words_do_not_fit_beside_each_other():
    assert any(line.startswith("intent F1: 0.642 [0.61, 0.67]") for line in rendered(SCORES, 40))
    assert not any(line.startswith("intent F1:") for line in rendered(SCORES, 120))


def test_the_notes_of_a_stacked_table_are_apart_from_its_last_row():
    lines = rendered(ReportTable("scores", ("a_long_name", "support"), (("x" * 9, "3"),), ("a note",)), 15)
    assert [line.strip() for line in lines][-5:-1] == ["support: 3", "", "a note", ""]


@pytest.mark.parametrize("width", [80, 60])
def test_every_table_of_the_commands_is_whole_at(width):
    statistics = collect("sample")
    board, _ = small_board()
    tables = [*statistics_tables(statistics), *board_tables(board)]
    rows = list(open_split("sample", "response", "test"))
    scores = score_responses(gold_predictions(rows), rows, "strict", bootstrap=Bootstrap(10))
    checked = check_calls(find_source("sample"), load_lexicon(None), 0, {}, lambda _: None)
    tables += [score_table("gold.jsonl", scores, True), summary_table(checked, "sample"), label_table(checked)]
    assert len(tables) > 10 and {table.title: cut for table in tables if (cut := cut_words(table, width))} == {}


WORD = st.text("abcXYZ019.%-客服信息", min_size=1, max_size=14)
CELL = st.lists(WORD, max_size=4).map(" ".join)


@given(st.data(), st.integers(1, 5), st.integers(20, 100))
@settings(max_examples=150, deadline=None)
def test_any_table_is_whole_at_any_width(data, columns, width):
    row = st.tuples(*[CELL] * columns)
    table = ReportTable(data.draw(CELL), data.draw(row), tuple(data.draw(st.lists(row, max_size=3))), ("note",))
    assert cut_words(table, width) == set()


def test_tables_are_printed_in_one_place_alone():
    root = Path(table_module.__file__).parents[1]
    found = [
        path.name for path in root.rglob("*.py") if re.search(r"rich\.table|import Table", path.read_text("utf-8"))
    ]
    assert found == ["table.py"]

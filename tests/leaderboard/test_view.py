"""The page's content for a board: order, filter, ranks, marks, bars, and comparisons."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from cmcc_bench.leaderboard import html
from cmcc_bench.leaderboard.board import BoardEntry, Difference, TrackBoard, with_ranks
from cmcc_bench.leaderboard.view import (
    BARS,
    CHOICES,
    ROWS,
    TableQuery,
    comparable,
    compare_entries,
    page_of_differences,
    plot_of,
    rank_texts,
    safe_link,
    table_of,
)
from cmcc_bench.scoring import Interval
from cmcc_bench.tasks import TASKS

NAN = float("nan")
SATISFACTION = TASKS["satisfaction"]


def entry(name, point, width=0.05, kind="submission", **more):
    interval = Interval(point, point - width, point + width)
    return BoardEntry(name, name, kind, dict.fromkeys(SATISFACTION.headline, interval), **more)


def board_of(*entries):
    ranked = tuple(with_ranks(entries, SATISFACTION.headline))
    return TrackBoard(SATISFACTION, ranked, {}, ("d",), 1, 1)


def names(table):
    return [row.entry.key for row in table.rows]


def test_the_highest_score_comes_first_and_missing_scores_come_last():
    board = board_of(entry("low", 0.2), entry("undefined", NAN), entry("high", 0.9), entry("middle", 0.5))
    assert names(table_of(board, TableQuery("macro_f1"))) == ["high", "middle", "low", "undefined"]
    assert names(table_of(board, TableQuery("no such score"))) == ["high", "middle", "low", "undefined"]


def test_rows_are_sorted_by_name_ignoring_case_or_by_date_newest_first():
    board = board_of(entry("b", 0.9, date="2026-01-02"), entry("A", 0.1, date="2026-03-01"), entry("c", 0.5))
    assert names(table_of(board, TableQuery("system"))) == ["A", "b", "c"]
    assert names(table_of(board, TableQuery("date"))) == ["A", "b", "c"]


def test_the_filter_requires_every_word_in_name_author_or_training_data():
    board = board_of(
        entry("GPT-2 variant", 0.5, author="Mei", training_data="CMCC train"),
        entry("GPT-2 baseline", 0.4, author="Tom"),
    )
    assert names(table_of(board, TableQuery("macro_f1", "gpt mei"))) == ["GPT-2 variant"]
    assert names(table_of(board, TableQuery("macro_f1", "CMCC"))) == ["GPT-2 variant"]
    assert names(table_of(board, TableQuery("macro_f1", "(gpt"))) == []


def test_only_the_chosen_kinds_are_shown_and_the_table_says_how_many_there_are():
    board = board_of(entry("mine", 0.5), entry("gold", 1.0, kind="bound"), entry("theirs", 0.3, kind="published"))
    table = table_of(board, TableQuery("macro_f1", kinds=("submission",)))
    assert names(table) == ["mine"] and (table.matches, table.total) == (1, 3)
    assert names(table_of(board, TableQuery("macro_f1", kinds=()))) == []


def test_a_shared_rank_has_an_equals_sign_and_a_filter_does_not_change_it():
    board = board_of(entry("a", 0.90), entry("b", 0.88), entry("c", 0.5), entry("gold", 1.0, kind="bound"))
    assert rank_texts(board.entries, "macro_f1") == {"a": "1=", "b": "1=", "c": "3"}
    assert [row.rank for row in table_of(board, TableQuery("macro_f1", "c")).rows] == ["3"]
    assert table_of(board, TableQuery("macro_f1", "gold")).rows[0].rank == "–"


def test_a_flagged_system_is_marked_and_has_no_rank():
    board = board_of(entry("odd", 1.0, 0.0, flags=("exactly perfect: macro_f1",)), entry("plain", 0.5))
    row = table_of(board, TableQuery("macro_f1")).rows[0]
    assert (row.kind, row.rank) == ("flagged", "–")
    assert rank_texts(board.entries, "macro_f1") == {"plain": "1"}


def test_a_missing_interval_or_value_is_shown():
    published = BoardEntry(
        "p", "p", "published", {"macro_f1": Interval(0.5, NAN, NAN), "macro_recall": Interval(NAN, NAN, NAN)}
    )
    scores = table_of(board_of(published), TableQuery("macro_f1")).rows[0].scores
    assert [(score.point, score.interval) for score in scores] == [("0.500", ""), ("–", ""), ("–", "")]


def test_pages_end_with_the_last_row():
    board = board_of(*(entry(f"{n:04d}", 0.5) for n in range(ROWS + 1)))
    first, last = (table_of(board, TableQuery("macro_f1", page=page)) for page in (0, 7))
    assert len(first.rows) == ROWS and (first.page, first.pages) == (0, 2)
    assert len(last.rows) == 1 and last.page == 1
    assert table_of(board, TableQuery("macro_f1", page=-3)).page == 0


@pytest.mark.parametrize("address", ["https://example.org/paper?a=1&b=2", "https://arxiv.org/abs/2112.03706"])
def test_an_address_on_the_web_is_a_link(address):
    assert safe_link(address) == address


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//https://",
        "data:text/html,<script>alert(1)</script>",
        "http://example.org",
        "//example.org",
        "https://",
        "https://name:word@example.org",
        "https://example.org/ onmouseover=x",
        "https://example.org/\"onmouseover='x'",
        "https://example.org/\u202egnp",
        "https://[::1",
        "\thttps://example.org",
    ],
)
def test_any_other_address_is_no_link(address):
    assert safe_link(address) is None


def test_bars_are_drawn_at_their_scores():
    plot = plot_of(board_of(entry("a", 0.8, 0.1), entry("b", 0.4, 0.2), entry("none", NAN)), TableQuery("macro_f1"))
    assert [bar.entry.key for bar in plot.bars] == ["a", "b"]
    # from 0.165 to 0.935: the intervals and a margin of 5 %
    assert plot.ticks == ((4.55, "0.2"), (30.52, "0.4"), (56.49, "0.6"), (82.47, "0.8"))
    assert [(bar.low, bar.x, bar.high) for bar in plot.bars] == [(69.48, 82.47, 95.45), (4.55, 30.52, 56.49)]


@pytest.mark.parametrize("points", [(), (0.0,), (-0.3, 0.7), (0.0001,), (77.1, 4.6), (1e-300,), (-0.2,), (math.inf,)])
def test_every_bar_and_tick_is_within_the_plot_for_all_scores(points):
    plot = plot_of(board_of(*(entry(str(n), point, 0.0) for n, point in enumerate(points))), TableQuery("macro_f1"))
    places = [x for bar in plot.bars for x in (bar.low, bar.x, bar.high)] + [x for x, _ in plot.ticks]
    assert all(0 <= x <= 100 for x in places) and 2 <= len(plot.ticks) <= 7
    assert len(plot.bars) == sum(map(math.isfinite, points))


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_axis_covers_the_ranked_systems_and_marks_scores_outside(scale):
    systems = [entry(f"s{n}", scale * (0.60 + n / 100), scale * 0.01) for n in range(5)]
    others = [
        entry("gold", scale, 0, "bound"),
        entry("random", 0.05 * scale, 0, "bound"),
        entry("inside", 0.62 * scale, 0, "bound"),
    ]
    flagged = entry("too good", scale, 0, flags=("exactly perfect",))
    plot = plot_of(board_of(*systems, *others, flagged), TableQuery("macro_f1"))
    bars = {bar.entry.key: bar for bar in plot.bars}
    assert bars["s4"].x - bars["s0"].x > 40  # of 100: with gold on the axis they would have 4
    assert {key: bar.beyond for key, bar in bars.items() if bar.beyond} == {
        "gold": "right",
        "too good": "right",
        "random": "left",
    }
    assert (bars["gold"].x, bars["random"].x) == (100, 0) and 0 < bars["inside"].x < 100
    content = html.plot_html(plot)
    assert "marks a score outside" in content and content.count("M-6-5L4 0L-6 5z") == 2


def test_without_a_ranked_system_the_axis_covers_all_scores():
    plot = plot_of(board_of(entry("gold", 1.0, 0, "bound"), entry("random", 0.1, 0, "bound")), TableQuery("macro_f1"))
    assert not any(bar.beyond for bar in plot.bars) and "score outside" not in html.plot_html(plot)


def test_a_published_row_has_a_bar_without_an_interval():
    published = BoardEntry("p", "Baseline, as published", "published", {"macro_f1": Interval(0.5, NAN, NAN)})
    bar = plot_of(board_of(published), TableQuery("macro_f1")).bars[0]
    assert (bar.low, bar.high, bar.mark) == (None, None, "published")


def compared(counts_a, counts_b):
    board = board_of(entry("a", 0.8), entry("b", 0.5))
    return compare_entries(replace(board, counts={"a": counts_a, "b": counts_b}), "a", "b")


def confusion(right):
    """Counts of satisfaction, shape (dialogues, 9): each dialogue is in one cell of gold x predicted."""
    counts = np.zeros((60, 9), dtype=np.int64)
    for dialogue in range(60):
        gold = dialogue % 3
        counts[dialogue, gold * 3 + (gold if dialogue < right else (gold + 1) % 3)] = 1
    return counts


def test_a_comparison_says_which_system_is_higher_or_that_it_is_not_clear():
    words = {line.score: line.conclusion for line in compared(confusion(58), confusion(20)).lines}
    assert words["macro_f1"] == "A has the higher macro F1"
    assert compared(confusion(20), confusion(58)).lines[0].conclusion == "B has the higher macro F1"
    assert compared(confusion(40), confusion(40)).lines[0].conclusion == "does not show which is better"
    with pytest.raises(KeyError):
        compare_entries(board_of(entry("a", 0.1)), "a", "a")


def test_systems_to_compare_have_counts_and_unique_labels():
    same = [replace(entry(str(n), 0.5), system="Same", author="mei", date="2026-01-01") for n in range(2)]
    board = board_of(*same, entry("uncounted", 0.9), entry("gold", 1.0, kind="bound"))
    board = replace(board, counts=dict.fromkeys(("0", "1", "gold"), np.zeros((1, 9), dtype=np.int64)))
    assert comparable(board, TableQuery("macro_f1")) == [
        ("gold (bound)", "gold"),
        ("Same (mei, 2026-01-01) [0]", "0"),
        ("Same (mei, 2026-01-01) [1]", "1"),
    ]


def test_differences_are_paged_with_personal_data_masked():
    found = [Difference("d", n, "打13912345678", {"response": (f"{n}", "我叫王小明")}) for n in range(41)]
    last = page_of_differences(found, 9)
    assert (last.first, last.total, last.page, last.pages) == (41, 41, 2, 3)
    assert last.fields == (("response", 41),)
    assert last.differences[0].text == "打***********" and "王小明" not in str(last.differences)
    assert page_of_differences([], 0).pages == 1


def test_ten_thousand_rows_are_shown_fast():
    board = board_of()
    rows = tuple(entry(f"{n:05d}", n % 997 / 997, training_data="CMCC train", author="mei") for n in range(10_000))
    board = replace(board, entries=rows, counts={row.key: np.zeros((1, 9), dtype=np.int64) for row in rows})
    started = time.process_time()
    query = TableQuery("macro_recall", "cmcc")
    written = html.table_html(table_of(board, query)) + html.plot_html(plot_of(board, query))
    choices = comparable(board, query)
    assert time.process_time() - started < 4  # about .5 s; a loop over pairs of rows would take minutes
    assert written.count("<tr") == ROWS + 1 and written.count("<li ") == BARS and len(choices) == CHOICES
    assert f"{10_000 - BARS} more" in written

"""The page as HTML: no name or text can add elements or attributes."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench.leaderboard import html
from cmcc_bench.leaderboard.board import Board, Difference, Rejected
from cmcc_bench.leaderboard.reader import Reading
from cmcc_bench.leaderboard.view import (
    ComparedScore,
    ScoreText,
    SystemComparison,
    TableQuery,
    page_of_differences,
    plot_of,
    table_of,
)
from tests.leaderboard.boards import IMAGE, NAN, QUOTES, SCRIPT, SYSTEMS, small_board
from tests.leaderboard.test_view import board_of, entry

HOSTILE = (
    SCRIPT,
    IMAGE,
    QUOTES,
    "</bdi></td></table><script>",
    "&lt;b&gt;",
    "{{ 7*7 }}{% raw %}",
    "<!--",
    "]]>",
    "\x00\u202e",
)


class Parsed(HTMLParser):
    """The elements with their attributes, in order, and the text."""

    def __init__(self, written):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(written)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    @property
    def shape(self):
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]


def written_with(text):
    """All parts of the page, with `text` in every field that other people write."""
    flagged = entry(text, 0.9, author=text, date=text, paper=text, training_data=text, flags=(text,))
    shown = replace(flagged, key="other", flags=())
    track = board_of(flagged, shown, replace(shown, key="p", kind="published"))
    board = Board(text, text, True, {"satisfaction": track}, (Rejected(1, text, text, text),))
    line = ComparedScore("macro_f1", ScoreText(text, text), ScoreText(text, text), text, text, text)
    found = [Difference(text, 1, text, {text: (text, text)})]
    return "".join(
        (
            html.heading_html(Reading(text, board, None, text, text), track),
            html.table_html(table_of(track, TableQuery("macro_f1"))),
            html.plot_html(plot_of(track, TableQuery("macro_f1"))),
            html.comparison_html(SystemComparison(flagged, shown, (line,))),
            html.differences_html(page_of_differences(found, 0), "exchanges"),
            html.help_html(board, text),
            html.rejected_html(board),
            html.note_html(text),
        )
    )


PLAIN = Parsed(written_with("plain"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=9), max_size=4).map(lambda parts: "x" + "".join(parts)[:80])
)
def test_no_text_changes_the_elements_of_the_page(text):
    assert Parsed(written_with(text)).shape == PLAIN.shape


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_as_it_is(text):
    parsed = Parsed(written_with(text))
    assert cmcc.printable(text) in parsed.text
    assert not any(tag in ("script", "img", "iframe") for tag, _ in parsed.elements)


def test_the_page_s_own_elements_have_no_scripts_and_no_styles_in_attributes():
    for _, attributes in PLAIN.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_only_web_addresses_become_links_and_send_no_referrer():
    links = [attributes for tag, attributes in Parsed(whole_table()).elements if tag == "a"]
    papers = {paper for *_, paper in SYSTEMS if paper}
    assert {link["href"] for link in links} < papers and len(links) == 3
    assert all(link["href"].startswith("https://") for link in links)
    assert {link["rel"] for link in links} == {"noopener noreferrer nofollow"}


def whole_table(order="bleu"):
    return html.table_html(table_of(small_board()[0].tracks["response"], TableQuery(order)))


def test_unprintable_characters_are_escaped():
    written = whole_table()
    assert "\\u202egnp.exe\\u202c turned" in written and "\\x07\\x1b[31mCMCC" in written
    assert all(c.isprintable() or c == "\n" for c in written)
    assert "全 角" in html.note_html("全\u3000角")


def test_the_sorted_column_is_marked_and_every_score_has_a_button():
    def sorted_columns(order):
        elements = Parsed(whole_table(order)).elements
        heads = [(dict(attributes), elements[n + 1][1]) for n, (tag, attributes) in enumerate(elements) if tag == "th"]
        return {button.get("data-order"): head["aria-sort"] for head, button in heads if "aria-sort" in head}

    by_bleu = sorted_columns("bleu")
    assert by_bleu.pop("bleu") == "descending" and set(by_bleu.values()) == {"none"}
    assert set(by_bleu) == {"system", "success", "intent_f1", "act_f1", "act_f1_without_caring", "emotion_f1", "date"}
    assert sorted_columns("system")["system"] == "ascending"
    assert sorted_columns("date")["date"] == "descending"


def test_synthetic_published_and_flagged_are_marked():
    board, _ = small_board()
    track = board.tracks["response"]
    heading = html.heading_html(Reading("x", board), track)
    assert "SYNTHETIC DATA" in heading and "39 dialogues, 410 exchanges" in heading
    assert "SYNTHETIC" not in html.heading_html(Reading("x", replace(board, synthetic=False)), track)
    text = Parsed(whole_table()).text
    assert text.count("as published") == 4 + 1 and "exactly perfect: bleu" in text  # four rows, and the legend
    assert "cannot be separated by these dialogues" in text


def test_boards_with_no_and_one_system_are_complete_pages():
    nothing = board_of()
    assert "No system has been submitted yet" in html.table_html(table_of(nothing, TableQuery("macro_f1")))
    assert "No scores to plot" in html.plot_html(plot_of(nothing, TableQuery("macro_f1")))
    one = board_of(entry("only", NAN))
    assert "No system matches" in html.table_html(table_of(one, TableQuery("macro_f1", "other")))
    table = html.table_html(table_of(one, TableQuery("macro_f1")))
    assert "1 of 1 systems" in table and "nan" not in table
    assert html.rejected_html(Board("d", "test", True, {})) == ""


def test_the_help_has_the_commands_with_the_board_s_own_names():
    board, _ = small_board()
    text = Parsed(html.help_html(board, "cmcc-org/results")).text
    for command in (
        "cmcc predict RUN/best cmcc-org/cmcc --split test --out preds.jsonl",
        "cmcc validate preds.jsonl cmcc-org/cmcc",
        "cmcc submit preds.jsonl cmcc-org/cmcc --leaderboard cmcc-org/results",
    ):
        assert command in text
    assert "'a; rm -rf b'" in Parsed(html.help_html(board, "a; rm -rf b")).text


def test_without_a_board_the_heading_says_what_to_do():
    on_hub = html.heading_html(Reading("cmcc-org/results", problem="no connection"), None)
    assert "HF_TOKEN" in on_hub and "cmcc leaderboard update" in on_hub and 'role="alert"' in on_hub
    assert "CMCC_RESULTS" in html.heading_html(Reading("", problem="No results repository is set"), None)
    board, _ = small_board()
    kept = html.heading_html(Reading("cmcc-org/results", board, None, "2026-01-01 00:00 UTC", "no connection"), None)
    assert "this is its last state" in kept and "2026-01-01 00:00 UTC" in kept


def test_two_systems_with_the_same_answers_have_a_sentence():
    assert "give the same answers for all exchanges" in html.differences_html(page_of_differences([], 0), "exchanges")

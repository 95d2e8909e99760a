"""What comes from outside is shown in a card and is never a part of it."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmcc_bench.cards.escape import shown
from cmcc_bench.corpus import name_without_path

# Whatever begins a part of Markdown, YAML or HTML.
_PARTS = re.compile(r"[<>|`*\[\]\\#!~{}\n\r]|://|(?<!\w)_|_(?!\w)")


@given(st.text(max_size=250))
def test_no_text_can_begin_a_part_of_the_card(text):
    assert not _PARTS.search(re.sub(r"&#\d+;", "", shown(text)).replace(":", ": ")), shown(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_a_reader_sees_what_was_there(text):
    assert html.unescape(shown(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate", "learning_rate"),
        ("0__", "0&#95;&#95;"),
        ("<script>", "&#60;script&#62;"),
        ("a\n---\nb", "a\\n---\\nb".replace("\\", "&#92;")),
        ("http://evil.example", "http:&#47;&#47;evil.example"),
        ("x" * 300, "x" * 200 + "..."),
    ],
)
def test_some_of_them(text, expected):
    assert shown(text) == expected


def test_an_absolute_path_does_not_tell_where_it_lies():
    assert name_without_path("/home/somebody/secret/cmcc") == "cmcc"
    assert name_without_path("runs/variant/best") == "runs/variant/best"
    assert name_without_path("cmcc-org/cmcc") == "cmcc-org/cmcc"

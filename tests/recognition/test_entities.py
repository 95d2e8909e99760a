"""Tags and spans: one is the other, whatever the tokens are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmcc_bench.models.encoding import IGNORED
from cmcc_bench.models.stack_propagation import TAGS
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.recognition.entities import encode_tagged, spans_of, tags_of

TEXT = "我要5G套餐 和流量包wifi的"


def row(entities, text=TEXT):
    spans = [{"type": t, "start": s, "end": e, "name": text[s:e]} for t, s, e in entities]
    return {"dialogue_id": "d", "utterance": 0, "text": text, "emotions": [0], "entities": spans}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 19), st.integers(1, 4)), max_size=5),
)
def test_tags_of_spans_without_overlaps_are_these_spans_again(drawn):
    spans, taken = [], set()
    for kind, start, length in drawn:
        end = min(start + length, 20)
        if not taken & set(range(start, end)):
            taken |= set(range(start, end))
            spans.append((kind, start, end))
    offsets = [(0, 0), *((place, place + 1) for place in range(20)), (0, 0)]
    tags = tags_of([{"type": t, "start": s, "end": e} for t, s, e in spans], offsets)
    assert sorted(spans_of(tags, offsets)) == sorted(spans)
    assert tags[0] == tags[-1] == IGNORED


def test_an_i_that_follows_nothing_of_its_type_is_none():
    offsets = [(place, place + 1) for place in range(6)]
    b0, i0, i1 = TAGS.index("B-business"), TAGS.index("I-business"), TAGS.index("I-data_business")
    assert spans_of([i0, b0, i0, i1, i0, b0], offsets) == [(0, 1, 3), (0, 5, 6)]


def test_a_text_in_tokens_keeps_its_spans_through_blanks_and_latin_words():
    gold = [(9, 2, 6), (6, 8, 11), (0, 11, 15)]
    tokenizer = character_tokenizer([TEXT], ())
    text = encode_tagged(tokenizer, [row(gold)], 64)[0]
    assert [(t, TEXT[s:e]) for t, s, e in spans_of(text.tags, text.offsets)] == [(t, TEXT[s:e]) for t, s, e in gold]
    assert len(text.ids) == len(text.tags) == len(text.offsets) and text.emotions == (1, *[0] * 8)


def test_a_text_that_is_too_long_loses_its_end():
    tokenizer = character_tokenizer([TEXT], ())
    text = encode_tagged(tokenizer, [row([(0, 11, 15)])], 6)[0]
    assert len(text.ids) == 6 and spans_of(text.tags, text.offsets) == []


@pytest.mark.parametrize("rows", [[], [row([], "")]])
def test_nothing_and_an_empty_text_are_encoded(rows):
    assert len(encode_tagged(character_tokenizer(["好"], ()), rows, 8)) == len(rows)

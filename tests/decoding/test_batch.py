"""Rows of a batch: each row's segments are those of a model that continues one text at a time."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmcc_bench.decoding import batch as batch_module
from cmcc_bench.decoding.batch import DecodingBatch
from cmcc_bench.decoding.exchange import Context
from cmcc_bench.decoding.forward import GENERATED

VOCABULARY, PADDING = 7, 2
tokens = st.integers(0, VOCABULARY - 1)


def next_token(text):
    """A model: the next token depends on all tokens of the text and on their order."""
    return sum((place + 3) * (token + 1) for place, token in enumerate(text)) % VOCABULARY


@dataclass
class Table:
    """A Forward that keeps the texts, and checks that every row reads each token of its text once, in order."""

    texts: dict = field(default_factory=dict)

    def __call__(self, read, last):
        logits = torch.zeros(len(read.rows), VOCABULARY + PADDING)
        logits[:, VOCABULARY:] = 9.0  # embeddings without a token
        parts = np.split(read.ids, read.counts.cumsum()[:-1])
        for index, (row, start, ids) in enumerate(zip(read.rows.tolist(), read.starts.tolist(), parts, strict=True)):
            text = self.texts.setdefault(row, []) if start else []
            assert len(text) == start
            self.texts[row] = text + [int(last[row]) if token == GENERATED else int(token) for token in ids]
            logits[index, next_token(self.texts[row])] = 1.0
        assert read.rows[: read.continuing].tolist() == sorted(read.rows[: read.continuing].tolist())
        return logits


@st.composite
def exchanges(draw):
    """The texts of an exchange: what is given before each segment, whether it is cut, and the segment's limits."""
    segment = st.tuples(st.lists(tokens, max_size=3), st.booleans(), tokens, st.integers(1, 6))
    first, *others = draw(st.lists(segment, min_size=1, max_size=5))
    return [([0, *first[0]], True, *first[2:]), *others]


def contexts(segments):
    """Yields the contexts of an exchange and receives its segments."""
    text, written_texts = [], []
    for given_tokens, is_cut, end, longest in segments:
        text = [*text, *given_tokens]
        text = text[len(text) // 2 :] if is_cut and len(text) > 1 else text
        written = yield Context(tuple(text), is_cut, end, longest)
        text += [*written, end]
        written_texts.append(list(written))
    return written_texts


def alone(segments):
    """The segments of an exchange, generated one token at a time."""
    run = contexts(segments)
    context = next(run)
    while True:
        written = []
        while len(written) < context.longest:
            token = next_token([*context.ids, *written])
            if token == context.end:
                break
            written.append(token)
        try:
            context = run.send(written)
        except StopIteration as finished:
            return finished.value


def together(many, rows):
    """The segments of all exchanges, generated in a batch."""
    batch, made, waiting, running = DecodingBatch(Table(), rows, VOCABULARY, torch.device("cpu")), {}, [*many], {}
    free = list(range(rows))
    while running or waiting:
        while waiting and free:
            row, run = free.pop(), contexts(waiting[-1])
            running[row] = len(waiting) - 1, run
            waiting.pop()
            batch.put(row, next(run))
        for row in batch.step()[0]:
            number, run = running[row]
            try:
                batch.put(row, run.send(batch.written(row)))
            except StopIteration as finished:
                made[number] = finished.value
                del running[row]
                batch.remove(row)
                free.append(row)
    return [made[number] for number in range(len(many))]


@pytest.mark.parametrize("ahead", [0, 1])
@given(many=st.lists(exchanges(), max_size=6), rows=st.integers(1, 4))
@settings(max_examples=60)
def test_any_exchanges_in_any_batch_have_the_segments_of_each_alone(ahead, many, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "_STEPS_AHEAD", {"cpu": ahead})
        assert together(many, rows) == [alone(segments) for segments in many]


def test_a_row_that_goes_on_reads_one_token_in_each_step():
    batch = DecodingBatch(Table(), 2, VOCABULARY, torch.device("cpu"))
    batch.put(0, Context((1, 2, 3), is_new_text=True, end=VOCABULARY, longest=4))
    assert [batch.step() for _ in range(4)] == [([], 3), ([], 1), ([], 1), ([0], 1)]
    assert len(batch.written(0)) == 4

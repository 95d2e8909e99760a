"""One forward pass for rows that are at different positions of their texts, over a shared key-value cache.

The new tokens of all rows are concatenated into a single sequence. So the linear layers see no padding, and a row that
reads a whole text can run together with rows that generate one token. Only attention has to know where a row ends. It
is implemented here, registered with transformers' attention interface, and uses one cache with one entry for each row.

An example of two rows. Row 0 has read a b c and reads d; row 1 begins a new text, x y:

    input_ids      d  x  y      one sequence, [1, tokens]
    rows           0  1  1      the row of each token
    columns        3  0  1      its index in that row, which is also its position
    cache          a b c d      row 0: keys and values of each layer, [rows, heads, columns, head size]
                   x y . .      row 1: entries after its end are left over from longer texts and masked
    attention      d            attends to columns 0 to 3 of row 0
                   x y          attend to columns 0 to 1 of row 1, x only to column 0
    logits         d, y         the last token of each feed, [feeds, vocabulary]

OneByOneForward is the reference implementation. It gives the same logits up to rounding and is used for models with
another kind of attention. `forward_of` compares both on a few tokens before it uses the fast one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from cmcc_bench.decoding.exchange import Feed

_NAME = "cmcc_rows"  # the name of this attention in transformers' registry
_COLUMNS = 256  # initial size of a cache row in tokens; doubled when a row is longer

# Rows of different lengths share one attention call if that reads at most this many cached tokens unnecessarily. On a
# CPU the exact number matters little: GPT-2 base took 28 to 31 ms a step of 32 rows with 20, 50 and 100. On a GPU it is
# not measured but estimated: reading these tokens takes about as long as starting another call.
_TOKENS_OF_A_CALL = {"cpu": 40}
_TOKENS_OF_A_CALL_ELSEWHERE = 8_000


class Forward(Protocol):
    """A model with a cache for several texts, one in each row."""

    def __call__(self, feeds: Sequence[tuple[int, Feed]]) -> torch.Tensor:
        """Reads each (row, feed) and returns the logits of the next tokens, [feeds, vocabulary]."""


@contextmanager
def forward_of(model: PreTrainedModel, rows: int) -> Iterator[Forward]:
    """Prepares a model for decoding: all rows together if its attention allows that, else one by one.

    This is tested on a few tokens. Until the context ends, the model is in evaluation mode, uses the attention of this
    module and cannot be used elsewhere.
    """
    was_training = model.training
    model.train(False)
    try:
        together = TogetherForward(model, max(rows, 2))  # the test needs two rows
        if _agrees(model, together):
            with _attention(model):
                yield together
        else:
            yield OneByOneForward(model)
    finally:
        model.train(was_training)


class OneByOneForward:
    """The reference implementation: one row at a time with transformers' own cache; works for any causal LM."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._caches: dict[int, Any] = {}

    @torch.inference_mode()
    def __call__(self, feeds: Sequence[tuple[int, Feed]]) -> torch.Tensor:
        """See Forward."""
        return torch.stack([self._next(row, feed) for row, feed in feeds])

    def _next(self, row: int, feed: Feed) -> torch.Tensor:
        cache = None if feed.is_new_text else self._caches[row]
        ids = torch.tensor([feed.ids], device=self._model.device)  # [1, tokens]
        output = self._model(input_ids=ids, past_key_values=cache, use_cache=True)
        self._caches[row] = output.past_key_values
        logits: torch.Tensor = output.logits[0, -1]  # [vocabulary]
        return logits


class TogetherForward:
    """All rows in one sequence, see the module's docstring. The model must use the attention of this module."""

    def __init__(self, model: PreTrainedModel, rows: int) -> None:
        self._model = model
        self._cache = RowCache(rows, _TOKENS_OF_A_CALL.get(model.device.type, _TOKENS_OF_A_CALL_ELSEWHERE))

    @torch.inference_mode()
    def __call__(self, feeds: Sequence[tuple[int, Feed]]) -> torch.Tensor:
        """See Forward."""
        # Feeds of one token first, by row: they are then in the order of the cache, so neighbors can share a call.
        ordered = sorted(range(len(feeds)), key=lambda index: (len(feeds[index][1].ids) > 1, feeds[index][0]))
        # To the device once for all layers: every copy waits for the device.
        step = self._cache.start_step([feeds[index] for index in ordered]).to(self._model.device)
        ids = torch.tensor([token for index in ordered for token in feeds[index][1].ids])  # [tokens]
        output = self._model(
            input_ids=ids[None].to(self._model.device),
            position_ids=step.columns[None],
            use_cache=False,  # transformers' own cache; ours is written in _attend
            logits_to_keep=step.last,  # only the logits at the end of each feed; the vocabulary is large
            rows_step=step,  # passed on to _attend unchanged
        )
        logits: torch.Tensor = output.logits[0]  # [feeds, vocabulary], in the order of `ordered`
        restored = torch.empty(len(feeds), dtype=torch.long)
        restored[ordered] = torch.arange(len(feeds))
        return logits[restored.to(logits.device)]


@dataclass(frozen=True)
class Piece:
    """Tokens that share an attention call: one token each of neighboring rows, or several tokens of one row.

    tokens: their slice of the sequence. rows: their slice of the cache. columns: number of cached tokens that the call
    reads. mask: the cached tokens that each token may attend to; None for all or, if is_causal, for all before it.
    """

    tokens: slice
    rows: slice
    columns: int
    mask: torch.Tensor | None
    is_causal: bool = False


@dataclass(frozen=True)
class ForwardStep:
    """The tokens of one pass. rows, columns: cache index of each token, [tokens]. last: end of each feed, [feeds]."""

    cache: RowCache
    rows: torch.Tensor
    columns: torch.Tensor
    last: torch.Tensor
    pieces: tuple[Piece, ...]

    def to(self, device: torch.device) -> ForwardStep:
        """The same step with its tensors on a device."""
        pieces = (replace(piece, mask=None if piece.mask is None else piece.mask.to(device)) for piece in self.pieces)
        rows, columns, last = (tensor.to(device) for tensor in (self.rows, self.columns, self.last))
        return ForwardStep(self.cache, rows, columns, last, tuple(pieces))


class RowCache:
    """Keys and values of all layers, each [rows, heads, columns, head size]; a row's tokens start at column 0.

    tokens_of_a_call: cached tokens that may be read unnecessarily to save an attention call.
    """

    def __init__(self, rows: int, tokens_of_a_call: int) -> None:
        self._lengths, self._tokens_of_a_call = [0] * rows, tokens_of_a_call
        self._columns = _COLUMNS
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def start_step(self, feeds: Sequence[tuple[int, Feed]]) -> ForwardStep:
        """Assigns cache entries to the tokens of the feeds: first feeds of one token, then others, each by row."""
        # A new text starts at column 0 again. Older entries of the row are overwritten or, after its end, masked.
        counts = [len(feed.ids) for _, feed in feeds]
        starts = [0 if feed.is_new_text else self._lengths[row] for row, feed in feeds]
        for (row, _), start, count in zip(feeds, starts, counts, strict=True):
            self._lengths[row] = start + count
        rows = torch.tensor([row for row, _ in feeds]).repeat_interleave(torch.tensor(counts))
        columns = torch.cat([torch.arange(start, start + count) for start, count in zip(starts, counts, strict=True)])
        pieces = (*self._single_pieces([row for (row, _), n in zip(feeds, counts, strict=True) if n == 1]),)
        longer = _longer_pieces([(row, start, n) for (row, _), start, n in zip(feeds, starts, counts, strict=True)])
        return ForwardStep(self, rows, columns, torch.tensor(counts).cumsum(0) - 1, (*pieces, *longer))

    def write(
        self, layer: int, step: ForwardStep, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Stores keys and values, each [1, heads, tokens, head size]; returns all keys and values of the layer."""
        cached = self._layers[layer] = self._with_room(layer, keys, values)
        for whole, new in zip(cached, (keys, values), strict=True):
            whole[step.rows, :, step.columns] = new[0].transpose(0, 1)  # [tokens, heads, head size]
        return cached

    def _with_room(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        while max(self._lengths) > self._columns:
            self._columns *= 2
        old = self._layers.get(layer)
        if old is not None and old[0].shape[2] >= self._columns:
            return old
        # Doubled, so that a text of n tokens is copied log n times, not n times.
        # Zeros, not uninitialized memory: masked values are still multiplied, and 0 * nan is nan.
        new = tuple(x.new_zeros(len(self._lengths), x.shape[1], self._columns, x.shape[3]) for x in (keys, values))
        for whole, before in zip(new, old or (), strict=False):
            whole[:, :, : before.shape[2]] = before
        return new[0], new[1]

    def _single_pieces(self, rows: Sequence[int]) -> Iterator[Piece]:
        # One call for all rows reads the longest row's number of columns in each; one call for each row has overhead.
        # So neighbors are grouped greedily while few columns are read unnecessarily.
        first = 0
        for last in range(1, len(rows) + 1):
            if last == len(rows) or not self._belongs(rows[first:last], rows[last]):
                yield self._single_piece(first, rows[first:last])
                first = last

    def _belongs(self, rows: Sequence[int], row: int) -> bool:
        """Whether a shared call for these rows and the next one costs less than a separate call for the next one."""
        lengths = [self._lengths[other] for other in rows]
        longest = max(*lengths, self._lengths[row])
        unneeded = (longest - max(lengths)) * len(rows) + longest - self._lengths[row]
        return row == rows[-1] + 1 and unneeded <= self._tokens_of_a_call

    def _single_piece(self, first: int, rows: Sequence[int]) -> Piece:
        lengths = torch.tensor(self._lengths[rows[0] : rows[-1] + 1])
        longest = int(lengths.max())
        mask = (torch.arange(longest) < lengths[:, None])[:, None, None]  # [rows, 1, 1, columns]
        tokens, places = slice(first, first + len(rows)), slice(rows[0], rows[-1] + 1)
        return Piece(tokens, places, longest, None if bool(mask.all()) else mask)


def _longer_pieces(feeds: Sequence[tuple[int, int, int]]) -> Iterator[Piece]:
    """A piece for each (row, start, count) of several tokens."""
    token = 0
    for row, start, count in feeds:
        if count > 1:
            # [tokens, columns]: token i attends to all earlier tokens and itself, columns 0 to start + i.
            mask = torch.ones(count, start + count, dtype=torch.bool).tril(start) if start else None
            yield Piece(slice(token, token + count), slice(row, row + 1), start + count, mask, is_causal=not start)
        token += count


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001 - part of the interface; always None here
    scaling: float | None = None,
    *,
    rows_step: ForwardStep,
    **_kwargs: Any,  # noqa: ANN401 - other arguments of the interface
) -> tuple[torch.Tensor, None]:
    """Attention of query [1, heads, tokens, head size] over the rows' caches: [1, tokens, heads, head size]."""
    layer = int(module.layer_idx)  # type: ignore[arg-type]  # an int in every attention module
    keys, values = rows_step.cache.write(layer, rows_step, key, value)  # [rows, key heads, columns, head size]
    output = query.new_empty(query.shape[2], query.shape[1], values.shape[3])  # [tokens, heads, head size]
    for piece in rows_step.pieces:
        singles = piece.rows.stop - piece.rows.start == piece.tokens.stop - piece.tokens.start
        queries = query[:, :, piece.tokens]  # [1, heads, tokens, head size]
        # One token each of several rows is a batch, [rows, heads, 1, head size]; tokens of one row are one sequence.
        attended = scaled_dot_product_attention(
            queries.transpose(0, 2) if singles else queries,
            keys[piece.rows, :, : piece.columns],
            values[piece.rows, :, : piece.columns],
            attn_mask=piece.mask,
            is_causal=piece.is_causal,
            scale=scaling,
            enable_gqa=keys.shape[1] != query.shape[1],
        )
        output[piece.tokens] = attended[:, :, 0] if singles else attended[0].transpose(0, 1)
    return output[None], None


AttentionInterface.register(_NAME, _attend)


@contextmanager
def _attention(model: PreTrainedModel) -> Iterator[None]:
    """The model uses the attention of this module until the context ends."""
    own = model.config._attn_implementation
    model.set_attn_implementation(_NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(own)


def _agrees(model: PreTrainedModel, together: Forward) -> bool:
    """Whether `_attend` gives the logits of the model's own attention, for two short texts and one more token each.

    Attention sinks, soft caps and recurrent layers differ. A model without a pluggable attention is not tested.
    """
    if not model._supports_attention_backend or "logits_to_keep" not in inspect.signature(model.forward).parameters:
        return False
    alone = OneByOneForward(model)
    first = [(0, Feed((1, 2, 3), True)), (1, Feed((3, 1), True))]
    for feeds in (first, [(0, Feed((2,), False)), (1, Feed((1, 2), False))]):
        with _attention(model):
            logits = together(feeds)
        if not torch.allclose(logits, alone(feeds), rtol=1e-3, atol=1e-3):
            return False
    return True

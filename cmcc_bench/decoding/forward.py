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
    logits         d, y         the last token of each row, [reads, vocabulary]

On a CPU, attention is called for a few neighboring rows of similar length, and for each row that reads several tokens:
reading what is masked costs more there than a call. Elsewhere there are few calls a layer: one for all rows that read
one token, and one each for all new texts and for all others, or more if these are many and long.

OneByOneForward is the reference implementation. It gives the same logits up to rounding and is used for models with
another kind of attention. `forward_of` compares both on a few tokens before it uses the fast one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from cmcc_bench.models.causal_lm import has_plain_attention

TokenArray: TypeAlias = NDArray[np.int64]

GENERATED = -1  # in Read.ids: the token that the row generated last
_NAME = "cmcc_rows"  # the name of this attention in transformers' registry
_COLUMNS = 256  # initial size of a cache row in tokens; doubled when a row is longer
_MANY_CALLS = frozenset({"cpu"})  # devices that get an attention call for each few rows

# Rows of different lengths share one attention call on a CPU if that reads at most this many cached tokens
# unnecessarily. The exact number matters little: GPT-2 base took 28 to 31 ms a step of 32 rows with 20, 50 and 100.
_TOKENS_OF_A_CALL = 40

# Elsewhere, rows * tokens * columns of a call: with shared keys, a GPU may need memory for the scores of each head.
_SCORES_OF_A_CALL = 1 << 23


@dataclass(frozen=True)
class Read:
    """What a pass reads: first one token each of rows in ascending order, then any number of tokens of other rows.

    rows, starts, counts: the row, its first new column and its number of new tokens, [reads]. A row with start 0 begins
    a new text. ids: the new tokens of all of them, or GENERATED, [tokens].
    """

    rows: TokenArray
    starts: TokenArray
    counts: TokenArray
    ids: TokenArray

    @property
    def continuing(self) -> int:
        """The number of rows, the first ones, that go on from the token that they generated."""
        return int((self.ids == GENERATED).sum())


class Forward(Protocol):
    """A model with a cache for several texts, one in each row."""

    def __call__(self, read: Read, last: torch.Tensor) -> torch.Tensor:
        """Reads the tokens and returns the logits of the next ones, [reads, vocabulary].

        last: the token that each row generated last, [rows], on the model's device.
        """


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
    def __call__(self, read: Read, last: torch.Tensor) -> torch.Tensor:
        """See Forward."""
        parts = np.split(read.ids, read.counts.cumsum()[:-1])
        reads = zip(read.rows.tolist(), read.starts.tolist(), parts, strict=True)
        return torch.stack([self._next(row, start, ids, last[row]) for row, start, ids in reads])

    def _next(self, row: int, start: int, ids: TokenArray, last: torch.Tensor) -> torch.Tensor:
        cache = self._caches[row] if start else None
        tokens = last[None] if ids[0] == GENERATED else torch.from_numpy(ids).to(last.device)  # [tokens]
        output = self._model(input_ids=tokens[None], past_key_values=cache, use_cache=True)
        self._caches[row] = output.past_key_values
        logits: torch.Tensor = output.logits[0, -1]  # [vocabulary]
        return logits


class TogetherForward:
    """All rows in one sequence, see the module's docstring. The model must use the attention of this module."""

    def __init__(self, model: PreTrainedModel, rows: int) -> None:
        self._model, self._cache = model, RowCache(rows)

    @torch.inference_mode()
    def __call__(self, read: Read, last: torch.Tensor) -> torch.Tensor:
        """See Forward."""
        step, ids, ends = self._cache.start_step(read, last)
        output = self._model(
            input_ids=ids[None],
            position_ids=step.columns[None],
            use_cache=False,  # transformers' own cache; ours is written in _attend
            logits_to_keep=ends,  # only the logits at the end of each row; the vocabulary is large
            rows_step=step,  # passed on to _attend unchanged
        )
        logits: torch.Tensor = output.logits[0]  # [reads, vocabulary]
        return logits


@dataclass(frozen=True)
class Piece:
    """Tokens that share an attention call, side by side: [rows, longest].

    tokens: their slice of the sequence. slots: the place of each token in the flattened [rows, longest]; None if they
    fill it in order. rows: their rows in the cache. longest: maximum number of tokens of a row. columns: number of
    cached tokens that the call reads. mask: the cached tokens that each token may attend to; None for all or, if
    is_causal, for all before it. number: of rows, where there are slots.
    """

    tokens: slice
    rows: slice | torch.Tensor
    longest: int
    columns: int
    mask: torch.Tensor | None
    is_causal: bool = False
    slots: torch.Tensor | None = None
    number: int = 0

    def side_by_side(self, queries: torch.Tensor) -> torch.Tensor:
        """[tokens, heads, head size] -> [rows, heads, longest, head size]."""
        if self.slots is not None:
            filled = queries.new_zeros(self.number * self.longest, *queries.shape[1:])
            queries = filled.index_copy_(0, self.slots, queries)
        return queries.view(-1, self.longest, *queries.shape[1:]).transpose(1, 2)

    def in_sequence(self, attended: torch.Tensor) -> torch.Tensor:
        """[rows, heads, longest, head size] -> [tokens, heads, head size]."""
        flat = attended.transpose(1, 2).flatten(0, 1)
        return flat if self.slots is None else flat[self.slots]


@dataclass(frozen=True)
class ForwardStep:
    """The tokens of one pass. rows, columns: cache index of each token, [tokens]. longest: columns that are needed."""

    cache: RowCache
    rows: torch.Tensor
    columns: torch.Tensor
    longest: int
    pieces: tuple[Piece, ...]


class RowCache:
    """Keys and values of all layers, each [rows, heads, columns, head size]; a row's tokens start at column 0."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._columns = _COLUMNS
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def start_step(self, read: Read, last: torch.Tensor) -> tuple[ForwardStep, torch.Tensor, torch.Tensor]:
        """The step of a read, the tokens, [tokens], and the index of the last token of each row, [reads].

        last: see Forward. All tensors are on its device.
        """
        # A new text starts at column 0 again. Older entries of the row are overwritten or, after its end, masked.
        firsts = read.counts.cumsum() - read.counts
        rows = read.rows.repeat(read.counts)
        offsets = np.arange(len(read.ids)) - firsts.repeat(read.counts)
        host = (rows, read.starts.repeat(read.counts) + offsets, read.ids, firsts + read.counts - 1)
        token_rows, columns, given, ends = on_device(host, last.device)
        if last.device.type in _MANY_CALLS:
            pieces = (*_neighbors(read), *_longer(read))
        else:
            pieces = (*self._all_singles(read, token_rows, columns), *_all_longer(read, offsets, columns))
        ids = torch.where(given == GENERATED, last[token_rows], given)
        longest = int((read.starts + read.counts).max())
        return ForwardStep(self, token_rows, columns, longest, pieces), ids, ends

    def write(
        self, layer: int, step: ForwardStep, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Stores keys and values, each [1, heads, tokens, head size]; returns all keys and values of the layer."""
        cached = self._layers[layer] = self._with_room(layer, step.longest, keys, values)
        for whole, new in zip(cached, (keys, values), strict=True):
            whole[step.rows, :, step.columns] = new[0].transpose(0, 1)  # [tokens, heads, head size]
        return cached

    def _with_room(
        self, layer: int, longest: int, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        while longest > self._columns:
            self._columns *= 2
        old = self._layers.get(layer)
        if old is not None and old[0].shape[2] >= self._columns:
            return old
        # Doubled, so that a text of n tokens is copied log n times, not n times.
        # Zeros, not uninitialized memory: masked values are still multiplied, and 0 * nan is nan.
        new = tuple(x.new_zeros(self._rows, x.shape[1], self._columns, x.shape[3]) for x in (keys, values))
        for whole, before in zip(new, old or (), strict=False):
            whole[:, :, : before.shape[2]] = before
        return new[0], new[1]

    def _all_singles(self, read: Read, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[Piece]:
        """One call for all rows of the cache. The queries of rows that do not go on are 0, and ignored."""
        continuing = read.continuing
        if continuing:
            longest = int(read.starts[:continuing].max()) + 1
            mask = _mask(columns[:continuing], rows[:continuing], (self._rows, 1), longest)
            tokens, every_row = slice(0, continuing), slice(0, self._rows)
            yield Piece(tokens, every_row, 1, longest, mask, slots=rows[:continuing], number=self._rows)


def _all_longer(read: Read, offsets: TokenArray, columns: torch.Tensor) -> Iterator[Piece]:
    """Few calls for all rows that read given tokens, filled up on the right: new texts, and the others."""
    token = read.continuing
    firsts = read.counts.cumsum() - read.counts
    while token < len(read.ids):
        index = int(np.searchsorted(firsts, token))
        stop = _same_kind(read, index)
        end = int(read.counts[:stop].sum())
        yield _padded_piece(read, slice(index, stop), slice(token, end), offsets, columns)
        token = end


def _same_kind(read: Read, first: int) -> int:
    """The end of the reads from `first` on that share a call: all new or none, and with few scores for the memory."""
    is_new = read.starts[first:] == 0
    longest = np.maximum.accumulate(read.counts[first:])
    ends = np.maximum.accumulate((read.starts + read.counts)[first:])
    is_shared = (is_new == is_new[0]) & (np.arange(1, len(is_new) + 1) * longest * ends <= _SCORES_OF_A_CALL)
    is_shared[0] = True
    return first + int(np.logical_and.accumulate(is_shared).sum())


def _padded_piece(read: Read, reads: slice, tokens: slice, offsets: TokenArray, columns: torch.Tensor) -> Piece:
    """The rows of some reads side by side. Of new texts, no token attends to the filling on its right: no mask."""
    rows, counts = read.rows[reads], read.counts[reads]
    longest, read_columns = int(counts.max()), int((read.starts + read.counts)[reads].max())
    places = np.arange(len(rows)).repeat(counts) * longest + offsets[tokens]
    slots, cache_rows = on_device((places, rows), columns.device)
    is_new = not read.starts[reads].any()
    mask = None if is_new else _mask(columns[tokens], slots, (len(rows), longest), read_columns)
    return Piece(tokens, cache_rows, longest, read_columns, mask, is_new, slots, len(rows))


def _mask(columns: torch.Tensor, slots: torch.Tensor, shape: tuple[int, int], longest: int) -> torch.Tensor:
    """Which of the first cached tokens each token may attend to, [rows, 1, tokens, longest]: up to its own column.

    columns, slots: the column of each token, and its place in the flattened shape, [rows, tokens]. Places without a
    token have column 0: a softmax over nothing would not be a number.
    """
    own = columns.new_zeros(shape[0] * shape[1]).index_copy_(0, slots, columns).view(shape[0], 1, shape[1], 1)
    return torch.arange(longest, device=columns.device) <= own


def _neighbors(read: Read) -> Iterator[Piece]:
    # One call for all rows reads the longest row's number of columns in each; one call for each row has overhead.
    # So neighbors are grouped greedily while few columns are read unnecessarily.
    rows, lengths = read.rows[: read.continuing].tolist(), (read.starts[: read.continuing] + 1).tolist()
    first = 0
    for last in range(1, len(rows) + 1):
        if last == len(rows) or not _belongs(rows[first : last + 1], lengths[first : last + 1]):
            yield _neighbor_piece(first, rows[first], lengths[first:last])
            first = last


def _belongs(rows: Sequence[int], lengths: Sequence[int]) -> bool:
    """Whether a shared call for these rows costs less than a separate call for the last one."""
    longest = max(lengths)
    unneeded = (longest - max(lengths[:-1])) * (len(rows) - 1) + longest - lengths[-1]
    return rows[-1] == rows[-2] + 1 and unneeded <= _TOKENS_OF_A_CALL


def _neighbor_piece(first: int, row: int, lengths: Sequence[int]) -> Piece:
    """One token each of rows that follow each other. first: index of the first token. row: its row."""
    longest, count = max(lengths), len(lengths)
    is_equal = min(lengths) == longest
    mask = None if is_equal else (torch.arange(longest) < torch.tensor(lengths)[:, None])[:, None, None]
    return Piece(slice(first, first + count), slice(row, row + count), 1, longest, mask)


def _longer(read: Read) -> Iterator[Piece]:
    """A piece for each row that reads given tokens."""
    token = read.continuing
    reads = (array[read.continuing :].tolist() for array in (read.rows, read.starts, read.counts))
    for row, start, count in zip(*reads, strict=True):
        # [tokens, columns]: token i attends to all earlier tokens and itself, columns 0 to start + i.
        mask = torch.ones(count, start + count, dtype=torch.bool).tril(start) if start else None
        tokens, rows = slice(token, token + count), slice(row, row + 1)
        yield Piece(tokens, rows, count, start + count, mask, is_causal=not start)
        token += count


def on_device(arrays: Sequence[TokenArray], device: torch.device) -> tuple[torch.Tensor, ...]:
    """The arrays as tensors on a device, by one copy that does not wait for the device."""
    joined = torch.from_numpy(np.concatenate(arrays))
    if device.type == "cuda":
        joined = joined.pin_memory()
    moved = joined.to(device, non_blocking=True)
    return torch.split(moved, [len(array) for array in arrays])


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
    queries = query[0].transpose(0, 1)  # [tokens, heads, head size]
    output = query.new_empty(*queries.shape[:2], values.shape[3])  # [tokens, heads, head size]
    for piece in rows_step.pieces:
        own_keys, own_values = (whole[:, :, : piece.columns][piece.rows] for whole in (keys, values))
        attended = _attended(piece, piece.side_by_side(queries[piece.tokens]), own_keys, own_values, scaling)
        output[piece.tokens] = piece.in_sequence(attended)
    return output[None], None


def _attended(
    piece: Piece, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    """Attention of [rows, heads, longest, head size] to keys and values, [rows, key heads, columns, head size].

    Heads that share keys are the queries of one head where each row has one token. (With a mask, a GPU has no kernel
    for shared keys and would copy them for each head.)
    """
    heads, key_heads = queries.shape[1], keys.shape[1]
    is_shared = heads != key_heads
    if is_shared and piece.longest == 1:
        queries = queries.reshape(len(queries), key_heads, heads // key_heads, -1)
    attended = scaled_dot_product_attention(
        queries,
        keys,
        values,
        attn_mask=piece.mask,
        is_causal=piece.is_causal,
        scale=scaling,
        enable_gqa=is_shared and piece.longest > 1,
    )
    return attended.reshape(len(attended), heads, piece.longest, -1)


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
    """Whether `_attend` gives the logits of the model's own attention, for two short texts and some more tokens each.

    Attention sinks and recurrent layers differ. A model that says that its attention is of another kind is not tested.
    """
    if not has_plain_attention(model) or "logits_to_keep" not in inspect.signature(model.forward).parameters:
        return False
    # Relative to the norm: single logits are near 0. In bfloat16 it is 3 %.
    tolerance = max(1e-3, 4 * torch.finfo(model.dtype).eps)
    alone, last = OneByOneForward(model), torch.tensor([2, 1], device=model.device)
    new_texts = Read(*map(np.array, ([0, 1], [0, 0], [3, 2], [1, 2, 3, 3, 1])))
    both_go_on = Read(*map(np.array, ([0, 1], [3, 2], [1, 1], [GENERATED, GENERATED])))
    one_goes_on = Read(*map(np.array, ([0, 1], [4, 3], [1, 2], [GENERATED, 1, 2])))
    for read in (new_texts, both_go_on, one_goes_on):
        with _attention(model):
            logits = together(read, last)
        expected = alone(read, last)
        if not (logits - expected).norm() < tolerance * expected.norm():
            return False
    return True

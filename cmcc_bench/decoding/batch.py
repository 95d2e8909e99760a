"""A batch of texts that one model continues, one in each row, and the tokens that it generates.

    batch = DecodingBatch(forward, 32, vocabulary, device)
    batch.put(0, context)            # the model reads what is new in the text and goes on
    for row in batch.step():         # one forward pass for all rows; the rows whose segment is complete
        tokens = batch.written(row)

The state of the rows is in arrays with one entry for each row, so a step has no loop over the rows: only those whose
segment is complete are handled one by one, about one in ten.

On a GPU, a step is started before the tokens of the last one have arrived, so that the device does not wait for Python.
A row whose segment has just ended has then read the end of the segment too, which its text needs next in any case. If
something else follows in its text, the token generated after the end is ignored.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch

from cmcc_bench.decoding.exchange import Context
from cmcc_bench.decoding.forward import GENERATED, Forward, Read, TokenArray, on_device
from cmcc_bench.models.device import HostCopy

# The steps that are started before the tokens of an earlier one are looked at: none on a CPU, where nothing runs at the
# same time and the last token of each text would be read in vain.
_STEPS_AHEAD = {"cuda": 1}


class DecodingBatch:
    """The rows of a batch. vocabulary: number of tokens of the tokenizer; a model may have more, which are ignored."""

    def __init__(self, forward: Forward, rows: int, vocabulary: int, device: torch.device) -> None:
        self._forward, self._vocabulary = forward, vocabulary
        self._ahead = _STEPS_AHEAD.get(device.type, 0)
        self._last = torch.zeros(rows, dtype=torch.long, device=device)  # the token that each row generated last
        self._steps: deque[_Started] = deque()  # started, with tokens that were not looked at yet
        self._unread: dict[int, TokenArray] = {}  # the tokens of rows that do not only go on from their last token
        self._has_text = np.zeros(rows, dtype=bool)
        self._texts = np.zeros(rows, dtype=np.int64)  # changes with what a row reads: older steps do not count then
        self._lengths = np.zeros(rows, dtype=np.int64)  # tokens of the text that the model has read
        self._ends, self._limits = np.zeros((2, rows), dtype=np.int64)  # of the segment: its end, its maximum length
        self._counts = np.zeros(rows, dtype=np.int64)  # tokens of the segment so far
        self._received = np.zeros(rows, dtype=np.int64)  # the last token that was looked at
        self._written = np.zeros((rows, 1), dtype=np.int64)  # the tokens of the segment

    def put(self, row: int, context: Context) -> None:
        """Gives a row a text and a segment to continue it with, at the beginning or after `step` has returned it."""
        if context.is_new_text:
            self._lengths[row] = 0
        unread = context.ids[self._lengths[row] :]
        # What the row reads in the next step in any case. One step ahead, the end of the last segment is read already.
        following = () if self._ahead else (self._received[row],)
        if context.is_new_text or unread != following:
            self._unread[row] = np.array(unread, dtype=np.int64)
            self._texts[row] += 1
        self._has_text[row] = True
        self._ends[row], self._limits[row], self._counts[row] = context.end, context.longest, 0
        if context.longest > self._written.shape[1]:
            self._written = np.pad(self._written, ((0, 0), (0, context.longest - self._written.shape[1])))

    def remove(self, row: int) -> None:
        """Removes the text of a row."""
        self._has_text[row] = False
        self._texts[row] += 1

    def written(self, row: int) -> list[int]:
        """The tokens of the segment of a row, without its end."""
        tokens: list[int] = self._written[row, : self._counts[row]].tolist()
        return tokens

    @torch.inference_mode()
    def step(self) -> tuple[list[int], int]:
        """Runs one forward pass. Returns the rows whose segment is complete, in order, and the number of tokens read.

        Each of these rows needs a new text then: `put`, or `remove`.
        """
        read = self._next_read()
        likeliest = self._forward(read, self._last)[:, : self._vocabulary].argmax(-1)  # [reads]
        (rows,) = on_device((read.rows,), self._last.device)
        self._last[rows] = likeliest
        self._steps.append(_Started(read.rows, self._texts[read.rows], HostCopy(likeliest)))
        complete = self._receive(self._steps.popleft()) if len(self._steps) > self._ahead else []
        return complete, len(read.ids)

    def _next_read(self) -> Read:
        # Rows that go on come first, in order of the cache: neighbors share an attention call.
        others = sorted(self._unread)
        continues = self._has_text.copy()
        continues[others] = False
        rows = np.concatenate([np.flatnonzero(continues), np.array(others, dtype=np.int64)])
        texts = [self._unread[row] for row in others]
        continuing = len(rows) - len(others)
        counts = np.array([1] * continuing + [len(ids) for ids in texts])
        read = Read(rows, self._lengths[rows], counts, np.concatenate([np.full(continuing, GENERATED), *texts]))
        self._lengths[rows] += counts
        self._unread.clear()
        return read

    def _receive(self, step: _Started) -> list[int]:
        """Adds the tokens of a step to the segments and returns the rows whose segment is complete."""
        is_current = step.texts == self._texts[step.rows]
        rows, tokens = step.rows[is_current], step.tokens.wait().numpy()[is_current]
        self._received[rows] = tokens
        self._written[rows, self._counts[rows]] = tokens
        is_end = tokens == self._ends[rows]
        self._counts[rows] += ~is_end
        complete: list[int] = rows[is_end | (self._counts[rows] == self._limits[rows])].tolist()
        return complete


@dataclass(frozen=True)
class _Started:
    """A step that was started: the rows that read, the texts that they had, and the tokens that they generate."""

    rows: TokenArray
    texts: TokenArray
    tokens: HostCopy

"""Decoding one exchange: what the model is to read next, whatever else is decoded beside it.

An exchange is a generator: it yields what the model reads, is sent the token that the model then finds likeliest, and
returns its Prediction. It knows nothing of batches, caches or tensors.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.models.encoding import end_id, history_ids, segment_ids, start_ids
from cmcc_bench.models.tokenizer import Tokenizer, text_of
from cmcc_bench.tasks import Prediction
from cmcc_bench.textform import Segment, TextForm
from cmcc_bench.views import LocalKB, kb_result

MODES = ("end2end", "oracle")


@dataclass(frozen=True)
class Feed:
    """Tokens that a model reads after what it has read already, or as a new text."""

    ids: tuple[int, ...]
    is_new_text: bool


@dataclass(frozen=True)
class Setting:
    """What all exchanges of a run have in common; `longest` is the most tokens that the model reads."""

    tokenizer: Tokenizer
    form: TextForm
    mode: str
    longest: int

    def is_generated(self, segment: Segment) -> bool:
        """End to end a model writes all that the form says; with the oracle, the response alone."""
        return segment.source == "generated" and (self.mode == "end2end" or segment.column == "response")


class ExchangeDecoding:
    """One exchange on its way: its texts by column so far, and whether its context was too long for the model.

    cut_names: how many history entities were left out, the oldest ones; where that was not enough, the first tokens of
    what was left are missing, too.
    """

    def __init__(
        self, setting: Setting, dialogue_id: str, exchange: int, row: Mapping[str, Any], history: str, kb: LocalKB
    ) -> None:
        self.dialogue_id, self.exchange = dialogue_id, exchange
        self.texts: dict[str, str] = {}
        self.is_cut, self.cut_names = False, 0
        self._setting, self._row, self._kb = setting, row, kb
        self._history = setting.form.write_segment(setting.form.segments[0], history)
        self._before: list[int] = []  # the start and the history entities
        self._after: list[int] = []  # all that follows them
        self._read = 0  # of both together, what the model has read

    def run(self) -> Generator[Feed, int, Prediction]:
        """Yields what the model is to read and is sent its next token, until the response is written."""
        tokenizer, form = self._setting.tokenizer, self._setting.form
        history, *segments = form.segments
        self._before = start_ids(tokenizer) + segment_ids(tokenizer, self._history, history)
        for segment in segments:
            if self._setting.is_generated(segment):
                text = yield from self._write(segment)
            else:
                text = form.write_segment(segment, self._given(segment))
                self._after += segment_ids(tokenizer, text, segment)
            self.texts[segment.column] = text
        return self._prediction()

    def _prediction(self) -> Prediction:
        return Prediction(
            dialogue_id=self.dialogue_id,
            exchange=self.exchange,
            entities=self.texts["entities"],
            user_intent=self.texts["user_intent"],
            kb_result=self.texts["kb_result"],
            emotions=self.texts.get("emotions"),
            acts=self.texts["acts"],
            response=self.texts["response"],
        )

    def _given(self, segment: Segment) -> str:
        """The text of a segment that the model does not write; end to end, the KB is asked by what it wrote."""
        if segment.source == "queried" and self._setting.mode == "end2end":
            return ",".join(kb_result(self._kb, self.texts["user_intent"]))
        text = self._row.get(segment.column)
        if not isinstance(text, str):
            expected = f"the gold text of {segment.column}"
            hint = f"The mode {self._setting.mode} needs it; add the column or decode with --mode end2end."
            raise DataError(f"{text!r:.40}", expected, hint, dialogue=self.dialogue_id, exchange=self.exchange)
        return text

    def _write(self, segment: Segment) -> Generator[Feed, int, str]:
        """The model's text of a segment; one that does not end by itself is ended, as the published baseline does."""
        end, written = end_id(self._setting.tokenizer, segment), list[int]()
        self._make_room(segment.longest)
        while len(written) < segment.longest - 1:
            token = yield self._unread()
            if token == end:
                break
            written.append(token)
            self._after.append(token)
        self._after.append(end)
        return text_of(self._setting.tokenizer, written)

    def _unread(self) -> Feed:
        feed = Feed(tuple((self._before + self._after)[self._read :]), is_new_text=self._read == 0)
        self._read += len(feed.ids)
        return feed

    def _make_room(self, longest: int) -> None:
        """Shortens the context as training does, oldest names first, so that `longest` tokens fit after it.

        The model then reads all of it again: the positions have changed.
        """
        room = self._setting.longest - longest
        if len(self._before) + len(self._after) <= room:
            return
        tokenizer, segment = self._setting.tokenizer, self._setting.form.segments[0]
        start = start_ids(tokenizer)
        left = room - len(start) - len(self._after)
        history, cut = history_ids(tokenizer, self._history, segment, left)
        self._history = ",".join(self._history.split(",")[cut:])
        excess = max(0, len(start + history + self._after) - room)
        self._before = (start + history)[excess:]
        self._after = self._after[max(0, excess - len(start + history)) :]
        self._read = 0
        self.is_cut = True
        self.cut_names += cut

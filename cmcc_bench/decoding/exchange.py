"""Decoding of one exchange, independent of all other exchanges in the batch.

An exchange is a generator: it yields the text so far, receives the tokens of the segment with which the model continues
it, and returns its Prediction. Batches, caches and tensors are handled elsewhere.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.models.encoding import end_id, given_ids, history_ids, segment_ids, start_ids
from cmcc_bench.models.tokenizer import Tokenizer, text_of
from cmcc_bench.tasks import Prediction
from cmcc_bench.textform import Segment, TextForm
from cmcc_bench.views import LocalKB, kb_result

MODES = ("end2end", "oracle")


@dataclass(frozen=True)
class Context:
    """A text, and the limits of the segment with which the model continues it.

    ids: all tokens of the text. is_new_text: whether the text does not continue the exchange's last one, so that its
    positions have changed. end: the token that ends the segment. longest: maximum number of tokens before the end.
    """

    ids: tuple[int, ...]
    is_new_text: bool
    end: int
    longest: int


@dataclass(frozen=True)
class Setting:
    """The settings that all exchanges of a run share. longest: the model's maximum context in tokens."""

    tokenizer: Tokenizer
    form: TextForm
    mode: str
    longest: int

    def is_generated(self, segment: Segment) -> bool:
        """Whether the model generates the segment: all generated segments in end2end, only the response in oracle."""
        return segment.source == "generated" and (self.mode == "end2end" or segment.column == "response")


class ExchangeDecoding:
    """The state of one exchange.

    texts: the finished segments by column. is_cut: whether the context was too long for the model. cut_names: number of
    history entities that were dropped, the oldest first; if that was not enough, the first tokens are dropped too.
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
        self._after: list[int] = []  # all tokens after them
        self._is_new_text = True

    def run(self) -> Generator[Context, Sequence[int], Prediction]:
        """Yields a text and receives the tokens that the model generates after it, up to and including the response.

        The tokens are those before the segment's end, at most `longest`.
        """
        tokenizer, form = self._setting.tokenizer, self._setting.form
        history, *segments = form.segments
        self._before = start_ids(tokenizer) + segment_ids(tokenizer, self._history, history)
        for is_generated, group in groupby(segments, self._setting.is_generated):
            if is_generated:
                for segment in group:
                    self.texts[segment.column] = yield from self._write(segment)
            else:
                self._give(list(group))
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

    def _give(self, segments: Sequence[Segment]) -> None:
        """Adds segments that are not generated."""
        texts = [self._setting.form.write_segment(segment, self._given(segment)) for segment in segments]
        self._after += given_ids(self._setting.tokenizer, texts, segments)
        self.texts |= {segment.column: text for segment, text in zip(segments, texts, strict=True)}

    def _given(self, segment: Segment) -> str:
        """The text of a segment that is not generated. In end2end the KB is queried with the generated intent."""
        if segment.source == "queried" and self._setting.mode == "end2end":
            return ",".join(kb_result(self._kb, self.texts["user_intent"]))
        text = self._row.get(segment.column)
        if not isinstance(text, str):
            expected = f"the gold text of {segment.column}"
            hint = f"The mode {self._setting.mode} needs it; add the column or decode with --mode end2end."
            raise DataError(f"{text!r:.40}", expected, hint, dialogue=self.dialogue_id, exchange=self.exchange)
        return text

    def _write(self, segment: Segment) -> Generator[Context, Sequence[int], str]:
        """Generates a segment. A segment that is too long is ended, as in the published baseline."""
        self._make_room(segment.longest)
        ids, end = (*self._before, *self._after), end_id(self._setting.tokenizer, segment)
        written: Sequence[int] = ()
        if segment.longest > 1:
            written = yield Context(ids, self._is_new_text, end, segment.longest - 1)
            self._is_new_text = False
        self._after += [*written, end]
        return text_of(self._setting.tokenizer, list(written))

    def _make_room(self, longest: int) -> None:
        """Shortens the context as in training, oldest names first, so that `longest` more tokens fit.

        The model then reads the whole context again, because the positions have changed.
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
        self._is_new_text = True
        self.is_cut = True
        self.cut_names += cut

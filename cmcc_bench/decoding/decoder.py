"""Batched greedy decoding of many dialogues, with the same text as decoding one dialogue at a time.

    for prediction in decode(model, tokenizer, form, dialogues):
        ...

Each row of the batch is an exchange. Rows may be in different segments at the same time, and a finished exchange is
replaced at once. An exchange can start as soon as the entities of the previous one are generated, because the model
sees nothing else of the past (the paper, section 4.1.1). So a dialogue may occupy several rows.

`decode_one` is the reference implementation, which tests and benchmarks/decode.py compare `decode` with. Read it first.
The same loop in exchange.py asks for a segment and waits; batch.py generates the segments of all rows, one token each
in a step; forward.py computes the next tokens of all rows in one pass.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from cmcc_bench.decoding.batch import DecodingBatch
from cmcc_bench.decoding.dialogues import DialogueInput
from cmcc_bench.decoding.exchange import MODES, Context, ExchangeDecoding, Setting
from cmcc_bench.decoding.forward import forward_of
from cmcc_bench.errors import DataError
from cmcc_bench.models.causal_lm import longest_input
from cmcc_bench.models.encoding import end_id, segment_ids, start_ids
from cmcc_bench.models.tokenizer import Tokenizer, text_of
from cmcc_bench.tasks import Prediction
from cmcc_bench.textform import TextForm, read_labels
from cmcc_bench.views import kb_result

BATCH_SIZE = 32  # exchanges in a batch; twice as many need twice the memory and are only about 10 % faster


@torch.inference_mode()
def decode_one(
    model: PreTrainedModel, tokenizer: Tokenizer, form: TextForm, dialogue: DialogueInput
) -> Iterator[Prediction]:
    """The reference implementation: decodes one dialogue end to end with transformers' `generate`.

    Each segment is generated after the whole text so far. The model must be in evaluation mode and have enough
    positions for the longest exchange.
    """
    history = dialogue.history
    for exchange, row in enumerate(dialogue.rows):
        given = {"history_entities": ",".join(history), "user": row["user"]}
        ids, texts = start_ids(tokenizer), dict[str, str]()
        for segment in form.segments:
            if segment.source == "generated":
                end = end_id(tokenizer, segment)
                written = generate(model, ids, segment.longest - 1, end)
                ids += [*written, end]  # also where the model did not end the segment itself
                texts[segment.column] = text_of(tokenizer, written)
                continue
            if segment.source == "queried":  # the query is the intent that the model generated
                texts["kb_result"] = given["kb_result"] = ",".join(kb_result(dialogue.kb, texts["user_intent"])).lower()
            ids += segment_ids(tokenizer, form.write_segment(segment, given[segment.column]), segment)
        history = tuple(dict.fromkeys(history + read_labels(texts["entities"].lower())))
        yield Prediction(dialogue_id=dialogue.dialogue_id, exchange=row.get("exchange", exchange), **texts)


def generate(model: PreTrainedModel, ids: Sequence[int], longest: int, end: int) -> list[int]:
    """The greedy continuation of `ids` with at most `longest` tokens, without the token `end`."""
    context = torch.tensor([ids], device=model.device)  # [1, tokens]
    output = model.generate(  # type: ignore[operator]
        context,
        attention_mask=torch.ones_like(context),
        max_new_tokens=longest,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
    )  # [1, tokens + new tokens]
    written: list[int] = output[0, len(ids) :].tolist()
    return written[: written.index(end)] if end in written else written


@dataclass
class DecodingCounts:
    """Counts of a decoding so far.

    steps: forward passes. fed_tokens: tokens that the model read. cut_contexts: exchanges whose context was too long
    for the model. cut_entities: history entities that were dropped to shorten contexts, the oldest first.
    """

    exchanges: int = 0
    steps: int = 0
    fed_tokens: int = 0
    cut_contexts: int = 0
    cut_entities: int = 0


def decode(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    form: TextForm,
    dialogues: Iterable[DialogueInput],
    mode: str = "end2end",
    batch_size: int = BATCH_SIZE,
    counts: DecodingCounts | None = None,
) -> Iterator[Prediction]:
    """Yields the prediction of each exchange when it is finished; exchanges of different dialogues may be mixed.

    dialogues: read lazily, when a row is free. mode: end2end, or oracle (only the response is generated, after the gold
    segments). batch_size: exchanges in a batch. counts: updated while predictions are yielded.
    Raises cmcc.DataError for an unknown mode, a missing gold column in the mode oracle, or a model with too few
    positions.
    """
    check_mode(mode)
    setting = Setting(tokenizer, form, mode, _longest_context(model, form))
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected 1 or more")
    counts = DecodingCounts() if counts is None else counts
    return _decode(model, len(tokenizer), _Waiting(setting, dialogues), batch_size, counts)


def _decode(
    model: PreTrainedModel, vocabulary: int, waiting: _Waiting, rows: int, counts: DecodingCounts
) -> Iterator[Prediction]:
    # Each iteration fills the free rows, runs one forward pass for all rows and removes finished exchanges. No row
    # waits for another: the pass reads one new token in most rows and a whole context in rows that were just filled.
    free, running = list(range(rows - 1, -1, -1)), dict[int, _Running]()  # rows without and with an exchange
    with forward_of(model, rows) as forward:
        batch = DecodingBatch(forward, rows, vocabulary, model.device)
        while True:
            while free and (decoding := waiting.take()):
                row = free.pop()
                running[row] = _Running(decoding)
                batch.put(row, running[row].context)
            if not running:
                return
            complete, tokens = batch.step()
            counts.steps += 1
            counts.fed_tokens += tokens
            for row in complete:
                prediction = running[row].send(batch.written(row))
                # As soon as the entities are generated, not at the end: the next exchange can then run in parallel.
                waiting.learn_entities(running[row].decoding)
                if prediction is None:
                    batch.put(row, running[row].context)
                    continue
                batch.remove(row)
                decoding = running.pop(row).decoding
                counts.exchanges += 1
                counts.cut_contexts += decoding.is_cut
                counts.cut_entities += decoding.cut_names
                free.append(row)
                yield prediction
            free.sort(reverse=True)  # lowest row first: neighboring rows share an attention call


class _Running:
    """An exchange in a row, and the text that the model continues."""

    def __init__(self, decoding: ExchangeDecoding) -> None:
        self.decoding = decoding
        self._run: Generator[Context, Sequence[int], Prediction] = decoding.run()
        self.context = next(self._run)

    def send(self, written: Sequence[int]) -> Prediction | None:
        """Sends the tokens of a segment to the exchange; returns its prediction when it is finished."""
        try:
            self.context = self._run.send(written)
        except StopIteration as finished:
            prediction: Prediction = finished.value
            return prediction
        return None


class _Waiting:
    """A queue of exchanges that can start, earlier dialogues first; it reads a new dialogue only when it is empty."""

    def __init__(self, setting: Setting, dialogues: Iterable[DialogueInput]) -> None:
        self._setting, self._dialogues = setting, enumerate(dialogues)
        self._ready: list[_Start] = []  # a heap: first by dialogue, then by exchange
        self._unwritten: dict[ExchangeDecoding, _Start] = {}  # exchanges whose entities are not generated yet

    def take(self) -> ExchangeDecoding | None:
        """The next exchange, or None if none can start now."""
        while not self._ready:
            number, dialogue = next(self._dialogues, (-1, None))
            if dialogue is None:
                return None
            self._open(number, dialogue)
        start = heappop(self._ready)
        _, exchange, history, dialogue = start
        row = dialogue.rows[exchange]
        index = row.get("exchange", exchange)
        decoding = ExchangeDecoding(self._setting, dialogue.dialogue_id, index, row, ",".join(history), dialogue.kb)
        if self._setting.mode == "end2end":
            self._unwritten[decoding] = start
        return decoding

    def learn_entities(self, decoding: ExchangeDecoding) -> None:
        """Adds the next exchange of the dialogue to the queue once the entities of this one are generated.

        Its history has each entity once, in order of first mention, as in the `response` view.
        """
        if "entities" in decoding.texts and (start := self._unwritten.pop(decoding, None)):
            number, exchange, history, dialogue = start
            if exchange + 1 < len(dialogue.rows):
                names = tuple(dict.fromkeys(history + read_labels(decoding.texts["entities"].lower())))
                heappush(self._ready, _Start(number, exchange + 1, names, dialogue))

    def _open(self, number: int, dialogue: DialogueInput) -> None:
        if self._setting.mode == "end2end":
            if dialogue.rows:  # learn_entities adds the others when their history is known
                heappush(self._ready, _Start(number, 0, dialogue.history, dialogue))
        else:  # the history is gold, so all exchanges can start
            for exchange, row in enumerate(dialogue.rows):
                heappush(self._ready, _Start(number, exchange, (str(row["history_entities"]),), dialogue))


class _Start(NamedTuple):
    """An exchange that can start: number of the dialogue, index of the exchange, and the entities mentioned before."""

    number: int
    exchange: int
    history: tuple[str, ...]
    dialogue: DialogueInput


def check_mode(mode: str) -> None:
    """Raises cmcc.DataError for an unknown mode."""
    if mode not in MODES:
        raise DataError(f"unknown mode {mode!r}", "", f"Choose {' or '.join(MODES)}.")


def _longest_context(model: PreTrainedModel, form: TextForm) -> int:
    """The maximum context in tokens. With a sliding window it is the window, within which attention is ordinary."""
    windows = (getattr(model.config, name, None) for name in ("sliding_window", "attention_chunk_size"))
    limits = (longest_input(model), *windows)
    longest = min((limit for limit in limits if limit), default=sys.maxsize)
    needed = max(segment.longest for segment in form.segments)
    if longest <= needed:
        hint = "Train a model with a larger max_length."
        problem = f"the model reads {longest} tokens; the longest segment alone takes {needed}"
        raise DataError(problem, "", hint, model=str(model.config.name_or_path))
    return longest

"""How an exchange becomes a model's tokens: [CLS], each segment of the text form with its end token, [SEP].

Training encodes whole exchanges with `encode_rows`; decoding puts the same sequence together piece by piece with
`start_ids`, `history_ids` and `segment_ids`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmcc_bench.models.tokenizer import Tokenizer
from cmcc_bench.textform import Segment, TextForm

IGNORED = -100  # the label of a token without a loss; torch's own number for it


@dataclass(frozen=True)
class Encoded:
    """An exchange in tokens.

    ids: [length]. generated: [length], True where the model is to write the token itself: those of generated segments,
    their end tokens included. cut_names: oldest history entities left out; cut_tokens: first tokens left out after it.
    """

    ids: tuple[int, ...]
    generated: tuple[bool, ...]
    cut_names: int = 0
    cut_tokens: int = 0


def start_ids(tokenizer: Tokenizer) -> list[int]:
    """What stands before the first segment: [CLS], or the beginning token of a tokenizer without one, or nothing."""
    return _first_known(tokenizer.cls_token_id, tokenizer.bos_token_id)


def closing_ids(tokenizer: Tokenizer) -> list[int]:
    """What stands after the last segment: [SEP], or the end token of a tokenizer without one, or nothing."""
    return _first_known(tokenizer.sep_token_id, tokenizer.eos_token_id)


def segment_ids(tokenizer: Tokenizer, text: str, segment: Segment) -> list[int]:
    """The tokens of a segment's text (as TextForm.write_segment has it), then its end token."""
    return [*_text_ids(tokenizer, [text])[0], end_id(tokenizer, segment)]


def end_id(tokenizer: Tokenizer, segment: Segment) -> int:
    """The id of the token that ends the segment."""
    return int(tokenizer.convert_tokens_to_ids(segment.end))  # type: ignore[arg-type]  # one token, one id


def history_ids(tokenizer: Tokenizer, text: str, segment: Segment, room: int) -> tuple[list[int], int]:
    """segment_ids of a list of names in at most `room` tokens, the oldest names left out; and how many were.

    The end token stays even where there is no room for it.
    """
    names = text.split(",") if text else []
    ids = segment_ids(tokenizer, text, segment)
    cut = 0
    while len(ids) > room and cut < len(names):
        cut += 1
        ids = segment_ids(tokenizer, ",".join(names[cut:]), segment)
    return ids, cut


def encode_rows(
    form: TextForm, tokenizer: Tokenizer, rows: Iterable[Mapping[str, Any]], max_length: int
) -> list[Encoded]:
    """Rows of the `response` view as tokens, at most `max_length` each.

    What is too long loses its oldest history entities first, then its first tokens, as the published baseline does.
    """
    texts = [form.write(row) for row in rows]
    width = len(form.segments)
    flat = _text_ids(tokenizer, [text for written in texts for text in written])
    return [
        _join(form, tokenizer, written, flat[index * width : (index + 1) * width], max_length)
        for index, written in enumerate(texts)
    ]


def encode(form: TextForm, tokenizer: Tokenizer, row: Mapping[str, Any], max_length: int) -> Encoded:
    """One row of the `response` view as tokens; see encode_rows."""
    return encode_rows(form, tokenizer, [row], max_length)[0]


def _join(
    form: TextForm, tokenizer: Tokenizer, written: Sequence[str], bodies: Sequence[Sequence[int]], max_length: int
) -> Encoded:
    pieces = [[*body, end_id(tokenizer, segment)] for segment, body in zip(form.segments, bodies, strict=True)]
    start, closing = start_ids(tokenizer), closing_ids(tokenizer)
    rest = len(start) + len(closing) + sum(map(len, pieces[1:]))
    cut_names = 0
    if rest + len(pieces[0]) > max_length:
        pieces[0], cut_names = history_ids(tokenizer, written[0], form.segments[0], max_length - rest)
    ids, generated = list(start), [False] * len(start)
    for segment, piece in zip(form.segments, pieces, strict=True):
        ids += piece
        generated += [segment.source == "generated"] * len(piece)
    ids += closing
    generated += [False] * len(closing)
    first = max(0, len(ids) - max_length)
    return Encoded(tuple(ids[first:]), tuple(generated[first:]), cut_names, first)


def _text_ids(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """The tokens of plain text; a special token that someone wrote out in a text is cut up like any other word."""
    if not texts:
        return []  # transformers raises IndexError
    found: list[list[int]] = tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return found


def _first_known(*ids: int | None) -> list[int]:
    return next(([found] for found in ids if found is not None), [])

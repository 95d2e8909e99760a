"""The encoding of an exchange as tokens: [CLS], each segment of the text form with its end token, [SEP].

Training encodes whole exchanges with `encode_rows`. Decoding builds the same sequence segment by segment with
`start_ids`, `history_ids` and `segment_ids`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmcc_bench.models.tokenizer import Tokenizer
from cmcc_bench.textform import Segment, TextForm

IGNORED = -100  # the label of a token that is not in the loss; torch's ignore_index


@dataclass(frozen=True)
class Encoded:
    """An encoded exchange.

    ids: [length]. generated: [length], True for tokens that the model generates: those of generated segments and their
    end tokens. cut_names: number of history entities that were dropped, the oldest first. cut_tokens: number of
    tokens that were then dropped from the start.
    """

    ids: tuple[int, ...]
    generated: tuple[bool, ...]
    cut_names: int = 0
    cut_tokens: int = 0


def start_ids(tokenizer: Tokenizer) -> list[int]:
    """The tokens before the first segment: [CLS], else the tokenizer's BOS token, else none."""
    return _first_known(tokenizer.cls_token_id, tokenizer.bos_token_id)


def closing_ids(tokenizer: Tokenizer) -> list[int]:
    """The tokens after the last segment: [SEP], else the tokenizer's EOS token, else none."""
    return _first_known(tokenizer.sep_token_id, tokenizer.eos_token_id)


def segment_ids(tokenizer: Tokenizer, text: str, segment: Segment) -> list[int]:
    """The tokens of a segment's text (see TextForm.write_segment), then its end token."""
    return given_ids(tokenizer, [text], [segment])


def given_ids(tokenizer: Tokenizer, texts: Sequence[str], segments: Sequence[Segment]) -> list[int]:
    """The tokens of several segments in order, as of `segment_ids`, with one call of the tokenizer."""
    bodies = zip(_text_ids(tokenizer, list(texts)), segments, strict=True)
    return [token for body, segment in bodies for token in (*body, end_id(tokenizer, segment))]


def end_id(tokenizer: Tokenizer, segment: Segment) -> int:
    """The id of the token that ends the segment."""
    return int(tokenizer.convert_tokens_to_ids(segment.end))  # type: ignore[arg-type]  # one token, one id


def history_ids(tokenizer: Tokenizer, text: str, segment: Segment, room: int) -> tuple[list[int], int]:
    """Encodes a list of names in at most `room` tokens; drops the oldest names if needed.

    Returns the tokens and the number of dropped names. The end token stays even if there is no room for it.
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
    """Encodes rows of the `response` view with at most `max_length` tokens each.

    A longer row loses its oldest history entities first, then its first tokens, as in the published baseline.
    """
    texts = [form.write(row) for row in rows]
    width = len(form.segments)
    flat = _text_ids(tokenizer, [text for written in texts for text in written])
    return [
        _join(form, tokenizer, written, flat[index * width : (index + 1) * width], max_length)
        for index, written in enumerate(texts)
    ]


def encode(form: TextForm, tokenizer: Tokenizer, row: Mapping[str, Any], max_length: int) -> Encoded:
    """Encodes one row of the `response` view; see encode_rows."""
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
    """The tokens of plain texts. A special token written out in a text is split like any other word."""
    if not texts:
        return []  # transformers raises IndexError
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids


def _first_known(*ids: int | None) -> list[int]:
    return next(([token] for token in ids if token is not None), [])

"""Splits a labeled dialogue into exchanges: a user utterance and the service reply after it. Nothing is dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cmcc_bench.views.intents import Intent, read_intents, unite_intents
from cmcc_bench.vocabulary import SPEAKERS

PAUSE = "_"  # a pause in the transcripts; also joins consecutive utterances of one speaker
USER = SPEAKERS.id_of("user")


@dataclass(slots=True)  # frozen, or as a named tuple, it takes three times as long to make
class Side:
    """One or more consecutive utterances of one speaker. Do not change it.

    utterances: their indices in the row. text: their texts joined by a pause. emotions, acts: class labels without
    repeats; None if not annotated. entities, triples: items of the labeled row, with `start` and `end` in `text`.
    """

    is_user: bool
    utterances: tuple[int, ...]
    text: str
    emotions: tuple[int, ...] | None
    intents: tuple[Intent, ...] | None
    acts: tuple[int, ...] | None
    entities: tuple[Mapping[str, Any], ...]
    triples: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class Exchange:
    """What the user says and what the service replies. Do not change it.

    mentioned_entities, mentioned_triples: those in the user's text. They are annotated there, or they are annotated in
    the reply and the user's text contains the name or value in upper or lower case. A triple's value is never empty.
    """

    user: Side
    service: Side
    mentioned_entities: tuple[Mapping[str, Any], ...]
    mentioned_triples: tuple[Mapping[str, Any], ...]


class Exchanges(NamedTuple):
    """A dialogue: the service's greeting before the first user utterance, the exchanges, an unanswered last side."""

    opening: Side | None
    exchanges: tuple[Exchange, ...]
    closing: Side | None

    def sides(self) -> Iterator[Side]:
        """All sides in spoken order."""
        if self.opening:
            yield self.opening
        for exchange in self.exchanges:
            yield exchange.user
            yield exchange.service
        if self.closing:
            yield self.closing


def exchanges(row: Mapping[str, Any]) -> Exchanges:
    """Splits a row with cmcc.labeled_features() into exchanges.

    Consecutive utterances of one speaker are one side, even if they are from several raw turns. SereTOD's preprocessing
    drops dialogues in which the order of the speakers changes; this keeps them.
    """
    sides = _sides(row["utterances"] or ())
    opening = sides.pop(0) if sides and not sides[0].is_user else None
    closing = sides.pop() if len(sides) % 2 else None
    return Exchanges(opening, tuple(map(_exchange, sides[::2], sides[1::2])), closing)


def _exchange(user: Side, service: Side) -> Exchange:
    entities, triples = user.entities, user.triples
    if triples:
        triples = tuple([triple for triple in triples if triple["value"]])
    if service.entities or service.triples:
        text = user.text.lower()
        entities += tuple([entity for entity in service.entities if _is_in(entity["name"], text)])
        triples += tuple([triple for triple in service.triples if _is_in(triple["value"], text)])
    return Exchange(user, service, entities, triples)


def _is_in(name: str | None, lower_text: str) -> bool:
    return bool(name) and (name or "").lower() in lower_text


def _sides(utterances: Iterable[Mapping[str, Any]]) -> list[Side]:
    sides: list[Side] = []
    for index, utterance in enumerate(utterances):
        side = _side(utterance, index)
        if sides and sides[-1].is_user == side.is_user:
            sides[-1] = _join_sides(sides[-1], side)
        else:
            sides.append(side)
    return sides


def _side(utterance: Mapping[str, Any], index: int) -> Side:
    emotions, intents, acts = utterance["emotions"], utterance["intents"], utterance["acts"]
    entities, triples = utterance["entities"], utterance["triples"]
    return Side(  # by position: names take twice the time
        utterance["speaker"] == USER,
        (index,),
        utterance["text"] or "",
        None if emotions is None else _without_repeats(emotions),
        None if intents is None else read_intents(intents),
        None if acts is None else _without_repeats(acts),
        tuple(entities) if entities else (),
        tuple(triples) if triples else (),
    )


def _without_repeats(labels: Sequence[int]) -> tuple[int, ...]:
    return tuple(labels if len(labels) < 2 else dict.fromkeys(labels))


def _join_sides(first: Side, second: Side) -> Side:
    offset = len(first.text) + len(PAUSE) if first.text else 0
    return Side(
        is_user=first.is_user,
        utterances=first.utterances + second.utterances,
        text=PAUSE.join([text for text in (first.text, second.text) if text]),
        emotions=_merge_labels(first.emotions, second.emotions),
        intents=unite_intents(first.intents, second.intents),
        acts=_merge_labels(first.acts, second.acts),
        entities=first.entities + tuple([_move_span(entity, offset) for entity in second.entities]),
        triples=first.triples + tuple([_move_span(triple, offset) for triple in second.triples]),
    )


def _merge_labels(first: tuple[int, ...] | None, second: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if first is None or second is None:
        return second if first is None else first
    return _without_repeats(first + second)


def _move_span(span: Mapping[str, Any], offset: int) -> Mapping[str, Any]:
    """Moves the position of an entity or triple to the joined text."""
    if not offset or span["start"] is None or span["end"] is None:
        return span
    return {**span, "start": span["start"] + offset, "end": span["end"] + offset}

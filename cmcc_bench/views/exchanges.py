"""A labeled dialogue as exchanges: a user utterance and the service reply that follows it, with nothing lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cmcc_bench.views.intents import Intent, read_intents, unite_intents
from cmcc_bench.vocabulary import SPEAKERS

PAUSE = "_"  # how the transcription writes a pause in speech; what joins utterances of one speaker
USER = SPEAKERS.id_of("user")


class Side(NamedTuple):
    """What one speaker says until the other does, one or more utterances.

    utterances: their indices in the row. text: their texts joined by a pause. emotions, acts: class labels without
    repeats, None where not annotated. entities, triples: items of the labeled row, `start` and `end` in this text.
    """

    is_user: bool
    utterances: tuple[int, ...]
    text: str
    emotions: tuple[int, ...] | None
    intents: tuple[Intent, ...] | None
    acts: tuple[int, ...] | None
    entities: tuple[Mapping[str, Any], ...]
    triples: tuple[Mapping[str, Any], ...]


class Exchange(NamedTuple):
    """What the user says and what the service replies.

    said_entities, said_triples: those that the user said: annotated in the user's words, or in the reply while
    the name or value is in the user's words too, without regard to case. A triple with an empty value is never said.
    """

    user: Side
    service: Side
    said_entities: tuple[Mapping[str, Any], ...]
    said_triples: tuple[Mapping[str, Any], ...]


class Exchanges(NamedTuple):
    """A dialogue: a greeting of the service before any user utterance, the exchanges, a user's unanswered last word."""

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
    """The exchanges of a row that fits cmcc.labeled_features().

    Consecutive utterances of one speaker are one side, whatever raw turns they come from: SereTOD's preparation drops
    a dialogue in which the order of speakers changes, this keeps it.
    """
    sides = _sides(row["utterances"] or ())
    opening = sides.pop(0) if sides and not sides[0].is_user else None
    closing = sides.pop() if len(sides) % 2 else None
    return Exchanges(opening, tuple(map(_exchange, sides[::2], sides[1::2])), closing)


def _exchange(user: Side, service: Side) -> Exchange:
    entities = user.entities
    triples = tuple([triple for triple in user.triples if triple["value"]])
    if service.entities or service.triples:
        text = user.text.lower()
        entities += tuple([entity for entity in service.entities if _is_in(entity["name"], text)])
        triples += tuple([triple for triple in service.triples if _is_in(triple["value"], text)])
    return Exchange(user, service, entities, triples)


def _is_in(words: str | None, lower_text: str) -> bool:
    return bool(words) and (words or "").lower() in lower_text


def _sides(utterances: Iterable[Mapping[str, Any]]) -> list[Side]:
    sides: list[Side] = []
    for index, utterance in enumerate(utterances):
        side = _side(utterance, index)
        if sides and sides[-1].is_user == side.is_user:
            sides[-1] = _joined(sides[-1], side)
        else:
            sides.append(side)
    return sides


def _side(utterance: Mapping[str, Any], index: int) -> Side:
    emotions, intents, acts = utterance["emotions"], utterance["intents"], utterance["acts"]
    return Side(
        is_user=utterance["speaker"] == USER,
        utterances=(index,),
        text=utterance["text"] or "",
        emotions=None if emotions is None else tuple(dict.fromkeys(emotions)),
        intents=None if intents is None else read_intents(intents),
        acts=None if acts is None else tuple(dict.fromkeys(acts)),
        entities=tuple(utterance["entities"] or ()),
        triples=tuple(utterance["triples"] or ()),
    )


def _joined(first: Side, second: Side) -> Side:
    offset = len(first.text) + len(PAUSE) if first.text else 0
    return Side(
        is_user=first.is_user,
        utterances=first.utterances + second.utterances,
        text=PAUSE.join([text for text in (first.text, second.text) if text]),
        emotions=_united(first.emotions, second.emotions),
        intents=unite_intents(first.intents, second.intents),
        acts=_united(first.acts, second.acts),
        entities=first.entities + tuple([_moved(entity, offset) for entity in second.entities]),
        triples=first.triples + tuple([_moved(triple, offset) for triple in second.triples]),
    )


def _united(first: tuple[int, ...] | None, second: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if first is None or second is None:
        return second if first is None else first
    return tuple(dict.fromkeys(first + second))


def _moved(span: Mapping[str, Any], offset: int) -> Mapping[str, Any]:
    """The entity or triple with its position in the joined text."""
    if not offset or span["start"] is None or span["end"] is None:
        return span
    return {**span, "start": span["start"] + offset, "end": span["end"] + offset}

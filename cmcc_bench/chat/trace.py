"""What is shown of a reply: the segments that the model predicted before it, and the part of the KB that they queried.

Labels are shown with their English and Chinese names, texts with personal data masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cmcc_bench.masking import mask
from cmcc_bench.tasks import Prediction
from cmcc_bench.tasks.strict import mark_values
from cmcc_bench.textform import read_labels
from cmcc_bench.views import LocalKB, kb_result
from cmcc_bench.views.intents import NamedSlot, parse_intent_text
from cmcc_bench.views.kb import NA
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS, INTENTS, Vocabulary

_NONE = "none 无"
_NOTHING_ASKED = "nothing asked 未查询"
_NOT_FOUND = "not in the local KB, a value in the reply is made up 未查到"
_PERSONAL = "the user 用户"  # the title of what the KB knows of the user


@dataclass(frozen=True)
class TraceItem:
    """A label, entity or value. english: its English name, if it is a label. is_caring: whether it is a caring act."""

    text: str
    english: str = ""
    is_caring: bool = False


@dataclass(frozen=True)
class TraceSegment:
    """A segment with its English and Chinese name. note: what is shown if it has no items."""

    english: str
    chinese: str
    items: tuple[TraceItem, ...]
    note: str = _NONE


@dataclass(frozen=True)
class KBFact:
    """A slot of an entity, with its values. is_hit: whether the query asked for it."""

    slot: str
    text: str
    is_hit: bool = False


@dataclass(frozen=True)
class KBCard:
    """An entity of the local KB, or the user. is_hit: whether the query asked for its type, and so found its name."""

    title: str
    type: str
    facts: tuple[KBFact, ...]
    is_hit: bool = False

    @property
    def has_hit(self) -> bool:
        """Whether the query found anything in it."""
        return self.is_hit or any(fact.is_hit for fact in self.facts)


def shown(text: str) -> str:
    """A text as the chat shows it: personal data masked, and a pause, which the data writes as _, as a comma."""
    return _with_commas(mask(text))


def _with_commas(text: str) -> str:
    return text.replace("_", "，")


def trace_of(prediction: Prediction, kb: LocalKB) -> tuple[TraceSegment, ...]:
    """The segments before the response. Emotions are left out for a model that does not predict them."""
    intents = tuple(_intents(prediction.user_intent))
    values = tuple(TraceItem(shown(value)) for value in kb_result(kb, prediction.user_intent))
    is_query = any(intent.slots for intent in parse_intent_text(prediction.user_intent))
    entities = tuple(TraceItem(shown(name)) for name in read_labels(prediction.entities))
    segments = [
        TraceSegment("entities", "实体", entities),
        TraceSegment("user intent", "用户意图", intents),
        TraceSegment("KB result", "查询结果", values, _NOT_FOUND if is_query else _NOTHING_ASKED),
    ]
    if prediction.emotions is not None:
        segments.append(TraceSegment("emotions", "用户情绪", tuple(_labels(prediction.emotions, EMOTIONS))))
    return (*segments, TraceSegment("acts", "客服行为", tuple(_labels(prediction.acts, ACTS))))


def _labels(text: str, vocabulary: Vocabulary) -> Iterator[TraceItem]:
    for label in read_labels(text):
        index = vocabulary.find(label)
        name = "" if index is None else vocabulary.names[index]
        yield TraceItem(shown(label), name.replace("_", " "), name in CARING_ACTS)


def _intents(text: str) -> Iterator[TraceItem]:
    for intent in parse_intent_text(text):
        (label,) = _labels(intent.name, INTENTS)
        slots = "".join(f"（{_slot_name(slot)}）" for slot in intent.slots)
        yield replace(label, text=label.text + shown(slots))


def _slot_name(slot: NamedSlot) -> str:
    return f"{slot.name}：{slot.slot}" if slot.name else slot.slot


def kb_cards(kb: LocalKB, user_intent: str = "") -> Iterator[KBCard]:
    """Yields the entities of the KB; with the text of a user intent, what it queries is marked.

    A slot is queried if a KB that has this slot alone gives some of the same values.
    """
    queried = set(kb_result(kb, user_intent))
    for entity_id, entry in kb.items():
        hits = {
            slot: queried.intersection(kb_result({entity_id: replace(entry, slots=slots)}, user_intent))
            for slot, slots in [("", {}), *((slot, {slot: values}) for slot, values in entry.slots.items())]
        }
        facts = tuple(
            KBFact(slot, shown("、".join(values)), bool(hits[slot] - hits[""])) for slot, values in entry.slots.items()
        )
        title = " / ".join(map(shown, entry.names)) or (_PERSONAL if entity_id == NA else entity_id)
        yield KBCard(title, entry.type or "", facts, is_hit=bool(hits[""]))


def pieces_of(response: str, values: Iterable[str]) -> list[tuple[str, bool]]:
    """The response in pieces, as it is shown, each with whether it is one of the values that the KB gave."""
    return [(_with_commas(piece), is_value) for piece, is_value in mark_values(mask(response), map(mask, values))]

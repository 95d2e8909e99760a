"""The local KB of a dialogue, the user's goal, and the KB query that training and testing share.

KB and goal are made from the labels of the whole dialogue, so a reply may depend on facts from later utterances. This
is the task definition of SereTOD 2022. Names, types and values keep their case, but are compared without regard to
case, because models write lower case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from cmcc_bench.views.exchanges import Exchanges, Side
from cmcc_bench.views.intents import Intent, in_brackets, slot_text
from cmcc_bench.vocabulary import ENTITY_TYPES, SUBTYPES

NA = "NA"  # "no entity" in the raw data; the key of personal information
RULES = "业务规则"
RULE_SLOTS = (
    "业务费用",
    "业务时长",
    "通话范围",
    "流量范围",
    "通话时长",
    "流量总量",
)  # may be part of a rule
BALANCES = ("剩余话费", "话费余额")  # two names of the same slot

TYPE_NAMES = ENTITY_TYPES.chinese  # label -> Chinese name
TYPES = {name.lower(): name for name in TYPE_NAMES}  # "4g套餐", as a model writes it -> "4G套餐"
_SUBTYPES = {
    ENTITY_TYPES[name]: frozenset(ENTITY_TYPES[subtype] for subtype in subtypes) for name, subtypes in SUBTYPES.items()
}

# entity id -> name in lower case -> first spelling of the name; both in order of first mention
Names = dict[str, dict[str, str]]
# slot in lower case -> (first spelling of the slot, value in lower case -> first spelling of the value)
_SlotValues = dict[str, tuple[str, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class KBEntry:
    """An entity: its names, its type (Chinese name; None if unknown) and the values of its slots, in first spelling."""

    names: tuple[str, ...]
    type: str | None
    slots: Mapping[str, tuple[str, ...]]


# entity id -> entry; personal information and the names of entities without an id are under "NA"
LocalKB = dict[str, KBEntry]


@dataclass(frozen=True, slots=True)
class GoalEntry:
    """The part of the user's goal about one entity.

    names, given: names and slot values in the user's text. asked: requested slot -> index of the first exchange with
    the request.
    """

    names: tuple[str, ...]
    given: Mapping[str, tuple[str, ...]]
    asked: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UserGoal:
    """The user's goal: entity id or "NA" -> entry, and entity type (Chinese) -> first exchange that requests it."""

    entities: Mapping[str, GoalEntry]
    types: Mapping[str, int]


def local_kb(dialogue: Exchanges) -> LocalKB:
    """Makes the local KB of a whole dialogue, including the greeting and an unanswered last utterance.

    Entries are in order of first mention. The entity name of a triple is a name of the entity, except "NA". The type is
    the first annotated type, even if a triple of the entity comes before. Empty values are ignored.
    """
    names: Names = {}
    types: dict[str, str] = {}
    slots: dict[str, _SlotValues] = {}
    for side in dialogue.sides():
        if not side.entities and not side.triples:
            continue
        collect_names(names, side)
        for entity in side.entities:
            if entity["type"] is not None and entity["entity_id"]:
                types.setdefault(entity["entity_id"], TYPE_NAMES[entity["type"]])
        _collect_values(slots, side.triples)
    types.pop(NA, None)
    return {
        entity_id: KBEntry(tuple(aliases.values()), types.get(entity_id), _values(slots.get(entity_id)))
        for entity_id, aliases in names.items()
    }


def goal(dialogue: Exchanges, asked: Sequence[Sequence[Intent]]) -> UserGoal:
    """Makes the user's goal: the names and values that the user gives, and the requests.

    asked: the user's intents, one item per exchange, completed by `add_constraint` or not. Requests in an unanswered
    last utterance are excluded, because there is no reply to them; its names and values are included.
    """
    mentioned = [
        (exchange.mentioned_entities, exchange.mentioned_triples)
        for exchange in dialogue.exchanges
        if exchange.mentioned_entities or exchange.mentioned_triples
    ]
    if dialogue.closing:
        mentioned.append((dialogue.closing.entities, dialogue.closing.triples))
    names: Names = {}
    slots: dict[str, _SlotValues] = {}
    for entities, triples in mentioned:
        _collect_given(names, entities, triples)
        _collect_values(slots, triples)
    requests, types = _requests(asked)
    return UserGoal(
        {
            entity_id: GoalEntry(
                tuple(names.get(entity_id, {}).values()),
                _values(slots.get(entity_id)),
                requests.get(entity_id, {}),
            )
            for entity_id in dict.fromkeys([*names, *requests])
        },
        types,
    )


def collect_names(names: Names, side: Side) -> None:
    """Adds the entities of this side, with or without a name, to `names`, in order of mention."""
    for entity in side.entities:
        name, entity_names = entity["name"], names.setdefault(entity["entity_id"] or NA, {})
        if is_name(name):
            entity_names.setdefault(name.lower(), name)
    for triple in side.triples:
        entity_id, name = triple["entity_id"] or NA, triple["entity_name"]
        entity_names = names.setdefault(entity_id, {})
        if entity_id != NA and is_name(name):
            entity_names.setdefault(name.lower(), name)


def is_name(name: str | None) -> bool:
    """Whether this is a name of an entity. Annotators wrote "NA" for no name."""
    return name is not None and name.strip() not in ("", NA, "na")


def query(
    kb: LocalKB,
    *,
    entity_id: str | None = None,
    name: str | None = None,
    slot: str | None = None,
    type: str | None = None,  # noqa: A002 - the name of the field in the KB
) -> tuple[str, ...] | None:
    """Queries the KB. Returns values in order of first mention, without repeats, or None. There are four modes:

    entity_id, slot: the values of the slot of this entity.
    name, slot: the values of the slot of the first entity that has this name and values; names are joined by commas.
    slot: personal information, or else the values of this slot of all entities.
    type: the names of all entities of this type (Chinese name) or a subtype. An unknown type gives None.
    The first mode that applies is used. In the first two, 业务规则 and the six slots in RULE_SLOTS can replace each
    other; in the third, 剩余话费 and 话费余额. SereTOD's query has these alternatives by name only, so its training and
    testing differ.
    """
    if entity_id is not None:
        return _slot_values(kb[entity_id], slot) if slot and entity_id in kb else None
    if name is not None:
        return _query_name(kb, name, slot) if slot else None
    if slot is not None:
        return _query_slot(kb, slot)
    return _query_type(kb, type) if type is not None else None


def kb_to_json(kb: LocalKB) -> str:
    """The KB as {"ent-1": {"names": [...], "type": "流量包" or null, "slots": {"业务费用": [...]}}, "NA": {...}}."""
    return orjson.dumps(kb).decode()


def kb_from_json(text: str) -> LocalKB:
    """Reads a KB from the JSON of `kb_to_json`."""
    return {
        entity_id: KBEntry(
            tuple(entry["names"]), entry["type"], {slot: tuple(values) for slot, values in entry["slots"].items()}
        )
        for entity_id, entry in orjson.loads(text).items()
    }


def goal_to_json(goal: UserGoal) -> str:
    """The goal as {"entities": {"ent-1" or "NA": entry}, "types": {type: exchange}}.

    An entry is {"names": [name], "given": {slot: [value]}, "asked": {slot: exchange}}.
    """
    return orjson.dumps(goal).decode()


def goal_from_json(text: str) -> UserGoal:
    """Reads a goal from the JSON of `goal_to_json`."""
    decoded = orjson.loads(text)
    return UserGoal(
        {
            entity_id: GoalEntry(
                tuple(entry["names"]), {slot: tuple(values) for slot, values in entry["given"].items()}, entry["asked"]
            )
            for entity_id, entry in decoded["entities"].items()
        },
        decoded["types"],
    )


def _collect_values(slots: dict[str, _SlotValues], triples: Iterable[Mapping[str, Any]]) -> None:
    for triple in triples:
        slot, value = triple["slot"], triple["value"]
        if slot and value:
            entity_slots = slots.setdefault(triple["entity_id"] or NA, {})
            key = slot.lower()
            if key not in entity_slots:
                entity_slots[key] = (slot, {})
            entity_slots[key][1].setdefault(value.lower(), value)


def _values(slots: _SlotValues | None) -> dict[str, tuple[str, ...]]:
    return {slot: tuple(values.values()) for slot, values in slots.values()} if slots else {}


def _collect_given(names: Names, entities: Iterable[Mapping[str, Any]], triples: Iterable[Mapping[str, Any]]) -> None:
    for entity in entities:
        if is_name(entity["name"]):
            names.setdefault(entity["entity_id"] or NA, {}).setdefault(entity["name"].lower(), entity["name"])
    for triple in triples:
        if triple["slot"] and triple["value"]:
            names.setdefault(triple["entity_id"] or NA, {})


def _requests(asked: Sequence[Sequence[Intent]]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    requests: dict[str, dict[str, int]] = {}
    types: dict[str, int] = {}
    for exchange, intents in enumerate(asked):
        for intent in intents:
            for entity_id, slot in intent.slots:
                entity_type = TYPES.get(slot.lower()) if entity_id is None else None
                if entity_type:
                    types.setdefault(entity_type, exchange)
                else:
                    requests.setdefault(entity_id or NA, {}).setdefault(slot, exchange)
    return requests, types


def _slot_values(entry: KBEntry, slot: str) -> tuple[str, ...] | None:
    values = _exact_values(entry, slot)
    if values is not None:
        return values
    if slot == RULES:
        parts = [value for part in RULE_SLOTS for value in entry.slots.get(part, ())]
        return tuple(dict.fromkeys(parts)) or None
    return entry.slots.get(RULES) if slot in RULE_SLOTS else None


def _exact_values(entry: KBEntry, slot: str) -> tuple[str, ...] | None:
    values = entry.slots.get(slot)
    if values is not None:
        return values
    key = slot_text(slot).lower()
    return next((values for name, values in entry.slots.items() if slot_text(name).lower() == key), None)


def _query_name(kb: LocalKB, names: str, slot: str) -> tuple[str, ...] | None:
    names = _plain_name(names)
    parts = names.split(",")
    for name in [names, *parts] if len(parts) > 1 else parts:
        for entity_id, entry in kb.items():
            if entity_id != NA and name in map(_plain_name, entry.names):
                values = _slot_values(entry, slot)
                if values is not None:
                    return values
    return None


@lru_cache(maxsize=1 << 12)  # few names differ
def _plain_name(name: str) -> str:
    """The form of a name in which names are compared."""
    return in_brackets(name).lower()


def _query_slot(kb: LocalKB, slot: str) -> tuple[str, ...] | None:
    if NA in kb:
        for alternative in (slot, *BALANCES) if slot in BALANCES else (slot,):
            values = _exact_values(kb[NA], alternative)
            if values is not None:
                return values
    all_values = [value for entry in kb.values() for value in _exact_values(entry, slot) or ()]
    return tuple(dict.fromkeys(all_values)) or None


def _query_type(kb: LocalKB, entity_type: str) -> tuple[str, ...] | None:
    subtypes = _SUBTYPES.get(TYPES.get(entity_type.lower(), ""), frozenset())
    return (
        tuple(dict.fromkeys([name for entry in kb.values() if entry.type in subtypes for name in entry.names])) or None
    )

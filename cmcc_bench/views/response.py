"""The `response` view: one row per exchange, with each segment of the models' text form.

The published pipeline drops dialogues and fails at the tenth entity. `compatible=True` gives its rows, for comparison.
`history_entities` has the names in the `entities` of the earlier exchanges (the paper's e_{t-1}). A model that decodes
end to end collects the entities that it generates in the same way, so training and testing have the same form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from cmcc_bench.views import seretod
from cmcc_bench.views.exchanges import Exchange, Exchanges, Side, exchanges
from cmcc_bench.views.intents import Intent, Slot, add_constraint, intent_text, parse_intent_text
from cmcc_bench.views.kb import (
    NA,
    TYPES,
    LocalKB,
    Names,
    collect_names,
    goal,
    goal_to_json,
    is_name,
    kb_to_json,
    local_kb,
    query,
)
from cmcc_bench.views.raw import ACT_NAMES, raw_dialogue
from cmcc_bench.vocabulary import EMOTIONS

EMOTION_NAMES = EMOTIONS.chinese


def response_rows(row: Mapping[str, Any], *, compatible: bool = False) -> list[dict[str, Any]]:
    """Makes rows with cmcc.response_features(), one per exchange, from a row with cmcc.labeled_features().

    Text keeps its case. `kb` and `goal` (see kb_to_json, goal_to_json) are those of the whole dialogue, in each row.
    compatible: makes the segments of the reference instead, in lower case, with the reference's own `kb` and `goal`,
    without emotions, and without rows for dialogues that the reference drops.
    Raises seretod.CompatibilityError with `compatible` if the reference crashes on the dialogue.
    Source: the paper, section 4.1.1, and the baseline of SereTOD 2022's track 2.
    """
    if compatible:
        return list(_reference_rows(row))
    return list(_rows(row["dialogue_id"], exchanges(row)))


def completed_intents(exchange: Exchange) -> tuple[Intent, ...]:
    """The user's intents; a question without slots gets the slots of the values in the user's text."""
    intents = exchange.user.intents
    if not intents or not exchange.mentioned_triples:
        return intents or ()
    return add_constraint(
        intents, [Slot(_entity_id(triple), triple["slot"]) for triple in exchange.mentioned_triples if triple["slot"]]
    )


def kb_result(kb: LocalKB, intent_text: str) -> tuple[str, ...]:
    """The values in the KB for all slots of an intent text, in their order, without repeats.

    Only the text is used, in training and in testing. The published baseline queries by id in training and by name in
    testing, with different results.
    """
    if "(" not in intent_text:  # no requests, as in most exchanges
        return ()
    results: dict[str, None] = {}
    for intent in parse_intent_text(intent_text):
        for name, slot in intent.slots:
            if name is not None:
                values = query(kb, name=name, slot=slot)
            elif slot.lower() in TYPES:
                values = query(kb, type=slot)
            else:
                values = query(kb, slot=slot)
            results.update(dict.fromkeys(values or ()))
    return tuple(results)


def _rows(dialogue_id: str, dialogue: Exchanges) -> Iterator[dict[str, Any]]:
    asked = [completed_intents(exchange) for exchange in dialogue.exchanges]
    requests = [[intent for intent in intents if intent.slots] for intents in asked]
    kb = local_kb(dialogue)
    kb_json, goal_json = kb_to_json(kb), goal_to_json(goal(dialogue, requests))
    earlier = _EarlierNames()
    earlier.add(dialogue.opening)
    history: list[str] = []
    for index, (exchange, intents) in enumerate(zip(dialogue.exchanges, asked, strict=True)):
        names: dict[str, list[str]] = {}
        user_intent, values = ",".join([intent.name for intent in intents]), ""
        if requests[index]:
            names = _slot_names(exchange, requests[index], earlier)
            user_intent = intent_text(intents, {entity_id: aliases[0] for entity_id, aliases in names.items()})
            values = ",".join(kb_result(kb, user_intent))
        entities = _entities(exchange, names)
        yield {
            "dialogue_id": dialogue_id,
            "exchange": index,
            "history_entities": ",".join(history),
            "user": exchange.user.text,
            "entities": ",".join(entities),
            "user_intent": user_intent,
            "kb_result": values,
            "emotions": _labels(exchange.user.emotions, EMOTION_NAMES),
            "acts": _labels(exchange.service.acts, ACT_NAMES),
            "response": exchange.service.text,
            "kb": kb_json,
            "goal": goal_json,
        }
        if entities:
            history = _unique(history + entities)
        earlier.add(exchange.user)
        earlier.add(exchange.service)


class _EarlierNames:
    """The names of the entities in earlier sides. They are collected when one is asked for: most dialogues ask late."""

    def __init__(self) -> None:
        self._names: Names = {}
        self._sides: list[Side] = []

    def add(self, side: Side | None) -> None:
        """Adds the entities of a side."""
        if side and (side.entities or side.triples):
            self._sides.append(side)

    def of(self, entity_id: str) -> Iterable[str]:
        """The names of an entity."""
        for side in self._sides:
            collect_names(self._names, side)
        self._sides.clear()
        return self._names.get(entity_id, {}).values()


def _entity_id(triple: Mapping[str, Any]) -> str | None:
    entity_id: str | None = triple["entity_id"]
    return entity_id if entity_id and entity_id != NA else None


def _slot_names(exchange: Exchange, requests: Iterable[Intent], earlier: _EarlierNames) -> dict[str, list[str]]:
    """For the entity id of each slot: the name to write for it, then its other names in this exchange.

    An entity without a name in this exchange gets an earlier name.
    """
    ids = dict.fromkeys([slot.entity_id for intent in requests for slot in intent.slots if slot.entity_id])
    if not ids:
        return {}
    exchange_names: Names = {}
    collect_names(exchange_names, exchange.user)
    collect_names(exchange_names, exchange.service)
    names = {}
    for entity_id in ids:
        aliases = _by_length(exchange_names.get(entity_id, {}).values())
        aliases = aliases or _by_length(earlier.of(entity_id))[:1]
        if aliases:
            names[entity_id] = aliases
    return names


def _by_length(names: Iterable[str]) -> list[str]:
    """Sorts names, the longest first, then by code point."""
    return sorted(names, key=lambda name: (-len(name), name))


def _entities(exchange: Exchange, slot_names: Mapping[str, list[str]]) -> list[str]:
    """The names of the entities in the user's text, of the values in it, and of the requested slots."""
    if not (slot_names or exchange.mentioned_entities or exchange.mentioned_triples):
        return []
    entities = [entity["name"] for entity in exchange.mentioned_entities if is_name(entity["name"])]
    entities += [
        triple["entity_name"]
        for triple in exchange.mentioned_triples
        if _entity_id(triple) and is_name(triple["entity_name"])
    ]
    for names in slot_names.values():
        entities += names
    return _unique(entities) if entities else entities


def _unique(names: list[str]) -> list[str]:
    """Removes names that are equal in lower case; the first spelling is kept."""
    spellings: dict[str, str] = {}
    for name in names:
        spellings.setdefault(name.lower(), name)
    return list(spellings.values())


def _labels(labels: tuple[int, ...] | None, names: tuple[str, ...]) -> str:
    if labels and len(labels) == 1:
        return names[labels[0]]
    return ",".join([names[label] for label in labels]) if labels else ""


def _reference_rows(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for dialogue in seretod.preprocess([raw_dialogue(row)]):
        kb, goal_json = orjson.dumps(dialogue["KB"]).decode(), orjson.dumps(dialogue["goal"]).decode()
        for index, segments in enumerate(seretod.sequences(dialogue["KB"], dialogue["content"])):
            yield {
                "dialogue_id": row["dialogue_id"],
                "exchange": index,
                "history_entities": segments.history,
                "user": segments.user,
                "entities": segments.entities,
                "user_intent": segments.user_intent,
                "kb_result": segments.kb_result,
                "emotions": "",
                "acts": segments.service_intent,
                "response": segments.response,
                "kb": kb,
                "goal": goal_json,
            }

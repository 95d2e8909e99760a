"""The `response` view: a row an exchange, with each segment of the models' text form.

The published pipeline drops dialogues and breaks on the tenth entity; `compatible=True` gives its rows, to compare.
`history_entities` holds the names in the `entities` of the earlier exchanges, so that a model that decodes end to end,
and collects the entities that it generates, sees in testing what it saw in training (the paper's e_{t-1}).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from cmcc_bench.views import seretod
from cmcc_bench.views.exchanges import Exchange, Exchanges, exchanges
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
    """Rows that fit cmcc.response_features(), one an exchange, from a row that fits cmcc.labeled_features().

    Text keeps its case; `kb` and `goal` (see kb_to_json, goal_to_json) are those of the whole dialogue in each row.
    compatible: the reference's segments instead, in lower case, with the reference's own `kb` and `goal`; no row for a
    dialogue that it drops, no emotions. Raises seretod.CompatibilityError then, where the reference crashes.
    Source: the paper, section 4.1.1, and the baseline of SereTOD 2022's track 2.
    """
    if compatible:
        return list(_reference_rows(row))
    return list(_rows(row["dialogue_id"], exchanges(row)))


def completed_intents(exchange: Exchange) -> tuple[Intent, ...]:
    """The user's intents, a bare question given the slots whose values the user said."""
    intents = exchange.user.intents
    if not intents:
        return ()
    return add_constraint(
        intents, [Slot(_entity_id(triple), triple["slot"]) for triple in exchange.said_triples if triple["slot"]]
    )


def kb_result(kb: LocalKB, intent_text: str) -> tuple[str, ...]:
    """What the KB answers to all slots of a text of intents, in their order, without repeats.

    The text alone decides, in training as in testing: the published baseline asks by id in training and by name in
    testing, and gets different answers.
    """
    if "(" not in intent_text:  # nothing is asked, as in most exchanges
        return ()
    found: dict[str, None] = {}
    for intent in parse_intent_text(intent_text):
        for name, slot in intent.slots:
            if name is not None:
                values = query(kb, name=name, slot=slot)
            elif slot.lower() in TYPES:
                values = query(kb, type=slot)
            else:
                values = query(kb, slot=slot)
            found.update(dict.fromkeys(values or ()))
    return tuple(found)


def _rows(dialogue_id: str, dialogue: Exchanges) -> Iterator[dict[str, Any]]:
    asked = [completed_intents(exchange) for exchange in dialogue.exchanges]
    kb = local_kb(dialogue)
    kb_json, goal_json = kb_to_json(kb), goal_to_json(goal(dialogue, asked))
    known: Names = {}
    if dialogue.opening:
        collect_names(known, dialogue.opening)
    history: list[str] = []
    for index, (exchange, intents) in enumerate(zip(dialogue.exchanges, asked, strict=True)):
        names = _slot_names(exchange, intents, known)
        entities = _entities(exchange, names)
        user_intent = intent_text(intents, {entity_id: found[0] for entity_id, found in names.items()})
        yield {
            "dialogue_id": dialogue_id,
            "exchange": index,
            "history_entities": ",".join(history),
            "user": exchange.user.text,
            "entities": ",".join(entities),
            "user_intent": user_intent,
            "kb_result": ",".join(kb_result(kb, user_intent)),
            "emotions": _labels(exchange.user.emotions, EMOTION_NAMES),
            "acts": _labels(exchange.service.acts, ACT_NAMES),
            "response": exchange.service.text,
            "kb": kb_json,
            "goal": goal_json,
        }
        if entities:
            history = _unique(history + entities)
        for side in (exchange.user, exchange.service):
            if side.entities or side.triples:
                collect_names(known, side)


def _entity_id(triple: Mapping[str, Any]) -> str | None:
    entity_id: str | None = triple["entity_id"]
    return entity_id if entity_id and entity_id != NA else None


def _slot_names(exchange: Exchange, intents: Sequence[Intent], known: Names) -> dict[str, list[str]]:
    """Entity id of each slot -> the name that stands for it, then its other names in this exchange.

    An entity without a name in this exchange has one that was said before, whatever the other slots' entities have.
    """
    ids = dict.fromkeys([slot.entity_id for intent in intents for slot in intent.slots if slot.entity_id])
    if not ids:
        return {}
    said: Names = {}
    collect_names(said, exchange.user)
    collect_names(said, exchange.service)
    names = {}
    for entity_id in ids:
        here = _by_length(said.get(entity_id, {}).values())
        found = here or _by_length(known.get(entity_id, {}).values())[:1]
        if found:
            names[entity_id] = found
    return names


def _by_length(names: Iterable[str]) -> list[str]:
    """The longest name first, ties by code point."""
    return sorted(names, key=lambda name: (-len(name), name))


def _entities(exchange: Exchange, slot_names: Mapping[str, list[str]]) -> list[str]:
    """Names that the user said or meant: those in the user's words, of the values said, and of the slots asked for."""
    said = [entity["name"] for entity in exchange.said_entities if is_name(entity["name"])]
    said += [
        triple["entity_name"]
        for triple in exchange.said_triples
        if _entity_id(triple) and is_name(triple["entity_name"])
    ]
    for names in slot_names.values():
        said += names
    return _unique(said) if said else said


def _unique(names: list[str]) -> list[str]:
    """Without repeats, which would read alike in lower case; the first spelling stays."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.lower(), name)
    return list(first.values())


def _labels(labels: tuple[int, ...] | None, names: tuple[str, ...]) -> str:
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

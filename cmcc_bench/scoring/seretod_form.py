"""Converts rows of the config `response` and predictions into dialogues of SereTOD's scorer (scoring.seretod)."""

from __future__ import annotations

from typing import Any

import orjson

from cmcc_bench import textform
from cmcc_bench.tasks import PredictedDialogue, Prediction, Row
from cmcc_bench.views.intents import NamedSlot, parse_intent_text
from cmcc_bench.views.kb import NA, TYPES, LocalKB, UserGoal, goal_from_json, kb_from_json
from cmcc_bench.views.seretod import ID_LENGTH

Flat = dict[str, Any]  # a dialogue, KB or goal in the format of SereTOD's files
Asked = dict[tuple[str, str], int]  # (entity id or "NA", slot) -> first exchange that asks


def seretod_dialogue(dialogue: PredictedDialogue[Prediction], fold_caring: bool = False) -> Flat:
    """A dialogue as {"id", "KB", "goal", "content"}, from rows of `response` or of response_rows(compatible=True).

    The KB and goal of `response` are flattened. SereTOD's own data preparation loses and invents some values; this does
    not, so use response_rows(compatible=True) for exactly its rows. As there, a request about ent-10 becomes one about
    ent-1. Gold intents of SereTOD have ids instead of names: the ids are found by name and goal. A name that no entity
    of the KB has stays, unless the goal asks for this slot of only one entity.
    """
    kb, goal, asked = _state(dialogue.rows[0])
    content = []
    for row, prediction in zip(dialogue.rows, dialogue.predictions, strict=True):
        content.append(
            {
                "用户意图": with_ids(row["user_intent"], kb, asked, row["exchange"]),
                "客服意图": fold_acts(row["acts"]) if fold_caring else row["acts"],
                "客服": row["response"],
                "用户意图-生成": prediction.user_intent,
                "客服意图-生成": fold_acts(prediction.acts) if fold_caring else prediction.acts,
                "客服-生成": prediction.response,
            }
        )
    return {"id": dialogue.dialogue_id, "KB": kb, "goal": goal, "content": content}


def fold_acts(acts: str) -> str:
    """An act string with the caring acts folded back into MobileCS's 13."""
    return ",".join(textform.fold_caring(acts.split(",")))


def _state(row: Row) -> tuple[Flat, Flat, Asked]:
    """The flat KB, the flat goal, and the slots that the user asks for."""
    flat: Flat = orjson.loads(row["goal"])
    if "entities" in flat:  # the format of `response`; in SereTOD's format all keys are ids
        goal = goal_from_json(row["goal"])
        return flat_kb(kb_from_json(row["kb"])), flat_goal(goal), _asked(goal)
    entries = {entity_id: entry for entity_id, entry in flat.items() if isinstance(entry, dict)}
    asked = {
        (entity_id, slot): 0 for entity_id, entry in entries.items() for slot, given in entry.items() if "?" in given
    }
    return orjson.loads(row["kb"]), flat, asked


def _asked(goal: UserGoal) -> Asked:
    return {
        (entity_id, slot): exchange
        for entity_id, entry in goal.entities.items()
        for slot, exchange in entry.asked.items()
    }


def flat_kb(kb: LocalKB) -> Flat:
    """The KB in SereTOD's format: id -> {"name", "type", slot: values}.

    Names and values are joined by commas. Slots, names and types are in lower case.
    """
    flat: Flat = {}
    for entity_id, entry in kb.items():
        flat[entity_id] = {slot.lower(): ",".join(values) for slot, values in entry.slots.items()}
        if entity_id != NA:
            flat[entity_id]["name"] = (
                ",".join(entry.names).lower() or "na"
            )  # SereTOD's name for a triple without a name
            if entry.type is not None:
                flat[entity_id]["type"] = entry.type.lower()
    return flat


def flat_goal(goal: UserGoal) -> Flat:
    """The goal in SereTOD's format: id -> {"name", slot: values}, and 咨询 -> entity types that the user asks for.

    Values are joined by commas. A slot that the user asks for has "?" among its values.
    """
    flat: dict[str, dict[str, list[str]]] = {}
    for entity_id, entry in goal.entities.items():
        if entry.names or entry.given:
            slots = flat.setdefault(entity_id, {})
            if entry.names:
                slots["name"] = list(entry.names)
            for slot, values in entry.given.items():
                slots.setdefault(slot, []).extend(values)
        for slot in entry.asked:
            short_id, slot = (entity_id, slot) if entity_id == NA else _cut(f"{entity_id}-{slot}")
            flat.setdefault(short_id, {}).setdefault(slot, []).append("?")
    joined: Flat = {
        entity_id: {slot: ",".join(values) for slot, values in slots.items()} for entity_id, slots in flat.items()
    }
    if goal.types:
        joined["咨询"] = ",".join(f"询问-{entity_type}" for entity_type in goal.types)
    return joined


def _cut(text: str) -> tuple[str, str]:
    """Splits "ID-SLOT" after 5 characters, as SereTOD does: ent-10-业务费用 gives ent-1 and the slot 0-业务费用."""
    return text[:ID_LENGTH], text[ID_LENGTH:].strip("-")


def with_ids(user_intent: str, kb: Flat, asked: Asked, exchange: int) -> str:
    """The user intent with the ids of its entities instead of their names: 询问(ent-1-业务费用),被动确认."""
    texts = []
    for intent in parse_intent_text(user_intent):
        slots = "".join(f"({_with_id(slot, kb, asked, exchange)})" for slot in intent.slots)
        texts.append(intent.name + slots)
    return ",".join(texts)


def _with_id(slot: NamedSlot, kb: Flat, asked: Asked, exchange: int) -> str:
    """A slot as SereTOD's gold has it: ID-SLOT, or the slot alone if it is of no entity."""
    latest_first = sorted(
        (-first, entity_id) for (entity_id, name), first in asked.items() if name == slot.slot and first <= exchange
    )
    candidates = [entity_id for _, entity_id in latest_first]
    if slot.name is None:
        if slot.slot.lower() in TYPES:
            return TYPES[slot.slot.lower()]
        first_id = next((entity_id for entity_id in candidates if entity_id != NA), None)
        return slot.slot if first_id is None or NA in candidates else f"{first_id}-{slot.slot}"
    others = [entity_id for entity_id in kb if entity_id not in candidates]
    for entity_id in candidates + others:
        if slot.name.lower() in kb.get(entity_id, {}).get("name", "").split(","):
            return f"{entity_id}-{slot.slot}"
    ids = [entity_id for entity_id in candidates if entity_id != NA]
    return f"{ids[0] if len(ids) == 1 else slot.name}-{slot.slot}"

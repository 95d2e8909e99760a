"""Rows of the `response` view and predictions as the reference's own dialogues, so that its scores work on any data."""

from __future__ import annotations

from typing import Any

import orjson

from cmcc_bench import textform
from cmcc_bench.tasks import PredictedDialogue, Prediction, Row
from cmcc_bench.views.intents import NamedSlot, parse_intent_text
from cmcc_bench.views.kb import NA, TYPES, LocalKB, UserGoal, goal_from_json, kb_from_json
from cmcc_bench.views.seretod import ID_LENGTH

Flat = dict[str, Any]
Asked = dict[tuple[str, str], int]  # (entity id or "NA", slot) -> first exchange that asks


def seretod_dialogue(dialogue: PredictedDialogue[Prediction], fold_caring: bool = False) -> Flat:
    """{"KB", "goal", "content"} of a dialogue of the default view, or of response_rows(compatible=True).

    The default view's KB and goal are made flat; what the reference's preparation loses or invents is not lost or
    invented here: for its rows take response_rows(compatible=True). An ent-10 asked for becomes ent-1 as there. The
    ids that the reference's true intents have are found again by the names and the goal; a name that no entity of the
    KB has stays, unless the goal asks that slot of one entity only.
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
    flat: Flat = orjson.loads(row["goal"])
    if "entities" in flat:  # the default view's, where no key is an id
        goal = goal_from_json(row["goal"])
        return flat_kb(kb_from_json(row["kb"])), flat_goal(goal), _asked(goal)
    entries = {entity_id: entry for entity_id, entry in flat.items() if isinstance(entry, dict)}
    asked = {
        (entity_id, slot): 0 for entity_id, entry in entries.items() for slot, known in entry.items() if "?" in known
    }
    return orjson.loads(row["kb"]), flat, asked


def _asked(goal: UserGoal) -> Asked:
    return {
        (entity_id, slot): exchange
        for entity_id, entry in goal.entities.items()
        for slot, exchange in entry.asked.items()
    }


def flat_kb(kb: LocalKB) -> Flat:
    """Id -> {"name": names by commas in lower case, "type": in lower case, slot: values by commas}, as there."""
    flat: Flat = {}
    for entity_id, entry in kb.items():
        flat[entity_id] = {slot.lower(): ",".join(values) for slot, values in entry.slots.items()}
        if entity_id != NA:
            flat[entity_id]["name"] = ",".join(entry.names).lower() or "na"  # what a triple without a name is called
            if entry.type is not None:
                flat[entity_id]["type"] = entry.type.lower()
    return flat


def flat_goal(goal: UserGoal) -> Flat:
    """Id -> {"name", slot: values by commas, "?" among them where asked}, and 咨询, the types asked for, as there."""
    flat: dict[str, dict[str, list[str]]] = {}
    for entity_id, entry in goal.entities.items():
        if entry.names or entry.given:
            known = flat.setdefault(entity_id, {})
            if entry.names:
                known["name"] = list(entry.names)
            for slot, values in entry.given.items():
                known.setdefault(slot, []).extend(values)
        for slot in entry.asked:
            cut, slot = (entity_id, slot) if entity_id == NA else _cut(f"{entity_id}-{slot}")
            flat.setdefault(cut, {}).setdefault(slot, []).append("?")
    joined: Flat = {
        entity_id: {slot: ",".join(values) for slot, values in slots.items()} for entity_id, slots in flat.items()
    }
    if goal.types:
        joined["咨询"] = ",".join(f"询问-{entity_type}" for entity_type in goal.types)
    return joined


def _cut(text: str) -> tuple[str, str]:
    """An id of 5 characters, whatever it is, and the rest as the slot: ent-10-业务费用 asks 0-业务费用 of ent-1."""
    return text[:ID_LENGTH], text[ID_LENGTH:].strip("-")


def with_ids(user_intent: str, kb: Flat, asked: Asked, exchange: int) -> str:
    """The user intent with the ids of its entities instead of their names: 询问(ent-1-业务费用),被动确认."""
    texts = []
    for intent in parse_intent_text(user_intent):
        slots = "".join(f"({_with_id(slot, kb, asked, exchange)})" for slot in intent.slots)
        texts.append(intent.name + slots)
    return ",".join(texts)


def _with_id(slot: NamedSlot, kb: Flat, asked: Asked, exchange: int) -> str:
    by_time = sorted(
        (-first, entity_id) for (entity_id, name), first in asked.items() if name == slot.slot and first <= exchange
    )
    candidates = [entity_id for _, entity_id in by_time]
    if slot.name is None:
        if slot.slot.lower() in TYPES:
            return TYPES[slot.slot.lower()]
        entity_id = next((found for found in candidates if found != NA), None)
        return slot.slot if entity_id is None or NA in candidates else f"{entity_id}-{slot.slot}"
    others = [found for found in kb if found not in candidates]
    for entity_id in candidates + others:
        if slot.name.lower() in kb.get(entity_id, {}).get("name", "").split(","):
            return f"{entity_id}-{slot.slot}"
    known = [found for found in candidates if found != NA]
    return f"{known[0] if len(known) == 1 else slot.name}-{slot.slot}"

"""Converts a labeled row back to raw turns, the input of SereTOD's preprocessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from cmcc_bench.types import Row
from cmcc_bench.views.exchanges import PAUSE, USER
from cmcc_bench.views.intents import INTENT_NAMES
from cmcc_bench.views.kb import NA, TYPE_NAMES
from cmcc_bench.vocabulary import ACTS

ACT_NAMES = ACTS.chinese


def raw_dialogue(row: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a row with cmcc.labeled_features() to a raw dialogue {"id", "content": [raw turn]}.

    The order of the keys is the spoken order. Missing annotations have no key; null ids and names become "NA".
    Utterances of one speaker within one raw turn are joined by a pause, their labels by commas.
    Rows have no mark 意图混乱, and the intent keys are always in the order of the speakers. The reference drops
    dialogues with such marks or with another order; those are not dropped here (one of the ten public example calls).
    """
    turns = groupby(row["utterances"] or (), key=lambda utterance: utterance["turn"])
    return {"id": row["dialogue_id"], "content": [_raw_turn(list(utterances)) for _, utterances in turns]}


def _raw_turn(utterances: Sequence[Row]) -> dict[str, Any]:
    sides: dict[bool, list[Row]] = {}
    for utterance in utterances:
        sides.setdefault(utterance["speaker"] == USER, []).append(utterance)
    turn: dict[str, Any] = {}
    for is_user, side in sides.items():
        turn["[SPEAKER 2]" if is_user else "[SPEAKER 1]"] = PAUSE.join(utterance["text"] or "" for utterance in side)
    for is_user, side in sides.items():
        annotated = [labels for u in side if (labels := u["intents" if is_user else "acts"]) is not None]
        if annotated:
            names = [_raw_intent(label) if is_user else ACT_NAMES[label] for labels in annotated for label in labels]
            turn["用户意图" if is_user else "客服意图"] = ",".join(names)
    numbered = [(number, utterance) for number, side in enumerate(sides.values(), start=1) for utterance in side]
    turn["info"] = {
        "ents": [_raw_entity(entity, number) for number, u in numbered for entity in u["entities"] or ()],
        "triples": [_raw_triple(triple, number) for number, u in numbered for triple in u["triples"] or ()],
    }
    return turn


def _raw_intent(intent: Mapping[str, Any]) -> str:
    slots: Iterable[Mapping[str, Any]] = intent["slots"] or ()
    texts = [f"({slot['entity_id']}-{slot['slot']})" if slot["entity_id"] else f"({slot['slot']})" for slot in slots]
    name: str = INTENT_NAMES[intent["intent"]]
    return name + "".join(texts)


def _raw_entity(entity: Mapping[str, Any], number: int) -> dict[str, Any]:
    raw = {
        "name": entity["name"],
        "id": entity["entity_id"] or NA,
        "type": None if entity["type"] is None else TYPE_NAMES[entity["type"]],
        "pos": [_position(entity, number)] if entity["start"] is not None else [],
    }
    return {key: value for key, value in raw.items() if value is not None}


def _raw_triple(triple: Mapping[str, Any], number: int) -> dict[str, Any]:
    raw = {
        "ent-id": triple["entity_id"] or NA,
        "ent-name": triple["entity_name"] or NA,
        "prop": triple["slot"],
        "value": triple["value"],
        "pos": _position(triple, number) if triple["start"] is not None else [],
    }
    return {key: value for key, value in raw.items() if value is not None}


def _position(span: Mapping[str, Any], number: int) -> list[int]:
    return [number, span["start"], span["end"]]

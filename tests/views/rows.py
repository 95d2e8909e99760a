"""Labeled rows for the tests of the dialogue state: short functions to build them, and a strategy for random rows."""

from typing import Any

from hypothesis import strategies as st

import cmcc

INTENTS = {name: label for label, name in enumerate(cmcc.INTENTS.values())}
ACTS = {name: label for label, name in enumerate(cmcc.ACTS.values())}
TYPES = {name: label for label, name in enumerate(cmcc.ENTITY_TYPES.values())}


def entity(name: str | None, entity_id: str | None = "ent-1", entity_type: str | None = "流量包") -> dict[str, Any]:
    label = None if entity_type is None else TYPES[entity_type]
    return {"entity_id": entity_id, "type": label, "name": name, "start": 0, "end": len(name or "")}


def triple(
    slot: str, value: str, entity_id: str | None = "ent-1", entity_name: str | None = None, start: int | None = 0
) -> dict[str, Any]:
    end = None if start is None else start + len(value)
    named = {"entity_id": entity_id, "entity_name": entity_name}
    return named | {"slot": slot, "value": value, "start": start, "end": end}


def intent(name: str, *slots: tuple[str | None, str]) -> dict[str, Any]:
    return {"intent": INTENTS[name], "slots": [{"entity_id": id_, "slot": slot} for id_, slot in slots]}


def user(text: str, *intents: dict[str, Any], entities=(), triples=(), emotions=None, turn: int = 0) -> dict[str, Any]:
    labels = {"emotions": emotions, "intents": list(intents), "acts": None}
    return {"speaker": 1, "text": text, "turn": turn, "entities": list(entities), "triples": list(triples)} | labels


def service(text: str, *acts: str, entities=(), triples=(), turn: int = 0) -> dict[str, Any]:
    labels = {"emotions": None, "intents": None, "acts": [ACTS[act] for act in acts]}
    return {"speaker": 0, "text": text, "turn": turn, "entities": list(entities), "triples": list(triples)} | labels


def row(*utterances: dict[str, Any]) -> dict[str, Any]:
    """A dialogue of raw turns of two utterances each."""
    turned = [utterance | {"turn": index // 2} for index, utterance in enumerate(utterances)]
    return {"dialogue_id": "d", "satisfaction": None, "utterances": turned}


def rows() -> st.SearchStrategy[dict[str, Any]]:
    """Any row with the features: speakers in any order, also nulls, empty texts and unusual texts."""
    ids = st.sampled_from([None, "", "NA", "ent-1", "ent-2", "ent-10", "ent-12", "2"])
    words = st.sampled_from([None, "", "NA", " ", "G包", "g包", "半年_包", "套餐", "五十元", "a-b(c),d"]) | st.text(
        max_size=4
    )
    slots = st.sampled_from([None, "", *cmcc.SLOTS, "4g套餐", "流量包", "业务规则", "话费余额"])
    places = st.none() | st.integers(0, 9)
    span = {"start": places, "end": places}
    types = st.none() | st.integers(0, len(TYPES) - 1)
    entities = st.fixed_dictionaries({"entity_id": ids, "type": types, "name": words} | span)
    named = {"entity_id": ids, "entity_name": words, "slot": slots, "value": words}
    asked = st.fixed_dictionaries({"entity_id": ids, "slot": slots})
    labels = st.fixed_dictionaries({"intent": st.integers(0, len(INTENTS) - 1), "slots": _lists(asked)})
    utterance = st.fixed_dictionaries(
        {
            "speaker": st.integers(0, 1),
            "text": words | st.just("G包五十元吗_半年_包套餐"),
            "turn": st.integers(0, 3),
            "emotions": _lists(st.integers(0, len(cmcc.EMOTIONS) - 1)),
            "intents": _lists(labels),
            "acts": _lists(st.integers(0, len(ACTS) - 1)),
            "entities": _lists(entities),
            "triples": _lists(st.fixed_dictionaries(named | span)),
        }
    )
    return st.fixed_dictionaries(
        {"dialogue_id": st.text(max_size=3), "satisfaction": st.none(), "utterances": st.lists(utterance, max_size=7)}
    )


def _lists(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any] | None]:
    return st.none() | st.lists(items, max_size=3)

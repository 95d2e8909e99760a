"""Reimplements the preprocessing of SereTOD 2022's track 2 baseline exactly, on raw turns, including its quirks.

    for dialogue in preprocess(raw):
        for segments in sequences(dialogue["KB"], dialogue["content"]):
            print(segments.text())

Use it to compare with published results, and `response_rows` for everything else. Differences to the reference: sets,
whose order depends on the hash seed, are sorted by code point, and a crash raises CompatibilityError. The steps have
the names of the reference: data_statistics, restructure, normalize, add_constraint, extract_local_KB, query,
convert_to_sequences. They do not change their arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from cmcc_bench import vocabulary
from cmcc_bench.views.intents import COMPLETED_INTENTS
from cmcc_bench.views.kb import BALANCES, RULE_SLOTS, RULES, TYPE_NAMES
from cmcc_bench.vocabulary import ENTITY_TYPES, SUBTYPES

RawItem = dict[str, Any]  # a dialogue, turn, entity or triple of the raw JSON

CONFUSED = "意图混乱"
# In a list with commas, personal slots are unchanged; other slots get the id before them.
PERSONAL_SLOTS = vocabulary.PERSONAL_SLOTS
TYPE_TREE = {
    ENTITY_TYPES[name].lower(): tuple(ENTITY_TYPES[subtype].lower() for subtype in subtypes)
    for name, subtypes in SUBTYPES.items()
}
IN_BRACKETS = re.compile(r"\((.*?)\)")
FIRST_TO_LAST_BRACKET = re.compile(r"\(.*\)")  # greedy in the reference, so acts between two acts with slots are lost
LEFT_ID = re.compile(r"ent-[0-9]+-")
ID_LENGTH = 5  # "ent-1"; the reference cuts ids, so ent-10 becomes ent-1 with a slot that starts with 0
_HINT = "Remove the dialogue or use compatible=False."


class CompatibilityError(ValueError):
    """The reference crashes on this dialogue."""


class Split(NamedTuple):
    """Dialogues by the first speaker of all their turns. The reference drops the others."""

    service_first: list[RawItem]
    user_first: list[RawItem]
    others: list[RawItem]


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of the reference's training text for one turn, in lower case."""

    history: str
    user: str
    entities: str
    user_intent: str
    kb_result: str
    service_intent: str
    response: str

    def text(self) -> str:
        """The training text of the turn."""
        return (
            f"{self.history}[EOS_L]{self.user}[EOS_U]{self.entities}[EOS_E]{self.user_intent}[EOS_UI]"
            f"{self.kb_result}[EOS_K]{self.service_intent}[EOS_SI]{self.response}[EOS_S]"
        )


def preprocess(dialogues: Iterable[Mapping[str, Any]]) -> list[RawItem]:
    """The reference's data: {"id", "KB", "goal", "content"} for each dialogue that it keeps, service-first ones first.

    dialogues: {"id", "content": [raw turn]}, with the keys in the order of the raw files.
    Raises CompatibilityError if the reference crashes.
    """
    prepared = []
    for dialogue in restructure(data_statistics(dialogues)):
        try:
            turns = [normalize(turn) for turn in dialogue["content"]]
            turns = [{**turn, "用户意图": add_constraint(turn)} for turn in turns]
            kb, goal = extract_local_kb(turns)
        except CompatibilityError as error:
            raise CompatibilityError(f"dialogue {dialogue['id']!r}: {error}") from error
        prepared.append({"id": dialogue["id"], "KB": kb, "goal": goal, "content": turns})
    return prepared


@contextmanager
def _crash_of(step: str) -> Iterator[None]:
    """Raises CompatibilityError if the reference crashes in a step: the code below fails at the same places."""
    try:
        yield
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        problem = f"SereTOD's baseline crashes in {step}: {type(error).__name__}: {error}. {_HINT}"
        raise CompatibilityError(problem) from error


# --------------------------------------------------------------------------------------------------------------------
# data_statistics and restructure: drop dialogues, and make turns in which the user speaks first
# --------------------------------------------------------------------------------------------------------------------


def data_statistics(dialogues: Iterable[Mapping[str, Any]]) -> Split:
    """Splits dialogues by the order of the keys 客服意图 and 用户意图; mixed and unannotated ones are the others."""
    split = Split([], [], [])
    for dialogue in dialogues:
        with _crash_of(f"data_statistics of dialogue {dialogue['id']!r}"):
            order = _speaking_order(dialogue["content"])
        getattr(split, order).append(dict(dialogue))
    return split


def _speaking_order(turns: Iterable[Mapping[str, Any]]) -> str:
    speakers: set[str] = set()
    orders = set()
    for turn in turns:
        keys = list(turn)
        speakers.update((keys[0], keys[1]))
        intents = [turn.get(key, CONFUSED) for key in ("客服意图", "用户意图")]
        if CONFUSED in turn or any(CONFUSED in intent for intent in intents):
            orders.add("others")
        else:
            orders.add("service_first" if keys.index("客服意图") < keys.index("用户意图") else "user_first")
    return orders.pop() if len(orders) == 1 and len(speakers) == 2 else "others"


def restructure(split: Split) -> list[RawItem]:
    """Makes turns of a user utterance 用户 and the reply 客服. Greetings and unanswered last utterances are lost."""
    restructured = []
    for dialogue in split.service_first:
        with _crash_of(f"restructure of dialogue {dialogue['id']!r}"):
            restructured.append({"id": dialogue["id"], "content": _shift_turns(dialogue["content"])})
    for dialogue in split.user_first:
        with _crash_of(f"restructure of dialogue {dialogue['id']!r}"):
            user, service = list(dialogue["content"][0])[:2]
            content = [_with_speaker_names(turn, user, service) for turn in dialogue["content"]]
            restructured.append({"id": dialogue["id"], "content": content})
    return restructured


def _shift_turns(turns: Sequence[Mapping[str, Any]]) -> list[RawItem]:
    """Joins the user half of each turn with the service half of the next turn."""
    service, user = list(turns[0])[:2]
    # In the reference, a triple in two new turns is one object: the later turn changes its position in both.
    triples = [[_copy_of(triple) for triple in turn.get("info", {}).get("triples", ())] for turn in turns]
    shifted = []
    for (turn, turn_triples), (following, next_triples) in pairwise(zip(turns, triples, strict=True)):
        shifted.append(
            {
                "用户": turn[user].replace("[UNK]", ""),
                "客服": following[service].replace("[UNK]", ""),
                "用户意图": turn["用户意图"],
                "客服意图": following["客服意图"],
                "info": {
                    "ents": [*_said_entities(turn, 2, 1), *_said_entities(following, 1, 2)],
                    "triples": [
                        *_said_triples(turn_triples, turn[user], 1),
                        *_said_triples(next_triples, following[service], 2),
                    ],
                },
            }
        )
    return shifted


def _copy_of(triple: Mapping[str, Any]) -> RawItem:
    return {**triple, "pos": list(triple["pos"])} if "pos" in triple else dict(triple)


def _said_entities(turn: Mapping[str, Any], speaker: int, label: int) -> Iterator[RawItem]:
    for entity in turn["info"]["ents"] if "info" in turn else ():
        positions = [
            [label, *position[1:]] for position in entity.get("pos", ()) if position and position[0] == speaker
        ]
        if positions:
            yield {**entity, "pos": positions}


def _said_triples(triples: Iterable[RawItem], text: str, label: int) -> Iterator[RawItem]:
    for triple in triples:
        if "value" in triple and triple["value"] in text:
            if triple.get("pos"):
                triple["pos"][0] = label
            yield triple


def _with_speaker_names(turn: Mapping[str, Any], user: str, service: str) -> RawItem:
    others = {key: value for key, value in turn.items() if key not in (user, service)}
    return {**others, "用户": turn[user].replace("[UNK]", ""), "客服": turn[service].replace("[UNK]", "")}


# --------------------------------------------------------------------------------------------------------------------
# normalize and add_constraint: intents
# --------------------------------------------------------------------------------------------------------------------


@_crash_of("normalize")
def normalize(turn: Mapping[str, Any]) -> RawItem:
    """Makes brackets and commas in the intents half-width, and puts each slot of the user intent in brackets."""
    user, service = (
        turn[key].replace("（", "(").replace("）", ")").replace("，", ",") for key in ("用户意图", "客服意图")
    )
    user = user.replace(",ent", ")(ent").replace("))", ")").replace("),(", ")(").replace(",(", ")(")
    for piece in IN_BRACKETS.findall(user):
        if "," in piece:
            user = user.replace(piece, ")(".join(_with_ids(piece.split(","))))
    return {**turn, "用户意图": user, "客服意图": service}


def _with_ids(items: Iterable[str]) -> Iterator[str]:
    entity_id = None
    for item in items:
        if item.startswith("ent"):
            entity_id = item[:ID_LENGTH]
            yield item
        elif item in TYPE_NAMES or item in PERSONAL_SLOTS or entity_id is None:
            yield item
        else:
            yield f"{entity_id}-{item}"


@_crash_of("add_constraint")
def add_constraint(turn: Mapping[str, Any]) -> str:
    """Adds the slots of the values in the user's text to the first 求助-查询, 询问 or 主动确认 without slots.

    The reference does not reset the slot for an id that is neither ent-... nor NA, so the slot of the triple before it
    is repeated. In the reference that triple may be in an earlier turn; here a first triple with such an id raises
    CompatibilityError.
    """
    intent: str = turn["用户意图"]
    for act in COMPLETED_INTENTS:
        if act in intent and act + "(" not in intent:
            slots = _said_slots(turn)
            if slots:
                return intent.replace(act, act + "".join(f"({slot})" for slot in slots))
    return intent


def _said_slots(turn: Mapping[str, Any]) -> list[str]:
    slots: list[str] = []
    for triple in turn["info"]["triples"] if "info" in turn else ():
        if triple["value"] not in turn["用户"] or "ent-id" not in triple:
            continue
        if triple["ent-id"].startswith("ent"):
            slots.append(f"{triple['ent-id']}-{triple['prop']}")
        elif triple["ent-id"] == "NA":
            slots.append(triple["prop"])
        elif slots:
            slots.append(slots[-1])
        else:
            raise CompatibilityError(
                "SereTOD's baseline crashes in add_constraint: UnboundLocalError: "
                f"ent-id {triple['ent-id']!r} is neither ent-... nor NA. {_HINT}"
            )
    return slots


# --------------------------------------------------------------------------------------------------------------------
# extract_local_KB and query
# --------------------------------------------------------------------------------------------------------------------


@_crash_of("extract_local_KB")
def extract_local_kb(turns: Iterable[Mapping[str, Any]]) -> tuple[RawItem, RawItem]:
    """(KB, goal) of restructured turns with normalized intents: id -> {"name", "type", slot: values with commas}."""
    kb: RawItem = {}
    goal: RawItem = {}
    for turn in turns:
        if "info" in turn:
            for entity in turn["info"]["ents"]:
                if "id" in entity:
                    _add_entity(kb, goal, entity, turn["用户"])
            for triple in turn["info"]["triples"]:
                if "ent-id" in triple and "prop" in triple:
                    _add_triple(kb, goal, triple, turn["用户"])
        for act, slot in _requested_slots(turn["用户意图"]):
            _add_request(goal, act, slot.strip("(").strip(")"))
    return _join_values(kb), _join_values(goal)


def _add_entity(kb: RawItem, goal: RawItem, entity: RawItem, user: str) -> None:
    entity_id, name = entity["id"], entity["name"]
    if name in user:
        if entity_id not in goal:
            goal[entity_id] = {"type": entity["type"]}
        goal[entity_id].setdefault("name", set()).add(name)
    if entity_id not in kb:
        kb[entity_id] = {"name": {name.lower()}, "type": entity.get("type", " ").lower()}
    else:
        kb[entity_id]["name"].add(name.lower())


def _add_triple(kb: RawItem, goal: RawItem, triple: RawItem, user: str) -> None:
    entity_id, slot, value = triple["ent-id"], triple["prop"], triple["value"]
    is_entity = entity_id.startswith("ent")
    if value in user:
        if entity_id not in goal:
            goal[entity_id] = {"name": {triple["ent-name"]}} if is_entity else {}
        goal[entity_id].setdefault(slot, set()).add(value)
    if entity_id not in kb:
        kb[entity_id] = {"name": {triple["ent-name"].lower()}} if is_entity else {}
    # The test uses the original spelling, the key is in lower case: a slot with capitals is overwritten each time.
    if slot not in kb[entity_id]:
        kb[entity_id][slot.lower()] = {value}
    else:
        kb[entity_id][slot.lower()].add(value)


def _requested_slots(intent: str) -> Iterator[tuple[str, str]]:
    """Yields (act, slot) for each slot of the intent string."""
    for part in intent.split(","):
        if "(" in part:
            act = part[: part.index("(")]
            for slot in IN_BRACKETS.findall(part):
                yield act, slot


def _add_request(goal: RawItem, act: str, slot: str) -> None:
    if slot in TYPE_NAMES:
        types = goal.setdefault("咨询", [])
        if f"{act}-{slot}" not in types:
            types.append(f"{act}-{slot}")
        return
    if "-" in slot:
        entity_id, slot, key = slot[:ID_LENGTH], slot[ID_LENGTH:].strip("-"), "用户意图"
    else:
        entity_id, key = "NA", "意图"
    entry = goal.setdefault(entity_id, {})
    entry.setdefault(slot, set()).add("?")
    entry.setdefault(key, set()).add(act)


def _join_values(entries: RawItem) -> RawItem:
    joined: RawItem = {}
    for entity_id, entry in entries.items():
        if isinstance(entry, list):
            joined[entity_id] = ",".join(entry)
        else:
            joined[entity_id] = {
                key: ",".join(sorted(value)) if isinstance(value, set) else value for key, value in entry.items()
            }
    return joined


@_crash_of("query")
def query(
    kb: Mapping[str, Any],
    ent_id: str | None = None,
    ent_name: str | None = None,
    prop: str | None = None,
    ent_type: str | None = None,
) -> str | list[str] | None:
    """The first of four modes that applies: by id (no alternative slots), by name (with them), by slot, by type."""
    if not kb:
        return None
    if ent_id is not None:
        return kb[ent_id].get(prop) if ent_id in kb and prop else None
    if ent_name is not None:
        return _query_names(kb, ent_name.split(","), prop)
    if prop is not None:
        return _query_slot(kb, prop)
    if ent_type is not None:
        types = [(entry["type"].lower(), entry["name"]) for entry in _entities(kb) if "type" in entry]
        return [name for type_, name in types if type_ in TYPE_TREE[ent_type.lower()]] or None
    return None


def _entities(kb: Mapping[str, Any]) -> list[RawItem]:
    return [entry for entity_id, entry in kb.items() if entity_id.startswith("ent")]


def _query_names(kb: Mapping[str, Any], names: Iterable[str], slot: str | None) -> str | None:
    for name in names:
        for entry in _entities(kb):
            if name.lower() in entry["name"].split(","):
                value = _with_alternatives(entry, slot)
                if value is not None:
                    return value
    return None


def _with_alternatives(entry: RawItem, slot: str | None) -> str | None:
    if slot == RULES and RULES not in entry:
        return ",".join(entry[part] for part in RULE_SLOTS if part in entry) or None
    return entry.get(RULES if slot in RULE_SLOTS and slot not in entry else slot or "")


def _query_slot(kb: Mapping[str, Any], slot: str) -> str | None:
    personal = kb.get("NA", {})
    for alternative in (slot, *BALANCES) if slot in BALANCES else (slot,):
        if personal.get(alternative) is not None:
            return str(personal[alternative])
    return ",".join(entry[slot] for entry in kb.values() if slot in entry) or None


# --------------------------------------------------------------------------------------------------------------------
# convert_to_sequences: what the baseline trains on
# --------------------------------------------------------------------------------------------------------------------


@_crash_of("convert_to_sequences")
def sequences(kb: Mapping[str, Any], turns: Iterable[Mapping[str, Any]]) -> list[Segments]:
    """The segments of the training text of each turn, as convert_to_sequences makes it."""
    history: dict[str, set[str]] = {}
    converted = []
    for turn in turns:
        before = ",".join(",".join(sorted(names)) for names in history.values())
        intent, entities, results = _resolve(kb, turn, history)
        entities |= _said_names(turn, history)
        intent = LEFT_ID.sub("", intent).replace("ent--", "")
        service_intent = FIRST_TO_LAST_BRACKET.sub("", turn["客服意图"])
        parts = (
            before,
            turn["用户"],
            ",".join(sorted(entities)),
            intent,
            ",".join(results),
            service_intent,
            turn["客服"],
        )
        converted.append(Segments(*(part.lower() for part in parts)))
    return converted


def _resolve(
    kb: Mapping[str, Any], turn: Mapping[str, Any], history: dict[str, set[str]]
) -> tuple[str, set[str], list[str]]:
    """The user intent with names for ids, these names, and the KB's results, one item per slot."""
    intent: str = turn["用户意图"]
    entities: set[str] = set()
    results = []
    for _, slot in _requested_slots(intent):
        if slot.startswith("ent"):
            entity_id = slot[:ID_LENGTH]
            names = _turn_names(turn, entity_id)
            entities |= names
            if names:
                history.setdefault(entity_id, set()).update(names)
            if not entities and entity_id in history:  # tests the names of all slots, so a second slot is not resolved
                names = set(history[entity_id])
                entities |= names
            intent = _name_instead_of_id(intent, entity_id, names)
            result = query(kb, ent_id=entity_id, prop=slot[ID_LENGTH:].strip("-"))
        else:
            result = query(kb, ent_type=slot) if slot in TYPE_NAMES else query(kb, prop=slot)
        if result is not None:
            results.append(result if isinstance(result, str) else ",".join(result))
    return intent, entities, results


def _turn_names(turn: Mapping[str, Any], entity_id: str) -> set[str]:
    if "info" not in turn:
        return set()
    names = {entity["name"] for entity in turn["info"]["ents"] if entity["id"] == entity_id}
    names |= {triple["ent-name"] for triple in turn["info"]["triples"] if triple["ent-id"] == entity_id}
    return {name for name in names if name.strip() != "NA"}


def _name_instead_of_id(intent: str, entity_id: str, names: set[str]) -> str:
    if not names:
        return intent.replace(f"{entity_id}-", "")
    longest = max(sorted(names), key=len)
    if longest.startswith("ent"):  # an id written as a name
        longest = longest[ID_LENGTH:].strip("-")
    return intent.replace(entity_id, longest)


def _said_names(turn: Mapping[str, Any], history: dict[str, set[str]]) -> set[str]:
    """The names in the user's text, and of the entities whose values are in it; adds them to the history."""
    if "info" not in turn:
        return set()
    names = [
        (entity["id"], entity["name"])
        for entity in turn["info"]["ents"]
        if entity["name"] in turn["用户"] and entity["name"].strip() != "NA"
    ]
    names += [
        (triple["ent-id"], triple["ent-name"])
        for triple in turn["info"]["triples"]
        if triple["value"] in turn["用户"] and triple["ent-name"].strip() != "NA" and triple["ent-id"] != "NA"
    ]
    for entity_id, name in names:
        history.setdefault(entity_id, set()).add(name)
    return {name for _, name in names}

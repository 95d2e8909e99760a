"""Label strings of raw turns: labels and slots in any spelling, and the repairs that they need."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TypeVar

from cmcc_bench.errors import DataError, printable
from cmcc_bench.types import Json, Row
from cmcc_bench.vocabulary import (
    ACT_ALIASES,
    ACTS,
    EMOTIONS,
    ENTITY_TYPES,
    INTENT_ALIASES,
    INTENTS,
    PERSONAL_SLOTS,
    SLOTS,
    Vocabulary,
    label_names,
    satisfaction_label,
)

Parsed = TypeVar("Parsed")


def count_or_raise(error: DataError, kind: str, repairs: Counter[str] | None) -> None:
    """Counts a label that is left out. Raises the error where nothing counts."""
    if repairs is None:
        raise error
    repairs[kind] += 1


_WIDE = str.maketrans("（），﹐､﹑；﹔／｜－＋＆", "(),,、、;;/|-+&")
BLANKS = re.compile(r"\s+")
_LINE_END = re.compile(r"\s*[\r\n]\s*")

# Slots in parentheses that close, of which one may have parentheses of its own, 账户余额(欠费); slots in parentheses
# that never close; or a label.
_LABEL_TOKEN = re.compile(r"\(((?:[^()]++|\((?!ent)[^()]*+\))*+)\)|\(([^()]*+)|[^(),、;/|+&]++")
_ENTITY_SLOT = re.compile(r"ent[-_]?(\d{1,9})[-_]*(.*)", re.IGNORECASE)
TYPE_INDEX = {name: index for index, name in enumerate(ENTITY_TYPES.chinese)}
_TYPE_CASE = {"4g套餐": "4G套餐", "5g套餐": "5G套餐"}
_KNOWN_SLOTS = frozenset(SLOTS) | set(PERSONAL_SLOTS) | set(TYPE_INDEX) | set(_TYPE_CASE)
ParsedIntents = tuple[tuple[int, tuple[tuple[str | None, str], ...]], ...]  # of each intent, its slots (entity, slot)


@lru_cache(maxsize=1 << 16)
def _parse_intents(text: str) -> tuple[ParsedIntents, tuple[str, ...]]:
    """The intents of a user utterance with their slots, and the kinds of repair; cached, as few strings make a corpus.

    `询问(ent-1-业务费用)(业务时长),问候`: parentheses hold slots of the intent before them, a slot without an entity
    belongs to the entity named last in the same intent unless it is personal information or a type. An intent that
    stands twice is one, with the slots of both. A label that is not in the vocabulary is left out with its slots.
    """
    compact, repairs = _plain_labels(text)
    intents: dict[int, dict[tuple[str | None, str], None]] = {}
    entity: str | None = None
    slots: dict[tuple[str | None, str], None] | None = None
    for token, is_slot in _label_tokens(compact, INTENTS):
        if slots is not None and (is_slot or _ENTITY_SLOT.match(token)):
            entity, slot = _parse_slot(token, entity)
            repairs += ["blank_slot"] * (not slot[1]) + ["doubled_slot"] * (slot in slots)
            if slot[1]:
                slots[slot] = None
            continue
        intent = INTENTS.find(token)
        entity, slots = None, {}
        if intent is None:
            repairs.append(unknown_label(token))
            continue
        repairs += ["intent_alias"] * (token in INTENT_ALIASES) + ["doubled_label"] * (intent in intents)
        slots = intents.setdefault(intent, slots)
    return tuple((intent, tuple(found)) for intent, found in intents.items()), tuple(repairs)


def _plain_labels(text: str) -> tuple[str, list[str]]:
    """A label string without blanks, and the kinds of repair that its marks show."""
    compact = BLANKS.sub("", _LINE_END.sub(",", text.strip()))
    plain = compact.translate(_WIDE)
    repairs = [] if plain == text and "、" not in text else ["full_width_intent"]
    if plain.count("(") != plain.count(")") or "((" in plain or ",(" in plain:
        repairs.append("malformed_intent")
    if plain.startswith(",") or plain.endswith(",") or ",," in plain:
        repairs.append("blank_label")
    return compact, repairs


def unknown_label(name: str) -> str:
    """How the report calls a label that no vocabulary has: by its name, unless it is a text that got there."""
    is_name = len(name) <= _LONGEST_LABEL and not _NUMBER.search(name)
    return f"unknown_label:{printable(name)}" if is_name else "unknown_label"


# Longer ones are no labels, and neither the words of a call nor numbers of its user belong into a report.
_LONGEST_LABEL = 16
_NUMBER = re.compile(r"[\d〇零一二三四五六七八九幺]{4}")


def _label_tokens(compact: str, vocabulary: Vocabulary) -> Iterator[tuple[str, bool]]:
    """The labels and slots of a label string in order, with whether each is a slot; [""] for an empty string.

    What stands in parentheses is a slot, as it is written there; where they are never closed, a known label ends them.
    """
    if not compact:
        yield "", False
    for part in _LABEL_TOKEN.finditer(compact.translate(_WIDE)):
        group = 1 if part[1] is not None else 2
        if part[group] is None:
            yield part[0], False
            continue
        inside = True
        for token in _slot_names(compact[part.start(group) : part.end(group)]):
            inside = inside and (group == 1 or vocabulary.find(token) is None)
            yield token, inside


def _slot_names(inside: str) -> Iterator[str]:
    """The slots in one pair of parentheses; an enumeration comma separates them where each part is known as a slot."""
    if inside[:1] in ("(", "（"):  # parentheses within parentheses: 询问((业务费用)(业务时长))
        inside = re.sub("[()（）]", ",", inside)
    for token in re.split("[,，;；]", inside):
        parts = re.split("[、/|／｜]", token)
        known = len(parts) > 1 and all(x in _KNOWN_SLOTS or _ENTITY_SLOT.match(x) for x in parts)
        yield from filter(None, parts if known else [token])


def _parse_slot(token: str, entity: str | None) -> tuple[str | None, tuple[str | None, str]]:
    """The entity in force after a slot, and the slot."""
    match = _ENTITY_SLOT.fullmatch(token.translate(_WIDE))
    if match:
        entity = f"ent-{int(match[1])}"
        return entity, (entity, token[match.start(2) :])
    slot = re.sub(r"^(NA|ent)?-+", "", token)
    slot = _TYPE_CASE.get(slot, slot)
    if slot in TYPE_INDEX or slot in PERSONAL_SLOTS or slot != token:
        return entity, (None, slot)
    return entity, (entity, slot)


@lru_cache(maxsize=1 << 16)
def _parse_acts(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The acts of a service utterance, and the kinds of repair; slots of acts have no place in the features."""
    compact, repairs = _plain_labels(text)
    acts: dict[int, None] = {}
    for number, (token, is_slot) in enumerate(_label_tokens(compact, ACTS)):
        if is_slot or (number and _ENTITY_SLOT.match(token)):
            repairs.append("act_slots_left_out")
            continue
        act = ACTS.find(token)
        if act is None:
            repairs.append(unknown_label(token))
            continue
        repairs += ["act_alias"] * (token in ACT_ALIASES) + ["doubled_label"] * (act in acts)
        acts[act] = None
    return tuple(acts), tuple(repairs)


_NEUTRAL = Vocabulary({"neutral": EMOTIONS["neutral"]})


@lru_cache(maxsize=1 << 12)
def _parse_emotions(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The emotions of a user utterance, and the kinds of repair; 无 beside another emotion says nothing."""
    repairs: list[str] = []
    emotions: dict[int, None] = {}
    names = label_names(text)
    for name in names:
        emotion = EMOTIONS.find(name)
        if emotion is None:
            repairs.append(unknown_label(name))
        elif not emotion and _NEUTRAL.find(name) is None:  # an alias, however it is written
            repairs.append("emotion_alias")
            if len(names) == 1:
                emotions[emotion] = None
        else:
            repairs += ["doubled_label"] * (emotion in emotions)
            emotions[emotion] = None
    return tuple(emotions), tuple(repairs)


def count_ignored(keys: Iterable[str], repairs: Counter[str]) -> None:
    """Counts unknown keys by name, so that a misspelled one is seen."""
    for key in keys:
        repairs[f"ignored_key:{printable(key, 40)}"] += 1


def is_missing(value: Json) -> bool:
    """Whether it says nothing: null, or the NaN that tables write for an empty cell, the one value unlike itself."""
    return value is None or value != value


def _parsed(
    turn: Row, key: str, parse: Callable[[str], tuple[Parsed, tuple[str, ...]]], missing: str, repairs: Counter[str]
) -> Parsed | None:
    """What `parse` makes of a label string of a turn; None where there is none, or nothing in it is a label.

    missing: the kind under which a string that is not there is counted, "" where it need not be there.
    """
    value = turn.get(key)
    if not isinstance(value, str):
        if is_missing(value):
            repairs.update([missing] if missing else [])
            return None
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            repairs[f"unreadable_label:{key}"] += 1
            return None
        repairs["list_of_labels"] += 1
        value = ",".join(value)
    parsed, kinds = parse(value)
    if kinds:
        repairs.update(kinds)
    return parsed or None


def user_labels(turn: Row, confused: bool, repairs: Counter[str]) -> Row:
    """The label fields of a raw turn's user utterance; confused: its intents cannot be told apart."""
    parsed = None if confused else _parsed(turn, "用户意图", _parse_intents, "missing_intent", repairs)
    emotions = _parsed(turn, "用户情绪", _parse_emotions, "", repairs)
    intents = parsed and [
        {"intent": intent, "slots": [{"entity_id": entity, "slot": slot} for entity, slot in slots]}
        for intent, slots in parsed
    ]
    return {"emotions": list(emotions) if emotions else None, "intents": intents, "acts": None}


def service_labels(turn: Row, confused: bool, repairs: Counter[str]) -> Row:
    """The label fields of a raw turn's service utterance; confused: its intents cannot be told apart."""
    acts = None if confused else _parsed(turn, "客服意图", _parse_acts, "missing_act", repairs)
    return {"emotions": None, "intents": None, "acts": list(acts) if acts else None}


def read_satisfaction(value: Json, repairs: Counter[str] | None) -> int | None:
    """The satisfaction of a raw dialogue or a care file; None where it is not annotated or, counted, none of the three.

    Raises DataError for the last without `repairs`.
    """
    try:
        label = satisfaction_label(value)
    except DataError as error:
        count_or_raise(error, "unknown_satisfaction", repairs)
        return None
    if repairs is not None and value is not None and str(value) not in _SATISFACTION_NUMBERS:
        repairs["missing_satisfaction" if label is None else "satisfaction_spelling"] += 1
    return label


_SATISFACTION_NUMBERS = ("1", "2", "3")
_WHOLE_NUMBER = re.compile(r"(-?\d{1,9})(?:\.0*)?")


def whole_number(value: Json) -> int | None:
    """The number of 2, 2.0 and "2"; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _WHOLE_NUMBER.fullmatch(str(value).strip())
    return int(match[1]) if match else None

"""Parses the label strings of raw turns: labels and slots in any spelling. Repairs are counted."""

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
    """Counts a dropped label under `kind`. Without `repairs`, raises the error."""
    if repairs is None:
        raise error
    repairs[kind] += 1


_WIDE = str.maketrans("（），﹐､﹑；﹔／｜－＋＆", "(),,、、;;/|-+&")
BLANKS = re.compile(r"\s+")
_LINE_END = re.compile(r"\s*[\r\n]\s*")

# One of: slots in closed parentheses, which may contain one more pair, 账户余额(欠费); slots in parentheses that are
# never closed; a label.
_LABEL_TOKEN = re.compile(r"\(((?:[^()]++|\((?!ent)[^()]*+\))*+)\)|\(([^()]*+)|[^(),、;/|+&]++")
_ENTITY_SLOT = re.compile(r"ent[-_]?(\d{1,9})[-_]*(.*)", re.IGNORECASE)
TYPE_INDEX = {name: index for index, name in enumerate(ENTITY_TYPES.chinese)}
_TYPE_CASE = {"4g套餐": "4G套餐", "5g套餐": "5G套餐"}
_KNOWN_SLOTS = frozenset(SLOTS) | set(PERSONAL_SLOTS) | set(TYPE_INDEX) | set(_TYPE_CASE)
ParsedIntents = tuple[tuple[int, tuple[tuple[str | None, str], ...]], ...]  # of each intent, its slots (entity, slot)


@lru_cache(maxsize=1 << 16)
def _parse_intents(text: str) -> tuple[ParsedIntents, tuple[str, ...]]:
    """Parses the intents and slots of a user utterance. Also returns the kinds of repair. Cached: few strings differ.

    In `询问(ent-1-业务费用)(业务时长),问候` the parentheses contain slots of the intent before them. A slot without an
    entity belongs to the last entity of the same intent, unless it is personal information or a type. An intent that
    occurs twice becomes one intent with the slots of both. An unknown intent is dropped with its slots.
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
    return tuple((intent, tuple(intent_slots)) for intent, intent_slots in intents.items()), tuple(repairs)


def _plain_labels(text: str) -> tuple[str, list[str]]:
    """Removes spaces from a label string. Also returns the kinds of repair that its punctuation needs."""
    compact = BLANKS.sub("", _LINE_END.sub(",", text.strip()))
    plain = compact.translate(_WIDE)
    repairs = [] if plain == text and "、" not in text else ["full_width_intent"]
    if plain.count("(") != plain.count(")") or "((" in plain or ",(" in plain:
        repairs.append("malformed_intent")
    if plain.startswith(",") or plain.endswith(",") or ",," in plain:
        repairs.append("blank_label")
    return compact, repairs


def unknown_label(name: str) -> str:
    """The key of an unknown label in the report: with its name, unless the value looks like text of the call."""
    is_name = len(name) <= _LONGEST_LABEL and not _NUMBER.search(name)
    return f"unknown_label:{printable(name)}" if is_name else "unknown_label"


# Longer values are not labels. Words of a call and numbers of its user must not get into a report.
_LONGEST_LABEL = 16
_NUMBER = re.compile(r"[\d〇零一二三四五六七八九幺]{4}")


def _label_tokens(compact: str, vocabulary: Vocabulary) -> Iterator[tuple[str, bool]]:
    """Yields the labels and slots of a label string in order, each with whether it is a slot; "" for an empty string.

    Slots are in parentheses and keep their spelling. Parentheses that are never closed end at a known label.
    """
    if not compact:
        yield "", False
    for part in _LABEL_TOKEN.finditer(compact.translate(_WIDE)):
        group = 1 if part[1] is not None else 2
        if part[group] is None:
            yield part[0], False
            continue
        is_slot = True
        for token in _slot_names(compact[part.start(group) : part.end(group)]):
            is_slot = is_slot and (group == 1 or vocabulary.find(token) is None)
            yield token, is_slot


def _slot_names(content: str) -> Iterator[str]:
    """The slots in one pair of parentheses. Enumeration commas, slashes and bars separate parts that are all slots."""
    if content[:1] in ("(", "（"):  # nested parentheses: 询问((业务费用)(业务时长))
        content = re.sub("[()（）]", ",", content)
    for token in re.split("[,，;；]", content):
        parts = re.split("[、/|／｜]", token)
        are_slots = len(parts) > 1 and all(x in _KNOWN_SLOTS or _ENTITY_SLOT.match(x) for x in parts)
        yield from filter(None, parts if are_slots else [token])


def _parse_slot(token: str, entity: str | None) -> tuple[str | None, tuple[str | None, str]]:
    """Parses a slot. Returns the entity for the slots after it, and the slot as (entity, slot)."""
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
    """Parses the acts of a service utterance. Also returns the kinds of repair. Slots of acts are dropped."""
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
    """Parses the emotions of a user utterance. Also returns the kinds of repair. 无 with another emotion is dropped."""
    repairs: list[str] = []
    emotions: dict[int, None] = {}
    names = label_names(text)
    for name in names:
        emotion = EMOTIONS.find(name)
        if emotion is None:
            repairs.append(unknown_label(name))
        elif not emotion and _NEUTRAL.find(name) is None:  # an alias in any spelling
            repairs.append("emotion_alias")
            if len(names) == 1:
                emotions[emotion] = None
        else:
            repairs += ["doubled_label"] * (emotion in emotions)
            emotions[emotion] = None
    return tuple(emotions), tuple(repairs)


def count_ignored(keys: Iterable[str], repairs: Counter[str]) -> None:
    """Counts unknown keys by name, so that misspelled keys are visible in the report."""
    for key in keys:
        repairs[f"ignored_key:{printable(key, 40)}"] += 1


def is_missing(value: Json) -> bool:
    """Whether a value is null or NaN, which tables write for an empty cell. Only NaN differs from itself."""
    return value is None or value != value


def _parsed(
    turn: Row, key: str, parse: Callable[[str], tuple[Parsed, tuple[str, ...]]], missing: str, repairs: Counter[str]
) -> Parsed | None:
    """Parses the label string under `key` of a turn; None if it is missing or has no known label.

    missing: the kind of repair that counts a missing string; "" if the string is optional.
    """
    value = turn.get(key)
    if type(value) is not str:
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


def user_labels(turn: Row, is_confused: bool, repairs: Counter[str]) -> tuple[list[int] | None, list[Row] | None]:
    """The emotions and intents of a turn's user utterance. is_confused: annotators could not separate its intents."""
    parsed = None if is_confused else _parsed(turn, "用户意图", _parse_intents, "missing_intent", repairs)
    emotions = _parsed(turn, "用户情绪", _parse_emotions, "", repairs)
    intents = parsed and [
        {"intent": intent, "slots": [{"entity_id": entity, "slot": slot} for entity, slot in slots]}
        for intent, slots in parsed
    ]
    return list(emotions) if emotions else None, intents or None


def service_labels(turn: Row, is_confused: bool, repairs: Counter[str]) -> list[int] | None:
    """The acts of a turn's service utterance. is_confused: annotators could not separate its intents."""
    acts = None if is_confused else _parsed(turn, "客服意图", _parse_acts, "missing_act", repairs)
    return list(acts) if acts else None


def read_satisfaction(value: Json, repairs: Counter[str] | None) -> int | None:
    """Reads the satisfaction in a raw dialogue or a care file; None if it is not annotated.

    An invalid value is counted and gives None. Without `repairs` it raises DataError.
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
    """Reads an integer such as 2, 2.0 or "2"; None for any other value."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _WHOLE_NUMBER.fullmatch(str(value).strip())
    return int(match[1]) if match else None

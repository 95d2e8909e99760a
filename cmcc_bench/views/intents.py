"""User intents with their slots: as data, completed by the values in the user's text, and as text of the models."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from cmcc_bench.vocabulary import ENTITY_TYPES, INTENTS, PERSONAL_SLOTS

INTENT_NAMES = INTENTS.chinese  # label -> Chinese name

# Only these are completed; they are tried in this order (Track 2's add_constraint).
COMPLETED_INTENTS = tuple(INTENTS[name] for name in ("seek_help_query", "inquire", "active_confirmation"))


class Slot(NamedTuple):
    """A requested slot of an entity. Without an entity: personal information, or an entity type by its Chinese name."""

    entity_id: str | None
    slot: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A user intent by its Chinese name, and the slots that it requests, in annotated order without repeats."""

    name: str
    slots: tuple[Slot, ...] = ()


_WITHOUT_SLOTS = tuple((Intent(name),) for name in INTENT_NAMES)  # by class label


def read_intents(labels: Sequence[Mapping[str, Any]]) -> tuple[Intent, ...]:
    """Reads the intents of an utterance. An intent that is labeled twice is one intent with the slots of both.

    labels: the `intents` of an utterance of a labeled row, {"intent": class label, "slots": [{"entity_id", "slot"}]}.
    Slots without a name are dropped. The entity id "NA" means no entity.
    """
    if len(labels) == 1 and not labels[0]["slots"]:  # as most utterances
        return _WITHOUT_SLOTS[labels[0]["intent"]]
    slots: dict[str, list[Slot]] = {}
    for label in labels:
        intent_slots = slots.setdefault(INTENT_NAMES[label["intent"]], [])
        for item in label["slots"] or ():
            if item["slot"]:
                entity_id = item["entity_id"]
                intent_slots.append(Slot(entity_id if entity_id and entity_id != "NA" else None, item["slot"]))
    return _intents(slots)


def unite_intents(first: tuple[Intent, ...] | None, second: tuple[Intent, ...] | None) -> tuple[Intent, ...] | None:
    """Merges the intents of two utterances of one speaker and their slots; None if neither is annotated."""
    if first is None or second is None:
        return second if first is None else first
    slots: dict[str, list[Slot]] = {}
    for intent in first + second:
        slots.setdefault(intent.name, []).extend(intent.slots)
    return _intents(slots)


def add_constraint(intents: Sequence[Intent], slots: Iterable[Slot]) -> tuple[Intent, ...]:
    """Adds the slots of the values in the user's text to the first 求助-查询, 询问 or 主动确认 without slots.

    slots: the slots of these values; repeats are dropped. At most one intent is completed, as in the training data of
    the published baseline. Source: track 2 of SereTOD 2022, add_constraint in preprocess.py.
    """
    unique = tuple(dict.fromkeys(slots))
    without_slots = {intent.name for intent in intents if not intent.slots} if unique else set()
    for name in COMPLETED_INTENTS:
        if name in without_slots:
            return tuple(Intent(name, unique) if intent.name == name else intent for intent in intents)
    return tuple(intents)


def intent_text(intents: Iterable[Intent], names: Mapping[str, str]) -> str:
    """Writes intents as the text of the models: 询问(流量包-业务费用)(流量包-业务时长),被动确认.

    names: entity id -> name to write for it. A slot of an entity without a name is written alone, 询问(业务费用), so
    that models never have to learn ids. Slots with the same text are written once.
    """
    return ",".join(
        [intent.name + "".join(_slot_texts(intent.slots, names)) if intent.slots else intent.name for intent in intents]
    )


class NamedSlot(NamedTuple):
    """A requested slot in an intent text: of the entity with this name, or as in Slot if the name is None."""

    name: str | None
    slot: str


@dataclass(frozen=True, slots=True)
class TextIntent:
    """An intent parsed from text. Its name may be unknown."""

    name: str
    slots: tuple[NamedSlot, ...] = ()


_INTENT_TEXT = re.compile(r"([^,()]*)((?:\([^()]*(?:\)|$))*)")


@lru_cache(maxsize=1 << 12)  # few texts differ
def parse_intent_text(text: str) -> tuple[TextIntent, ...]:
    """Parses an intent text of `intent_text` or of a model. Any text can be parsed.

    The last hyphen separates an entity's name from the slot, because names may have hyphens and slots have none. A
    parenthesis that is never closed ends with the text. Intents without a name and empty slots are dropped; repeats are
    kept.
    """
    intents = []
    for name, slots in _INTENT_TEXT.findall(text):
        if name.strip():
            parts = [part.strip().rpartition("-") for part in re.split(r"[()]", slots)]
            named_slots = tuple(NamedSlot(entity or None, slot) for entity, _, slot in parts if slot)
            intents.append(TextIntent(name.strip(), named_slots))
    return tuple(intents)


_SEPARATOR = r"[,，、;；/／|｜\n]"
_NOT_SEPARATORS = re.compile(r"[^\s,，、;；/／|｜]")
_BRACKETS = re.compile(  # closed by either width or by the end; names may contain full-width parentheses
    r"\(((?:[^()（）]|（[^()（）]*(?:）|$))*)(?:[)）]|$)"
    r"|（((?:[^()（）]|（[^()（）]*(?:）|$)|\([^()（）]*(?:\)|$))*)(?:[)）]|$)"
)


def tidy_intent_text(text: str) -> str:
    """Normalizes an intent text to the form of `intent_text`: half-width punctuation, and parentheses around each slot.

    询问（流量包－业务费用、业务时长）；被动确认 becomes 询问(流量包-业务费用)(流量包-业务时长),被动确认. Within
    parentheses, a slot without an entity belongs to the entity before it, unless it is personal or an entity type.
    """
    pieces, end = list[str](), 0
    for match in _BRACKETS.finditer(text):
        between = text[end : match.start()]
        if end == 0 or _NOT_SEPARATORS.search(between):  # in 询问(a)、(b) there is one intent only
            pieces.append(_outside(between))
        pieces.append(_slots_apart(match[1] or match[2] or ""))
        end = match.end()
    return "".join([*pieces, _outside(text[end:])])


def _outside(text: str) -> str:
    return re.sub(_SEPARATOR, ",", unicodedata.normalize("NFKC", text))


def _slots_apart(content: str) -> str:
    slots, entity = list[str](), ""
    for part in re.split(r"[,、;]", unicodedata.normalize("NFKC", content)):
        name, _, slot = part.strip().rpartition("-")
        has_no_entity = slot in PERSONAL_SLOTS or ENTITY_TYPES.find(slot) is not None
        entity = name or entity
        slots.append(f"({in_brackets(f'{entity}-{slot}' if entity and not has_no_entity else part.strip())})")
    return "".join(slots)


def in_brackets(name: str) -> str:
    """Makes the parentheses in a name full-width, to write the name inside the parentheses of a slot."""
    return name.replace("(", "（").replace(")", "）")


def slot_text(slot: str) -> str:
    """Makes punctuation in a slot full-width if it has a meaning in intent texts, and removes spaces.

    Annotators write slots that are not in the vocabulary, such as 账户余额(欠费). The KB compares slots in this form,
    so any spelling finds the values.
    """
    return slot.translate(_FULL_WIDTH)


_FULL_WIDTH = str.maketrans(
    {"(": "（", ")": "）", ",": "，", "-": "－", "[": "［", "]": "］", " ": None, "\u3000": None}
)


def _slot_texts(slots: tuple[Slot, ...], names: Mapping[str, str]) -> list[str]:
    texts = []
    for entity_id, slot in slots:
        name = names.get(entity_id) if entity_id else None
        text = slot_text(slot)
        texts.append(f"({in_brackets(name)}-{text})" if name else f"({text})")
    return list(dict.fromkeys(texts))


def _intents(slots: Mapping[str, list[Slot]]) -> tuple[Intent, ...]:
    return tuple([Intent(name, tuple(dict.fromkeys(items)) if items else ()) for name, items in slots.items()])

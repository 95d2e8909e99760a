"""User intents with their slots: as data, completed by the values that the user said, and as the models' text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cmcc_bench.vocabulary import ENTITY_TYPES, INTENTS, PERSONAL_SLOTS

INTENT_NAMES = INTENTS.chinese  # label -> Chinese name

# Only these are completed, and in this order of trial (Track 2's add_constraint).
COMPLETED_INTENTS = tuple(INTENTS[name] for name in ("seek_help_query", "inquire", "active_confirmation"))


class Slot(NamedTuple):
    """What is asked: a slot of an entity; with no entity, personal information or an entity type (its Chinese name)."""

    entity_id: str | None
    slot: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A user intent by its Chinese name, and the slots it asks for, without repeats, in the order annotated."""

    name: str
    slots: tuple[Slot, ...] = ()


def read_intents(labels: Iterable[Mapping[str, Any]]) -> tuple[Intent, ...]:
    """Intents of the labeled row as data; an intent labeled twice is one intent with the slots of both.

    labels: items {"intent": class label, "slots": [{"entity_id", "slot"}]}, an utterance's `intents`.
    A slot without a name says nothing and is left out; the entity id "NA" is no entity.
    """
    slots: dict[str, list[Slot]] = {}
    for label in labels:
        found = slots.setdefault(INTENT_NAMES[label["intent"]], [])
        for item in label["slots"] or ():
            if item["slot"]:
                entity_id = item["entity_id"]
                found.append(Slot(entity_id if entity_id and entity_id != "NA" else None, item["slot"]))
    return _intents(slots)


def unite_intents(first: tuple[Intent, ...] | None, second: tuple[Intent, ...] | None) -> tuple[Intent, ...] | None:
    """Intents of two utterances of one speaker, each once, with the slots of both; None where neither is annotated."""
    if first is None or second is None:
        return second if first is None else first
    slots: dict[str, list[Slot]] = {}
    for intent in first + second:
        slots.setdefault(intent.name, []).extend(intent.slots)
    return _intents(slots)


def add_constraint(intents: Sequence[Intent], said: Iterable[Slot]) -> tuple[Intent, ...]:
    """Give the first bare 求助-查询, 询问 or 主动确认 the slots whose values the user said; leave the others.

    said: slots of the values said in this exchange; repeats are dropped. At most one intent is completed, because the
    published baseline's training data is made so. Source: track 2 of SereTOD 2022, add_constraint in preprocess.py.
    """
    slots = tuple(dict.fromkeys(said))
    bare = {intent.name for intent in intents if not intent.slots} if slots else set()
    for name in COMPLETED_INTENTS:
        if name in bare:
            return tuple(Intent(name, slots) if intent.name == name else intent for intent in intents)
    return tuple(intents)


def intent_text(intents: Iterable[Intent], names: Mapping[str, str]) -> str:
    """Intents as the models read and write them: 询问(流量包-业务费用)(流量包-业务时长),被动确认.

    names: entity id -> the name that stands for it. A slot of an entity without a name is written alone,
    询问(业务费用), so that no model has to learn ids. Two slots that read alike are written once.
    """
    return ",".join([intent.name + "".join(_slot_texts(intent.slots, names)) for intent in intents])


class NamedSlot(NamedTuple):
    """What the text of an intent asks: a slot of the entity of that name; without a name as in Slot."""

    name: str | None
    slot: str


@dataclass(frozen=True, slots=True)
class TextIntent:
    """An intent as it was read from text: nothing says that its name is in the vocabulary."""

    name: str
    slots: tuple[NamedSlot, ...] = ()


_INTENT_TEXT = re.compile(r"([^,()]*)((?:\([^()]*(?:\)|$))*)")


def parse_intent_text(text: str) -> tuple[TextIntent, ...]:
    """What `intent_text` wrote, or a model: any text gives a result.

    A slot is split from its entity's name at the last hyphen, as names have hyphens and slots have none. A parenthesis
    that is never closed ends with the text; what has no name or no slot is left out; repeats are kept.
    """
    intents = []
    for name, slots in _INTENT_TEXT.findall(text):
        if name.strip():
            parts = [part.strip().rpartition("-") for part in re.split(r"[()]", slots)]
            found = tuple(NamedSlot(entity or None, slot) for entity, _, slot in parts if slot)
            intents.append(TextIntent(name.strip(), found))
    return tuple(intents)


_MARK = r"[,，、;；/／|｜\n]"
_NOT_MARKS = re.compile(r"[^\s,，、;；/／|｜]")
_BRACKETS = re.compile(  # closed in either width, or by the end; a name inside may have full-width ones of its own
    r"\(((?:[^()（）]|（[^()（）]*(?:）|$))*)(?:[)）]|$)"
    r"|（((?:[^()（）]|（[^()（）]*(?:）|$)|\([^()（）]*(?:\)|$))*)(?:[)）]|$)"
)


def tidy_intent_text(text: str) -> str:
    """An intent text that anyone wrote, in the form of `intent_text`: half-width marks, and parentheses for each slot.

    询问（流量包－业务费用、业务时长）；被动确认 becomes 询问(流量包-业务费用)(流量包-业务时长),被动确认. In one pair of
    parentheses a slot without an entity is one of the entity before it, unless it is personal or an entity type.
    """
    pieces, end = list[str](), 0
    for match in _BRACKETS.finditer(text):
        between = text[end : match.start()]
        if end == 0 or _NOT_MARKS.search(between):  # 询问(a)、(b) is one intent
            pieces.append(_outside(between))
        pieces.append(_slots_apart(match[1] or match[2] or ""))
        end = match.end()
    return "".join([*pieces, _outside(text[end:])])


def _outside(text: str) -> str:
    return re.sub(_MARK, ",", unicodedata.normalize("NFKC", text))


def _slots_apart(content: str) -> str:
    slots, entity = list[str](), ""
    for part in re.split(r"[,、;]", unicodedata.normalize("NFKC", content)):
        name, _, slot = part.strip().rpartition("-")
        is_own = slot in PERSONAL_SLOTS or ENTITY_TYPES.find(slot) is not None
        entity = name or entity
        slots.append(f"({in_brackets(f'{entity}-{slot}' if entity and not is_own else part.strip())})")
    return "".join(slots)


def in_brackets(name: str) -> str:
    """A name as it is written inside the parentheses of a slot: its own ones are made full-width."""
    return name.replace("(", "（").replace(")", "）")


def slot_text(slot: str) -> str:
    """A slot as it is written in parentheses behind a name: marks that structure the text are made full-width.

    Annotators write slots that the vocabulary lacks, such as 账户余额(欠费). The KB compares slots in this form: each
    finds its values however it is spelled.
    """
    return slot.translate(_SLOT_MARKS)


_SLOT_MARKS = str.maketrans(
    {"(": "（", ")": "）", ",": "，", "-": "－", "[": "［", "]": "］", " ": None, "\u3000": None}
)


def _slot_texts(slots: tuple[Slot, ...], names: Mapping[str, str]) -> list[str]:
    if not slots:
        return []
    texts = []
    for entity_id, slot in slots:
        name = names.get(entity_id) if entity_id else None
        written = slot_text(slot)
        texts.append(f"({in_brackets(name)}-{written})" if name else f"({written})")
    return list(dict.fromkeys(texts))


def _intents(slots: Mapping[str, list[Slot]]) -> tuple[Intent, ...]:
    return tuple([Intent(name, tuple(dict.fromkeys(found)) if found else ()) for name, found in slots.items()])

"""Answers of language models: text -> JSON -> labels, names and replies, with what is wrong in them.

A server that takes a JSON schema sends nothing else; from others the object is searched in the text. What cannot be
read, and labels outside the vocabulary, are problems: the answer then counts as wrong, and its line keeps the text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from cmcc_bench.endpoint.client import whole_texts
from cmcc_bench.types import Json
from cmcc_bench.views.intents import Intent, Slot, intent_text
from cmcc_bench.vocabulary import ACTS, EMOTIONS, ENTITY_TYPES, INTENTS, SATISFACTION, Vocabulary, label_names

# An answer that is longer than these counts as unparsed, so that every line is one that the leaderboard takes.
LONGEST_TEXT = 1_000  # characters of a reply, or of all labels of a kind
LONGEST_NAME = 100  # characters of a name or a label
LONGEST_LIST = 50  # items
LONGEST_ANSWER = 20_000  # characters of an answer that are read and stored
_KEPT = 500  # characters of a wrong answer that its prediction line keeps; of wrong labels half as many
_STARTS = 50  # places in an answer where an object is searched

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_TRAILING_COMMA = re.compile(r",\s*([}\]])")
_WIDE = str.maketrans("“”，：", '"",:')


@dataclass(frozen=True)
class Problem:
    """What is wrong with an answer. kind: unparsed, unknown_label or not_in_text; what: the labels or names."""

    step: str
    kind: str
    what: str
    answer: str


@dataclass(frozen=True)
class Understanding:
    """The first answer to an exchange: names, and intents whose slots have names in place of ids."""

    entities: tuple[str, ...] = ()
    intents: tuple[Intent, ...] = ()

    @property
    def entity_text(self) -> str:
        """As the column `entities` has it."""
        return ",".join(self.entities)

    @property
    def intent_text(self) -> str:
        """As the column `user_intent` has it."""
        names = {slot.entity_id: slot.entity_id for intent in self.intents for slot in intent.slots if slot.entity_id}
        return intent_text(self.intents, names)

    def as_json(self) -> str:
        """As the model should write it."""
        intents = [
            {"intent": intent.name, "slots": [{"entity": slot.entity_id, "slot": slot.slot} for slot in intent.slots]}
            for intent in self.intents
        ]
        return to_json({"entities": list(self.entities), "intents": intents})


@dataclass(frozen=True)
class ModelReply:
    """The last answer to an exchange; emotions and acts as written, known ones by their Chinese names."""

    emotions: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    response: str = ""


def to_json(value: Json) -> str:
    """JSON as prompts show it."""
    return json.dumps(value, ensure_ascii=False)


def read_object(text: str, keys: Iterable[str]) -> dict[str, Any] | None:
    """The first JSON object in a text that has any of the keys, None where there is none.

    Thoughts in <think> are skipped; around the object there may be anything, such as a code fence. Trailing commas and
    full-width quotation marks in the object's structure are accepted.
    """
    wanted = set(keys)
    text = _THOUGHT.sub("", text)
    for candidate in (text, _TRAILING_COMMA.sub(r"\1", text), _TRAILING_COMMA.sub(r"\1", text.translate(_WIDE))):
        starts = [match.start() for match in re.finditer(r"\{", candidate)][:_STARTS]
        for start in starts:
            try:
                value = whole_texts(_DECODER.raw_decode(candidate, start)[0])
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict) and wanted & value.keys():
                return value
    return None


_DECODER = json.JSONDecoder(strict=False)


def read_labels_of(text: str, key: str, vocabulary: Vocabulary) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The labels of an answer that has labels alone, by their English names, and those that the vocabulary lacks.

    A text without an object may be the labels themselves. None where nothing can be read.
    """
    found = read_object(text, [key])
    if found is None:
        plain = label_names(_THOUGHT.sub("", text).strip())
        known = [vocabulary.find(name) for name in plain]
        return (_named(known, vocabulary), ()) if known and None not in known else (None, ())
    names = _names(found[key])
    if names is None:
        return None, ()
    return _named(map(vocabulary.find, names), vocabulary), _unknown(names, vocabulary)


def read_understanding(text: str) -> tuple[Understanding, Problem | None]:
    """The first answer to an exchange: {"entities": [...], "intents": [{"intent", "slots": [{"entity", "slot"}]}]}."""
    value = read_object(text, ["intents", "entities"])
    names = _names(value.get("entities") or []) if value else None
    intents = _intents(value.get("intents") or []) if value else None
    if names is None or intents is None:
        return Understanding(), unparsed("understand", text)
    found = Understanding(tuple(dict.fromkeys(name.replace(",", "，").lower() for name in names)), intents)
    if max(len(found.entity_text), len(found.intent_text)) > LONGEST_TEXT:
        return Understanding(), unparsed("understand", text)
    unknown = _unknown([intent.name for intent in intents], INTENTS)
    problem = (
        Problem("understand", "unknown_label", "、".join(unknown)[: _KEPT // 2], text[:_KEPT]) if unknown else None
    )
    return found, problem


def _intents(items: Json) -> tuple[Intent, ...] | None:
    """Intents by their Chinese names, an unknown one as written; None for values of another form."""
    if not isinstance(items, list) or len(items) > LONGEST_LIST:
        return None
    slots: dict[str, list[Slot]] = {}
    for item in items:
        record = {"intent": item} if isinstance(item, str) else item
        if (
            not isinstance(record, dict)
            or not isinstance(name := record.get("intent"), str)
            or len(name) > LONGEST_NAME
        ):
            return None
        found = _slots(record.get("slots") or [])
        if found is None:
            return None
        if label := _plain(_chinese(name, INTENTS)):
            slots.setdefault(label, []).extend(found)
    return tuple(Intent(name, tuple(dict.fromkeys(found))) for name, found in slots.items())


def _slots(items: Json) -> list[Slot] | None:
    if not isinstance(items, list) or len(items) > LONGEST_LIST:
        return None
    slots = []
    for item in items:
        record = {"slot": item} if isinstance(item, str) else item
        if not isinstance(record, dict) or not isinstance(slot := record.get("slot"), str):
            return None
        entity = record.get("entity")
        if not (entity is None or isinstance(entity, str)) or len(slot) + len(entity or "") > LONGEST_NAME:
            return None
        if slot.strip():
            slots.append(Slot(entity.strip().lower() if entity and entity.strip() else None, slot.strip()))
    return slots


def read_reply(text: str, is_oracle: bool) -> tuple[ModelReply, Problem | None]:
    """The last answer to an exchange: {"emotions": [...], "acts": [...], "response": "..."}; oracle: response alone."""
    found = read_object(text, ["response"])
    response = found["response"] if found else None
    if not found or not isinstance(response, str) or len(response) > LONGEST_TEXT:
        return ModelReply(), unparsed("reply", text)
    if is_oracle:
        return ModelReply(response=response.strip()), None
    emotions, acts = _names(found.get("emotions")), _names(found.get("acts"))
    if emotions is None or acts is None or max(len(",".join(names)) for names in (emotions, acts)) > LONGEST_TEXT:
        return ModelReply(), unparsed("reply", text)
    unknown = _unknown(emotions, EMOTIONS) + _unknown(acts, ACTS)
    problem = Problem("reply", "unknown_label", "、".join(unknown)[: _KEPT // 2], text[:_KEPT]) if unknown else None
    return ModelReply(_written(emotions, EMOTIONS), _written(acts, ACTS), response.strip()), problem


def read_entities(text: str, utterance: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The entities of an utterance: items of a prediction line, with `start` and `end` where they stand in it.

    An entity of an unknown type, or with a name that does not stand in the utterance, has a name alone: it is scored
    as a name, and as a missing or wrong span.
    """
    found = read_object(text, ["entities"])
    items = found["entities"] if found else None
    if not isinstance(items, list) or len(items) > LONGEST_LIST:
        return [], [unparsed("answer", text)]
    entities, taken = list[dict[str, Any]](), list[tuple[int, int]]()
    wrong: dict[str, list[str]] = {}  # kind of problem -> types or names
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
            return [], [unparsed("answer", text)]
        label = ENTITY_TYPES.find(item.get("type"))
        span = find_span(utterance, name, item.get("context"), taken)
        if span in taken:
            continue  # the same entity once more
        entity: dict[str, Any] = {"name": name, "type": None, "start": None, "end": None}
        if span is None:
            wrong.setdefault("not_in_text", []).append(name)
        else:
            taken.append(span)
            entity["name"] = utterance[span[0] : span[1]]
        if label is None:
            wrong.setdefault("unknown_label", []).append(str(item.get("type")))
        elif span is not None:
            entity |= {"type": ENTITY_TYPES.names[label], "start": span[0], "end": span[1]}
        entities.append(entity)
    problems = [Problem("answer", kind, "、".join(what)[: _KEPT // 2], text[:_KEPT]) for kind, what in wrong.items()]
    return sorted(entities, key=lambda entity: (entity["start"] is None, entity["start"])), problems


def find_span(
    utterance: str, name: str, context: Json, taken: Sequence[tuple[int, int]] = ()
) -> tuple[int, int] | None:
    """Start and end of a name in an utterance, None where it does not stand there.

    context: words around the name, which tell two places apart; without a use it does not count. taken: spans that
    others have; if all places are taken, the first of them is returned. Case, width and blanks do not count.
    """
    folded, places = _folded(utterance)
    wanted, around = _folded(name)[0], _folded(context)[0] if isinstance(context, str) else ""
    if not wanted:
        return None
    starts = [match.start() for match in re.finditer(f"(?={re.escape(wanted)})", folded)]
    if wanted in around and (begin := folded.find(around)) >= 0:
        said = begin + around.find(wanted)
        starts.sort(key=lambda start: (start != said, start))
    spans = [(places[start], places[start + len(wanted) - 1] + 1) for start in starts]
    free = [span for span in spans if all(span[1] <= start or end <= span[0] for start, end in taken)]
    return next(iter(free), next((span for span in spans if span in taken), None))


def _folded(text: str) -> tuple[str, list[int]]:
    """A text as names are compared, and the place of each of its characters in the text."""
    characters, places = list[str](), list[int]()
    for place, character in enumerate(text):
        for folded in unicodedata.normalize("NFKC", character).casefold():
            if not folded.isspace():
                characters.append(folded)
                places.append(place)
    return "".join(characters), places


def unparsed(step: str, text: str) -> Problem:
    """The problem of an answer that cannot be read."""
    return Problem(step, "unparsed", "", text[:_KEPT])


def answer_line_of(answer: Mapping[str, Any], problems: Sequence[Problem]) -> bytes:
    """A prediction line: the answer, and after it `problems` where there are any. Readers of predictions skip these."""
    kept = {"problems": [asdict(problem) for problem in problems]} if problems else {}
    return orjson.dumps({**answer, **kept}, option=orjson.OPT_APPEND_NEWLINE)


def _names(value: Json) -> list[str] | None:
    """Names as a list: of a list of strings, or of one string with separators. None for anything else."""
    if isinstance(value, str):
        value = label_names(value)
    if not isinstance(value, list) or len(value) > LONGEST_LIST:
        return None
    if not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in value):
        return None
    return [name.strip() for name in value if name.strip()]


def _named(ids: Iterable[int | None], vocabulary: Vocabulary) -> tuple[str, ...]:
    return tuple(dict.fromkeys(vocabulary.names[label] for label in ids if label is not None))


def _unknown(names: Iterable[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if vocabulary.find(name) is None))


def _chinese(name: str, vocabulary: Vocabulary) -> str:
    label = vocabulary.find(name)
    return name.strip() if label is None else vocabulary.chinese[label]


def _written(names: Iterable[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Labels as dialogue models write them: known ones by their Chinese names, others without separators."""
    return tuple(dict.fromkeys(_plain(_chinese(name, vocabulary)) for name in names))


def _plain(name: str) -> str:
    """A name without the marks that structure a list of labels."""
    return re.sub(r"[,()，（）、;；/／|｜+＋&＆\s]+", "_", name)


# The JSON schemas of the answers. Every key is required and no other allowed, as strict servers want it.
def _object(**properties: Json) -> Json:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _one_of(vocabulary: Vocabulary) -> Json:
    return {"type": "string", "enum": list(vocabulary.chinese)}


_TEXT = {"type": "string"}
SCHEMAS: dict[str, Json] = {
    "emotion": _object(emotions=_list(_one_of(EMOTIONS))),
    "satisfaction": _object(satisfaction=_one_of(SATISFACTION)),
    "entities": _object(entities=_list(_object(name=_TEXT, type=_one_of(ENTITY_TYPES), context=_TEXT))),
    "understand": _object(
        entities=_list(_TEXT),
        intents=_list(
            _object(
                intent=_one_of(INTENTS),
                slots=_list(
                    _object(
                        entity={"type": ["string", "null"]},
                        slot={"type": "string"},
                    )
                ),
            )
        ),
    ),
    "reply": _object(emotions=_list(_one_of(EMOTIONS)), acts=_list(_one_of(ACTS)), response=_TEXT),
    "oracle": _object(response=_TEXT),
}

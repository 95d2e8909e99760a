"""Reads the entities and triples of a raw turn and finds their positions in the texts."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from cmcc_bench.reader.keys import ENTITY_KEYS, INFO_KEYS, TRIPLE_KEYS
from cmcc_bench.reader.labels import BLANKS, TYPE_INDEX, count_ignored, is_missing, unknown_label, whole_number
from cmcc_bench.types import Json, Row
from cmcc_bench.vocabulary import ENTITY_TYPES


class _RawTurn(NamedTuple):
    """The texts of a raw turn and the utterances made from them, in spoken order.

    utf16: for each text, whether its positions count UTF-16 units, as in JavaScript and Java, instead of code points.
    """

    raw_texts: list[str]
    utterances: list[Row]
    utf16: list[bool]
    repairs: Counter[str]


# The utterance of the turn that has a name, the name as in the text, its start and its end (None if not found).
_Located = tuple[int, str, int | None, int | None]
_Position = tuple[int, int, int]  # utterance of the turn, start, end


def add_spans(turn: Row, raw_texts: list[str], utterances: list[Row], repairs: Counter[str]) -> None:
    """Adds the entities and triples of a raw turn to its utterances. A defect drops only that entity or triple."""
    info = turn.get("info")
    if type(info) is dict and not info.get("ents") and not info.get("triples") and info.keys() <= INFO_KEYS:
        return  # as most turns
    if is_missing(info):
        repairs["missing_info"] += 1
        return
    if not isinstance(info, dict):
        repairs["unreadable_label:info"] += 1
        return
    if not info.keys() <= INFO_KEYS:
        count_ignored(info.keys() - INFO_KEYS, repairs)
    entities, triples = _items(info, "ents", ENTITY_KEYS, repairs), _items(info, "triples", TRIPLE_KEYS, repairs)
    if not utterances:
        repairs["label_without_utterance"] += len(entities) + len(triples)
        return
    if not entities and not triples:
        return
    utf16 = [False] * len(raw_texts)
    if _ABOVE_FFFF.search("".join(raw_texts)):
        named = [(item.get("ent-name") if is_missing(item.get("name")) else item["name"], item) for item in entities]
        named += [(item.get("value"), item) for item in triples]
        utf16 = [_counts_utf16(number, text, named) for number, text in enumerate(raw_texts)]
    context = _RawTurn(raw_texts, utterances, utf16, repairs)
    for item in entities:
        _add_entity(item, context)
    for item in triples:
        _add_triple(item, context)


def _items(info: Row, key: str, known_keys: set[str], repairs: Counter[str]) -> list[Row]:
    """The JSON objects of a list in a turn's info. Other values are dropped; they and unknown keys are counted."""
    items = info.get(key)
    if not items or is_missing(items):
        return []
    if not isinstance(items, list):
        repairs[f"unreadable_label:info.{key}"] += 1
        return []
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) < len(items):
        repairs[f"unreadable_label:info.{key}"] += len(items) - len(objects)
    for item in objects:
        if not item.keys() <= known_keys:
            count_ignored(item.keys() - known_keys, repairs)
    return objects


def _add_entity(item: Row, context: _RawTurn) -> None:
    repairs = context.repairs
    entity_id = _entity_id(_value_of(item, "id", "ent-id", repairs), repairs)
    type_ = item.get("type")
    index = TYPE_INDEX.get(type_) if isinstance(type_, str) else None
    if index is None:
        index = ENTITY_TYPES.find(type_)
    if index is None:
        repairs["missing_type" if is_missing(type_) or type_ in ("", "NA") else unknown_label(str(type_))] += 1
    name = _string(_value_of(item, "name", "ent-name", repairs), repairs)
    for position in _positions(item, context):
        span = _locate(name, position, context)
        if span is None:
            repairs["entity_without_name"] += 1
            continue
        utterance, text, start, end = span
        context.utterances[utterance]["entities"].append(
            {"entity_id": entity_id, "type": index, "name": text, "start": start, "end": end}
        )


def _add_triple(item: Row, context: _RawTurn) -> None:
    repairs = context.repairs
    slot = item.get("prop")
    slot = slot.strip() if isinstance(slot, str) else ""
    if not slot:
        repairs["triple_without_slot"] += 1
        return
    span = _locate(_string(item.get("value"), repairs), _positions(item, context)[0], context)
    if span is None:
        repairs["triple_without_value"] += 1
        return
    utterance, text, start, end = span
    name = _string(_value_of(item, "ent-name", "name", repairs), repairs)
    context.utterances[utterance]["triples"].append(
        {
            "entity_id": _entity_id(_value_of(item, "ent-id", "id", repairs), repairs),
            "entity_name": None if name in (None, "", "NA") else name,
            "slot": slot,
            "value": text,
            "start": start,
            "end": end,
        }
    )


def _value_of(item: Row, key: str, other: str, repairs: Counter[str]) -> Json:
    value = item.get(key)
    if (value is None or value != value) and not is_missing(item.get(other)):
        repairs[f"other_key:{other}"] += 1
        return item[other]
    return value


def _entity_id(value: Json, repairs: Counter[str]) -> str | None:
    """An entity's id as ent-1, without spaces; None if it is missing or has another form."""
    if isinstance(value, str) and value in _PLAIN_ENTITY_IDS:  # as nearly all
        return value
    if is_missing(value) or value in ("", "NA"):
        return None
    match = _ENTITY_ID.fullmatch(BLANKS.sub("", value)) if isinstance(value, str) else None
    if match is None:
        repairs["unreadable_entity_id"] += 1
        return None
    return f"ent-{int(match[1])}"


_PLAIN_ENTITY_IDS = frozenset(f"ent-{number}" for number in range(1, 100))
_ENTITY_ID = re.compile(r"ent[-_－]?(\d{1,9})", re.IGNORECASE)


def _string(value: Json, repairs: Counter[str]) -> str | None:
    """A name or value without [UNK]. A number becomes a string; any other type gives None."""
    if isinstance(value, str):
        return value.replace("[UNK]", "")
    if is_missing(value) or not isinstance(value, int | float) or isinstance(value, bool):
        repairs["unreadable_label:name"] += not is_missing(value)
        return None
    repairs["number_for_text"] += 1
    return str(value)


def _locate(name: str | None, position: _Position | None, context: _RawTurn) -> _Located | None:
    """Finds a name or value in the texts; None if it has neither a name nor a valid position.

    It tries in this order: the given position, the nearest match in the same utterance, the turn's other utterance,
    and both utterances without regard to spaces, pauses and case (the name is then replaced by the text there). A name
    that is not found gets no position.
    """
    utterance, start, end = position or (0, 0, 0)
    raw = context.raw_texts[utterance]
    if name and 0 <= start == end - len(name) and raw[start:end] == name and position and "[UNK]" not in raw:
        return utterance, name, start, end  # as nearly all
    is_inside = position is not None and 0 <= start < end <= len(raw)
    if not name:
        if not is_inside:
            return None
        context.repairs["missing_name"] += 1
        name = raw[start:end].replace("[UNK]", "")
    offset = start - 5 * raw.count("[UNK]", 0, max(start, 0))
    if is_inside and raw[start:end].replace("[UNK]", "") == name:
        return utterance, name, offset, offset + len(name)
    kind = "missing_position" if position is None else "wrong_position"
    for other in (utterance, 1 - utterance)[: len(context.utterances)]:
        match = _nearest(name, context.utterances[other]["text"], offset)
        if match is not None:
            place, text = match
            context.repairs[kind if text == name else "extra_blank"] += 1
            return other, text, place, place + len(text)
    context.repairs["name_not_in_text" if position is None else "position_left_out"] += 1
    return utterance, name, None, None


def _positions(item: Row, context: _RawTurn) -> list[_Position | None]:
    """The positions of an entity or triple, in code points; [None] if it has no valid position."""
    positions: list[_Position | None] = []
    given = _raw_positions(item)
    for value in given:
        position = _position(value, len(context.raw_texts))
        if position is None:
            # An empty position means none; it is counted only if there are others.
            kind = "unreadable_position" if value else "empty_position" if len(given) > 1 else ""
            context.repairs.update([kind] if kind else [])
        elif context.utf16[position[0]]:
            context.repairs["utf16_position"] += 1
            positions.append(_code_points(position, context.raw_texts[position[0]]))
        else:
            positions.append(position)
    return positions or [None]


def _raw_positions(item: Row) -> list[Json]:
    """The key `pos` of an entity or triple as a list of positions. It may be one position, [1, 0, 2], or a list."""
    value = item.get("pos")
    if type(value) is list and len(value) == 1 and type(value[0]) is list:  # as nearly all entities
        return value
    if value == [] or is_missing(value):
        return []
    return value if isinstance(value, list) and not {list, type(None)}.isdisjoint(map(type, value)) else [value]


def _position(value: Json, speakers: int) -> _Position | None:
    """Reads a raw position [1 or 2 for the first or second speaker of the turn, start, end]; None if it is invalid."""
    if not isinstance(value, list) or len(value) != 3:
        return None
    if type(value[0]) is type(value[1]) is type(value[2]) is int and 1 <= value[0] <= speakers:
        return value[0] - 1, value[1], value[2]
    numbers = [number for number in map(whole_number, value) if number is not None]
    return (numbers[0] - 1, numbers[1], numbers[2]) if len(numbers) == 3 and 1 <= numbers[0] <= speakers else None


_ABOVE_FFFF = re.compile("[\U00010000-\U0010ffff]")


def _counts_utf16(utterance: int, text: str, named: list[tuple[Json, Row]]) -> bool:
    """Whether positions in a text count UTF-16 units: then more of them match their names than in code points.

    The two differ after a character above U+FFFF, such as an emoji. A single position can match in both, so all
    positions of the text are counted.
    """
    plain = wide = 0
    for name, item in named:
        for value in _raw_positions(item) if isinstance(name, str) else ():
            position = _position(value, utterance + 1)
            if position is not None and position[0] == utterance:
                _, start, end = position
                plain += 0 <= start < end and text[start:end] == name
                _, start, end = _code_points(position, text)
                wide += 0 <= start < end and text[start:end] == name
    return wide > plain


def _code_points(position: _Position, text: str) -> _Position:
    """Converts a position from UTF-16 units to code points. A position inside a character is moved before it."""
    utterance, start, end = position
    units = text.encode("utf-16-le", "surrogatepass")
    start, end = (len(units[: 2 * max(x, 0)].decode("utf-16-le", "ignore")) for x in (start, end))
    return utterance, start, end


def _nearest(name: str, text: str, start: int) -> tuple[int, str] | None:
    """The match of `name` in `text` that is nearest to `start`: (position, matching text). Exact matches come first."""
    if not name.strip(" _"):
        return None
    start = max(start, 0)
    exact = [(text.rfind(name, 0, start + len(name)), name), (text.find(name, start), name)]
    matches = [match for match in exact if match[0] >= 0]
    if not matches and len(name) <= _LONGEST_LOOSE_NAME:
        pattern = "[ _]*".join(re.escape(character) for character in name if character not in " _")
        matches = [(match.start(), match.group()) for match in re.finditer(pattern, text, re.IGNORECASE)]
    return min(matches, key=lambda match: (abs(match[0] - start), match[0]), default=None)


_LONGEST_LOOSE_NAME = 200  # characters; the search is slow for long names, and only short names have extra spaces

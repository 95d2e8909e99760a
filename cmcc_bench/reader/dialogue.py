"""A raw dialogue becomes a row of `labeled` or `unlabeled`. A defect costs its label, never the dialogue."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from cmcc_bench.errors import DataError, printable
from cmcc_bench.reader.care import CareLabels, merge_care
from cmcc_bench.reader.json_stream import RawDialogue
from cmcc_bench.reader.keys import (
    CONFUSED,
    DIALOGUE_KEYS,
    KEYS_AS_COMPARED,
    KNOWN_KEYS,
    LABELS_OF,
    SPEAKER_KEYS,
    TEXT_KEYS,
)
from cmcc_bench.reader.labels import count_ignored, is_missing, read_satisfaction, service_labels, user_labels
from cmcc_bench.reader.report import Report
from cmcc_bench.reader.spans import add_spans
from cmcc_bench.reader.splits import split_of
from cmcc_bench.types import Json, Row
from cmcc_bench.vocabulary import plain_name


@dataclass(frozen=True)
class Dialogue:
    """A dialogue that was read.

    config: labeled or unlabeled. row: fits that config's features. repaired: what was repaired in it, by kind.
    """

    config: str
    split: str
    row: Row
    repaired: Counter[str] = field(default_factory=Counter, compare=False)

    @cached_property
    def digest(self) -> bytes:
        """A digest of the row."""
        return digest_of(self.row)


class DialogueReader:
    """Turns raw dialogues into rows and counts in `report` what it repaired.

    care: labels to merge (of `read_care`); `merged` collects the keys that found their dialogue.
    """

    def __init__(self, care: CareLabels | None = None) -> None:
        self.care, self.merged, self.report = care or {}, set[str](), Report()

    def identify(self, raw: RawDialogue) -> str:
        """A dialogue's id; one that is missing is made from the content. Raises DataError for what is no dialogue."""
        return identified(raw, Counter())[0]

    def read(self, raw: RawDialogue) -> Dialogue | None:
        """The dialogue, or None for one of SereTOD's Track 2 forms, which is counted and belongs to no config.

        Raises DataError for what cannot be repaired; the report is then as it was before.
        """
        source_format = raw.source_format
        if source_format == "track2":
            self.report.set_aside["track2_dialogue"] += 1
            return None
        repairs: Counter[str] = Counter()
        dialogue_id, turns = identified(raw, repairs)
        try:
            dialogue = self._read_turns(raw, dialogue_id, turns, source_format, repairs)
        except DataError as error:
            raise error.at(file=raw.file.name, dialogue=name_in_file(raw)) from None
        self.report.read[source_format] += 1
        self.report.repaired += repairs
        return dialogue

    def count_unmerged(self) -> None:
        """Counts the entries of the care file whose dialogue was in none of the files, once all are read."""
        if unmerged := len(self.care.keys() - self.merged):
            self.report.repaired["care_entry_without_dialogue"] += unmerged

    def _read_turns(
        self, raw: RawDialogue, dialogue_id: str, turns: list[Any], source_format: str, repairs: Counter[str]
    ) -> Dialogue:
        for key, equal in raw.doubled:
            if not equal and key in TEXT_KEYS:
                raise DataError("the key twice in one object with different values", "one value", field=key)
            repairs["doubled_key" if equal else f"doubled_key_last_taken:{printable(key, 40)}"] += 1
        if "\\u" in raw.text:  # only an escape can hold half of a surrogate pair
            turns = _whole_characters(turns, repairs)
        if isinstance(raw.value, dict):
            count_ignored(raw.value.keys() - DIALOGUE_KEYS, repairs)
        utterances: list[Row] = []
        care_key = dialogue_id if dialogue_id in self.care else f"{raw.file.name}#{raw.index}"
        care = self.care.get(care_key)
        plain = source_format == "unlabelled" and care is None
        for number, turn in enumerate(turns):
            try:
                utterances += _plain_turn(turn, number, repairs) if plain else _labeled_turn(turn, number, repairs)
            except DataError as error:
                raise error.at(turn=number) from None
        if plain:
            return Dialogue("unlabeled", "train", {"dialogue_id": dialogue_id, "utterances": utterances}, repairs)
        value = raw.value.get("满意度") if isinstance(raw.value, dict) else None
        satisfaction = read_satisfaction(value, repairs)
        if care is not None:
            merge_care(care, len(turns), utterances, repairs)
            self.merged.add(care_key)
            if care.satisfaction is not None:
                repairs["care_replaces_satisfaction"] += satisfaction not in (None, care.satisfaction)
                satisfaction = care.satisfaction
        _leave_out_undeclared(utterances, repairs)
        row = {"dialogue_id": dialogue_id, "satisfaction": satisfaction, "utterances": utterances}
        return Dialogue("labeled", raw.file.split or split_of(dialogue_id), row, repairs)


def identified(raw: RawDialogue, repairs: Counter[str], may_be_empty: bool = False) -> tuple[str, list[Any]]:
    """A dialogue's id and its raw turns; an id that is missing, or can be none, is made from the content."""
    value = raw.value
    repairs.update(raw.repaired)
    turns = value.get("content") if isinstance(value, dict) else value
    dialogue_id = value.get("id") if isinstance(value, dict) else None
    if not is_id(dialogue_id):
        repairs["missing_id" if is_missing(dialogue_id) or dialogue_id == "" else "unreadable_id"] += 1
        dialogue_id = None
    if not isinstance(turns, list) or not (turns or may_be_empty):
        found = f"{type(value).__name__} without a list 'content'"
        if turns == []:
            found = "an empty dialogue"
        elif isinstance(value, dict) and "content" in value:
            found += f": it is {type(turns).__name__}"
        expected = "a dialogue: a list of turns, or {id, content}"
        raise DataError(found, expected, _hint_for(value), file=raw.file.name, dialogue=name_in_file(raw))
    if dialogue_id is None:
        dialogue_id = hashlib.sha256(_canonical(turns, raw.text)).hexdigest()[:32]
    return str(dialogue_id), turns


def name_in_file(raw: RawDialogue) -> str:
    """A dialogue's id, for messages; where it has none, its index, as an id that was made is in no file."""
    dialogue_id = raw.value.get("id") if isinstance(raw.value, dict) else None
    return str(dialogue_id) if is_id(dialogue_id) else f"at index {raw.index}"


def _hint_for(value: Json) -> str:
    """What to do about an object that has its turns elsewhere than in a list 'content'."""
    if not isinstance(value, dict):
        return ""
    if "utterances" in value:
        return "This is a row of a built data set: name its folder as DATASET, or get the raw files."
    if isinstance(value.get("content"), dict):
        return "Is it a table that was written by column? With pandas: to_json(..., orient='records')."
    if isinstance(value.get("content"), str):
        return "A table saved as CSV has lists as text: read them with json.loads, and write JSON again."
    return ""


def is_id(value: Json) -> bool:
    """Whether it can name a dialogue; not so a fraction, which a spreadsheet may have made of a long number."""
    return type(value) is int or (isinstance(value, str) and value != "" and _is_unicode(value))


def _canonical(value: Json, text: str) -> bytes:
    """JSON that does not depend on how the file was laid out; the text itself where orjson refuses the value."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half of a surrogate pair, or nested beyond reason
        return text.encode(errors="surrogatepass")


def _whole_characters(value: Json, repairs: Counter[str]) -> Json:
    """The value with U+FFFD for each half of a surrogate pair, which is JSON, but no text that can be written."""
    if isinstance(value, dict):
        return {_whole_characters(key, repairs): _whole_characters(part, repairs) for key, part in value.items()}
    if isinstance(value, list):
        return [_whole_characters(part, repairs) for part in value]
    if isinstance(value, str) and not _is_unicode(value):
        repairs["half_surrogate"] += 1
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    return value


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _known_keys(turn: Json, repairs: Counter[str]) -> Row:
    """The turn with each key that is spelled otherwise, such as [Speaker1] or ［SPEAKER 1］, as it should be.

    A turn that is null, as tables fill up their rows, has nothing. Raises DataError for what is no turn, and where a
    text stands under two spellings of its key.
    """
    if is_missing(turn):
        return {}
    if not isinstance(turn, dict):
        raise DataError(type(turn).__name__, "an object with the keys [SPEAKER 1] and [SPEAKER 2]")
    if turn.keys() <= KNOWN_KEYS:
        return turn
    known: Row = {}
    for key, value in turn.items():
        name = key if key in KNOWN_KEYS else KEYS_AS_COMPARED.get(plain_name(key), str(key))
        if name != key and (name in turn or name in known):
            if name in SPEAKER_KEYS and not is_missing(value):
                raise DataError(f"it again as {printable(key, 40)!r}", "one text of each speaker", field=name)
            name = key
        repairs.update([f"other_key:{printable(key, 40)}"] if name != key else [])
        known[name] = value
    return known


def _speaker_keys(turn: Row, repairs: Counter[str]) -> list[str]:
    """The keys of a turn's utterances in spoken order; unknown keys are counted.

    A turn that has no text and nothing that could be one has no utterance. Raises DataError where texts are missed.
    """
    keys = [key for key in turn if key in SPEAKER_KEYS]
    if len(keys) < len(turn):
        others = turn.keys() - KNOWN_KEYS
        for key in sorted(others):
            if key.startswith("[SPEAKER") or re.fullmatch(r"speaker\d*", plain_name(key)):
                raise DataError("another speaker", "[SPEAKER 1] (service) or [SPEAKER 2] (user)", field=key)
        if not keys and any(isinstance(turn[key], str) for key in others):
            raise DataError("no speaker key", "[SPEAKER 1] (service), [SPEAKER 2] (user) or both")
        count_ignored(others, repairs)
    if not keys:
        repairs["turn_without_utterance"] += 1
    for key in keys:
        if not isinstance(turn[key], str):
            if not is_missing(turn[key]):
                raise DataError(type(turn[key]).__name__, "a string", field=key)
            repairs["missing_text"] += 1
    return keys


def _texts(turn: Row, keys: list[str]) -> list[str]:
    """The texts of a turn as they stand in the file; one that is null is empty."""
    return [turn[key] if isinstance(turn[key], str) else "" for key in keys]


def _clean(text: str, repairs: Counter[str]) -> str:
    if "[UNK]" not in text:
        return text
    repairs["unknown_token"] += text.count("[UNK]")
    return text.replace("[UNK]", "")


def _plain_turn(turn: Json, number: int, repairs: Counter[str]) -> list[Row]:
    utterances = []
    if type(turn) is dict:  # two million of these in the whole corpus: first as if nothing were odd
        for key, text in turn.items():
            if key in SPEAKER_KEYS and type(text) is str and "[UNK]" not in text:
                utterances.append({"speaker": SPEAKER_KEYS[key], "text": text, "turn": number})
        if utterances and len(utterances) == len(turn):
            return utterances
    turn = _known_keys(turn, repairs)
    keys = _speaker_keys(turn, repairs)
    return [
        {"speaker": SPEAKER_KEYS[key], "text": _clean(text, repairs), "turn": number}
        for key, text in zip(keys, _texts(turn, keys), strict=True)
    ]


def _labeled_turn(turn: Json, number: int, repairs: Counter[str]) -> list[Row]:
    turn = _known_keys(turn, repairs)
    keys = _speaker_keys(turn, repairs)
    utterances: list[Row] = []
    confused = CONFUSED in turn or CONFUSED in f"{turn.get('用户意图')} {turn.get('客服意图')}"
    if confused:
        repairs["confused_intents"] += 1
    raw_texts = _texts(turn, keys)
    for key, raw_text in zip(keys, raw_texts, strict=True):
        speaker, text = SPEAKER_KEYS[key], _clean(raw_text, repairs)
        labels = (user_labels if speaker else service_labels)(turn, confused, repairs)
        utterances.append({"speaker": speaker, "text": text, "turn": number, **labels, "entities": [], "triples": []})
    if len(keys) == 1:
        silent = next(labels for key, labels in LABELS_OF.items() if key != keys[0])
        repairs.update("label_without_utterance" for key in silent if turn.get(key))
    add_spans(turn, raw_texts, utterances, repairs)
    return utterances


def _leave_out_undeclared(utterances: list[Row], repairs: Counter[str]) -> None:
    """Takes out the slots and triples of an entity that nothing in the dialogue names."""
    declared = {None} | {e["entity_id"] for u in utterances for e in u["entities"]}
    declared |= {t["entity_id"] for u in utterances for t in u["triples"] if t["entity_name"]}
    for utterance in utterances:
        asked = [intent["slots"] for intent in utterance["intents"] or () if intent["slots"]]
        for labels in [utterance["triples"], *asked] if utterance["triples"] else asked:
            if not all(label["entity_id"] in declared for label in labels):
                known = [label for label in labels if label["entity_id"] in declared]
                repairs["undeclared_entity"] += len(labels) - len(known)
                labels[:] = known


def digest_of(row: Row) -> bytes:
    """A digest of a dialogue's content, to tell repeats from clashes."""
    return hashlib.blake2b(orjson.dumps(row), digest_size=16).digest()

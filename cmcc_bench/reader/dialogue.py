"""Converts a raw dialogue to a row of `labeled` or `unlabeled`. A defect drops its label, not the dialogue."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, chain, count, permutations, repeat
from typing import Any, NamedTuple

import orjson
import xxhash

from cmcc_bench.errors import DataError, printable
from cmcc_bench.reader.care import CareLabels, merge_care
from cmcc_bench.reader.json_stream import JsonBatch, RawDialogue
from cmcc_bench.reader.keys import (
    CONFUSED,
    DIALOGUE_KEYS,
    KEYS_BY_PLAIN_NAME,
    KNOWN_KEYS,
    LABEL_KEYS,
    SPEAKER_KEYS,
    TEXT_KEYS,
)
from cmcc_bench.reader.labels import count_ignored, is_missing, read_satisfaction, service_labels, user_labels
from cmcc_bench.reader.report import Report
from cmcc_bench.reader.spans import add_spans
from cmcc_bench.reader.splits import split_of
from cmcc_bench.types import Json, Row
from cmcc_bench.vocabulary import plain_name

_SPEAKERS = "[SPEAKER 1] for the service or [SPEAKER 2] for the user"


class Texts(NamedTuple):
    """The utterances of an unlabeled dialogue by column, with the names of `unlabeled_features`; all of one length."""

    speaker: list[int]
    text: list[str]
    turn: list[int]


@dataclass(slots=True)
class Dialogue:
    """A dialogue read from a raw file. Do not change it: a view may have been made from it already.

    config: "labeled" or "unlabeled". content: the row with the features of `labeled`, or the texts of an unlabeled
    dialogue: nine in ten dialogues of the corpus have texts only, and columns are made faster than rows.
    repaired: counts of repairs, by kind.
    """

    config: str
    split: str
    dialogue_id: str
    content: Row | Texts
    repaired: Counter[str] = field(default_factory=Counter, compare=False)
    _row: Row | None = field(default=None, init=False, repr=False, compare=False)
    _digest: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def row(self) -> Row:
        """The row with the features of `config`."""
        if not isinstance(self.content, Texts):
            return self.content
        if self._row is None:
            columns = zip(*self.content, strict=True)
            utterances = [{"speaker": speaker, "text": text, "turn": turn} for speaker, text, turn in columns]
            self._row = {"dialogue_id": self.dialogue_id, "utterances": utterances}
        return self._row

    @property
    def digest(self) -> bytes:
        """A digest (16 bytes) of the content, to compare dialogues with the same id."""
        if not self._digest:  # `cached_property` would take a lock
            self._digest = digest_of(tuple(self.content) if isinstance(self.content, Texts) else self.content)
        return self._digest


class DialogueReader:
    """Converts raw dialogues to rows and counts what it read and repaired in `report`.

    care: the labels to merge, from `read_care`. `merged` collects the keys of the entries that were merged.
    """

    def __init__(self, care: CareLabels | None = None) -> None:
        self.care, self.merged, self.report = care or {}, set[str](), Report()
        self._batch: JsonBatch | None = None
        self._texts: list[Texts | None] = []  # of the batch

    def identify(self, raw: RawDialogue) -> str:
        """The id of a dialogue; a missing id is made from the content. Raises DataError if this is not a dialogue."""
        return read_id_and_turns(raw, Counter())[0]

    def read(self, raw: RawDialogue) -> Dialogue | None:
        """Reads a dialogue. Returns None for one in a form of SereTOD's Track 2, which no config has; it is counted.

        Raises DataError for a defect that cannot be repaired; the report is then unchanged.
        """
        texts = self._texts_of_batch(raw)
        source_format = raw.source_format if texts is None else "unlabeled"
        if source_format == "track2":
            self.report.set_aside["track2_dialogue"] += 1
            return None
        repairs: Counter[str] = Counter()
        dialogue_id, turns = read_id_and_turns(raw, repairs)
        try:
            dialogue = self._read_turns(raw, dialogue_id, turns, source_format, texts, repairs)
        except DataError as error:
            raise error.at(file=raw.file.name, dialogue=name_in_file(raw)) from None
        self.report.read[source_format] += 1
        for kind, number in repairs.items():
            if number:
                self.report.repaired[kind] += number
        return dialogue

    def _texts_of_batch(self, raw: RawDialogue) -> Texts | None:
        """The result of `_plain_texts` for a dialogue. Those of its batch are made together, in a third of the time."""
        if isinstance(raw.source, str):
            return None if raw.may_hold_surrogates else _plain_texts_of(raw.value)
        batch, number = raw.source
        if batch is not self._batch:
            values = batch.values
            self._batch, self._texts = batch, _plain_texts(values) or [_plain_texts_of(value) for value in values]
        return self._texts[number]

    def count_unmerged(self) -> None:
        """Counts the care file's entries that no dialogue matched. Call it when all files are read."""
        if unmerged := len(self.care.keys() - self.merged):
            self.report.repaired["care_entry_without_dialogue"] += unmerged

    def _read_turns(
        self,
        raw: RawDialogue,
        dialogue_id: str,
        turns: list[Any],
        source_format: str,
        texts: Texts | None,
        repairs: Counter[str],
    ) -> Dialogue:
        for key, equal in raw.doubled:
            if not equal and key in TEXT_KEYS:
                problem = "the key occurs twice in one JSON object with different values"
                raise DataError(problem, "", "Remove one of the two.", field=key)
            repairs["doubled_key" if equal else f"doubled_key_last_taken:{printable(key, 40)}"] += 1
        if raw.may_hold_surrogates:
            turns = _fix_surrogates(turns, repairs)
        if isinstance(raw.value, dict) and not raw.value.keys() <= DIALOGUE_KEYS:
            count_ignored(raw.value.keys() - DIALOGUE_KEYS, repairs)
        care_key, care = dialogue_id, self.care.get(dialogue_id)
        if care is None and self.care:
            care_key = f"{raw.file.name}#{raw.index}"
            care = self.care.get(care_key)
        if source_format == "unlabeled" and care is None:
            return Dialogue("unlabeled", "train", dialogue_id, texts or _texts_of(turns, repairs), repairs)
        utterances: list[Row] = []
        for number, turn in enumerate(turns):
            try:
                utterances += _labeled_turn(turn, number, repairs)
            except DataError as error:
                raise error.at(turn=number) from None
        value = raw.value.get("满意度") if isinstance(raw.value, dict) else None
        satisfaction = read_satisfaction(value, repairs)
        if care is not None:
            merge_care(care, len(turns), utterances, repairs)
            self.merged.add(care_key)
            if care.satisfaction is not None:
                repairs["care_replaces_satisfaction"] += satisfaction not in (None, care.satisfaction)
                satisfaction = care.satisfaction
        _drop_undeclared(utterances, repairs)
        row = {"dialogue_id": dialogue_id, "satisfaction": satisfaction, "utterances": utterances}
        return Dialogue("labeled", raw.file.split or split_of(dialogue_id), dialogue_id, row, repairs)


def read_id_and_turns(raw: RawDialogue, repairs: Counter[str], may_be_empty: bool = False) -> tuple[str, list[Any]]:
    """The id and the raw turns of a dialogue. A missing or invalid id is replaced by a digest of the content.

    Raises DataError if this is not a dialogue.
    """
    value = raw.value
    if raw.repaired:
        repairs.update(raw.repaired)
    dialogue_id, turns = (value.get("id"), value.get("content")) if isinstance(value, dict) else (None, value)
    if not is_id(dialogue_id):
        repairs["missing_id" if is_missing(dialogue_id) or dialogue_id == "" else "unreadable_id"] += 1
        dialogue_id = None
    if not isinstance(turns, list) or not (turns or may_be_empty):
        found = f"{type(value).__name__} without a list 'content'"
        if turns == []:
            found = "an empty dialogue"
        elif isinstance(value, dict) and "content" in value:
            found = f"'content' of type {type(turns).__name__}"
        expected = "a dialogue, which is a list of turns or {id, content}"
        raise DataError(found, expected, _hint_for(value), file=raw.file.name, dialogue=name_in_file(raw))
    if dialogue_id is None:
        dialogue_id = hashlib.sha256(_canonical_json(turns, raw)).hexdigest()[:32]
    return str(dialogue_id), turns


def name_in_file(raw: RawDialogue) -> str:
    """A dialogue's id for messages; without an id its index in the file, because a digest cannot be found there."""
    dialogue_id = raw.value.get("id") if isinstance(raw.value, dict) else None
    return str(dialogue_id) if is_id(dialogue_id) else f"at index {raw.index}"


def _hint_for(value: Json) -> str:
    """The hint for a value that is not a dialogue."""
    default = "Fix or remove it."
    if not isinstance(value, dict):
        return default
    if "utterances" in value:
        return "This is a row of a built data set. Use its folder as DATASET, or use the raw files."
    if isinstance(value.get("content"), dict):
        return "This may be a table written by column. With pandas, use to_json(..., orient='records')."
    if isinstance(value.get("content"), str):
        return "Lists become text in CSV tables. Decode the text with json.loads and write JSON again."
    return default


def is_id(value: Json) -> bool:
    """Whether a value is a valid id. A float is not: a spreadsheet may have rounded a long number."""
    return type(value) is int or (isinstance(value, str) and value != "" and _is_unicode(value))


def _canonical_json(value: Json, raw: RawDialogue) -> bytes:
    """The value as JSON without the file's spaces and line breaks; the file's text if orjson cannot write the value."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half of a surrogate pair, or nested too deeply
        return raw.text.encode(errors="surrogatepass")


def _fix_surrogates(value: Json, repairs: Counter[str]) -> Json:
    """Replaces each half of a surrogate pair, which is valid JSON but not valid Unicode, by U+FFFD."""
    if isinstance(value, dict):
        return {_fix_surrogates(key, repairs): _fix_surrogates(part, repairs) for key, part in value.items()}
    if isinstance(value, list):
        return [_fix_surrogates(part, repairs) for part in value]
    if isinstance(value, str) and not _is_unicode(value):
        repairs["half_surrogate"] += 1
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    return value


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _correct_keys(turn: Json, repairs: Counter[str]) -> Row:
    """Corrects the spelling of the keys of a turn, such as [Speaker1] or ［SPEAKER 1］.

    A null turn, with which tables fill their rows, is an empty one. Raises DataError if this is not a turn, or two
    spellings of the same key have texts.
    """
    if type(turn) is dict and turn.keys() <= KNOWN_KEYS:
        return turn
    if is_missing(turn):
        return {}
    if not isinstance(turn, dict):
        raise DataError(type(turn).__name__, "a JSON object with the keys [SPEAKER 1] and [SPEAKER 2]", "Fix the turn.")
    corrected: Row = {}
    for key, value in turn.items():
        name = key if key in KNOWN_KEYS else KEYS_BY_PLAIN_NAME.get(plain_name(key), str(key))
        if name != key and (name in turn or name in corrected):
            if name in SPEAKER_KEYS and not is_missing(value):
                problem = f"the key occurs twice, also as {printable(key, 40)!r}"
                raise DataError(problem, "", "Remove one of the two.", field=name)
            name = key
        repairs.update([f"other_key:{printable(key, 40)}"] if name != key else [])
        corrected[name] = value
    return corrected


def _speaker_keys(turn: Row, repairs: Counter[str]) -> list[str]:
    """The speaker keys of a turn in spoken order; unknown keys are counted.

    A turn without any text has no utterances. Raises DataError when a text has no valid speaker key or is not a string.
    """
    keys = [key for key in turn if key in SPEAKER_KEYS]
    if not turn.keys() <= KNOWN_KEYS:
        others = turn.keys() - KNOWN_KEYS
        for key in sorted(others):
            if key.startswith("[SPEAKER") or re.fullmatch(r"speaker\d*", plain_name(key)):
                raise DataError("unknown speaker", "", f"Use {_SPEAKERS}.", field=key)
        if not keys and any(isinstance(turn[key], str) for key in others):
            raise DataError("the turn has no speaker key", "", f"Use {_SPEAKERS}, or both.")
        count_ignored(others, repairs)
    if not keys:
        repairs["turn_without_utterance"] += 1
    for key in keys:
        if not isinstance(turn[key], str):
            if not is_missing(turn[key]):
                raise DataError(type(turn[key]).__name__, "a string", "Write the text of the utterance.", field=key)
            repairs["missing_text"] += 1
    return keys


def _texts(turn: Row, keys: Iterable[str]) -> list[str]:
    """The texts of a turn, unchanged; a null text is empty."""
    return [turn[key] if isinstance(turn[key], str) else "" for key in keys]


def _clean(text: str, repairs: Counter[str]) -> str:
    if "[UNK]" not in text:
        return text
    repairs["unknown_token"] += text.count("[UNK]")
    return text.replace("[UNK]", "")


def _texts_of(turns: list[Any], repairs: Counter[str]) -> Texts:
    """The texts of an unlabeled dialogue."""
    texts = Texts([], [], [])
    for number, raw_turn in enumerate(turns):
        try:
            turn = _correct_keys(raw_turn, repairs)
            keys = _speaker_keys(turn, repairs)
        except DataError as error:
            raise error.at(turn=number) from None
        texts.speaker.extend(SPEAKER_KEYS[key] for key in keys)
        texts.text.extend(_clean(text, repairs) for text in _texts(turn, keys))
        texts.turn.extend(number for _ in keys)
    return texts


def _plain_texts(values: list[Json]) -> list[Texts | None] | None:
    """The results of `_texts_of` for dialogues that all have texts only and need no repair, as nearly all; else None.

    The loops are all in C.
    """
    contents = values
    if set(map(type, values)) == {dict}:
        if not all(map(_ID_AND_TURNS.issuperset, values)):
            return None
        contents = [value.get("content") for value in values]
    if set(map(type, contents)) != {list} or not all(contents):
        return None
    turns = list(chain.from_iterable(contents))
    if set(map(type, turns)) != {dict}:
        return None
    texts = list(chain.from_iterable(map(dict.values, turns)))
    try:
        speakers = list(chain.from_iterable(map(_SPEAKERS_BY_KEYS.__getitem__, map(tuple, turns))))
        if "[UNK]" in "".join(texts):
            return None
    except (KeyError, TypeError):  # another key, or a value that is not a string
        return None
    sizes = [sum(map(len, content)) for content in contents]
    return [
        Texts(speakers[end - size : end], texts[end - size : end], _turn_numbers(content, size))
        for content, size, end in zip(contents, sizes, accumulate(sizes), strict=True)
    ]


def _plain_texts_of(value: Json) -> Texts | None:
    """The result of `_plain_texts` for one dialogue."""
    return (_plain_texts([value]) or [None])[0]


def _turn_numbers(turns: list[Row], texts: int) -> list[int]:
    """The number of the turn of each text. texts: how many there are."""
    if texts == 2 * len(turns) - 2 + len(turns[-1]) and texts <= len(_TWICE):  # each turn before the last has two
        return _TWICE[:texts]
    return list(chain.from_iterable(map(repeat, count(), map(len, turns))))


_ID_AND_TURNS = {"id", "content"}
_SPEAKERS_BY_KEYS = {
    keys: tuple(SPEAKER_KEYS[key] for key in keys) for n in (1, 2) for keys in permutations(SPEAKER_KEYS, n)
}
_TWICE = [number for number in range(1_000) for _ in range(2)]


def _labeled_turn(turn: Json, number: int, repairs: Counter[str]) -> list[Row]:
    keys = _known_speaker_keys(tuple(turn)) if type(turn) is dict else ()
    raw_texts = [text for key in keys if type(text := turn[key]) is str]
    if not keys or len(raw_texts) < len(keys):
        turn = _correct_keys(turn, repairs)
        keys = tuple(_speaker_keys(turn, repairs))
        raw_texts = _texts(turn, keys)
    is_confused = _is_confused(turn)
    if is_confused:
        repairs["confused_intents"] += 1
    utterances: list[Row] = []
    for key, raw_text in zip(keys, raw_texts, strict=True):
        speaker, text = SPEAKER_KEYS[key], _clean(raw_text, repairs)
        emotions, intents = user_labels(turn, is_confused, repairs) if speaker else (None, None)
        acts = None if speaker else service_labels(turn, is_confused, repairs)
        utterances.append(
            {
                "speaker": speaker,
                "text": text,
                "turn": number,
                "emotions": emotions,
                "intents": intents,
                "acts": acts,
                "entities": [],
                "triples": [],
            }
        )
    if len(keys) == 1:
        label_keys = next(labels for key, labels in LABEL_KEYS.items() if key != keys[0])  # of the silent speaker
        repairs.update("label_without_utterance" for key in label_keys if turn.get(key))
    add_spans(turn, raw_texts, utterances, repairs)
    return utterances


@lru_cache(maxsize=1 << 10)
def _known_speaker_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The speaker keys of a turn with these keys, in spoken order; none if one of the keys is unknown. Cached."""
    return tuple(key for key in keys if key in SPEAKER_KEYS) if KNOWN_KEYS.issuperset(keys) else ()


def _is_confused(turn: Row) -> bool:
    """Whether annotators could not separate the intents of a turn."""
    user, service = turn.get("用户意图"), turn.get("客服意图")
    if type(user) is type(service) is str:
        return CONFUSED in user or CONFUSED in service or CONFUSED in turn
    return CONFUSED in turn or CONFUSED in f"{user} {service}"


def _drop_undeclared(utterances: list[Row], repairs: Counter[str]) -> None:
    """Drops the slots and triples of entities that have no name anywhere in the dialogue."""
    declared, lists = {None}, list[list[Row]]()
    for utterance in utterances:
        if entities := utterance["entities"]:
            declared.update([entity["entity_id"] for entity in entities])
        if triples := utterance["triples"]:
            declared.update([triple["entity_id"] for triple in triples if triple["entity_name"]])
            lists.append(triples)
        for intent in utterance["intents"] or ():
            if intent["slots"]:
                lists.append(intent["slots"])
    for labels in lists:
        if not declared.issuperset([label["entity_id"] for label in labels]):
            kept = [label for label in labels if label["entity_id"] in declared]
            repairs["undeclared_entity"] += len(labels) - len(kept)
            labels[:] = kept


def digest_of(content: Row | tuple[Any, ...]) -> bytes:
    """A digest (16 bytes) of a row or of columns, to find out whether two dialogues have the same content.

    It is compared in memory and never stored, so a fast hash of 128 bits does.
    """
    return xxhash.xxh3_128_digest(orjson.dumps(content))


DIGEST_SIZE = 16  # bytes

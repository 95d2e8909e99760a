"""Reads the test and result files of SereTOD's Track 2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.reader.dialogue import name_in_file, read_id_and_turns
from cmcc_bench.reader.files import find_files
from cmcc_bench.reader.json_stream import raw_dialogues
from cmcc_bench.types import Json


@dataclass(frozen=True)
class Track2Exchange:
    """An exchange of a Track 2 file. The gold fields are None in a test file; the generated fields may be ""."""

    user: str
    user_intent: str | None
    acts: str | None
    response: str | None
    generated_user_intent: str
    generated_acts: str
    generated_response: str


@dataclass(frozen=True)
class Track2Dialogue:
    """A dialogue of a Track 2 test or result file. Its local KB and goal are given, not derived from labels."""

    dialogue_id: str
    kb: Mapping[str, Mapping[str, str]]
    goal: Mapping[str, Json] | None
    exchanges: tuple[Track2Exchange, ...]


_FIX = "Fix the file, or download it again."
_TRACK2_KEYS = ("用户", "用户意图", "客服意图", "客服", "用户意图-生成", "客服意图-生成", "客服-生成")


def read_track2(path: str | Path) -> Iterator[Track2Dialogue]:
    """Yields the dialogues of a Track 2 test or result file, in order, including those without exchanges.

    Raises DataError when the form is not Track 2's or a field has the wrong type.
    """
    files, _ = find_files(path)
    for file in files:
        for raw in raw_dialogues(file):
            value = raw.value
            dialogue_id, turns = read_id_and_turns(raw, Counter(), may_be_empty=True)
            place: dict[str, str | int | None] = {"file": file.name, "dialogue": name_in_file(raw)}
            if not isinstance(value, dict) or (turns and raw.source_format != "track2"):
                problem = f"the dialogue has the form {raw.source_format!r}, not 'track2'"
                raise DataError(problem, "", "Use a Track 2 file: [{id, KB, content}, ...].", **place)
            exchanges = tuple(_track2_exchange(turn, number, place) for number, turn in enumerate(turns))
            yield Track2Dialogue(dialogue_id, _track2_kb(value.get("KB"), place), value.get("goal"), exchanges)


def _track2_kb(value: Json, place: Mapping[str, str | int | None]) -> dict[str, dict[str, str]]:
    entries = {} if value is None else value
    if not isinstance(entries, dict):
        raise DataError(type(value).__name__, "a JSON object: {ENTITY ID: {SLOT: VALUES}}", _FIX, **place, field="KB")
    for entity_id, entry in entries.items():
        if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
            expected = "a JSON object of strings: {SLOT: VALUES}"
            raise DataError(f"{entry!r:.60}", expected, _FIX, **place, field=f"KB {entity_id}")
    return entries


def _track2_exchange(turn: Json, number: int, place: Mapping[str, str | int | None]) -> Track2Exchange:
    if not isinstance(turn, dict) or "用户" not in turn:
        raise DataError("the turn has no text of the user", "", "Add it under the key 用户.", **place, turn=number)
    for key in _TRACK2_KEYS:
        if not isinstance(turn.get(key, ""), str):
            raise DataError(type(turn[key]).__name__, "a string", _FIX, **place, turn=number, field=key)
    user, *gold = (turn.get(key) for key in _TRACK2_KEYS[:4])
    return Track2Exchange(user, *gold, *(turn.get(key, "") for key in _TRACK2_KEYS[4:]))  # type: ignore[arg-type]

"""The input of decoding: user texts and local KBs of dialogues, from the `response` view or a SereTOD Track 2 file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cmcc_bench.reader.track2 import Track2Dialogue
from cmcc_bench.views import KBEntry, LocalKB, kb_from_json
from cmcc_bench.views.kb import TYPES


@dataclass(frozen=True)
class DialogueInput:
    """A dialogue to decode.

    rows: one item for each exchange, with the columns of the `response` view; the mode end2end reads only `user`.
    history: the entities mentioned before the first of these rows, if the dialogue continues an earlier one.
    """

    dialogue_id: str
    kb: LocalKB
    rows: tuple[Mapping[str, Any], ...]
    history: tuple[str, ...] = ()


def response_dialogues(rows: Iterable[Mapping[str, Any]]) -> Iterator[DialogueInput]:
    """Groups rows of the `response` view into dialogues. The rows of a dialogue must be adjacent."""
    for dialogue_id, group in groupby(rows, key=lambda row: row["dialogue_id"]):
        members = tuple(sorted(group, key=lambda row: row["exchange"]))
        yield DialogueInput(dialogue_id, kb_from_json(members[0]["kb"]), members)


def track2_dialogue(dialogue: Track2Dialogue) -> DialogueInput:
    """Converts a dialogue of a Track 2 file. It has no gold, so only the mode end2end can decode it."""
    rows = tuple({"user": exchange.user} for exchange in dialogue.exchanges)
    return DialogueInput(dialogue.dialogue_id, track2_kb(dialogue.kb), rows)


def track2_kb(flat: Mapping[str, Mapping[str, str]]) -> LocalKB:
    """Converts a Track 2 KB, {"ent-1": {"name": "套餐,十八的", "type": "套餐", "业务费用": "十八块钱,十八"}}.

    A comma inside a value splits it into two values; the KB result joins them again.
    """
    kb = {}
    for entity_id, entry in flat.items():
        slots = {slot: _parts(values) for slot, values in entry.items() if slot not in ("name", "type")}
        type_ = TYPES.get(entry.get("type", "").strip().lower())
        kb[entity_id] = KBEntry(_parts(entry.get("name", "")), type_, slots)
    return kb


def _parts(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in text.split(",") if part))

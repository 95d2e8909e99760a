"""The calls to annotate: kept small in memory, opened one at a time, searched, and put in an order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import orjson

from cmcc_bench.errors import DataError, printable
from cmcc_bench.quality.calls import Call
from cmcc_bench.types import Row

_FOUND = 50  # results of a search
_AROUND = 12  # characters shown on both sides of a match


class CallStore:
    """Calls by dialogue id, the first of several with one id. Each is held as JSON: 10,000 calls take some 40 MB.

    speakers: by dialogue id, the speaker of each utterance as a byte.
    """

    def __init__(self, calls: Iterable[Call], only: Collection[str] | None = None) -> None:
        """only: the dialogue ids to keep; None for all. Raises cmcc.DataError if no call is left."""
        self._packed: dict[str, bytes] = {}
        self.speakers: dict[str, bytes] = {}
        for call in calls:
            if call.dialogue_id not in self._packed and (only is None or call.dialogue_id in only):
                self._packed[call.dialogue_id] = orjson.dumps(
                    [_short_row(call.row), call.split, call.labeled, call.file, call.index]
                )
                self.speakers[call.dialogue_id] = bytes(u["speaker"] for u in call.row["utterances"])
        if not self._packed:
            raise DataError("there is no call to annotate", "", "Check DATA and, if it is used, the plan of --assign.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __getitem__(self, dialogue_id: str) -> Call:
        """Opens a call. Its row has no intents, entities and triples."""
        return Call(*orjson.loads(self._packed[dialogue_id]))

    def search(self, text: str, order: Iterable[str]) -> Iterator[tuple[str, int, str]]:
        """Yields (dialogue id, utterance, excerpt) of the first matches: texts that contain `text`, and equal ids.

        order: the dialogue ids in the order in which results are given. Upper and lower case are the same.
        """
        needle = text.strip().casefold()
        found = 0
        for dialogue_id in order if needle else ():
            if needle != dialogue_id.casefold() and needle not in self._packed[dialogue_id].decode().casefold():
                continue  # a fast look at the whole call; it may also match a key
            for number, utterance in enumerate(self[dialogue_id].row["utterances"]):
                position = utterance["text"].casefold().find(needle)
                if position >= 0 or (number == 0 and needle == dialogue_id.casefold()):
                    yield dialogue_id, number, excerpt(utterance["text"], max(position, 0), len(needle))
                    found += 1
                    if found == _FOUND:
                        return


def _short_row(row: Row) -> Row:
    utterances = [
        {
            "speaker": u["speaker"], "text": u["text"], "turn": u["turn"],
            "emotions": u.get("emotions"), "acts": u.get("acts"),
        }
        for u in row["utterances"]
    ]  # fmt: skip
    return {
        "dialogue_id": row["dialogue_id"],
        "satisfaction": row.get("satisfaction"),
        "utterances": utterances,
    }


def excerpt(text: str, position: int, length: int) -> str:
    """The text around a match, safe to show."""
    start, stop = max(0, position - _AROUND), position + length + _AROUND
    return ("…" if start else "") + shown(text[start:stop]) + ("…" if stop < len(text) else "")


def shown(text: str) -> str:
    """A text for the page: control characters, and those that turn the direction of a text, are escaped."""
    return printable(text.replace("\n", " ").replace("\u3000", " "), len(text))


def check_out(out: Path, suffix: str) -> None:
    """Raises cmcc.DataError if the file to write has another suffix, or is a folder."""
    if out.suffix != suffix or out.is_dir():
        raise DataError(f"{out.name!r}", f"a file to write, {suffix}", "Change --out.")

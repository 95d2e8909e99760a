"""Finds repeated calls in one pass, with about 120 bytes of memory for each call.

The simple version keeps two dictionaries, of 450 bytes a call:

    by_id[dialogue_id] = (digest of the row, split)
    by_text[digest of the texts] = (dialogue_id, split)

Here keys are numbered in the order of their first occurrence (`Digests`), and values are in flat arrays by number.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator

from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import Finding
from cmcc_bench.reader.dialogue import digest_of

_SIZE = 16  # bytes of a digest


class Digests:
    """Numbers digests of 16 bytes in the order in which they were added: a hash table in two flat arrays.

    A digest's first bytes say at which slot the search begins; it ends at a free slot (linear probing). At least half
    of the slots are free.
    """

    def __init__(self) -> None:
        self._digests = bytearray()
        self._slots = array("I", [0]) * 1024  # a digest's number plus 1; 0 is free

    def __len__(self) -> int:
        """The number of digests."""
        return len(self._digests) // _SIZE

    def find(self, digest: bytes) -> int | None:
        """The number of a digest; None if it was not added."""
        number = self._slots[self._slot(digest)]
        return number - 1 if number else None

    def add(self, digest: bytes) -> None:
        """Adds a digest that is not there yet."""
        self._digests += digest
        if 2 * len(self) > len(self._slots):
            self._slots = array("I", [0]) * (2 * len(self._slots))
            for number in range(len(self)):
                self._slots[self._slot(_at(self._digests, number))] = number + 1
        else:
            self._slots[self._slot(digest)] = len(self)

    def _slot(self, digest: bytes | bytearray) -> int:
        """The slot of a digest, or the free one where it belongs."""
        last = len(self._slots) - 1
        slot = int.from_bytes(digest[:8]) & last
        while (number := self._slots[slot]) and _at(self._digests, number - 1) != digest:
            slot = (slot + 1) & last
        return slot


class Repeats:
    """Finds repeated calls: remembers the id and the texts of all calls seen so far."""

    def __init__(self) -> None:
        self._splits: list[str] = []
        self._ids, self._texts = Digests(), Digests()
        self._contents = bytearray()  # by id: the digest of the first row
        self._id_splits = array("I")  # by id: the index in _splits of the first call's split
        self._names, self._ends = bytearray(), array("Q", [0])  # the ids, and where each ends
        self._text_ids, self._text_splits = array("I"), array("I")  # by texts: of the first call

    def has_id(self, dialogue_id: str) -> bool:
        """Whether a call with this id was seen."""
        return self._ids.find(_digest(dialogue_id)) is not None

    def findings(self, call: Call) -> Iterator[Finding]:
        """Yields findings about what the call repeats of earlier ones, and remembers the call."""
        row = call.dialogue_id
        content, split = digest_of(call.row), self._split(call.split)
        id_digest = _digest(row)
        text_digest = _digest("\n".join(utterance["text"] for utterance in call.row["utterances"]))
        known_id, known_text = self._ids.find(id_digest), self._texts.find(text_digest)
        has_same_content = known_id is not None and _at(self._contents, known_id) == content
        if known_id is not None and self._id_splits[known_id] != split:
            detail = f"the same id in {self._splits[self._id_splits[known_id]]} and {call.split}"
            yield Finding("split_leakage", row, detail=detail)
        elif known_text is not None and self._text_splits[known_text] != split:
            first = self._splits[self._text_splits[known_text]]
            detail = f"same texts as {self._name(known_text):.40} ({first}) in {call.split}"
            yield Finding("split_leakage", row, detail=detail)
        elif known_text is not None and (known_id is None or has_same_content):
            yield Finding("repeated_dialogue", row, detail=f"same texts as {self._name(known_text):.40}")
        if known_id is not None and not has_same_content:
            yield Finding("doubled_id", row, detail="a different dialogue has the same id")
        if known_id is None:
            known_id = len(self._ids)
            self._ids.add(id_digest)
            self._contents += content
            self._id_splits.append(split)
            self._names += row.encode(errors="surrogatepass")
            self._ends.append(len(self._names))
        if known_text is None:
            self._texts.add(text_digest)
            self._text_ids.append(known_id)
            self._text_splits.append(split)

    def _split(self, name: str) -> int:
        if name not in self._splits:
            self._splits.append(name)
        return self._splits.index(name)

    def _name(self, known_text: int) -> str:
        """The id of the first call with these texts."""
        number = self._text_ids[known_text]
        return self._names[self._ends[number] : self._ends[number + 1]].decode(errors="surrogatepass")


def _at(digests: bytearray, number: int) -> bytearray:
    return digests[_SIZE * number : _SIZE * (number + 1)]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=_SIZE).digest()

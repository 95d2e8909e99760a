"""Finds dialogues that occur in two raw files, with 40 bytes of memory a dialogue.

The simple version is `Uniqueness` of the reader, with an entry of a dict for each dialogue: 250 bytes. Here all ids of
a file are looked up together in sorted arrays. The array of a file is merged into the one before it when it is at least
half as long, so there are few arrays, and each dialogue is merged a few times only. A merge needs the memory twice,
therefore arrays stay below `_LONGEST`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.dataset.spool import Spooled
from cmcc_bench.errors import DataError
from cmcc_bench.reader.dialogue import DIGEST_SIZE
from cmcc_bench.reader.folder import count_repeat


@dataclass(frozen=True)
class _Seen:
    """N dialogues, sorted by `keys`. keys, others: [N] two hashes of the id. digests: [N] of the content. sources: [N].

    That two of a million ids have the same pair of hashes happens once in 10^26 times.
    """

    keys: NDArray[np.int64]
    others: NDArray[np.int64]
    digests: NDArray[np.void]
    sources: NDArray[np.int32]

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> _Seen:
        """Some of the dialogues."""
        return _Seen(self.keys[rows], self.others[rows], self.digests[rows], self.sources[rows])

    def positions(self, other: _Seen) -> NDArray[np.int64]:
        """The position here of each dialogue of `other`, -1 for an id that is not here."""
        found = np.minimum(np.searchsorted(self.keys, other.keys), len(self.keys) - 1)
        return np.where((self.keys[found] == other.keys) & (self.others[found] == other.others), found, -1)


def _sorted(*parts: _Seen) -> _Seen:
    joined = _Seen(*(np.concatenate([getattr(part, name) for part in parts]) for name in _Seen.__annotations__))
    return joined.at(np.argsort(joined.keys, kind="stable"))


class SeenDialogues:
    """The dialogues of the spooled files so far."""

    def __init__(self) -> None:
        self._parts: list[_Seen] = []
        self._sources: dict[tuple[str, str], int] = {}  # (file, split) -> its number

    def add(self, spooled: Spooled) -> tuple[set[str], Mapping[int, DataError]]:
        """Adds the dialogues of a file. Returns the ids of those that an earlier file has, which are counted.

        The second result has the errors of those with another content, by position in the raw file.
        """
        accepted, file = spooled.accepted, spooled.job.file
        if not accepted.ids:
            return set(), {}
        splits = [split or "train" for split in accepted.splits]  # the split of unlabeled dialogues
        new = _Seen(
            np.fromiter(map(hash, accepted.ids), np.int64),
            np.fromiter([hash(name + "\0") for name in accepted.ids], np.int64),
            np.frombuffer(bytes(accepted.digests), f"V{DIGEST_SIZE}"),
            np.array([self._sources.setdefault((file.name, x), len(self._sources)) for x in splits], np.int32),
        )
        places = {
            number: (part, int(positions[number]))
            for part in self._parts
            for positions in (part.positions(new),)
            for number in np.flatnonzero(positions >= 0).tolist()
        }
        clashes: dict[int, DataError] = {}
        for number, (part, position) in sorted(places.items(), key=itemgetter(0)):
            first = list(self._sources)[part.sources[position]]
            is_equal = part.digests[position] == new.digests[number]
            try:
                count_repeat(accepted.ids[number], is_equal, first, file, splits[number], spooled.report)
            except DataError as error:
                clashes[accepted.indices[number]] = error
        self._append(new.at(np.setdiff1d(np.arange(len(splits)), list(places))))
        return {accepted.ids[number] for number in places}, clashes

    def _append(self, part: _Seen) -> None:
        if len(part.keys):
            self._parts.append(_sorted(part))
        while len(self._parts) > 1:
            one, other = (len(part.keys) for part in self._parts[-2:])
            if one > 2 * other or one + other > _LONGEST:
                break
            self._parts[-2:] = [_sorted(*self._parts[-2:])]


_LONGEST = 1 << 18  # dialogues

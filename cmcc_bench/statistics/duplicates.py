"""Finds equal and similar dialogues within splits and across splits.

Exact: equal normalized text (NFKC, lower case, only letters and digits). Near: a Jaccard similarity of at least 0.8
between their sets of shingles (substrings of 5 characters). The simple version compares all pairs:

    shingles = [{text[i : i + 5] for i in range(len(text))} for text in texts]
    near = [(a, b) for a, b in combinations(shingles, 2) if len(a & b) / len(a | b) >= 0.8]

For 100,000 dialogues these are five billion pairs. MinHash is used instead, in three steps:

1. Sketch (`sketches_of`): a permutation of all hashes has its minimum over two sets in the same shingle with a
   probability equal to their Jaccard similarity. A sketch holds the minima of 128 permutations, and the share of
   positions at which two sketches agree estimates the similarity.
2. Candidates (`similar_pairs`): a sketch is split into 16 bands of 8 positions; pairs that agree in a whole band are
   compared. That happens with probability 1 - (1 - s**8)**16: 0.95 at a similarity s of 0.8, and 0.06 at 0.5.
3. Check: the share of equal positions of each candidate pair.

The library rensa computes the sketches: it takes all shingles of a block as one array of hashes. datasketch needs a
Python call for each dialogue (61 s instead of 2.4 s for the published size on one machine).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, product

import numpy as np
import rensa
from numpy.typing import NDArray

from cmcc_bench.statistics.columns import Columns

SHINGLE = 5  # characters
PERMUTATIONS = 128  # the estimate's standard error is at most 0.044
BANDS, ROWS = 16, 8  # a pair of similarity 0.8 becomes a candidate with probability 0.95, of 0.9 with 0.9999
SIMILAR = 0.8
SHOWN = 20  # pairs across splits that are listed
_SEED = 42
_WIDEST = 256  # neighbors compared in a band where many agree: bounds the work on data made from one template


@dataclass(frozen=True)
class Repeated:
    """How many dialogues of `split` have an equal dialogue in `other`, or a similar but not equal one."""

    split: str
    other: str
    dialogues: int
    exact: int
    near: int


@dataclass(frozen=True)
class Pair:
    """Two dialogues of different splits that are equal (similarity 1) or similar."""

    dialogue: str
    split: str
    other: str
    other_split: str
    similarity: float


@dataclass(frozen=True)
class Duplicates:
    """The count for each ordered pair of splits, and the most similar pairs across splits."""

    repeated: tuple[Repeated, ...] = ()
    pairs: tuple[Pair, ...] = ()


@dataclass
class Fingerprints:
    """Id, digest, sketch and split of each dialogue seen so far: some 600 bytes a dialogue."""

    ids: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    sketches: list[NDArray[np.uint32]] = field(default_factory=list)
    splits: list[tuple[str, int]] = field(default_factory=list)

    def add(self, split: str, columns: Columns) -> None:
        """Adds a block of dialogues of a split."""
        codes, offsets = normalized_codes(columns)
        borders = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        data = codes.tobytes()
        self.ids += columns.dialogue_ids
        self.digests += [hashlib.blake2b(data[4 * a : 4 * b], digest_size=16).digest() for a, b in borders]
        self.sketches.append(sketches_of(codes, offsets))
        self.splits.append((split, len(columns.sizes)))

    def duplicates(self) -> Duplicates:
        """The duplicates among all dialogues that were added."""
        if not self.digests:
            return Duplicates()
        names = list(dict.fromkeys(split for split, _ in self.splits))
        of_split = np.repeat([names.index(split) for split, _ in self.splits], [size for _, size in self.splits])
        keys = np.array([digest.hex() for digest in self.digests])
        _, first, of_digest = np.unique(keys, return_index=True, return_inverse=True)
        held = np.zeros((len(first), len(names)), dtype=np.int64)  # dialogues by digest and split
        np.add.at(held, (of_digest, of_split), 1)
        sketches = np.concatenate(self.sketches)[first]
        left, right = similar_pairs(sketches)
        # Equal dialogues have one digest, so only one sketch of each digest is compared.
        near = np.zeros(held.shape, dtype=bool)  # whether a digest has a similar one in a split
        np.logical_or.at(near, left, held[right] > 0)
        np.logical_or.at(near, right, held[left] > 0)
        repeated = [_repeated(names, held, near, a, b) for a, b in product(range(len(names)), repeat=2)]
        similar = zip(left.tolist(), right.tolist(), _agreement(sketches, left, right).tolist(), strict=True)
        equal = ((digest, digest, 1.0) for digest in np.flatnonzero((held > 0).sum(1) > 1).tolist())
        alike = sorted([*equal, *similar], key=lambda pair: -pair[2])
        return Duplicates(tuple(repeated), tuple(islice(self._pairs(alike, names, of_split, of_digest), SHOWN)))

    def _pairs(
        self,
        alike: Iterable[tuple[int, int, float]],
        names: list[str],
        of_split: NDArray[np.int64],
        of_digest: NDArray[np.int64],
    ) -> Iterator[Pair]:
        """Yields pairs of dialogues for pairs of digests: of each digest, the first dialogue in each split."""
        for left, right, similarity in alike:
            ones, others = (
                # by split; reversed, so that the first of several dialogues is kept
                {int(of_split[row]): row for row in reversed(np.flatnonzero(of_digest == digest).tolist())}
                for digest in (left, right)
            )
            for (split, one), (other_split, other) in product(sorted(ones.items()), sorted(others.items())):
                if split < other_split or (split > other_split and left != right):
                    yield Pair(self.ids[one], names[split], self.ids[other], names[other_split], round(similarity, 4))


def _repeated(names: list[str], held: NDArray[np.int64], near: NDArray[np.bool_], a: int, b: int) -> Repeated:
    exact = held[held[:, b] > (a == b), a].sum()  # within one split, a digest must occur twice
    return Repeated(names[a], names[b], int(held[:, a].sum()), int(exact), int(held[near[:, b], a].sum()))


@cache
def _forms() -> NDArray[np.uint32]:
    """[65536], the code point that replaces each code point in normalized text; 0 if it is removed."""
    forms = np.zeros(1 << 16, dtype=np.uint32)
    for code in range(1 << 16):
        form = unicodedata.normalize("NFKC", chr(code)).lower()
        if form.isalnum():
            forms[code] = ord(form) if len(form) == 1 else code
    return forms


def normalized_codes(columns: Columns) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Code points of the normalized texts of all dialogues, and [D + 1] the offsets of the dialogues."""
    codes = np.frombuffer("".join(columns.texts.to_pylist()).encode("utf-32-le"), dtype=np.uint32)
    rare = codes >= 1 << 16  # rare characters outside the table are kept unchanged
    forms = np.where(rare, codes, _forms()[np.where(rare, 0, codes)])
    kept = forms != 0
    before = np.concatenate([[0], np.cumsum(kept)])
    utterances = np.concatenate([[0], np.cumsum(columns.lengths)])
    dialogues = np.concatenate([[0], np.cumsum(columns.sizes)])
    return forms[kept], before[utterances[dialogues]]


def sketches_of(codes: NDArray[np.uint32], offsets: NDArray[np.int64]) -> NDArray[np.uint32]:
    """[D, PERMUTATIONS] MinHash sketches of the sets of shingles; one shingle per character, padded at the end."""
    sizes = np.diff(offsets)
    positions = np.arange(len(codes)) + np.repeat(np.arange(len(sizes)) * (SHINGLE - 1), sizes)
    padded = np.zeros(len(codes) + (len(sizes) + 1) * (SHINGLE - 1), dtype=np.uint64)
    padded[positions] = codes
    hashes = np.zeros(len(codes), dtype=np.uint64)
    # A shingle's hash is computed from a character and the next 4, for all shingles at once; zeros separate dialogues.
    for step in range(SHINGLE):
        hashes = (hashes ^ padded[positions + step]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets.astype(np.uint64), PERMUTATIONS, _SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32).reshape(len(sizes), PERMUTATIONS)


def similar_pairs(sketches: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows whose sketches agree at a share of at least SIMILAR positions; each pair once, lower row first."""
    encoded_pairs = [np.zeros(0, dtype=np.int64)]
    rows = len(sketches)
    for band in range(BANDS):
        keys = _keys(sketches[:, band * ROWS : (band + 1) * ROWS])
        order = np.argsort(keys, kind="stable")
        group = keys[order]
        # Rows with the same key are adjacent now: a row is compared with the next one, the one after it, and so on.
        for step in range(1, min(rows, _WIDEST)):
            same = np.flatnonzero(group[:-step] == group[step:])
            if not len(same):
                break
            left, right = order[same], order[same + step]
            alike = _agreement(sketches, left, right) >= SIMILAR
            encoded_pairs.append(left[alike] * rows + right[alike])
    pairs = np.unique(np.concatenate(encoded_pairs))
    return pairs // max(rows, 1), pairs % max(rows, 1)


def _keys(band: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """A hash of each row. Hash collisions do no harm, because candidates are compared."""
    keys = np.zeros(len(band), dtype=np.uint64)
    for column in band.T:
        keys = (keys ^ column) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


def _agreement(sketches: NDArray[np.uint32], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of equal positions of each pair, computed in blocks to bound memory."""
    size = 1 << 16
    parts = [(sketches[left[i : i + size]] == sketches[right[i : i + size]]).mean(1) for i in range(0, len(left), size)]
    return np.concatenate([np.zeros(0), *parts])

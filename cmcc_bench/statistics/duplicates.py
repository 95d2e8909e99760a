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

Memory is about 250 bytes a dialogue: its id, its digest, the keys of its bands, and what counting needs. The sketches,
512 bytes a dialogue, are in a temporary file. Of each band only rows that agree with another row are read back, a few
thousand at a time.

The library rensa computes the sketches: it takes all shingles of a block as one array of hashes. datasketch needs a
Python call for each dialogue (61 s instead of 2.4 s for the published size on one machine).
"""

from __future__ import annotations

import errno
import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from tempfile import TemporaryFile, gettempdir

import numpy as np
import pyarrow as pa
import rensa
from numpy.typing import NDArray

from cmcc_bench.statistics.columns import Columns
from cmcc_bench.types import Progress

SHINGLE = 5  # characters
PERMUTATIONS = 128  # the estimate's standard error is at most 0.044
BANDS, ROWS = 16, 8  # a pair of similarity 0.8 becomes a candidate with probability 0.95, of 0.9 with 0.9999
SIMILAR = 0.8
SHOWN = 20  # pairs across splits that are listed
_SEED = 42
_WIDEST = 256  # neighbors compared in a band where many agree: bounds the work on data made from one template
_DIGEST = 16  # bytes
_TABLE = 1 << 16  # code points whose normalized form is looked up
_READ = 8192  # sketches read back at a time


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


@dataclass(frozen=True)
class SimilarPairs:
    """[P] the lower and the higher index of each pair, and the share of equal positions of their sketches."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float64]

    def only(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> SimilarPairs:
        """Some of the pairs, by a mask or by their positions."""
        return SimilarPairs(self.left[kept], self.right[kept], self.similarity[kept])

    def tuples(self) -> list[tuple[int, int, float]]:
        """The pairs as plain numbers."""
        return list(zip(self.left.tolist(), self.right.tolist(), self.similarity.tolist(), strict=True))


class Sketches:
    """Sketches of dialogues in a temporary file, and the key of each of their bands in memory."""

    def __init__(self) -> None:
        self._file = TemporaryFile(prefix="cmcc-sketches-", buffering=0)  # noqa: SIM115 - `close` closes it
        self._keys = bytearray()  # [D, BANDS] uint64

    def add(self, sketches: NDArray[np.uint32]) -> None:
        """Appends sketches, [any number, PERMUTATIONS]. Raises OSError, with a note, if the disk is full."""
        data = sketches.tobytes()
        try:
            if self._file.write(data) < len(data):  # without a buffer, a part can be written
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            error.filename = gettempdir()
            error.add_note(f"The comparison of dialogues needs {sketches[0].nbytes} bytes there for each of them")
            error.add_note("Set TMPDIR to use another folder")
            raise
        self._keys += _keys(sketches).tobytes()

    def keys(self, rows: NDArray[np.int64], band: int) -> NDArray[np.uint64]:
        """The keys of a band of some rows."""
        return np.asarray(np.frombuffer(self._keys, np.uint64).reshape(-1, BANDS)[rows, band])

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint32]:
        """[R, PERMUTATIONS], the sketches of some rows. They are read in the order of the file."""
        sketches = np.empty((len(rows), PERMUTATIONS), dtype=np.uint32)
        for at in np.argsort(rows).tolist():
            self._file.seek(int(rows[at]) * sketches[at].nbytes)
            self._file.readinto(sketches[at])
        return sketches

    def close(self) -> None:
        """Removes the temporary file."""
        self._file.close()


class Fingerprints:
    """Id, digest, sketch and split of each dialogue seen so far. Use it as a context manager: it has a temporary file.

    `duplicates` compares them.
    """

    def __init__(self) -> None:
        self._ids: list[pa.Array] = []  # by block
        self._digests = bytearray()
        self._sketches = Sketches()
        self._splits: list[tuple[str, int]] = []  # by block: split, number of dialogues

    def __enter__(self) -> Fingerprints:
        """The fingerprints themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the temporary file."""
        self._sketches.close()

    def add(self, split: str, columns: Columns) -> None:
        """Adds a block of dialogues of a split."""
        codes, offsets = normalized_codes(columns)
        borders = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        data = codes.tobytes()
        self._ids.append(columns.dialogue_ids)
        for a, b in borders:
            self._digests += hashlib.blake2b(data[4 * a : 4 * b], digest_size=_DIGEST).digest()
        self._sketches.add(sketches_of(codes, offsets))
        self._splits.append((split, len(columns.sizes)))

    def duplicates(self, progress: Progress | None = None) -> Duplicates:
        """The duplicates among all dialogues that were added.

        progress: is called with the number of comparisons done and in total: one for each dialogue and band.
        """
        if not self._digests:
            return Duplicates()
        names = list(dict.fromkeys(split for split, _ in self._splits))
        of_split = np.repeat([names.index(split) for split, _ in self._splits], [size for _, size in self._splits])
        digests = np.frombuffer(self._digests, f"S{_DIGEST}")
        _, first, of_digest = np.unique(digests, return_index=True, return_inverse=True)
        held = np.zeros((len(first), len(names)), dtype=np.int64)  # dialogues by digest and split
        np.add.at(held, (of_digest, of_split), 1)
        within = held > 0
        near = np.zeros(held.shape, dtype=bool)  # whether a digest has a similar one in a split
        best = _NO_PAIRS
        # Equal dialogues have one digest, so only the first sketch of each digest is compared.
        for pairs in similar_pairs(self._sketches, first, progress):
            near[pairs.left] |= within[pairs.right]
            near[pairs.right] |= within[pairs.left]
            in_two_splits = (within[pairs.left] | within[pairs.right]).sum(1) > 1
            best = _most_similar(best, pairs.only(in_two_splits))
        repeated = [_repeated(names, held, near, a, b) for a, b in product(range(len(names)), repeat=2)]
        equal = [(digest, digest, 1.0) for digest in np.flatnonzero(within.sum(1) > 1)[:SHOWN].tolist()]
        alike = sorted([*equal, *best.tuples()], key=lambda pair: -pair[2])
        return Duplicates(tuple(repeated), tuple(islice(self._pairs(alike, names, of_split, of_digest), SHOWN)))

    def _pairs(
        self,
        alike: Iterable[tuple[int, int, float]],
        names: list[str],
        of_split: NDArray[np.int64],
        of_digest: NDArray[np.int64],
    ) -> Iterator[Pair]:
        """Yields pairs of dialogues for pairs of digests: of each digest, the first dialogue in each split."""
        ids = pa.chunked_array(self._ids)
        for left, right, similarity in alike:
            ones, others = (
                # by split; reversed, so that the first of several dialogues is kept
                {int(of_split[row]): row for row in reversed(np.flatnonzero(of_digest == digest).tolist())}
                for digest in (left, right)
            )
            for (split, one), (other_split, other) in product(sorted(ones.items()), sorted(others.items())):
                if split < other_split or (split > other_split and left != right):
                    yield Pair(
                        ids[one].as_py(), names[split], ids[other].as_py(), names[other_split], round(similarity, 4)
                    )


_NO_PAIRS = SimilarPairs(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def _most_similar(best: SimilarPairs, pairs: SimilarPairs) -> SimilarPairs:
    """The SHOWN most similar pairs of both, each once; among equally similar ones, those with the lowest indices."""
    if len(best.left) == SHOWN:
        pairs = pairs.only(pairs.similarity >= best.similarity[-1])
    if not len(pairs.left):
        return best
    left, right = np.concatenate([best.left, pairs.left]), np.concatenate([best.right, pairs.right])
    merged = SimilarPairs(left, right, np.concatenate([best.similarity, pairs.similarity]))
    _, once = np.unique((left << 32) + right, return_index=True)
    merged = merged.only(once)
    return merged.only(np.argsort(-merged.similarity, kind="stable")[:SHOWN])


def _repeated(names: list[str], held: NDArray[np.int64], near: NDArray[np.bool_], a: int, b: int) -> Repeated:
    exact = held[held[:, b] > (a == b), a].sum()  # within one split, a digest must occur twice
    return Repeated(names[a], names[b], int(held[:, a].sum()), int(exact), int(held[near[:, b], a].sum()))


@cache
def _forms() -> NDArray[np.uint32]:
    """[_TABLE], the code point that replaces each code point in normalized text; 0 if it is removed."""
    forms = np.zeros(_TABLE, dtype=np.uint32)
    for code in range(_TABLE):
        form = unicodedata.normalize("NFKC", chr(code)).lower()
        if form.isalnum():
            forms[code] = ord(form) if len(form) == 1 else code
    return forms


def normalized_codes(columns: Columns) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Code points of the normalized texts of all dialogues, and [D + 1] the offsets of the dialogues."""
    codes = np.frombuffer("".join(columns.texts.to_pylist()).encode("utf-32-le"), dtype=np.uint32)
    forms = _forms()[np.minimum(codes, _TABLE - 1)]
    rare = codes >= _TABLE
    forms[rare] = codes[rare]  # rare characters outside the table are kept unchanged
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
    hashes = np.zeros(len(padded) - (SHINGLE - 1), dtype=np.uint64)
    # A shingle's hash is computed from a character and the next 4, for all shingles at once; zeros separate dialogues.
    for step in range(SHINGLE):
        hashes ^= padded[step : step + len(hashes)]
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    hashes = hashes[positions]
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets.astype(np.uint64), PERMUTATIONS, _SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32).reshape(len(sizes), PERMUTATIONS)


def similar_pairs(
    sketches: Sketches, rows: NDArray[np.int64], progress: Progress | None = None
) -> Iterator[SimilarPairs]:
    """Yields the pairs of rows whose sketches agree at a share of at least SIMILAR positions.

    rows: the rows of `sketches` to compare; a pair consists of positions in `rows`. A pair can come more than once, but
    in each result a position is on the left at most once, and on the right at most once.
    """
    for band in range(BANDS):
        keys = sketches.keys(rows, band)
        order = np.argsort(keys, kind="stable")
        group = keys[order]
        # Rows with the same key are adjacent now. Only those that have such a neighbor are read.
        same = np.concatenate([[False], group[1:] == group[:-1], [False]])
        grouped = np.flatnonzero(same[:-1] | same[1:])
        order, group = order[grouped], group[grouped]
        for start in range(0, len(order), _READ):
            yield from _similar_in(sketches, rows, order[start:], group[start:])
            if progress:
                progress(band * len(rows) + len(rows) * start // len(order), BANDS * len(rows))
        if progress:
            progress((band + 1) * len(rows), BANDS * len(rows))


def _similar_in(
    sketches: Sketches, rows: NDArray[np.int64], order: NDArray[np.int64], group: NDArray[np.uint64]
) -> Iterator[SimilarPairs]:
    """Yields similar pairs whose first row is among the first _READ ones of a band."""
    order, group = order[: _READ + _WIDEST], group[: _READ + _WIDEST]
    read = sketches.read(rows[order])
    # A row is compared with the next one, the one after it, and so on.
    for step in range(1, min(len(order), _WIDEST)):
        at = np.flatnonzero(group[:-step][:_READ] == group[step:][:_READ])
        if not len(at):
            break
        similarity = np.count_nonzero(read[at] == read[at + step], axis=1) / PERMUTATIONS
        yield SimilarPairs(order[at], order[at + step], similarity).only(similarity >= SIMILAR)


def _keys(sketches: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """[D, BANDS], a hash of each band of each sketch. Hash collisions do no harm, because candidates are compared."""
    keys = np.zeros((len(sketches), BANDS), dtype=np.uint64)
    for row in range(ROWS):
        keys = (keys ^ sketches[:, row::ROWS]) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys

"""Shots: labeled examples from the training split, by seed or the nearest to a text by character n-grams."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cmcc_bench import corpus
from cmcc_bench.errors import DataError
from cmcc_bench.tasks import Row, Task
from cmcc_bench.tasks.base import Array

_LARGE = ["kb", "goal"]  # columns of `response` that no example shows


class Shots:
    """The examples to choose from: rows of the training split, dialogue by dialogue.

    An example is never of the dialogue that is asked about. For the nearest, a text is its set of character 2- and
    3-grams, weighted by inverse document frequency; the similarity is that of the cosine, and ties go to the first.
    """

    def __init__(self, task: Task, rows: Sequence[Row], count: int, seed: int, nearest: bool) -> None:
        self.rows = rows
        self.count = count
        self._dialogues = np.array([row["dialogue_id"] for row in rows])
        self._order = list(range(len(rows)))
        random.Random(seed).shuffle(self._order)
        self._index = _Ngrams([row[task.text] for row in rows]) if nearest else None

    def pick(self, text: str, dialogue_id: str) -> list[int]:
        """The places in `rows` of the examples for a text, the most similar one last."""
        if self._index is None:
            others = (place for place in self._order if self._dialogues[place] != dialogue_id)
            return [place for place, _ in zip(others, range(self.count), strict=False)]
        similarity = self._index.similarity(text)
        similarity[self._dialogues == dialogue_id] = -1.0
        least = np.partition(similarity, -min(self.count, len(similarity)))[-min(self.count, len(similarity))]
        near = np.flatnonzero(similarity >= max(least, 0.0))
        return near[np.argsort(-similarity[near], kind="stable")][: self.count][::-1].tolist()  # type: ignore[no-any-return]


def open_shots(task: Task, dataset: str, count: int, seed: int, nearest: bool) -> Shots:
    """The examples of a data set. Raises cmcc.DataError if its training split has fewer than `count` rows."""
    data = corpus.open_split(dataset, task.config, "train")
    data = data.remove_columns([name for name in _LARGE if name in data.column_names])
    rows = [item for row in data for item in task.rows_of(row)]
    if len(rows) < count:
        hint = "Choose fewer with --shots."
        raise DataError(f"{len(rows)} training rows", f"at least {count}", hint, dataset=dataset, split="train")
    return Shots(task, rows, count, seed, nearest)


class _Ngrams:
    """An inverted index of texts: n-gram -> the texts that have it."""

    def __init__(self, texts: Sequence[str]) -> None:
        postings: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            for ngram in _ngrams(text):
                postings.setdefault(ngram, []).append(place)
        self._size = len(texts)
        self._postings = {ngram: np.array(places) for ngram, places in postings.items()}
        self._weights = {ngram: np.log(1 + self._size / len(places)) ** 2 for ngram, places in postings.items()}
        norms = self._summed(sorted(postings))
        self._norms = np.sqrt(np.where(norms > 0, norms, 1.0))

    def similarity(self, text: str) -> Array:
        """The similarity of a text to each text, (texts,); the text's own norm is left out, as it changes no order."""
        return self._summed(sorted(_ngrams(text) & self._postings.keys())) / self._norms

    def _summed(self, ngrams: Sequence[str]) -> Array:
        if not ngrams:
            return np.zeros(self._size)
        places: NDArray[np.int64] = np.concatenate([self._postings[ngram] for ngram in ngrams])
        sizes = [len(self._postings[ngram]) for ngram in ngrams]
        weights = np.repeat([self._weights[ngram] for ngram in ngrams], sizes)
        summed: Array = np.bincount(places, weights, self._size).astype(np.float64)
        return summed


def _ngrams(text: str) -> set[str]:
    folded = text.casefold()
    return {folded[start : start + size] for size in (2, 3) for start in range(len(folded) - size + 1)}

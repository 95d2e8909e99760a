"""The rows that every table needs beside its systems: gold, majority and random, in lower case as models write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from cmcc_bench.errors import DataError

from .predictions import Prediction, Row

_SEGMENTS = ("entities", "user_intent", "kb_result", "emotions", "acts", "response")
_BUILD = "Build the data set with files for train, too; cmcc score needs none."


def gold_predictions(rows: Iterable[Row]) -> list[Prediction]:
    """The gold rows as if a model had written them: 1.0 and 100 in the strict version, at most that in seretod's."""
    return [_copied(row, row) for row in rows]


def majority_predictions(train_rows: Iterable[Row], rows: Iterable[Row]) -> list[Prediction]:
    """For every exchange the most frequent user intent, emotions, acts and response of the training rows.

    A text counts as a whole, an empty one not at all; ties go to the first by code point. No entities, no KB result.
    Raises cmcc.DataError without training rows.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("user_intent", "emotions", "acts", "response")}
    empty = True
    for row in train_rows:
        empty = False
        for name, counter in counts.items():
            counter.update([row[name]] if row[name] else ())
    if empty:
        raise DataError("no training rows", "rows of the config `response`", _BUILD, data="train")
    most = {name: min(counter, key=lambda text: (-counter[text], text), default="") for name, counter in counts.items()}
    common = {"entities": "", "kb_result": ""} | most
    return [_copied(row, common) for row in rows]


def random_predictions(train_rows: Iterable[Row], rows: Iterable[Row], seed: int) -> list[Prediction]:
    """For every exchange all segments of a training exchange drawn at random, with replacement.

    Raises cmcc.DataError without training rows.
    """
    pool, rows = list(train_rows), list(rows)
    if not pool:
        raise DataError("no training rows", "rows of the config `response`", _BUILD, data="train")
    drawn = np.random.default_rng(seed).integers(len(pool), size=len(rows))
    return [_copied(row, pool[number]) for row, number in zip(rows, drawn, strict=True)]


def _copied(row: Row, source: Row) -> Prediction:
    segments = {name: source[name].lower() for name in _SEGMENTS}
    return Prediction(row["dialogue_id"], row["exchange"], **segments)

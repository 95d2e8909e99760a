"""The statistics as JSON: all counts, and the means and shares in the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson

from cmcc_bench.distribution import DATA_VERSION
from cmcc_bench.statistics.collect import Statistics
from cmcc_bench.statistics.comparison import compare, marginals_of
from cmcc_bench.statistics.counts import KINDS, Counts
from cmcc_bench.statistics.tables import DEFINITIONS, annotated, masked_examples, mean
from cmcc_bench.vocabulary import ACTS, EMOTIONS, SATISFACTION, SPEAKERS


def statistics_bytes(statistics: Statistics) -> bytes:
    """The record as indented JSON: the same bytes for the same data."""
    return orjson.dumps(record(statistics), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def record(statistics: Statistics) -> dict[str, Any]:
    """The statistics as a dictionary for JSON; labels by their English names, without pairs that do not occur."""
    counts = statistics.labeled
    return {
        "dataset": statistics.dataset,
        "synthetic": statistics.synthetic,
        "data_version": DATA_VERSION,
        "definitions": DEFINITIONS,
        "splits": {split: _sizes(of) for split, of in statistics.splits.items()},
        "labeled": _sizes(counts) | _labels(counts),
        "examples": masked_examples(statistics),
        "duplicates": asdict(statistics.duplicates),
        "paper": [asdict(row) | {"measured": round(row.measured, 4)} for row in compare(marginals_of(counts))],
    }


def _sizes(counts: Counts) -> dict[str, Any]:
    utterances = dict(zip(SPEAKERS, counts.utterances.tolist(), strict=True))
    characters = dict(zip(SPEAKERS, counts.characters.tolist(), strict=True))
    return {
        "dialogues": counts.dialogues,
        "synthetic": counts.synthetic,
        "raw_turns": counts.turns_in_all(),
        "exchanges": counts.exchanges,
        "utterances": utterances,
        "characters": characters,
        "mean_raw_turns": round(mean(counts.turns), 4),
        "mean_utterances": round(mean(counts.utterances_a_dialogue), 4),
        "mean_characters": {who: round(characters[who] / n, 4) if n else None for who, n in utterances.items()},
        "dialogues_by_raw_turns": _histogram(counts.turns),
        "dialogues_by_utterances": _histogram(counts.utterances_a_dialogue),
    }


def _labels(counts: Counts) -> dict[str, Any]:
    emotions, acts, outcomes = EMOTIONS, ACTS, SATISFACTION
    sizes: dict[str, Counter[int]] = {kind: Counter() for kind in KINDS}  # utterances by their number of labels
    for (kind, size), utterances in counts.labels_an_utterance.items():
        sizes[kind][size] = utterances
    return {
        "annotated": {name: {"annotated": part, "of": whole} for name, part, whole in annotated(counts)},
        "satisfaction": dict(zip(outcomes, counts.satisfaction.tolist(), strict=True)),
        "user_utterances_with_a_negative_emotion": counts.non_neutral,
        **{kind: counts.named(kind) for kind in KINDS},
        "labels_an_utterance": {kind: _histogram(of) for kind, of in sizes.items()},
        "emotion_pairs": _named(counts.emotion_pairs, emotions, emotions),
        "act_pairs": _named(counts.act_pairs, acts, acts),
        "emotion_to_act": _named(counts.transitions, emotions, acts),
        "first_utterance_to_second": _named(counts.first_flow, emotions, acts),
        "second_utterance_to_third": _named(counts.second_flow, acts, emotions),
        "third_utterance_to_fourth": _named(counts.third_flow, emotions, acts),
        "satisfaction_by_emotion": _named(counts.satisfaction_by_emotion, emotions, outcomes),
    }


def _histogram(counted: Counter[int]) -> dict[str, int]:
    return {str(value): counted[value] for value in sorted(counted)}


def _named(
    table: np.ndarray[Any, np.dtype[np.int64]], rows: Mapping[str, str], columns: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """The cells that are not 0, by the names of their row and column."""
    named = {
        row: {name: int(n) for name, n in zip(columns, line, strict=True) if n}
        for row, line in zip(rows, table, strict=True)
    }
    return {row: cells for row, cells in named.items() if cells}

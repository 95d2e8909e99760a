"""A test split without its labels: what is public of it, how it can be told, and the error where labels are needed.

Texts stay, as emotions and satisfaction are recognised in them. So the replies stay in `labeled`, too, and BLEU relies
on the word of whoever submits; all other scores are made from what is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.types import Row as PlainRow

Row = Mapping[str, Any]

SPLIT = "test"

# What a model must write itself, or the scores are made from. The local KB stays: it is what a system may ask.
_HIDDEN_SEGMENTS = (
    "history_entities", "entities", "user_intent", "kb_result", "emotions", "acts", "response", "goal",
)  # fmt: skip
_LABELS = ("emotions", "intents", "acts", "entities", "triples")


def hide_labels(row: Row, config: str) -> PlainRow:
    """A row of a config without its labels.

    What was annotated, so that answers are expected for it, can still be told: an empty list stands for the labels of
    an utterance, null for those of a row of `emotion` or `satisfaction`, "" for a segment.
    """
    return _HIDERS[config](row)


def is_hidden(row: Row) -> bool:
    """Whether a row of any config, or one of recognition.rows, is one without its labels.

    A dialogue of `labeled` that was annotated with nothing at all looks the same.
    """
    if "utterances" in row:
        return not any(utterance[name] for utterance in row["utterances"] for name in _LABELS)
    if "goal" in row:
        return bool(row["goal"] == "")
    return any(name in row and row[name] is None for name in ("entities", "emotions", "satisfaction"))


def check_labels(rows: Iterable[Row], **place: str | int | None) -> None:
    """Raises cmcc.DataError where any row is without its labels."""
    if any(map(is_hidden, rows)):
        hint = "They are kept where the leaderboard scores: cmcc validate checks a file, cmcc submit sends it there."
        raise DataError("rows whose labels are hidden", "labels to score with", hint, **place)


def _hide_labeled(row: Row) -> PlainRow:
    utterances = [
        {**utterance, **{name: None if utterance[name] is None else [] for name in _LABELS}}
        for utterance in row["utterances"]
    ]
    return {**row, "satisfaction": None, "utterances": utterances}


_HIDERS: Mapping[str, Callable[[Row], PlainRow]] = {
    "labeled": _hide_labeled,
    "emotion": lambda row: {**row, "emotions": None},
    "response": lambda row: {**row, **dict.fromkeys(_HIDDEN_SEGMENTS, "")},
    "satisfaction": lambda row: {**row, "satisfaction": None},
}

"""Makes the rows of the configs `emotion` and `satisfaction` from a row of `labeled`."""

from __future__ import annotations

from typing import Any

from cmcc_bench.types import Row
from cmcc_bench.views.exchanges import USER
from cmcc_bench.vocabulary import SPEAKERS


def without_labels(row: Row, satisfaction: int | None = None) -> Row:
    """A row of `labeled` or `unlabeled` in the form of `labeled` with empty labels, for the views that a model reads.

    satisfaction: the label that stands in for the missing one, so that the view `satisfaction` has the row.
    """
    nothing: dict[str, Any] = {"intents": None, "acts": None, "entities": [], "triples": []}
    utterances = [{**u, **nothing, "emotions": [] if u["speaker"] == USER else None} for u in row["utterances"]]
    return {"dialogue_id": row["dialogue_id"], "satisfaction": satisfaction, "utterances": utterances}


def emotion_rows(row: Row) -> list[Row]:
    """The rows of the config `emotion`: one per annotated user utterance."""
    lines = transcript_lines(row)
    return [
        {
            "dialogue_id": row["dialogue_id"],
            "utterance": position,
            "context": "\n".join(lines[max(0, position - 2) : position]),
            "text": utterance["text"],
            "emotions": utterance["emotions"],
        }
        for position, utterance in enumerate(row["utterances"])
        if utterance["emotions"] is not None
    ]


def satisfaction_rows(row: Row) -> list[Row]:
    """The row of the config `satisfaction`; an empty list if the dialogue has no satisfaction label."""
    if row["satisfaction"] is None:
        return []
    text = "\n".join(transcript_lines(row))
    return [{"dialogue_id": row["dialogue_id"], "text": text, "satisfaction": row["satisfaction"]}]


def transcript_lines(row: Row) -> list[str]:
    """The transcript of a dialogue, one line per utterance: 客服：... or 用户：..."""
    return [BEGINNINGS[u["speaker"]] + u["text"].replace("\n", " ") for u in row["utterances"]]


BEGINNINGS = tuple(f"{speaker}：" for speaker in SPEAKERS.chinese)

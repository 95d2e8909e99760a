"""The configs of the data set and the features of their rows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pyarrow as pa
from datasets import ClassLabel, Features, List, Value

from cmcc_bench.types import Row
from cmcc_bench.vocabulary import ACTS, EMOTIONS, ENTITY_TYPES, INTENTS, SATISFACTION, SPEAKERS, Vocabulary


def labeled_features() -> Features:
    """Features of `labeled`: one row per dialogue, with the labels of every utterance (the paper's section 2).

    `start` and `end` are positions in `text`, counted in code points; `turn` is the index of the raw turn. Null means
    not annotated, or not defined for this speaker. An empty list means annotated, without any label.
    """
    slot = {"entity_id": Value("string"), "slot": Value("string")}
    span = {"start": Value("int32"), "end": Value("int32")}
    entity = {"entity_id": Value("string"), "type": _class_label(ENTITY_TYPES), "name": Value("string")} | span
    triple = {
        "entity_id": Value("string"),
        "entity_name": Value("string"),
        "slot": Value("string"),
        "value": Value("string"),
    } | span
    utterance = _utterance_features() | {
        "emotions": List(_class_label(EMOTIONS)),
        "intents": List({"intent": _class_label(INTENTS), "slots": List(slot)}),
        "acts": List(_class_label(ACTS)),
        "entities": List(entity),
        "triples": List(triple),
    }
    return Features(
        {"dialogue_id": Value("string"), "satisfaction": _class_label(SATISFACTION), "utterances": List(utterance)}
    )


def unlabeled_features() -> Features:
    """Features of `unlabeled`: one row per dialogue, its utterances without labels."""
    return Features({"dialogue_id": Value("string"), "utterances": List(_utterance_features())})


def emotion_features() -> Features:
    """Features of `emotion`: one row per annotated user utterance; `context` is the two utterances before it."""
    return Features(
        {
            "dialogue_id": Value("string"),
            "utterance": Value("int32"),
            "context": Value("string"),
            "text": Value("string"),
            "emotions": List(_class_label(EMOTIONS)),
        }
    )


def response_features() -> Features:
    """Features of `response`: one row per exchange, the segments of the models' text form; `kb` and `goal` are JSON."""
    text = ("history_entities", "user", "entities", "user_intent", "kb_result", "emotions", "acts", "response")
    return Features(
        {"dialogue_id": Value("string"), "exchange": Value("int32")}
        | {name: Value("string") for name in (*text, "kb", "goal")}
    )


def satisfaction_features() -> Features:
    """Features of `satisfaction`: one row per labeled dialogue; `text` is its transcript, one line per utterance."""
    return Features(
        {"dialogue_id": Value("string"), "text": Value("string"), "satisfaction": _class_label(SATISFACTION)}
    )


def _class_label(vocabulary: Vocabulary) -> ClassLabel:
    return ClassLabel(names=list(vocabulary.names))


def _utterance_features() -> dict[str, ClassLabel | Value]:
    return {"speaker": _class_label(SPEAKERS), "text": Value("string"), "turn": Value("int32")}


FEATURES = {
    "labeled": labeled_features,
    "unlabeled": unlabeled_features,
    "emotion": emotion_features,
    "response": response_features,
    "satisfaction": satisfaction_features,
    "sample": labeled_features,
}


@cache
def schema_of(config: str) -> pa.Schema:
    """The Arrow schema of a config; its metadata have the features as `datasets` writes them."""
    return FEATURES[config]().arrow_schema


def table_of(rows: Iterable[Row], config: str) -> pa.Table:
    """Makes an Arrow table with the schema of a config from rows of that config."""
    return pa.Table.from_pylist(list(rows), schema=schema_of(config))

"""The tasks with one answer a row: what is shown of a row, how an answer is written and read. A new task is one entry.

The task response, whose rows take two answers, is in flow.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cmcc_bench.endpoint.answers import Problem, read_entities, read_labels_of, unparsed
from cmcc_bench.tasks import EmotionAnswer, EntityAnswer, Row, SatisfactionAnswer
from cmcc_bench.types import Json
from cmcc_bench.vocabulary import EMOTIONS, ENTITY_TYPES, SATISFACTION

NOTHING = "无"


@dataclass(frozen=True)
class ModelAnswer:
    """A prediction as a line has it, and what was wrong with the model's answers."""

    answer: dict[str, Any]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class ItemTask:
    """How a task is asked about a row.

    turns: the lines that may be cut where the messages are too long, the oldest first; the last `least_turns` stay.
    values: the placeholders of the prompt's part `user`, of a row and the lines that are left. gold: the gold answer as
    the model should write it. read: the text of an answer.
    """

    turns: Callable[[Row], tuple[str, ...]]
    values: Callable[[Row, str], Mapping[str, str]]
    gold: Callable[[Row], Json]
    read: Callable[[str, Row], ModelAnswer]
    least_turns: int = 0


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def _read_emotion(text: str, row: Row) -> ModelAnswer:
    """An answer with an unknown label counts as a whole as wrong: it has no emotions."""
    labels, unknown = read_labels_of(text, "emotions", EMOTIONS)
    answer = EmotionAnswer(row["dialogue_id"], row["utterance"], () if unknown else labels or ())
    return ModelAnswer(asdict(answer), _problems(text, labels is None, unknown))


def _read_satisfaction(text: str, row: Row) -> ModelAnswer:
    labels, unknown = read_labels_of(text, "satisfaction", SATISFACTION)
    is_one = labels is not None and len(labels) == 1 and not unknown
    answer = SatisfactionAnswer(row["dialogue_id"], labels[0] if labels and is_one else None)
    return ModelAnswer(asdict(answer), _problems(text, not is_one, unknown))


def _problems(text: str, is_unread: bool, unknown: tuple[str, ...]) -> tuple[Problem, ...]:
    problem = unparsed("answer", text)
    if unknown:
        return (replace(problem, kind="unknown_label", what="、".join(unknown)),)
    return (problem,) if is_unread else ()


def _read_entities(text: str, row: Row) -> ModelAnswer:
    entities, problems = read_entities(text, row["text"])
    answer = asdict(EntityAnswer(row["dialogue_id"], row["utterance"], ()))
    return ModelAnswer(answer | {"entities": entities}, tuple(problems))


def _gold_entity(text: str, entity: Row) -> dict[str, str]:
    start, end = entity["start"], entity["end"]
    around = text[max(0, start - 2) : end + 2]
    return {"name": text[start:end], "type": ENTITY_TYPES.chinese[entity["type"]], "context": around}


ITEM_TASKS: dict[str, ItemTask] = {
    "emotion": ItemTask(
        turns=lambda row: _lines(row["context"]),
        values=lambda row, lines: {"context": lines or NOTHING, "text": row["text"]},
        gold=lambda row: {"emotions": [EMOTIONS.chinese[label] for label in row["emotions"]]},
        read=_read_emotion,
    ),
    "entities": ItemTask(
        turns=lambda _: (),
        values=lambda row, _: {"text": row["text"]},
        gold=lambda row: {"entities": [_gold_entity(row["text"], entity) for entity in row["entities"]]},
        read=_read_entities,
    ),
    "satisfaction": ItemTask(
        turns=lambda row: _lines(row["text"]),
        values=lambda _, lines: {"text": lines},
        gold=lambda row: {"satisfaction": SATISFACTION.chinese[row["satisfaction"]]},
        read=_read_satisfaction,
        least_turns=1,
    ),
}

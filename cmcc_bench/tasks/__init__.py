"""The tasks. Each one is declared in one file of this folder and listed in TASKS. No other code depends on the task.

task = task_of("emotion")
score(task, answers, task.split_rows("cmcc", "test"))        # cmcc_bench.scoring
"""

from __future__ import annotations

from cmcc_bench.errors import DataError, printable
from cmcc_bench.tasks.base import Answer, Measure, Place, PredictedDialogue, Row, Task, answer_line
from cmcc_bench.tasks.emotion import EMOTION, EmotionAnswer, emotion_answer
from cmcc_bench.tasks.entities import ENTITIES, Entity, EntityAnswer, entity_answer
from cmcc_bench.tasks.prediction import Prediction, prediction_of
from cmcc_bench.tasks.response import RESPONSE
from cmcc_bench.tasks.satisfaction import SATISFACTION, SatisfactionAnswer, satisfaction_answer

__all__ = [
    "EMOTION",
    "ENTITIES",
    "RESPONSE",
    "SATISFACTION",
    "TASKS",
    "Answer",
    "EmotionAnswer",
    "Entity",
    "EntityAnswer",
    "Measure",
    "Place",
    "PredictedDialogue",
    "Prediction",
    "Row",
    "SatisfactionAnswer",
    "Task",
    "answer_line",
    "emotion_answer",
    "entity_answer",
    "hub_tasks",
    "prediction_of",
    "satisfaction_answer",
    "task_of",
]

TASKS: dict[str, Task] = {task.name: task for task in (RESPONSE, EMOTION, ENTITIES, SATISFACTION)}


def task_of(task: Task | str) -> Task:
    """A task by its name; a Task is returned unchanged. Raises cmcc.DataError for an unknown one."""
    if isinstance(task, Task):
        return task
    if task not in TASKS:
        raise DataError(f"unknown task {printable(task, 40)!r}", "", f"Choose one of {', '.join(TASKS)}.", field="task")
    return TASKS[task]


def hub_tasks() -> list[Task]:
    """The tasks with columns on the Hub's leaderboard, in the order of the columns."""
    return sorted((task for task in TASKS.values() if task.hub), key=lambda task: task.name)

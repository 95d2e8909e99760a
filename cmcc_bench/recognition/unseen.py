"""What an emotion model says about utterances of calls that it did not train on, to check their labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cmcc_bench.errors import DataError
from cmcc_bench.models.record import read_training
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.doubts import LabeledTexts
from cmcc_bench.quality.exchange import first_calls
from cmcc_bench.recognition.run import open_recognizer
from cmcc_bench.tasks import EMOTION
from cmcc_bench.tasks.base import Array
from cmcc_bench.views.flat import emotion_rows

_RUN_FILE = "run.json"  # beside the folder of the checkpoint


def trained_calls(folder: Path, calls: Iterable[Call]) -> tuple[set[str], str]:
    """The ids of the dialogues that a model trained on, or may have trained on, and how that is known, for a message.

    The run names its data set; where that cannot be opened, all calls of the split train count: a call is in the same
    split of every data set that is built from it.
    """
    try:
        recipe = json.loads((folder.parent / _RUN_FILE).read_text("utf-8"))["recipe"]
        rows = EMOTION.rows(recipe["dataset"], ("train",))["train"]
        return {row["dialogue_id"] for row in rows}, f"they are in the split train of {recipe['dataset']}"
    except (OSError, ValueError, KeyError, TypeError, DataError):
        trained = {call.dialogue_id for call in calls if call.split == "train"}
        return trained, "they are in the split train, and the run does not name data that can be opened"


def unseen_emotions(folder: Path, calls: list[Call], data: LabeledTexts) -> Array:
    """The probability of each emotion of annotated utterances: [texts, labels]. data: of calls the model has not seen.

    Raises cmcc.DataError if it is no emotion model, or gives no probabilities.
    """
    task = read_training(folder).task
    if task != EMOTION.name:
        hint = "Give the best checkpoint of cmcc train emotion, or --doubts N without --model."
        raise DataError(f"a model of the task {task}", "a model of emotions", hint, model=str(folder))
    wanted = {place: row for row, place in enumerate(data.places)}
    rows = [
        row
        for call in first_calls(call for call in calls if call.labeled)
        for row in emotion_rows(call.row)
        if (row["dialogue_id"], row["utterance"]) in wanted
    ]
    probabilities = np.zeros(data.gold.shape)
    for answer in open_recognizer(folder)(rows):
        if answer.scores is None:
            raise DataError("the model gives no probabilities", "", "Give another model.", model=str(folder))
        probabilities[wanted[answer.dialogue_id, answer.utterance]] = answer.scores
    return probabilities

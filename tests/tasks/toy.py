"""A task in one file, as a contributor would add it: the number of utterances of a dialogue, from its text."""

from dataclasses import dataclass

import numpy as np

from cmcc_bench.tasks.base import Card, Measure, Published, Task, most_frequent
from cmcc_bench.tasks.counts import share
from cmcc_bench.tasks.fields import number_of, record_of, text_of


@dataclass(frozen=True, slots=True)
class LengthAnswer:
    """The number of utterances of a dialogue."""

    dialogue_id: str
    length: int


def length_rows(row):
    """The task's row of a dialogue of `labeled`."""
    text = "\n".join(utterance["text"] for utterance in row["utterances"])
    yield {"dialogue_id": row["dialogue_id"], "text": text, "length": len(row["utterances"])}


def length_answer(value, place):
    """Reads an answer from a decoded line."""
    record, place = record_of(value, place)
    return LengthAnswer(text_of(record, "dialogue_id", place), number_of(record, "length", place))


def count_lengths(dialogue):
    """The counts of one dialogue: right answers, all answers, distance from gold."""
    (row,), (answer,) = dialogue.rows, dialogue.predictions
    return row["length"] == answer.length, 1, abs(row["length"] - answer.length)


def open_counter(model_dir, batch_size):
    """Opens a model of the task. This one counts lines."""
    return lambda rows: [LengthAnswer(row["dialogue_id"], row["text"].count("\n") + 1) for row in rows]


TOY = Task(
    name="length",
    title="Length of a call",
    table="Table 0, length",
    config="labeled",
    key=None,
    rows_of=length_rows,
    labels={"length": None},
    parse=length_answer,
    copy=lambda row, source: LengthAnswer(row["dialogue_id"], source["length"]),
    majority_row=most_frequent(["length"]),
    measure=Measure(count_lengths, {"exact": share, "distance": lambda sums: np.asarray(sums[..., 2] / sums[..., 1])}),
    main="exact",
    headline=("exact", "distance"),
    shown=("exact", "distance"),
    notes=("Distance: lower is better.",),
    model="Counting",
    recognizer=f"{__name__}:open_counter",
    published=(Published(("length", ""), "Counting", 0, {"exact": 0.5}, {"exact": 0.5}),),
    hub={"length_exact": "exact"},
    hub_names={"length_exact": "exact length"},
    card=Card("length", "text-classification"),
)

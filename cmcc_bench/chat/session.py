"""A chat with a model: its replies, and the segments that it predicts before each reply."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from cmcc_bench.corpus import open_dataset
from cmcc_bench.decoding import DialogueInput, TrainedModel, decode
from cmcc_bench.errors import DataError
from cmcc_bench.masking import mask
from cmcc_bench.tasks import Prediction
from cmcc_bench.textform import read_labels
from cmcc_bench.views import LocalKB, kb_from_json

SEGMENTS = {
    "entities": "entities 实体",
    "user_intent": "user intent 用户意图",
    "kb_result": "KB result 查询结果",
    "emotions": "emotions 用户情绪",
    "acts": "acts 客服行为",
}


@dataclass
class Session:
    """A chat with one model; `history` holds the entities that it predicted so far."""

    trained: TrainedModel
    kb: LocalKB
    history: tuple[str, ...] = field(default=())

    def reply(self, text: str) -> Prediction:
        """Predicts the reply to an utterance of the user and updates the history. A blank text is allowed: silence."""
        dialogue = DialogueInput("chat", self.kb, ({"user": text},), self.history)
        model = self.trained
        (prediction,) = decode(model.model, model.tokenizer, model.form, [dialogue], batch_size=1)
        self.history = tuple(dict.fromkeys(self.history + read_labels(prediction.entities)))
        return prediction

    def reset(self) -> None:
        """Forgets the conversation."""
        self.history = ()


def segments_of(prediction: Prediction) -> Iterator[tuple[str, str]]:
    """Yields name and text of each segment before the response, with personal data masked.

    Segments that the model does not predict are left out.
    """
    for column, name in SEGMENTS.items():
        text = getattr(prediction, column)
        if text is not None:
            yield name, mask(text)


def choose_kb(dataset: str, dialogue_id: str | None) -> tuple[str, LocalKB]:
    """Returns the id and the local KB of a dialogue.

    dialogue_id: None for the dialogue with the largest KB in the test split.
    Raises cmcc.DataError when the data set does not have the dialogue.
    """
    splits = open_dataset(dataset, "response")
    rows = [row for name in splits for row in splits[name].select_columns(["dialogue_id", "kb"])]
    if dialogue_id is None:
        row = max(splits.get("test", rows), key=lambda row: (len(row["kb"]), row["dialogue_id"]))
    else:
        row = next((row for row in rows if row["dialogue_id"] == dialogue_id), None)
    if row is None:
        raise DataError(repr(dialogue_id), f"the id of a dialogue of {dataset}", "Check --dialogue.", dataset=dataset)
    return row["dialogue_id"], kb_from_json(row["kb"])


def kb_lines(kb: LocalKB) -> Iterator[str]:
    """Yields the KB as text, one line per entity, with personal data masked."""
    for entity_id, entry in kb.items():
        names = " / ".join(entry.names) or entity_id
        facts = "; ".join(f"{slot}: {', '.join(values)}" for slot, values in entry.slots.items())
        yield f"{names}{f' ({entry.type})' if entry.type else ''}{' — ' + mask(facts) if facts else ''}"


def model_name(folder: Path, trained: TrainedModel, taken: Container[str] = ()) -> str:
    """Returns the name of a model in the chat; a number is added where the name is in `taken`."""
    run = folder.resolve().parent.name if folder.name == "best" else folder.name
    name = trained.form.name if run == trained.form.name else f"{run} ({trained.form.name})"
    names = (name if number == 1 else f"{name} {number}" for number in count(1))
    return next(name for name in names if name not in taken)

"""A conversation with a model: what it answers, and the segments that it wrote before the answer."""

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
    """One model's side of a conversation; `history` holds the entities that it found so far."""

    trained: TrainedModel
    kb: LocalKB
    history: tuple[str, ...] = field(default=())

    def reply(self, text: str) -> Prediction:
        """What the model answers to a user's words. A blank text is an utterance, too: silence."""
        dialogue = DialogueInput("chat", self.kb, ({"user": text},), self.history)
        model = self.trained
        (prediction,) = decode(model.model, model.tokenizer, model.form, [dialogue], batch_size=1)
        self.history = tuple(dict.fromkeys(self.history + read_labels(prediction.entities)))
        return prediction

    def reset(self) -> None:
        """Forgets the conversation."""
        self.history = ()


def segments_of(prediction: Prediction) -> Iterator[tuple[str, str]]:
    """Name and text of each segment before the response; emotions are left out where the model writes none.

    Texts are as they may be shown, with personal data masked.
    """
    for column, name in SEGMENTS.items():
        text = getattr(prediction, column)
        if text is not None:
            yield name, mask(text)


def choose_kb(dataset: str, dialogue_id: str | None) -> tuple[str, LocalKB]:
    """The id and local KB of a dialogue, for the model to answer from: the one named, or the largest of the test split.

    Raises cmcc.DataError when the data set lacks the dialogue.
    """
    splits = open_dataset(dataset, "response")
    rows = [row for name in splits for row in splits[name].select_columns(["dialogue_id", "kb"])]
    if dialogue_id is None:
        wanted = max(splits.get("test", rows), key=lambda row: (len(row["kb"]), row["dialogue_id"]))
    else:
        wanted = next((row for row in rows if row["dialogue_id"] == dialogue_id), None)
    if wanted is None:
        raise DataError(repr(dialogue_id), f"the id of a dialogue of {dataset}", dataset=dataset)
    return wanted["dialogue_id"], kb_from_json(wanted["kb"])


def kb_lines(kb: LocalKB) -> Iterator[str]:
    """The KB for a person: a line an entity, personal data masked."""
    for entity_id, entry in kb.items():
        names = " / ".join(entry.names) or entity_id
        facts = "; ".join(f"{slot}: {', '.join(values)}" for slot, values in entry.slots.items())
        yield f"{names}{f' ({entry.type})' if entry.type else ''}{' — ' + mask(facts) if facts else ''}"


def model_name(folder: Path, trained: TrainedModel, taken: Container[str] = ()) -> str:
    """What a model is called where several stand side by side; a number tells those of one name apart."""
    run = folder.resolve().parent.name if folder.name == "best" else folder.name
    name = trained.form.name if run == trained.form.name else f"{run} ({trained.form.name})"
    names = (name if number == 1 else f"{name} {number}" for number in count(1))
    return next(free for free in names if free not in taken)

"""A chat with a model: its replies, and the segments that it predicts before each reply."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from cmcc_bench.decoding import DialogueInput, TrainedModel, decode, open_model
from cmcc_bench.errors import DataError
from cmcc_bench.hub.pull import check_model, is_synthetic_model, model_folder
from cmcc_bench.tasks import Prediction
from cmcc_bench.textform import FORM_FILE, read_labels
from cmcc_bench.views import LocalKB

# Maximum characters of an entity: a longer one is a repetition that did not end, and would spoil all later replies.
_LONGEST_NAME = 30
_SYNTHETIC = ", trained on SYNTHETIC calls"


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
        names = (name for name in read_labels(prediction.entities) if len(name) <= _LONGEST_NAME)
        self.history = tuple(dict.fromkeys((*self.history, *names)))
        return prediction

    def start(self, kb: LocalKB) -> None:
        """Starts a new conversation, about this KB."""
        self.kb, self.history = kb, ()


def open_chat_model(name: str | Path) -> TrainedModel:
    """Opens a dialogue model. name: a folder, a Hub id or a model that ships.

    Raises cmcc.DataError if there is no such model, or if it is of another task.
    """
    folder = model_folder(name)
    if check_model(folder) is None:
        problem = f"this model writes no replies: {FORM_FILE} is missing"
        hint = "Name a model of cmcc train dialogue. For other models, run cmcc predict."
        raise DataError(problem, "", hint, model=str(name))
    return open_model(folder)


def note_about(sessions: Mapping[str, Session]) -> str:
    """Returns the models' names and what their users should know. sessions: name of the model -> session."""
    folders = {name: Path(session.trained.folder) for name, session in sessions.items()}
    models = [f"{name}{_SYNTHETIC if is_synthetic_model(path) else ''}" for name, path in folders.items()]
    return f"{'; '.join(models)}. Replies are generated and may be wrong."


def model_name(folder: Path, trained: TrainedModel, taken: Container[str] = ()) -> str:
    """Returns the name of a model in the chat; a number is added where the name is in `taken`.

    folder: as the user named it: a folder, a Hub id or a model that ships.
    """
    run = folder.resolve().parent.name if folder.name == "best" else folder.name
    name = trained.form.name if run == trained.form.name else f"{run} ({trained.form.name})"
    names = (name if number == 1 else f"{name} {number}" for number in count(1))
    return next(name for name in names if name not in taken)

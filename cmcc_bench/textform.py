"""The models' text form: the segments of an exchange, and how each is written for a model and read from its output.

    history entities [EOS_L] user [EOS_U] entities [EOS_E] user intent [EOS_UI] KB result [EOS_K] emotions [EOS_UE]
    acts [EOS_SI] response [EOS_S]

Training, decoding and scoring all use the declarations here. Source: the paper, section 4.1.1 and figure 6 (a
Markovian generative architecture: of the earlier exchanges, a model sees only the names of the entities).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json
from cmcc_bench.vocabulary import ACTS, Vocabulary, label_names

FORM_FILE = "text_form.json"  # in a model's folder


@dataclass(frozen=True)
class Segment:
    """A part of the text: a column of the `response` view, and the token that ends it.

    source: "given" (the model reads it), "generated" (the model writes it) or "queried" (the KB's answer).
    longest: maximum number of tokens to generate, including the end token.
    """

    column: str
    end: str
    source: str
    longest: int = 0


_HISTORY = Segment("history_entities", "[EOS_L]", "given")
_USER = Segment("user", "[EOS_U]", "given")
_ENTITIES = Segment("entities", "[EOS_E]", "generated", 40)
_INTENT = Segment("user_intent", "[EOS_UI]", "generated", 60)
_KB = Segment("kb_result", "[EOS_K]", "queried")
_EMOTIONS = Segment("emotions", "[EOS_UE]", "generated", 30)
_ACTS = Segment("acts", "[EOS_SI]", "generated", 30)
_RESPONSE = Segment("response", "[EOS_S]", "generated", 100)

SPECIAL_TOKENS = tuple(s.end for s in (_HISTORY, _USER, _ENTITIES, _INTENT, _KB, _EMOTIONS, _ACTS, _RESPONSE))

_STRUCTURE = re.compile(r"\[(?:EOS_\w+|CLS|SEP|PAD|MASK|UNK)\]", re.IGNORECASE)

# An utterance with caring acts only gets the corresponding acts of MobileCS's 13; with other acts, they are dropped.
_UNCARING = {"comfort": "inform", "explain": "inform", "empathy": "apology", "agree": "passive_confirmation"}
_FOLDED = {ACTS[caring]: ACTS[plain] for caring, plain in _UNCARING.items()}


@dataclass(frozen=True)
class TextForm:
    """A variant of the text form, with or without the care-oriented parts.

    emotions: the model generates the user's emotions before the acts. caring: it uses all 17 acts, not MobileCS's 13.
    """

    name: str
    emotions: bool
    caring: bool

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in order."""
        care = (_EMOTIONS,) if self.emotions else ()
        return (_HISTORY, _USER, _ENTITIES, _INTENT, _KB, *care, _ACTS, _RESPONSE)

    def write(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The text of each segment of a row of the `response` view, in lower case and without the end token."""
        return tuple(self.write_segment(segment, row[segment.column]) for segment in self.segments)

    def write_segment(self, segment: Segment, text: str) -> str:
        """A segment's text as a model reads it: in lower case; caring acts are folded if the form has none."""
        if segment is _ACTS and not self.caring:
            text = ",".join(fold_caring(text.split(",")))
        if "[" in text:  # text from the data must never be read as a special token
            text = _STRUCTURE.sub("", text)
        return text.lower()

    def save(self, folder: Path) -> None:
        """Writes this declaration into a model's folder."""
        write_json(folder / FORM_FILE, asdict(self))


FORMS = {
    form.name: form
    for form in (
        TextForm("baseline", emotions=False, caring=False),
        TextForm("variant", emotions=True, caring=True),
        TextForm("no_emotion", emotions=False, caring=True),
        TextForm("no_caring", emotions=True, caring=False),
    )
}


def load_form(folder: Path) -> TextForm:
    """Reads the declaration in a model's folder. Raises cmcc.DataError when it is missing or damaged."""
    path = folder / FORM_FILE
    try:
        form = TextForm(**json.loads(path.read_text("utf-8")))
        if not (isinstance(form.name, str) and type(form.emotions) is type(form.caring) is bool):
            raise TypeError("`name` must be a string, `emotions` and `caring` must be true or false")
        return form
    except (OSError, ValueError, TypeError) as error:
        problem = f"cannot read {FORM_FILE} ({error})"
        hint = "Name the folder of a model trained with cmcc train dialogue, for instance RUN/best."
        raise DataError(problem, "", hint, model=str(folder)) from error


def fold_caring(acts: Sequence[str]) -> list[str]:
    """Maps acts (Chinese names) to MobileCS's 13: without the 4 caring ones; same order, no repeats."""
    plain = [act for act in acts if act not in _FOLDED]
    return list(dict.fromkeys(plain or [_FOLDED[act] for act in acts]))


_SLOTS = re.compile(r"[(（][^()（）]*(?:[)）]|$)")


def normalize_labels(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The Chinese names of the labels in a text, without repeats; slots in parentheses are removed.

    Labels are read in any spelling (`Vocabulary.find`). Unknown names are kept, without spaces: they count as wrong
    labels.
    """
    labels = ((name, vocabulary.find(name)) for name in label_names(_SLOTS.sub("", text)))
    chinese = vocabulary.chinese
    return tuple(dict.fromkeys("".join(name.split()) if index is None else chinese[index] for name, index in labels))


def read_labels(text: str) -> tuple[str, ...]:
    """The entity names in a model's output, which are separated by commas; without spaces and repeats."""
    return tuple(dict.fromkeys(label for label in text.replace(" ", "").split(",") if label))

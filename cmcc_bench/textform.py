"""The models' text form: which segments an exchange has, how each is written for a model and read from its output.

    history entities [EOS_L] user [EOS_U] entities [EOS_E] user intent [EOS_UI] KB result [EOS_K] emotions [EOS_UE]
    acts [EOS_SI] response [EOS_S]

Training text, decoding and scoring all follow the declarations here. Source: the paper, section 4.1.1 and figure 6
(a Markovian generative architecture: of the past, a model sees the names of entities only).
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

FORM_FILE = "text_form.json"  # beside a model's weights


@dataclass(frozen=True)
class Segment:
    """A part of the text: the column of the `response` view that it holds, and the token that ends it.

    source: given (the model reads it), generated (the model writes it) or queried (from the KB, by the user intent).
    longest: most tokens to generate, the end token included.
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

# Where a caring act stands alone, MobileCS's 13 have one for what is said; beside another act it is left out.
_UNCARING = {"comfort": "inform", "explain": "inform", "empathy": "apology", "agree": "passive_confirmation"}
_FOLDED = {ACTS[caring]: ACTS[plain] for caring, plain in _UNCARING.items()}


@dataclass(frozen=True)
class TextForm:
    """Which of the care-oriented segments a model reads and writes.

    emotions: the user's emotions are generated before the acts. caring: the acts are all 17, not MobileCS's 13.
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
        """The text of each segment, without its end token, from a row of the `response` view; in lower case."""
        return tuple(self.write_segment(segment, row[segment.column]) for segment in self.segments)

    def write_segment(self, segment: Segment, text: str) -> str:
        """One segment's text as a model reads it: lower case, caring acts folded where the form has none."""
        if segment is _ACTS and not self.caring:
            text = ",".join(fold_caring(text.split(",")))
        if "[" in text:  # what a text says is never taken for a token that structures the form
            text = _STRUCTURE.sub("", text)
        return text.lower()

    def save(self, folder: Path) -> None:
        """Writes the declaration into a model's folder."""
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
    """The declaration in a model's folder. Raises cmcc.DataError when it is not there or not one."""
    path = folder / FORM_FILE
    try:
        form = TextForm(**json.loads(path.read_text("utf-8")))
        if not (isinstance(form.name, str) and type(form.emotions) is type(form.caring) is bool):
            raise TypeError("name is no text, or emotions and caring are not true or false")
        return form
    except (OSError, ValueError, TypeError) as error:
        expected = f"a model of cmcc train dialogue, with {FORM_FILE}"
        raise DataError(
            f"no text form ({error})", expected, "Name the folder of its run.", model=str(folder)
        ) from error


def fold_caring(acts: Sequence[str]) -> list[str]:
    """Acts (Chinese names) with the 4 caring ones folded back into MobileCS's 13; order kept, no repeats."""
    plain = [act for act in acts if act not in _FOLDED]
    return list(dict.fromkeys(plain or [_FOLDED[act] for act in acts]))


_SLOTS = re.compile(r"[(（][^()（）]*(?:[)）]|$)")


def normalize_labels(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The labels that anyone wrote, by their Chinese names, without repeats; slots in parentheses are left out.

    A label is found by any spelling (`Vocabulary.find`). A name that it does not have is kept as written,
    without blanks: what is in no vocabulary is a label too, and a wrong one.
    """
    found = ((name, vocabulary.find(name)) for name in label_names(_SLOTS.sub("", text)))
    chinese = vocabulary.chinese
    return tuple(dict.fromkeys("".join(name.split()) if index is None else chinese[index] for name, index in found))


def read_labels(text: str) -> tuple[str, ...]:
    """The names of entities that a model wrote, separated by commas: blanks and repeats removed."""
    return tuple(dict.fromkeys(label for label in text.replace(" ", "").split(",") if label))

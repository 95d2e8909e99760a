"""The calls that a chat can be about: the local KB of each, and what its user asked, as openings to try."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cmcc_bench.corpus import open_dataset
from cmcc_bench.errors import DataError
from cmcc_bench.types import Row
from cmcc_bench.views import LocalKB, kb_from_json
from cmcc_bench.views.intents import parse_intent_text
from cmcc_bench.views.kb import TYPES
from cmcc_bench.vocabulary import EMOTIONS, INTENTS

OPENINGS = 4  # maximum number of openings of a call: questions, and one complaint
_LONGEST = 40  # maximum length of an opening, in characters
_COLUMNS = ["dialogue_id", "user", "entities", "user_intent", "kb_result", "emotions", "kb"]


@dataclass(frozen=True)
class ChatCall:
    """A call to chat about.

    begins: the first utterance of its user. openings: utterances that make sense at the start of a conversation.
    """

    dialogue_id: str
    kb: LocalKB
    begins: str
    openings: tuple[str, ...]


class ChatCalls:
    """The calls of a data set that can be chosen: those of the test split, or of all splits where there is no test.

    ids: their dialogue ids, sorted. A call of another split can be opened by its id.
    """

    def __init__(self, dataset: str) -> None:
        """dataset: a built folder, a Hub id or `sample`. Raises cmcc.DataError when it cannot be opened."""
        self.dataset = dataset
        self._splits = open_dataset(dataset, "response")
        names = ["test"] if "test" in self._splits else list(self._splits)
        self._rows = _by_dialogue(row for name in names for row in self._splits[name].select_columns(_COLUMNS))
        self.ids = tuple(sorted(self._rows))
        rows = (row for dialogue_id in self.ids for row in self._rows[dialogue_id])
        self._complaint = next((row["user"] for row in rows if _is_complaint(row) and not row["entities"]), None)

    def default(self) -> str:
        """The id of the call with the most openings, of these the one with the largest KB, of these the first one."""
        calls = map(self.open, self.ids)
        return max(calls, key=lambda call: (len(call.openings), len(call.kb))).dialogue_id

    def open(self, dialogue_id: str) -> ChatCall:
        """Returns a call. Raises cmcc.DataError when the data set does not have it."""
        rows = self._rows.get(dialogue_id) or self._other_splits.get(dialogue_id)
        if not rows:
            expected = f"the id of a dialogue of {self.dataset}, such as {self.ids[0]}"
            raise DataError(repr(dialogue_id), expected, "Check the id.", dataset=self.dataset)
        kb, begins = kb_from_json(rows[0]["kb"]), rows[0]["user"]
        return ChatCall(dialogue_id, kb, begins, openings(rows, self._complaint))

    @cached_property
    def _other_splits(self) -> dict[str, list[Row]]:
        return _by_dialogue(row for rows in self._splits.values() for row in rows.select_columns(_COLUMNS))


def openings(rows: Sequence[Row], complaint: str | None = None) -> tuple[str, ...]:
    """The utterances of a call's user that can open a conversation, at most OPENINGS: short questions, one complaint.

    rows: the exchanges of the call, as in the `response` view. A question names what it asks about, or asks for
    personal information, and the KB has the answer. A complaint has a negative emotion; `complaint` is used where the
    call has none.
    """
    questions = sorted((row["user"] for row in rows if _is_question(row)), key=len)[: OPENINGS - 1]
    complaints = [row["user"] for row in rows if _is_complaint(row)] or ([complaint] if complaint else [])
    return tuple(dict.fromkeys([*questions, *complaints[:1]]))


def _is_question(row: Row) -> bool:
    """Whether the utterance is a question that is clear without the exchanges before it.

    Only the intent `inquire`: what begins a call (seek help: query) is usually answered with a question.
    """
    intents = parse_intent_text(row["user_intent"] or "")
    slots = [slot for intent in intents if intent.name == INTENTS["inquire"] for slot in intent.slots]
    text = row["user"].lower()
    return bool(row["kb_result"] and slots and len(text) <= _LONGEST) and all(
        name.lower() in text if name else slot.lower() not in TYPES for name, slot in slots
    )


def _is_complaint(row: Row) -> bool:
    intents = [intent.name for intent in parse_intent_text(row["user_intent"] or "")]
    is_negative = (row["emotions"] or EMOTIONS["neutral"]) != EMOTIONS["neutral"]
    return is_negative and INTENTS["complaint_feedback"] in intents and len(row["user"]) <= _LONGEST


def _by_dialogue(rows: Iterable[Any]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["dialogue_id"], []).append(row)
    return groups

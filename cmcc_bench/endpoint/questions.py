"""Questions: what is asked about a row, as chat messages made of the prompt, shots, and the call so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cmcc_bench.endpoint.answers import SCHEMAS, ModelReply, Understanding, to_json
from cmcc_bench.endpoint.client import ChatMessage
from cmcc_bench.endpoint.items import ITEM_TASKS, NOTHING, ItemTask
from cmcc_bench.endpoint.prompt import Prompt
from cmcc_bench.endpoint.shots import Shots
from cmcc_bench.tasks import Row, Task
from cmcc_bench.textform import read_labels
from cmcc_bench.types import Json
from cmcc_bench.views.intents import Intent, Slot, parse_intent_text
from cmcc_bench.vocabulary import SPEAKERS

_USER, _SERVICE = SPEAKERS["user"], SPEAKERS["service"]


@dataclass(frozen=True)
class ModelQuestion:
    """One request. place: dialogue, position of the row in it, and step.

    turns: what may be cut where the messages are too long, the oldest first; at least the last `least_turns` stay.
    messages: of the turns that are left, and of how many shots there are.
    """

    place: tuple[str, int, str]
    turns: tuple[str, ...]
    least_turns: int
    shots: int
    messages: Callable[[Sequence[str], int], list[ChatMessage]]
    schema: Json


@dataclass(frozen=True)
class Asking:
    """How a task is asked. mode and context: of the task response, end2end or oracle, markov or full."""

    task: Task
    prompt: Prompt
    mode: str = ""
    context: str = ""
    shots: Shots | None = None

    @property
    def item(self) -> ItemTask | None:
        """How a task with one answer a row is asked; None for the task response."""
        return ITEM_TASKS.get(self.task.name)

    def about_row(self, row: Row, number: int, item: ItemTask) -> ModelQuestion:
        """The question about a row of a task with one answer a row."""

        def messages(kept: Sequence[str], shots: int) -> list[ChatMessage]:
            """The prompt, the shots, and the row."""
            return [*self._first(row, shots), _message("user", self._row_text(item, row, kept))]

        place = (row["dialogue_id"], number, "answer")
        return self._question(place, item.turns(row), item.least_turns, messages, self.task.name)

    def about_user(self, row: Row, number: int, turns: Sequence[str]) -> ModelQuestion:
        """The first question about an exchange: what the user says. turns: names or lines of the call so far."""

        def messages(kept: Sequence[str], shots: int) -> list[ChatMessage]:
            """The prompt, the shots, and what the user says."""
            return [*self._first(row, shots), self._user(row, kept)]

        return self._question((row["dialogue_id"], number, "understand"), turns, 0, messages, "understand")

    def about_reply(
        self, row: Row, number: int, turns: Sequence[str], understanding: Understanding, kb_text: str
    ) -> ModelQuestion:
        """The second question about an exchange, after the answer to the first: what the KB says, and the reply."""

        def messages(kept: Sequence[str], shots: int) -> list[ChatMessage]:
            """The first question, its answer, and what the KB says."""
            before = [*self._first(row, shots), self._user(row, kept), _message("assistant", understanding.as_json())]
            return [*before, self._knowledge(kb_text)]

        return self._question((row["dialogue_id"], number, "reply"), turns, 0, messages, "reply")

    def about_oracle(self, row: Row, number: int, turns: Sequence[str]) -> ModelQuestion:
        """The question about an exchange whose labels are given: the reply."""

        def messages(kept: Sequence[str], shots: int) -> list[ChatMessage]:
            """The prompt, the shots, and the exchange with its labels."""
            return [*self._first(row, shots), self._oracle(row, kept)]

        return self._question((row["dialogue_id"], number, "reply"), turns, 0, messages, "oracle")

    def _question(
        self,
        place: tuple[str, int, str],
        turns: Sequence[str],
        least: int,
        messages: Callable[[Sequence[str], int], list[ChatMessage]],
        schema: str,
    ) -> ModelQuestion:
        shots = self.shots.count if self.shots else 0
        return ModelQuestion(place, tuple(turns), least, shots, messages, SCHEMAS[schema])

    def _first(self, row: Row, shots: int) -> list[ChatMessage]:
        """The system message and the last `shots` examples for a row."""
        found = [_message("system", self.prompt.system)]
        if self.shots and shots:
            for place in self.shots.pick(row[self.task.text], row["dialogue_id"])[-shots:]:
                found += self.example(self.shots.rows, place)
        return found

    def example(self, rows: Sequence[Row], place: int) -> list[ChatMessage]:
        """The questions about a row and their gold answers, without the system message.

        rows: with the rows of the same dialogue before it, in their order. place: of the row.
        """
        row = rows[place]
        if item := self.item:
            text = self._row_text(item, row, item.turns(row))
            return [_message("user", text), _message("assistant", to_json(item.gold(row)))]
        turns = self.turns_before(rows, place)
        if self.mode == "oracle":
            return [self._oracle(row, turns), _message("assistant", to_json({"response": row["response"]}))]
        return [
            self._user(row, turns),
            _message("assistant", gold_understanding(row).as_json()),
            self._knowledge(row["kb_result"]),
            _message("assistant", reply_json(gold_reply(row))),
        ]

    def turns_before(self, rows: Sequence[Row], place: int) -> list[str]:
        """The gold turns before an exchange: by the context, names of entities or what was said."""
        row = rows[place]
        if self.context == "markov":
            return [name for name in row["history_entities"].split(",") if name]
        first = place
        while first and rows[first - 1]["dialogue_id"] == row["dialogue_id"]:
            first -= 1
        return [line for earlier in rows[first:place] for line in said(earlier["user"], earlier["response"])]

    def _row_text(self, item: ItemTask, row: Row, turns: Sequence[str]) -> str:
        return self.prompt.fill("user", **item.values(row, "\n".join(turns)))

    def _user(self, row: Row, turns: Sequence[str]) -> ChatMessage:
        return _message("user", self.prompt.fill("user", history=self._history(turns), user=_line(row["user"])))

    def _history(self, turns: Sequence[str]) -> str:
        if self.context == "markov":
            return self.prompt.fill("markov", names="、".join(turns) or NOTHING)
        return self.prompt.fill("full", turns="\n".join(turns) or NOTHING)

    def _knowledge(self, kb_text: str) -> ChatMessage:
        return _message("user", self.prompt.fill("knowledge", kb_result=kb_text or NOTHING))

    def _oracle(self, row: Row, turns: Sequence[str]) -> ChatMessage:
        labels = {name: row[name] or NOTHING for name in ("entities", "user_intent", "kb_result", "emotions", "acts")}
        filled = self.prompt.fill("oracle", history=self._history(turns), user=_line(row["user"]), **labels)
        return _message("user", filled)


def said(user: str, response: str) -> tuple[str, str]:
    """An exchange as two lines of a transcript."""
    return f"{_USER}：{_line(user)}", f"{_SERVICE}：{_line(response)}"


def gold_understanding(row: Row) -> Understanding:
    """The gold names and intents of a row of the `response` view."""
    intents = [
        Intent(intent.name, tuple(Slot(name, slot) for name, slot in intent.slots))
        for intent in parse_intent_text(row["user_intent"])
    ]
    return Understanding(read_labels(row["entities"]), tuple(intents))


def gold_reply(row: Row) -> ModelReply:
    """The gold emotions, acts and response of a row of the `response` view."""
    return ModelReply(read_labels(row["emotions"]), read_labels(row["acts"]), row["response"])


def reply_json(reply: ModelReply) -> str:
    """A reply as the model should write it."""
    return to_json({"emotions": list(reply.emotions), "acts": list(reply.acts), "response": reply.response})


def _message(role: str, content: str) -> ChatMessage:
    return {"role": role, "content": content}


def _line(text: str) -> str:
    return text.replace("\n", " ")

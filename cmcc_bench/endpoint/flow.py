"""The order in which a dialogue's questions are asked, and the prediction that their answers make.

The same functions ask the model during a run and read the journal at its end, so that a resumed run gives the same
lines as an uninterrupted one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from typing import TypeVar

from cmcc_bench.endpoint.answers import Problem, Understanding, read_reply, read_understanding
from cmcc_bench.endpoint.client import ChatMessage, ContextTooLongError
from cmcc_bench.endpoint.items import ItemTask, ModelAnswer
from cmcc_bench.endpoint.questions import Asking, ModelQuestion, said
from cmcc_bench.errors import DataError
from cmcc_bench.tasks import Prediction, Row
from cmcc_bench.views.kb import LocalKB, kb_from_json
from cmcc_bench.views.response import kb_result

Ask = Callable[[ModelQuestion], Awaitable[str]]  # returns the text of the answer
_Result = TypeVar("_Result")


def steps_of(asking: Asking) -> tuple[str, ...]:
    """The steps of the questions about a row, in order."""
    if asking.item:
        return ("answer",)
    return ("understand", "reply") if asking.mode == "end2end" else ("reply",)


async def answer_dialogue(asking: Asking, rows: Sequence[Row], ask: Ask) -> list[ModelAnswer]:
    """The predictions for the rows of a dialogue, in their order.

    What needs no earlier answer is asked at the same time. If a question fails, those in flight are finished first, so
    that their answers are kept.
    """
    if not rows:
        return []
    if item := asking.item:
        return await together(_row(asking, item, row, number, ask) for number, row in enumerate(rows))
    if asking.mode == "oracle":
        return await together(_oracle(asking, rows, number, ask) for number in range(len(rows)))
    return await _end_to_end(asking, rows, ask)


async def ask_shortened(
    question: ModelQuestion, complete: Callable[[list[ChatMessage]], Awaitable[_Result]]
) -> tuple[_Result, int, int]:
    """What `complete` returns for the messages of a question, and how many turns and shots were left out of them.

    While it raises ContextTooLongError, the oldest half of the turns is left out, then half of the shots. Raises
    cmcc.DataError if nothing is left to leave out.
    """
    turns, shots = question.turns, question.shots
    while True:
        try:
            result = await complete(question.messages(turns, shots))
            return result, len(question.turns) - len(turns), question.shots - shots
        except ContextTooLongError:
            if spare := len(turns) - min(question.least_turns, len(turns)):
                turns = turns[spare - spare // 2 :]
            elif shots:
                shots //= 2
            else:
                hint = "Choose a model with a longer context, or a shorter prompt with --prompt."
                dialogue_id, row, step = question.place
                problem = "the messages are too long for the model, even without earlier turns and shots"
                raise DataError(problem, "", hint, dialogue=dialogue_id, row=row, step=step) from None


async def together(awaitables: Iterable[Awaitable[_Result]]) -> list[_Result]:
    """The results of what runs at the same time; the first error is raised when all have ended."""
    values = []
    for result in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        values.append(result)
    return values


async def _row(asking: Asking, item: ItemTask, row: Row, number: int, ask: Ask) -> ModelAnswer:
    return item.read(await ask(asking.about_row(row, number, item)), row)


async def _oracle(asking: Asking, rows: Sequence[Row], number: int, ask: Ask) -> ModelAnswer:
    row = rows[number]
    text = await ask(asking.about_oracle(row, number, asking.turns_before(rows, number)))
    reply, problem = read_reply(text, is_oracle=True)
    given = {name: row[name] for name in ("entities", "user_intent", "kb_result", "emotions", "acts")}
    return _prediction(row, {**given, "response": reply.response}, problem)


async def _end_to_end(asking: Asking, rows: Sequence[Row], ask: Ask) -> list[ModelAnswer]:
    """Each exchange: names and intents, the KB's answer, then emotions, acts and reply.

    With the context `markov` the next exchange needs the names of this one alone, so replies are not waited for. With
    `full` it needs the reply: the model reads its own replies, as it would in a call.
    """
    kb, turns, replies = kb_from_json(rows[0]["kb"]), list[str](), list[asyncio.Task[ModelAnswer]]()
    try:
        for number, row in enumerate(rows):
            text = await ask(asking.about_user(row, number, turns))
            understanding, problem = read_understanding(text)
            coroutine = _reply(asking, row, number, tuple(turns), understanding, problem, kb, ask)
            replies.append(asyncio.create_task(coroutine))
            if asking.context == "markov":
                turns = list(dict.fromkeys([*turns, *understanding.entities]))
            else:
                turns += said(row["user"], (await replies[-1]).answer["response"])
    except Exception:
        await asyncio.gather(*replies, return_exceptions=True)
        raise
    return await together(replies)


async def _reply(
    asking: Asking,
    row: Row,
    number: int,
    turns: Sequence[str],
    understanding: Understanding,
    problem: Problem | None,
    kb: LocalKB,
    ask: Ask,
) -> ModelAnswer:
    intent = understanding.intent_text
    kb_text = ",".join(kb_result(kb, intent))
    reply, wrong = read_reply(await ask(asking.about_reply(row, number, turns, understanding, kb_text)), False)
    answer = {
        "entities": understanding.entity_text,
        "user_intent": intent,
        "kb_result": kb_text,
        "emotions": ",".join(reply.emotions),
        "acts": ",".join(reply.acts),
        "response": reply.response,
    }
    return _prediction(row, answer, problem, wrong)


def _prediction(row: Row, answer: dict[str, str], *problems: Problem | None) -> ModelAnswer:
    """In lower case, as trained models write."""
    written = {name: text.lower() for name, text in answer.items()}
    prediction = Prediction(row["dialogue_id"], row["exchange"], **written)
    return ModelAnswer(asdict(prediction), tuple(filter(None, problems)))

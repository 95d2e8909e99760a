"""The solver: asks inspect's model the questions about a call, in the order of `cmcc predict openai:MODEL`.

A sample is a call, because its exchanges build on one another: later ones name entities of earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import orjson
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    ResponseSchema,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import JSONSchema

from cmcc_bench.endpoint.answers import LONGEST_ANSWER, answer_line_of
from cmcc_bench.endpoint.client import ChatMessage, ContextTooLongError, Endpoint
from cmcc_bench.endpoint.flow import answer_dialogue, ask_shortened, steps_of
from cmcc_bench.endpoint.questions import Asking, ModelQuestion
from cmcc_bench.endpoint.rows import SplitRows
from cmcc_bench.endpoint.run import CONTEXTS, AskSettings, has_licensed, prepare
from cmcc_bench.errors import DataError

PREDICTIONS = "predictions"  # the key of a sample's store: its lines of a prediction file, as JSON values
_IN_THIS_PROCESS = {"mockllm", "hf", "transformer_lens", "nnterp", "none"}  # providers that send nothing anywhere
_MESSAGES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


@cache
def prepared(
    task: str,
    dataset: str,
    split: str,
    shots: int = 0,
    nearest: bool = False,
    seed: int = 0,
    prompt: str = "",
    context: str = CONTEXTS[0],
    oracle: bool = False,
) -> tuple[Asking, SplitRows]:
    """The way to ask and the rows, from the arguments of a task. Raises cmcc.DataError as `cmcc predict` does."""
    if context not in CONTEXTS:
        raise DataError(f"the context {context!r}", " or ".join(CONTEXTS), "Choose one with -T context=NAME.")
    mode, file = "oracle" if oracle else "end2end", Path(prompt) if prompt else None
    settings = AskSettings(
        task=task, split=split, mode=mode, context=context, prompt=file, shots=shots, nearest=nearest, seed=seed
    )
    return prepare(dataset, settings)


@solver
def ask_about_call(options: Mapping[str, Any], json_schema: bool, send_licensed_data: bool) -> Solver:
    """Puts the prediction lines of a call into the sample's store.

    options: the arguments of `prepared`. json_schema: the form of the answers is sent to the model, where its provider
    can. send_licensed_data: real calls may be sent to the model. The solver raises cmcc.DataError if they would leave
    the machine without permission.
    """
    asking, rows = prepared(**options)
    licensed = has_licensed(asking, rows)

    async def solve(state: TaskState, generate: Generate) -> TaskState:  # noqa: ARG001  # as inspect calls it
        """Asks about one call."""
        model = get_model()
        if licensed and not send_licensed_data:
            check_is_local(model, dataset=options["dataset"], split=options["split"])
        conversations: dict[tuple[int, str], list[ChatMessage]] = {}

        async def ask(question: ModelQuestion) -> str:
            """The text of the model's answer."""

            async def complete(messages: Sequence[ChatMessage]) -> ModelOutput:
                """What the model says to messages."""
                conversations[question.place[1:]] = list(messages)
                return await _complete(model, messages, question if json_schema else None)

            output = state.output = (await ask_shortened(question, complete))[0]
            text: str = output.completion
            conversations[question.place[1:]].append({"role": "assistant", "content": text})
            return text[:LONGEST_ANSWER]

        answers = await answer_dialogue(asking, rows.of(str(state.sample_id)), ask)
        lines = [orjson.loads(answer_line_of(row.answer, row.problems)) for row in answers]
        state.store.set(PREDICTIONS, lines)
        steps = steps_of(asking)
        asked = [conversations[number, step] for number in range(len(answers)) for step in steps]
        # The system message once, and of each question what is new in it: the last message, and the answer.
        shown = asked[0][:1] + [message for messages in asked for message in messages[-2:]]
        state.messages = [_MESSAGES[message["role"]](content=message["content"]) for message in shown]
        return state

    return solve


async def _complete(model: Model, messages: Sequence[ChatMessage], question: ModelQuestion | None) -> ModelOutput:
    """One request. question: whose schema is sent, None for no schema."""
    config = GenerateConfig()
    if question:
        schema = JSONSchema.model_validate(question.schema)
        config = GenerateConfig(response_schema=ResponseSchema(name="answer", json_schema=schema, strict=True))
    output = await model.generate([_MESSAGES[m["role"]](content=m["content"]) for m in messages], config=config)
    if output.stop_reason == "model_length":
        raise ContextTooLongError
    return output


def check_is_local(model: Model, **place: str) -> None:
    """Raises cmcc.DataError, which names the place, if what is sent to a model may leave this machine.

    It stays if the model is in this process, or its server has a loopback address that inspect knows: --model-base-url.
    """
    provider = str(model).partition("/")[0]
    url = model.api.base_url or ""
    local = Endpoint(url, str(model))
    # inspect's client follows HTTP_PROXY and its kind also for a loopback address.
    is_proxied = bool(getproxies()) and not proxy_bypass(local.host)
    if provider in _IN_THIS_PROCESS or (local.is_loopback and not is_proxied):
        return
    host = Endpoint(url, str(model)).host or f"the provider {provider}"
    hint = "If your license allows it, add -T send_licensed_data=true."
    raise DataError(f"licensed calls would be sent to {host}", "", hint, **place)

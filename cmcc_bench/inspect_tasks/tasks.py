"""The tasks that `inspect eval` finds by their names cmcc/emotion, cmcc/entities, cmcc/response and cmcc/satisfaction.

    inspect eval cmcc/emotion --model openai-api/local/NAME -T dataset=cmcc -T shots=4

The entry point `cmcc` in pyproject.toml names this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai import Task, task
from inspect_ai._util.registry import RegistryInfo, registry_add
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import HeadlineMetric
from inspect_ai.model import GenerateConfig
from inspect_ai.util import registry_info

from cmcc_bench import corpus
from cmcc_bench.endpoint.client import Endpoint
from cmcc_bench.inspect_tasks.scorer import call_scores, corpus_scores, shown_labels
from cmcc_bench.inspect_tasks.solver import ask_about_call, prepared

_DEFAULT = Endpoint("", "")  # of its settings


def _item_task(name: str, description: str) -> Callable[..., Task]:
    """A task with one answer a row."""

    def make(
        dataset: str = corpus.SAMPLE,
        split: str = "test",
        shots: int = 0,
        nearest: bool = False,
        seed: int = 0,
        prompt: str = "",
        json_schema: bool = True,
        send_licensed_data: bool = False,
    ) -> Task:
        """Replaced below, with the description."""
        source = {"task": name, "dataset": dataset, "split": split}
        options = {"shots": shots, "nearest": nearest, "seed": seed, "prompt": prompt}
        return _task(source, options, json_schema, send_licensed_data)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"{description}. The arguments are the options of `cmcc predict openai:MODEL`."
    made: Callable[..., Task] = task(make)
    return made


emotion = _item_task("emotion", "The emotions of each user utterance")
entities = _item_task("entities", "The entities of each user utterance")
satisfaction = _item_task("satisfaction", "The user's satisfaction with each call")


@task
def response(
    dataset: str = corpus.SAMPLE,
    split: str = "test",
    context: str = "markov",
    oracle: bool = False,
    shots: int = 0,
    nearest: bool = False,
    seed: int = 0,
    prompt: str = "",
    json_schema: bool = True,
    send_licensed_data: bool = False,
) -> Task:
    """The reply in each exchange, and the labels before it. oracle: the labels are given.

    The arguments are the options of `cmcc predict openai:MODEL`.
    """
    source = {"task": "response", "dataset": dataset, "split": split}
    options = {"shots": shots, "nearest": nearest, "seed": seed, "prompt": prompt}
    return _task(source, options | {"context": context, "oracle": oracle}, json_schema, send_licensed_data)


def _task(source: dict[str, str], options: dict[str, Any], json_schema: bool, send_licensed_data: bool) -> Task:
    asking, rows = prepared(**source, **options)
    declared = asking.task
    samples = []
    for dialogue_id in rows.order:
        dialogue = rows.of(dialogue_id)
        declared.check_labels(dialogue, **source)
        target = [shown_labels(declared, answer) for answer in declared.gold(dialogue)]
        text = "\n".join(row[declared.text] for row in dialogue)
        samples.append(Sample(id=dialogue_id, input=text, target="\n".join(target)))
    return Task(
        dataset=MemoryDataset(samples, name=corpus.short_name(source["dataset"])),
        solver=ask_about_call(source | options, json_schema, send_licensed_data),
        scorer=call_scores(**source),
        metrics=[corpus_scores(declared.name)],
        config=GenerateConfig(temperature=_DEFAULT.temperature, max_tokens=_DEFAULT.max_tokens),
        headline_metric=HeadlineMetric(metric=declared.main),
        metadata={"fingerprint": rows.fingerprint, "prompt_digest": asking.prompt.digest},
    )


# inspect puts the name of the package before that of a task: cmcc_bench/emotion. The module that users import is cmcc.
for _declared in (emotion, entities, response, satisfaction):
    _info = registry_info(_declared)
    registry_add(_declared, RegistryInfo(type="task", name=f"cmcc/{_declared.__name__}", metadata=_info.metadata))

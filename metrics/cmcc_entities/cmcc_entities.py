"""The metric module of entity recognition: `evaluate.load("metrics/cmcc_entities")`.

A thin wrapper of cmcc_bench. Its page is README.md beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import datasets
import evaluate

import cmcc
from cmcc_bench import paper, scoring
from cmcc_bench.tasks import entity_answer

_DESCRIPTION = """\
Micro F1 by exact span and type (strict IOB2), macro F1 over all ten types, F1 of names, and the accuracy of the
emotions, of the entities that a model finds in user utterances of customer-service calls (CMCC, MobileCS),
each with a 95 % confidence interval
from a bootstrap over dialogues."""

_INPUTS = """\
predictions: one per utterance: dialogue_id, utterance, entities (dicts of name, type, start and end; a type's
    English name; the last three are None for names only), emotions (English names; None if not predicted).
references: the same with gold: dialogue_id, utterance, entities, emotions; or rows of
    cmcc_bench.tasks.ENTITIES.
resamples, seed: of the bootstrap; resamples=0 disables confidence intervals."""


class CMCCEntities(evaluate.Metric):  # type: ignore[misc]
    """The metric. compute() returns a dict: each score, its `_low` and `_high`, and `labels`, with a dict per label."""

    def _info(self) -> evaluate.MetricInfo:
        item = {"dialogue_id": datasets.Value("string"), "utterance": datasets.Value("int32")}
        span = {"name": datasets.Value("string"), "start": datasets.Value("int32"), "end": datasets.Value("int32")}
        name, index = datasets.Value("string"), datasets.Value("int32")
        emotion_types = [datasets.List(name), datasets.Value("null")]  # evaluate does not accept None for a list
        predicted = datasets.List({"type": name} | span)
        predictions = item | {"entities": predicted, "emotions": datasets.List(name)}
        rows = item | {"text": name, "overlapping": index, "emotions": datasets.List(index)}
        rows |= {"entities": datasets.List({"type": index} | span)}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=paper.CITATION,
            inputs_description=_INPUTS,
            features=[
                datasets.Features(
                    {
                        "predictions": datasets.Features(item | {"entities": predicted, "emotions": emotions}),
                        "references": datasets.Features(gold),
                    }
                )
                for emotions in emotion_types
                for gold in (predictions, rows)
            ],
        )

    def _compute(  # type: ignore[no-untyped-def]
        self,
        predictions,  # noqa: ANN001 - columns of dicts, as evaluate passes them
        references,  # noqa: ANN001
        resamples: int = 1000,
        seed: int = 0,
    ) -> dict[str, object]:
        answers = [entity_answer(prediction) for prediction in predictions]
        rows = [_row(reference) for reference in references]
        return scoring.score("entities", answers, rows, scoring.Bootstrap(resamples, seed)).flat()


def _row(reference: Mapping[str, Any]) -> dict[str, Any]:
    """A reference as a row of the task, with integer labels. Raises cmcc.DataError for an unknown name."""
    if "overlapping" in reference:  # a row of the task
        return dict(reference)
    gold = entity_answer(reference)
    return {
        "dialogue_id": gold.dialogue_id,
        "utterance": gold.utterance,
        "emotions": [cmcc.EMOTIONS.id_of(name) for name in gold.emotions or ()],
        "entities": [
            {"type": cmcc.ENTITY_TYPES.id_of(e.type), "name": e.name, "start": e.start, "end": e.end}
            for e in gold.entities
            if e.type is not None
        ],
    }

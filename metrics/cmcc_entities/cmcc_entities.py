"""The metric module of entity recognition: `evaluate.load("metrics/cmcc_entities")`, thin over cmcc_bench.

Its page is README.md beside it.
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
Micro F1 by exact span and type (strict IOB2), macro F1 over the fixed ten types, F1 of names, and the accuracy of the
emotions told along, of the entities that a model finds in user utterances of customer-service calls (CMCC, MobileCS),
each with a 95 % bootstrap interval over dialogues."""

_INPUTS = """\
predictions: an utterance each: dialogue_id, utterance, entities (dicts of name, type, start and end; a type's
    English name; the last three None from who tells names alone), emotions (English names, None from who tells none).
references: the same with gold: dialogue_id, utterance, entities, emotions; or rows of
    cmcc_bench.tasks.ENTITIES as they are.
resamples, seed: of the bootstrap; resamples=0 for no intervals."""


class CMCCEntities(evaluate.Metric):  # type: ignore[misc]
    """The metric; compute() gives a dict: each score, its `_low` and `_high`, and `labels`, a dict a label."""

    def _info(self) -> evaluate.MetricInfo:
        place = {"dialogue_id": datasets.Value("string"), "utterance": datasets.Value("int32")}
        where = {"name": datasets.Value("string"), "start": datasets.Value("int32"), "end": datasets.Value("int32")}
        name, index = datasets.Value("string"), datasets.Value("int32")
        either = [datasets.List(name), datasets.Value("null")]  # evaluate takes no None for a list
        predicted = datasets.List({"type": name} | where)
        written = place | {"entities": predicted, "emotions": datasets.List(name)}
        rows = place | {"text": name, "overlapping": index, "emotions": datasets.List(index)}
        rows |= {"entities": datasets.List({"type": index} | where)}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=paper.CITATION,
            inputs_description=_INPUTS,
            features=[
                datasets.Features(
                    {
                        "predictions": datasets.Features(place | {"entities": predicted, "emotions": emotions}),
                        "references": datasets.Features(gold),
                    }
                )
                for emotions in either
                for gold in (written, rows)
            ],
        )

    def _compute(  # type: ignore[no-untyped-def]
        self,
        predictions,  # noqa: ANN001 - columns of dicts, as evaluate hands them over
        references,  # noqa: ANN001
        resamples: int = 1000,
        seed: int = 0,
    ) -> dict[str, object]:
        answers = [entity_answer(prediction) for prediction in predictions]
        rows = [_row(reference) for reference in references]
        return scoring.score("entities", answers, rows, scoring.Bootstrap(resamples, seed)).flat()


def _row(reference: Mapping[str, Any]) -> dict[str, Any]:
    """A reference as a row: labels as integers. Raises cmcc.DataError for an unknown name."""
    if "overlapping" in reference:  # a row as it is
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

"""The metric module of dialogue response generation: `evaluate.load("metrics/cmcc_response")`.

A thin wrapper of cmcc_bench. Its page is README.md beside it.
"""

from __future__ import annotations

import datasets
import evaluate

import cmcc
from cmcc_bench import paper, scoring
from cmcc_bench.tasks import prediction_of

_DESCRIPTION = """\
User-intent and act precision, recall and F1, success rate and BLEU-4 of the responses that a dialogue model generates
for customer-service calls (CMCC, MobileCS), each with a 95 % confidence interval
from a bootstrap over dialogues."""

_INPUTS = """\
predictions: one per exchange: dialogue_id, exchange, entities, user_intent, kb_result, emotions
    (or None), acts, response.
references: the rows of the config `response` for the same exchanges, whole dialogues, in any order.
version: "strict" (default) or "seretod", the scores of SereTOD 2022's track 2 bug for bug.
fold_caring: fold caring acts back into the 13 acts of MobileCS, as the paper does for its baseline.
emotions: score the emotions, too. resamples, seed: of the bootstrap; resamples=0 disables confidence intervals."""


def prediction_features(emotions: str) -> datasets.Features:
    """The fields of scoring.Prediction; emotions: the type of the field `emotions`, "string" or "null"."""
    texts = ("dialogue_id", "entities", "user_intent", "kb_result", "acts", "response")
    features = {name: datasets.Value("string") for name in texts}
    return datasets.Features(features | {"exchange": datasets.Value("int32"), "emotions": datasets.Value(emotions)})


class CMCCResponse(evaluate.Metric):  # type: ignore[misc]
    """The metric. compute() returns a flat dict: each score, its `_low` and `_high`, sizes and settings."""

    def _info(self) -> evaluate.MetricInfo:
        references = cmcc.response_features()
        # evaluate does not accept None for a string, so models without emotions need other features.
        features = [
            datasets.Features({"predictions": prediction_features(emotions), "references": references})
            for emotions in ("string", "null")
        ]
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=paper.CITATION,
            inputs_description=_INPUTS,
            features=features,
        )

    def _compute(  # type: ignore[no-untyped-def]
        self,
        predictions,  # noqa: ANN001 - columns of dicts, as evaluate passes them
        references,  # noqa: ANN001
        version: scoring.Version = "strict",
        fold_caring: bool = False,
        emotions: bool = False,
        resamples: int = 1000,
        seed: int = 0,
    ) -> dict[str, float | int | str | bool]:
        answers = [prediction_of(prediction) for prediction in predictions]
        measure = scoring.response_measure(version, fold_caring, emotions)
        return scoring.score(
            "response", answers, references, scoring.Bootstrap(resamples, seed), measure=measure
        ).flat()

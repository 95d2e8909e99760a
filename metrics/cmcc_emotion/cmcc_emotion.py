"""The metric module of emotion recognition: `evaluate.load("metrics/cmcc_emotion")`.

A thin wrapper of cmcc_bench. Its page is README.md beside it.
"""

from __future__ import annotations

import datasets
import evaluate

import cmcc
from cmcc_bench import paper, scoring
from cmcc_bench.tasks import emotion_answer

_DESCRIPTION = """\
Micro F1, macro F1 over all nine emotions, with and without neutral, and Hamming loss of the emotions that a model
predicts for user utterances of customer-service calls (CMCC), each with a 95 % confidence interval
from a bootstrap over dialogues."""

_INPUTS = """\
predictions: one per utterance: dialogue_id, utterance, emotions (English names).
references: the rows of the config `emotion` for the same utterances, in any order.
resamples, seed: of the bootstrap; resamples=0 disables confidence intervals."""


class CMCCEmotion(evaluate.Metric):  # type: ignore[misc]
    """The metric. compute() returns a dict: each score, its `_low` and `_high`, and `labels`, with a dict per label."""

    def _info(self) -> evaluate.MetricInfo:
        item = {"dialogue_id": datasets.Value("string"), "utterance": datasets.Value("int32")}
        predictions = datasets.Features(item | {"emotions": datasets.List(datasets.Value("string"))})
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=paper.CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": predictions, "references": cmcc.emotion_features()}),
        )

    def _compute(  # type: ignore[no-untyped-def]
        self,
        predictions,  # noqa: ANN001 - columns of dicts, as evaluate passes them
        references,  # noqa: ANN001
        resamples: int = 1000,
        seed: int = 0,
    ) -> dict[str, object]:
        answers = [emotion_answer(prediction) for prediction in predictions]
        return scoring.score("emotion", answers, references, scoring.Bootstrap(resamples, seed)).flat()

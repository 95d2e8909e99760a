"""The metric module of emotion recognition: `evaluate.load("metrics/cmcc_emotion")`, thin over cmcc_bench.

Its page is README.md beside it.
"""

from __future__ import annotations

import datasets
import evaluate

import cmcc
from cmcc_bench import paper, scoring
from cmcc_bench.tasks import emotion_answer

_DESCRIPTION = """\
Micro F1, macro F1 over the fixed nine emotions, with and without neutral, and Hamming loss of the emotions that a model
finds in user utterances of customer-service calls (CMCC), each with a 95 % bootstrap interval over dialogues."""

_INPUTS = """\
predictions: an utterance each: dialogue_id, utterance, emotions (English names).
references: the rows of the config `emotion` for the same utterances, in any order.
resamples, seed: of the bootstrap; resamples=0 for no intervals."""


class CMCCEmotion(evaluate.Metric):  # type: ignore[misc]
    """The metric; compute() gives a dict: each score, its `_low` and `_high`, and `labels`, a dict a label."""

    def _info(self) -> evaluate.MetricInfo:
        place = {"dialogue_id": datasets.Value("string"), "utterance": datasets.Value("int32")}
        said = datasets.Features(place | {"emotions": datasets.List(datasets.Value("string"))})
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=paper.CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": said, "references": cmcc.emotion_features()}),
        )

    def _compute(  # type: ignore[no-untyped-def]
        self,
        predictions,  # noqa: ANN001 - columns of dicts, as evaluate hands them over
        references,  # noqa: ANN001
        resamples: int = 1000,
        seed: int = 0,
    ) -> dict[str, object]:
        answers = [emotion_answer(prediction) for prediction in predictions]
        return scoring.score("emotion", answers, references, scoring.Bootstrap(resamples, seed)).flat()

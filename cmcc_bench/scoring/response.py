"""The two versions of the scores of responses: strict, the default, and seretod, that of SereTOD 2022, bug for bug.

score("response", predictions, rows, measure=response_measure("seretod"))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from cmcc_bench.scoring import seretod
from cmcc_bench.scoring.seretod_form import seretod_dialogue
from cmcc_bench.tasks import Measure, PredictedDialogue, Prediction
from cmcc_bench.tasks.counts import COLUMNS, sum_labels
from cmcc_bench.tasks.response import statistics, strict_measure
from cmcc_bench.tasks.strict import count_emotions

Version: TypeAlias = Literal["strict", "seretod"]
VERSIONS: tuple[Version, ...] = ("strict", "seretod")


def response_measure(version: Version = "strict", fold_caring: bool = False, emotions: bool = False) -> Measure:
    """The measure of responses in a version. fold_caring, emotions: see tasks.response.strict_measure.

    Raises ValueError for an unknown version.
    """
    if version not in VERSIONS:
        raise ValueError(f"unknown version {version!r}; choose {' or '.join(VERSIONS)}")
    if version == "strict":
        return strict_measure(fold_caring, emotions)

    def count(dialogue: PredictedDialogue[Prediction]) -> Sequence[int]:
        """The counts of SereTOD's scorer, and the strict counts of emotions, which SereTOD does not score."""
        pairs = zip(dialogue.predictions, dialogue.rows, strict=True)
        emotion_counts = sum_labels([count_emotions(prediction, row, emotions) for prediction, row in pairs])
        return seretod.count_dialogue(seretod_dialogue(dialogue, fold_caring))._replace(emotions=emotion_counts).flat()

    return Measure(
        count, statistics(seretod.corpus_bleu, emotions), {}, COLUMNS, version, fold_caring, lambda: seretod.SIGNATURE
    )

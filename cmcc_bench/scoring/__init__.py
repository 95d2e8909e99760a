"""Scores with confidence intervals, from answers and gold rows. Only `predictions`, `lines` and `track2` read files.

from cmcc_bench.scoring import read_answers, response_measure, score
score("response", read_answers("preds.jsonl", "response"), rows)      # strict, the default
score("response", predictions, rows, measure=response_measure("seretod"))  # SereTOD 2022's scores, bug for bug
score("emotion", read_answers("emotions.jsonl", "emotion"), emotion_rows)
"""

from cmcc_bench.scoring.bootstrap import Bootstrap, Interval, PairedResult, intervals, paired_results
from cmcc_bench.scoring.predictions import align, read_answers, read_predictions, write_prediction
from cmcc_bench.scoring.response import VERSIONS, Version, response_measure
from cmcc_bench.scoring.score import Comparison, LabelResult, Scores, compare, score
from cmcc_bench.scoring.seretod import SeretodScores, eval_end_to_end

__all__ = [
    "VERSIONS",
    "Bootstrap",
    "Comparison",
    "Interval",
    "LabelResult",
    "PairedResult",
    "Scores",
    "SeretodScores",
    "Version",
    "align",
    "compare",
    "eval_end_to_end",
    "intervals",
    "paired_results",
    "read_answers",
    "read_predictions",
    "response_measure",
    "score",
    "write_prediction",
]

"""Scores: pure functions from predictions and gold rows to numbers with intervals; files only in `predictions`.

from cmcc_bench.scoring import read_predictions, score_responses
score_responses(read_predictions("preds.jsonl"), rows)         # strict, the default
score_responses(read_predictions("preds.jsonl"), rows, "seretod")  # as SereTOD 2022 scored, bug for bug
"""

from .bootstrap import Interval, PairedResult, bootstrap, paired_bootstrap
from .bounds import gold_predictions, majority_predictions, random_predictions
from .predictions import PredictedDialogue, Prediction, align, prediction_of, read_predictions, write_prediction
from .response import ResponseComparison, ResponseScores, Version, compare_responses, score_responses
from .seretod import SeretodScores, eval_end_to_end

__all__ = [
    "Interval",
    "PairedResult",
    "PredictedDialogue",
    "Prediction",
    "ResponseComparison",
    "ResponseScores",
    "SeretodScores",
    "Version",
    "align",
    "bootstrap",
    "compare_responses",
    "eval_end_to_end",
    "gold_predictions",
    "majority_predictions",
    "paired_bootstrap",
    "prediction_of",
    "random_predictions",
    "read_predictions",
    "score_responses",
    "write_prediction",
]

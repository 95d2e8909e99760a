"""The task response: a model writes the segments of an exchange, from the entities to the response. A prediction:

    {"dialogue_id": "a", "exchange": 0, "entities": "", "user_intent": "...", "kb_result": "", "emotions": "...", ...}

The scores are user-intent F1, success rate, act F1 and BLEU-4 in the version strict (tasks.strict). scoring.response
adds the version of SereTOD 2022's track 2, bug for bug. Source: the paper, section 4.1.2 and tables 2 to 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from cmcc_bench import paper
from cmcc_bench.tasks import bleu, strict
from cmcc_bench.tasks.base import Card, Measure, PredictedDialogue, Published, Row, Statistic, Task
from cmcc_bench.tasks.counts import (
    ACTS,
    BLEU,
    COLUMNS,
    EMOTIONS,
    INTENTS,
    SUCCESS,
    count_labels,
    f1,
    of_columns,
    precision,
    recall,
    success_rate,
    sum_labels,
)
from cmcc_bench.tasks.prediction import Prediction, prediction_of
from cmcc_bench.textform import FORMS

_WRITTEN = ("entities", "user_intent", "kb_result", "emotions", "acts", "response")
# Columns that a model must write itself, or that scores are computed from. The local KB is public: systems query it.
_HIDDEN = ("history_entities", *_WRITTEN, "goal")
_NAMES = {
    ("baseline", "end2end"): "Baseline (End2End)",
    ("variant", "end2end"): "Variant (End2End)",
    ("baseline", "oracle"): "Baseline (Oracle)",
    ("variant", "oracle"): "Variant (Oracle)",
    ("no_emotion", "end2end"): "w/o user emotion",
    ("no_caring", "end2end"): "w/o expanded caring acts",
}


def statistics(corpus_bleu: Statistic, emotions: bool = False) -> dict[str, Statistic]:
    """Name of a score -> its function of summed counts, (..., 21) to (...); the columns are counts.COLUMNS."""
    labels = {"intent": INTENTS, "act": ACTS} | ({"emotion": EMOTIONS} if emotions else {})
    of_labels = {
        f"{label}_{name}": of_columns(columns, function)
        for label, columns in labels.items()
        for name, function in (("precision", precision), ("recall", recall), ("f1", f1))
    }
    return of_labels | {"success": of_columns(SUCCESS, success_rate), "bleu": of_columns(BLEU, corpus_bleu)}


def strict_measure(fold_caring: bool = False, emotions: bool = False) -> Measure:
    """The measure of the strict scores.

    fold_caring: replaces the caring acts of both sides by MobileCS's 13 acts, as the paper does for its baseline.
    emotions: also scores the emotions of exchanges whose gold has any; then a model without emotions is an error.
    """

    def count(dialogue: PredictedDialogue[Prediction]) -> Sequence[int]:
        """The counts of one dialogue as a flat tuple."""
        return strict.count_dialogue(dialogue, fold_caring, emotions).flat()

    functions = statistics(bleu.corpus_bleu, emotions)
    return Measure(count, functions, {}, COLUMNS, "strict", fold_caring, bleu.signature)


def _count_both_act_sets(dialogue: PredictedDialogue[Prediction]) -> Sequence[int]:
    """The strict counts with all 17 acts, then the counts of acts with the caring ones replaced by the 13.

    So the leaderboard can compare systems with and without caring acts in one table.
    """
    folded = [
        count_labels(strict.act_labels(prediction.acts, True), strict.act_labels(row["acts"], True))
        for row, prediction in zip(dialogue.rows, dialogue.predictions, strict=True)
    ]
    return (*strict.count_dialogue(dialogue).flat(), *sum_labels(folded))


def _copy(row: Row, source: Row) -> Prediction:
    """A prediction for `row` with the segments of `source`, in lower case, as models write."""
    return Prediction(row["dialogue_id"], row["exchange"], **{name: source[name].lower() for name in _WRITTEN})


def _majority_row(rows: Sequence[Row]) -> Row:
    """The most frequent user intent, emotions, acts and response, each for itself; no entities and no KB result.

    Empty texts are not counted; ties go to the first text by code point.
    """
    majority = {"entities": "", "kb_result": ""}
    for name in ("user_intent", "emotions", "acts", "response"):
        counts = Counter(row[name] for row in rows if row[name])
        majority[name] = min(counts, key=lambda text: (-counts[text], text), default="")
    return majority


def _published() -> Iterator[Published]:
    """The rows of tables 2 and 3. The leaderboard shows those of the mode end2end."""
    for (form, mode), result in paper.RESPONSE_RESULTS.items():
        scores = {name: value for name, value in asdict(result).items() if value is not None}
        board = {
            name if name != "act_f1" or FORMS[form].caring else "act_f1_without_caring": scores[name]
            for name in ("intent_f1", "success", "act_f1", "bleu")
            if name in scores
        }
        table = 2 if form in ("baseline", "variant") else 3
        yield Published((form, mode, ""), _NAMES[form, mode], table, scores, board if mode == "end2end" else None)


RESPONSE = Task(
    name="response",
    title="Response generation, end to end",
    table="Table 2",
    config="response",
    key="exchange",
    text="user",
    labels=dict.fromkeys(_HIDDEN, ""),
    parse=prediction_of,
    unknown=strict.unknown_labels,
    copy=_copy,
    majority_row=_majority_row,
    measure=strict_measure(),
    main="bleu",
    board=Measure(
        _count_both_act_sets,
        statistics(bleu.corpus_bleu, emotions=True)
        | {"act_f1_without_caring": of_columns(slice(len(COLUMNS), len(COLUMNS) + 3), f1)},
    ),
    headline=("bleu", "success", "intent_f1", "act_f1", "act_f1_without_caring", "emotion_f1"),
    shown=("intent_f1", "success", "act_f1", "bleu"),
    compared=("intent_f1", "success", "act_f1", "bleu"),
    gained=("intent_f1", "act_f1", "bleu"),
    names={"intent_f1": "user intent F1"},
    published=tuple(_published()),
    hub={"user_intent_f1": "intent_f1", "act_f1": "act_f1", "success": "success", "bleu_4": "bleu"},
    hub_names={"user_intent_f1": "user intent F1", "act_f1": "act F1", "success": "success", "bleu_4": "BLEU-4"},
    card=Card("dialogue", "text-generation"),
)

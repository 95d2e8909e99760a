"""Dialogue response generation: what a model writes for an exchange, from the entities to the reply.

    {"dialogue_id": "a", "exchange": 0, "entities": "", "user_intent": "...", "kb_result": "", "emotions": "...", ...}

Scored by user-intent F1, success rate, act F1 and BLEU-4, strictly (tasks.strict); as SereTOD 2022's track 2 scored,
bug for bug, by scoring.response. Source: the paper, section 4.1.2 and tables 2 to 4.
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
# What a model must write itself, or the scores are made from. The local KB stays: it is what a system may ask.
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
    """Score name -> the function that makes it from summed counts, (..., 21) to (...), columns as in counts.COLUMNS."""
    labels = {"intent": INTENTS, "act": ACTS} | ({"emotion": EMOTIONS} if emotions else {})
    made = {
        f"{label}_{name}": of_columns(columns, function)
        for label, columns in labels.items()
        for name, function in (("precision", precision), ("recall", recall), ("f1", f1))
    }
    return made | {"success": of_columns(SUCCESS, success_rate), "bleu": of_columns(BLEU, corpus_bleu)}


def strict_measure(fold_caring: bool = False, emotions: bool = False) -> Measure:
    """The strict scores.

    fold_caring: acts of both sides are folded back into MobileCS's 13, as the paper's baseline is scored. emotions:
    score these, too, where gold has them; then whoever writes none is an error.
    """

    def count(dialogue: PredictedDialogue[Prediction]) -> Sequence[int]:
        """The counts of one dialogue, as one row of numbers."""
        return strict.count_dialogue(dialogue, fold_caring, emotions).flat()

    made = statistics(bleu.corpus_bleu, emotions)
    return Measure(count, made, {}, COLUMNS, "strict", fold_caring, bleu.signature)


def _count_both_act_sets(dialogue: PredictedDialogue[Prediction]) -> Sequence[int]:
    """The strict counts over all 17 acts, then the counts of acts with the caring ones folded back.

    So systems with and without caring acts stand in one table of the leaderboard by the same two measures.
    """
    folded = [
        count_labels(strict.act_labels(prediction.acts, True), strict.act_labels(row["acts"], True))
        for row, prediction in zip(dialogue.rows, dialogue.predictions, strict=True)
    ]
    return (*strict.count_dialogue(dialogue).flat(), *sum_labels(folded))


def _copied(row: Row, source: Row) -> Prediction:
    """In lower case, as models write."""
    return Prediction(row["dialogue_id"], row["exchange"], **{name: source[name].lower() for name in _WRITTEN})


def _most(rows: Sequence[Row]) -> Row:
    """The most frequent user intent, emotions, acts and response; no entities, no KB result.

    A text counts as a whole, an empty one not at all; ties go to the first by code point.
    """
    found = {"entities": "", "kb_result": ""}
    for name in ("user_intent", "emotions", "acts", "response"):
        counts = Counter(row[name] for row in rows if row[name])
        found[name] = min(counts, key=lambda text: (-counts[text], text), default="")  # used at once
    return found


def _published() -> Iterator[Published]:
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
    copy=_copied,
    most=_most,
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

"""Whether care-oriented labels help where they should: after a negative emotion of the user, and in caring acts.

BLEU-4 and act F1 of the exchanges whose user has a negative emotion (by gold), beside those of all exchanges, and
recall and precision of the 4 caring acts in all exchanges. The paper argues with examples here (section 4.1.3); these
scores are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cmcc_bench.reports.examples import caring_acts, is_negative
from cmcc_bench.reports.scores import Data, Entry, SystemPair
from cmcc_bench.reports.section import Section, finding
from cmcc_bench.reports.systems import ResponseSystem
from cmcc_bench.reports.table import DIFFERENCES, NOTHING, ReportTable, decimals_of, difference_cells, mark, score_cell
from cmcc_bench.scoring import Bootstrap
from cmcc_bench.scoring.score import comparison_of_scores, scores_of
from cmcc_bench.tasks import RESPONSE, Measure, PredictedDialogue, Prediction, Row
from cmcc_bench.tasks.base import Array
from cmcc_bench.tasks.bleu import corpus_bleu, count_ngrams
from cmcc_bench.tasks.counts import (
    ORDERS,
    BleuCounts,
    LabelCounts,
    count_labels,
    f1,
    of_columns,
    precision,
    recall,
    sum_bleu,
    sum_labels,
)
from cmcc_bench.tasks.strict import act_labels

NAMES = {
    "bleu_negative": "BLEU-4 after a negative emotion",
    "bleu": "BLEU-4, all exchanges",
    "act_f1_negative": "act F1 after a negative emotion",
    "act_f1": "act F1, all exchanges",
    "caring_recall": "recall of caring acts",
    "caring_precision": "precision of caring acts",
}
_TITLE = "After a negative emotion, and caring acts"
# The scores of the sentence, by what it calls them.
_COMPARED = {"bleu_negative": "BLEU-4", "act_f1_negative": "act F1", "caring_recall": "recall of caring acts"}
_ACTS, _CARING, _BLEU = slice(0, 3), slice(3, 6), slice(6, 16)
_NO_NGRAMS = BleuCounts(0, 0, (0,) * ORDERS, (0,) * ORDERS)
_NOTE = "A system without caring acts cannot write them: its recall is 0 by design, and act F1 is over 13 acts."


def care_measure(fold_caring: bool) -> Measure:
    """The scores on exchanges after a negative emotion, and those of caring acts.

    fold_caring: act F1 after caring acts are folded back (tasks.response.strict_measure).
    """

    def count(dialogue: PredictedDialogue[Prediction]) -> Sequence[int]:
        """The counts of one dialogue: acts and BLEU after a negative emotion, caring acts of all exchanges."""
        pairs = list(zip(dialogue.rows, dialogue.predictions, strict=True))
        negative = [(row, predicted) for row, predicted in pairs if is_negative(row)]
        acts = [count_labels(act_labels(p.acts, fold_caring), act_labels(r["acts"], fold_caring)) for r, p in negative]
        caring = [count_labels(caring_acts(p.acts), caring_acts(r["acts"])) for r, p in pairs]
        bleu = sum_bleu([_NO_NGRAMS, *(count_ngrams(p.response, r["response"]) for r, p in negative)])
        none = LabelCounts()
        return (*sum_labels([none, *acts]), *sum_labels([none, *caring]), *bleu[:2], *bleu.matches, *bleu.totals)

    statistics = {
        "bleu_negative": of_columns(_BLEU, _defined_bleu),
        "act_f1_negative": of_columns(_ACTS, f1),
        "caring_recall": of_columns(_CARING, recall),
        "caring_precision": of_columns(_CARING, precision),
    }
    return Measure(count, statistics, {}, (), "strict", fold_caring, RESPONSE.measure.signature)


def _defined_bleu(sums: Array) -> Array:
    """Corpus BLEU, (..., 10) to (...); nan where there is no exchange."""
    return np.where(sums[..., 1] > 0, corpus_bleu(sums), np.nan)


def care_section(
    systems: Sequence[tuple[ResponseSystem, Entry]],
    pairs: Sequence[tuple[ResponseSystem, ResponseSystem, SystemPair]],
    dialogues: Mapping[tuple[str, ...], Sequence[PredictedDialogue[Any]]],
    data: Data,
    bootstrap: Bootstrap,
) -> Section:
    """The section of the systems.

    systems: with their strict scores. pairs: systems to compare, with their strict comparison. dialogues:
    ResponseSystem.key -> predictions beside the gold rows.
    """
    care = {
        system.key: scores_of(RESPONSE, care_measure(system.fold_caring), dialogues[system.key], bootstrap)
        for system, _ in systems
    }
    entries = [
        Entry(
            strict.name,
            replace(care[system.key], scores={**strict.scores.scores, **care[system.key].scores}),
            missing_scores=_missing_scores(system),
        )
        for system, strict in systems
    ]
    compared = []
    for first, second, pair in pairs:
        comparison = comparison_of_scores(care_measure(first.fold_caring), care[first.key], care[second.key])
        comparison = replace(comparison, differences={**pair.compared.differences, **comparison.differences})
        compared.append(SystemPair(pair.first, pair.second, comparison, _missing_scores(second)))
    rows = data.rows
    negative, caring = sum(map(is_negative, rows)), sum(bool(caring_acts(row["acts"])) for row in rows)
    notes = (
        f"{negative} of {len(rows)} exchanges follow a negative emotion; {caring} have a caring act.",
        *filter(None, [rare_care(data.train)]),
        _NOTE,
    )
    sentences, details = [finding(compared[0], _COMPARED)] if compared else [], list[str]()
    for (system, _), entry in zip(systems, entries, strict=True):
        if system.form.emotions and system.form.caring and not system.missing_scores:
            recall_of_gold = score_cell(entry.scores.scores["caring_recall"])
            others = details if sentences and system.training.suffix else sentences
            others.append(f"Recall of caring acts, {entry.name}: {recall_of_gold}.")
    findings = tuple(filter(None, sentences))
    return Section(
        _TITLE,
        NAMES,
        (),
        tuple(_COMPARED),
        tuple(entries),
        pairs=tuple(compared),
        findings=findings,
        details=tuple(details),
        notes=notes,
    )


def rare_care(train: Sequence[Row]) -> str:
    """Why greedy decoding may never write a caring act: their share in training; empty if it is a half or more.

    train: exchanges of the training split.
    """
    negative = [row for row in train if is_negative(row)]
    caring = sum(bool(caring_acts(row["acts"])) for row in negative)
    if not negative or 2 * caring >= len(negative):
        return ""
    return (
        f"In training, {caring / len(negative):.0%} of the {len(negative):,} exchanges after a negative emotion have a "
        "caring act. Greedy decoding writes the most probable acts only, and a share below one half is seldom that."
    )


def _missing_scores(system: ResponseSystem) -> list[str]:
    """All scores but BLEU in oracle mode, where acts are gold."""
    return [name for name in NAMES if system.missing_scores and not name.startswith("bleu")]


def care_tables(section: Section, synthetic: bool) -> list[ReportTable]:
    """The scores of the systems, and the paired tests."""
    rows = tuple(
        (
            entry.name,
            *(
                NOTHING if name in entry.missing_scores else score_cell(entry.scores.scores[name], decimals_of(name))
                for name in NAMES
            ),
        )
        for entry in section.systems
    )
    title = f"{_TITLE}{mark(synthetic)}"
    tables = [ReportTable(title, ("system", *NAMES.values()), rows, (*section.notes, *section.findings))]
    tests = tuple(
        (pair.name, name, *difference_cells(pair.compared.differences[score]))
        for pair in section.pairs
        for score, name in NAMES.items()
        if score not in pair.missing_scores and score in pair.compared.differences
    )
    if tests:
        title = f"{_TITLE}, paired bootstrap test{mark(synthetic)}"
        tables.append(ReportTable(title, ("systems", *DIFFERENCES), tests))
    return tables

"""Labels that a model doubts: likely wrong and likely missing ones, by confident learning for each label.

A label is doubted if the model, which has not trained on the call, finds the opposite more probable, and is as sure of
it as it is on average where the opposite was given: a bold model must be bolder to be believed. Source: Northcutt,
Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021), equations 1 and 2.
Each label is a question of its own, yes or no, as in Thyagarajan et al., "Identifying Incorrect Annotations in
Multi-Label Classification Data" (2022). The satisfaction of a call is one of three levels: it is doubted if another
level is so probable, and the likely right one is proposed.

The package cleanlab has the same for both; it would bring pandas and termcolor into every installation for
a few lines. tests/quality/test_doubts.py compares the two where cleanlab is installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.errors import DataError
from cmcc_bench.ngrams import NgramSettings, fit_ngrams
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.exchange import first_calls
from cmcc_bench.quality.findings import NEUTRAL, Finding, field_of
from cmcc_bench.tasks.base import Array
from cmcc_bench.types import Row
from cmcc_bench.views.flat import satisfaction_rows
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS, SATISFACTION, VOCABULARIES

FOLDS = 5
FIELDS = ("emotions", "acts", "satisfaction")


@dataclass(frozen=True)
class LabeledTexts:
    """The annotated utterances of a field, or for the satisfaction the transcripts of calls.

    places: (dialogue id, utterance) of each, None for a call. gold: [texts, labels].
    """

    field: str
    places: list[tuple[str, int | None]]
    texts: list[str]
    gold: NDArray[np.bool_]

    @property
    def dialogues(self) -> set[str]:
        """The ids of the dialogues."""
        return {dialogue_id for dialogue_id, _ in self.places}


def asked_labels(field: str) -> NDArray[np.int64]:
    """The labels that are doubted: emotions but neutral, which is the absence of others, the caring acts, all levels.

    The other acts are those of the raw files; a care file cannot take them away.
    """
    if field == "emotions":
        return np.delete(np.arange(len(EMOTIONS)), NEUTRAL)
    if field == "satisfaction":
        return np.arange(len(SATISFACTION))
    return np.sort(list(map(ACTS.id_of, CARING_ACTS)))


def labeled_texts(calls: Iterable[Call], field: str) -> LabeledTexts:
    """The annotated utterances, or transcripts, of the first call of each id."""
    found = [
        ((call.dialogue_id, number), text, labels)
        for call in first_calls(call for call in calls if call.labeled)
        for number, text, labels in _labeled(call.row, field)
    ]
    gold = np.zeros((len(found), len(VOCABULARIES[field])), dtype=bool)
    for row, (_, _, labels) in enumerate(found):
        gold[row, labels] = True
    return LabeledTexts(field, [place for place, _, _ in found], [text for _, text, _ in found], gold)


def _labeled(row: Row, field: str) -> Iterator[tuple[int | None, str, list[int]]]:
    """Yields (utterance, text, labels) of each annotated utterance of a dialogue, or of its transcript."""
    if field == "satisfaction":
        yield from ((None, one["text"], [one[field]]) for one in satisfaction_rows(row))
        return
    for number, utterance in enumerate(row["utterances"]):
        if field_of(utterance["speaker"]) == field and utterance[field]:
            yield number, utterance["text"], utterance[field]


def cross_validated(
    data: LabeledTexts,
    seed: int = 0,
    settings: NgramSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> Array:
    """The probability of each label from character n-grams that trained on other dialogues: [texts, labels].

    The dialogues are in FOLDS parts by a digest of seed and id; each part is predicted by a model of the others.
    Raises cmcc.DataError with fewer than two dialogues.
    """
    parts = np.array([_part(dialogue_id, seed) for dialogue_id, _ in data.places])
    probabilities, labels = np.zeros(data.gold.shape), asked_labels(data.field)
    names = [VOCABULARIES[data.field].names[label] for label in labels]
    if len(np.unique(parts)) < 2:
        hint = "Check more calls, or give a trained model with --model."
        raise DataError(f"too few dialogues with {data.field} for a cross-validation", "", hint)
    for part in np.unique(parts):
        train, held_out = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        texts = [data.texts[row] for row in train]
        gold, multi_label = data.gold[np.ix_(train, labels)], data.field != "satisfaction"
        model = fit_ngrams(texts, gold, names, multi_label=multi_label, settings=settings or NgramSettings())
        probabilities[np.ix_(held_out, labels)] = model.probabilities([data.texts[row] for row in held_out])
        if progress:
            progress(1)
    return probabilities


def _part(dialogue_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {dialogue_id}".encode()).digest()[:8], "big") % FOLDS


def confident_errors(given: NDArray[np.bool_], probabilities: Array) -> tuple[NDArray[np.bool_], Array]:
    """Which given labels, yes or no, are likely errors, and how doubtful each is, 0 to 1: both [texts, labels].

    given, probabilities: [texts, labels]; the model must not have trained on these texts.
    """
    doubted, doubt = np.zeros_like(given), np.where(given, 1 - probabilities, probabilities)
    for label in range(given.shape[1]):
        has, p = given[:, label], probabilities[:, label]
        if has.any() and not has.all():
            sure_of_yes = p >= p[has].mean()  # as it is on average where the label was given
            sure_of_no = 1 - p >= (1 - p[~has]).mean()
            doubted[:, label] = np.where(has, sure_of_no & (p <= 0.5), sure_of_yes & (p > 0.5))
    return doubted, doubt


def confident_levels(given: NDArray[np.int64], probabilities: Array) -> NDArray[np.int64]:
    """The class that a text is confidently in, where it is not the given one; -1 for labels that are not doubted.

    given: [texts] classes. probabilities: [texts, classes]; the model must not have trained on these texts.
    """
    classes = range(probabilities.shape[1])
    average = np.array([probabilities[given == one, one].mean() if (given == one).any() else np.inf for one in classes])
    confident = np.where(probabilities >= average, probabilities, -1)
    doubted = (confident.max(axis=1) >= 0) & (confident.argmax(axis=1) != given)
    doubted &= probabilities.argmax(axis=1) != given
    return np.where(doubted, confident.argmax(axis=1), -1)


def doubts(data: LabeledTexts, probabilities: Array) -> list[Finding]:
    """Findings about the labels that are likely errors, the most doubtful first. detail: the label's probability."""
    if data.field == "satisfaction":
        return _doubted_levels(data, probabilities)
    doubted, doubt = confident_errors(data.gold, probabilities)
    asked = np.isin(np.arange(doubted.shape[1]), asked_labels(data.field))
    rows, labels = np.nonzero(doubted & asked)
    order = np.lexsort((labels, rows, -doubt[rows, labels]))
    return [_finding(data, int(rows[at]), int(labels[at]), float(probabilities[rows[at], labels[at]])) for at in order]


def _doubted_levels(data: LabeledTexts, probabilities: Array) -> list[Finding]:
    """A finding for each level that is likely wrong: it names the likely right one."""
    given = data.gold.argmax(axis=1)
    expected, p_given = confident_levels(given, probabilities), probabilities[np.arange(len(given)), given]
    rows = np.flatnonzero(expected >= 0)
    findings = []
    for row in rows[np.argsort(p_given[rows], kind="stable")]:
        level, name = int(expected[row]), SATISFACTION.names[given[row]]
        detail = f"probability {probabilities[row, level]:.2f}, {name} {p_given[row]:.2f}"
        dialogue_id, _ = data.places[row]
        findings.append(Finding("likely_wrong_label", dialogue_id, None, detail, data.field, level, adds=True))
    return findings


def _finding(data: LabeledTexts, row: int, label: int, probability: float) -> Finding:
    adds = not data.gold[row, label]
    kind = "likely_missing_label" if adds else "likely_wrong_label"
    return Finding(kind, *data.places[row], f"probability {probability:.2f}", data.field, label, adds)


def without(data: LabeledTexts, trained: Collection[str]) -> LabeledTexts:
    """The utterances of dialogues that a model did not train on."""
    kept = [row for row, (dialogue_id, _) in enumerate(data.places) if dialogue_id not in trained]
    places, texts = [data.places[row] for row in kept], [data.texts[row] for row in kept]
    return LabeledTexts(data.field, places, texts, data.gold[kept])


def most_doubtful(findings: Sequence[Sequence[Finding]], count: int) -> list[Finding]:
    """The first `count` of several lists, taken in turn."""
    longest = max(map(len, findings), default=0)
    turns = (one[at] for at in range(longest) for one in findings if at < len(one))
    return [finding for finding, _ in zip(turns, range(count), strict=False)]

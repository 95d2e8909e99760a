"""One label from the labels of several annotators: by majority, or by Dawid and Skene's model of annotators.

The majority counts every annotator the same. Dawid-Skene estimates, from the votes alone, how often each annotator
gives which label when another is right, and weighs votes accordingly: two annotators who both tend to miss a label do
not outvote one who finds it. It needs three annotators; with two, the votes do not show who of them is right.

The package crowd-kit has Dawid-Skene, too; it would bring transformers and nltk into every installation for these few
lines, and has no smoothing, without which a rare label that an annotator never gave is impossible for ever.
tests/quality/test_aggregation.py compares the two where crowd-kit is installed.

Source: Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied
Statistics 28 (1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.quality.findings import NEUTRAL
from cmcc_bench.quality.review import propose
from cmcc_bench.tasks.base import Array
from cmcc_bench.vocabulary import VOCABULARIES

METHODS = ("majority", "dawid-skene")
_SMOOTHING = 0.1  # votes of each kind that every annotator is given in advance
_TIE = 1e-6  # the weight by which the annotator named first decides a tie


@dataclass(frozen=True)
class Proposal:
    """Labels, sorted class indices, and the probability of the least certain of them; of a majority, its share."""

    labels: tuple[int, ...]
    certainty: float


def majority(votes: NDArray[np.int64], classes: int) -> Array:
    """The share of votes for each class: [units, classes]. A tie goes to the annotator who is named first.

    votes: [units, annotators] class indices, -1 where an annotator did not vote; at least one vote for a unit.
    """
    chosen = _one_hot(votes, classes)
    first = chosen[np.arange(len(votes)), (votes >= 0).argmax(axis=1)]  # [units, classes]
    shares: Array = (chosen.sum(axis=1) + _TIE * first) / (chosen.sum(axis=(1, 2)) + _TIE)[:, None]
    return shares


def dawid_skene(votes: NDArray[np.int64], classes: int, rounds: int = 100, smoothing: float = _SMOOTHING) -> Array:
    """The probability of each class: [units, classes], by expectation maximization that begins with the majority.

    votes: as for `majority`. smoothing: votes that are added to each cell of each annotator's confusion matrix.
    """
    chosen = _one_hot(votes, classes)  # [units, annotators, classes]
    posterior = majority(votes, classes)
    for _ in range(rounds):
        prior = posterior.sum(axis=0) + smoothing
        confusion = np.einsum("uk,uac->akc", posterior, chosen) + smoothing  # [annotators, true class, given class]
        confusion /= confusion.sum(axis=2, keepdims=True).clip(1e-300)
        logs = np.log((prior / prior.sum()).clip(1e-300)), np.log(confusion.clip(1e-300))
        scores = logs[0] + np.einsum("uac,akc->uk", chosen, logs[1])
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        before, posterior = posterior, scores / scores.sum(axis=1, keepdims=True)
        if np.abs(posterior - before).max() < 1e-7:
            break
    return posterior


def _one_hot(votes: NDArray[np.int64], classes: int) -> Array:
    return np.asarray(votes[:, :, None] == np.arange(classes), dtype=np.float64)


def propose_labels(
    field: str, given: Sequence[Mapping[str, tuple[int, ...]]], annotators: Sequence[str], method: str
) -> list[Proposal]:
    """The proposal for each unit. given: for each unit, the labels by annotator; two or more annotators each.

    Each label is decided by itself, yes or no; the levels of satisfaction together. method: one of METHODS.
    """
    if not given:
        return []
    decide = {"majority": majority, "dawid-skene": dawid_skene}[method]
    if field == "satisfaction":
        votes = np.array([[one[name][0] if name in one else -1 for name in annotators] for one in given])
        shares = decide(votes, len(VOCABULARIES[field]))
        return [Proposal((int(row.argmax()),), float(row.max())) for row in shares]
    labels: list[list[int]] = [[] for _ in given]
    certainty = np.ones(len(given))
    for label in range(len(VOCABULARIES[field])):
        if field == "emotions" and label == NEUTRAL:
            continue  # neutral is the absence of all others
        votes = np.array([[label in one[name] if name in one else -1 for name in annotators] for one in given]).astype(
            np.int64
        )
        if (votes == 1).any():
            shares = decide(votes, 2)
            certainty = np.minimum(certainty, shares.max(axis=1))
            for unit in np.flatnonzero(shares.argmax(axis=1) == 1):
                labels[unit].append(label)
    return [Proposal(propose(field, one, (), ()), float(p)) for one, p in zip(labels, certainty, strict=True)]

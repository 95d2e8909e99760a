"""Counts over dialogues. They add up over blocks, so the order of the blocks does not matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from cmcc_bench.statistics.columns import Columns, LabelColumn
from cmcc_bench.vocabulary import ACTS, EMOTIONS, INTENTS, SATISFACTION, SYNTHETIC_ID

Integers = NDArray[np.int64]
KINDS = {"emotions": EMOTIONS, "acts": ACTS, "intents": INTENTS}

_SERVICE, _USER = 0, 1
_E, _A, _S = len(EMOTIONS), len(ACTS), len(SATISFACTION)


def _zeros(*shape: int) -> Callable[[], Integers]:
    return lambda: np.zeros(shape, dtype=np.int64)


@dataclass(frozen=True)
class Counts:
    """Counts over dialogues; arrays are indexed by class, in the vocabularies' order.

    turns, utterances_a_dialogue: number of dialogues by number of raw turns, and by number of utterances.
    utterances, characters: by speaker. exchanges: user utterances that a service utterance follows.
    non_neutral: user utterances with a negative emotion.
    labels: by kind, how often each class is given. labels_an_utterance: by kind, number of annotated utterances by
    number of labels. annotated_dialogues: dialogues with satisfaction, with emotions, with acts and with intents.
    emotion_pairs [9, 9], act_pairs [17, 17]: utterances with both labels; on the diagonal, with the label.
    transitions [9, 17]: exchanges by an emotion of the user's utterance and an act of the reply.
    flows: the same over the first four utterances from the user's first one on, between the first and the second
    [9, 17], the second and the third [17, 9], the third and the fourth [9, 17].
    satisfaction_by_emotion [9, 3]: dialogues with an emotion, by their satisfaction.
    """

    dialogues: int = 0
    synthetic: int = 0
    exchanges: int = 0
    non_neutral: int = 0
    turns: Counter[int] = field(default_factory=Counter)
    utterances_a_dialogue: Counter[int] = field(default_factory=Counter)
    utterances: Integers = field(default_factory=_zeros(2))
    characters: Integers = field(default_factory=_zeros(2))
    satisfaction: Integers = field(default_factory=_zeros(_S))
    labels: Counter[tuple[str, int]] = field(default_factory=Counter)
    labels_an_utterance: Counter[tuple[str, int]] = field(default_factory=Counter)
    annotated_dialogues: Counter[str] = field(default_factory=Counter)
    emotion_pairs: Integers = field(default_factory=_zeros(_E, _E))
    act_pairs: Integers = field(default_factory=_zeros(_A, _A))
    transitions: Integers = field(default_factory=_zeros(_E, _A))
    first_flow: Integers = field(default_factory=_zeros(_E, _A))
    second_flow: Integers = field(default_factory=_zeros(_A, _E))
    third_flow: Integers = field(default_factory=_zeros(_E, _A))
    satisfaction_by_emotion: Integers = field(default_factory=_zeros(_E, _S))

    def __add__(self, other: Counts) -> Counts:
        """The sum of the counts."""
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def named(self, kind: str) -> dict[str, int]:
        """How often each class of `emotions`, `acts` or `intents` is given, by its English name."""
        return {name: self.labels[kind, index] for index, name in enumerate(KINDS[kind])}

    def turns_in_all(self) -> int:
        """The total number of raw turns."""
        return sum(turns * dialogues for turns, dialogues in self.turns.items())

    def annotated_utterances(self, kind: str) -> int:
        """Number of utterances annotated with a kind of label, including those annotated with no labels."""
        return sum(count for (of, _), count in self.labels_an_utterance.items() if of == kind)


def count(columns: Columns) -> Counts:
    """The counts of a block of dialogues."""
    labels = {"emotions": columns.emotions, "acts": columns.acts, "intents": columns.intents}
    emotions, acts = columns.emotions.present(), columns.acts.present()
    pairs = _exchanges(columns)
    first, second, third = _flows(columns, emotions, acts)
    return Counts(
        dialogues=len(columns.sizes),
        synthetic=pc.sum(pc.starts_with(columns.dialogue_ids, SYNTHETIC_ID)).as_py() or 0,
        exchanges=len(pairs),
        non_neutral=int(emotions[:, 1:].any(axis=1).sum()),
        turns=_histogram(_raw_turns(columns)),
        utterances_a_dialogue=_histogram(columns.sizes),
        utterances=np.bincount(columns.speakers, minlength=2),
        characters=np.bincount(columns.speakers, weights=columns.lengths, minlength=2).astype(np.int64),
        satisfaction=np.bincount(columns.satisfaction[columns.satisfaction >= 0], minlength=_S),
        labels=_by_kind({kind: of.values for kind, of in labels.items()}),
        labels_an_utterance=_by_kind({kind: of.sizes[of.annotated] for kind, of in labels.items()}),
        annotated_dialogues=_annotated_dialogues(columns, labels),
        emotion_pairs=_product(emotions, emotions),
        act_pairs=_product(acts, acts),
        transitions=_product(emotions[pairs], acts[pairs + 1]),
        first_flow=first,
        second_flow=second,
        third_flow=third,
        satisfaction_by_emotion=_satisfaction_by_emotion(columns),
    )


def _histogram(values: Integers) -> Counter[int]:
    distinct, times = np.unique(values, return_counts=True)
    return Counter(dict(zip(distinct.tolist(), times.tolist(), strict=True)))


def _by_kind(values: Mapping[str, Integers]) -> Counter[tuple[str, int]]:
    return Counter({(kind, value): n for kind, of in values.items() for value, n in _histogram(of).items()})


def _product(left: NDArray[np.float64], right: NDArray[np.float64]) -> Integers:
    return np.asarray(np.rint(left.T @ right), dtype=np.int64)


def _raw_turns(columns: Columns) -> Integers:
    """[D] number of raw turns: the index of the last one plus 1; 0 without utterances."""
    ends = np.cumsum(columns.sizes) - 1
    return np.where(columns.sizes > 0, columns.turns[ends] + 1, 0) if len(columns.turns) else 0 * columns.sizes


def _exchanges(columns: Columns) -> Integers:
    """Indices of the user utterances that a service utterance of the same dialogue follows."""
    replied = (columns.speakers[:-1] == _USER) & (columns.speakers[1:] == _SERVICE) & columns.followed()
    return np.flatnonzero(replied)


def _flows(columns: Columns, emotions: NDArray[np.float64], acts: NDArray[np.float64]) -> list[Integers]:
    """Transitions between the first four utterances from the first user utterance on, while the speakers alternate."""
    users = np.flatnonzero(columns.speakers == _USER)
    _, first = np.unique(columns.owners[users], return_index=True)
    here, flows = users[first], []
    for step, (left, right) in enumerate(((emotions, acts), (acts, emotions), (emotions, acts))):
        here = here[here + 1 < len(columns.speakers)]
        next_speaker = _SERVICE if step % 2 == 0 else _USER
        here = here[(columns.speakers[here + 1] == next_speaker) & (columns.owners[here] == columns.owners[here + 1])]
        flows.append(_product(left[here], right[here + 1]))
        here = here + 1
    return flows


def _annotated_dialogues(columns: Columns, labels: Mapping[str, LabelColumn]) -> Counter[str]:
    counts = Counter({"satisfaction": int((columns.satisfaction >= 0).sum())})
    for kind, of in labels.items():
        counts[kind] = len(np.unique(columns.owners[of.annotated]))
    return counts


def _satisfaction_by_emotion(columns: Columns) -> Integers:
    has_emotion = np.zeros((len(columns.sizes), _E))
    has_emotion[columns.owners[columns.emotions.owners], columns.emotions.values] = 1
    outcome = np.zeros((len(columns.sizes), _S))
    annotated = np.flatnonzero(columns.satisfaction >= 0)
    outcome[annotated, columns.satisfaction[annotated]] = 1
    return _product(has_emotion, outcome)

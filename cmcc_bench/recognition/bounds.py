"""The rows that every recognition table needs beside its systems: gold, majority, random, and honest cheap baselines.

The cheap ones: a logistic regression over character n-grams (scikit-learn) for labels, and the longest names that the
training data know for entities. They learn in seconds, and a model has to be better than they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from cmcc_bench.errors import DataError
from cmcc_bench.scoring import Answer, EmotionAnswer, Entity, EntityAnswer, SatisfactionAnswer
from cmcc_bench.vocabulary import EMOTIONS, ENTITY_TYPES, SATISFACTION

Row = Mapping[str, Any]

_EMOTIONS, _TYPES, _SATISFACTION = tuple(EMOTIONS), tuple(ENTITY_TYPES), tuple(SATISFACTION)
_NGRAMS, _LEAST = (1, 3), 2  # characters a feature; texts that it must occur in
_THRESHOLD = 0.3  # as for the published classifier


def bound_answers(task: str, train: Sequence[Row], rows: Sequence[Row], seed: int) -> dict[str, list[Answer]]:
    """Name -> answers: gold, the cheap baseline, majority, random. train, rows: recognition.rows.task_rows.

    Raises cmcc.DataError without training rows.
    """
    if not train:
        hint = "Build the data set with files for train, too; cmcc score needs none."
        raise DataError("no training rows", f"rows of the task {task}", hint, data="train")
    make = _MAKERS[task]
    drawn = np.random.default_rng(seed).integers(len(train), size=len(rows))
    (name, cheap), most = make.cheap, make.most(train)
    return {
        "gold": [make.copy(row, row) for row in rows],
        name: cheap(train, rows),
        "majority": [make.copy(row, most) for row in rows],
        "random": [make.copy(row, train[number]) for row, number in zip(rows, drawn, strict=True)],
    }


class _Maker:
    """Of a task: an answer for a row that says what another row has; a row with the most frequent answer."""

    def __init__(
        self,
        copy: Callable[[Row, Row], Answer],
        fields: tuple[str, ...],
        name: str,
        cheap: Callable[[Sequence[Row], Sequence[Row]], list[Answer]],
    ) -> None:
        self.copy, self.fields, self.cheap = copy, fields, (name, cheap)

    def most(self, train: Iterable[Row]) -> Row:
        """A training row whose answer is the most frequent one, the first of equals."""
        seen: dict[bytes, Row] = {}
        counts: Counter[bytes] = Counter()
        for row in train:
            key = orjson.dumps([row[field] for field in self.fields])
            seen.setdefault(key, row)
            counts[key] += 1
        return seen[min(counts, key=lambda key: (-counts[key], key))]


def _copied_emotions(row: Row, source: Row) -> Answer:
    return EmotionAnswer(row["dialogue_id"], row["utterance"], tuple(_EMOTIONS[i] for i in source["emotions"]))


def _copied_entities(row: Row, source: Row) -> Answer:
    """The source's spans where the row's text is long enough for them."""
    text = row["text"]
    entities = tuple(
        Entity(text[e["start"] : e["end"]], _TYPES[e["type"]], e["start"], e["end"])
        for e in source["entities"]
        if e["end"] <= len(text)
    )
    emotions = tuple(_EMOTIONS[index] for index in source["emotions"])
    return EntityAnswer(row["dialogue_id"], row["utterance"], entities, emotions)


def _copied_satisfaction(row: Row, source: Row) -> Answer:
    return SatisfactionAnswer(row["dialogue_id"], _SATISFACTION[source["satisfaction"]])


def _ngram_model(classifier: object) -> Pipeline:
    return make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=_NGRAMS, min_df=_LEAST), classifier)


def _emotions_of_ngrams(train: Sequence[Row], rows: Sequence[Row]) -> list[Answer]:
    """A regression for each emotion that occurs both with and without; of the others nothing is said."""
    gold = np.zeros((len(train), len(_EMOTIONS)), dtype=int)
    for place, row in enumerate(train):
        gold[place, row["emotions"]] = 1
    told = [index for index in range(len(_EMOTIONS)) if 0 < gold[:, index].sum() < len(train)]
    if not told:
        return [_copied_emotions(row, train[0]) for row in rows]
    model = _ngram_model(OneVsRestClassifier(LogisticRegression(C=10.0, max_iter=1000)))
    model.fit([row["text"] for row in train], gold[:, told])
    found = model.predict_proba([row["text"] for row in rows]) >= _THRESHOLD
    return [
        EmotionAnswer(row["dialogue_id"], row["utterance"], tuple(_EMOTIONS[told[i]] for i in np.flatnonzero(said)))
        for row, said in zip(rows, found, strict=True)
    ]


def _satisfaction_of_ngrams(train: Sequence[Row], rows: Sequence[Row]) -> list[Answer]:
    gold = [row["satisfaction"] for row in train]
    if len(set(gold)) < 2:
        return [_copied_satisfaction(row, train[0]) for row in rows]
    model = _ngram_model(LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced"))
    model.fit([row["text"] for row in train], gold)
    found = model.predict([row["text"] for row in rows])
    pairs = zip(rows, found, strict=True)
    return [SatisfactionAnswer(row["dialogue_id"], _SATISFACTION[int(label)]) for row, label in pairs]


def _entities_of_names(train: Sequence[Row], rows: Sequence[Row]) -> list[Answer]:
    """The names of training entities wherever they stand in a text, the longest first, with their commonest type.

    A name that is an entity less often than it is none is left alone. No emotions.
    """
    counts: dict[str, Counter[int]] = {}
    for row in train:
        for entity in row["entities"]:
            counts.setdefault(entity["name"], Counter())[entity["type"]] += 1
    texts = "\n".join(row["text"] for row in train)
    types = {
        name: min(found, key=lambda label: (-found[label], label))
        for name, found in counts.items()
        if name and 2 * found.total() >= texts.count(name)
    }
    longest_first = sorted(types, key=lambda name: (-len(name), name))
    return [
        EntityAnswer(row["dialogue_id"], row["utterance"], _names_in(row["text"], types, longest_first)) for row in rows
    ]


def _names_in(text: str, types: Mapping[str, int], longest_first: Sequence[str]) -> tuple[Entity, ...]:
    taken = [False] * len(text)
    found = []
    for name in longest_first:
        start = text.find(name)
        while start >= 0:
            end = start + len(name)
            if not any(taken[start:end]):
                taken[start:end] = [True] * len(name)
                found.append(Entity(name, _TYPES[types[name]], start, end))
            start = text.find(name, end)
    return tuple(sorted(found, key=lambda entity: entity.start or 0))


_MAKERS = {
    "emotion": _Maker(_copied_emotions, ("emotions",), "character n-grams, logistic regression", _emotions_of_ngrams),
    "entities": _Maker(_copied_entities, ("entities", "emotions"), "names known from training", _entities_of_names),
    "satisfaction": _Maker(
        _copied_satisfaction, ("satisfaction",), "character n-grams, logistic regression", _satisfaction_of_ngrams
    ),
}

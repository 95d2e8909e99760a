"""The task entities: the entities of a user utterance with their types and spans, and its emotions. A line:

    {"dialogue_id": "a", "utterance": 1, "entities": [{"type": "package", "name": "...", "start": 0, "end": 2}], ...}

Source: the paper, section 4.2.2 and table 9.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from cmcc_bench import paper, vocabulary
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json
from cmcc_bench.kept import kept, key_of
from cmcc_bench.tasks.base import Card, Measure, Place, PredictedDialogue, Published, Row, Task, Written, most_frequent
from cmcc_bench.tasks.counts import count_labels, f1, macro, micro, of_columns, precision, recall, share
from cmcc_bench.tasks.fields import emotion_labels, known_labels, list_of, number_of, record_of, text_of
from cmcc_bench.tasks.prediction import Prediction
from cmcc_bench.tasks.written import written_for
from cmcc_bench.textform import read_labels
from cmcc_bench.vocabulary import ENTITY_TYPES

TYPES, EMOTIONS = ENTITY_TYPES.names, vocabulary.EMOTIONS.names
DIALOGUE_LABELS = ("emotions", "intents", "acts", "entities", "triples")  # of the utterances of `labeled`
_BASELINE = ("baseline", "end2end", "")  # the dialogue model whose entities the paper scores


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity: its name, text[start:end], and its type. The last three are None if the system gives names only."""

    name: str
    type: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def span(self) -> tuple[str, int, int] | None:
        """Type, start and end; None if any of them is None."""
        if self.type is None or self.start is None or self.end is None:
            return None
        return self.type, self.start, self.end


@dataclass(frozen=True, slots=True)
class EntityAnswer:
    """The predicted entities of a user utterance, and its emotions; None if the system gives no emotions."""

    dialogue_id: str
    utterance: int
    entities: tuple[Entity, ...]
    emotions: tuple[str, ...] | None = None


def entity_answer(value: object, place: Place | None = None) -> EntityAnswer:
    """Reads an answer from a decoded JSON object. Raises cmcc.DataError, which names the field, for an invalid one."""
    record, place = record_of(value, place or {})
    entities = list_of(record, "entities", place)
    return EntityAnswer(
        text_of(record, "dialogue_id", place),
        number_of(record, "utterance", place),
        tuple(_entity(entity, place | {"entity": number}) for number, entity in enumerate(entities)),
        None if record.get("emotions") is None else emotion_labels(record, place),
    )


def _entity(value: object, place: Place) -> Entity:
    record, place = record_of(value, place)
    name = text_of(record, "name", place)
    if all(record.get(field) is None for field in ("type", "start", "end")):
        return Entity(name)
    (label,) = known_labels([record.get("type")], ENTITY_TYPES, place | {"field": "type"})
    start, end = number_of(record, "start", place), number_of(record, "end", place)
    if end <= start:
        hint = "Set start and end so that text[start:end] is the name."
        raise DataError(f"the end {end} is not after the start {start}", "", hint, **place, field="end")
    return Entity(name, label, start, end)


def is_hidden_dialogue(row: Row) -> bool:
    """Whether a row of `labeled` has no labels, because they are hidden. A row without any label looks the same."""
    return not any(utterance[name] for utterance in row["utterances"] for name in DIALOGUE_LABELS)


def entity_rows(row: Row) -> list[dict[str, Any]]:
    """The task's rows of a row of `labeled`, one for each annotated user utterance.

    Columns: dialogue_id, utterance, text, emotions, entities, overlapping. entities: dicts of type, name, start and
    end, sorted by start, of the entities that have a span; None if the labels are hidden. BIO tags cannot overlap, so
    of two overlapping entities only the longer one is kept; overlapping: the number of those left out.
    """
    rows, hidden = [], is_hidden_dialogue(row)
    for index, utterance in enumerate(row["utterances"]):
        if utterance["emotions"] is None:
            continue
        spans = {(e["start"], e["end"], e["type"]): e["name"] for e in utterance["entities"] if e["start"] is not None}
        kept = _without_overlaps(spans)
        rows.append(
            {
                "dialogue_id": row["dialogue_id"],
                "utterance": index,
                "text": utterance["text"],
                "emotions": utterance["emotions"],
                "entities": None
                if hidden
                else [
                    {"type": label, "name": spans[start, end, label], "start": start, "end": end}
                    for start, end, label in kept
                ],
                "overlapping": len(spans) - len(kept),
            }
        )
    return rows


def _without_overlaps(spans: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Spans (start, end, type) that do not overlap, chosen from the longest to the shortest, then sorted."""
    kept: list[tuple[int, int, int]] = []
    for span in sorted(spans, key=lambda span: (span[0] - span[1], span)):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


def entities_written(predictions: Iterable[Prediction], rows: Iterable[Row]) -> list[EntityAnswer]:
    """The names that a dialogue model wrote as entities, for each user utterance with a reply in rows of `labeled`.

    Only names that occur in the user's text are kept: other names are inferred, not extracted. A dialogue model writes
    neither types nor spans. Raises cmcc.DataError if an exchange has no prediction.
    """
    answers = []
    for row, utterance, prediction in written_for(predictions, rows):
        text = row["utterances"][utterance]["text"].lower()
        entities = tuple(Entity(name) for name in read_labels(prediction.entities) if name.lower() in text)
        answers.append(EntityAnswer(row["dialogue_id"], utterance, entities))
    return answers


def _missing_scores(answers: Sequence[EntityAnswer]) -> tuple[str, ...]:
    """The scores of spans, if no entity has a span: dialogue models write names only."""
    entities = [entity for answer in answers for entity in answer.entities]
    return _OF_SPANS if entities and all(entity.span is None for entity in entities) else ()


def _copy(row: Row, source: Row) -> EntityAnswer:
    """An answer for `row` with the emotions of `source`, and those of its spans that fit into the text of `row`."""
    text = row["text"]
    entities = tuple(
        Entity(text[e["start"] : e["end"]], TYPES[e["type"]], e["start"], e["end"])
        for e in source["entities"]
        if e["end"] <= len(text)
    )
    emotions = tuple(EMOTIONS[index] for index in source["emotions"])
    return EntityAnswer(row["dialogue_id"], row["utterance"], entities, emotions)


def _find_training_names(train: Sequence[Row], rows: Sequence[Row]) -> list[EntityAnswer]:
    """The simple baseline: finds the names of training entities, longest first, and gives each its most frequent type.

    Names that are an entity in less than half of their occurrences in the training texts are not used. No emotions.
    """
    key = key_of((orjson.dumps([row["text"], row["entities"]]) for row in train), [__file__])
    types = kept("names", key, lambda: _training_names(train), _save_names, _load_names)
    longest_first = sorted(types, key=lambda name: (-len(name), name))
    return [
        EntityAnswer(row["dialogue_id"], row["utterance"], _names_in(row["text"], types, longest_first)) for row in rows
    ]


def _training_names(train: Sequence[Row]) -> dict[str, int]:
    """The names that are used, each with the index of its type."""
    counts: dict[str, Counter[int]] = {}
    for row in train:
        for entity in row["entities"]:
            counts.setdefault(entity["name"], Counter())[entity["type"]] += 1
    texts = "\n".join(row["text"] for row in train)
    return {
        name: min(type_counts, key=lambda label: (-type_counts[label], label))
        for name, type_counts in counts.items()
        if name and 2 * type_counts.total() >= texts.count(name)
    }


def _save_names(types: Mapping[str, int], folder: Path) -> None:
    write_json(folder / "names.json", types, sort_keys=True)


def _load_names(folder: Path) -> dict[str, int]:
    """Raises OSError if there is no file, cmcc.DataError if it holds anything else than names with types."""
    path = folder / "names.json"
    with suppress(ValueError):
        types = json.loads(path.read_text("utf-8"))
        if isinstance(types, dict) and all(label in range(len(TYPES)) for label in types.values()):
            return types
    raise DataError("a damaged file", "names with the numbers of their types", "Remove it.", file=str(path))


def _names_in(text: str, types: Mapping[str, int], longest_first: Sequence[str]) -> tuple[Entity, ...]:
    """The entities in a text, without overlaps, sorted by start. types: name -> index of its type."""
    taken = [False] * len(text)
    entities = []
    for name in longest_first:
        start = text.find(name)
        while start >= 0:
            end = start + len(name)
            if not any(taken[start:end]):
                taken[start:end] = [True] * len(name)
                entities.append(Entity(name, TYPES[types[name]], start, end))
            start = text.find(name, end)
    return tuple(sorted(entities, key=lambda entity: entity.start or 0))


# The columns of the counts: true, false and missed spans of each of the 10 types; true, false and missed names;
# utterances whose predicted emotions are exactly right, and utterances with predicted emotions.
_TYPE_COLUMNS = slice(0, 3 * len(TYPES))
_NAMES = slice(_TYPE_COLUMNS.stop, _TYPE_COLUMNS.stop + 3)
_EMOTIONS = slice(_NAMES.stop, _NAMES.stop + 2)


def _count_entities(dialogue: PredictedDialogue[EntityAnswer]) -> list[int]:
    """The counts of one dialogue. Names are compared in lower case."""
    spans, names = np.zeros((len(TYPES), 3), dtype=np.int64), np.zeros(3, dtype=np.int64)
    exact = with_emotions = 0
    for row, answer in zip(dialogue.rows, dialogue.predictions, strict=True):
        gold = {(TYPES[entity["type"]], entity["start"], entity["end"]) for entity in row["entities"]}
        predicted = {entity.span for entity in answer.entities if entity.span}
        for index, label in enumerate(TYPES):
            spans[index] += count_labels(_of_type(predicted, label), _of_type(gold, label))
        gold_names = {entity["name"].lower() for entity in row["entities"]}
        names += count_labels({entity.name.lower() for entity in answer.entities}, gold_names)
        if answer.emotions is not None:
            with_emotions += 1
            exact += set(answer.emotions) == {EMOTIONS[index] for index in row["emotions"]}
    return [*spans.ravel().tolist(), *names.tolist(), exact, with_emotions]


def _of_type(spans: Iterable[tuple[str, int, int]], label: str) -> set[tuple[str, int, int]]:
    return {span for span in spans if span[0] == label}


_STATISTICS = {
    "entity_f1": of_columns(_TYPE_COLUMNS, micro(f1)),
    "entity_precision": of_columns(_TYPE_COLUMNS, micro(precision)),
    "entity_recall": of_columns(_TYPE_COLUMNS, micro(recall)),
    "entity_macro_f1": of_columns(_TYPE_COLUMNS, macro(f1)),
    "name_f1": of_columns(_NAMES, f1),
    "emotion_accuracy": of_columns(_EMOTIONS, share),
}
_OF_SPANS = tuple(name for name in _STATISTICS if name.startswith("entity_"))


def _published() -> Iterator[Published]:
    """The rows of table 9. The leaderboard does not show the dialogue model, whose number may be of names only."""
    for key, system, name, is_on_board in (
        ("joint", ("entities", ""), "Stack-propagation", True),
        ("joint_no_emotion", ("entities", ", w/o user emotion"), "w/o user emotion", True),
        ("baseline", _BASELINE, "Baseline (End2End)", False),
    ):
        scores = {name: value for name, value in asdict(paper.ENTITY_RESULTS[key]).items() if value is not None}
        yield Published(system, name, 9, scores, scores if is_on_board else None)


ENTITIES = Task(
    name="entities",
    title="Entities",
    table="Table 9, entities",
    config="labeled",
    key="utterance",
    rows_of=entity_rows,
    labels={"entities": None},
    parse=entity_answer,
    missing_scores=_missing_scores,
    copy=_copy,
    majority_row=most_frequent(["entities", "emotions"]),
    simple_baseline=("names known from training", _find_training_names),
    written=Written(entities_written, lambda system: system == _BASELINE),
    measure=Measure(
        _count_entities,
        _STATISTICS,
        {label: of_columns(slice(3 * index, 3 * index + 3)) for index, label in enumerate(TYPES)},
    ),
    main="entity_f1",
    headline=("entity_f1", "name_f1", "emotion_accuracy"),
    shown=("entity_f1", "name_f1", "emotion_accuracy"),
    notes=(
        "Entity F1: exact span and type (strict IOB2). Name F1: names only, which is all that a dialogue model writes.",
        "The paper does not say which of the two its number for the baseline dialogue model is.",
        "Emotion accuracy: share of utterances with exactly the gold emotions.",
    ),
    model="Stack-propagation",
    recognizer="cmcc_bench.recognition.entities:open_entities",
    published=tuple(_published()),
    card=Card("entities", "token-classification", "cmcc", "joint"),  # transformers has no such tagger
)

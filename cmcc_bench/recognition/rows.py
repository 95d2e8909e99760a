"""The rows that each recognition task is trained and scored on, made of a data set's configs.

for row in task_rows("cmcc", "entities", "test"): ...
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cmcc_bench.corpus import open_dataset
from cmcc_bench.errors import DataError
from cmcc_bench.hidden import is_hidden
from cmcc_bench.scoring import EmotionAnswer, Entity, EntityAnswer, Prediction
from cmcc_bench.textform import normalize_labels, read_labels
from cmcc_bench.views.exchanges import exchanges
from cmcc_bench.vocabulary import EMOTIONS

Row = Mapping[str, Any]

TASKS = {"emotion": "emotion", "entities": "labeled", "satisfaction": "satisfaction"}  # recognition -> its config

_EMOTION_OF = {chinese: name for name, chinese in EMOTIONS.items()}


def task_rows(dataset: str, task: str, splits: Sequence[str]) -> dict[str, list[Row]]:
    """The rows of a task by split, none where there is no such split.

    task: response, or a key of TASKS. Raises cmcc.DataError when there is no such data set.
    """
    found = open_dataset(dataset, TASKS.get(task, task))
    if task != "entities":
        return {split: list(found.get(split, ())) for split in splits}
    return {split: [made for row in found.get(split, ()) for made in entity_rows(row)] for split in splits}


def split_rows(dataset: str, task: str, split: str) -> list[Row]:
    """The rows of a task in one split. Raises cmcc.DataError when there is no such data set, or nothing in it."""
    rows = task_rows(dataset, task, [split])[split]
    if not rows:
        expected = f"some that are annotated for the task {task}"
        raise DataError("no rows", expected, "Name another --split.", dataset=dataset, split=split)
    return rows


def entity_rows(row: Row) -> list[dict[str, Any]]:
    """A row an annotated user utterance of a row of `labeled`: dialogue_id, utterance, text, emotions, entities.

    entities: type, name, start and end of those that stand in the text, the first first. Of two that overlap only the
    longer stays, as BIO tags hold no more: `overlapping` says how many went. None where the labels are hidden.
    """
    rows, hidden = [], is_hidden(row)
    for position, utterance in enumerate(row["utterances"]):
        if utterance["emotions"] is None:
            continue
        spans = {(e["start"], e["end"], e["type"]): e["name"] for e in utterance["entities"] if e["start"] is not None}
        kept = _without_overlaps(spans)
        rows.append(
            {
                "dialogue_id": row["dialogue_id"],
                "utterance": position,
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
    """Spans (start, end, type) that share no character, the longest taken first, sorted."""
    kept: list[tuple[int, int, int]] = []
    for span in sorted(spans, key=lambda span: (span[0] - span[1], span)):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


def answered_utterances(row: Row) -> list[tuple[int, int]]:
    """Utterance and exchange of every annotated user utterance of a row of `labeled` that has a reply."""
    return [
        (utterance, number)
        for number, exchange in enumerate(exchanges(row).exchanges)
        for utterance in exchange.user.utterances
        if row["utterances"][utterance]["emotions"] is not None
    ]


def emotions_written(predictions: Iterable[Prediction], rows: Iterable[Row]) -> list[EmotionAnswer]:
    """What a dialogue model wrote as emotions, for each answered utterance of rows of `labeled`.

    A name that is none of the vocabulary is left out. What is written for several utterances counts for each.
    Raises cmcc.DataError for a model that writes no emotions, and for an exchange without a prediction.
    """
    written = _by_exchange(predictions)
    answers = []
    for row in rows:
        for utterance, number in answered_utterances(row):
            prediction = _prediction(written, row["dialogue_id"], number)
            if prediction.emotions is None:
                hint = "Only a text form with emotions writes them: variant, or no_caring."
                raise DataError("no emotions", "those that the model wrote", hint, dialogue=row["dialogue_id"])
            names = (_EMOTION_OF.get(name) for name in normalize_labels(prediction.emotions, EMOTIONS))
            answers.append(EmotionAnswer(row["dialogue_id"], utterance, tuple(filter(None, names))))
    return answers


def entities_written(predictions: Iterable[Prediction], rows: Iterable[Row]) -> list[EntityAnswer]:
    """The names that a dialogue model wrote as entities and that stand in the words of the user, as entity_rows has.

    Names that the user means and does not say are no extraction; a dialogue model tells neither type nor place.
    """
    written = _by_exchange(predictions)
    answers = []
    for row in rows:
        for utterance, number in answered_utterances(row):
            text = row["utterances"][utterance]["text"].lower()
            names = read_labels(_prediction(written, row["dialogue_id"], number).entities)
            said = tuple(Entity(name) for name in names if name.lower() in text)
            answers.append(EntityAnswer(row["dialogue_id"], utterance, said))
    return answers


def only_answered(answers: Iterable[Any], rows: Iterable[Row]) -> list[Any]:
    """The answers, or task rows, of utterances that have a reply in rows of `labeled`: what a dialogue model reads.

    answers: anything with dialogue_id and utterance, as attributes or columns.
    """
    wanted = {(row["dialogue_id"], utterance) for row in rows for utterance, _ in answered_utterances(row)}
    return [answer for answer in answers if _at(answer) in wanted]


def _at(answer: Any) -> tuple[str, int]:  # noqa: ANN401  # an answer or a row
    if isinstance(answer, Mapping):
        return answer["dialogue_id"], answer["utterance"]
    return answer.dialogue_id, answer.utterance


def _by_exchange(predictions: Iterable[Prediction]) -> dict[tuple[str, int], Prediction]:
    return {(prediction.dialogue_id, prediction.exchange): prediction for prediction in predictions}


def _prediction(written: Mapping[tuple[str, int], Prediction], dialogue_id: str, number: int) -> Prediction:
    if (dialogue_id, number) not in written:
        hint = "Make them again with cmcc predict."
        raise DataError("no prediction", "one for every exchange", hint, dialogue=dialogue_id, exchange=number)
    return written[dialogue_id, number]

"""Answers to other tasks that dialogue models write in addition to responses, for each user utterance with a reply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.tasks.base import Row
from cmcc_bench.tasks.prediction import Prediction
from cmcc_bench.views.exchanges import exchanges


def answered_utterances(row: Row) -> list[tuple[int, int]]:
    """The annotated user utterances with a reply in a row of `labeled`, as (utterance, exchange)."""
    return [
        (utterance, number)
        for number, exchange in enumerate(exchanges(row).exchanges)
        for utterance in exchange.user.utterances
        if row["utterances"][utterance]["emotions"] is not None
    ]


def written_for(predictions: Iterable[Prediction], rows: Iterable[Row]) -> Iterator[tuple[Row, int, Prediction]]:
    """Yields each answered utterance of rows of `labeled`, as (row, utterance, prediction for its exchange).

    Raises cmcc.DataError for an exchange without a prediction.
    """
    by_exchange = {(prediction.dialogue_id, prediction.exchange): prediction for prediction in predictions}
    for row in rows:
        for utterance, number in answered_utterances(row):
            if (row["dialogue_id"], number) not in by_exchange:
                hint = "Run cmcc predict again on the whole split."
                place = {"dialogue": row["dialogue_id"], "exchange": number}
                raise DataError("no prediction for this exchange", "", hint, **place)
            yield row, utterance, by_exchange[row["dialogue_id"], number]


def only_answered(answers: Iterable[Any], rows: Iterable[Row]) -> list[Any]:
    """The answers (or task rows) for utterances with a reply in rows of `labeled`: a dialogue model reads no others.

    answers: objects with dialogue_id and utterance, as attributes or columns.
    """
    answered = {(row["dialogue_id"], utterance) for row in rows for utterance, _ in answered_utterances(row)}
    return [answer for answer in answers if _item(answer) in answered]


def _item(answer: Any) -> tuple[str, int]:  # noqa: ANN401  # an answer or a row
    if isinstance(answer, Mapping):
        return answer["dialogue_id"], answer["utterance"]
    return answer.dialogue_id, answer.utterance

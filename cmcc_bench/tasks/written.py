"""The answers that dialogue models write in addition to responses, for each utterance that they read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.tasks.base import Row
from cmcc_bench.tasks.prediction import Prediction
from cmcc_bench.views.exchanges import exchanges


def answered_utterances(row: Row) -> list[tuple[int, int]]:
    """Utterance and exchange of every annotated user utterance of a row of `labeled` that has a reply."""
    return [
        (utterance, number)
        for number, exchange in enumerate(exchanges(row).exchanges)
        for utterance in exchange.user.utterances
        if row["utterances"][utterance]["emotions"] is not None
    ]


def written_for(predictions: Iterable[Prediction], rows: Iterable[Row]) -> Iterator[tuple[Row, int, Prediction]]:
    """Row, utterance and what was predicted for its exchange, of each answered utterance of rows of `labeled`.

    Raises cmcc.DataError for an exchange without a prediction.
    """
    written = {(prediction.dialogue_id, prediction.exchange): prediction for prediction in predictions}
    for row in rows:
        for utterance, number in answered_utterances(row):
            if (row["dialogue_id"], number) not in written:
                hint = "Run cmcc predict again on the whole split."
                place = {"dialogue": row["dialogue_id"], "exchange": number}
                raise DataError("no prediction for this exchange", "", hint, **place)
            yield row, utterance, written[row["dialogue_id"], number]


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

"""The prediction of a dialogue model for one exchange, and its reader."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cmcc_bench.errors import DataError
from cmcc_bench.tasks.base import Place


@dataclass(frozen=True, slots=True)
class Prediction:
    """The segments that a model wrote for one exchange, as texts like the columns of the config `response`.

    kb_result: the KB's answer to `user_intent`. emotions: None if the model writes no emotions.
    """

    dialogue_id: str
    exchange: int
    entities: str
    user_intent: str
    kb_result: str
    emotions: str | None
    acts: str
    response: str


_LISTS = ("entities", "user_intent", "emotions", "acts")  # segments that may also be a list of strings
_TEXTS = tuple(field.name for field in fields(Prediction) if field.name != "exchange")


def prediction_of(value: object, place: Place | None = None) -> Prediction:
    """Reads a prediction from a decoded JSON object.

    place: file and line, for errors. Raises cmcc.DataError if a field is missing or has another type.
    """
    place = place or {}
    if not isinstance(value, dict):
        raise DataError(f"a JSON {type(value).__name__}", "a JSON object with the fields of a prediction", **place)
    for name in ("exchange", *_TEXTS):
        if name not in value:
            hint = f"Write all of exchange, {', '.join(_TEXTS)}."
            raise DataError("the field is missing", "", hint, **place, field=name)
    exchange = value["exchange"]
    if type(exchange) is not int or exchange < 0:
        raise DataError(f"{exchange!r:.40}", "an integer of 0 or more", **place, field="exchange")
    for name in _LISTS:
        if isinstance(value[name], list) and all(isinstance(part, str) for part in value[name]):
            value = value | {name: ",".join(value[name])}
    for name in _TEXTS:
        if not isinstance(value[name], str) and not (name == "emotions" and value[name] is None):
            expected = "a string, or null from a model without emotions" if name == "emotions" else "a string"
            raise DataError(f"{value[name]!r:.40}", expected, **place, field=name)
    return Prediction(exchange=exchange, **{name: value[name] for name in _TEXTS})

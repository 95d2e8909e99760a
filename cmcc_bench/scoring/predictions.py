"""What a model wrote for each exchange: as data, as a file of JSON lines, and put beside the gold rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any, Generic, Protocol, TypeAlias, TypeVar

import orjson

from cmcc_bench.errors import DataError
from cmcc_bench.hidden import check_labels

from .lines import FileList, Place, filled_lines, open_lines, parse_line

Row = Mapping[str, Any]  # a row of the `response` view, cmcc.response_features()

_AGAIN = "Make them again with cmcc predict; a run that was stopped goes on where it stopped."


@dataclass(frozen=True, slots=True)
class Prediction:
    """The segments that a model wrote for one exchange, in the text form of the `response` view's columns.

    kb_result: what the KB answered to `user_intent`. emotions: None from a model that writes none.
    """

    dialogue_id: str
    exchange: int
    entities: str
    user_intent: str
    kb_result: str
    emotions: str | None
    acts: str
    response: str


_TEXTS = tuple(field.name for field in fields(Prediction) if field.name != "exchange")


class Answer(Protocol):
    """What a system says about a part of a dialogue, whatever the task."""

    @property
    def dialogue_id(self) -> str:
        """Of the dialogue that it is about."""


Predicted = TypeVar("Predicted", bound=Answer)


@dataclass(frozen=True)
class PredictedDialogue(Generic[Predicted]):
    """A dialogue's gold rows in order of their exchanges (or utterances), and the prediction for each of them."""

    dialogue_id: str
    rows: tuple[Row, ...]
    predictions: tuple[Predicted, ...]


PredictedExchanges: TypeAlias = PredictedDialogue[Prediction]


def facts_path(predictions: Path) -> Path:
    """Where `cmcc predict` says how a prediction file was made: beside it, FILE.run.json."""
    return predictions.with_name(predictions.name + ".run.json")


def write_prediction(stream: IO[bytes], prediction: Prediction) -> None:
    """Writes one line. Flush the stream after it where a stopped run shall go on."""
    stream.write(orjson.dumps(asdict(prediction), option=orjson.OPT_APPEND_NEWLINE))


def read_predictions(path: str | Path) -> FileList[Prediction]:
    """The predictions of a file, one a line; other fields than Prediction's are left alone.

    Raises cmcc.DataError, which names file, line and field, where the file is missing or empty, a line is not a JSON
    object, or a field is missing or of another type.
    """
    return read_lines(path, prediction_of)


def read_lines(path: str | Path, parse: Callable[[object, Place], Predicted]) -> FileList[Predicted]:
    """What `parse` makes of each line of a file of JSON lines (scoring.lines), given the decoded line and its place.

    Raises cmcc.DataError, which names file and line, where the file is missing or empty or a line is not JSON.
    """
    name, made = str(path), FileList[Predicted]()
    try:
        with open_lines(Path(path), name) as stream:
            for number, line in filled_lines(stream, name):
                place: Place = {"file": name, "line": number}
                made.append(parse(parse_line(line, place), place))
                made.lines.append(number)
    except OSError as error:
        expected = "a file that cmcc predict wrote"
        raise DataError(error.strerror or str(error), expected, file=name) from error
    if not made:
        raise DataError("an empty file", "a JSON line a prediction", _AGAIN, file=name)
    return made


def prediction_of(value: object, place: Place | None = None) -> Prediction:
    """A decoded JSON object as a prediction.

    place: where it stands, for the error. Raises cmcc.DataError where a field is missing or of another type.
    """
    place = place or {}
    if not isinstance(value, dict):
        raise DataError(f"a JSON {type(value).__name__}", "an object with a prediction's fields", **place)
    for name in ("exchange", *_TEXTS):
        if name not in value:
            raise DataError("no such field", f"the fields exchange, {', '.join(_TEXTS)}", **place, field=name)
    exchange = value["exchange"]
    if type(exchange) is not int or exchange < 0:
        raise DataError(f"{exchange!r:.40}", "a whole number of 0 or more", **place, field="exchange")
    value = value | {name: ",".join(value[name]) for name in _LISTS if _is_list_of_texts(value[name])}
    for name in _TEXTS:
        if not isinstance(value[name], str) and not (name == "emotions" and value[name] is None):
            expected = "a string, or null where the model writes none" if name == "emotions" else "a string"
            raise DataError(f"{value[name]!r:.40}", expected, **place, field=name)
    return Prediction(exchange=exchange, **{name: value[name] for name in _TEXTS})


_LISTS = ("entities", "user_intent", "emotions", "acts")  # segments that may be a list of their parts


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def align(
    predictions: Iterable[Predicted],
    gold_rows: Iterable[Row],
    file: str | Path | None = None,
    key: str | None = "exchange",
    is_scored: bool = True,
) -> list[PredictedDialogue[Predicted]]:
    """Each prediction beside its gold row; dialogues in the order of the gold rows.

    file: where the predictions are from, for the errors, which name the line where `predictions` is what a reader of
    such a file returned. key: the column that tells the rows of a dialogue apart, an attribute of the predictions, too:
    `exchange` or `utterance`; None where a row is a dialogue. is_scored: false where the labels are not looked at, and
    may be hidden.
    Raises cmcc.DataError for a row without a prediction, an unknown one and a doubled one, and for hidden labels.
    """
    gold_rows = list(gold_rows)
    gold = _by_dialogue(gold_rows, key)
    if is_scored:
        check_labels(gold_rows)
    found: dict[tuple[str, int], Predicted] = {}
    numbers: dict[tuple[str, int], int] = {}
    lines = predictions.line_numbers() if isinstance(predictions, FileList) else None
    word = "line" if lines else "prediction"
    for index, prediction in enumerate(predictions):
        number = lines[index] if lines else index + 1
        at = prediction.dialogue_id, getattr(prediction, key) if key else 0
        place: Place = {"file": str(file) if file else None, word: number} | _place(at, key)
        if at in found:
            again = f"a second prediction for it, the first is {word} {numbers[at]}"
            raise DataError(again, f"each {key or 'dialogue'} once", "Leave one of them out.", **place)
        if at[1] not in gold.get(at[0], {}):
            hint = "Score with the data set and the split that they were made for."
            unknown = f"a prediction for {'a dialogue' if key is None else f'an {key}'} that is not in the data"
            raise DataError(unknown, "none such", hint, **place)
        found[at], numbers[at] = prediction, number
    _check_complete(gold, found, file, key)
    return [
        PredictedDialogue(name, tuple(rows.values()), tuple(found[name, number] for number in rows))
        for name, rows in gold.items()
    ]


def _place(at: tuple[str, int], key: str | None) -> Place:
    return {"dialogue": at[0], key: at[1]} if key else {"dialogue": at[0]}


def _by_dialogue(gold_rows: Iterable[Row], key: str | None) -> dict[str, dict[int, Row]]:
    gold: dict[str, dict[int, Row]] = {}
    for number, row in enumerate(gold_rows, 1):
        if "dialogue_id" not in row or (key and key not in row):
            expected = f"rows with dialogue_id{f' and {key}' if key else ''}"
            raise DataError(f"a row of {', '.join(row)}", expected, data="gold", row=number)
        rows = gold.setdefault(row["dialogue_id"], {})
        at = row[key] if key else 0
        if at in rows:
            place: Place = {"data": "gold", "row": number}
            place |= _place((row["dialogue_id"], at), key)
            raise DataError("a second row for it", f"each {key or 'dialogue'} once", **place)
        rows[at] = row
    if not gold:
        raise DataError("no gold rows", "rows to score on", data="gold")
    return {name: dict(sorted(rows.items())) for name, rows in gold.items()}


def _check_complete(
    gold: Mapping[str, Mapping[int, Row]],
    found: Mapping[tuple[str, int], object],
    file: str | Path | None,
    key: str | None,
) -> None:
    missing = [(name, number) for name, rows in gold.items() for number in rows if (name, number) not in found]
    if missing:
        place: Place = {"file": str(file) if file else None}
        what = f"{key or 'dialogue'}s"
        others = f", nor for {len(missing) - 1} other {what}" if len(missing) > 1 else ""
        expected = f"a prediction for each of the {sum(map(len, gold.values()))} {what}"
        raise DataError(f"no prediction{others}", expected, _AGAIN, **place, **_place(missing[0], key))

"""Files of answers, whatever the task: read line by line, written, and put beside the gold rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from cmcc_bench.errors import DataError
from cmcc_bench.scoring.lines import FileList, filled_lines, open_lines, parse_line
from cmcc_bench.tasks import Place, PredictedDialogue, Prediction, Row, answer_line, prediction_of, task_of
from cmcc_bench.tasks.base import Predicted

_AGAIN = "Make them again with cmcc predict; a run that was stopped goes on where it stopped."


def facts_path(predictions: Path) -> Path:
    """Where `cmcc predict` says how a prediction file was made: beside it, FILE.run.json."""
    return predictions.with_name(predictions.name + ".run.json")


def write_prediction(stream: IO[bytes], prediction: Prediction) -> None:
    """Writes one line. Flush the stream after it where a stopped run shall go on."""
    stream.write(answer_line(prediction))


def read_predictions(path: str | Path) -> FileList[Prediction]:
    """The predictions of a file, one a line; other fields than Prediction's are left alone.

    Raises cmcc.DataError, which names file, line and field, where the file is missing or empty, a line is not a JSON
    object, or a field is missing or of another type.
    """
    return read_lines(path, prediction_of)


def read_answers(path: str | Path, task: str) -> FileList[Any]:
    """The answers of a file of JSON lines, of any task.

    Raises cmcc.DataError, which names file, line and field, for what is no answer of the task.
    """
    return read_lines(path, task_of(task).parse)


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


def align(
    predictions: Iterable[Predicted],
    gold_rows: Iterable[Row],
    file: str | Path | None = None,
    key: str | None = "exchange",
) -> list[PredictedDialogue[Predicted]]:
    """Each prediction beside its gold row; dialogues in the order of the gold rows.

    file: where the predictions are from, for the errors, which name the line where `predictions` is what a reader of
    such a file returned. key: the column that tells the rows of a dialogue apart, an attribute of the predictions, too:
    `exchange` or `utterance`; None where a row is a dialogue.
    Raises cmcc.DataError for a row without a prediction, an unknown one and a doubled one.
    """
    gold = _by_dialogue(gold_rows, key)
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

"""Reads and writes prediction files of every task, and aligns predictions with gold rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from cmcc_bench.errors import DataError
from cmcc_bench.scoring.lines import FileList, filled_lines, open_lines, parse_line
from cmcc_bench.tasks import Place, PredictedDialogue, Prediction, Row, answer_line, prediction_of, task_of
from cmcc_bench.tasks.base import Predicted

_AGAIN = "Run cmcc predict again; it resumes an interrupted run."


def facts_path(predictions: Path) -> Path:
    """The path of the record that `cmcc predict` writes beside a prediction file: FILE.run.json."""
    return predictions.with_name(predictions.name + ".run.json")


def write_prediction(stream: IO[bytes], prediction: Prediction) -> None:
    """Writes one line. Flush the stream after it so that an interrupted run can be resumed."""
    stream.write(answer_line(prediction))


def read_predictions(path: str | Path) -> FileList[Prediction]:
    """The predictions of a dialogue model in a file, one per line; additional fields are ignored.

    Raises cmcc.DataError, which names file, line and field, if the file is missing or empty, a line is not a JSON
    object, or a field is missing or of another type.
    """
    return read_lines(path, prediction_of)


def read_answers(path: str | Path, task: str) -> FileList[Any]:
    """The answers (predictions) of a task in a JSON Lines file.

    Raises cmcc.DataError, which names file, line and field, for a line that is not an answer of the task.
    """
    return read_lines(path, task_of(task).parse)


def read_lines(path: str | Path, parse: Callable[[object, Place], Predicted]) -> FileList[Predicted]:
    """The predictions in a JSON Lines file (see scoring.lines). parse: (decoded line, its place) -> prediction.

    Raises cmcc.DataError, which names file and line, if the file is missing or empty or a line is not JSON.
    """
    name, predictions = str(path), FileList[Predicted]()
    try:
        with open_lines(Path(path), name) as stream:
            for number, line in filled_lines(stream, name):
                place: Place = {"file": name, "line": number}
                predictions.append(parse(parse_line(line, place), place))
                predictions.lines.append(number)
    except OSError as error:
        hint = "Check the path of the prediction file."
        raise DataError(f"cannot read the file ({error.strerror or error})", "", hint, file=name) from error
    if not predictions:
        raise DataError("the file is empty", "", _AGAIN, file=name)
    return predictions


def align(
    predictions: Iterable[Predicted],
    gold_rows: Iterable[Row],
    file: str | Path | None = None,
    key: str | None = "exchange",
) -> list[PredictedDialogue[Predicted]]:
    """Aligns predictions with their gold rows; dialogues are in the order of the gold rows.

    file: the prediction file, for error messages; they name the line if `predictions` comes from read_predictions or
    read_answers. key: the column and attribute that identifies a row within its dialogue, `exchange` or `utterance`;
    None if each row is a dialogue.
    Raises cmcc.DataError for missing, unknown and repeated predictions.
    """
    gold = _by_dialogue(gold_rows, key)
    by_item: dict[tuple[str, int], Predicted] = {}  # (dialogue_id, exchange or utterance)
    numbers: dict[tuple[str, int], int] = {}
    lines = predictions.line_numbers() if isinstance(predictions, FileList) else None
    unit = "line" if lines else "prediction"
    for index, prediction in enumerate(predictions):
        number = lines[index] if lines else index + 1
        item = prediction.dialogue_id, getattr(prediction, key) if key else 0
        place: Place = {"file": str(file) if file else None, unit: number} | _place(item, key)
        if item in by_item:
            problem = f"a second prediction for the same {key or 'dialogue'}; the first is {unit} {numbers[item]}"
            raise DataError(problem, "", "Remove one of the two.", **place)
        if item[1] not in gold.get(item[0], {}):
            hint = "Score with the data set and the split that were predicted."
            raise DataError(f"this {key or 'dialogue'} is not in the data", "", hint, **place)
        by_item[item], numbers[item] = prediction, number
    _check_complete(gold, by_item, file, key)
    return [
        PredictedDialogue(name, tuple(rows.values()), tuple(by_item[name, number] for number in rows))
        for name, rows in gold.items()
    ]


def _place(item: tuple[str, int], key: str | None) -> Place:
    """The dialogue and the exchange or utterance of an item, for errors."""
    return {"dialogue": item[0], key: item[1]} if key else {"dialogue": item[0]}


def _by_dialogue(gold_rows: Iterable[Row], key: str | None) -> dict[str, dict[int, Row]]:
    """Dialogue id -> exchange or utterance -> gold row, sorted. Raises cmcc.DataError for invalid gold rows."""
    gold: dict[str, dict[int, Row]] = {}
    for number, row in enumerate(gold_rows, 1):
        if "dialogue_id" not in row or (key and key not in row):
            expected = f"dialogue_id{f' and {key}' if key else ''}"
            hint = "Pass the rows of the task: Task.rows."
            raise DataError(f"the columns {', '.join(row)}", expected, hint, data="gold", row=number)
        rows = gold.setdefault(row["dialogue_id"], {})
        index = row[key] if key else 0
        if index in rows:
            place: Place = {"data": "gold", "row": number}
            place |= _place((row["dialogue_id"], index), key)
            raise DataError(f"a second row for the same {key or 'dialogue'}", "", "Remove one of the two.", **place)
        rows[index] = row
    if not gold:
        raise DataError("no gold rows to score on", "", "Choose another split with --split.", data="gold")
    return {name: dict(sorted(rows.items())) for name, rows in gold.items()}


def _check_complete(
    gold: Mapping[str, Mapping[int, Row]],
    predictions: Mapping[tuple[str, int], object],
    file: str | Path | None,
    key: str | None,
) -> None:
    """Raises cmcc.DataError if a gold row has no prediction."""
    missing = [(name, number) for name, rows in gold.items() for number in rows if (name, number) not in predictions]
    if missing:
        place: Place = {"file": str(file) if file else None}
        total = sum(map(len, gold.values()))
        problem = f"no predictions for {len(missing)} of {total} {key or 'dialogue'}s; this is the first one"
        raise DataError(problem, "", _AGAIN, **place, **_place(missing[0], key))

"""Prediction files: written predictions are read back, and errors name file, line and field."""

import io
import json
import re

import pytest

import cmcc
from cmcc_bench.scoring import align, read_predictions, write_prediction
from cmcc_bench.tasks import prediction_of
from tests.scoring.rows import gold_predictions

from .rows import two_dialogues


def written(path, predictions):
    with path.open("wb") as stream:
        for prediction in predictions:
            write_prediction(stream, prediction)
    return path


def test_written_predictions_are_read_back_unchanged(tmp_path):
    predictions = gold_predictions(two_dialogues())
    assert read_predictions(written(tmp_path / "p.jsonl", predictions)) == predictions


def test_a_prediction_is_one_line_even_if_the_model_wrote_line_breaks():
    stream = io.BytesIO()
    prediction = gold_predictions(two_dialogues())[0]
    object.__setattr__(prediction, "response", 'a\nb"\u2028')
    write_prediction(stream, prediction)
    assert stream.getvalue().count(b"\n") == 1


def line(**changes):
    texts = dict.fromkeys(("dialogue_id", "entities", "user_intent", "kb_result", "emotions", "acts", "response"), "")
    return json.dumps(texts | {"exchange": 0} | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (line() + "\n{'dialogue_id'", "line 2: \"{'dialogue_id'\" is not valid JSON"),
        ("[]", "line 1: found a JSON list; expected a JSON object"),
        ('{"exchange": 0}', "line 1, field dialogue_id: the field is missing"),
        (line(exchange="0"), "line 1, field exchange: found '0'; expected an integer"),
        (line(exchange=True), "line 1, field exchange: found True; expected an integer"),
        (line(exchange=-1), "line 1, field exchange: found -1; expected an integer"),
        (line(response=None), "line 1, field response: found None; expected a string"),
        (line(acts=[7]), "line 1, field acts: found [7]; expected a string"),
        (line(emotions=3), "line 1, field emotions: found 3; expected a string, or null"),
    ],
)
def test_a_bad_file_is_an_error_that_names_file_and_line(tmp_path, text, message):
    path = tmp_path / "p.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(cmcc.DataError, match=re.escape(message)) as error:
        read_predictions(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(cmcc.DataError, match=r"none\.jsonl: cannot read the file \(No such file"):
        read_predictions(tmp_path / "none.jsonl")


def test_a_file_cut_inside_a_character_is_an_error(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(json.dumps({"response": "好"}, ensure_ascii=False).encode()[:-4])
    with pytest.raises(cmcc.DataError, match=r"line 1: .* is not valid JSON"):
        read_predictions(path)


def test_emotions_may_be_null_and_additional_fields_are_ignored(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(line(emotions=None, seconds=0.5), encoding="utf-8")
    assert read_predictions(path)[0].emotions is None


def test_predictions_are_aligned_with_rows_in_any_order():
    rows = two_dialogues()
    aligned = align(gold_predictions(rows), reversed(rows))
    assert [dialogue.dialogue_id for dialogue in aligned] == ["b", "a"]
    assert [[row["exchange"] for row in dialogue.rows] for dialogue in aligned] == [[0, 1], [0, 1]]
    assert all(
        (row["dialogue_id"], row["exchange"]) == (prediction.dialogue_id, prediction.exchange)
        for dialogue in aligned
        for row, prediction in zip(dialogue.rows, dialogue.predictions, strict=True)
    )


def test_a_missing_exchange_is_an_error_that_names_it_and_counts_all_missing_ones():
    rows = two_dialogues()
    message = r"^p\.jsonl.*dialogue a, exchange 1: no predictions for 3 of 4 exchanges"
    with pytest.raises(cmcc.DataError, match=message.replace("^p", "file p")):
        align(gold_predictions(rows[:1]), rows, "p.jsonl")


def test_an_unknown_exchange_is_an_error_that_names_its_number():
    rows = two_dialogues()
    with pytest.raises(cmcc.DataError, match=r"file p\.jsonl, prediction 4, dialogue b, exchange 1: .*not in the data"):
        align(gold_predictions(rows), rows[:-1], "p.jsonl")


def test_a_repeated_exchange_is_an_error_that_names_both_numbers():
    rows = two_dialogues()
    predictions = gold_predictions(rows)
    with pytest.raises(cmcc.DataError, match=r"prediction 5, dialogue a, exchange 1: .*the first is prediction 2"):
        align([*predictions, predictions[1]], rows, "p.jsonl")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no gold rows"),
        (two_dialogues()[:1] * 2, "a second row for the same exchange"),
        ([{"text": ""}], "found the columns text"),
    ],
)
def test_wrong_gold_rows_are_an_error(rows, message):
    with pytest.raises(cmcc.DataError, match=message):
        align([], rows)


def test_labels_may_be_a_list():
    value = {"dialogue_id": "d", "exchange": 0, "kb_result": "", "response": "好"}
    whole = value | {"entities": "甲,乙", "user_intent": "询问(甲-业务费用)", "emotions": "", "acts": "通知,安抚"}
    parts = {"entities": ["甲", "乙"], "user_intent": ["询问(甲-业务费用)"], "emotions": [], "acts": ["通知", "安抚"]}
    assert prediction_of(value | parts) == prediction_of(whole)

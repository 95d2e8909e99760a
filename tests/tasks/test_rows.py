"""The rows of each task, and the answers that a dialogue model wrote for them."""

import pytest

import cmcc
from cmcc_bench.tasks import Prediction, task_of
from cmcc_bench.tasks.emotion import emotions_written
from cmcc_bench.tasks.entities import entities_written, entity_rows
from cmcc_bench.tasks.written import answered_utterances, only_answered
from tests import raw


@pytest.fixture
def labeled(tmp_path):
    path = raw.write(tmp_path / "raw", "calls.json", [raw.dialogue("call-1")])
    return next(iter(cmcc.read_dialogues(path))).row


def prediction(exchange, **texts):
    empty = dict.fromkeys(("entities", "user_intent", "kb_result", "emotions", "acts", "response"), "")
    return Prediction("call-1", exchange, **(empty | texts))


def test_an_entity_row_is_an_annotated_user_utterance_with_spans_that_slice_to_their_names(labeled):
    rows = entity_rows(labeled)
    assert [row["utterance"] for row in rows] == [1, 3]
    for entity in rows[0]["entities"]:
        assert rows[0]["text"][entity["start"] : entity["end"]] == entity["name"] == "流量包"


def test_of_two_overlapping_entities_the_longer_is_kept_and_the_other_is_counted(labeled):
    first = labeled["utterances"][1]
    inner = {**first["entities"][0], "name": "流量", "end": first["entities"][0]["end"] - 1, "type": 0}
    first["entities"] = [inner, *first["entities"]]
    row = entity_rows(labeled)[0]
    assert [entity["name"] for entity in row["entities"]] == ["流量包"] and row["overlapping"] == 1


def test_an_utterance_without_a_reply_is_not_answered(labeled):
    assert answered_utterances(labeled) == [(1, 0)]
    rows = entity_rows(labeled)
    assert [row["utterance"] for row in only_answered(rows, [labeled])] == [1]


def test_unknown_names_that_a_dialogue_model_wrote_are_left_out(labeled):
    written = prediction(0, emotions="抱怨某问题,乱写,中性", entities="流量包,没说的")
    answer = emotions_written([written], [labeled])[0]
    assert answer.utterance == 1 and answer.emotions == ("complain_about_a_problem", "neutral")
    names = [entity.name for entity in entities_written([written], [labeled])[0].entities]
    assert names == ["流量包"]  # the other name is not in the user's words


def test_a_model_without_emotions_and_a_missing_exchange_are_errors(labeled):
    with pytest.raises(cmcc.DataError, match="the model writes no emotions"):
        emotions_written([prediction(0, emotions=None)], [labeled])
    with pytest.raises(cmcc.DataError, match="no prediction for this exchange"):
        emotions_written([], [labeled])


def test_the_tasks_have_rows_in_every_split_of_the_sample():
    for task in ("emotion", "entities", "satisfaction"):
        rows = task_of(task).rows("sample", ("train", "validation", "test"))
        assert all(rows.values()), task
    assert len(task_of("emotion").split_rows("sample", "test")) == len(task_of("entities").split_rows("sample", "test"))


def test_a_split_without_rows_is_an_error():
    with pytest.raises(cmcc.DataError, match="annotated for the task emotion"):
        task_of("emotion").split_rows("sample", "nothing")

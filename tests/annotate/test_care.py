"""The care file: it has what is finished, the readers read it, and its labels come back without the journal."""

import json

import pytest

import cmcc
from cmcc_bench.annotate.store import journal_path
from cmcc_bench.errors import DataError
from cmcc_bench.quality.annotations import known_calls, read_annotations
from cmcc_bench.vocabulary import ACTS
from tests.annotate.work import open_work

COMFORT = ACTS.id_of("comfort")


def decide(session, *decisions, call=0):
    for utterance, field, labels in decisions:
        session.decide({"call": call, "utterance": utterance, "field": field, "labels": labels})


def entries(tmp_path):
    return json.loads((tmp_path / "care_A.json").read_text("utf-8"))["dialogues"]


def test_a_finished_call_is_what_the_readers_read(tmp_path):
    session = open_work(tmp_path)
    decide(session, (0, "acts", []), (1, "emotions", [1, 2]), (2, "acts", [COMFORT]), (3, "emotions", [0]))
    decide(session, (None, "satisfaction", [1]))
    session.close()
    (entry,) = entries(tmp_path)
    emotions = ["complain_about_a_problem", "emotionally_more_agitated"]
    assert entry == {
        "file": "calls.json", "index": 0, "id": "call-1", "satisfaction": 2, "user_emotions": {"0": emotions},
        "caring_acts": {"1": ["comfort"]},
    }  # fmt: skip
    care = cmcc.read_care(tmp_path / "care_A.json")["call-1"]
    assert (care.satisfaction, care.emotions, care.acts) == (1, {0: (1, 2)}, {1: (COMFORT,)})
    name = str(tmp_path / "care_A.json")
    own = read_annotations(name, known_calls([name], str(tmp_path / "raw")), [COMFORT])
    assert own.emotions == {("call-1", 1): {1, 2}, ("call-1", 3): {0}} and own.acts["call-1", 2] == {COMFORT}
    assert "cmcc annotate" in own.about


def test_a_field_that_is_not_finished_is_left_out(tmp_path):
    """A care file cannot say that an utterance is open: the reader takes it for neutral."""
    session = open_work(tmp_path)
    decide(session, (1, "emotions", [1]), (0, "acts", []), (2, "acts", []))
    decide(session, (1, "emotions", [1]), call=1)
    session.decide({"call": 1, "utterance": 3, "field": "emotions", "labels": None, "note": "noisy"})
    session.close()
    first, second = entries(tmp_path)
    assert first == {"file": "calls.json", "index": 0, "id": "call-1", "caring_acts": {}}
    assert second["notes"] == {"4": "noisy"} and "user_emotions" not in second


def test_labels_of_the_data_do_not_count_as_the_annotator_s(tmp_path):
    """Neither in a field that is not finished, nor caring acts that the data have."""
    session = open_work(tmp_path)
    decide(session, (0, "acts", []), (2, "acts", []))
    session.close()
    name = str(tmp_path / "care_A.json")
    own = read_annotations(name, known_calls([name], str(tmp_path / "raw")), [COMFORT])
    assert own.emotions == own.satisfaction == {} and own.acts == {("call-1", 0): set(), ("call-1", 2): set()}


def test_without_the_journal_a_start_takes_the_labels_of_the_file(tmp_path):
    session = open_work(tmp_path)
    decide(session, (1, "emotions", [1]), (3, "emotions", [0]), (None, "satisfaction", [0]))
    session.close()
    before = (tmp_path / "care_A.json").read_bytes()
    journal_path(tmp_path / "care_A.json").unlink()
    session = open_work(tmp_path)
    questions = session.open(0)["questions"]
    assert [one["labels"] for one in questions] == [None, (1,), None, (0,), (0,)]
    assert session.undo({})["undone"] is None
    session.close()
    assert (tmp_path / "care_A.json").read_bytes() == before


def test_a_file_with_other_calls_is_not_taken_over_and_the_file_taken_over_is_kept(tmp_path):
    session = open_work(tmp_path)
    decide(session, (1, "emotions", [1]), (3, "emotions", [0]))
    session.close()
    path = tmp_path / "care_A.json"
    journal_path(path).unlink()
    own = path.read_bytes()
    open_work(tmp_path).close()
    assert (tmp_path / "care_A.before.json").read_bytes() == own
    journal_path(path).unlink()
    path.write_bytes(own.replace(b"call-1", b"call-7"))
    with pytest.raises(DataError, match=r"1 calls of this file are not in DATA.*such as call-7"):
        open_work(tmp_path)


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path):
    (tmp_path / "care_A.json").write_text('{"annotator": "B", "dialogues": []}', encoding="utf-8")
    with pytest.raises(DataError, match="not a care file of the annotator A"):
        open_work(tmp_path)
    assert not journal_path(tmp_path / "care_A.json").exists()


def test_the_same_decisions_in_another_order_give_the_same_bytes(tmp_path):
    decisions = [(1, "emotions", [1]), (3, "emotions", [0]), (None, "satisfaction", [0])]
    contents = []
    for name, order in (("A", decisions), ("B", decisions[::-1])):
        session = open_work(tmp_path, name)
        decide(session, *order, call=1)
        decide(session, *order)
        session.close()
        contents.append((tmp_path / f"care_{name}.json").read_text("utf-8").replace(f'"{name}"', ""))
    assert contents[0] == contents[1]

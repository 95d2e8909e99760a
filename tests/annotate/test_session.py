"""The session: what the page may ask for, what it may decide, and the order of the work."""

import pytest

from cmcc_bench.annotate.session import label_keys
from cmcc_bench.errors import DataError
from cmcc_bench.vocabulary import ACTS, CARING_ACTS
from tests.annotate.work import HTML, open_work

CARING = list(map(ACTS.id_of, CARING_ACTS))


@pytest.fixture
def session(tmp_path):
    session = open_work(tmp_path)
    yield session
    session.close()


def decide(session, utterance, field, labels, **more):
    return session.decide({"call": 0, "utterance": utterance, "field": field, "labels": labels, **more})


def test_the_page_begins_with_labels_keys_and_the_guideline(session):
    start = session.start()
    assert (start["mode"], start["title"], start["annotator"], start["call"]["number"]) == ("annotate", "raw", "A", 0)
    assert session.start(1)["call"]["number"] == 1 and session.start(7)["call"]["number"] == 0
    assert [one["key"] for one in start["fields"]["emotions"]] == list("012345678")
    assert [one["label"] for one in start["fields"]["acts"]] == CARING
    for field, labels in start["fields"].items():
        for one in labels:
            entry = start["guide"][field][one["label"]]
            assert all(entry[part][lang] for part in ("definition", "not") for lang in ("en", "zh"))
            assert entry["cues"] and len(entry["examples"]) >= 2


def test_every_label_has_a_key_of_its_own():
    for field, count in (("emotions", 9), ("acts", 17), ("satisfaction", 3)):
        keys = label_keys(field, count)
        assert len(set(keys)) == count and not set(keys) & set("glnz?/")


def test_a_call_is_its_texts_and_questions_without_the_labels_of_the_data(session):
    call = session.open(0)
    assert [one["speaker"] for one in call["utterances"]] == [0, 1, 0, 1] and call["utterances"][1]["text"] == HTML
    assert [(one["utterance"], one["field"]) for one in call["questions"]] == [
        (0, "acts"), (1, "emotions"), (2, "acts"), (3, "emotions"), (None, "satisfaction"),
    ]  # fmt: skip
    assert all(one["labels"] is None for one in call["questions"])
    with pytest.raises(DataError, match="found call 3; expected 1 to 2"):
        session.open(2)


def test_what_is_suggested_is_marked_and_saved_only_when_it_is_confirmed(session):
    _, complaint, comfort, _, whole = session.open(0)["questions"]
    assert complaint["proposal"] == (1,) and complaint["marks"] == (
        {"label": 1, "source": "lexicon", "detail": "怎么又"},
    )
    assert comfort["proposal"] == (ACTS.id_of("comfort"),) and whole["proposal"] is None
    assert session.progress().decided == 0


@pytest.mark.parametrize(
    ("field", "utterance", "labels"),
    [("emotions", 1, [0, 1]), ("emotions", 1, []), ("emotions", 1, [9]), ("emotions", 1, ["1"]), ("emotions", 1, 1),
     ("acts", 0, [0]), ("satisfaction", None, [0, 1]), ("emotions", 0, [1]), ("emotions", 7, [1]), ("intents", 1, [1]),
     ("satisfaction", 1, [1])],
)  # fmt: skip
def test_what_cannot_be_a_decision_is_refused(session, field, utterance, labels):
    with pytest.raises(DataError):
        decide(session, utterance, field, labels)
    assert session.progress().decided == 0


def test_a_decision_is_answered_with_what_changed_and_the_progress(session):
    state = decide(session, 1, "emotions", [4, 1], changes=0, note="two")
    changed = {"call": 0, "utterance": 1, "field": "emotions", "labels": (1, 4), "choice": "", "note": "two"}
    assert state["changed"] == [changed] and state["changes"] == 1 and state["problem"] == ""
    assert (state["progress"]["decided"], state["progress"]["questions"]) == (1, 10)
    assert session.changed(1)["changed"] == [] and session.changed(0)["changed"] == [changed]
    undone = session.undo({"changes": 1})
    assert undone["undone"] == {"call": 0, "utterance": 1, "field": "emotions"}
    assert undone["changed"][0]["labels"] is None


def test_the_next_open_call_is_found_also_before_this_one(session):
    for question in session.open(0)["questions"]:
        labels = {"emotions": [0], "acts": [], "satisfaction": [2]}[question["field"]]
        decide(session, question["utterance"], question["field"], labels)
    assert [session.open_next(number)["number"] for number in (0, 1, -1)] == [1, 1, 1]
    assert decide(session, None, "satisfaction", [1], open_next=True)["next"]["number"] == 1
    assert session.start()["call"]["number"] == 1


def test_a_search_finds_texts_and_ids(session):
    assert session.search("扣钱") == [{"call": 0, "utterance": 1, "text": "…alert(1)>怎么又扣钱"}]
    assert [one["call"] for one in session.search("CALL-2")] == [1]
    assert session.search("utterances") == session.search(" ") == []


def test_the_labels_of_the_data_are_suggested_when_that_is_asked_for(tmp_path):
    session = open_work(tmp_path, suggest="data", all_acts=True)
    questions = session.open(1)["questions"]
    assert [one["proposal"] for one in questions] == [
        (ACTS.id_of("greeting"),), (0,), (ACTS.id_of("inform"), ACTS.id_of("comfort")), (1,), (1,),
    ]  # fmt: skip
    session.close()


def test_an_order_and_a_plan_choose_the_calls(tmp_path):
    open_work(tmp_path).close()
    plan = tmp_path / "plan.json"
    plan.write_text('{"annotators": {"B": ["call-2"], "C": ["call-1", "call-9"]}}', encoding="utf-8")
    session = open_work(tmp_path, "B", plan=plan)
    assert session.progress().calls == 1 and session.open(0)["id"] == "call-2"
    session.close()
    with pytest.raises(DataError, match="the plan has 1 calls that the data lack, such as call-9"):
        open_work(tmp_path, "C", plan=plan)
    with pytest.raises(DataError, match="--order uncertain needs a model"):
        open_work(tmp_path, "D", order="uncertain")

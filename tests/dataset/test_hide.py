"""cmcc build --hide-test-labels: the public test split without labels, and the private folder with them."""

import datasets
import pytest

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.dataset.hide import hide_labels
from cmcc_bench.tasks import TASKS, task_of
from cmcc_bench.tasks.entities import entity_rows, is_hidden_dialogue
from tests import raw
from tests.dataset.folders import contents
from tests.scoring.rows import gold_predictions, score_responses

CONFIGS = ("labeled", "emotion", "response", "satisfaction")


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "raw"
    raw.write(folder, "train.json", [raw.dialogue("train-1"), raw.dialogue("train-2")])
    raw.write(folder, "test.json", [raw.dialogue("test-1"), raw.dialogue("test-2")])
    return folder


@pytest.fixture
def hidden(source, tmp_path):
    build(source, tmp_path / "hidden", with_hidden_labels=True)
    return tmp_path / "hidden"


def rows_of(folder, config, split="test"):
    return list(datasets.load_dataset(str(folder), config, split=split))


def test_no_label_of_the_test_split_is_in_the_public_folder(hidden):
    for row in rows_of(hidden, "labeled"):
        assert row["satisfaction"] is None
        for said in row["utterances"]:
            assert not any(said[name] for name in ("emotions", "intents", "acts", "entities", "triples"))
    assert [row["emotions"] for row in rows_of(hidden, "emotion")] == [None] * 4
    assert [row["satisfaction"] for row in rows_of(hidden, "satisfaction")] == [None] * 2
    written = ("history_entities", "entities", "user_intent", "kb_result", "emotions", "acts", "response", "goal")
    for row in rows_of(hidden, "response"):
        assert {row[name] for name in written} == {""}


def test_the_input_of_systems_is_kept(source, hidden, tmp_path):
    build(source, tmp_path / "whole")
    for config, fields in (
        ("emotion", ("dialogue_id", "utterance", "context", "text")),
        ("response", ("dialogue_id", "exchange", "user", "kb")),
        ("satisfaction", ("dialogue_id", "text")),
    ):
        public, whole = rows_of(hidden, config), rows_of(tmp_path / "whole", config)
        assert [[row[name] for name in fields] for row in public] == [[row[name] for name in fields] for row in whole]


def test_the_other_splits_are_unchanged(source, hidden, tmp_path):
    build(source, tmp_path / "whole")
    hidden_files, whole_files = contents(hidden), contents(tmp_path / "whole")
    train = [name for name in whole_files if "train-00000" in name]
    assert len(train) == 4 and all(hidden_files[name] == whole_files[name] for name in train)


def test_the_folder_of_labels_has_only_the_complete_test_split(source, hidden, tmp_path):
    build(source, tmp_path / "whole")
    labels = hidden.with_name("hidden-test-labels")
    for config in CONFIGS:
        assert list(datasets.load_dataset(str(labels), config)) == ["test"]
        assert rows_of(labels, config) == rows_of(tmp_path / "whole", config)
    assert "Keep it private" in (labels / "README.md").read_text("utf-8")


def test_the_same_rows_are_to_be_predicted_with_and_without_labels(hidden):
    labels = hidden.with_name("hidden-test-labels")
    for task in ("emotion", "entities", "satisfaction"):
        asked, gold = (task_of(task).split_rows(str(folder), "test") for folder in (hidden, labels))
        keys = [[(row["dialogue_id"], row.get("utterance")) for row in rows] for rows in (asked, gold)]
        assert keys[0] == keys[1] and keys[0]


def test_the_card_says_that_labels_are_hidden_and_that_replies_can_be_read(hidden):
    text = (hidden / "README.md").read_text("utf-8")
    assert "labels of the test split are hidden" in text and "BLEU depends on honest submissions" in text


def test_scoring_hidden_rows_raises_an_error_that_says_so(hidden):
    rows = rows_of(hidden, "response")
    with pytest.raises(cmcc.DataError, match=r"labels are hidden.*cmcc submit"):
        score_responses(gold_predictions(rows), rows)


def test_a_second_build_replaces_both_folders_and_gives_the_same_bytes(source, hidden):
    labels = hidden.with_name("hidden-test-labels")
    before = contents(hidden), contents(labels)
    build(source, hidden, with_hidden_labels=True)
    assert (contents(hidden), contents(labels)) == before


def test_a_folder_that_no_build_made_is_not_replaced_by_the_labels(source, tmp_path):
    raw.write(tmp_path / "mine-test-labels", "thesis.txt", "years of work")
    with pytest.raises(cmcc.DataError, match=r"thesis\.txt"):
        build(source, tmp_path / "mine", with_hidden_labels=True)
    assert not (tmp_path / "mine").exists()


def test_without_a_test_split_there_is_nothing_to_hide(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("train-1")])
    with pytest.raises(cmcc.DataError, match="the test split has no labeled dialogues"):
        build(tmp_path / "raw", tmp_path / "out", with_hidden_labels=True)
    assert not (tmp_path / "out").exists() and not (tmp_path / "out-test-labels").exists()


def test_an_utterance_annotated_with_no_labels_is_not_hidden():
    TASKS["entities"].check_labels([{"dialogue_id": "a", "utterance": 1, "text": "x", "emotions": [], "entities": []}])
    TASKS["entities"].check_labels([])


def test_hidden_rows_are_recognized_in_every_config(source):
    for dialogue in cmcc.read_dialogues(source):
        hidden = hide_labels(dialogue.row, "labeled")
        assert is_hidden_dialogue(hidden) and not is_hidden_dialogue(dialogue.row)
        assert all(map(TASKS["entities"].is_hidden, entity_rows(hidden)))
        for name in ("emotion", "response", "satisfaction"):
            for row in cmcc.view(name)(dialogue.row):
                assert not TASKS[name].is_hidden(row) and TASKS[name].is_hidden(hide_labels(row, name))

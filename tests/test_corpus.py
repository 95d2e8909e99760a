"""What a DATASET argument means."""

import pytest

import cmcc
from cmcc_bench.build import build
from cmcc_bench.corpus import has_config, is_licensed, is_synthetic, label_of, labeled_rows, open_dataset
from tests import raw


def test_a_built_folder_opens_with_each_of_its_configs(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("a"), raw.dialogue("b")])
    build(tmp_path / "raw", tmp_path / "cmcc")
    assert [row["dialogue_id"] for row in labeled_rows(str(tmp_path / "cmcc"))] == ["a", "b"]
    assert open_dataset(str(tmp_path / "cmcc"), "emotion")["train"].num_rows == 4


def test_sample_is_the_synthetic_sample_in_any_config():
    assert sum(1 for _ in labeled_rows("sample")) == 400
    assert open_dataset("sample", "satisfaction").keys() == {"train", "validation", "test"}


def test_a_folder_of_raw_files_says_to_build_it_first(tmp_path):
    raw.write(tmp_path, "train.json", [raw.dialogue()])
    with pytest.raises(cmcc.DataError, match="cmcc build --data-dir"):
        open_dataset(str(tmp_path))


def test_a_raw_file_is_no_data_set_and_no_hub_id(tmp_path):
    path = raw.write(tmp_path, "train.json", [raw.dialogue()])
    with pytest.raises(cmcc.DataError, match="found a file; expected a folder that cmcc build made"):
        open_dataset(str(path))


def test_a_config_that_was_not_built_and_a_hub_id_that_is_out_of_reach_are_clear_errors(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue()])
    build(tmp_path / "raw", tmp_path / "cmcc")
    for name, config in ((str(tmp_path / "cmcc"), "unlabeled"), ("nobody/nothing", "labeled")):
        with pytest.raises(cmcc.DataError, match="expected a built folder, a Hub id that you may read, or `sample`"):
            open_dataset(name, config)


def test_whether_a_config_was_built_can_be_asked(tmp_path):
    raw.write(tmp_path / "raw", "unlabeled.json", [raw.plain()])
    build(tmp_path / "raw", tmp_path / "cmcc")
    assert has_config(str(tmp_path / "cmcc"), "unlabeled") and not has_config(str(tmp_path / "cmcc"), "labeled")
    assert has_config("sample", "labeled") and not has_config("sample", "unlabeled")
    with pytest.raises(cmcc.DataError, match="cmcc build --data-dir"):
        has_config(str(tmp_path / "raw"), "labeled")


def test_data_are_synthetic_when_some_of_them_are_and_licensed_unless_all_are():
    simulated, real = {"dialogue_id": f"{cmcc.SYNTHETIC_ID}1"}, {"dialogue_id": "call-1"}
    found = {(is_synthetic(rows), is_licensed(rows)) for rows in ([simulated], [real], [simulated, real])}
    assert found == {(True, False), (False, True), (True, True)}


def test_a_folder_is_called_by_its_own_name_wherever_it_lies(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert [label_of(name) for name in (".", str(tmp_path / "mine"), "cmcc-org/cmcc")] == [
        "mine",
        "mine",
        "cmcc-org/cmcc",
    ]

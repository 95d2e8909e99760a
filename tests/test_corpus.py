"""Opening the data set that a DATASET argument names."""

import shutil
import socket

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cmcc
from cmcc_bench import corpus
from cmcc_bench.corpus import (
    has_config,
    is_licensed,
    is_synthetic,
    labeled_rows,
    open_dataset,
    open_tables,
    short_name,
)
from cmcc_bench.dataset import build
from cmcc_bench.quality.calls import find_source, read_calls
from cmcc_bench.statistics import collect
from tests import raw
from tests.odd_names import NAMES, SYSTEM_FILES


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    raw.write(folder / "raw", "train.json", [raw.dialogue("a"), raw.dialogue("b")])
    build(folder / "raw", folder / "cmcc")
    return folder / "cmcc"


def test_a_built_folder_opens_with_each_of_its_configs(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("a"), raw.dialogue("b")])
    build(tmp_path / "raw", tmp_path / "cmcc")
    assert [row["dialogue_id"] for row in labeled_rows(str(tmp_path / "cmcc"))] == ["a", "b"]
    assert open_dataset(str(tmp_path / "cmcc"), "emotion")["train"].num_rows == 4


def test_sample_opens_in_any_config():
    assert sum(1 for _ in labeled_rows("sample")) == 400
    assert open_dataset("sample", "satisfaction").keys() == {"train", "validation", "test"}


def test_the_error_for_a_folder_of_raw_files_says_to_build_it_first(tmp_path):
    raw.write(tmp_path, "train.json", [raw.dialogue()])
    with pytest.raises(cmcc.DataError, match="cmcc build --data-dir"):
        open_dataset(str(tmp_path))


def test_a_raw_file_is_an_error(tmp_path):
    path = raw.write(tmp_path, "train.json", [raw.dialogue()])
    with pytest.raises(cmcc.DataError, match="this is a file, so it is not a data set made by cmcc build"):
        open_dataset(str(path))


def test_a_config_that_was_not_built_and_a_hub_id_that_is_out_of_reach_are_clear_errors(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue()])
    build(tmp_path / "raw", tmp_path / "cmcc")
    for name, config in ((str(tmp_path / "cmcc"), "unlabeled"), ("unknown/nothing", "labeled")):
        with pytest.raises(cmcc.DataError, match="cannot open the data set: "):
            open_dataset(name, config)


def test_has_config_says_whether_a_config_was_built(tmp_path):
    raw.write(tmp_path / "raw", "unlabeled.json", [raw.plain()])
    build(tmp_path / "raw", tmp_path / "cmcc")
    assert has_config(str(tmp_path / "cmcc"), "unlabeled") and not has_config(str(tmp_path / "cmcc"), "labeled")
    assert has_config("sample", "labeled") and not has_config("sample", "unlabeled")
    with pytest.raises(cmcc.DataError, match="cmcc build --data-dir"):
        has_config(str(tmp_path / "raw"), "labeled")


def test_data_is_synthetic_if_any_dialogue_is_and_licensed_unless_all_are_synthetic():
    simulated, real = {"dialogue_id": f"{cmcc.SYNTHETIC_ID}1"}, {"dialogue_id": "call-1"}
    found = {(is_synthetic(rows), is_licensed(rows)) for rows in ([simulated], [real], [simulated, real])}
    assert found == {(True, False), (False, True), (True, True)}


def test_the_short_name_of_a_folder_has_no_path(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert [short_name(name) for name in (".", str(tmp_path / "mine"), "cmcc-org/cmcc")] == [
        "mine",
        "mine",
        "cmcc-org/cmcc",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_built_folder_with_any_name_opens(built, tmp_path, monkeypatch, name):
    folder = shutil.copytree(built, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (str(folder), f"./{name}", f"./{name}/"):
        assert [row["dialogue_id"] for row in labeled_rows(path)] == ["a", "b"]
        assert has_config(path, "emotion") and not has_config(path, "unlabeled")


def test_a_built_folder_opens_from_inside_and_through_a_link(built, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(built)
    monkeypatch.chdir(built / "labeled")
    for path in ("..", "../", str(tmp_path / "link"), str(tmp_path / "link") + "/"):
        assert [row["dialogue_id"] for row in labeled_rows(path)] == ["a", "b"]


def test_a_folder_opens_as_with_load_dataset(built):
    ours, theirs = open_dataset(str(built)), datasets.load_dataset(str(built), "labeled")
    assert {split: rows.to_list() for split, rows in ours.items()} == {
        split: rows.to_list() for split, rows in theirs.items()
    }
    assert ours["train"].features == theirs["train"].features
    assert ours["train"].info.version == theirs["train"].info.version
    assert ours["train"].info.splits.keys() == theirs["train"].info.splits.keys()


def test_files_of_a_system_in_a_built_folder_are_not_read(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "cmcc")
    inside = [f"labeled/{name}" for name in (*SYSTEM_FILES, "._train-00000-of-00001.parquet")]
    for name in (*SYSTEM_FILES, *inside):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\0")
    assert [row["dialogue_id"] for row in labeled_rows(str(folder))] == ["a", "b"]


def test_a_replaced_folder_never_gives_cached_old_rows(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "cmcc")
    assert sum(1 for _ in labeled_rows(str(folder))) == 2
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("c"), raw.dialogue("d")])
    build(tmp_path / "raw", folder)
    assert [row["dialogue_id"] for row in labeled_rows(str(folder))] == ["c", "d"]


@pytest.mark.parametrize(
    "name", ["nowhere", "cmcc", "", "./nowhere", "no/such/folder", "/no/such", "datasets", "a b/c", "hf://x/y"]
)
def test_a_name_that_is_no_folder_and_no_hub_id_fails_without_the_network(tmp_path, monkeypatch, name):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for ask in (open_dataset, lambda path: has_config(path, "labeled"), find_source):
        with pytest.raises(cmcc.DataError, match=r"no such folder, and not a Hub id\. Use a built folder, a Hub id"):
            ask(name)


def test_a_folder_with_a_similar_name_is_suggested(tmp_path, monkeypatch):
    for name in ("CMCC-built", "sample", "other"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for wrong, right in (("cmcc_built", "CMCC-built"), ("smple", "./sample"), ("./cmc-built", "CMCC-built")):
        with pytest.raises(cmcc.DataError, match=rf"Did you mean {right}\?"):
            open_dataset(wrong)


def test_sample_is_the_sample_even_if_a_folder_has_that_name(built, tmp_path, monkeypatch):
    shutil.copytree(built, tmp_path / "sample")
    monkeypatch.chdir(tmp_path)
    assert sum(1 for _ in labeled_rows("sample")) == 400 and sum(1 for _ in labeled_rows("./sample")) == 2


@pytest.mark.parametrize("open_", [open_dataset, open_tables])
@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_a_truncated_parquet_file_is_an_error_that_says_to_build_again(built, tmp_path, content, open_):
    folder = shutil.copytree(built, tmp_path / "cmcc")
    path = folder / "labeled/train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(cmcc.DataError, match=r"a Parquet file is damaged \(.*Build the folder again"):
        open_(str(folder))


def test_a_parquet_file_that_is_damaged_inside_is_an_error_when_it_is_read(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "cmcc")
    path = folder / "labeled/train-00000-of-00001.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(100) + content[104:])
    tables = open_tables(str(folder))["train"]
    with pytest.raises(cmcc.DataError, match=r"a Parquet file is damaged \(.*Build the folder again"):
        list(tables)


def test_a_parquet_file_without_a_column_is_an_error_that_names_both(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "cmcc")
    path = folder / "labeled/train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).drop(["utterances"]), path)
    with pytest.raises(cmcc.DataError, match=r"train-00000-of-00001.parquet: no column utterances"):
        open_tables(str(folder))


@pytest.mark.parametrize("open_", [open_dataset, open_tables])
def test_a_parquet_file_with_fewer_rows_than_the_card_lists_is_an_error(built, tmp_path, open_):
    folder = shutil.copytree(built, tmp_path / "cmcc")
    path = folder / "labeled/train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).slice(0, 1), path)
    with pytest.raises(cmcc.DataError, match="Build the folder again"):
        open_(str(folder))


def test_statistics_and_checks_of_a_built_folder_make_no_copy_in_the_cache(monkeypatch, built):
    monkeypatch.setattr(corpus, "Parquet", None)
    assert collect(str(built)).labeled.dialogues == 2
    assert [call.dialogue_id for call in read_calls(find_source(str(built)))] == ["a", "b"]
    with pytest.raises(cmcc.DataError, match="NoneType"):
        open_dataset(str(built))


@pytest.mark.parametrize("config", ["labeled", "emotion", "response", "satisfaction"])
def test_tables_have_the_rows_of_the_data_set_in_blocks(monkeypatch, built, config):
    monkeypatch.setattr(corpus, "BLOCK", 1)
    for name in (str(built), "sample"):
        opened, tables = open_dataset(name, config), open_tables(name, config)
        assert opened.keys() == tables.keys()
        for split, rows in opened.items():
            of_split = list(tables[split])
            assert {len(table) for table in of_split} == {1} and tables[split].num_rows == len(rows)
            assert of_split[0].schema.equals(rows.features.arrow_schema)
            if name != "sample":
                assert pa.concat_tables(of_split).to_pylist() == rows.to_list()


@pytest.mark.parametrize("name", ["a::b", "$HOME"])
def test_a_path_that_the_datasets_library_interprets_is_an_error(built, tmp_path, name):
    folder = shutil.copytree(built, tmp_path / name)
    with pytest.raises(cmcc.DataError, match=r"the path contains `::` or `\$`.*Rename the folder"):
        open_dataset(str(folder))


@pytest.mark.parametrize("name", [*NAMES, "a::b", "$HOME"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_raw_files_load_with_any_names_of_folder_and_file(tmp_path, name, is_streamed):
    raw.write(tmp_path / name, f"{name}.json", [raw.dialogue("a"), raw.dialogue("b")])
    for system_file in SYSTEM_FILES:
        (tmp_path / name / system_file).parent.mkdir(exist_ok=True)
        (tmp_path / name / system_file).write_bytes(b"\0")
    assert not cmcc.skipped_files(tmp_path / name)
    splits = cmcc.load("labeled", tmp_path / name, streaming=is_streamed)
    assert sorted(row["dialogue_id"] for rows in splits.values() for row in rows) == ["a", "b"]


HEADS = [
    "[1, 2",
    "configs: 3",
    "configs:\n- config_name: labeled",
    "configs:\n- config_name: labeled\n  data_files:\n  - split: train\n    path: /etc/*",
    "- a",
]


@pytest.mark.parametrize("text", ["", "no head", *(f"---\n{head}\n---\n" for head in HEADS)])
def test_an_invalid_card_is_an_error_that_names_the_data_set(built, tmp_path, text):
    folder = shutil.copytree(built, tmp_path / "cmcc")
    (folder / "README.md").write_text(text, "utf-8")
    with pytest.raises(cmcc.DataError, match="cmcc"):
        open_dataset(str(folder))

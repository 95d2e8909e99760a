"""Streams to Parquet files."""

import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cmcc
from cmcc_bench.dataset import build, parquet
from tests import raw

# The types of datasets 3.6, besides those of pictures and sound.
TYPES_OF_DATASETS_3 = {"Value", "ClassLabel", "Sequence", "LargeList"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A built folder with every config, and the names of its files by config."""
    folder = tmp_path_factory.mktemp("parquet")
    raw.write(folder / "raw", "train.json", [raw.dialogue("a"), raw.dialogue("b")])
    raw.write(folder / "raw", "more.json", [raw.plain("c")])
    build(folder / "raw", folder / "cmcc")
    files = {path.parent.name: path for path in (folder / "cmcc").glob("*/train-*.parquet")}
    assert files.keys() == cmcc.FEATURES.keys() - {"sample"}
    return folder / "cmcc", files


def types_in(feature):
    """Each type that features as JSON name, with the list form of datasets 3, [X]."""
    if isinstance(feature, list):
        assert len(feature) == 1
        yield from types_in(feature[0])
    elif isinstance(feature, dict):
        if isinstance(feature.get("_type"), str):
            yield feature["_type"]
        for name, inner in feature.items():
            if name != "names":  # of a ClassLabel
                yield from types_in(inner)


def test_the_features_in_the_files_use_types_that_datasets_3_knows(built):
    for path in built[1].values():
        facts = json.loads(pq.read_schema(path).metadata[b"huggingface"])
        found = set(types_in(facts["info"]["features"]))
        assert found and found <= TYPES_OF_DATASETS_3


@pytest.mark.parametrize("is_streamed", [False, True])
def test_files_alone_have_the_features_that_the_card_says_and_the_code_declares(built, is_streamed):
    folder, files = built
    for config, path in files.items():
        alone = datasets.load_dataset("parquet", data_files={"train": str(path)}, split="train", streaming=is_streamed)
        whole = datasets.load_dataset(str(folder), config, split="train", streaming=is_streamed)
        assert alone.features == whole.features == cmcc.FEATURES[config]()
        assert list(alone) == list(whole)


@pytest.mark.parametrize("pieces", [[10], [3, 3, 4], [1] * 10, [4, 4, 2], [0, 10]])
def test_row_groups_depend_on_the_rows_and_not_on_the_tables_they_came_in(tmp_path, monkeypatch, pieces):
    monkeypatch.setitem(parquet.ROW_GROUP, "labeled", 4)
    rows = pa.table({"dialogue_id": [str(n) for n in range(10)]})
    writer = parquet.SplitWriter(tmp_path / "labeled" / "x.parquet", "labeled")
    start = 0
    for size in pieces:
        writer.write(rows.slice(start, size))
        start += size
    writer.close()
    metadata = pq.read_metadata(tmp_path / "labeled" / "x.parquet")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [4, 4, 2]
    assert pq.read_table(tmp_path / "labeled" / "x.parquet") == rows and writer.rows == 10


def test_a_split_without_rows_makes_no_file(tmp_path):
    writer = parquet.SplitWriter(tmp_path / "labeled" / "x.parquet", "labeled")
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_stream_is_read_without_the_dialogues_that_are_left_out(tmp_path):
    rows = pa.table({"dialogue_id": ["a", "b", "a", "c"]})
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    assert pa.concat_tables(parquet.read_stream(tmp_path / "s.arrow", {"a"}))["dialogue_id"].to_pylist() == ["b", "c"]


@pytest.mark.parametrize("pieces", [[7], [1] * 7, [2, 5], [3, 3, 1]])
def test_a_row_group_ends_when_its_texts_are_long_and_again_depends_on_the_rows_alone(tmp_path, monkeypatch, pieces):
    monkeypatch.setitem(parquet.ROW_GROUP, "response", 3)
    monkeypatch.setattr(parquet, "_ROW_GROUP_BYTES", 100)
    rows = pa.table({"dialogue_id": list("abcdefg"), "kb": ["", None, "", "x" * 60, "x" * 60, "x" * 200, "end"]})
    writer = parquet.SplitWriter(tmp_path / "x.parquet", "response")
    start = 0
    for size in pieces:
        writer.write(rows.slice(start, size))
        start += size
    writer.close()
    metadata = pq.read_metadata(tmp_path / "x.parquet")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [3, 2, 1, 1]
    assert pq.read_table(tmp_path / "x.parquet") == rows


def test_functions_run_in_the_background_in_order_and_all_have_run_at_the_end():
    done = []
    with parquet.in_background() as run:
        for number in range(20):
            run(lambda number=number: done.append(number))
    assert done == [*range(20)]


@pytest.mark.parametrize("calls_after", [0, 10])
def test_an_error_in_the_background_ends_the_block(calls_after):
    def fail():
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"), parquet.in_background() as run:
        run(fail)
        for _ in range(calls_after):
            run(int)

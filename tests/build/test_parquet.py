"""Streams to Parquet files."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cmcc_bench.build import parquet


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

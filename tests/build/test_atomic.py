"""Putting a folder in its place."""

import pytest

from cmcc_bench.build import atomic


def folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)
    return path


@pytest.mark.parametrize("exchanges", [True, False])
def test_the_new_folder_stands_where_the_old_one_did_and_nothing_else_is_left(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    place = folder(tmp_path / "cmcc", "old")
    atomic.put_in_place(folder(tmp_path / ".new", "new"), place)
    assert (place / "file").read_text() == "new" and [path.name for path in tmp_path.iterdir()] == ["cmcc"]


def test_a_first_folder_needs_no_old_one(tmp_path):
    atomic.put_in_place(folder(tmp_path / ".new", "new"), tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "new"


def test_recover_puts_the_old_folder_back_when_a_replacement_was_cut_off_between_its_renames(tmp_path):
    folder(tmp_path / ".cmcc.old", "old")
    atomic.recover(tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "old"
    folder(tmp_path / ".cmcc.old", "older")
    atomic.recover(tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "old"

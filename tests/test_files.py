"""Putting a folder in its place."""

import pytest

from cmcc_bench import files


def folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)
    return path


@pytest.mark.parametrize("exchanges", [True, False])
def test_the_new_folder_stands_where_the_old_one_did_and_nothing_else_is_left(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    place = folder(tmp_path / "cmcc", "old")
    files.replace_folder(folder(tmp_path / ".new", "new"), place)
    assert (place / "file").read_text() == "new" and [path.name for path in tmp_path.iterdir()] == ["cmcc"]


def test_a_first_folder_needs_no_old_one(tmp_path):
    files.replace_folder(folder(tmp_path / ".new", "new"), tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "new"


def test_recover_puts_the_old_folder_back_when_a_replacement_was_cut_off_between_its_renames(tmp_path):
    folder(tmp_path / ".cmcc.old", "old")
    files.recover_folder(tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "old"
    folder(tmp_path / ".cmcc.old", "older")
    files.recover_folder(tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "old"


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "new" / "file.json"
    files.write_json(path, {"名": 1})
    assert path.read_text("utf-8") == '{\n "名": 1\n}\n'
    with pytest.raises(RuntimeError), files.open_replacement(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text("utf-8") == '{\n "名": 1\n}\n' and [one.name for one in path.parent.iterdir()] == [
        "file.json"
    ]


def test_a_folder_that_could_not_be_filled_leaves_the_old_one_and_the_next_try_begins_empty(tmp_path):
    path = folder(tmp_path / "best", "old")
    with pytest.raises(RuntimeError), files.new_folder(path) as part:
        (part / "half").touch()
        raise RuntimeError
    assert (path / "file").read_text() == "old"
    with files.new_folder(path) as part:
        assert not list(part.iterdir())
    assert not list(path.iterdir()) and [one.name for one in tmp_path.iterdir()] == ["best"]

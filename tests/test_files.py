"""Replacing files and folders in one step, and recognizing system files."""

from pathlib import PurePosixPath

import pytest

from cmcc_bench import files
from cmcc_bench.models.digest import digest_of_model
from tests.odd_names import SYSTEM_FILES


def folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)
    return path


@pytest.mark.parametrize("exchanges", [True, False])
def test_the_new_folder_replaces_the_old_one_and_nothing_else_is_left(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    place = folder(tmp_path / "cmcc", "old")
    files.replace_folder(folder(tmp_path / ".new", "new"), place)
    assert (place / "file").read_text() == "new" and [path.name for path in tmp_path.iterdir()] == ["cmcc"]


def test_a_new_folder_needs_no_old_one(tmp_path):
    files.replace_folder(folder(tmp_path / ".new", "new"), tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "new"


def test_recover_restores_the_old_folder_after_a_crash_between_the_two_renames(tmp_path):
    folder(tmp_path / ".cmcc.old", "old")
    files.recover_folder(tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "old"
    folder(tmp_path / ".cmcc.old", "older")
    files.recover_folder(tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "file").read_text() == "old"


def test_a_file_is_replaced_completely_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "file.json"
    files.write_json(path, {"名": 1})
    assert path.read_text("utf-8") == '{\n "名": 1\n}\n'
    with pytest.raises(RuntimeError), files.open_replacement(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text("utf-8") == '{\n "名": 1\n}\n' and [one.name for one in path.parent.iterdir()] == [
        "file.json"
    ]


def test_after_an_error_the_old_folder_is_unchanged_and_the_next_try_begins_empty(tmp_path):
    path = folder(tmp_path / "best", "old")
    with pytest.raises(RuntimeError), files.new_folder(path) as part:
        (part / "half").touch()
        raise RuntimeError
    assert (path / "file").read_text() == "old"
    with files.new_folder(path) as part:
        assert not list(part.iterdir())
    assert not list(path.iterdir()) and [one.name for one in tmp_path.iterdir()] == ["best"]


@pytest.mark.parametrize("name", [*SYSTEM_FILES, "THUMBS.DB", "Desktop.ini", "__MACOSX/labeled/x.parquet", "a/._b/c"])
def test_system_files_are_recognized_in_any_case_and_in_any_folder(name):
    assert files.is_system_file(name) and files.is_system_file(PurePosixPath("labeled") / name)


@pytest.mark.parametrize("name", ["train.json", ".gitattributes", ".git/config", ".cache/x", "_.json", "DS_Store"])
def test_other_files_are_not_system_files_hidden_or_not(name):
    assert not files.is_system_file(name)


def test_system_files_in_a_folder_do_not_change_the_digest_of_a_model(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = digest_of_model(tmp_path)
    for name in SYSTEM_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert digest_of_model(tmp_path) == before
    (tmp_path / "more.safetensors").write_bytes(b"x")
    assert digest_of_model(tmp_path) != before

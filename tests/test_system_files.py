"""Files that systems leave anywhere."""

from pathlib import PurePosixPath

import pytest

from cmcc_bench.models.digest import digest_of_model
from cmcc_bench.system_files import is_system_file
from tests.odd_names import SYSTEM_FILES


@pytest.mark.parametrize("name", [*SYSTEM_FILES, "THUMBS.DB", "Desktop.ini", "__MACOSX/labeled/x.parquet", "a/._b/c"])
def test_a_file_of_a_system_is_one_in_any_case_and_in_any_folder(name):
    assert is_system_file(name) and is_system_file(PurePosixPath("labeled") / name)


@pytest.mark.parametrize("name", ["train.json", ".gitattributes", ".git/config", ".cache/x", "_.json", "DS_Store"])
def test_other_files_are_none_hidden_or_not(name):
    assert not is_system_file(name)


def test_a_model_stays_the_same_model_when_a_system_leaves_files_in_it(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = digest_of_model(tmp_path)
    for name in SYSTEM_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert digest_of_model(tmp_path) == before
    (tmp_path / "more.safetensors").write_bytes(b"x")
    assert digest_of_model(tmp_path) != before

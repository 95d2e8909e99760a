"""Where a build may write."""

import json
import tempfile

import pytest
from filelock import FileLock, Timeout

import cmcc
from cmcc_bench.dataset import build, place
from cmcc_bench.dataset.place import building_folder
from tests import raw
from tests.dataset.folders import contents
from tests.odd_names import NAMES, SYSTEM_FILES


@pytest.fixture
def source(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("one"), raw.dialogue("two")])
    return tmp_path / "raw"


class TestWhatIsReplaced:
    def test_another_folder_with_a_report_is_refused_and_kept(self, source, tmp_path):
        out = tmp_path / "cmcc"
        out.mkdir()
        (out / "report.json").write_text(json.dumps({"years": "of work"}))
        with pytest.raises(cmcc.DataError, match="the folder exists and cmcc build did not write it"):
            build(source, out)
        (out / "thesis.txt").write_text("years of work")
        with pytest.raises(cmcc.DataError, match=r"did not write: thesis\.txt\. Move them away"):
            build(source, out)
        assert (out / "thesis.txt").read_text() == "years of work"

    @pytest.mark.parametrize("name", ["eval.yaml", "labeled/notes.txt", ".gitattributes"])
    def test_an_extra_file_in_an_earlier_build_is_named_and_kept(self, source, tmp_path, name):
        out = tmp_path / "cmcc"
        build(source, out)
        (out / name).write_text("mine")
        before = contents(tmp_path)
        with pytest.raises(cmcc.DataError, match=f"cmcc build did not write: {name}"):
            build(source, out)
        assert contents(tmp_path) == before

    @pytest.mark.parametrize("name", [*SYSTEM_FILES, *(f"labeled/{name}" for name in SYSTEM_FILES)])
    def test_system_files_in_an_earlier_build_are_ignored(self, source, tmp_path, name):
        out = tmp_path / "cmcc"
        build(source, out)
        built = contents(out)
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"\0")
        build(source, out)
        assert contents(out) == built

    def test_a_folder_with_only_system_files_may_be_replaced(self, source, tmp_path):
        out = tmp_path / "cmcc"
        out.mkdir()
        (out / ".DS_Store").write_bytes(b"\0")
        build(source, out)
        assert not (out / ".DS_Store").exists()

    @pytest.mark.parametrize("name", NAMES)
    def test_a_build_may_go_into_a_folder_of_any_name(self, source, tmp_path, name):
        build(source, tmp_path / name)
        build(source, tmp_path / name)
        assert {path.name for path in tmp_path.iterdir()} == {"raw", name}

    def test_a_build_to_a_folder_called_sample_says_how_to_name_it(self, source, tmp_path):
        assert any("./sample" in line for line in build(source, tmp_path / "sample").summary())
        assert not any("./sample" in line for line in build(source, tmp_path / "mine").summary())

    def test_a_clone_of_a_hub_repository_is_refused_with_the_way_to_upload(self, source, tmp_path):
        out = tmp_path / "cmcc"
        build(source, out)
        (out / ".git").mkdir()
        with pytest.raises(cmcc.DataError, match=r"did not write: \.git.*upload it with cmcc push"):
            build(source, out)
        assert (out / ".git").is_dir()

    @pytest.mark.parametrize("missing", ["README.md", "split_ids.json", "report.json"])
    def test_an_earlier_build_is_recognized_only_with_all_its_files(self, source, tmp_path, missing):
        out = tmp_path / "cmcc"
        build(source, out)
        build(source, out)
        (out / missing).unlink()
        with pytest.raises(cmcc.DataError, match="cmcc build did not write it"):
            build(source, out)

    def test_an_empty_folder_and_a_link_to_one_may_be_replaced(self, source, tmp_path):
        (tmp_path / "disk" / "real").mkdir(parents=True)
        link = tmp_path / "cmcc"
        link.symlink_to(tmp_path / "disk" / "real")
        for _ in range(2):
            assert build(source, link).out == tmp_path / "disk" / "real"
            assert link.is_symlink() and (link / "README.md").is_file()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["cmcc", "disk", "raw"]
        assert [path.name for path in (tmp_path / "disk").iterdir()] == ["real"]

    def test_files_added_during_a_build_are_kept(self, source, tmp_path):
        out = tmp_path / "cmcc"
        build(source, out)
        with pytest.raises(cmcc.DataError, match=r"did not write: notes\.txt"):
            build(source, out, progress=lambda _: (out / "notes.txt").write_text("mine"))
        assert (out / "notes.txt").read_text() == "mine"


class TestPlacesThatAreRefused:
    def test_the_working_directory_and_its_parents_are_not_replaced(self, source, tmp_path, monkeypatch):
        here = tmp_path / "a" / "b"
        here.mkdir(parents=True)
        monkeypatch.chdir(here)
        for out in (".", "..", "../../a"):
            with pytest.raises(cmcc.DataError, match="the working directory, or a folder above it"):
                build(source, here / out)
        assert list(here.iterdir()) == []
        build(source, here / "cmcc")

    def test_the_folder_may_be_neither_inside_nor_around_the_raw_files(self, source):
        with pytest.raises(cmcc.DataError, match="this is inside the folder of raw files"):
            build(source, source / "cmcc")
        for raw_files in (source, source / "train.json"):
            with pytest.raises(cmcc.DataError, match="this folder holds the raw files"):
                build(raw_files, source.parent)

    def test_a_file_is_not_replaced(self, source, tmp_path):
        (tmp_path / "cmcc").write_text("mine")
        with pytest.raises(cmcc.DataError, match="this is a file, not a folder"):
            build(source, tmp_path / "cmcc")


class TestFoldersAbove:
    def test_a_failed_build_removes_the_parent_folders_it_created(self, source, tmp_path):
        raw.write(source, "bad.json", [raw.unreadable()])
        (tmp_path / "mine").mkdir()
        with pytest.raises(cmcc.DataError, match="dialogue bad"):
            build(source, tmp_path / "mine" / "new" / "newer" / "cmcc")
        assert list((tmp_path / "mine").iterdir()) == []

    def test_a_successful_build_keeps_them(self, source, tmp_path):
        build(source, tmp_path / "new" / "newer" / "cmcc")
        assert [path.name for path in (tmp_path / "new" / "newer").iterdir()] == ["cmcc"]


class TestTheLock:
    def test_a_build_removes_its_lock(self, source, tmp_path, monkeypatch):
        (tmp_path / "locks").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "locks"))
        with building_folder(tmp_path / "cmcc"):
            assert len(contents(tmp_path / "locks")) == 1
            with pytest.raises(cmcc.DataError, match="another build is writing"), building_folder(tmp_path / "cmcc"):
                pass
        assert contents(tmp_path / "locks") == {}

    def test_a_lock_of_a_file_that_was_removed_meanwhile_excludes_nobody_and_is_not_taken(self, tmp_path, monkeypatch):
        path = tmp_path / "a.lock"
        acquire = FileLock._acquire

        def acquire_late(lock):
            acquire(lock)
            path.unlink()
            path.touch()  # of the next build

        monkeypatch.setattr(FileLock, "_acquire", acquire_late)
        with pytest.raises(Timeout), place.locked(path):
            pytest.fail("entered without a lock")
        assert path.exists()

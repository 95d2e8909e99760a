"""The board that the page keeps: when it is read again, and what is shown if that fails."""

import shutil

import pytest

import cmcc
from cmcc_bench.leaderboard import reader
from cmcc_bench.leaderboard.files import FACTS_NAME
from cmcc_bench.leaderboard.reader import BoardReader, source_of_space
from tests.leaderboard.boards import write_board


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_board(tmp_path_factory.mktemp("board"))


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "board")


def test_a_board_is_read_once_a_minute(folder, clock):
    board = BoardReader(folder, 60, clock)
    first = board.read()
    assert board.last() is first
    assert first.board and not first.problem and first.read_at.endswith(" UTC")
    (folder / "rejected" / "00031.json").unlink()
    clock.now = 59
    assert board.read() is first
    clock.now = 60
    assert board.last() is first
    assert len(board.read().board.rejected) == len(first.board.rejected) - 1


def test_the_last_board_is_kept_if_reading_fails(folder, clock):
    board = BoardReader(folder, 60, clock)
    first = board.read()
    (folder / FACTS_NAME).write_text("{")
    clock.now = 60
    broken = board.read()
    assert broken.board is first.board and broken.read_at == first.read_at
    assert "Write them again: cmcc leaderboard update" in broken.problem


def test_a_missing_board_name_or_connection_is_a_problem_with_a_message(tmp_path):
    assert "cmcc leaderboard update" in BoardReader(tmp_path).read().problem
    assert "CMCC_RESULTS" in BoardReader("").read().problem
    offline = BoardReader("cmcc-org/results").read()
    assert offline.board is None and "HF_HUB_OFFLINE" in offline.problem


def test_a_download_of_the_same_commit_is_not_read_again(folder, clock, monkeypatch):
    monkeypatch.setattr(reader, "board_folder", lambda _: folder)
    board = BoardReader("cmcc-org/results", 60, clock)
    first = board.read().board
    clock.now = 60
    assert board.read().board is first


def test_a_visitor_does_not_wait_while_the_board_is_read_for_another_one(folder, clock, monkeypatch):
    board = BoardReader(folder, 60, clock)
    first = board.read()
    clock.now = 60
    seen = []
    monkeypatch.setattr(reader, "load_board", lambda _: seen.append(board.read()) or first.board)
    board.read()
    assert seen == [first]


def test_a_space_takes_the_source_from_the_variable_or_else_from_its_card(tmp_path):
    (tmp_path / "README.md").write_text("---\ntitle: T\ndatasets:\n- org/results\n- org/other\n---\n# T\n")
    assert source_of_space(tmp_path, {}) == "org/results"
    assert source_of_space(tmp_path, {"CMCC_RESULTS": " some/folder "}) == "some/folder"
    (tmp_path / "README.md").write_text("---\ntitle: T\ndatasets: []\n---\n# T\n")
    assert source_of_space(tmp_path, {}) == ""
    (tmp_path / "README.md").write_text("---\ntitle: [T\n---\n")
    with pytest.raises(cmcc.DataError):
        source_of_space(tmp_path, {})

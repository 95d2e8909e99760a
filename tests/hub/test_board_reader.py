"""The leaderboard's page reads its board from the Hub: private, changed, and while the Hub cannot be reached."""

from cmcc_bench.leaderboard.reader import BoardReader
from tests.leaderboard.boards import write_board
from tests.leaderboard.test_reader import Clock

NAME = "cmcc-org/board-that-is-read"

_clock = Clock()
_readers = {}


def read(name, seconds_later=0):
    """In the clients' process: the names of the first track's submissions, and the problem."""
    _clock.now += seconds_later
    reading = _readers.setdefault(name, BoardReader(name, 60, _clock)).read()
    track = reading.board.tracks["response"] if reading.board else None
    return [entry.key for entry in track.entries if entry.kind == "submission"] if track else None, reading.problem


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_board_is_read_again_after_a_minute_and_kept_while_the_hub_cannot_be_reached(hub, clients, tmp_path):
    hub.add("datasets", NAME, {"README.md": b"# Results\n"}, private=True)
    found, problem = clients(read, NAME)
    assert found is None and "leaderboard.json is missing" in problem
    hub.add("datasets", NAME, files_of(write_board(tmp_path)), private=True)
    assert clients(read, NAME, 59)[0] is None
    found, problem = clients(read, NAME, 1)
    assert len(found) == 12 and not problem
    hub.break_next(f"GET datasets/{NAME}", 20)
    assert clients(read, NAME, 60)[0] == found


def test_without_a_token_a_private_board_shows_what_to_do(hub, clients, tmp_path):
    hub.add("datasets", "cmcc-org/private-board", files_of(write_board(tmp_path)), private=True)
    found, problem = clients(read, "cmcc-org/private-board", token="")
    assert found is None and "your account cannot see it" in problem and "HF_TOKEN" in problem
    assert len(clients(read, "cmcc-org/private-board", 60)[0]) == 12

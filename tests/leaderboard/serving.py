"""Serves a board's page on a free local port."""

from contextlib import contextmanager

from cmcc_bench.leaderboard.page import launch_page, make_board_page
from cmcc_bench.leaderboard.reader import BoardReader
from tests.servers import free_port


@contextmanager
def served(source, seconds=60.0):
    """The address of the page of a source."""
    page = make_board_page(BoardReader(source, seconds))
    launched = launch_page(page, server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, quiet=True)
    try:
        yield launched[1]
    finally:
        page.close(verbose=False)

"""Serves a board's page on a free local port."""

import socket
from contextlib import contextmanager

from cmcc_bench.leaderboard.page import launch_page, make_board_page
from cmcc_bench.leaderboard.reader import BoardReader


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def served(source, seconds=60.0):
    """The address of the page of a source."""
    page = make_board_page(BoardReader(source, seconds))
    launched = launch_page(page, server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, quiet=True)
    try:
        yield launched[1]
    finally:
        page.close(verbose=False)

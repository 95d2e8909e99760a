"""Which pull requests an update looks at."""

from hypothesis import given
from hypothesis import strategies as st

from cmcc_bench.leaderboard.inbox import PullRequest, choose


def requests(authors):
    return [PullRequest(number, author, "x", "2026-01-01") for number, author in enumerate(authors, 1)]


def test_authors_take_turns_so_that_a_flood_keeps_nobody_out():
    now, later = choose(requests(["mallory"] * 100 + ["bob", "alice"]), per_author=5, in_all=6)
    assert {request.author for request in now} == {"mallory", "bob", "alice"}
    assert len(now) == 6 and len(later) == 96


def test_of_one_author_the_oldest_are_looked_at_first():
    now, later = choose(requests(["bob"] * 3), per_author=2, in_all=10)
    assert [request.number for request in now] == [1, 2] and [request.number for request in later] == [3]


def test_requests_about_other_things_that_stay_open_keep_no_submission_out():
    others = requests(["bob"] * 5 + [f"user-{number}" for number in range(60)])
    mine = [
        PullRequest(number, author, "Submission: x (response)", "2026-01-01")
        for number, author in ((98, "bob"), (99, "z"))
    ]
    now, later = choose([*others, *mine], per_author=5, in_all=50)
    assert {*mine} <= {*now} and len(now) == 50 and len(later) == 17


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 5), st.integers(1, 20))
def test_every_request_is_looked_at_or_waits(authors, per_author, in_all):
    every = requests(authors)
    now, later = choose(every, per_author, in_all)
    assert sorted([*now, *later], key=lambda request: request.number) == every
    assert len(now) <= in_all and all(sum(r.author == a for r in now) <= per_author for a in "abc")
    if len(now) < in_all:  # then nobody waits but who has more than a turn allows
        assert all(sum(r.author == waiting.author for r in now) == per_author for waiting in later)

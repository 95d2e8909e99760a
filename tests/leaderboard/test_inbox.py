"""The pull requests that an update chooses."""

from hypothesis import given
from hypothesis import strategies as st

from cmcc_bench.leaderboard.inbox import PullRequest, choose


def requests(authors):
    return [PullRequest(number, author, "x", "2026-01-01") for number, author in enumerate(authors, 1)]


def test_authors_take_turns_so_that_many_requests_of_one_do_not_delay_others():
    now, later = choose(requests(["mallory"] * 100 + ["bob", "alice"]), per_author=5, in_all=6)
    assert {request.author for request in now} == {"mallory", "bob", "alice"}
    assert len(now) == 6 and len(later) == 96


def test_the_oldest_requests_of_an_author_come_first():
    now, later = choose(requests(["bob"] * 3), per_author=2, in_all=10)
    assert [request.number for request in now] == [1, 2] and [request.number for request in later] == [3]


def test_open_requests_about_other_things_do_not_delay_submissions():
    others = requests(["bob"] * 5 + [f"user-{number}" for number in range(60)])
    mine = [
        PullRequest(number, author, "Submission: x (response)", "2026-01-01")
        for number, author in ((98, "bob"), (99, "z"))
    ]
    now, later = choose([*others, *mine], per_author=5, in_all=50)
    assert {*mine} <= {*now} and len(now) == 50 and len(later) == 17


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 5), st.integers(1, 20))
def test_every_request_is_either_chosen_or_waits(authors, per_author, in_all):
    every = requests(authors)
    now, later = choose(every, per_author, in_all)
    assert sorted([*now, *later], key=lambda request: request.number) == every
    assert len(now) <= in_all and all(sum(r.author == a for r in now) <= per_author for a in "abc")
    if len(now) < in_all:  # then only requests beyond the limit of their author wait
        assert all(sum(r.author == waiting.author for r in now) == per_author for waiting in later)

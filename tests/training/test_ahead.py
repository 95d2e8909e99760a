"""The next item is made while the current one is used."""

import threading

import pytest

from cmcc_bench.training.ahead import ahead


def test_every_item_comes_once_in_order_with_what_is_made_of_it():
    assert list(ahead(range(5), str)) == [(number, str(number)) for number in range(5)]
    assert list(ahead([], str)) == []


def test_the_next_one_is_made_while_the_first_is_used():
    made = [threading.Event() for _ in range(3)]
    for number, _ in ahead(range(3), lambda number: made[number].set()):
        assert all(made[later].wait(30) for later in range(number, min(number + 2, 3)))


def test_an_error_comes_where_its_item_would_and_the_thread_ends():
    before, seen = threading.active_count(), list[float]()
    with pytest.raises(ZeroDivisionError):
        for _, made in ahead([1, 2, 0, 4], lambda number: 4 / number):
            seen.append(made)
    assert seen == [4.0, 2.0]
    for _ in ahead(range(9), str):
        break
    assert threading.active_count() == before

"""Tests of batches by length."""

import random
from statistics import pstdev

import pytest

from cmcc_bench.training.batching import cut, evaluation_batches, global_batches, padded_tokens, process_slice

LENGTHS = [int(random.Random(i).lognormvariate(4.2, 0.5)) + 3 for i in range(3_000)]  # about those of exchanges


@pytest.mark.parametrize(("size", "group", "micro"), [(32, 8, 8), (32, 8, 4), (16, 16, 16), (8, 8, 8), (64, 32, 32)])
@pytest.mark.parametrize("number", [3_000, 2_995])
def test_padding_is_under_a_tenth(size, group, micro, number):
    lengths = LENGTHS[:number]
    for epoch in range(3):
        batches = [part for batch in global_batches(lengths, size, group, 0, epoch) for part in cut(batch, micro)]
        assert 1 - sum(lengths) / sum(padded_tokens(lengths, batch) for batch in batches) < 0.1


def test_batches_that_are_not_sorted_are_padded_much_more():
    batches = cut(range(len(LENGTHS)), 8)
    assert 1 - sum(LENGTHS) / sum(padded_tokens(LENGTHS, batch) for batch in batches) > 0.3


def test_every_example_is_in_one_batch_of_an_epoch():
    batches = global_batches(LENGTHS, 32, 8, 0, 0)
    assert sorted(index for batch in batches for index in batch) == list(range(len(LENGTHS)))
    assert sorted({len(batch) for batch in batches}) == [3000 % 32, 32]


def test_the_batches_follow_from_the_seed_and_the_epoch():
    assert global_batches(LENGTHS, 32, 8, 0, 1) == global_batches(LENGTHS, 32, 8, 0, 1)
    assert global_batches(LENGTHS, 32, 8, 0, 1) != global_batches(LENGTHS, 32, 8, 0, 2)
    assert global_batches(LENGTHS, 32, 8, 0, 1) != global_batches(LENGTHS, 32, 8, 1, 1)


def test_every_step_sees_short_and_long_examples():
    dealt, one_length = (
        [sum(LENGTHS[index] for index in batch) / 32 for batch in global_batches(LENGTHS, 32, group, 0, 0)[:-1]]
        for group in (8, 32)
    )
    assert pstdev(dealt) < 0.4 * pstdev(one_length)


def test_an_epoch_does_not_go_from_short_to_long():
    longest = [max(LENGTHS[index] for index in batch) for batch in global_batches(LENGTHS, 8, 8, 0, 0)]
    middle = len(longest) // 2
    assert 0.8 < sum(longest[:middle]) / sum(longest[middle:]) < 1.25


def test_the_slices_of_the_processes_make_up_the_batch():
    batch = list(range(10, 17))
    slices = [process_slice(batch, process, 3) for process in range(3)]
    assert sorted(index for part in slices for index in part) == batch
    assert [len(part) for part in slices] == [3, 2, 2]
    assert process_slice([7], 1, 2) == []


def test_an_evaluation_sees_every_example_once_by_length():
    assert evaluation_batches([5, 1, 9, 3], 3) == [[1, 3, 0], [2]]


def test_a_batch_is_padded_to_its_longest_example():
    assert padded_tokens([4, 2, 7], [0, 1]) == 8
    assert padded_tokens([4, 2, 7], []) == 0

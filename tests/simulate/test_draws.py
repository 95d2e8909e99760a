"""Random choices of the simulator."""

from collections import Counter
from random import Random

from cmcc_bench.simulate.draws import BLOCK, draw_in_turn, weighted


def test_a_block_of_calls_follows_the_shares_to_within_one_call():
    shares = {"often": 0.9, "seldom": 0.0975, "rare": 0.0025}
    for block in range(5):
        counts = Counter(draw_in_turn("seed", block * BLOCK + at, shares) for at in range(BLOCK))
        assert all(abs(counts[key] - share * BLOCK) < 1 for key, share in shares.items())


def test_a_block_is_shuffled_and_differs_between_keys():
    def drawn(key):
        return [draw_in_turn(key, at, {"a": 1, "b": 1}) for at in range(BLOCK)]

    assert drawn("one") == drawn("one") != drawn("two")
    assert 150 < sum(first != second for first, second in zip(drawn("one"), drawn("one")[1:], strict=False)) < 250


def test_weighted_choices_follow_their_shares():
    rng = Random(0)
    counts = Counter(weighted(rng, {"a": 3, "b": 1, "never": 0}) for _ in range(4000))
    assert 0.72 < counts["a"] / 4000 < 0.78
    assert counts["never"] == 0

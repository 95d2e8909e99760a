"""Confidence intervals and the paired test, on a toy score: the mean of one count per dialogue."""

import math

import numpy as np
import pytest

from cmcc_bench.scoring import Bootstrap, intervals, paired_results
from cmcc_bench.scoring.bootstrap import paired_results_of_all, resampled_sums, standard_errors


def mean(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


def counted(values):
    """(dialogues, 2): the value, and 1."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def interval(counts, statistic, *bootstrap):
    return intervals(counts, {"score": statistic}, *bootstrap)["score"]


def paired(counts_a, counts_b, statistic, *bootstrap):
    return paired_results(counts_a, counts_b, {"score": statistic}, *bootstrap)["score"]


@pytest.fixture(scope="module")
def normal():
    return np.random.default_rng(7).normal(5, 2, size=400)


def test_the_interval_of_a_mean_is_the_one_of_the_normal_distribution(normal):
    result = interval(counted(normal), mean, Bootstrap(2000))
    half = 1.96 * normal.std() / math.sqrt(len(normal))
    assert result.point == pytest.approx(normal.mean(), abs=1e-12)
    assert result.low == pytest.approx(result.point - half, abs=0.03)
    assert result.high == pytest.approx(result.point + half, abs=0.03)


def test_the_interval_contains_the_true_value_about_95_times_in_100():
    generator = np.random.default_rng(3)
    covered = 0
    for number in range(200):
        result = interval(counted(generator.normal(size=40)), mean, Bootstrap(200, number))
        covered += result.low <= 0 <= result.high
    assert 0.89 <= covered / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval_and_another_seed_another(normal):
    assert interval(counted(normal), mean, Bootstrap(seed=1)) == interval(counted(normal), mean, Bootstrap(seed=1))
    assert interval(counted(normal), mean, Bootstrap(seed=1)) != interval(counted(normal), mean, Bootstrap(seed=2))


def test_every_resample_draws_as_many_dialogues_as_there_are(normal):
    sums = resampled_sums(counted(normal), Bootstrap(50))
    assert (sums[:, 1] == len(normal)).all()
    assert len(np.unique(sums[:, 0])) == 50


def test_the_bootstrap_equals_the_simple_loop():
    a, b = np.random.default_rng(2).integers(0, 9, size=(2, 30, 2))
    generator, scores = np.random.default_rng(5), []
    for _ in range(300):
        sample = generator.integers(30, size=30)
        scores.append((mean(a[sample].sum(axis=0)), mean(b[sample].sum(axis=0))))
    of_a, of_b = np.array(scores).T
    result = interval(a, mean, Bootstrap(300, 5))
    assert (result.point, result.low, result.high) == pytest.approx(
        (mean(a.sum(axis=0)), *np.percentile(of_a, [2.5, 97.5]))
    )
    compared, differences = paired(a, b, mean, Bootstrap(300, 5)), of_a - of_b
    assert (compared.low, compared.high) == pytest.approx(np.percentile(differences, [2.5, 97.5]))
    assert compared.p_value == 2 * (min((differences <= 0).sum(), (differences >= 0).sum()) + 1) / 301


def test_resamples_with_an_undefined_score_are_left_out_of_the_interval():
    rare = np.array([[1, 1]] + [[0, 0]] * 3)  # a third of the resamples miss the only dialogue that counts
    result = interval(rare, mean)
    assert (result.point, result.low, result.high) == (1, 1, 1)


def test_an_undefined_score_is_nan():
    result = interval(np.zeros((3, 2)), mean)
    assert all(math.isnan(value) for value in (result.point, result.low, result.high))


def test_without_resamples_there_is_a_point_and_no_interval(normal):
    result = interval(counted(normal), mean, Bootstrap(0))
    assert result.point == pytest.approx(normal.mean())
    assert math.isnan(result.low)


def test_a_system_does_not_differ_from_itself(normal):
    result = paired(counted(normal), counted(normal), mean)
    assert (result.difference, result.low, result.high, result.p_value) == (0, 0, 0, 1)


def test_a_small_constant_gain_is_significant_in_the_paired_test(normal):
    better = normal + np.random.default_rng(1).normal(0.1, 0.2, size=len(normal))
    result = paired(counted(better), counted(normal), mean)
    alone = interval(counted(normal), mean)
    assert result.low > 0
    assert result.p_value < 0.01
    assert result.difference < alone.high - alone.low  # unpaired intervals of that width would overlap
    reverse = paired(counted(normal), counted(better), mean)
    assert reverse.difference == pytest.approx(-result.difference)


def test_p_values_of_equal_systems_are_uniformly_distributed():
    generator = np.random.default_rng(5)
    values = []
    for number in range(200):
        a, b = generator.normal(size=(2, 60))
        values.append(paired(counted(a), counted(b), mean, Bootstrap(200, number)).p_value)
    assert 0.01 <= np.mean(np.array(values) < 0.05) <= 0.11
    assert 0.4 <= np.mean(values) <= 0.6


def test_a_p_value_is_never_zero(normal):
    assert paired(counted(normal + 9), counted(normal), mean, Bootstrap(99)).p_value == pytest.approx(0.02)


@pytest.mark.parametrize("counts", [np.zeros((0, 2)), np.zeros(3)])
def test_counts_without_dialogues_are_an_error(counts):
    with pytest.raises(ValueError, match=r"expected \(dialogues, k\)"):
        interval(counts, mean)


def test_counts_of_different_dialogues_are_an_error():
    with pytest.raises(ValueError, match="differ in shape"):
        paired(np.zeros((3, 2)), np.zeros((2, 2)), mean)


def test_the_tests_of_all_systems_equal_the_tests_of_each_pair(normal):
    whole = np.round(10 * normal)  # as counts are: their sums are exact
    systems = {"c": counted(whole), "a": counted(whole + 1), "b": counted(whole[::-1])}
    all_results = paired_results_of_all(systems, {"mean": mean}, Bootstrap(200, 1))
    assert set(all_results) == {("a", "b"), ("a", "c"), ("b", "c")}
    for (a, b), results in all_results.items():
        assert results == paired_results(systems[a], systems[b], {"mean": mean}, Bootstrap(200, 1))
        reverse = paired_results(systems[b], systems[a], {"mean": mean}, Bootstrap(200, 1))["mean"]
        assert (-results["mean"]).difference == reverse.difference and reverse.p_value == results["mean"].p_value
        assert ((-results["mean"]).low, (-results["mean"]).high) == pytest.approx((reverse.low, reverse.high))


def test_counts_of_different_dialogues_are_an_error_among_several_systems(normal):
    with pytest.raises(ValueError, match="differ in shape"):
        paired_results_of_all({"a": counted(normal), "b": counted(normal[1:])}, {"mean": mean})


def test_the_standard_error_is_the_spread_of_the_paired_differences(normal):
    other = normal + np.random.default_rng(8).normal(0, 1, size=len(normal))
    errors = standard_errors(counted(other), counted(normal), {"mean": mean}, Bootstrap(1000, 0))
    assert errors["mean"] == pytest.approx(1 / len(normal) ** 0.5, rel=0.15)  # of the differences, not of the values
    assert np.isnan(standard_errors(counted(other), counted(normal), {"mean": mean}, Bootstrap(0))["mean"])

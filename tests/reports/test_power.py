"""How large a difference a paired test could show."""

import numpy as np
import pytest

from cmcc_bench.reports.power import power_sentence, power_table, powers_of
from cmcc_bench.reports.scores import Entry, SystemPair
from cmcc_bench.scoring import Bootstrap, compare, score
from cmcc_bench.tasks import SATISFACTION, SatisfactionAnswer
from cmcc_bench.vocabulary import SATISFACTION as LEVELS

SIZE = 200


def answers_of(right, rng):
    """Answers of which each is right with this chance."""
    return [SatisfactionAnswer(f"d{n}", LEVELS.names[2 if rng.random() < right else 0]) for n in range(SIZE)]


def test_the_smallest_difference_is_2_8_standard_errors_and_the_paper_s_needs_more_dialogues():
    rows = [{"dialogue_id": f"d{n}", "satisfaction": 2} for n in range(SIZE)]
    rng = np.random.default_rng(3)
    a, b = answers_of(0.8, rng), answers_of(0.7, rng)
    compared = compare(SATISFACTION, a, b, rows, Bootstrap(400))
    pair = SystemPair("A", "B", compared)
    first, second = (
        Entry(name, score(SATISFACTION, given, rows), {"macro_f1": published})
        for name, given, published in (("A", a, 0.5), ("B", b, 0.49))
    )
    (power,) = powers_of(SATISFACTION, pair, first, second, Bootstrap(400))
    result = compared.differences["macro_f1"]
    assert power.half_width == pytest.approx((result.high - result.low) / 2)
    assert power.smallest == pytest.approx(2.8016 * power.half_width / 1.96, rel=0.08)
    assert power.published == pytest.approx(0.01)
    assert power.needed == pytest.approx(SIZE * (power.smallest / 0.01) ** 2, abs=1)
    table = power_table(SATISFACTION, [(pair, [power])], False)
    assert table.rows[0][4:] == ("+0.010", f"{power.needed:,}")
    assert table.notes[0].startswith("With 80 % power, these 200 test dialogues show a difference of at least 0.")


def test_systems_with_equal_answers_and_a_bootstrap_without_resamples_have_no_power():
    rows = [{"dialogue_id": f"d{n}", "satisfaction": 2} for n in range(SIZE)]
    given = answers_of(0.8, np.random.default_rng(3))
    entry = Entry("A", score(SATISFACTION, given, rows))
    for bootstrap in (Bootstrap(50), Bootstrap(0)):
        pair = SystemPair("A", "B", compare(SATISFACTION, given, given, rows, bootstrap))
        powers = powers_of(SATISFACTION, pair, entry, entry, bootstrap)
        assert "not defined" in power_sentence(SATISFACTION, pair, powers)
        assert power_table(SATISFACTION, [(pair, powers)], True).rows[0][2:] == ("–", "–", "–", "–")

"""Places that do not overlap: names, nodes, ribbons, lines."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest

from cmcc_bench.figures.layout import GAP, HALVES, bends, leader, ribbon_places, scale_of, spread, stacked, wrapped


def test_places_that_are_far_enough_apart_stay():
    assert spread([0.0, 2.0, 5.0], 1.0, -10, 10) == [0.0, 2.0, 5.0]


def test_places_that_are_too_near_part_about_their_middle():
    assert spread([1.0, 1.0, 1.0], 1.0, -10, 10) == pytest.approx([0.0, 1.0, 2.0])


def test_places_stay_within_the_bounds():
    places = spread([9.9, 9.95, 10.0], 1.0, 0, 10)
    assert places == pytest.approx([8.0, 9.0, 10.0])
    assert spread([-5.0, 0.0], 1.0, 0, 10) == pytest.approx([0.0, 1.0])


def test_more_than_fits_is_shared_out_evenly():
    assert spread([0.0] * 5, 4.0, 0, 8) == pytest.approx([0, 2, 4, 6, 8])


def test_a_column_of_nodes_fits_and_none_touch():
    amounts, least = [1000, 3, 1], [0.2, 0.2, 0.2]
    unit = scale_of([amounts], [least], 4.0)
    places = stacked(amounts, least, unit, 4.0)
    assert places[0][0] <= 4.0 + 1e-9 and places[-1][1] >= -1e-9
    middles = [(top + bottom) / 2 for top, bottom in places]
    assert middles[1] - middles[2] >= 0.2 - 1e-9
    assert all(above[1] >= below[0] for above, below in pairwise(places))


def test_ribbons_fill_both_arcs_without_gaps():
    counts = np.array([[3, 0, 2], [1, 4, 0]])
    begins, ends = ribbon_places(counts)
    assert begins.tolist() == [[0, 3, 3], [0, 1, 5]]
    assert ends.tolist() == [[1, 4, 0], [0, 0, 0]]


def test_lines_break_at_blanks_and_between_chinese_characters():
    assert wrapped("Very anxious and having a bad attitude", 22) == ["Very anxious and", "having a bad attitude"]
    assert wrapped("非常着急且态度恶劣", 10) == ["非常着急且", "态度恶劣"]
    assert wrapped("short", 10) == ["short"]


@pytest.mark.parametrize(("angle", "lift", "side"), [(100, -0.2, 1), (170, -0.9, 1), (185, -0.5, -1), (250, -0.3, -1)])
def test_a_name_is_joined_to_its_arc_by_a_line_outside_the_circle(angle, lift, side):
    points = np.array(leader(math.radians(angle), lift, side, 1.0))
    dense = np.concatenate([np.linspace(a, b, 50) for a, b in pairwise(points)])
    assert np.hypot(*dense.T).min() >= 1.0


def crosses(first, second):
    """Whether two segments cross."""

    def turns(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0

    (a, b), (c, d) = first, second
    return turns(a, c, d) != turns(b, c, d) and turns(a, b, c) != turns(a, b, d)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("upside_down", [False, True])
def test_lines_of_crowded_names_cross_neither_each_other_nor_the_circle(side, upside_down):
    counts = np.array([2499, 1341, 208, 508, 443, 367, 297, 203, 94, 89, 48, 37, 27, 26, 25, 3, 3])  # of figure 7
    sizes = counts * 155 / counts.sum() + GAP  # degrees
    angles = np.radians(side * (HALVES / 2 + np.cumsum(sizes) - sizes / 2))
    angles = np.radians(180) - angles if upside_down else angles
    ascending = sorted(angles.tolist(), key=math.cos)
    lifts = spread([1.25 * math.cos(angle) for angle in ascending], 0.07, -1.22, 1.22)
    turns = bends(ascending, lifts, side)
    lines = [leader(a, lift, side, 1.0, b) for a, lift, b in zip(ascending, lifts, turns, strict=True)]
    for one, other in combinations(lines, 2):
        assert not any(crosses(s, t) for s in pairwise(one) for t in pairwise(other))
    dense = np.concatenate([np.linspace(a, b, 50) for line in lines for a, b in pairwise(line)])
    assert np.hypot(*dense.T).min() >= 1.0

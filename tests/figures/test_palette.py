"""Colors that readers with any color vision can tell apart, by a simulation of the colors that they see."""

from itertools import combinations

import numpy as np
import pytest

import cmcc
from cmcc_bench.figures.data import Label
from cmcc_bench.figures.palette import CARING, PLAIN, color

# Linear RGB as readers see it: Machado, Oliveira and Fernandes (2009), severity 1.
VISION = {
    "any": np.eye(3),
    "without red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "without green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "without blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
APART = 12  # CIE 1976; 2.3 is just noticeable


def seen(hexadecimal, vision):
    """A color as (L*, a*, b*), white D65."""
    values = np.array([int(hexadecimal[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ linear / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
def test_emotions_differ_from_each_other_and_from_the_paper(vision):
    shades = [*(color(Label("emotions", index)) for index in range(len(cmcc.EMOTIONS))), "#ffffff"]
    far = {(a, b): np.linalg.norm(seen(a, vision) - seen(b, vision)) for a, b in combinations(shades, 2)}
    assert min(far.values()) >= APART, min(far, key=far.get)


@pytest.mark.parametrize("vision", VISION)
def test_caring_acts_differ_from_the_others(vision):
    assert np.linalg.norm(seen(PLAIN, vision) - seen(CARING, vision)) >= 3 * APART


def test_the_measure_finds_what_such_readers_take_for_the_same():
    assert np.linalg.norm(seen("#8c8c8c", "without green") - seen("#44aa99", "without green")) < APART

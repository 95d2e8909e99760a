"""Scores, comparisons, a report, metrics and a build are what they were: the golden files hold them whole."""

import pytest

from tests.golden_results import golden_results
from tests.write_golden import GOLDEN

RESULTS = GOLDEN / "results"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return golden_results(tmp_path_factory.mktemp("golden"))


def test_every_golden_file_has_its_result(results):
    assert sorted(results) == sorted(path.name for path in RESULTS.iterdir())


@pytest.mark.parametrize("name", sorted(path.name for path in RESULTS.iterdir()))
def test_it_is_what_the_golden_file_holds(results, name):
    assert results[name] == (RESULTS / name).read_text("utf-8"), "if it is meant: python -m tests.write_golden"

"""One label from several annotators: known cases, planted habits, and crowd-kit's own Dawid-Skene."""

import numpy as np
import pytest

from cmcc_bench.quality.aggregation import dawid_skene, majority, propose_labels

NAMES = ("A", "B", "C")


def planted(sensitivities, specificities, units=600, share=0.25, seed=0):
    """The truth, [units], and the votes of annotators with planted habits, [units, annotators]."""
    generator = np.random.default_rng(seed)
    truth = generator.random(units) < share
    gives = np.where(truth[:, None], sensitivities, 1 - np.asarray(specificities))
    return truth, (generator.random(gives.shape) < gives).astype(np.int64)


def test_a_majority_decides_and_a_tie_goes_to_the_annotator_named_first():
    votes = np.array([[1, 0, 0], [-1, 1, 0], [0, -1, 1], [2, 1, 0]])
    assert majority(votes, 3).argmax(axis=1).tolist() == [0, 1, 0, 2]
    assert majority(votes, 3).sum(axis=1) == pytest.approx(1)
    assert majority(votes, 3)[0] == pytest.approx([2 / 3, 1 / 3, 0], abs=1e-5)


def test_two_annotators_who_miss_a_label_do_not_outvote_one_who_finds_it():
    truth, votes = planted((0.95, 0.45, 0.45), (0.99, 0.99, 0.99))
    errors = {decide: (decide(votes, 2).argmax(axis=1) != truth).sum() for decide in (majority, dawid_skene)}
    assert errors[dawid_skene] < errors[majority] / 3


def test_equal_annotators_are_weighed_equally():
    _, votes = planted((0.9, 0.9, 0.9), (0.95, 0.95, 0.95))
    assert (dawid_skene(votes, 2).argmax(axis=1) == majority(votes, 2).argmax(axis=1)).mean() > 0.97


def test_units_that_some_did_not_label_are_decided_too():
    truth, votes = planted((0.95, 0.5, 0.6), (0.99, 0.95, 0.99))
    votes[np.arange(len(votes)), np.arange(len(votes)) % 3] = -1
    posterior = dawid_skene(votes, 2)
    assert np.isfinite(posterior).all() and posterior.sum(axis=1) == pytest.approx(1)
    assert ((posterior.argmax(axis=1) != truth) <= (majority(votes, 2).argmax(axis=1) != truth)).mean() > 0.95


def test_a_label_that_nobody_gives_stays_impossible():
    assert dawid_skene(np.zeros((5, 3), np.int64), 2).argmax(axis=1).tolist() == [0] * 5


def test_emotions_are_decided_one_by_one_and_neutral_is_the_rest():
    given = [
        {"A": (1, 5), "B": (1,), "C": (5,)},
        {"A": (0,), "B": (2,), "C": (3,)},
        {"A": (0,), "B": (4,)},
    ]
    proposals = propose_labels("emotions", given, NAMES, "majority")
    assert [one.labels for one in proposals] == [(1, 5), (0,), (0,)]
    assert [round(one.certainty, 2) for one in proposals] == [0.67, 0.67, 0.5]
    assert propose_labels("acts", [{"A": (), "B": (10,), "C": (10,)}], NAMES, "majority")[0].labels == (10,)
    assert propose_labels("satisfaction", [{"A": (2,), "C": (1,)}], NAMES, "majority")[0].labels == (2,)
    assert propose_labels("emotions", [], NAMES, "dawid-skene") == []


@pytest.mark.filterwarnings("ignore")
def test_dawid_skene_is_that_of_crowd_kit():
    crowdkit = pytest.importorskip("crowdkit.aggregation")
    import pandas

    _, votes = planted((0.95, 0.6, 0.7), (0.97, 0.9, 0.95), units=200)
    table = [(unit, name, votes[unit, at]) for unit in range(200) for at, name in enumerate(NAMES)]
    theirs = crowdkit.DawidSkene(n_iter=10, tol=-1.0).fit(pandas.DataFrame(table, columns=["task", "worker", "label"]))
    ours = dawid_skene(votes, 2, rounds=10, smoothing=0)
    assert np.abs(theirs.probas_.sort_index()[[0, 1]].to_numpy() - ours).max() < 1e-6

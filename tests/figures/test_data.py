"""What the figures show."""

import pytest

import cmcc
from cmcc_bench.figures.data import RARE, Chord, Label, Sankey, figures_of, share
from cmcc_bench.statistics import Counts, count
from cmcc_bench.statistics.collect import count_labels
from cmcc_bench.statistics.columns import columns_of
from tests.statistics.dialogues import COMPLAINT, dialogue, service, user, utterance


def counted(*dialogues):
    return count(columns_of(cmcc.table_of(dialogues, "labeled")))


@pytest.fixture(scope="module")
def sample():
    return {figure.number: figure for figure in figures_of(count_labels("sample"))}


def test_the_sample_has_every_figure_that_shows_data(sample):
    assert list(sample) == [1, 2, 3, 4, 5, 7]


def test_lengths_that_few_dialogues_have_are_left_out_and_counted(sample):
    bars = sample[1].content
    assert min(bars.counts) >= RARE and sum(bars.counts) == 397
    assert "3 in all" in sample[1].note.en and "3" in sample[1].note.zh


def test_few_dialogues_are_all_shown():
    figure = figures_of(counted(dialogue(user("喂", 0))))[0]
    bars = figure.content
    assert figure.note.en == "Nothing is left out."
    assert [(label.index, n) for label, n in zip(bars.labels, bars.counts, strict=True)] == [(1, 1)]


def test_figure_4_has_no_neutral_and_figure_7_has(sample):
    assert Label("emotions", 0) not in sample[4].content.sources
    assert sample[7].content.sources[0] == Label("emotions", 0)
    assert sample[7].content.counts[1:].sum() == sample[4].content.counts.sum()


def test_a_chord_shows_labels_that_occur_only():
    figures = {
        f.number: f for f in figures_of(counted(dialogue(user("又断网了", COMPLAINT), service("您好", "greeting"))))
    }
    chord = figures[4].content
    assert isinstance(chord, Chord) and chord.counts.tolist() == [[1]]
    assert (chord.sources[0].words.zh, chord.targets[0].words.en) == ("抱怨某问题", "Greeting")


def test_a_flow_goes_through_four_stages_and_ends_where_the_calls_do():
    figures = {f.number: f for f in figures_of(counted(dialogue(user("喂", COMPLAINT), service("您好", "greeting"))))}
    sankey = figures[5].content
    assert isinstance(sankey, Sankey)
    assert [len(stage) for stage in sankey.stages] == [1, 1, 0, 0]
    assert sankey.amounts() == [[1], [1], [], []]


def test_without_labels_only_the_lengths_are_drawn():
    assert [figure.number for figure in figures_of(counted(dialogue(utterance(1, "喂"))))] == [1]
    assert figures_of(Counts()) == []


def test_caring_acts_bear_a_star_and_names_are_the_vocabulary_s():
    assert Label("acts", cmcc.ACTS.id_of("comfort")).words.en == "Comfort *"
    assert Label("emotions", 4).words.en == "Dissatisfied with service"
    assert Label("emotions", 0).code == "E0" and Label("acts", 16).code == "A17"


def test_small_shares_have_more_decimals():
    assert share(5, 100) == "5 (5.0%)" and share(2, 10_000) == "2 (0.02%)"

"""Marginals over rows and their comparison with the paper."""

import pytest
from rich.console import Console

import cmcc
from cmcc_bench import paper
from cmcc_bench.statistics import Marginals, compare, comparison_table, marginals

ACT = {name: index for index, name in enumerate(cmcc.ACTS)}
EMOTION = {name: index for index, name in enumerate(cmcc.EMOTIONS)}


def utterance(speaker, text, turn, **labels):
    empty = {"emotions": None, "intents": None, "acts": None, "entities": [], "triples": []}
    return {"speaker": speaker, "text": text, "turn": turn} | empty | labels


@pytest.fixture
def rows():
    first = [
        utterance(0, "您好", 0, acts=[ACT["greeting"]]),
        utterance(
            1, "网又断了", 0, emotions=[EMOTION["complain_about_a_problem"]], intents=[{"intent": 1, "slots": []}]
        ),
        utterance(0, "抱歉您放心", 1, acts=[ACT["apology"], ACT["comfort"]]),
        utterance(1, "好", 1, emotions=[0], intents=[]),
    ]
    second = [utterance(1, "喂", 0), utterance(0, "您好", 0, acts=[ACT["greeting"]])]
    return [
        {"dialogue_id": "synthetic-0-000000", "satisfaction": 2, "utterances": first},
        {"dialogue_id": "real", "satisfaction": None, "utterances": second},
    ]


def test_counts_are_by_name_and_null_labels_are_not_counted(rows):
    measured = marginals(iter(rows))
    assert (measured.dialogues, measured.synthetic, measured.exchanges, measured.non_neutral) == (2, 1, 2, 1)
    assert measured.turns == {1: 1, 2: 1}
    assert measured.utterances == {"service": 3, "user": 3}
    assert measured.mean_characters("user") == pytest.approx(6 / 3)
    assert measured.mean_turns() == 1.5
    assert (measured.acts["greeting"], measured.acts["comfort"], measured.acts["inform"]) == (2, 1, 0)
    assert (measured.emotions["neutral"], measured.emotions["complain_about_a_problem"]) == (1, 1)
    assert measured.satisfaction == {"unsatisfied": 0, "accepted_unsolved": 0, "satisfied": 1}
    assert sum(measured.intents.values()) == 1


def published_marginals(**changes):
    """Marginals that agree with the paper to the last figure, but for the changes."""
    table = paper.TABLE_1
    counts = {
        "dialogues": 1000,
        "synthetic": 0,
        "exchanges": 0,
        "non_neutral": 0,
        "turns": {5: 1, 11: 900, 16: 99},
        "utterances": {"service": 100, "user": 100},
        "characters": {"service": round(100 * table.service_characters), "user": round(100 * table.user_characters)},
        "acts": {name: round(1000 * share) for name, share in paper.ACT_SHARES.items()},
        "emotions": {name: round(1000 * share) for name, share in paper.NEGATIVE_EMOTION_SHARES.items()},
        "intents": {},
        "satisfaction": {},
    }
    return Marginals(**(counts | changes))


def test_the_papers_own_numbers_are_within_every_bound():
    assert [row.name for row in compare(published_marginals()) if not row.within] == []


def test_shares_may_differ_by_15_percent_or_0_3_points():
    acts = {name: round(1000 * share) for name, share in paper.ACT_SHARES.items()}
    # comfort 0.58 -> 0.86 is within 0.3 points; request 6.64 -> 5.5 is beyond 15 %.
    acts["comfort"] += 280
    acts["request"] -= 1200
    missed = [row.name for row in compare(published_marginals(acts=acts)) if not row.within]
    assert missed == ["act request"]


def test_lengths_may_differ_by_a_tenth():
    assert [
        row.name for row in compare(published_marginals(characters={"service": 2250, "user": 1320})) if not row.within
    ] == ["characters an utterance, service"]


def test_neutral_is_not_among_the_negative_emotions():
    emotions = {"neutral": 10**9} | {name: round(1000 * s) for name, s in paper.NEGATIVE_EMOTION_SHARES.items()}
    assert all(row.within for row in compare(published_marginals(emotions=emotions)))


def test_a_row_shows_the_difference_and_a_bound_alone_where_nothing_else_is_published():
    rows = {row.name: row for row in compare(published_marginals())}
    inform = rows["act inform"]
    assert inform.difference == pytest.approx(inform.measured - 37.72)
    assert inform.cells()[2] == "37.72" and inform.cells()[-2:] == ("15%, 0.3", "yes")
    assert rows["raw turns, mode"].difference is None
    assert rows["raw turns, mode"].cells()[2:5] == ("", "", "8 to 13")


def test_an_empty_data_set_does_not_divide_by_zero():
    assert not any(row.within for row in compare(marginals([])) if row.name == "act inform")


@pytest.mark.parametrize(
    ("synthetic", "title"),
    [(1000, "1,000 SYNTHETIC dialogues"), (3, "3 of them SYNTHETIC"), (0, "1,000 dialogues compared with")],
)
def test_the_table_says_how_much_is_synthetic(synthetic, title):
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(comparison_table(published_marginals(synthetic=synthetic)).terminal())
    assert title in captured.get()


def test_published_shares_add_up_to_all_labels():
    assert sum(paper.ACT_SHARES.values()) == pytest.approx(100, abs=0.1)
    assert sum(paper.NEGATIVE_EMOTION_SHARES.values()) == pytest.approx(100, abs=0.1)
    assert list(paper.ACT_SHARES) == list(cmcc.ACTS)
    assert ["neutral", *paper.NEGATIVE_EMOTION_SHARES] == list(cmcc.EMOTIONS)

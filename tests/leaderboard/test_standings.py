"""Submissions that replace earlier ones, and names that look like another author's."""

from dataclasses import replace

import pytest

from cmcc_bench.leaderboard.board import Board
from cmcc_bench.leaderboard.files import board_files, load_board
from cmcc_bench.leaderboard.html import table_html
from cmcc_bench.leaderboard.standings import Gold, look_alikes, track_board, versions_of
from cmcc_bench.leaderboard.submission import Description, Stored, same_name, skeleton
from cmcc_bench.leaderboard.view import TableQuery, nth_submission, table_of
from cmcc_bench.scoring import score
from cmcc_bench.tasks import TASKS, SatisfactionAnswer

NAMES = ("unsatisfied", "accepted_unsolved", "satisfied")
ROWS = [{"dialogue_id": f"synthetic-{n}", "text": "您好", "satisfaction": n % 3} for n in range(6)]


def stored(number, model="A system", author="mei"):
    return Stored(Description(model, "satisfaction", "CMCC train"), number, author, f"2026-01-{number:02d}", "c0ffee")


def scored(right):
    said = [NAMES[(n + (n >= right)) % 3] for n in range(len(ROWS))]
    answers = [SatisfactionAnswer(row["dialogue_id"], name) for row, name in zip(ROWS, said, strict=True)]
    return score(TASKS["satisfaction"], answers, ROWS, measure=TASKS["satisfaction"].board_measure)


def board_of(*submitted, hidden=False):
    by_key = {one.name: (one, scored(1 + one.number % 5)) for one in submitted}
    return track_board(TASKS["satisfaction"], Gold(ROWS, ROWS, hidden), by_key)


def keys(entries):
    return [entry.key for entry in entries if entry.kind == "submission"]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_later_submission_of_the_same_author_and_system_replaces_the_earlier_one(hidden):
    first, second, third = stored(1), stored(12, " a  SYSTEM"), stored(3, "Ａ system", "Mei")
    track = board_of(first, stored(2, "Another"), second, third, hidden=hidden)
    assert keys(track.entries) == ["00002-another", "00012-a-system"]
    assert [(entry.key, entry.submission, entry.ranks) for entry in track.history] == [
        ("00001-a-system", 1, None),
        ("00003-a-system", 2, None),
    ]
    assert {key for key in track.compared if key.startswith("0")} == {"00002-another", "00012-a-system"}


def test_submissions_of_other_authors_and_systems_are_kept():
    submitted = [stored(1), stored(2, author="tom"), stored(3, "A system 2"), stored(4, "B system")]
    assert all(version.is_latest and version.number == 1 for version in versions_of(submitted).values())


def test_a_replaced_submission_is_kept_in_the_history_of_the_files(tmp_path):
    track = board_of(stored(1), stored(2), stored(3, "Other"))
    for name, content in board_files(Board("cmcc", "test", True, {"satisfaction": track})).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = load_board(tmp_path).tracks["satisfaction"]
    assert [(entry.key, entry.submission) for entry in found.history] == [("00001-a-system", 1)]
    assert found.history[0].scores == {name: track.history[0].scores[name] for name in track.track.headline}
    assert keys(found.entries) == keys(track.entries)


def test_the_page_says_which_submission_it_is():
    track = board_of(stored(1), stored(2), stored(3, "Other"))
    assert [nth_submission(entry) for entry in track.entries if entry.kind == "submission"] == ["2nd submission", ""]
    assert "2nd submission," in table_html(table_of(track, TableQuery("macro_f1")))


@pytest.mark.parametrize(("n", "words"), [(1, ""), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")])
def test_ordinal_numbers_of_submissions(n, words):
    entry = board_of(*(stored(number) for number in range(1, 3))).entries[0]
    assert nth_submission(replace(entry, submission=n)) == (f"{words} submission" if words else "")


LOOK_ALIKES = [
    "gpt-2 BASELINE", "ＧＰＴ－２ baseline", "GPT–2\u00a0baseline", "GРТ-2 baseline", "GPT-2 bаsеlіnе",
    "GPT-2 baseIine", "GPT-2 base1ine", "gpt 2 baseline", "GΡΤ-2 baseline", "ɢᴘᴛ-2 baseline", "GPT2baseline",
    "𝐆𝐏𝐓-2 baseline", "GPT-2 báseline", "GPT-2 ba\u200bseline", "ᏀᏢᎢ-2 baseline", "GPT-2 baseline", "ꓖꓑꓔ-2 baseline",
]  # fmt: skip


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_name_that_looks_like_another_author_s_is_noted_and_ranked(name):
    track = board_of(stored(1, "GPT-2 baseline"), stored(2, name, "mallory"))
    first, second = (entry for entry in track.entries if entry.kind == "submission")
    assert first.notes == () and second.notes == ("name looks like 'GPT-2 baseline' by mei",)
    assert first.ranks and second.ranks
    assert "name looks like" in table_html(table_of(track, TableQuery("macro_f1")))


@pytest.mark.parametrize("name", ["GPT-2 variant", "GPT-3 baseline", "baseline", "基线", "GPT-2 baseline b"])
def test_a_different_name_is_not_noted(name):
    assert look_alikes([stored(1, "GPT-2 baseline"), stored(2, name, "mallory")]) == {}


def test_the_first_author_of_a_name_is_not_noted_after_a_second_submission():
    track = board_of(stored(1, "Model"), stored(2, "MODEL", "mallory"), stored(3, "Model"))
    assert [(entry.author, bool(entry.notes)) for entry in track.entries if entry.kind == "submission"] == [
        ("mallory", True),
        ("mei", False),
    ]


def test_an_author_may_use_similar_names():
    assert look_alikes([stored(1, "Model 1"), stored(2, "Model l")]) == {}


def test_chinese_names_are_distinguished():
    assert skeleton("关怀模型") != skeleton("关怀模型二") and same_name("关怀模型") != same_name("关怀 模型")

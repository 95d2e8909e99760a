"""Equal and similar dialogues within and across splits."""

import random

import numpy as np
import pytest

import cmcc
from cmcc_bench.statistics.columns import columns_of
from cmcc_bench.statistics.duplicates import (
    Duplicates,
    Fingerprints,
    Pair,
    normalized_codes,
    similar_pairs,
    sketches_of,
)
from tests.statistics.dialogues import dialogue, service, user


def said(*texts):
    return dialogue(*(user(text) if number % 2 else service(text) for number, text in enumerate(texts)))


def repeated(**splits):
    prints = Fingerprints()
    for split, dialogues in splits.items():
        prints.add(split, columns_of(cmcc.table_of(dialogues, "labeled")))
    return {(r.split, r.other): (r.exact, r.near) for r in prints.duplicates().repeated}


def chatter(seed, length=400):
    return "".join(random.Random(seed).choices([chr(code) for code in range(0x4E00, 0x5000)], k=length))


def normalized(*texts):
    codes, offsets = normalized_codes(columns_of(cmcc.table_of([said(*texts)], "labeled")))
    return codes.tobytes().decode("utf-32-le"), offsets.tolist()


def test_normalized_text_is_letters_and_digits_in_lower_case_of_normal_width():
    assert normalized("您好，５Ｇ ab_C。", "[UNK]😀好！") == ("您好5gabcunk😀好", [0, 12])


def test_dialogues_that_differ_only_in_punctuation_are_equal():
    text = chatter(1)
    found = repeated(train=[said(text, "好的。"), said(chatter(2))], test=[said(f"{text}，", "好的")])
    assert found == {
        ("train", "train"): (0, 0),
        ("train", "test"): (1, 0),
        ("test", "train"): (1, 0),
        ("test", "test"): (0, 0),
    }


def test_a_dialogue_that_differs_in_few_words_is_near_and_not_equal():
    text = chatter(1)
    found = repeated(train=[said(text), said(text), said(chatter(2))], test=[said(f"{text[:-12]}不一样了")])
    assert found["train", "train"] == (2, 0)
    assert found["train", "test"] == (0, 2)
    assert found["test", "train"] == (0, 1) and found["test", "test"] == (0, 0)


def test_pairs_that_two_splits_share_are_named_the_most_similar_first():
    text = chatter(1)
    near, equal = said(f"{text[:-12]}不一样了") | {"dialogue_id": "near"}, said(f"{text}。") | {"dialogue_id": "equal"}
    train = [said(text) | {"dialogue_id": "first"}, said(text) | {"dialogue_id": "second"}]
    prints = Fingerprints()
    for split, dialogues in (("train", train), ("test", [near, equal])):
        prints.add(split, columns_of(cmcc.table_of(dialogues, "labeled")))
    pairs = prints.duplicates().pairs
    assert pairs[0] == Pair("first", "train", "equal", "test", 1.0)
    assert {pairs[1].dialogue, pairs[1].other} == {"first", "near"} and 0.8 <= pairs[1].similarity < 1
    assert len(pairs) == 2


def test_dialogues_without_text_are_equal_to_each_other_only():
    assert repeated(train=[said(""), said("。"), said(chatter(1))]) == {("train", "train"): (2, 0)}


def test_no_dialogues_have_no_duplicates():
    assert Fingerprints().duplicates() == Duplicates()


@pytest.mark.parametrize("shared", [0, 300, 600])
def test_sketches_agree_as_much_as_the_sets_of_shingles_do(shared):
    left, right = chatter(1, 600), chatter(1, 600)[:shared] + chatter(2, 600 - shared)
    columns = columns_of(cmcc.table_of([said(left), said(right)], "labeled"))
    sketches = sketches_of(*normalized_codes(columns))
    expected = shared / (1200 - shared)
    assert np.mean(sketches[0] == sketches[1]) == pytest.approx(expected, abs=0.12)


def test_short_dialogues_have_different_sketches():
    columns = columns_of(cmcc.table_of([said("喂"), said("好"), said("")], "labeled"))
    sketches = sketches_of(*normalized_codes(columns))
    assert sketches.shape == (3, 128) and len({row.tobytes() for row in sketches}) == 3


def test_pairs_are_found_once_and_only_above_the_threshold():
    rows = np.random.default_rng(0).integers(0, 1 << 32, (4, 128), dtype=np.uint32)
    rows[2] = rows[0]
    rows[2, :10] += 1
    rows[3] = rows[1]
    rows[3, :64] += 1
    left, right = similar_pairs(rows)
    assert (left.tolist(), right.tolist()) == ([0], [2])
    assert similar_pairs(rows[:1])[0].tolist() == [] and similar_pairs(rows[:0])[0].tolist() == []

"""Equal and similar dialogues within and across splits."""

import errno
import random
import tracemalloc
from dataclasses import replace
from itertools import combinations, product
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest

import cmcc
from cmcc_bench.statistics import duplicates
from cmcc_bench.statistics.columns import columns_of
from cmcc_bench.statistics.duplicates import (
    PERMUTATIONS,
    Duplicates,
    Fingerprints,
    Pair,
    Repeated,
    Sketches,
    normalized_codes,
    similar_pairs,
    sketches_of,
)
from tests.statistics.dialogues import dialogue, service, user


def said(*texts):
    return dialogue(*(user(text) if number % 2 else service(text) for number, text in enumerate(texts)))


def duplicates_of(**splits):
    with Fingerprints() as prints:
        for split, dialogues in splits.items():
            prints.add(split, columns_of(cmcc.table_of(dialogues, "labeled")))
        return prints.duplicates()


def repeated(**splits):
    return {(r.split, r.other): (r.exact, r.near) for r in duplicates_of(**splits).repeated}


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
    pairs = duplicates_of(train=train, test=[near, equal]).pairs
    assert pairs[0] == Pair("first", "train", "equal", "test", 1.0)
    assert {pairs[1].dialogue, pairs[1].other} == {"first", "near"} and 0.8 <= pairs[1].similarity < 1
    assert len(pairs) == 2


def test_dialogues_without_text_are_equal_to_each_other_only():
    assert repeated(train=[said(""), said("。"), said(chatter(1))]) == {("train", "train"): (2, 0)}


def test_no_dialogues_have_no_duplicates():
    assert duplicates_of() == Duplicates()


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


def pairs_in(rows):
    sketches = Sketches()
    sketches.add(rows)
    every = [pair for pairs in similar_pairs(sketches, np.arange(len(rows))) for pair in pairs.tuples()]
    sketches.close()
    return sorted({(left, right) for left, right, _ in every})


def test_pairs_are_found_only_above_the_threshold():
    rows = np.random.default_rng(0).integers(0, 1 << 32, (4, 128), dtype=np.uint32)
    rows[2] = rows[0]
    rows[2, :10] += 1
    rows[3] = rows[1]
    rows[3, :64] += 1
    assert pairs_in(rows) == [(0, 2)]
    assert pairs_in(rows[:1]) == [] and pairs_in(rows[:0]) == []


@pytest.mark.parametrize("written", [512, OSError(errno.ENOSPC, "No space left on device")])
def test_a_full_disk_is_an_error_that_names_the_folder_and_how_to_choose_another(monkeypatch, written):
    file = Mock(write=Mock(side_effect=[written]))
    monkeypatch.setattr(duplicates, "TemporaryFile", lambda **_: file)
    with pytest.raises(OSError, match="No space left") as error:
        Sketches().add(np.zeros((2, PERMUTATIONS), dtype=np.uint32))
    assert error.value.filename and "512 bytes" in error.value.__notes__[0] and "TMPDIR" in error.value.__notes__[1]


def near_copies(kinds, copies, seed=0):
    """Sketches of `kinds` different dialogues, each with copies that differ in up to a third of the positions."""
    draw = np.random.default_rng(seed)
    rows = draw.integers(0, 1 << 32, (kinds, PERMUTATIONS), dtype=np.uint32).repeat(copies, axis=0)
    changed = draw.random(rows.shape) < draw.uniform(0, 0.33, (len(rows), 1))
    return draw.permutation(np.where(changed, draw.integers(0, 1 << 32, rows.shape, dtype=np.uint32), rows))


def all_pairs(rows):
    """What `similar_pairs` finds, by comparing all pairs."""
    bands = rows.reshape(len(rows), duplicates.BANDS, duplicates.ROWS)
    return [
        (a, b)
        for a, b in combinations(range(len(rows)), 2)
        if (bands[a] == bands[b]).all(1).any() and (rows[a] == rows[b]).mean() >= duplicates.SIMILAR
    ]


@pytest.mark.parametrize("read", [3, 8, 1000])
def test_pairs_are_those_of_a_comparison_of_all_pairs_however_many_are_read_at_a_time(monkeypatch, read):
    monkeypatch.setattr(duplicates, "_READ", read)
    rows = near_copies(12, 10)
    assert pairs_in(rows) == all_pairs(rows) and len(all_pairs(rows)) > 50


def simple_duplicates(splits):
    """The definition: compares all dialogues with all others. splits: by name, ids and texts."""
    every = [(split, name, text) for split, dialogues in splits.items() for name, text in dialogues]
    codes = [columns_of(cmcc.table_of([said(text)], "labeled")) for _, _, text in every]
    sketches = np.concatenate([sketches_of(*normalized_codes(one)) for one in codes])
    digests = [normalized_codes(one)[0].tobytes() for one in codes]
    near = {
        (a, b)
        for a, b in product(range(len(every)), repeat=2)
        if digests[a] != digests[b] and (sketches[a] == sketches[b]).mean() >= duplicates.SIMILAR
    }
    result = []
    for split, other in product(splits, repeat=2):
        own = [at for at, one in enumerate(every) if one[0] == split]
        others = [at for at, one in enumerate(every) if one[0] == other]
        exact = sum(any(a != b and digests[a] == digests[b] for b in others) for a in own)
        result.append(Repeated(split, other, len(own), exact, sum(any((a, b) in near for b in others) for a in own)))
    return tuple(result)


def test_counts_are_those_of_a_comparison_of_all_dialogues():
    draw, texts = random.Random(4), [chatter(seed, 600) for seed in range(8)]
    splits = {}
    for split, size in (("train", 30), ("test", 12), ("unlabeled", 30)):
        chosen = [draw.choice(texts) for _ in range(size)]
        changed = [
            text[: draw.choice([600, 600, 596, 592])] + draw.choice(["", "。", "好", "不一样"]) for text in chosen
        ]
        splits[split] = [(f"{split}-{at}", text) for at, text in enumerate(changed)]
    rows = {split: [said(text) | {"dialogue_id": name} for name, text in of] for split, of in splits.items()}
    found = duplicates_of(**rows)
    assert found.repeated == simple_duplicates(splits) and all(r.exact and r.near for r in found.repeated)
    assert len(found.pairs) == duplicates.SHOWN


def test_only_the_most_similar_pairs_across_splits_are_kept_in_order():
    rows = near_copies(4, 40, seed=1)
    sketches = Sketches()
    sketches.add(rows)
    best = duplicates._NO_PAIRS
    for pairs in similar_pairs(sketches, np.arange(len(rows))):
        best = duplicates._most_similar(best, pairs)
    sketches.close()
    every = sorted((-float((rows[a] == rows[b]).mean()), a, b) for a, b in all_pairs(rows))
    found = [(-similarity, left, right) for left, right, similarity in best.tuples()]
    assert found == every[: duplicates.SHOWN]


def test_memory_grows_by_less_than_a_sketch_for_each_dialogue(monkeypatch):
    draw = np.random.default_rng(2)
    random_sketches = draw.integers(0, 1 << 32, (40, 50, PERMUTATIONS), dtype=np.uint32)
    block = columns_of(cmcc.table_of([said("喂")] * 50, "labeled"))

    def peak(blocks):
        """Bytes in use at most while this many blocks of different dialogues are added and compared."""
        sketches = iter(random_sketches)
        monkeypatch.setattr(duplicates, "sketches_of", lambda *_: next(sketches))
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        with Fingerprints() as prints:
            for number in range(blocks):
                ids = pa.array([f"dialogue-{number:08}-{at:08}" for at in range(50)])
                texts = pa.array([chr(0x4E00 + 50 * number + at) for at in range(50)])
                prints.add("train", replace(block, dialogue_ids=ids, texts=texts))
            prints.duplicates()
            arrow = pa.total_allocated_bytes() - before
        python = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return python + arrow

    peak(1)
    assert (peak(40) - peak(10)) / (30 * 50) < 4 * PERMUTATIONS


def test_the_comparison_says_how_far_it_is():
    steps = []
    with Fingerprints() as prints:
        prints.add("train", columns_of(cmcc.table_of([said(chatter(1)), said(f"{chatter(1)}好")], "labeled")))
        prints.duplicates(lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps) and steps[-1] == (2 * duplicates.BANDS, 2 * duplicates.BANDS)

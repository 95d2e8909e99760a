"""Repeated calls are found in one pass, with little memory for each call."""

import random
import tracemalloc

import pytest

from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import Finding
from cmcc_bench.quality.repeats import Digests, Repeats
from cmcc_bench.reader.dialogue import digest_of


def call(dialogue_id, text, split="train", turn=0):
    utterance = {"speaker": 1, "text": text, "turn": turn}
    return Call({"dialogue_id": dialogue_id, "utterances": [utterance]}, split, False)


def simple_findings(calls):
    """The same with two dictionaries."""
    by_id, by_text = {}, {}
    for one in calls:
        row, text, content = one.dialogue_id, one.row["utterances"][0]["text"], digest_of(one.row)
        known_id, known_text = by_id.get(row), by_text.get(text)
        if known_id and known_id[1] != one.split:
            yield Finding("split_leakage", row, detail=f"the same id in {known_id[1]} and {one.split}")
        elif known_text and known_text[1] != one.split:
            detail = f"same texts as {known_text[0]} ({known_text[1]}) in {one.split}"
            yield Finding("split_leakage", row, detail=detail)
        elif known_text and (known_id is None or known_id[0] == content):
            yield Finding("repeated_dialogue", row, detail=f"same texts as {known_text[0]}")
        if known_id and known_id[0] != content:
            yield Finding("doubled_id", row, detail="a different dialogue has the same id")
        by_id.setdefault(row, (content, one.split))
        by_text.setdefault(text, (row, one.split))


@pytest.mark.parametrize("seed", range(3))
def test_the_findings_are_those_of_two_dictionaries(seed):
    draw = random.Random(seed)
    calls = [
        call(
            f"id-{draw.randrange(60)}-喂", f"说{draw.randrange(60)}", draw.choice(["train", "test"]), draw.randrange(2)
        )
        for _ in range(300)
    ]
    repeats, seen = Repeats(), set()
    found = []
    for one in calls:
        assert repeats.has_id(one.dialogue_id) == (one.dialogue_id in seen)
        found += repeats.findings(one)
        seen.add(one.dialogue_id)
    assert found == list(simple_findings(calls))
    assert {finding.kind for finding in found} == {"split_leakage", "repeated_dialogue", "doubled_id"}


def test_digests_are_numbered_in_the_order_in_which_they_were_added_also_when_they_begin_alike():
    digests = Digests()
    added = [bytes(7) + bytes([number % 3]) + number.to_bytes(8) for number in range(1500)]
    for number, digest in enumerate(added):
        assert digests.find(digest) is None
        digests.add(digest)
        assert digests.find(digest) == number == len(digests) - 1
    assert [digests.find(digest) for digest in added] == list(range(1500))
    assert digests.find(b"x" * 16) is None


def test_memory_grows_by_at_most_150_bytes_for_each_call():
    def used(calls):
        """Bytes in use after so many calls."""
        tracemalloc.start()
        repeats = Repeats()
        for number in range(calls):
            assert not list(repeats.findings(call(f"a-dialogue-with-the-id-{number:08}", f"说{number}")))
        in_use = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return in_use

    used(1)
    assert (used(3000) - used(1000)) / 2000 < 150

"""Dialogues that are in two files: found as by `Uniqueness`, which keeps every id."""

import random
from pathlib import Path

import pytest

import cmcc
from cmcc_bench.dataset import seen
from cmcc_bench.dataset.seen import SeenDialogues
from cmcc_bench.dataset.spool import Accepted, Spooled, SpoolJob


def spooled_of(number, dialogues):
    """A file with dialogues: (id, digest, split)."""
    name = f"{'test' if number % 3 else 'calls'}-{number}.json"
    file = cmcc.RawFile(Path(name), name, "test" if number % 3 else None)
    accepted = Accepted()
    for index, (dialogue_id, digest, split) in enumerate(dialogues):
        accepted.ids.append(dialogue_id)
        accepted.digests += digest
        accepted.indices.append(2 * index)
        accepted.splits.append(split)
    return Spooled(SpoolJob(file, Path(name), {}, True, {}), cmcc.Report(), set(), accepted)


def expected_of(spooled, unique):
    """The simple version, with `Uniqueness`."""
    accepted, left_out, clashes = spooled.accepted, set(), []
    for number, dialogue_id in enumerate(accepted.ids):
        digest, split = bytes(accepted.digests[16 * number : 16 * number + 16]), accepted.splits[number] or "train"
        try:
            if unique.add(dialogue_id, digest, spooled.job.file, split, spooled.report):
                continue
        except cmcc.DataError as error:
            clashes.append((accepted.indices[number], str(error)))
        left_out.add(dialogue_id)
    return left_out, clashes


@pytest.mark.parametrize("seed", range(5))
def test_repeated_dialogues_of_many_files_are_those_of_the_dict(seed):
    random_, dict_, arrays = random.Random(seed), cmcc.Uniqueness(), SeenDialogues()
    for number in range(30):
        ids = random_.sample([f"call-{n}" for n in range(400)], random_.choice([0, 1, 5, 60]))
        digests = [random_.choice([b"a" * 16, b"a" * 15 + b"\0", b"\0" * 16]) for _ in ids]
        splits = [random_.choice([None, "train", "test"]) for _ in ids]
        one, other = (spooled_of(number, zip(ids, digests, splits, strict=True)) for _ in range(2))
        left_out, errors = arrays.add(one)
        clashes = [(index, str(error)) for index, error in errors.items()]
        assert (left_out, clashes) == expected_of(other, dict_)
        assert one.report.as_dict() == other.report.as_dict()
    assert len(arrays._parts) < 10


def test_two_ids_with_one_of_two_hashes_in_common_are_two_dialogues():
    dialogues = SeenDialogues()
    assert dialogues.add(spooled_of(0, [("a", b"a" * 16, None)])) == (set(), {})
    part = dialogues._parts[0]
    other = seen._Seen(part.keys, part.others + 1, part.digests, part.sources)
    assert part.positions(other).tolist() == [-1] and part.positions(part).tolist() == [0]

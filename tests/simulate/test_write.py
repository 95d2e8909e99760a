"""The simulator's files: names, sizes, bytes, and what is refused."""

import json

import pytest

from cmcc_bench.simulate import simulate_dialogue, write, write_corpus


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(write, "LABELED_PER_FILE", 4)
    monkeypatch.setattr(write, "UNLABELED_PER_FILE", 3)


def test_files_hold_the_dialogues_in_order_one_a_line(tmp_path, small_files):
    paths = write_corpus(tmp_path, 6, 4, 9)
    assert [path.name for path in paths] == [
        "synthetic-labeled-00.json",
        "synthetic-labeled-01.json",
        "synthetic-unlabeled-00.json",
        "synthetic-unlabeled-01.json",
    ]
    assert [len(path.read_text(encoding="utf-8").splitlines()) for path in paths] == [6, 4, 5, 3]
    read = [dialogue for path in paths for dialogue in json.loads(path.read_text(encoding="utf-8"))]
    assert read == [simulate_dialogue(9, i) for i in range(6)] + [simulate_dialogue(9, i, False) for i in range(4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in paths]


def test_every_dialogue_says_by_its_id_that_it_is_synthetic(tmp_path):
    for path in write_corpus(tmp_path, 5, 5, 1):
        assert all(dialogue["id"].startswith("synthetic-") for dialogue in json.loads(path.read_text(encoding="utf-8")))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    first, again, other = (
        write_corpus(tmp_path / name, 20, 0, seed)[0].read_bytes() for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again != other


def test_progress_adds_up_to_the_dialogues(tmp_path, small_files):
    steps = []
    write_corpus(tmp_path, 6, 4, 0, steps.append)
    assert sum(steps) == 10


@pytest.mark.parametrize(
    ("dialogues", "unlabeled", "seed", "message"),
    [(-1, 0, 0, "dialogues is -1"), (1, -2, 0, "unlabeled is -2"), (1, 0, -3, "seed is -3"), (0, 0, 0, "nothing")],
)
def test_numbers_out_of_range_are_refused(tmp_path, dialogues, unlabeled, seed, message):
    with pytest.raises(ValueError, match=message):
        write_corpus(tmp_path / "out", dialogues, unlabeled, seed)
    assert not (tmp_path / "out").exists()


def test_files_of_another_simulation_are_not_mixed_with_this_one(tmp_path, small_files):
    write_corpus(tmp_path, 6, 0, 0)
    with pytest.raises(FileExistsError, match=r"synthetic-labeled-01\.json of another simulation"):
        write_corpus(tmp_path, 2, 0, 0)
    assert len(write_corpus(tmp_path, 6, 0, 1)) == 2


def test_a_failure_leaves_no_half_file(tmp_path, monkeypatch):
    def fail(seed, index, labeled):
        if index == 3:
            raise RuntimeError("cut off")
        return {"id": str(index)}

    monkeypatch.setattr(write, "simulate_dialogue", fail)
    with pytest.raises(RuntimeError, match="cut off"):
        write_corpus(tmp_path, 5, 0, 0)
    assert list(tmp_path.iterdir()) == []

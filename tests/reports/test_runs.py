"""What was run, from the records of trainings and predictions."""

import json
from dataclasses import replace

import pytest

from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.reports.runs import backbone_notes, runs_table
from cmcc_bench.reports.systems import System

RECORD = {
    "task": "emotion",
    "seed": 6,
    "recipe": {"backbone": "/home/somebody/models/bert", "epochs": 3, "batch_size": 16, "learning_rate": 2e-05},
    "examples": {"train": 1200},
    "hardware": {"processor": "Example CPU", "threads": 1, "gpus": []},
    "device": "cpu",
    "parameters": 336777,
    "seconds": 754,
    "tokens": 7654321,
    "best_epoch": 2,
    "versions": {"torch": "2.13.0", "python": "3.11.7"},
    "commit": "0123456789abcdef",
}


@pytest.fixture
def system(tmp_path):
    (tmp_path / "my-run").mkdir()
    path = tmp_path / "my-run" / "test.jsonl"
    date = "2026-01-02T03:04:05Z"
    return System(path=path, dataset="d", split="test", date=date, training=TrainingRecord("emotion"))


def test_a_run_s_recipe_seed_device_and_time_are_shown_without_places_of_the_machine(system):
    system.path.with_name("run.json").write_text(json.dumps(RECORD))
    table = runs_table([system])
    assert table.rows == (
        (
            "Classification-based",
            "my-run",
            "bert; 336,777 parameters",
            "1,200 examples, 3 epochs (best: 2), batch size 16, learning rate 2e-05, seed 6",
            "7,654,321",
            "cpu, Example CPU, 1 thread",
            "12.6 min",
            "2026-01-02 03:04:05 UTC",
        ),
    )
    assert table.notes == ("Versions: python 3.11.7; torch 2.13.0.", "Commit of the toolkit: 0123456789ab.")


def test_a_model_from_scratch_on_a_gpu(system):
    shape = {"backbone": "scratch", "layers": 1, "width": 96}
    hardware = {"gpus": ["Example GPU", "Example GPU"]}
    record = RECORD | {"recipe": shape, "device": "cuda", "hardware": hardware, "seconds": 8000}
    system.path.with_name("run.json").write_text(json.dumps(record))
    row = runs_table([system]).rows[0]
    assert row[2].startswith("from scratch, 1 layer of 96") and row[5:7] == ("cuda, Example GPU", "2.2 h")


@pytest.mark.parametrize("record", [None, "[]", "{", json.dumps(RECORD | {"task": "response"}), "{}"])
def test_without_the_record_of_its_own_training_there_are_dashes(system, record):
    if record is not None:
        system.path.with_name("run.json").write_text(record)
    assert runs_table([system]).rows[0][2:7] == ("–",) * 5


def test_systems_that_learned_from_more_calls_than_the_simple_baseline_are_counted(system):
    pretrained = replace(system, training=TrainingRecord("emotion", simulated_calls=64_000))
    assert backbone_notes([system], "n-grams") == []
    assert backbone_notes([system, pretrained], "n-grams") == [
        "1 system had also learned from 64,000 other simulated calls, through a backbone that ships; n-grams learned "
        "from the training split alone."
    ]

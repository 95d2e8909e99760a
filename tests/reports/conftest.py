"""Predictions of every system of the paper, made without any training, and the report of them."""

import json
from dataclasses import replace

import pytest

from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.reports.report import make_report
from cmcc_bench.scoring import Bootstrap
from tests.reports.test_answers import bounds, write_answers
from tests.reports.test_response import write_system


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Every system of the paper: the variant with the gold answers, the others worse."""
    folder = tmp_path_factory.mktemp("headline") / "runs"
    gold = bounds("response")["gold"]
    worse = [replace(p, response="不知道", acts="通知") for p in gold]
    for form, mode, given in (
        ("variant", "end2end", gold), ("variant", "oracle", gold), ("baseline", "end2end", worse),
        ("baseline", "oracle", worse), ("no_emotion", "end2end", gold), ("no_caring", "end2end", worse),
    ):  # fmt: skip
        emotions = {} if form in ("variant", "no_caring") else {"emotions": None}
        write_system(folder, f"{form}-{mode}", form, mode, [replace(p, **emotions) for p in given])
    write_answers(folder, "emotion", TrainingRecord("emotion"), bounds("emotion")["random"])
    write_answers(folder, "joint", TrainingRecord("entities"), bounds("entities")["gold"])
    write_answers(folder, "satisfaction", TrainingRecord("satisfaction"), bounds("satisfaction")["majority"])
    return folder


@pytest.fixture(scope="session")
def report(runs):
    """The report of all of them."""
    return make_report([runs], Bootstrap(40))


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """A trained model and two prompted ones, one of a known price and cut-off."""
    folder = tmp_path_factory.mktemp("mixed") / "runs"
    found = bounds("emotion")
    write_answers(folder, "trained", TrainingRecord("emotion"), found["random"])
    for name, kind, more in (("zero", "zero-shot", {"cost": 0.25, "data_cutoff": "2025-03"}), ("few", "few-shot", {})):
        write_answers(folder, name, TrainingRecord("emotion", options=("big", kind)), found["majority"])
        record = folder / f"{name}.jsonl.run.json"
        endpoint = {"kind": kind, "tokens_in": 1200, "tokens_out": 34} | more
        record.write_text(json.dumps(json.loads(record.read_text()) | {"endpoint": endpoint}))
    return make_report([folder], Bootstrap(0))

"""The eval.yaml of a build: the tasks that it has data for."""

import datasets
import yaml

from cmcc_bench.dataset import build
from cmcc_bench.dataset.parquet import SplitSize
from cmcc_bench.dataset.tasks import eval_template, eval_text
from tests import raw

SOME = SplitSize(1, 1)


def ids(sizes):
    return [task["id"] for task in yaml.safe_load(eval_text(sizes))["tasks"]]


def test_a_build_with_everything_has_every_task():
    sizes = {"emotion": {"test": SOME}, "response": {"train": SOME, "test": SOME}}
    assert yaml.safe_load(eval_text(sizes)) == eval_template()
    # The Hub checks an evaluation_framework against a list of names that has none for this one.
    assert eval_template().keys() == {"name", "description", "tasks"}


def test_a_task_without_a_test_split_to_score_is_left_out():
    assert ids({"emotion": {"test": SOME}, "response": {"train": SOME}}) == ["emotion_macro_f1"]
    assert "emotion_macro_f1" not in ids({"response": {"test": SOME}})
    assert eval_text({"emotion": {"train": SOME}}) is None and eval_text({"unlabeled": {"train": SOME}}) is None


def test_a_build_with_eval_yaml_can_be_loaded_and_replaced(tmp_path):
    raw.write(tmp_path / "raw", "test.json", [raw.dialogue("a")])
    for _ in range(2):
        build(tmp_path / "raw", tmp_path / "cmcc")
    declared = yaml.safe_load((tmp_path / "cmcc" / "eval.yaml").read_text("utf-8"))
    for task in declared["tasks"]:
        assert datasets.load_dataset(str(tmp_path / "cmcc"), task["config"], split=task["split"]).num_rows
    raw.write(tmp_path / "plain", "unlabeled.json", [raw.plain()])
    build(tmp_path / "plain", tmp_path / "cmcc")
    assert not (tmp_path / "cmcc" / "eval.yaml").exists()


def test_an_earlier_build_without_eval_yaml_can_be_replaced(tmp_path):
    raw.write(tmp_path / "raw", "test.json", [raw.dialogue("a")])
    build(tmp_path / "raw", tmp_path / "cmcc")
    (tmp_path / "cmcc" / "eval.yaml").unlink()
    build(tmp_path / "raw", tmp_path / "cmcc")
    assert (tmp_path / "cmcc" / "eval.yaml").exists()

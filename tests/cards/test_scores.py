"""The scores of a run: computed anew from its own files, of its own checkpoint, on the data that were decoded."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import cmcc
from cmcc_bench.cards.scores import score_run
from cmcc_bench.scoring import Bootstrap, read_predictions
from cmcc_bench.scoring.predictions import facts_path
from cmcc_bench.tasks import task_of
from tests.cards.runs import write_data, write_facts, write_predictions
from tests.scoring.rows import score_responses


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data") / "cmcc", [f"{cmcc.SYNTHETIC_ID}{n}" for n in range(5)])


def run_of(folder, kind, data, *modes):
    best, training = write_facts(folder / "run", kind, True)
    return best, [write_predictions(best, kind, data, training, mode) for mode in modes or ("end2end",)]


def test_the_scores_are_those_of_the_scorer(data, tmp_path):
    best, (file,) = run_of(tmp_path, "variant", data)
    (found,) = score_run(best, bootstrap=Bootstrap(50))
    rows = task_of("response").rows(str(data), ("test",))["test"]
    assert found.scores == score_responses(read_predictions(file), rows, "strict", bootstrap=Bootstrap(50))
    assert found.seretod == score_responses(read_predictions(file), rows, "seretod", bootstrap=Bootstrap(50))
    assert found.all_acts is found.scores and found.synthetic
    assert found.along["emotion"].scores["micro_f1"].point == 1


def test_a_form_without_caring_acts_is_scored_folded_and_against_all_acts(data, tmp_path):
    best, _ = run_of(tmp_path, "baseline", data)
    (found,) = score_run(best, bootstrap=Bootstrap(0))
    assert found.scores.fold_caring and found.seretod.fold_caring and not found.all_acts.fold_caring
    assert found.along == {}


def test_without_predictions_nothing_is_scored(data, tmp_path):
    best, _ = write_facts(tmp_path / "run", "variant", True)
    assert score_run(best) == []
    (tmp_path / "run" / "test.jsonl").write_text("{}")  # nothing says what it is
    assert score_run(best) == []


def test_a_folder_of_another_name_has_no_files_beside_it(data, tmp_path):
    best, _ = run_of(tmp_path, "variant", data)
    assert score_run(best.rename(best.with_name("pulled"))) == []


def test_predictions_of_another_checkpoint_are_refused(data, tmp_path):
    best, _ = run_of(tmp_path, "variant", data)
    (best / "model.safetensors").write_bytes(b"trained again")
    with pytest.raises(cmcc.DataError, match=r"not of the checkpoint in best.*cmcc predict again"):
        score_run(best)


def test_a_card_that_was_written_into_the_checkpoint_changes_nothing(data, tmp_path):
    best, _ = run_of(tmp_path, "variant", data)
    (best / "README.md").write_text("# Card")
    assert len(score_run(best, bootstrap=Bootstrap(0))) == 1


def test_predictions_of_other_data_are_refused_and_a_copy_of_the_data_is_taken(data, tmp_path):
    best, (file,) = run_of(tmp_path, "variant", data)
    other = write_data(tmp_path / "other", [f"{cmcc.SYNTHETIC_ID}7"])
    with pytest.raises(cmcc.DataError, match="has changed since these predictions"):
        score_run(best, str(other))
    facts = json.loads(facts_path(file).read_text())
    facts_path(file).write_text(json.dumps(facts | {"dataset": "gone"}))
    with pytest.raises(cmcc.DataError, match=r"dataset gone.*test.end2end.jsonl.*with --dataset"):
        score_run(best)
    assert len(score_run(best, str(data), bootstrap=Bootstrap(0))) == 1


def test_only_the_test_split_counts_and_the_steps_are_told(data, tmp_path):
    best, (file, _) = run_of(tmp_path, "variant", data, "end2end", "oracle")
    facts = json.loads(facts_path(file).read_text())
    facts_path(file).write_text(json.dumps(facts | {"split": "validation"}))
    seen = []
    (found,) = score_run(best, bootstrap=Bootstrap(0), progress=lambda done, total: seen.append((done, total)))
    assert found.system.mode == "oracle" and found.along == {} and seen == [(1, 1)]


@pytest.mark.parametrize("kind", ["emotion", "joint", "satisfaction"])
def test_recognisers_are_scored_as_well(data, tmp_path, kind):
    best, (file,) = run_of(tmp_path, kind, data)
    (found,) = score_run(best, bootstrap=Bootstrap(10))
    assert found.system == replace(found.system, path=file) and found.scores.dialogues == 5


def test_scoring_a_run_and_writing_its_card_need_neither_torch_nor_scikit_learn():
    missing = ("torch", "transformers", "sklearn", "evaluate", "accelerate", "matplotlib")
    wanted = "cmcc_bench.cards.model_card, cmcc_bench.cards.scores, cmcc_bench.hub.model_pages"
    code = f"import sys\nfor name in {missing}: sys.modules[name] = None\nimport {wanted}"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)

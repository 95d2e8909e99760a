"""Results in the Hub's format: those that a push publishes, and the leaderboard that the tests' Hub makes of them."""

import re

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries

import cmcc
from cmcc_bench.cards.scores import score_run
from cmcc_bench.dataset.tasks import eval_template
from cmcc_bench.hub.results import TASKS, eval_entries, eval_file
from cmcc_bench.scoring import Bootstrap
from tests.cards.runs import DATE, write_data, write_facts, write_predictions, write_weights
from tests.hub.test_pull import files_of
from tests.hub.test_push import run

__all__ = ["run"]  # the fixture

REMOTE = "cmcc-org/benchmark"


@pytest.fixture(scope="module")
def data(hub, tmp_path_factory):
    """A built folder, and the same as a private data set of cmcc-org."""
    folder = write_data(tmp_path_factory.mktemp("data") / "cmcc", [f"{cmcc.SYNTHETIC_ID}{n}" for n in range(4)])
    hub.add("datasets", REMOTE, files_of(folder), private=True)
    return folder


def predicted(folder, kind, data, *modes, named=None):
    """A run with predictions; their run files give `named` as the name of the data set."""
    best, training = write_facts(folder / kind, kind, True)
    write_weights(best, kind)
    for mode in modes or ("end2end",):
        write_predictions(best, kind, data, training, mode, named)
    return best.parent


def test_the_tasks_are_those_of_eval_yaml():
    declared = eval_template()
    assert [task["id"] for task in declared["tasks"]] == list(TASKS)
    assert {task["config"] for task in declared["tasks"]} <= set(cmcc.FEATURES)
    assert {task["split"] for task in declared["tasks"]} == {"test"}


def test_entries_are_strict_end_to_end_scores_with_the_same_gold_for_all_models(data, tmp_path):
    folder = predicted(tmp_path, "baseline", data, "end2end", "oracle")
    end_to_end, oracle = score_run(folder / "best", bootstrap=Bootstrap(20))
    entries = eval_entries([end_to_end, oracle], REMOTE, "abc", "https://x/y", "alice")
    values = {entry.task_id: entry.value for entry in entries}
    assert len(entries) == 4 and "emotion_macro_f1" not in values
    assert values["bleu_4"] == round(end_to_end.scores.scores["bleu"].point, 4)
    assert values["act_f1"] == round(end_to_end.all_acts.scores["act_f1"].point, 4)
    assert eval_entries([oracle], REMOTE, "abc", "https://x/y", "alice") == []
    assert parse_eval_result_entries(yaml.safe_load(eval_file(entries))) == entries
    first = entries[0]
    assert (first.dataset_id, first.dataset_revision, first.date) == (REMOTE, "abc", DATE)
    assert re.fullmatch(r"cmcc [\d.]+, strict; 95 % interval [\d.]+ to [\d.]+; SYNTHETIC data", first.notes)


def test_an_invalid_date_is_left_out(data, tmp_path):
    from dataclasses import replace

    (found,) = score_run(predicted(tmp_path, "emotion", data) / "best", bootstrap=Bootstrap(0))
    (entry,) = eval_entries(
        [replace(found, system=replace(found.system, date="<b>"))], REMOTE, None, "https://x/y", "a"
    )
    assert entry.date is None and "interval" not in entry.notes
    assert list(yaml.safe_load(eval_file([entry]))[0]) == ["dataset", "value", "source", "notes"]


def test_a_push_publishes_the_results_on_the_data_set(run, hub, data, tmp_path):
    folder = predicted(tmp_path, "variant", data, "end2end", "oracle", named="gone")
    status, out, err = run("push", "model", folder, "cmcc-org/scored", "--dataset-id", REMOTE, "--yes")
    assert status == 0, err
    assert f"results for {REMOTE}: user_intent_f1 1.0, act_f1 " in out
    files = hub.repository("models", "cmcc-org/scored").find("main").files
    entries = yaml.safe_load(files[".eval_results/cmcc.yaml"].content)
    head = hub.repository("datasets", REMOTE).find("main").oid
    assert {entry["dataset"]["revision"] for entry in entries} == {head}
    assert entries[0]["source"] == {"url": f"{hub.endpoint}/cmcc-org/scored", "name": "cmcc push", "user": "alice"}
    assert f"- {REMOTE}" in files["README.md"].content.decode()
    assert not [name for name in files if name.endswith(".jsonl")]
    status, out, _ = run("push", "model", folder, "cmcc-org/scored", "--dataset-id", REMOTE, "--yes")
    assert status == 0 and "Nothing to do" in out


def test_without_a_dataset_id_there_are_no_results_and_the_plan_says_so(run, hub, data, tmp_path):
    folder = predicted(tmp_path, "variant", data)
    status, out, _ = run("push", "model", folder, "unscored", "--yes")
    assert status == 0 and "to add them, give the data set's id with --dataset-id" in out
    files = hub.repository("models", "alice/unscored").find("main").files
    assert ".eval_results/cmcc.yaml" not in files and b"| BLEU-4 |" in files["README.md"].content


def test_a_model_without_scores_for_the_tasks_says_so(run, data, tmp_path):
    folder = predicted(tmp_path, "satisfaction", data)
    status, out, _ = run("push", "model", folder, "satisfaction", "--dataset-id", REMOTE)
    assert status == 0 and f"no results for {REMOTE}: no predictions in the run's folder for any of" in out


def test_predictions_of_other_data_than_those_on_the_hub_are_refused(run, hub, data, tmp_path):
    other = write_data(tmp_path / "other", [f"{cmcc.SYNTHETIC_ID}99"])
    folder = predicted(tmp_path, "variant", other)
    status, _, err = run("push", "model", folder, "cmcc-org/other", "--dataset-id", REMOTE, "--yes")
    assert status == 1 and f"{REMOTE} has changed since these predictions" in err
    status, out, _ = run("push", "model", folder, "cmcc-org/other", "--dataset-id", REMOTE, "--dataset", other)
    assert status == 0 and f"results for {REMOTE}: " in out  # where the Hub hides the labels
    status, _, err = run("push", "model", folder, "cmcc-org/other", "--dataset-id", "cmcc-org/nowhere", "--yes")
    assert status == 1 and "cmcc-org/nowhere" in err
    status, _, err = run("push", "model", folder, "cmcc-org/other", "--dataset-id", "no id")
    assert status == 1 and "ORGANIZATION/NAME" in err


def test_results_of_other_people_are_kept_and_stale_results_of_ours_are_deleted(run, hub, data, tmp_path):
    from tests.hub_server.store import File

    folder = predicted(tmp_path, "emotion", data)
    assert run("push", "model", folder, "cmcc-org/theirs", "--dataset-id", REMOTE, "--yes")[0] == 0
    repo = hub.repository("models", "cmcc-org/theirs")
    repo.commit("refs/heads/main", {".eval_results/other.yaml": File(b"[]\n")}, "Theirs", "", "bob")
    status, out, _ = run("push", "model", folder, "cmcc-org/theirs", "--yes")
    assert status == 0 and "delete .eval_results/cmcc.yaml" in out and "delete .eval_results/other" not in out
    assert ".eval_results/other.yaml" in repo.find("main").files


def leaderboard(name):
    """In the clients' process: title, columns, rows and notes, or the error."""
    from cmcc_bench.hub.results import hub_leaderboard

    try:
        table = hub_leaderboard(name)
    except cmcc.DataError as error:
        return str(error)
    return table.title, table.columns, table.rows, table.notes


def test_the_leaderboard_shows_the_pushed_results(run, hub, clients, tmp_path):
    board = "cmcc-org/board"
    folder = write_data(tmp_path / "cmcc", [f"{cmcc.SYNTHETIC_ID}{n}" for n in range(4)])
    hub.add("datasets", board, files_of(folder), private=True)
    assert clients(leaderboard, board)[2] == ()
    for kind in ("variant", "baseline", "emotion"):
        one = predicted(tmp_path, kind, folder)
        assert run("push", "model", one, f"cmcc-org/board-{kind}", "--dataset-id", board, "--yes")[0] == 0
    title, columns, rows, notes = clients(leaderboard, board)
    assert title == f"{board} on the Hub" and columns == ("model", *TASKS.values(), "date", "data")
    by_model = {row[0]: row[1:] for row in rows}
    assert set(by_model) == {f"cmcc-org/board-{kind}" for kind in ("variant", "baseline", "emotion")}
    emotion = by_model["cmcc-org/board-emotion"]
    assert emotion[0] != "–" and emotion[1:5] == ("–",) * 4 and emotion[5:] == (DATE[:10], "SYNTHETIC")
    assert by_model["cmcc-org/board-variant"][0] == "–" and by_model["cmcc-org/board-variant"][1] == "1"
    assert "they were not recomputed" in notes[0]
    assert all(row[0] != "cmcc-org/board-variant" for row in clients(leaderboard_of_bob, board, hub.token("bob")))


def leaderboard_of_bob(name, token):
    """In the clients' process: the leaderboard for an account that cannot read private models."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return [(entry.model_id,) for entry in HfApi(token=token).get_dataset_leaderboard(name, base_model_only=False)]
    except RepositoryNotFoundError:
        return []


def test_models_with_a_base_model_are_shown_and_invalid_values_are_dashes(hub, clients):
    name, task = "cmcc-org/hostile", {"id": "cmcc-org/hostile", "task_id": "success"}
    hub.add("datasets", name, {"eval.yaml": yaml.safe_dump(eval_template()).encode()})

    def add(model, entries, card=b"# Model\n"):
        content = entries if isinstance(entries, bytes) else yaml.safe_dump(entries).encode()
        hub.add("models", model, {".eval_results/x.yaml": content, "README.md": card})

    add("alice/tuned", [{"dataset": task, "value": 0.25}], b"---\nbase_model: a/b\n---\n# Model\n")
    add("alice/best", [{"dataset": task, "value": 0.5, "date": "\x1b[31m"}])
    add("alice/nan", [{"dataset": task, "value": float("nan")}])
    add("alice/text", [{"dataset": task, "value": "<b>1</b>"}])
    add("alice/other-task", [{"dataset": task | {"task_id": "unheard"}, "value": 1}])
    add("alice/broken", b"- [\n")
    add("alice/no-list", b"7\n")
    _, _, rows, _ = clients(leaderboard, name)
    values = {row[0]: row[4] for row in rows}
    assert values.pop("alice/nan", "–") == "–"
    assert values == {"alice/best": "0.5", "alice/tuned": "0.25"}
    assert not any("\x1b" in cell for row in rows for cell in row)


def test_a_data_set_without_a_leaderboard_is_an_error(hub, clients):
    hub.add("datasets", "cmcc-org/plain", {"README.md": b"# Plain"})
    assert "has no leaderboard" in clients(leaderboard, "cmcc-org/plain")
    assert "no such repository" in clients(leaderboard, "cmcc-org/missing")
    assert "ORGANIZATION/NAME" in clients(leaderboard, "not an id")

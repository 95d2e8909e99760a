"""cmcc push, against the tests' Hub and with the real clients."""

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import termios

import pytest

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.files import is_system_file
from cmcc_bench.textform import FORMS
from tests import raw
from tests.dataset.folders import contents
from tests.hub.client import write_files
from tests.odd_names import SYSTEM_FILES
from tests.tiny_model import write_model


def cmcc_command(arguments):
    """Runs in the clients' process: exit status, standard output, standard error."""
    from cmcc_bench import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main([str(argument) for argument in arguments])
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def run(clients, hub):
    """Runs a command as alice and checks that it never prints the token."""

    def run_command(*arguments, token=None):
        status, out, err = clients(cmcc_command, arguments, token=token)
        assert hub.token("alice") not in out + err and (not token or token not in out + err)
        return status, out, err

    return run_command


def built(folder, ids, unlabeled=False):
    """A built folder of dialogues with these ids; folders with different names have different content."""
    source = folder.with_name(f"{folder.name}-raw")
    raw.write(source, "train.json", [raw.dialogue(name) for name in ids])
    if unlabeled:
        raw.write(source, "more.json", [raw.plain(f"{name}-plain") for name in ids])
    build(source, folder)
    return folder


@pytest.fixture
def licensed(tmp_path):
    return built(tmp_path / "licensed", ["call-1", "call-2"])


@pytest.fixture
def synthetic(tmp_path):
    return built(tmp_path / "synthetic", [f"{cmcc.SYNTHETIC_ID}1", f"{cmcc.SYNTHETIC_ID}2"])


def trained(folder, **facts):
    write_model(folder / "best", FORMS["variant"])
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


def writes(hub, since):
    return [request for request in hub.requests[since:] if request.split()[0] in ("PUT", "POST", "DELETE")]


def lfs_puts(hub, since):
    return [request for request in hub.requests[since:] if request.startswith("PUT /lfs/")]


def test_without_yes_it_shows_what_it_would_do_and_does_nothing(run, hub, licensed):
    seen = len(hub.requests)
    status, out, _ = run("push", "dataset", licensed, "cmcc-org/shown")
    assert status == 0
    assert "dataset cmcc-org/shown (private, gated, LICENSED, new), tag v1.0." in out
    assert "upload labeled/train-00000-of-00001.parquet (" in out and "upload README.md" in out
    assert "Nothing was uploaded. Add --yes" in out
    assert writes(hub, seen) == []


def load_rows(name):
    import datasets

    return datasets.load_dataset(name, "response", split="train")["response"][:]


def test_licensed_data_become_a_private_gated_data_set_in_one_commit_with_a_tag(run, hub, clients, licensed):
    status, out, err = run("push", "dataset", licensed, "cmcc-org/calls", "--yes")
    repo = hub.repository("datasets", "cmcc-org/calls")
    assert status == 0 and f"{hub.endpoint}/datasets/cmcc-org/calls" in out
    assert "%" not in err
    assert (repo.private, repo.gated) == (True, "manual")
    assert len(repo.history("main")) == 2
    files = {name: file.content for name, file in repo.find("main").files.items() if name != ".gitattributes"}
    assert files == {
        path.relative_to(licensed).as_posix(): path.read_bytes() for path in licensed.rglob("*") if path.is_file()
    }
    tags = [ref for ref in repo.refs if ref.startswith("refs/tags/v1.0.")]
    assert [repo.refs[tag] for tag in tags] == [repo.find("main").oid]
    assert clients(load_rows, "cmcc-org/calls") == ["是十块钱一个月请您放心"] * 2


def test_licensed_data_are_never_public_without_the_rights(run, hub, licensed):
    status, _, err = run("push", "dataset", licensed, "cmcc-org/open", "--public", "--yes")
    assert status == 1 and "add --i-have-the-rights" in err
    hub.add("datasets", "cmcc-org/already-open", {"README.md": b"# Open"})
    status, _, err = run("push", "dataset", licensed, "cmcc-org/already-open", "--yes")
    assert status == 1 and "add --i-have-the-rights" in err
    assert len(hub.repository("datasets", "cmcc-org/already-open").history("main")) == 2
    arguments = ("push", "dataset", licensed, "cmcc-org/open", "--public", "--i-have-the-rights", "--yes")
    status, out, _ = run(*arguments)
    repo = hub.repository("datasets", "cmcc-org/open")
    assert status == 0 and "(PUBLIC, gated, LICENSED, new)" in out
    assert (repo.private, repo.gated) == (False, "manual")


def test_partly_synthetic_data_are_licensed(run, tmp_path):
    folder = built(tmp_path / "mixed", [f"{cmcc.SYNTHETIC_ID}1", "call-1"])
    status, _, err = run("push", "dataset", folder, "cmcc-org/mixed", "--public", "--yes")
    assert status == 1 and "add --i-have-the-rights" in err


def test_a_report_changed_to_say_synthetic_does_not_make_licensed_data_public(run, licensed):
    report = json.loads((licensed / "report.json").read_text("utf-8"))
    (licensed / "report.json").write_text(json.dumps(report | {"synthetic_dialogues": report["dialogues"]}))
    status, _, err = run("push", "dataset", licensed, "cmcc-org/deceived", "--public", "--yes")
    assert status == 1 and "add --i-have-the-rights" in err


def test_synthetic_data_are_private_unless_public_is_given(run, hub, synthetic):
    status, out, _ = run("push", "dataset", synthetic, "mine", "--yes")
    repo = hub.repository("datasets", "alice/mine")
    assert status == 0 and "(private, SYNTHETIC, new)" in out and (repo.private, repo.gated) == (True, False)
    status, out, _ = run("push", "dataset", synthetic, "mine", "--yes", "--public")
    assert status == 0 and "(PUBLIC, SYNTHETIC)" in out and not repo.private
    assert len(repo.history("main")) == 2


def test_only_changed_files_are_uploaded_and_stale_parquet_is_deleted_in_the_same_commit(run, hub, tmp_path):
    ids = [f"{cmcc.SYNTHETIC_ID}1", f"{cmcc.SYNTHETIC_ID}2"]
    first, second = built(tmp_path / "first", ids, unlabeled=True), built(tmp_path / "second", ids)
    assert run("push", "dataset", first, "changing", "--yes")[0] == 0
    repo, seen = hub.repository("datasets", "alice/changing"), len(hub.requests)
    assert "unlabeled/train-00000-of-00001.parquet" in repo.find("main").files
    status, out, _ = run("push", "dataset", first, "changing", "--yes")
    assert status == 0 and "Nothing to do" in out and writes(hub, seen) == []
    status, out, _ = run("push", "dataset", second, "changing", "--yes")
    assert status == 0 and "delete unlabeled/train-00000-of-00001.parquet" in out
    assert lfs_puts(hub, seen) == [] and "upload README.md" in out and "upload labeled" not in out
    files = set(repo.find("main").files)
    assert not [name for name in files if name.startswith("unlabeled")] and ".gitattributes" in files
    assert len(repo.history("main")) == 3
    assert len([ref for ref in repo.refs if ref.startswith("refs/tags/")]) == 2


def test_an_upload_refused_half_way_continues_with_the_missing_files(run, hub, synthetic):
    hub.break_next("PUT lfs", 1, status=403)
    seen = len(hub.requests)
    status, _, err = run("push", "dataset", synthetic, "interrupted", "--yes")
    assert status == 1 and "status 403" in err and "role write" in err
    repo = hub.repository("datasets", "alice/interrupted")
    assert repo.private and len(repo.history("main")) == 1
    sent = len(lfs_puts(hub, seen)) - 1
    seen = len(hub.requests)
    assert run("push", "dataset", synthetic, "interrupted", "--yes")[0] == 0
    parquet = len(list(synthetic.rglob("*.parquet")))
    assert sent + len(lfs_puts(hub, seen)) == parquet and len(repo.history("main")) == 2


def test_an_upload_survives_a_broken_connection(run, hub, tmp_path):
    run_folder = trained(tmp_path / "run", synthetic=True, licensed=False)
    hub.break_next("PUT lfs", 1)
    assert run("push", "model", run_folder, "broken-once", "--yes")[0] == 0
    assert "model.safetensors" in hub.repository("models", "alice/broken-once").find("main").files


def test_a_commit_whose_answer_was_lost_is_not_made_twice(run, hub, synthetic):
    hub.break_next("POST commit", 1, done=True)
    status, _, err = run("push", "dataset", synthetic, "lost", "--yes")
    assert status == 1 and f"cannot reach {hub.endpoint}" in err and "run the command again" in err
    repo = hub.repository("datasets", "alice/lost")
    assert not [ref for ref in repo.refs if ref.startswith("refs/tags/")]
    status, out, _ = run("push", "dataset", synthetic, "lost", "--yes")
    assert status == 0 and "0 files to upload" in out
    assert len(repo.history("main")) == 2 and [ref for ref in repo.refs if ref.startswith("refs/tags/")]


def test_files_that_no_build_writes_are_listed_and_nothing_is_uploaded(run, hub, synthetic):
    strange = ["cmcc.py", "calls.json", "labeled/train.jsonl", "rejects.txt", "test.end2end.jsonl", ".cache/x"]
    write_files(synthetic, dict.fromkeys(strange, "x"))
    (synthetic / "response" / "link.parquet").symlink_to(synthetic / "calls.json")
    seen = len(hub.requests)
    status, _, err = run("push", "dataset", synthetic, "strange", "--yes")
    assert status == 1 and all(name in err for name in [*strange, "response/link.parquet"])
    assert hub.requests[seen:] == []


def test_system_files_are_skipped(run, hub, synthetic, tmp_path):
    left = [*SYSTEM_FILES, *(f"labeled/{name}" for name in SYSTEM_FILES), "labeled/._train-00000-of-00001.parquet"]
    write_files(synthetic, dict.fromkeys(left, "x"))
    assert run("push", "dataset", synthetic, "mac", "--yes")[0] == 0
    folder = trained(tmp_path / "run", synthetic=True, licensed=False)
    write_files(folder / "best", dict.fromkeys((*SYSTEM_FILES, "._model.safetensors"), "x"))
    assert run("push", "model", folder, "mac-model", "--yes")[0] == 0
    write_files(tmp_path / "pulled", dict.fromkeys(SYSTEM_FILES, "x"))
    assert run("pull", "dataset", "alice/mac", "--out", tmp_path / "pulled")[0] == 0
    repositories = hub.repository("datasets", "alice/mac"), hub.repository("models", "alice/mac-model")
    files = [name for one in repositories for name in one.find("main").files]
    assert len(files) > 10 and not any(map(is_system_file, files))


def test_data_that_were_changed_after_the_build_are_refused(run, synthetic):
    shutil.copy(synthetic / "emotion/train-00000-of-00001.parquet", synthetic / "emotion/test-00000-of-00001.parquet")
    status, _, err = run("push", "dataset", synthetic, "altered", "--yes")
    assert status == 1 and "Build the folder again" in err
    (synthetic / "report.json").unlink()
    status, _, err = run("push", "dataset", synthetic, "altered", "--yes")
    assert status == 1 and "Build it first" in err


def test_eval_yaml_is_uploaded_unless_it_contains_a_token(run, hub, synthetic):
    (synthetic / "eval.yaml").write_text("name: CMCC\n")
    assert run("push", "dataset", synthetic, "with-eval", "--yes")[0] == 0
    assert "eval.yaml" in hub.repository("datasets", "alice/with-eval").find("main").files
    (synthetic / "eval.yaml").write_text(f"name: CMCC # {hub.token('bob')}\n")
    status, _, err = run("push", "dataset", synthetic, "with-eval", "--yes")
    assert status == 1 and "file eval.yaml: the file contains what looks like an access token" in err
    assert hub.token("bob") not in err


def test_a_tag_cannot_be_reused_for_other_content(run, hub, tmp_path, synthetic):
    assert run("push", "dataset", synthetic, "tagged", "--yes", "--tag", "first")[0] == 0
    other = built(tmp_path / "other", [f"{cmcc.SYNTHETIC_ID}3"])
    status, _, err = run("push", "dataset", other, "tagged", "--yes", "--tag", "first")
    assert status == 1 and "Choose another --tag" in err
    assert len(hub.repository("datasets", "alice/tagged").history("main")) == 2


def test_a_model_is_published_with_a_card_that_says_it_is_synthetic(run, hub, tmp_path):
    folder = trained(tmp_path / "run", synthetic=True, licensed=False, dataset="cmcc")
    (folder / "state-3").mkdir()
    (folder / "test.end2end.jsonl").write_text("{}")
    status, out, _ = run("push", "model", folder, "cmcc-org/variant", "--yes", "--public")
    repo = hub.repository("models", "cmcc-org/variant")
    assert status == 0 and "(PUBLIC, SYNTHETIC, new)" in out and not repo.private
    files = repo.find("main").files
    assert set(files) == {".gitattributes", "README.md", *(path.name for path in (folder / "best").iterdir())}
    card = files["README.md"].content.decode()
    assert "- synthetic" in card and "**SYNTHETIC**" in card and "license: apache-2.0" in card
    assert not (folder / "best" / "README.md").exists()


def test_a_model_with_licensed_or_unknown_training_data_is_private_and_gated(run, hub, tmp_path):
    folder = trained(tmp_path / "run", synthetic=True, dataset="mixed")
    status, _, err = run("push", "model", folder / "best", "cmcc-org/unknown", "--yes", "--public")
    assert status == 1 and "add --i-have-the-rights" in err
    assert run("push", "model", folder / "best", "cmcc-org/unknown", "--yes")[0] == 0
    repo = hub.repository("models", "cmcc-org/unknown")
    assert (repo.private, repo.gated) == (True, "manual")
    assert "license: other" in repo.find("main").files["README.md"].content.decode()


def test_an_existing_card_of_a_model_is_used(run, hub, tmp_path):
    folder = trained(tmp_path / "run", synthetic=True, licensed=False)
    (folder / "best" / "README.md").write_text("---\ntags: [own]\n---\n# Own\n")
    assert run("push", "model", folder, "own-card", "--yes")[0] == 0
    assert b"# Own" in hub.repository("models", "alice/own-card").find("main").files["README.md"].content


def test_a_card_that_the_hub_refuses_stops_the_push_before_any_file(run, hub, tmp_path):
    folder = trained(tmp_path / "run", synthetic=True, licensed=False)
    (folder / "best" / "README.md").write_text("---\ntags: [\n---\n# Own\n")
    status, _, err = run("push", "model", folder, "bad-card", "--yes")
    assert status == 1 and "Fix README.md" in err
    assert len(hub.repository("models", "alice/bad-card").history("main")) == 1


def in_terminal(arguments, environment, answer):
    """The exit status, and the terminal output of a user who types an answer to the question."""
    import pty

    command = [sys.executable, "-m", "cmcc_bench.cli", *map(str, arguments)]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(environment)
        termios.tcsetwinsize(0, (40, 120))
        signal.alarm(60)  # outlives exec
        os.execv(sys.executable, command)
    seen = b""
    with contextlib.suppress(OSError):  # Linux says so where other systems say that the file ended
        while part := os.read(terminal, 4096):
            seen += part
            if b"[y/N]" in part:
                os.write(terminal, answer)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


@pytest.mark.parametrize(("answer", "is_uploaded"), [(b"y\n", True), (b"\n", False)])
def test_in_a_terminal_the_user_is_asked_and_sees_the_progress(hub, tmp_path, answer, is_uploaded):
    folder = built(tmp_path / "asked", [f"{cmcc.SYNTHETIC_ID}1"])
    arguments = ["push", "dataset", folder, f"asked-{is_uploaded}"]
    status, seen = in_terminal(arguments, hub.environment(tmp_path / "home", "alice"), answer)
    assert status == 0 and "Upload this? [y/N]" in seen
    assert ("100%" in seen, "Nothing was uploaded" in seen) == (is_uploaded, not is_uploaded)
    names = [name for _, name in hub.repositories]
    assert (f"alice/asked-{is_uploaded}" in names) == is_uploaded


def test_the_card_writer_can_be_replaced(tmp_path):
    from cmcc_bench.hub.artifact import model_artifact

    folder = trained(tmp_path / "run", synthetic=True, licensed=False)
    artifact = model_artifact(folder / "best", lambda facts: f"# best {facts['synthetic']}\n")
    assert artifact.files["README.md"] == b"# best True\n"


@pytest.mark.parametrize("name", ["training_args.bin", "optimizer.safetensors", "pytorch_model.bin", "x.pkl", "a/b.pt"])
def test_pickles_and_optimizer_states_are_refused(run, hub, tmp_path, name):
    folder = trained(tmp_path / "run", synthetic=True, licensed=False)
    write_files(folder / "best", {name: "x"})
    seen = len(hub.requests)
    status, _, err = run("push", "model", folder, "pickled", "--yes")
    assert status == 1 and name in err and hub.requests[seen:] == []


def test_a_folder_without_a_model_is_refused(run, tmp_path):
    write_files(tmp_path / "run" / "best", {"config.json": "{}"})
    status, _, err = run("push", "model", tmp_path / "run", "nothing", "--yes")
    assert status == 1 and "not a trained model" in err
    status, _, err = run("push", "model", tmp_path / "none", "nothing", "--yes")
    assert status == 1 and "no such folder" in err


def score_from_the_hub(rows, predictions):
    import evaluate

    metric = evaluate.load("cmcc-org/cmcc_response")
    return metric.compute(predictions=predictions, references=rows, resamples=0)["act_f1"]


def test_a_published_metric_is_loaded_from_the_hub(run, hub, clients):
    from dataclasses import asdict

    from tests.scoring.rows import gold_predictions, two_dialogues

    status, out, _ = run("push", "metrics", "cmcc-org", "--metric", "cmcc_response", "--yes", "--public")
    assert status == 0 and "space cmcc-org/cmcc_response (PUBLIC, new)" in out
    repo = hub.repository("spaces", "cmcc-org/cmcc_response")
    assert repo.sdk == "static" and repo.find("main").files["requirements.txt"].content.startswith(
        b"cmcc-bench[train]=="
    )
    rows = two_dialogues()
    assert clients(score_from_the_hub, rows, [asdict(one) for one in gold_predictions(rows)]) == 1.0
    assert "Nothing to do" in run("push", "metrics", "cmcc-org", "--metric", "cmcc_response", "--yes")[1]
    status, _, err = run("push", "metrics", "cmcc-org", "--metric", "none")
    assert status == 1 and "metric none: no such metric. Choose from" in err


def push_leaderboard_of(room_of, arguments):
    """In the clients' process, with the resources in `room_of`."""
    from cmcc_bench import files

    before = files.resource_folder
    files.resource_folder = lambda name: rooms_at(room_of, name)
    try:
        return cmcc_command(arguments)
    finally:
        files.resource_folder = before


def rooms_at(folder, name):
    if not (folder / name).is_dir():
        raise FileNotFoundError(name)
    return folder / name


def test_the_leaderboard_is_a_space_and_existing_results_are_not_changed(hub, clients, tmp_path):
    arguments = ["push", "leaderboard", "cmcc-org/leaderboard", "--yes"]
    status, _, err = clients(push_leaderboard_of, tmp_path, arguments)
    assert status == 1 and "this installation lacks the leaderboard's page" in err
    card = "---\ntitle: Board\nsdk: gradio\n---\n"
    write_files(tmp_path / "leaderboard", {"app.py": "print()\n", "README.md": card, "__pycache__/app.pyc": "x"})
    assert clients(push_leaderboard_of, tmp_path, arguments)[0] == 0
    space = hub.repository("spaces", "cmcc-org/leaderboard")
    assert set(space.find("main").files) == {".gitattributes", "README.md", "app.py", "requirements.txt"}
    assert b"- cmcc-org/leaderboard-results" in space.find("main").files["README.md"].content
    status, _, err = clients(push_leaderboard_of, tmp_path, [*arguments, "--results", "plain"])
    assert status == 1 and "repository plain: found plain; expected ORGANIZATION/NAME" in err
    results = hub.repository("datasets", "cmcc-org/leaderboard-results")
    assert space.private and results.private
    from tests.hub_server.store import File

    results.commit("refs/heads/main", {"README.md": File(b"# Others write this")}, "Others", "", "alice")
    status, out, _ = clients(push_leaderboard_of, tmp_path, arguments)
    assert status == 0 and "Nothing to do" in out
    write_files(tmp_path / "leaderboard", {"results.jsonl": "{}"})
    status, _, err = clients(push_leaderboard_of, tmp_path, arguments)
    assert status == 1 and "results.jsonl" in err


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (("GET whoami-v2", 1, None), "cannot reach"),
        (("POST commit", 1, 409), "the change conflicts with the state"),
        (("POST commit", 1, 412), "somebody else changed the repository"),
        (("POST create", 1, 403), "the access token lacks permission"),
        (("POST commit", 1, 500), "the Hub reports an error"),
    ],
)
def test_errors_of_the_hub_say_what_to_do_next(run, hub, synthetic, fault, message):
    request, times, status = fault
    hub.break_next(request, times, status)
    name = "refused-" + "-".join(message.split()[:3])
    code, _, err = run("push", "dataset", synthetic, name, "--yes")
    assert code == 1 and message in err and err.rstrip().endswith(".")
    assert run("push", "dataset", synthetic, name, "--yes")[0] == 0


def test_a_missing_an_invalid_and_another_account_s_token_are_refused(run, hub, synthetic):
    arguments = ("push", "dataset", synthetic, "cmcc-org/foreign", "--yes")
    status, _, err = run(*arguments, token="")
    assert status == 1 and "hf auth login" in err
    status, _, err = run(*arguments, token="hf_" + "wrong" * 6)
    assert status == 1 and "the access token is missing or invalid" in err
    status, _, err = run(*arguments, token=hub.token("bob"))
    assert status == 1 and "status 403" in err


def test_no_written_file_contains_the_token(hub, run, synthetic, tmp_path_factory):
    assert run("push", "dataset", synthetic, "searched", "--yes")[0] == 0
    token = hub.token("alice").encode()
    written = [path for path in tmp_path_factory.getbasetemp().rglob("*") if path.is_file()]
    assert len(written) > 10
    assert [path for path in written if token in path.read_bytes()] == []


def test_a_push_does_not_change_the_folder(run, synthetic):
    before = contents(synthetic)
    assert run("push", "dataset", synthetic, "unchanged", "--yes")[0] == 0
    assert contents(synthetic) == before


@pytest.mark.parametrize("arguments", [["push"], ["push", "dataset", "x"], ["pull", "metric", "x", "--out", "y"]])
def test_wrong_usage_ends_with_2(arguments):
    from cmcc_bench import cli

    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_hidden_labels_are_never_public_even_with_the_rights(run, hub, tmp_path):
    source = tmp_path / "raw"
    raw.write(source, "test.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}{n}") for n in range(2)])
    build(source, tmp_path / "data", with_hidden_labels=True)
    labels = tmp_path / "data-test-labels"
    arguments = ("push", "dataset", labels, "cmcc-org/labels", "--public", "--i-have-the-rights", "--yes")
    status, _, err = run(*arguments)
    assert status == 1 and "labels that the public data set hides" in err
    assert run("push", "dataset", labels, "cmcc-org/labels", "--yes")[0] == 0
    assert hub.repository("datasets", "cmcc-org/labels").private

"""cmcc submit and cmcc leaderboard, against the tests' Hub and with the real clients: honest and hostile input."""

import gzip
import hashlib
import json
import zipfile
from io import BytesIO

import orjson
import pyarrow.parquet as pq
import pytest

from cmcc_bench.leaderboard import update as updating
from cmcc_bench.leaderboard.files import load_board
from cmcc_bench.leaderboard.standings import Gold
from cmcc_bench.leaderboard.submission import slug
from cmcc_bench.scoring.score import scores_of
from cmcc_bench.tasks import TASKS
from tests.hub.client import write_files
from tests.hub_server.store import File
from tests.leaderboard.data import gold_lines, honest, spoiled, write_data, write_lines

WORDS = ("--training-data", "the synthetic sample", "--yes")


@pytest.fixture
def board(hub, request):
    """An empty results repository of cmcc-org for one test."""
    name = f"cmcc-org/results-{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
    hub.add("datasets", name, {"README.md": b"# Results"})
    return name


@pytest.fixture
def submit(hub, run, data, board, tmp_path):
    """Submits lines, by default as bob: exit status, standard output, standard error."""

    def submit_lines(lines, model="a-model", *more, user="bob", yes=True):
        path = write_lines(tmp_path / f"{slug(model)}.jsonl", lines)
        words = WORDS if yes else WORDS[:-1]
        arguments = ("submit", path, data, "--leaderboard", board, "--model", model, *words, *more)
        return run(*arguments, token=hub.token(user))

    return submit_lines


@pytest.fixture
def update(run, data, board):
    """Runs an update as alice, who may write to the repository."""

    def run_update(*more):
        return run("leaderboard", "update", board, "--dataset", data, "--yes", *more)

    return run_update


def folder_of(hub, board, tmp_path, name="repository"):
    """The repository as a folder."""
    return write_files(tmp_path / name, {p: f.content for p, f in files_in(hub, board).items()})


def files_in(hub, board):
    return hub.repository("datasets", board).find("main").files


def request_of(hub, board, number):
    return hub.repository("datasets", board).discussion(str(number))


def propose(hub, board, files, user="mallory", title="Submission: x (response)"):
    """Opens a pull request with any files, without the clients' checks."""
    repository = hub.repository("datasets", board)
    request = repository.open_discussion(title, user, "", "open", repository.find("main").oid)
    changes = {path: File(content) for path, content in files.items()}
    repository.commit(request.ref, changes, title, "", user)
    return request.num


def description(**fields):
    said = {"model": "x", "task": "response", "training_data": "some", "paper": None}
    return orjson.dumps(said | fields)


def comments(request):
    return "\n".join(event["data"]["latest"]["raw"] for event in request.events if event["type"] == "comment")


class TestSubmitting:
    def test_without_yes_it_shows_the_upload_and_sends_nothing(self, hub, board, data, submit):
        status, out, _ = submit(gold_lines(data), yes=False)
        assert status == 0 and "PUBLIC, SYNTHETIC" in out and "submission/predictions.jsonl" in out
        assert "Nothing was sent" in out and hub.repository("datasets", board).discussions == []

    def test_a_file_becomes_a_pull_request_with_two_files_and_nothing_else(self, hub, board, data, submit):
        status, out, _ = submit([line[:-2] + b', "secret": "x"}\n' for line in gold_lines(data)], "My model")
        assert status == 0 and f"{board}/discussions/1: the next update scores it" in out
        request = request_of(hub, board, 1)
        assert (request.author, request.title, request.status) == ("bob", "Submission: My model (response)", "open")
        files = hub.repository("datasets", board).changes(request)
        assert set(files) == {"submission/submission.json", "submission/predictions.jsonl"}
        assert files["submission/predictions.jsonl"].content == b"".join(gold_lines(data))
        assert json.loads(files["submission/submission.json"].content)["training_data"] == "the synthetic sample"

    def test_what_a_system_took_is_from_its_record_and_what_its_author_adds(self, hub, board, data, submit, tmp_path):
        endpoint = {"kind": "zero-shot", "tokens_in": 1200, "tokens_out": 34, "cost": 0.5}
        facts = {"form": "variant", "mode": "end2end", "dataset": "d", "split": "test", "endpoint": endpoint}
        (tmp_path / "asked.jsonl.run.json").write_text(json.dumps(facts))
        status, out, _ = submit(gold_lines(data), "asked", "--parameters", "8.2B", "--data-cutoff", "2025-03")
        took = "prompted, zero-shot; 8.2 B parameters; 1.2 K tokens in, 34 out; cost 0.5000; data cut-off 2025-03"
        assert status == 0 and f"system: {took}, after the corpus was public" in out
        files = hub.repository("datasets", board).changes(request_of(hub, board, 1))
        system = json.loads(files["submission/submission.json"].content)["system"]
        assert (system["kind"], system["parameters"], system["data_cutoff"]) == ("zero-shot", 8_200_000_000, "2025-03")

    def test_a_file_that_is_not_valid_is_not_sent(self, hub, board, data, submit):
        status, _, err = submit(gold_lines(data)[1:])
        assert status == 1 and "no prediction" in err and hub.repository("datasets", board).discussions == []

    def test_the_same_submission_is_not_sent_twice_while_it_waits(self, data, submit):
        assert submit(gold_lines(data), "again")[0] == 0
        status, _, err = submit(gold_lines(data), "again")
        assert status == 1 and "#1 is an open submission" in err

    def test_predictions_on_licensed_calls_are_not_published_without_the_rights(self, hub, run, tmp_path, board):
        calls = write_data(tmp_path / "calls", prefix="call-")
        path = write_lines(tmp_path / "p.jsonl", gold_lines(calls))
        arguments = ("submit", path, calls, "--leaderboard", board, "--model", "m", *WORDS)
        status, _, err = run(*arguments)
        assert status == 1 and "--i-have-the-rights" in err
        hub.repository("datasets", board).private = True
        status, out, _ = run(*arguments)
        assert status == 0 and "private, LICENSED" in out

    def test_unknown_labels_are_listed_before_the_upload(self, data, submit):
        first, *others = gold_lines(data)
        status, out, _ = submit(
            [json.dumps(json.loads(first) | {"acts": "shout"}).encode() + b"\n", *others], yes=False
        )
        assert status == 0 and "the label 'shout' on 1 line" in out and "Nothing was sent" in out

    def test_oracle_predictions_are_not_sent(self, data, submit, tmp_path):
        facts = {"dataset": "x", "split": "test", "form": "variant", "mode": "oracle"}
        (tmp_path / "a-model.jsonl.run.json").write_text(json.dumps(facts))
        status, _, err = submit(gold_lines(data))
        assert status == 1 and "predictions of the oracle mode" in err

    def test_a_missing_or_private_repository_is_an_error(self, run, data, tmp_path, hub):
        path = write_lines(tmp_path / "p.jsonl", gold_lines(data))
        arguments = ("submit", path, data, "--model", "m", *WORDS)
        status, _, err = run(*arguments, "--leaderboard", "cmcc-org/none")
        assert status == 1 and "cmcc-org/none" in err
        hub.add("datasets", "alice/private-results", {"README.md": b"x"}, private=True)
        status, _, err = run(*arguments, "--leaderboard", "alice/private-results", token=hub.token("bob"))
        assert status == 1 and "alice/private-results" in err
        status, _, err = run(*arguments)
        assert status == 2 and "CMCC_LEADERBOARD" in err

    def test_a_repository_of_another_kind_is_an_error(self, hub, run, data, tmp_path):
        hub.add("models", "cmcc-org/a-model", {"README.md": b"x"})
        path = write_lines(tmp_path / "p.jsonl", gold_lines(data))
        status, _, err = run("submit", path, data, "--leaderboard", "cmcc-org/a-model", "--model", "m", *WORDS)
        assert status == 1 and "cmcc-org/a-model" in err and "Check the name" in err

    def test_an_invalid_token_is_an_error(self, run, data, tmp_path, board):
        path = write_lines(tmp_path / "p.jsonl", gold_lines(data))
        wrong = "hf_" + "0" * 30
        status, _, err = run("submit", path, data, "--leaderboard", board, "--model", "m", *WORDS, token=wrong)
        assert status == 1 and "hf auth login" in err


class TestUpdating:
    def test_two_systems_are_scored_beside_bounds_and_the_papers_rows(self, hub, board, data, submit, update, tmp_path):
        submit(honest(data, 2), "good")
        submit(honest(data, 12), "bad", user="mallory")
        status, out, _ = update()
        assert status == 0 and "accepted #1: 00001-good" in out and "accepted #2: 00002-bad" in out
        assert "SYNTHETIC data, not a result on CMCC" in out
        found = load_board(folder_of(hub, board, tmp_path))
        track = found.tracks["response"]
        by_key = {entry.key: entry for entry in track.entries}
        assert by_key["00001-good"].author == "bob" and by_key["00002-bad"].author == "mallory"
        assert by_key["00001-good"].scores["bleu"].point > by_key["00002-bad"].scores["bleu"].point
        assert {"gold", "majority", "random"} <= by_key.keys()
        assert by_key["Variant (End2End), table 2, as published"].scores["bleu"].point == 4.669
        assert track.compare("00001-good", "00002-bad")["bleu"].difference > 0
        assert [request_of(hub, board, n).status for n in (1, 2)] == ["closed", "closed"]
        assert "Accepted as 00001-good" in comments(request_of(hub, board, 1))

    def test_the_results_load_with_datasets(self, board, data, submit, update, clients):
        submit(honest(data, 2), "good")
        assert update()[0] == 0
        assert "good" in clients(load_results, board)

    def test_an_update_is_one_commit_and_a_second_update_has_nothing_to_do(self, hub, board, data, submit, update):
        submit(honest(data, 2), "good")
        before = len(hub.repository("datasets", board).history("main"))
        assert update()[0] == 0 and update()[0] == 0
        assert len(hub.repository("datasets", board).history("main")) == before + 1

    def test_without_yes_nothing_is_written(self, hub, run, board, data, submit):
        submit(honest(data, 2), "good")
        status, out, _ = run("leaderboard", "update", board, "--dataset", data)
        assert status == 0 and "accepted #1" in out and "Nothing was written" in out
        assert set(files_in(hub, board)) <= {"README.md", ".gitattributes"}
        assert request_of(hub, board, 1).status == "open"

    def test_every_row_is_recomputed_from_the_stored_predictions(self, hub, board, data, submit, update, tmp_path):
        submit(honest(data, 2), "good")
        update()
        stored = "submissions/00001-good/predictions.jsonl"
        assert files_in(hub, board)[stored].content == b"".join(honest(data, 2))
        first = load_board(folder_of(hub, board, tmp_path, "first")).tracks["response"].entries[0]
        worse = File(b"".join(honest(data, 12)))
        hub.repository("datasets", board).commit("refs/heads/main", {stored: worse}, "x", "", "alice")
        update()
        second = load_board(folder_of(hub, board, tmp_path, "second")).tracks["response"].entries[0]
        assert second.key == first.key and second.scores["bleu"].point < first.scores["bleu"].point

    def test_systems_of_all_tracks_are_scored(self, hub, board, data, submit, update, tmp_path):
        for task, (old, new) in {
            "emotion": ("neutral", "emotionally_more_agitated"),
            "entities": ('"end":6', '"end":5'),
            "satisfaction": ("accepted_unsolved", "satisfied"),
        }.items():
            assert submit(spoiled(gold_lines(data, task), 3, old, new), task, "--task", task)[0] == 0
        assert update()[0] == 0
        found = load_board(folder_of(hub, board, tmp_path))
        for task in ("emotion", "entities", "satisfaction"):
            entry = found.tracks[task].entries[0]
            assert entry.system == task and 0 <= entry.scores[found.tracks[task].track.headline[0]].point < 1

    def test_submitted_gold_labels_are_flagged_and_not_ranked(self, hub, board, data, submit, update, tmp_path):
        submit(gold_lines(data), "too good")
        submit(honest(data, 2), "honest", user="mallory")
        assert update()[0] == 0
        first, second = load_board(folder_of(hub, board, tmp_path)).tracks["response"].entries[:2]
        assert "exactly perfect: bleu" in first.flags[0] and not first.ranks
        assert second.ranks["bleu"] == 1

    def test_a_perfect_score_that_a_maintainer_reviewed_is_ranked(self, hub, board, data, submit, update, tmp_path):
        submit(gold_lines(data), "too good")
        update()
        path = "submissions/00001-too-good/submission.json"
        said = json.loads(files_in(hub, board)[path].content) | {"reviewed": True}
        looked_at = {path: File(json.dumps(said).encode())}
        hub.repository("datasets", board).commit("refs/heads/main", looked_at, "looked at", "", "alice")
        assert update()[0] == 0
        first = load_board(folder_of(hub, board, tmp_path)).tracks["response"].entries[0]
        assert first.ranks["bleu"] == 1 and not first.flags

    def test_hidden_labels_are_read_from_the_private_data_set(self, hub, run, board, tmp_path):
        hidden = write_data(tmp_path / "hidden", with_hidden_labels=True)
        labels = tmp_path / "hidden-test-labels"
        path = write_lines(tmp_path / "p.jsonl", honest(labels))
        arguments = ("submit", path, hidden, "--leaderboard", board, "--model", "m", *WORDS)
        assert run(*arguments, token=hub.token("bob"))[0] == 0
        status, _, err = run("leaderboard", "update", board, "--dataset", hidden, "--yes")
        assert status == 1 and "labels are hidden" in err
        status, out, _ = run("leaderboard", "update", board, "--dataset", hidden, "--labels", labels, "--yes")
        assert status == 0 and "accepted #1" in out
        assert "十块钱" not in str(files_in(hub, board)["texts/response.parquet"].content)

    def test_with_hidden_labels_no_counts_by_dialogue_are_written(self, hub, run, board, tmp_path):
        hidden, labels = write_data(tmp_path / "hidden", with_hidden_labels=True), tmp_path / "hidden-test-labels"
        lines = spoiled(gold_lines(labels, "satisfaction"), 3, "accepted_unsolved", "satisfied")
        path = write_lines(tmp_path / "p.jsonl", lines)
        words = ("--leaderboard", board, "--model", "m", "--task", "satisfaction", *WORDS)
        assert run("submit", path, hidden, *words, token=hub.token("bob"))[0] == 0
        old = {"counts/satisfaction.parquet": File(b"of a time when the labels were public")}
        hub.repository("datasets", board).commit("refs/heads/main", old, "x", "", "alice")
        arguments = ("leaderboard", "update", board, "--dataset", hidden, "--labels", labels, "--yes")
        assert run(*arguments)[0] == 0
        assert not [name for name in files_in(hub, board) if name.startswith("counts/")]
        track = load_board(folder_of(hub, board, tmp_path)).tracks["satisfaction"]
        assert track.counts == {} and track.compare("gold", "00001-m")["macro_f1"].difference > 0
        for name, file in files_in(hub, board).items():  # a row for each pair and score at most, none for a dialogue
            if name.endswith(".parquet") and not name.startswith("texts/"):
                assert "dialogue_id" not in rows_in(file.content)[0]

    def test_texts_of_licensed_calls_are_never_written(self, hub, run, board, tmp_path):
        calls = write_data(tmp_path / "calls", prefix="call-")
        assert run("leaderboard", "update", board, "--dataset", calls, "--yes")[0] == 0
        files = files_in(hub, board)
        assert "results/response.parquet" in files and not [name for name in files if name.startswith("texts/")]
        assert not [name for name, file in files.items() if "我想问" in file.content.decode("utf-8", "replace")]

    def test_a_commit_by_somebody_else_is_a_conflict_and_a_second_update_succeeds(
        self, hub, board, data, submit, update
    ):
        submit(honest(data, 2), "good")
        hub.break_next("POST commit", 1, status=412)
        status, _, err = update()
        assert status == 1 and "somebody else" in err and request_of(hub, board, 1).status == "open"
        assert update()[0] == 0 and request_of(hub, board, 1).status == "closed"

    def test_a_request_that_cannot_be_closed_does_not_stop_the_others(self, hub, board, data, submit, update):
        submit(honest(data, 2), "first")
        submit(honest(data, 3), "second", user="mallory")
        hub.break_next("POST discussions/1/status", 1, status=403)
        status, _, err = update()
        assert status == 1 and "The board was written, but #1 stayed open" in " ".join(err.split())
        assert [request_of(hub, board, n).status for n in (1, 2)] == ["open", "closed"]
        assert update()[0] == 0 and request_of(hub, board, 1).status == "closed"

    def test_an_interrupted_update_is_finished_by_the_next_one(self, hub, board, data, submit, update):
        submit(honest(data, 2), "good")
        hub.break_next("POST status", 1, status=403)
        assert update()[0] == 1 and "submissions/00001-good/submission.json" in files_in(hub, board)
        before = len(hub.repository("datasets", board).history("main"))
        assert update()[0] == 0 and request_of(hub, board, 1).status == "closed"
        assert len(hub.repository("datasets", board).history("main")) == before

    def test_a_user_without_write_access_is_told_what_to_do(self, hub, run, board, data, submit):
        submit(honest(data, 2), "good")
        arguments = ("leaderboard", "update", board, "--dataset", data, "--yes")
        status, _, err = run(*arguments, token=hub.token("bob"))
        assert status == 1 and "role write" in err

    def test_show_prints_what_update_wrote(self, run, board, data, submit, update, tmp_path):
        status, _, err = run("leaderboard", "show", board)
        assert status == 1 and "cmcc leaderboard update" in err
        submit(honest(data, 2), "good")
        update()
        status, out, _ = run("leaderboard", "show", board, "--markdown", tmp_path / "b.md")
        assert (
            status == 0
            and "cannot be separated by these dialogues" in " ".join(out.split())
            and "Response generation" in out
            and "| good |" in (tmp_path / "b.md").read_text("utf-8")
        )


def load_results(name):
    import datasets

    return datasets.load_dataset(name, "response", split="test")["system"][:]


def predictions(data):
    return b"".join(honest(data, 3))


def zipped():
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../predictions.jsonl", b"0" * (8 << 20))
    return stream.getvalue()


HOSTILE = {
    "a zip archive for predictions": ({"predictions.jsonl": zipped()}, "a zip archive"),
    "a pickle for predictions": ({"predictions.jsonl": b"\x80\x04N."}, "a pickle"),
    "a pickle beside them": ({"model.pkl": b"\x80\x04N."}, "A pickle can run any code"),
    "a path that climbs": ({"../../README.md": b"# mine"}, "README.md; expected only"),
    "another file": ({"evil.py": b"import os"}, "evil.py; expected only"),
    "a name with markup": (
        {"submission.json": description(model="<script>alert(1)</script>\n")},
        "printable characters only",
    ),
    "a name that turns the text": ({"submission.json": description(model="a\u202eb")}, "printable characters only"),
    "a reserved name": ({"submission.json": description(model="ＧＯＬＤ")}, "a name that is not reserved"),
    "a name as if the paper's": (
        {"submission.json": description(model="X, as published")},
        "a name that is not reserved",
    ),
    "a script for a paper": ({"submission.json": description(paper="javascript:alert(1)")}, "begins with https://"),
    "an address with a quote": ({"submission.json": description(paper='https://a.b/"onx="')}, "begins with https://"),
    "an unknown task": ({"submission.json": description(task="../../x")}, "unknown task"),
    "no description": ({"submission.json": None}, "no submission.json"),
    "a huge description": ({"submission.json": b" " * 20_000}, "20000 bytes"),
    "deep JSON for a description": ({"submission.json": b"[" * 10_000}, "not valid JSON"),
    "a list for a description": ({"submission.json": b"[]"}, "a JSON list"),
    "NaN in a prediction": ({"predictions.jsonl": b'{"exchange": NaN}\n'}, "not valid JSON"),
    "a huge line": ({"predictions.jsonl": b"{" + b" " * 70_000 + b"}\n"}, "longer than 32768 bytes"),
    "nothing": ({"predictions.jsonl": b""}, "an empty file"),
}


def hostile_predictions(data):
    """Like HOSTILE, for files that almost answer the data set."""
    lines = honest(data, 3)
    other = [line.replace(b"synthetic-test-", b"synthetic-train-") for line in lines]
    return {
        "an exchange twice": ({"predictions.jsonl": b"".join([*lines, lines[0]])}, "a second prediction for the same"),
        "another split's ids": ({"predictions.jsonl": b"".join(other)}, "is not in the data"),
        "an exchange too few": ({"predictions.jsonl": b"".join(lines[1:])}, "no prediction"),
        "a gzip bomb": ({"predictions.jsonl": gzip.compress(b"0" * (16 << 20))}, "longer than 32768 bytes"),
        "a bomb of lines": ({"predictions.jsonl": gzip.compress(lines[0] * 20_000)}, "more than"),
        "a lookalike of gold": ({"submission.json": description(model="G\u043eld")}, "a name that is not reserved"),
    }


class TestHostileSubmissions:
    def test_each_is_rejected_with_its_reason_and_the_honest_one_is_scored(
        self, hub, run, board, data, submit, tmp_path
    ):
        numbers, hostile = {}, HOSTILE | hostile_predictions(data)
        for name, (files, _) in hostile.items():
            whole = {"submission.json": description(), "predictions.jsonl": predictions(data)} | files
            there = {f"submission/{path}": content for path, content in whole.items() if content is not None}
            numbers[name] = propose(hub, board, there, user=f"user-{len(numbers)}")
        submit(honest(data, 2), "honest")
        status, out, _ = run("leaderboard", "update", board, "--dataset", data, "--yes")
        assert status == 0 and f"accepted #{len(hostile) + 1}: " in out
        rejected = {one.number: one for one in load_board(folder_of(hub, board, tmp_path)).rejected}
        for name, (_, reason) in hostile.items():
            assert reason in rejected[numbers[name]].reason, name
            request = request_of(hub, board, numbers[name])
            assert request.status == "closed" and "Not accepted" in comments(request), name
        names = set(files_in(hub, board))
        assert not [name for name in names if "evil" in name or "pkl" in name or ".." in name]
        assert files_in(hub, board)["README.md"].content.startswith(b"---\n")

    def test_a_request_about_other_things_is_left_to_a_maintainer(self, hub, board, update):
        number = propose(hub, board, {"README.md": b"# Better"}, title="A better card")
        status, out, _ = update()
        assert status == 0 and f"waiting #{number}: not a submission" in out
        assert request_of(hub, board, number).status == "open"
        assert b"Better" not in files_in(hub, board)["README.md"].content

    def test_other_changes_on_a_submission_s_branch_have_no_effect(self, hub, board, data, update):
        files = {"submission/submission.json": description(), "submission/predictions.jsonl": predictions(data)}
        propose(hub, board, files | {"leaderboard.json": b"{}", "submissions/00001-x/submission.json": b"{}"})
        assert update()[0] == 0
        assert b'"dataset"' in files_in(hub, board)["leaderboard.json"].content
        assert b"mallory" in files_in(hub, board)["submissions/00001-x/submission.json"].content

    def test_markup_in_a_name_is_text_in_the_card(self, hub, board, data, submit, update):
        submit(honest(data, 2), "[x](https://evil.example) <img src=x onerror=alert(1)> `|`")
        assert update()[0] == 0
        card = files_in(hub, board)["README.md"].content.decode()
        assert "<img" not in card and "[x](" not in card and "[x]\\(https:" in card

    def test_many_requests_of_one_author_wait_and_the_others_are_scored(self, hub, board, data, submit, update):
        files = {"submission/submission.json": description(), "submission/predictions.jsonl": predictions(data)}
        for _ in range(8):
            propose(hub, board, files)
        submit(honest(data, 2), "honest")
        status, out, _ = update()
        assert status == 0 and out.count("accepted #") == 6 and "accepted #9: 00009-honest" in out
        assert out.count("waiting #") == 3
        status, out, _ = update()
        assert status == 0 and out.count("accepted #") == 3 and "waiting" not in out

    def test_a_failed_download_waits_and_the_others_are_scored(self, hub, board, data, submit, update):
        files = {"submission/submission.json": description(), "submission/predictions.jsonl": predictions(data)}
        propose(hub, board, files)
        submit(honest(data, 2), "honest")
        hub.break_next("HEAD submission/submission.json", 1, status=403)
        status, out, _ = update()
        assert status == 0 and "waiting #1: the download failed" in out and "accepted #2" in out
        status, out, _ = update()
        assert status == 0 and "accepted #1" in out

    def test_a_rejected_submission_can_be_fixed_and_is_accepted(self, hub, board, data, update, tmp_path):
        files = {"submission/submission.json": description(), "submission/predictions.jsonl": b"x\n"}
        number = propose(hub, board, files)
        assert "REJECTED #1" in update()[1]
        repository, request = hub.repository("datasets", board), request_of(hub, board, number)
        fixed = {"submission/predictions.jsonl": File(predictions(data))}
        repository.commit(request.ref, fixed, "fix", "", "mallory")
        request.status = "open"
        assert "accepted #1" in update()[1]
        assert load_board(folder_of(hub, board, tmp_path)).rejected == ()

    def test_a_stored_submission_that_no_longer_fits_the_data_is_reported_and_the_others_stay(
        self, hub, board, data, submit, update
    ):
        submit(honest(data, 2), "first")
        submit(honest(data, 3), "second")
        update()
        stored = "submissions/00001-first/predictions.jsonl"
        short = File(b"".join(gold_lines(data)[1:]))
        hub.repository("datasets", board).commit("refs/heads/main", {stored: short}, "x", "", "alice")
        status, out, _ = update()
        assert status == 0 and "second" in out
        assert b"accepted earlier, but cannot be scored now" in files_in(hub, board)["rejected/00001.json"].content
        systems = [row["system"] for row in rows_in(files_in(hub, board)["results/response.parquet"].content)]
        assert "second" in systems and "first" not in systems
        whole = File(b"".join(honest(data, 2)))
        hub.repository("datasets", board).commit("refs/heads/main", {stored: whole}, "fixed", "", "alice")
        assert update()[0] == 0 and "rejected/00001.json" not in files_in(hub, board)

    def test_other_files_in_the_repository_do_not_stop_an_update_and_no_local_path_is_published(
        self, hub, board, data, submit, update
    ):
        submit(honest(data, 2), "good")
        strange = {
            "submissions/00007-empty/readme.txt": b"x",
            "submissions/00008-list/submission.json": b"[]",
            "submissions/a file": b"x",
            "submissions/x/predictions.jsonl": b"\xff",
            "rejected/00020.json": b"\xff no JSON",
            "rejected/00021.json": b'{"number": "1", "author": 2, "title": null, "reason": []}',
            "rejected/00022.json": b'{"of": "another version"}',
            "leaderboard.json": b'{"of": "another version"}',
        }
        changes = {name: File(content) for name, content in strange.items()}
        hub.repository("datasets", board).commit("refs/heads/main", changes, "x", "", "alice")
        status, out, err = update()
        assert status == 0 and "accepted #1" in out, err
        files = files_in(hub, board)
        assert (
            b"accepted earlier, but cannot be scored now" in files["rejected/00007.json"].content
            and "rejected/00020.json" not in files
        )
        assert not [
            name for name, file in files.items() if b"/tmp" in file.content or b"cmcc-leaderboard-" in file.content
        ]

    def test_a_scorer_that_fails_on_one_stored_submission_scores_the_others(self, data, tmp_path, monkeypatch):
        for number, name in ((1, "first"), (2, "second")):
            said = orjson.loads(description(model=name)) | {"author": "bob", "date": "2026-01-02", "commit": "c0ffee"}
            files = {
                "submission.json": orjson.dumps(said | {"pull_request": number}),
                "predictions.jsonl": predictions(data),
            }
            write_files(tmp_path / "submissions" / f"{number:05d}-{name}", files)
        calls = []

        def break_first(*arguments):
            calls.append(arguments)
            if len(calls) == 1:
                raise RuntimeError(str(tmp_path))
            return scores_of(*arguments)

        monkeypatch.setattr(updating, "scores_of", break_first)
        track = TASKS["response"]
        gold = {"response": Gold(track.split_rows(str(data), "test"), ())}
        kept, lost = updating._score_stored(tmp_path, ["00001-first", "00002-second"], gold, lambda: None)
        assert [one.stored.name for one in kept] == ["00002-second"]
        assert lost[0].number == 1 and "the scorer failed" in lost[0].reason and str(tmp_path) not in lost[0].reason


def rows_in(content):
    return pq.read_table(BytesIO(content)).to_pylist()


def test_a_second_submission_of_a_system_moves_the_first_to_the_history(hub, board, data, submit, update, tmp_path):
    assert submit(honest(data), "A model")[0] == 0 and update()[0] == 0
    assert submit(honest(data, 4), "a  MODEL")[0] == 0
    status, out, _ = update()
    assert status == 0 and "1 systems in" in out and "1 replaced submissions in the history" in out
    track = load_board(folder_of(hub, board, tmp_path)).tracks["response"]
    shown = [(entry.key, entry.submission) for entry in track.entries if entry.kind == "submission"]
    assert [number for _, number in shown] == [2] and [entry.submission for entry in track.history] == [1]
    files = files_in(hub, board)
    assert {f"submissions/{key}/submission.json" for key in (shown[0][0], track.history[0].key)} <= files.keys()
    assert "2nd submission" in files["README.md"].content.decode()
    assert update()[0] == 0 and files_in(hub, board).keys() == files.keys()

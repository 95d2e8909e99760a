"""cmcc pull and model_folder, against the tests' Hub and with the real clients."""

import pytest

import cmcc
from tests.dataset.folders import contents
from tests.hub.client import write_files
from tests.hub.test_push import built, run, trained

__all__ = ["run"]  # the fixture


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def published(hub, tmp_path):
    """A built folder, and the same as a private data set of alice's."""
    folder = built(tmp_path / "built", ["call-1", f"{cmcc.SYNTHETIC_ID}1"])
    hub.add("datasets", "alice/published", files_of(folder), private=True)
    return folder


@pytest.fixture
def model(hub, tmp_path):
    """A trained model's folder, and the same as a private model of alice's, with its card."""
    folder = trained(tmp_path / "run", synthetic=True) / "best"
    (folder / "README.md").write_text("---\ntags:\n- synthetic\n---\n# A model\n")
    hub.add("models", "alice/model", files_of(folder), private=True)
    return folder


def test_a_data_set_comes_back_as_it_was_built(run, published, tmp_path):
    status, out, _ = run("pull", "dataset", "alice/published", "--out", tmp_path / "back")
    assert status == 0 and "2 dialogues, 1 of them SYNTHETIC, commit " in out
    assert contents(tmp_path / "back") == contents(published)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".pulling")] == []
    status, out, _ = run("push", "dataset", tmp_path / "back", "published")
    assert status == 0 and "0 files to upload" in out


def test_an_earlier_pull_is_replaced_and_other_files_are_kept(run, hub, published, tmp_path):
    out = tmp_path / "back"
    assert run("pull", "dataset", "alice/published", "--out", out)[0] == 0
    other = built(tmp_path / "other", [f"{cmcc.SYNTHETIC_ID}7"])
    before = hub.repository("datasets", "alice/published").find("main").oid
    hub.add("datasets", "alice/published", files_of(other))
    assert run("pull", "dataset", "alice/published", "--out", out)[0] == 0
    assert contents(out) == contents(other)
    write_files(out, {"notes.txt": "mine"})
    status, _, err = run("pull", "dataset", "alice/published", "--out", out)
    assert status == 1 and "notes.txt" in err and (out / "notes.txt").exists()
    status, _, err = run("pull", "dataset", "alice/published", "--out", tmp_path / "new", "--revision", before)
    assert status == 1 and "no such revision" in err and not (tmp_path / "new").exists()


def test_a_revision_is_downloaded_unchanged(run, hub, published, tmp_path):
    repo = hub.repository("datasets", "alice/published")
    repo.add_ref("refs/tags/v1", "main")
    repo.commit("refs/heads/main", {"report.json": None}, "Gone", "", "alice")
    status, _, err = run("pull", "dataset", "alice/published", "--out", tmp_path / "back")
    assert status == 1 and "not a built data set" in err and not (tmp_path / "back").exists()
    assert run("pull", "dataset", "alice/published", "--out", tmp_path / "back", "--revision", "v1")[0] == 0
    assert contents(tmp_path / "back") == contents(published)


def test_files_that_no_build_writes_are_not_downloaded(run, hub, published, tmp_path):
    repo = hub.repository("datasets", "alice/published")
    more = hub.add("models", "alice/more", {"cmcc.py": b"raise SystemExit", "labeled/x.pkl": b"x"}).find("main").files
    repo.commit("refs/heads/main", {name: more[name] for name in ("cmcc.py", "labeled/x.pkl")}, "More", "", "alice")
    status, out, _ = run("pull", "dataset", "alice/published", "--out", tmp_path / "back")
    assert status == 0 and "skipped, as they are not files of a dataset: cmcc.py, labeled/x.pkl" in out
    assert contents(tmp_path / "back") == contents(published)


def test_a_data_set_of_another_kind_is_refused(run, hub, tmp_path):
    hub.add("datasets", "alice/other-kind", {"README.md": b"# Other", "data.csv": b"a\n1\n"})
    status, _, err = run("pull", "dataset", "alice/other-kind", "--out", tmp_path / "back")
    assert status == 1 and "not a data set that cmcc push published" in err and not (tmp_path / "back").exists()


def test_files_of_two_builds_are_refused(run, hub, published, tmp_path):
    repo = hub.repository("datasets", "alice/published")
    stranger = repo.find("main").files["emotion/train-00000-of-00001.parquet"]
    repo.commit("refs/heads/main", {"emotion/test-00000-of-00001.parquet": stranger}, "Mixed", "", "alice")
    status, _, err = run("pull", "dataset", "alice/published", "--out", tmp_path / "back")
    assert status == 1 and "data of version" in err and not (tmp_path / "back").exists()


@pytest.mark.parametrize("card", ["---\na: [\n---\n", "---\n- a\n---\n", "---\nconfigs: 7\n---\n", "# No head\n"])
def test_a_card_that_cannot_be_read_is_an_error(run, hub, published, tmp_path, card):
    hub.add("datasets", "alice/bad-card", files_of(published) | {"README.md": card.encode()})
    status, _, err = run("pull", "dataset", "alice/bad-card", "--out", tmp_path / "back")
    assert status == 1 and "README.md" in err and not (tmp_path / "back").exists()


def test_parquet_that_cannot_be_read_is_an_error(run, hub, published, tmp_path):
    from cmcc_bench.dataset.folder import version_of

    (published / "labeled/train-00000-of-00001.parquet").write_bytes(b"PAR1 and so on")
    card = published / "README.md"
    card.write_text(f"---\nconfigs:\n- config_name: labeled\n  version: {version_of(published)}\n---\n")
    hub.add("datasets", "alice/bad-data", files_of(published))
    status, _, err = run("pull", "dataset", "alice/bad-data", "--out", tmp_path / "back")
    assert status == 1 and "labeled/train-00000-of-00001.parquet" in err


def test_an_interrupted_pull_continues(run, hub, model, tmp_path):
    hub.break_next("GET model.safetensors", 1, status=500)
    status, _, err = run("pull", "model", "alice/model", "--out", tmp_path / "back")
    assert status == 1 and "Run the command again" in err and not (tmp_path / "back").exists()
    seen = len(hub.requests)
    hub.break_next("GET model.safetensors", 1)
    assert run("pull", "model", "alice/model", "--out", tmp_path / "back")[0] == 0
    assert contents(tmp_path / "back") == contents(model)
    assert [request for request in hub.requests[seen:] if request.startswith("GET") and "config.json" in request] == []


def test_a_refused_download_is_deleted_and_the_working_directory_is_refused(run, hub, model, tmp_path):
    hub.add("models", "alice/bad-form", files_of(model) | {"text_form.json": b"[]"})
    before = sorted(tmp_path.iterdir())
    status, _, err = run("pull", "model", "alice/bad-form", "--out", tmp_path / "back")
    assert status == 1 and "cannot read text_form.json" in err and sorted(tmp_path.iterdir()) == before
    status, _, err = run("pull", "model", "alice/model", "--out", ".")
    assert status == 1 and "the working directory" in err


def test_a_model_comes_back_and_says_that_it_is_synthetic(run, model, tmp_path):
    status, out, _ = run("pull", "model", "alice/model", "--out", tmp_path / "new" / "back")
    assert status == 0 and "a dialogue model (variant) trained on SYNTHETIC data, commit" in out
    assert contents(tmp_path / "new" / "back") == contents(model)


def test_pickles_are_left_out_and_a_model_of_pickles_only_is_refused(run, hub, model, tmp_path):
    pickle = {"pytorch_model.bin": b"x", "training_args.bin": b"x", "optimizer.safetensors": b"x"}
    hub.add("models", "alice/both", files_of(model) | pickle)
    status, out, _ = run("pull", "model", "alice/both", "--out", tmp_path / "back")
    assert status == 0 and "skipped, as they are not files of a model: optimizer.safetensors, pytorch_model.bin" in out
    assert contents(tmp_path / "back") == contents(model)
    hub.add("models", "alice/pickled", {"config.json": b"{}"} | pickle)
    seen = len(hub.requests)
    status, _, err = run("pull", "model", "alice/pickled", "--out", tmp_path / "no")
    assert status == 1 and "pickles only (pytorch_model.bin" in err and not (tmp_path / "no").exists()
    assert not [request for request in hub.requests[seen:] if "resolve" in request]


def test_a_user_without_access_is_told_what_to_do(run, hub, model, tmp_path):
    pull = ("pull", "model", "alice/model", "--out", tmp_path / "back")
    for token in ("", hub.token("bob")):
        status, _, err = run(*pull, token=token)
        assert status == 1 and "no such repository, or your account cannot see it" in err and "hf auth login" in err
    status, _, err = run(*pull, token="hf_" + "wrong" * 6)
    assert status == 1 and "the access token is missing or invalid" in err
    status, _, err = run("pull", "model", "alice/none-of-this", "--out", tmp_path / "back")
    assert status == 1 and "no such repository" in err
    hub.repository("models", "alice/model").private = False
    hub.repository("models", "alice/model").gated = "manual"
    status, _, err = run(*pull, token=hub.token("bob"))
    assert status == 1 and "Ask for access on its page" in err
    hub.repository("models", "alice/model").readers.add("bob")
    assert run(*pull, token=hub.token("bob"))[0] == 0
    status, _, err = run("pull", "model", "not an id", "--out", tmp_path / "x")
    assert status == 1 and "ORGANIZATION/NAME" in err


def open_by_id(name):
    """In the clients' process."""
    from cmcc_bench.decoding import open_model
    from cmcc_bench.hub.pull import model_folder

    folder = model_folder(name)
    return sorted(path.name for path in folder.iterdir()), open_model(folder).form.name


def open_offline(name):
    """In the clients' process; huggingface_hub reads the variable when it is imported."""
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True
    try:
        return open_by_id(name)
    finally:
        constants.HF_HUB_OFFLINE = False


def error_text(function, *arguments):
    try:
        function(*arguments)
    except cmcc.DataError as error:
        return str(error)
    return None


def fail_to_open(name):
    return error_text(open_by_id, name)


def fail_to_open_offline(name):
    return error_text(open_offline, name)


def test_a_model_is_opened_by_its_id_or_its_folder_and_again_without_a_network(hub, clients, model):
    hub.add("models", "alice/by-id", files_of(model) | {"pytorch_model.bin": b"x"})
    names = sorted(path.name for path in model.iterdir())
    assert clients(open_by_id, "alice/by-id") == (names, "variant")
    assert clients(open_by_id, str(model)) == (names, "variant")
    seen = len(hub.requests)
    assert clients(open_offline, "alice/by-id") == (names, "variant") and hub.requests[seen:] == []


def test_a_name_that_is_neither_a_folder_nor_a_repository_is_an_error(clients, hub, model):
    assert "runs/best (and no such folder): no such repository" in clients(fail_to_open, "runs/best")
    assert "a Hub id such as ORGANIZATION/NAME" in clients(fail_to_open, "no/such/folder")
    assert "no such folder" in clients(fail_to_open, "folder")
    assert "HF_HUB_OFFLINE" in clients(fail_to_open_offline, "alice/never-seen")

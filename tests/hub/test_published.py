"""Every kind of model is pushed, then opened in another process with the code of its card."""

import json
import os
import re
import subprocess
import sys

import pytest

import cmcc
from cmcc_bench.textform import FORMS, SPECIAL_TOKENS
from tests.cards.runs import write_data, write_facts, write_predictions, write_weights
from tests.dataset.folders import contents
from tests.hub.test_push import run

__all__ = ["run"]  # the fixture

KINDS = ("baseline", "variant", "no_emotion", "no_caring", "emotion", "joint", "satisfaction")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data") / "cmcc", [f"{cmcc.SYNTHETIC_ID}{n}" for n in range(3)])


def trained(folder, kind, synthetic=True):
    best, training = write_facts(folder / kind, kind, synthetic)
    write_weights(best, kind)
    return best, training


def in_a_new_process(hub, home, code):
    """The output of a script that has the Hub's clients only."""
    settings = {**os.environ, **hub.environment(home, "alice")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/", env=settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def card_of(hub, kind):
    return hub.repository("models", f"cmcc-org/published-{kind}").find("main").files["README.md"].content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_pushed_with_its_card_in_one_commit_with_a_tag(run, hub, data, tmp_path, kind):
    best, training = trained(tmp_path, kind)
    write_predictions(best, kind, data, training)
    name = f"cmcc-org/published-{kind}"
    status, out, err = run("push", "model", best.parent, name, "--yes")
    assert status == 0, err
    repo = hub.repository("models", name)
    assert repo.private and len(repo.history("main")) == 2 and f"{hub.endpoint}/{name}" in out
    assert [ref for ref in repo.refs if ref.startswith("refs/tags/v")]
    files = repo.find("main").files
    wanted = {"README.md", "model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"}
    wanted |= {"training.json"} | ({"text_form.json", "generation_config.json"} if kind in FORMS else set())
    assert files.keys() - {".gitattributes"} == wanted
    results = card_of(hub, kind).split("## Results")[1].split("## Limits")[0]
    assert "| paper |" in results and "[" in results


@pytest.mark.slow
def test_the_code_in_the_cards_loads_the_pushed_models(run, hub, tmp_path):
    blocks = []
    for kind in KINDS:
        best, _ = trained(tmp_path, kind)
        assert run("push", "model", best, f"cmcc-org/loaded-{kind}", "--yes")[0] == 0
        files = hub.repository("models", f"cmcc-org/loaded-{kind}").find("main").files
        found = re.findall(r"```python\n(.*?)```", files["README.md"].content.decode(), re.DOTALL)
        assert found and all(f'"cmcc-org/loaded-{kind}"' in block for block in found)
        blocks += [*found, f"print('did {kind}')\n"]
    printed = in_a_new_process(hub, tmp_path / "home", "".join(blocks))
    assert re.findall(r"^did (\w+)$", printed, re.MULTILINE) == list(KINDS)


_PLAIN = """
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer
name, special = sys.argv[1], sys.argv[2].split()
tokenizer, model = AutoTokenizer.from_pretrained(name), AutoModelForCausalLM.from_pretrained(name)
settings = model.generation_config
said = [len(tokenizer), model.get_input_embeddings().weight.shape[0], tokenizer.convert_tokens_to_ids(special)]
print(json.dumps([*said, settings.eos_token_id, settings.max_new_tokens, settings.do_sample]))
assert not [m for m in sys.modules if m.split(".")[0] in ("cmcc", "cmcc_bench", "train")]
"""


@pytest.mark.slow
def test_plain_transformers_open_a_dialogue_model_in_a_new_process(run, hub, tmp_path):
    best, _ = trained(tmp_path, "variant")
    assert run("push", "model", best, "cmcc-org/plain-variant", "--yes")[0] == 0
    special = repr(" ".join(SPECIAL_TOKENS))
    code = _PLAIN.replace("sys.argv[1]", "'cmcc-org/plain-variant'").replace("sys.argv[2]", special)
    tokens, rows, ids, ends, longest, samples = json.loads(in_a_new_process(hub, tmp_path / "home", code))
    assert tokens == rows > len(SPECIAL_TOKENS) and len(set(ids)) == len(SPECIAL_TOKENS)
    by_token = dict(zip(SPECIAL_TOKENS, ids, strict=True))
    assert ends == [by_token["[EOS_UI]"], by_token["[EOS_S]"]] and longest == 160 and samples in (False, None)


def test_thresholds_and_context_travel_in_the_configuration(run, hub, tmp_path):
    best, _ = write_facts(tmp_path / "emotion", "emotion", True, ("with context",))
    write_weights(best, "emotion")
    assert run("push", "model", best, "cmcc-org/thresholds", "--yes")[0] == 0
    code = "from transformers import AutoConfig as A; c = A.from_pretrained('cmcc-org/thresholds')"
    printed = in_a_new_process(hub, tmp_path / "home", f"{code}; print(len(c.thresholds), c.context, c.problem_type)")
    assert printed.split() == ["9", "True", "multi_label_classification"]


@pytest.mark.parametrize("kind", ["variant", "joint"])
def test_a_pulled_model_predicts_the_same_as_the_pushed_one(run, data, tmp_path, kind):
    best, _ = trained(tmp_path, kind)
    assert run("push", "model", best, f"cmcc-org/round-{kind}", "--yes")[0] == 0
    back = tmp_path / "back"
    assert run("pull", "model", f"cmcc-org/round-{kind}", "--out", back)[0] == 0
    card = (back / "README.md").read_bytes()
    assert contents(back).keys() - contents(best).keys() == {"README.md"} and card.startswith(b"---\n")
    for model, out in ((best, "a.jsonl"), (back, "b.jsonl")):
        assert run("predict", model, data, "--out", tmp_path / out)[0] == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    records = [json.loads((tmp_path / f"{name}.jsonl.run.json").read_text()) for name in "ab"]
    assert records[0]["model_digest"] == records[1]["model_digest"]
    status, out, _ = run("push", "model", back, f"cmcc-org/round-{kind}")
    assert status == 0 and "0 files to upload" in out


def test_a_pulled_licensed_model_stays_licensed_beside_another_run_json(run, hub, tmp_path):
    best, _ = trained(tmp_path, "variant", synthetic=False)
    assert run("push", "model", best, "cmcc-org/licensed-model", "--yes")[0] == 0
    repo = hub.repository("models", "cmcc-org/licensed-model")
    assert (repo.private, repo.gated) == (True, "manual")
    assert run("pull", "model", "cmcc-org/licensed-model", "--out", tmp_path / "back")[0] == 0
    (tmp_path / "run.json").write_text(json.dumps({"synthetic": True, "licensed": False, "dataset": "sample"}))
    for name in ("back", "best"):
        folder = (tmp_path / "back").rename(tmp_path / name) if name == "best" else tmp_path / name
        status, _, err = run("push", "model", folder, "cmcc-org/opened", "--public", "--yes")
        assert status == 1 and "add --i-have-the-rights" in err


def test_a_pulled_synthetic_model_is_still_synthetic(run, tmp_path):
    best, _ = trained(tmp_path, "emotion")
    assert run("push", "model", best, "cmcc-org/synthetic-model", "--yes")[0] == 0
    assert run("pull", "model", "cmcc-org/synthetic-model", "--out", tmp_path / "back")[0] == 0
    status, out, _ = run("push", "model", tmp_path / "back", "cmcc-org/again", "--public")
    assert status == 0 and "(PUBLIC, SYNTHETIC, new)" in out


def test_results_of_a_pulled_model_are_kept_and_the_plan_says_so(run, hub, data, tmp_path):
    best, _ = trained(tmp_path, "emotion")
    (best / ".eval_results").mkdir()
    (best / ".eval_results" / "cmcc.yaml").write_text("[]\n")
    status, out, _ = run("push", "model", best, "cmcc-org/kept-results", "--yes")
    assert status == 0 and "results from .eval_results/cmcc.yaml in the folder" in out
    assert ".eval_results/cmcc.yaml" in hub.repository("models", "cmcc-org/kept-results").find("main").files


def test_other_files_of_a_run_are_never_uploaded(run, hub, data, tmp_path):
    best, training = trained(tmp_path, "variant")
    write_predictions(best, "variant", data, training)
    for name in ("pseudo-labels.jsonl", "cmcc-rejects.jsonl", "calls.json", "cmcc.py", ".env"):
        (best.parent / name).write_text("{}")
    assert run("push", "model", best.parent, "cmcc-org/alone", "--yes")[0] == 0
    stored = hub.repository("models", "cmcc-org/alone")
    names = {name for commit in stored.history("main") for name in commit.files}
    assert not [name for name in names if name.endswith((".jsonl", ".py", ".env")) or name == "calls.json"]


def test_predictions_of_another_checkpoint_stop_the_push(run, hub, data, tmp_path):
    best, training = trained(tmp_path, "variant")
    write_predictions(best, "variant", data, training)
    (best / "text_form.json").write_text((best / "text_form.json").read_text() + "\n")
    status, _, err = run("push", "model", best.parent, "cmcc-org/stale", "--yes")
    assert status == 1 and "not of the checkpoint" in err
    assert ("models", "cmcc-org/stale") not in hub.repositories

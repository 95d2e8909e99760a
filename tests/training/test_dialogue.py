"""Tests of training response models, on a few simulated dialogues."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from cmcc_bench import cli
from cmcc_bench.models.encoding import IGNORED, Encoded
from cmcc_bench.textform import FORMS, SPECIAL_TOKENS, load_form
from cmcc_bench.training.dialogue import collator, examples
from cmcc_bench.training.loss import token_loss

ROOT = Path(__file__).parents[2]
SMALL = ("--backbone", "scratch", "--layers", "1", "--width", "32", "--heads", "2", "--max_length", "256")
SHORT = ("--epochs", "1", "--batch_size", "8", "--learning_rate", "3e-3")

IN_A_NEW_PROCESS = """
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = AutoModelForCausalLM.from_pretrained(sys.argv[1]), AutoTokenizer.from_pretrained(sys.argv[1])
ends = tokenizer.convert_tokens_to_ids(sys.argv[2].split())
inputs = tokenizer("你好", return_tensors="pt", return_token_type_ids=False)
out = model.generate(**inputs, min_new_tokens=3, max_new_tokens=3)
print(json.dumps([type(model).__name__, model.config.vocab_size, len(tokenizer), ends, out.shape[1]]))
"""


def run(*arguments: object) -> subprocess.CompletedProcess:
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env=variables, capture_output=True, text=True, cwd="/"
    )


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run")
    script = ROOT / "train" / "dialogue.py"
    done = run(script, "--form", "variant", "--dataset", data, "--out", out, *SMALL, *SHORT)
    assert done.returncode == 0, done.stderr
    assert "form: variant" in done.stdout  # the resolved recipe
    assert "tokens/s" in done.stderr
    return out


def test_the_best_checkpoint_opens_in_a_new_process_with_transformers_alone(trained):
    done = run("-c", IN_A_NEW_PROCESS, trained / "best", " ".join(SPECIAL_TOKENS))
    assert done.returncode == 0, done.stderr
    name, vocabulary, tokens, ends, length = json.loads(done.stdout.splitlines()[-1])
    assert name == "GPT2LMHeadModel"
    assert vocabulary == tokens > 100
    assert sorted(set(ends)) == list(range(tokens - len(SPECIAL_TOKENS), tokens))
    assert length == 4 + 3  # [CLS] 你 好 [SEP], and what was generated


def test_the_checkpoint_says_which_text_form_it_was_trained_on(trained):
    assert load_form(trained / "best") == FORMS["variant"]
    assert (trained / "best" / "model.safetensors").exists()


def test_the_run_says_that_the_data_are_synthetic_and_what_was_cut(trained):
    record = json.loads((trained / "run.json").read_text())
    assert record["synthetic"] is True and record["licensed"] is False
    assert record["padding_share"] < 0.1
    assert record["cut"] == {"exchanges": 0, "history_entities": 0, "first_tokens": 0}
    assert record["recipe"]["form"] == "variant"


def test_a_trained_model_is_a_backbone_for_another_form(data, trained, tmp_path, capsys):
    arguments = ["--form", "baseline", "--backbone", str(trained / "best"), "--max_length", "60", *SHORT]
    try:
        assert main([*arguments, "--dataset", str(data), "--out", str(tmp_path)]) == 0
    finally:
        AcceleratorState._reset_state(True)
    assert load_form(tmp_path / "best") == FORMS["baseline"]
    cut = json.loads((tmp_path / "run.json").read_text())["cut"]
    assert cut["exchanges"] > 0
    output = capsys.readouterr().out
    assert str(cut) in output
    assert f"cmcc predict {tmp_path / 'best'} {data} --out {tmp_path / 'test.jsonl'}" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--form", "variant", "--backbone", "/nowhere/model"), "model /nowhere/model: the tokenizer cannot be opened"),
        (("--form", "variant", "--backbone", "{trained}", "--max_length", "512"), "found 512; expected at most 256"),
    ],
)
def test_a_backbone_that_cannot_be_used_is_named(data, trained, tmp_path, capsys, arguments, message):
    filled = [argument.replace("{trained}", str(trained / "best")) for argument in arguments]
    try:
        assert main([*filled, "--dataset", str(data), "--out", str(tmp_path / "out"), *SHORT]) == 1
    finally:
        AcceleratorState._reset_state(True)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_form_ends_with_status_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--form", "varient", "--out", "x", *SMALL, *SHORT])
    assert ended.value.code == 2
    assert "key form: found 'varient'; expected one of baseline, variant" in capsys.readouterr().err


def main(arguments) -> int:
    return cli.main(["train", "dialogue", *arguments])


EXCHANGES = [Encoded((2, 9, 8, 3), (False, False, True, False)), Encoded((2, 3), (False, True))]


def test_a_batch_is_filled_up_on_the_right_without_a_loss_there():
    batch = collator(7, "all")(EXCHANGES)
    assert batch["input_ids"].tolist() == [[2, 9, 8, 3], [2, 3, 7, 7]]
    assert batch["labels"].tolist() == [[2, 9, 8, 3], [2, 3, IGNORED, IGNORED]]


def test_the_loss_can_be_on_the_generated_tokens_only():
    batch = collator(7, "generated")(EXCHANGES)
    assert batch["labels"].tolist() == [[IGNORED, IGNORED, 8, IGNORED], [IGNORED, 3, IGNORED, IGNORED]]


def test_the_loss_is_the_sum_of_the_surprise_at_each_next_token():
    class Uniform(torch.nn.Module):
        def forward(self, input_ids, use_cache):
            return type("Output", (), {"logits": torch.zeros(*input_ids.shape, 16)})

    loss, tokens = token_loss(Uniform(), collator(7, "all")(EXCHANGES))
    assert tokens == 4  # all but the first of each
    assert loss.item() == pytest.approx(4 * torch.log(torch.tensor(16.0)).item())


def test_the_lengths_are_those_of_the_tokens():
    assert examples(EXCHANGES).lengths == [4, 2]

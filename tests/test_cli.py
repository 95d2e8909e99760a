"""The command `cmcc`: exit status, messages and what it prints."""

import json
import subprocess
import sys

import pytest

import cmcc
from cmcc_bench import cli
from tests import raw


def test_build_prints_what_it_made_and_ends_with_0(tmp_path, capsys):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}1"), [raw.turn()]])
    assert cli.main(["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc")]) == 0
    printed = capsys.readouterr().out
    assert "2 dialogues, 1 of them SYNTHETIC" in printed and "labeled: train 2" in printed
    assert "repaired: missing_id 1" in printed


def test_data_that_are_not_right_end_with_1_and_the_message_on_standard_error(tmp_path, capsys):
    raw.write(tmp_path, "train.json", [raw.dialogue(满意度=9)])
    assert cli.main(["build", "--data-dir", str(tmp_path), "--out", str(tmp_path.parent / "x")]) == 1
    captured = capsys.readouterr()
    assert "cmcc: file train.json, dialogue call-1, field 满意度: found 9" in captured.err and captured.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["build"],
        ["simulate", "--out", "x", "--dialogues", "-1"],
        ["build", "--data-dir", "x", "--num-proc", "0"],
    ],
)
def test_wrong_usage_ends_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("simulate", "build", "stats"))


def test_simulate_build_and_stats_work_one_after_the_other(tmp_path, capsys):
    raw_files, built = str(tmp_path / "raw"), str(tmp_path / "cmcc")
    assert cli.main(["simulate", "--dialogues", "30", "--unlabeled", "5", "--seed", "3", "--out", raw_files]) == 0
    assert "35 synthetic dialogues (seed 3)" in capsys.readouterr().out
    assert cli.main(["build", "--data-dir", raw_files, "--out", built]) == 0
    assert "35 dialogues, 35 of them SYNTHETIC" in capsys.readouterr().out
    assert json.loads((tmp_path / "cmcc" / "report.json").read_text())["repaired"] == {}
    assert cli.main(["stats", built]) == 0
    printed = capsys.readouterr().out.lower()
    assert "synthetic" in printed and "inform" in printed


def test_the_command_starts_without_torch_or_transformers():
    script = "import sys; from cmcc_bench import cli; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

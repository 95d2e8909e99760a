"""The command `cmcc`: exit status, messages and what it prints."""

import json
import re
import subprocess
import sys

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.textform import FORMS
from tests import raw
from tests.tiny_model import write_model


def test_build_prints_what_it_made_and_ends_with_0(tmp_path, capsys):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}1"), [raw.turn()]])
    assert cli.main(["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc")]) == 0
    printed = capsys.readouterr().out
    assert "2 dialogues, 1 of them SYNTHETIC" in printed and "labeled: train 2" in printed
    assert "repaired: missing_id 1" in printed


def test_data_that_are_not_right_end_with_1_and_the_message_on_standard_error(tmp_path, capsys):
    raw.write(tmp_path, "train.json", [raw.unreadable("call-1")])
    assert cli.main(["build", "--data-dir", str(tmp_path), "--out", str(tmp_path.parent / "x")]) == 1
    captured = capsys.readouterr()
    assert (
        "cmcc: file train.json, dialogue call-1, turn 0, field [SPEAKER 1]: found int" in captured.err
        and captured.out == ""
    )


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["check", "--lexicon", "nothing.toml"], "Check the path, then run it again."),
        (["check", "--write-lexicon", "pyproject.toml"], "Choose another path or move the existing one"),
    ],
)
def test_an_error_about_a_file_says_what_to_do(arguments, advice, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    assert cli.main(arguments) == 1
    assert advice in capsys.readouterr().err


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


def test_every_help_fits_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parser = cli._parser()
    texts = [parser.format_help(), *(p.format_help() for p in parser._subparsers._group_actions[0].choices.values())]
    assert len(texts) > 15 and not [line for text in texts for line in text.splitlines() if len(line) > 80]
    assert all(re.search(rf"^ +{name} +\w", texts[0], re.M) for name in ("simulate", "agreement", "leaderboard"))


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


@pytest.fixture
def built(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}{n}") for n in range(3)])
    raw.write(tmp_path / "raw", "test.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}test-{n}") for n in range(2)])
    assert cli.main(["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc")]) == 0
    return tmp_path / "cmcc"


def test_predict_score_and_report_work_one_after_the_other(built, tmp_path, capsys):
    for name in ("baseline", "variant"):
        write_model(tmp_path / name, FORMS[name])
        for mode in ("end2end", "oracle"):
            out = str(tmp_path / "runs" / f"{name}.{mode}.jsonl")
            assert cli.main(["predict", str(tmp_path / name), str(built), "--mode", mode, "--out", out]) == 0
            assert "2 exchanges of SYNTHETIC data" in capsys.readouterr().out
    variant = str(tmp_path / "runs" / "variant.end2end.jsonl")
    assert cli.main(["score", variant, str(built), "--resamples", "20"]) == 0
    printed = capsys.readouterr().out
    assert "SYNTHETIC" in printed and "user intent F1" in printed and "tok:zh" in printed
    assert cli.main(["score", variant, str(built), "--resamples", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exchanges"] == 2
    baseline = str(tmp_path / "runs" / "baseline.end2end.jsonl")
    assert cli.main(["score", variant, str(built), "--resamples", "20", "--against", baseline]) == 0
    printed = capsys.readouterr().out
    assert "variant.end2end.jsonl less" in printed and "BLEU-4" in printed and "excludes 0" in printed
    assert cli.main(["score", baseline.replace("end2end", "oracle"), str(built), "--resamples", "0"]) == 0
    printed = capsys.readouterr().out
    assert "BLEU-4" in printed and "act F1" not in printed and "folded back" in printed and "nan" not in printed
    report = tmp_path / "report.md"
    assert cli.main(["report", str(tmp_path / "runs"), "--out", str(report), "--resamples", "20"]) == 0
    printed, written = capsys.readouterr().out, report.read_text("utf-8")
    for text in ("Table 2, strict", "Table 3, seretod", "Paired bootstrap", "Table 4", "Variant (Oracle)", "SYNTHETIC"):
        assert text in printed and text in written


def test_a_folder_that_is_no_model_and_predictions_of_other_data_end_with_1(built, tmp_path, capsys):
    assert cli.main(["predict", str(built), str(built), "--out", str(tmp_path / "x.jsonl")]) == 1
    assert "a model of cmcc train dialogue" in capsys.readouterr().err
    write_model(tmp_path / "variant", FORMS["variant"])
    out = str(tmp_path / "runs" / "x.jsonl")
    assert cli.main(["predict", str(tmp_path / "variant"), str(built), "--split", "train", "--out", out]) == 0
    assert cli.main(["score", out, str(built)]) == 1
    assert "x.jsonl" in capsys.readouterr().err
    assert cli.main(["predict", str(tmp_path / "variant"), str(built), "--out", out]) == 1
    assert "this run did not write the file" in capsys.readouterr().err
    assert cli.main(["predict", str(tmp_path / "variant"), str(built), "--out", str(tmp_path)]) == 1
    assert "Give --out the path of a file" in capsys.readouterr().err
    assert cli.main(["score", out, str(built), "--split", "validation"]) == 1
    assert "expected a split 'validation'" in capsys.readouterr().err
    assert cli.main(["report", str(tmp_path / "raw")]) == 1
    assert "Run cmcc predict first" in capsys.readouterr().err

"""The command `cmcc`: exit status, messages and what it prints."""

import argparse
import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.commands.score import _distinct_names
from cmcc_bench.textform import FORMS
from tests import raw
from tests.tiny_model import write_model


def test_build_prints_a_summary_and_exits_with_0(tmp_path, capsys):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}1"), [raw.turn()]])
    assert cli.main(["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc")]) == 0
    printed = capsys.readouterr().out
    assert "2 dialogues, 1 of them SYNTHETIC" in printed and "labeled: train 2" in printed
    assert "repaired: missing_id 1" in printed


def test_an_error_in_the_data_is_printed_on_standard_error_and_exits_with_1(tmp_path, capsys):
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


def test_an_error_about_a_file_names_the_path_that_was_given_and_no_temporary_one(tmp_path, capsys):
    lexicon = tmp_path / "lexicon.toml"

    def rename(options):
        raise OSError(errno.EISDIR, "Is a directory", f"{tmp_path}/.lexicon.toml.part", None, str(lexicon))

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=rename)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "_parser", lambda: parser)
        assert cli.main([]) == 1
    assert capsys.readouterr().err == f"cmcc: {lexicon}: Is a directory. Check the path, then run it again.\n"


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
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("simulate", "build", "stats"))


def _parsers(parser):
    """The parser and those of its commands and their actions."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _parsers(child)


def test_every_help_has_a_description_an_example_and_at_most_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parsers = list(_parsers(cli._parser()))
    texts = [parser.format_help() for parser in parsers]
    assert len(texts) > 20 and not [line for text in texts for line in text.splitlines() if len(line) > 80]
    assert all(re.search(rf"^ +{name} +\w", texts[0], re.M) for name in ("simulate", "agreement", "leaderboard"))
    for parser in parsers[1:]:
        assert parser.description[0].isupper(), parser.prog
        assert f"\n  {parser.prog}" in parser.epilog or f" {parser.prog} " in parser.description, parser.prog
        assert all(action.help for action in parser._actions if action.metavar not in ("KIND", "ACTION")), parser.prog


def test_two_files_of_one_name_are_shown_with_the_folders_that_differ():
    names = _distinct_names
    assert names(Path("runs/a/test.jsonl"), Path("runs/b/test.jsonl")) == ("a/test.jsonl", "b/test.jsonl")
    assert names(Path("a/x/test.jsonl"), Path("b/x/test.jsonl")) == ("a/x/test.jsonl", "b/x/test.jsonl")
    assert names(Path("runs/a.jsonl"), Path("runs/b.jsonl")) == ("a.jsonl", "b.jsonl")
    assert names(Path("a.jsonl"), Path("a.jsonl")) == ("a.jsonl", "a.jsonl")


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
    assert "variant.end2end.jsonl minus" in printed and "BLEU-4" in printed and "excludes 0" in printed
    assert cli.main(["score", baseline.replace("end2end", "oracle"), str(built), "--resamples", "0"]) == 0
    printed = capsys.readouterr().out
    assert "BLEU-4" in printed and "act F1" not in printed and "folded back" in printed and "nan" not in printed
    report = tmp_path / "report.md"
    assert cli.main(["report", str(tmp_path / "runs"), "--out", str(report), "--resamples", "20"]) == 0
    printed, written = capsys.readouterr().out, report.read_text("utf-8")
    for text in ("Table 2, strict", "Table 3, seretod", "Paired bootstrap", "Table 4", "Variant (Oracle)", "SYNTHETIC"):
        assert text in written
    assert "Table 2" in printed and "SYNTHETIC" in printed and f"All tables: {report}" in printed
    assert "seretod" not in printed  # one screen only
    page = tmp_path / "report.html"
    assert f"The page with everything: {page}" in printed and "Table 2, strict" in page.read_text("utf-8")
    assert cli.main(["report", str(tmp_path / "runs"), "--resamples", "0", "--html", str(tmp_path / "b.html")]) == 0
    assert (tmp_path / "b.html").exists() and not (tmp_path / "b.md").exists()
    assert cli.main(["report", str(tmp_path / "runs"), "--out", str(page)]) == 1
    assert "the page would overwrite the Markdown file" in capsys.readouterr().err


def test_a_folder_without_a_model_and_predictions_of_other_data_exit_with_1(built, tmp_path, capsys):
    assert cli.main(["predict", str(built), str(built), "--out", str(tmp_path / "x.jsonl")]) == 1
    assert "a model trained with cmcc train dialogue" in capsys.readouterr().err
    write_model(tmp_path / "variant", FORMS["variant"])
    out = str(tmp_path / "runs" / "x.jsonl")
    assert cli.main(["predict", str(tmp_path / "variant"), str(built), "--split", "train", "--out", out]) == 0
    assert cli.main(["score", out, str(built)]) == 1
    assert "x.jsonl" in capsys.readouterr().err
    assert cli.main(["predict", str(tmp_path / "variant"), str(built), "--out", out]) == 1
    assert "the file exists and was not written by a run with this model" in capsys.readouterr().err
    assert cli.main(["predict", str(tmp_path / "variant"), str(built), "--out", str(tmp_path)]) == 1
    assert "Give --out the path of a file" in capsys.readouterr().err
    assert cli.main(["score", out, str(built), "--split", "validation"]) == 1
    assert "split validation: no rows that are annotated" in capsys.readouterr().err
    assert cli.main(["report", str(tmp_path / "raw")]) == 1
    assert "Run cmcc predict first" in capsys.readouterr().err


def test_a_missing_file_of_predictions_is_named_before_anything_else(tmp_path, capsys):
    there, gone = tmp_path / "there.jsonl", tmp_path / "gone.jsonl"
    there.write_text("{}\n")
    for arguments in ([str(gone)], [str(gone), "no-such-data"], [str(there), "no-such-data", "--against", str(gone)]):
        assert cli.main(["score", *arguments]) == 1
        assert capsys.readouterr().err == f"cmcc: file {gone}: no such file. Check the path of the prediction file.\n"


def test_the_error_for_predictions_without_a_record_names_the_option_task(built, tmp_path, capsys):
    file = tmp_path / "emotions.jsonl"
    file.write_text('{"dialogue_id": "a", "utterance": 1, "emotions": ["neutral"]}\n')
    hint = "Without emotions.jsonl.run.json the task is response. For another task add --task NAME, one of response, em"
    for dataset, status in (([str(built)], 1), ([], 2)):
        assert cli.main(["score", str(file), *dataset]) == status
        assert hint in capsys.readouterr().err
    assert cli.main(["score", str(file), str(built), "--task", "emotion"]) == 1
    assert "--task" not in capsys.readouterr().err


def test_the_command_line_starts_without_libraries_that_load_slowly():
    code = "import sys; from cmcc_bench.cli import _parser; _parser(); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"datasets", "numpy", "pandas", "pyarrow", "torch", "transformers"}.intersection(loaded)

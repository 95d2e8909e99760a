"""A task that is declared in one file is scored, reported, validated and ranked, without other changes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cmcc
from cmcc_bench import cli, tasks
from cmcc_bench.cards.results import answer_tables
from cmcc_bench.cards.scores import Scored
from cmcc_bench.dataset.parquet import SplitSize
from cmcc_bench.dataset.tasks import eval_text
from cmcc_bench.hub.results import headline_scores
from cmcc_bench.leaderboard.card import board_tables
from cmcc_bench.leaderboard.files import board_files, load_board
from cmcc_bench.leaderboard.standings import read_gold, track_board
from cmcc_bench.leaderboard.submission import Stored, describe
from cmcc_bench.leaderboard.update import Board
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.recognition.run import recognize
from cmcc_bench.reports.report import make_report
from cmcc_bench.reports.systems import System
from cmcc_bench.scoring import Bootstrap, compare, read_answers, score
from cmcc_bench.tasks import TASKS, answer_line

from .toy import TOY, LengthAnswer

ROOT = Path(tasks.__file__).parents[1]


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(TASKS, TOY.name, TOY)


@pytest.fixture
def rows():
    return TOY.split_rows("sample", "test")


@pytest.fixture
def share(rows):
    """The share of right answers: every other one, beginning with the first."""
    return (len(rows) + 1) // 2 / len(rows)


@pytest.fixture
def predictions(tmp_path, rows):
    """A file of predictions, every other one right, with the record of its run."""
    answers = [LengthAnswer(row["dialogue_id"], row["length"] + n % 2) for n, row in enumerate(rows)]
    path = tmp_path / "length.jsonl"
    path.write_bytes(b"".join(map(answer_line, answers)))
    facts = {"task": TOY.name, "dataset": "sample", "split": "test", "finished": True, "training": {}}
    path.with_name("length.jsonl.run.json").write_text(json.dumps(facts))
    return path


def test_it_is_scored_and_compared(rows, predictions, share):
    answers = read_answers(predictions, "length")
    scores = score("length", answers, rows, Bootstrap(20))
    assert scores.scores["exact"].point == share and scores.as_dict()["task"] == "length"
    assert compare(TOY, TOY.gold(rows), answers, rows, Bootstrap(20)).differences["exact"].difference == pytest.approx(
        1 - share
    )


def test_the_command_takes_the_task_from_the_record_of_the_file(predictions, share, capsys):
    assert cli.main(["score", str(predictions), "sample", "--json", "--resamples", "5"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"]["exact"]["point"] == share
    assert cli.main(["score", str(predictions), "sample", "--resamples", "5", "--task", "length"]) == 0
    assert "Distance: lower is better." in capsys.readouterr().out


def test_the_report_has_its_table(predictions):
    table = make_report([predictions], Bootstrap(5)).tables[0]
    assert table.title.startswith("Table 0, length") and table.columns == (
        "system",
        "kind",
        "exact",
        "paper",
        "distance",
    )
    assert [row[0] for row in table.rows] == ["Counting", "gold", "majority", "random"]
    assert table.rows[0][3] == "0.500"


def test_validate_accepts_its_files_and_names_errors(rows, predictions, capsys):
    assert cli.main(["validate", str(predictions), "sample"]) == 0
    assert f"valid for the track length: {len(rows)} dialogues" in capsys.readouterr().out
    lines = predictions.read_text("utf-8").replace('"length":', '"length":-', 1)
    predictions.write_text(lines, "utf-8")
    assert cli.main(["validate", str(predictions), "sample"]) == 1
    assert re.search(r"line 1, field length: found -\d+", capsys.readouterr().err)


def test_the_leaderboard_ranks_it_beside_its_bounds_and_reads_it_back(rows, predictions, tmp_path):
    gold = read_gold("sample", None, "test")["length"]
    stored = Stored(describe("Mine", "length", "the sample", None), 1, "alice", "2026-01-02", "c0ffee")
    scored = score(TOY, read_answers(predictions, "length"), rows, measure=TOY.board_measure)
    board = Board("sample", "test", True, {"length": track_board(TOY, gold, {stored.name: (stored, scored)})})
    (table,) = board_tables(board)
    names = [row[1] for row in table.rows]
    assert {"Mine", "gold", "majority", "random", "Counting, table 0, as published"} == set(names)
    for name, content in board_files(board).items():
        (tmp_path / "board" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "board" / name).write_bytes(content)
    assert load_board(str(tmp_path / "board")).tracks["length"].sorted_by("exact")[0].key == "gold"


def test_cards_results_on_the_hub_and_eval_yaml_contain_it(rows, predictions, share):
    system = System(path=predictions, dataset="sample", split="test", training=TrainingRecord("length"))
    scored = Scored(system, True, score(TOY, system.answers, rows, Bootstrap(5)))
    (table,) = answer_tables(scored)
    assert table.title.startswith("Length, test split") and table.rows[0][2] == "0.500"
    assert [(name, interval.point) for name, interval, _ in headline_scores([scored])] == [("length_exact", share)]
    entries = yaml.safe_load(eval_text({"labeled": {"test": SplitSize(1, 1)}}))["tasks"]
    assert {"id": "length_exact", "config": "labeled", "split": "test"} in entries


def test_rows_without_labels_are_not_scored(rows):
    with pytest.raises(cmcc.DataError, match="labels are hidden"):
        score(TOY, TOY.gold(rows), [row | {"length": None} for row in rows])


def test_its_models_are_opened_by_the_declared_function(tmp_path, rows):
    TrainingRecord("length").save(tmp_path)
    run = recognize(tmp_path, "sample", tmp_path / "length.jsonl")
    assert run.task == "length" and score("length", read_answers(tmp_path / "length.jsonl", "length"), rows)


def test_an_unknown_task_is_an_error_that_lists_the_tasks(predictions):
    with pytest.raises(cmcc.DataError, match=r"Choose one of response, emotion, entities, satisfaction, length"):
        read_answers(predictions, "mood")


def test_no_code_outside_the_declarations_compares_names_of_tasks():
    asks = re.compile(r'[!=]= "(response|emotion|entities|satisfaction)"|task is (not )?[A-Z]{2}|[!=]= [A-Z]+\.name')
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted(ROOT.rglob("*.py"))
        if path.parent.name not in ("tasks", "quality", "annotate")  # the last two have fields that are called so
        for line in path.read_text("utf-8").splitlines()
        if asks.search(line)
    ]
    assert len(lines) <= 10, "\n".join(lines)


def test_reading_the_declarations_needs_neither_torch_nor_scikit_learn():
    missing = ("torch", "transformers", "sklearn", "evaluate", "accelerate", "matplotlib")
    code = f"import sys\nfor name in {missing}: sys.modules[name] = None\nimport cmcc_bench.tasks, cmcc_bench.scoring"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT.parent)


def test_a_declaration_imports_no_room_above_it():
    rooms = {"recognition", "reports", "cards", "hub", "leaderboard", "scoring", "dataset", "decoding", "commands"} | {
        "models", "training", "chat", "reports", "statistics", "figures", "simulate", "quality", "llm",
    }  # fmt: skip
    for path in (ROOT / "tasks").glob("*.py"):
        assert not rooms & set(re.findall(r"(?:from|import) cmcc_bench\.(\w+)", path.read_text("utf-8"))), path.name

"""Tables 2 to 4, made of prediction files."""

import json
from dataclasses import replace

import pytest

import cmcc
from cmcc_bench.reports.response import response_report
from cmcc_bench.reports.scores import Data
from cmcc_bench.reports.systems import check_data, find_systems
from cmcc_bench.scoring import Bootstrap, write_prediction
from cmcc_bench.views.response import response_rows
from tests import raw
from tests.scoring.rows import gold_predictions


@pytest.fixture
def rows(tmp_path):
    path = raw.write(tmp_path / "raw", "calls.json", [raw.dialogue(f"synthetic-{n}") for n in range(6)])
    return [row for dialogue in cmcc.read_dialogues(path) for row in response_rows(dialogue.row)]


def write_system(folder, name, form, mode, predictions, dataset="sample"):
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}.jsonl").open("wb") as stream:
        for prediction in predictions:
            write_prediction(stream, prediction)
    facts = {"form": form, "mode": mode, "dataset": dataset, "split": "test"}
    (folder / f"{name}.jsonl.run.json").write_text(json.dumps(facts))


@pytest.fixture
def systems(tmp_path, rows):
    gold = gold_predictions(rows)
    worse = [replace(p, response="不知道", acts="通知", emotions=None) for p in gold]
    for mode in ("end2end", "oracle"):
        write_system(tmp_path / "runs", f"variant-{mode}", "variant", mode, gold)
        write_system(tmp_path / "runs", f"baseline-{mode}", "baseline", mode, worse)
    write_system(tmp_path / "runs", "no_emotion", "no_emotion", "end2end", gold)
    write_system(tmp_path / "runs", "no_caring", "no_caring", "end2end", gold)
    return find_systems([tmp_path / "runs"])


def test_every_system_and_bound_is_a_row_with_the_paper_s_number_beside_it(systems, rows):
    tables = response_report(systems, Data(rows, rows), Bootstrap(50)).tables
    titles = [table.title.split(" — ")[0] for table in tables]
    assert titles[:4] == ["Table 2, strict", "Table 3, strict", "Table 2, seretod", "Table 3, seretod"]
    assert titles[4:6] == ["Paired bootstrap test, strict", "Power of the paired tests"]
    assert titles[6] == "After a negative emotion, and caring acts" and titles[-1] == "Table 4"
    table_2, table_3 = tables[0], tables[1]
    by_name = {row[0]: row[2:] for row in table_2.rows}
    decoded = [f"{form} ({mode})" for mode in ("End2End", "Oracle") for form in ("Baseline", "Variant")]
    assert list(by_name) == [*decoded, "gold", "majority", "random"]
    assert by_name["gold"][::2] == ("1.000 [1.00, 1.00]",) * 3 + ("100.00 [100.0, 100.0]",)
    assert by_name["Variant (End2End)"][1::2] == ("0.656", "0.357", "0.567", "4.669")
    assert by_name["Baseline (Oracle)"][:6] == ("–",) * 6 and by_name["Baseline (Oracle)"][7] == "6.230"
    assert by_name["Baseline (End2End)"][4] == "1.000 [1.00, 1.00]"  # 通知 alone is right once 安抚 is folded back
    ablated = ["Variant (End2End)", "w/o user emotion", "w/o expanded caring acts"]
    assert [row[0] for row in table_3.rows] == [*ablated, "gold", "majority", "random"]


def test_synthetic_data_are_marked_in_every_title(systems, rows):
    for table in response_report(systems, Data(rows, rows), Bootstrap(20)).tables:
        assert "SYNTHETIC data, not a result on CMCC" in table.title
        assert "SYNTHETIC" in table.markdown()


def test_the_paired_test_says_whether_its_interval_excludes_0(systems, rows):
    table = response_report(systems, Data(rows, rows), Bootstrap(200)).tables[4]
    bleu = next(row for row in table.rows if row[:2] == ("Variant (End2End) minus Baseline (End2End)", "BLEU-4"))
    assert bleu[2].startswith("+") and bleu[4] == "yes"
    same = next(row for row in table.rows if row[:2] == ("Variant (End2End) minus w/o user emotion", "BLEU-4"))
    assert same[2].startswith("+0.000") and same[4] == "no"
    of_pair = ": the 95 % confidence interval of the difference "
    different, alike = (table.notes[number].split(of_pair) for number in (0, 2))
    assert different == [
        "Variant (End2End) minus Baseline (End2End)",
        "excludes 0 for success (positive) and BLEU-4 (positive), and includes 0 for user intent F1 and act F1.",
    ]
    assert alike == [
        "Variant (End2End) minus w/o user emotion",
        "includes 0 for user intent F1, success, act F1 and BLEU-4.",
    ]


def test_a_paired_test_without_resamples_has_no_interval(systems, rows):
    table = response_report(systems, Data(rows, rows), Bootstrap(0)).tables[4]
    assert table.notes[0].endswith("Baseline (End2End): the difference has no confidence interval.")


def test_table_4_shows_replies_side_by_side_with_personal_data_masked(tmp_path, rows):
    gold = gold_predictions(rows)
    write_system(tmp_path / "runs", "v", "variant", "end2end", gold)
    write_system(tmp_path / "runs", "b", "baseline", "end2end", [replace(p, response="打13800000000") for p in gold])
    table = response_report(find_systems([tmp_path / "runs"]), Data(rows, rows), Bootstrap(20), examples=2).tables[-1]
    assert len(table.rows) == 2
    assert table.rows[0][1:] == (
        "我想问流量包多少钱",
        "是十块钱一个月请您放心",
        "是十块钱一个月请您放心",
        "打***********",
    )
    assert "6 of 6 exchanges differ" in table.notes[0]


def test_folders_without_predictions_or_of_different_data_are_clear_errors(tmp_path, rows):
    (tmp_path / "empty").mkdir()
    with pytest.raises(cmcc.DataError, match=r"no prediction files\. Run cmcc predict first"):
        find_systems([tmp_path / "empty"])
    with pytest.raises(cmcc.DataError, match=r"nowhere: no such file or folder\. Run cmcc predict first"):
        find_systems([tmp_path / "nowhere"])
    write_system(tmp_path / "runs", "a", "variant", "end2end", gold_predictions(rows))
    write_system(tmp_path / "runs", "b", "variant", "end2end", gold_predictions(rows), dataset="other")
    with pytest.raises(cmcc.DataError, match="predictions of several data sets or splits"):
        find_systems([tmp_path / "runs"])
    facts = tmp_path / "runs" / "b.jsonl.run.json"
    facts.write_text(facts.read_text().replace("other", "sample"))
    with pytest.raises(
        cmcc.DataError, match=r"a.jsonl and .*b.jsonl are both predictions of the same system \(variant, end2end\)"
    ):
        find_systems([tmp_path / "runs"])
    for key, value, message in (
        ("finished", False, "stopped before it finished"),
        ("split", None, "of a Track 2 file"),
    ):
        facts.write_text(
            json.dumps({"form": "baseline", "mode": "oracle", "dataset": "sample", "split": "test"} | {key: value})
        )
        with pytest.raises(cmcc.DataError, match=message):
            find_systems([tmp_path / "runs"])
    (tmp_path / "runs" / "b.jsonl.run.json").write_text("{}")
    with pytest.raises(cmcc.DataError, match=r"b.jsonl.run.json: cannot read the record .*KeyError"):
        find_systems([tmp_path / "runs"])


def test_predictions_of_data_that_have_changed_are_an_error(systems):
    check_data(systems, "any")  # their fingerprint is not recorded
    with pytest.raises(cmcc.DataError, match="sample has changed since these predictions were made"):
        check_data([replace(systems[0], fingerprint="old")], "new")


def test_markdown_cannot_be_broken_by_a_text(tmp_path, rows):
    gold = gold_predictions(rows)
    write_system(tmp_path / "runs", "v", "variant", "end2end", gold)
    write_system(tmp_path / "runs", "b", "baseline", "end2end", [replace(p, response="a|b<b>\nc") for p in gold])
    markdown = response_report(find_systems([tmp_path / "runs"]), Data(rows, rows), Bootstrap(20)).tables[-1].markdown()
    assert "a\\|b&lt;b><br>c" in markdown

"""The statistics as tables, as JSON and from the command line."""

import json
from pathlib import Path

import pytest

from cmcc_bench import cli
from cmcc_bench.dataset import build
from cmcc_bench.statistics import collect, statistics_bytes, statistics_tables
from tests import raw

COMMITTED = Path(__file__).parents[2] / "dataset_card" / "sample-statistics.json"


@pytest.fixture(scope="module")
def sample():
    return collect("sample")


def test_the_committed_statistics_equal_those_of_the_sample(sample):
    hint = "write them again: cmcc stats sample --json dataset_card/sample-statistics.json"
    assert COMMITTED.read_bytes() == statistics_bytes(sample), hint


def test_table_1_has_every_published_row_for_both_meanings_of_turn(sample):
    table = next(table for table in statistics_tables(sample) if table.title.startswith("Table 1"))
    published = [row[2] for row in table.rows]
    assert published[:5] == ["8,975", "100,139", "200,277 *", "22.31", "11.16 *"]
    assert published[5:] == ["16 (353 dialogues)", "5 (1 dialogue)", "100,139", "100,138", "25.27", "14.58"]
    assert any("two utterances" in note for note in table.notes)


def test_every_table_says_that_the_data_are_synthetic(sample):
    assert all("SYNTHETIC" in table.title for table in statistics_tables(sample))


def test_shares_of_acts_add_up_over_both_tables(sample):
    tables = [table for table in statistics_tables(sample) if table.title.startswith("Tables 6 and 7")]
    assert [len(table.rows) for table in tables] == [13, 4]
    shares = [float(row[3].removesuffix(" %")) for table in tables for row in table.rows]
    assert sum(shares) == pytest.approx(100, abs=0.1)


@pytest.fixture
def built(tmp_path):
    call = raw.dialogue("call-1", [raw.turn(user="我电话13812345678流量包", 用户情绪="抱怨某问题"), raw.answer()])
    twin = call | {"id": "call-2"}
    raw.write(tmp_path / "raw", "train.json", [call])
    raw.write(tmp_path / "raw", "test.json", [twin])
    raw.write(tmp_path / "raw", "unlabeled.json", [raw.plain()])
    build(tmp_path / "raw", tmp_path / "cmcc")
    return tmp_path / "cmcc"


def test_a_built_folder_is_counted_with_its_unlabeled_dialogues_and_its_duplicates(built, tmp_path, capsys):
    out, markdown = tmp_path / "new" / "stats.json", tmp_path / "new" / "stats.md"
    assert cli.main(["stats", str(built), "--json", str(out), "--markdown", str(markdown)]) == 0
    record = json.loads(out.read_text("utf-8"))
    assert record["dataset"] == "cmcc" and not record["synthetic"]
    assert {split: of["dialogues"] for split, of in record["splits"].items()} == {"train": 1, "test": 1, "unlabeled": 1}
    leak = next(r for r in record["duplicates"]["repeated"] if (r["split"], r["other"]) == ("test", "train"))
    assert (leak["exact"], leak["near"]) == (1, 0)
    shared = {"dialogue": "call-1", "split": "train", "other": "call-2", "other_split": "test", "similarity": 1.0}
    assert record["duplicates"]["pairs"] == [shared] and "Dialogues shared by two splits" in markdown.read_text("utf-8")
    assert "| test | train | 1 | 100.00 % |" in markdown.read_text("utf-8")
    assert "Repeated dialogues" in capsys.readouterr().out


def test_personal_numbers_are_masked_in_all_output(built, tmp_path, capsys):
    assert (
        cli.main(["stats", str(built), "--json", str(tmp_path / "s.json"), "--markdown", str(tmp_path / "s.md")]) == 0
    )
    shown = capsys.readouterr().out + (tmp_path / "s.json").read_text("utf-8") + (tmp_path / "s.md").read_text("utf-8")
    assert "13812345678" not in shown and "我电话***********流量包" in shown


def test_unlabeled_dialogues_alone_are_counted_without_tables_of_labels(tmp_path, capsys):
    raw.write(tmp_path / "raw", "unlabeled.json", [raw.plain(), raw.plain("plain-2")])
    build(tmp_path / "raw", tmp_path / "cmcc")
    assert cli.main(["stats", str(tmp_path / "cmcc"), "--json", str(tmp_path / "s.json")]) == 0
    shown = capsys.readouterr().out
    assert "unlabeled" in shown and "Table" not in shown and "SYNTHETIC" not in shown
    record = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert record["splits"]["unlabeled"]["dialogues"] == 2 and record["labeled"]["dialogues"] == 0
    assert record["duplicates"]["repeated"][0]["exact"] == 2


def test_a_missing_data_set_gives_exit_status_1(tmp_path, capsys):
    assert cli.main(["stats", str(tmp_path)]) == 1
    assert "cmcc build" in capsys.readouterr().err


def test_the_public_example_calls_are_counted(real_calls, tmp_path):
    build(real_calls / "example.json", tmp_path / "cmcc")
    labeled = collect(str(tmp_path / "cmcc")).labeled
    assert labeled.dialogues == 10 and labeled.named("acts")["inform"] > 0
    assert labeled.annotated_utterances("emotions") == 0

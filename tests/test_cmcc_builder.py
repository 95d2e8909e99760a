"""The builder and load() of cmcc.py: every config, streamed or not; the cache never gives old rows."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

import cmcc
from cmcc_bench.dataset import build
from tests import raw

VIEWS = ("labeled", "emotion", "response", "satisfaction", "unlabeled")


@pytest.fixture
def folder(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("a"), raw.plain("b"), raw.dialogue("c")])
    raw.write(tmp_path / "raw", "test.jsonl", [raw.dialogue("d")])
    raw.write(tmp_path / "raw", "z.json", [raw.dialogue("a"), raw.dialogue("d")])
    return tmp_path / "raw"


@pytest.mark.parametrize("config", VIEWS)
def test_every_config_loads_the_same_streamed_or_not_and_with_its_features(folder, config):
    loaded = cmcc.load(config, data_dir=folder)
    streamed = cmcc.load(config, data_dir=folder, streaming=True)
    assert set(loaded) == set(streamed) == ({"train"} if config == "unlabeled" else {"train", "test"})
    for split, rows in loaded.items():
        assert rows.features == cmcc.FEATURES[config]()
        assert list(streamed[split]) == list(rows) and len(rows) > 0


def test_rows_of_views_have_the_labels_of_their_dialogue(folder):
    train = {config: cmcc.load(config, data_dir=folder, split="train") for config in VIEWS}
    assert [row["dialogue_id"] for row in train["labeled"]] == ["a", "c"]
    assert [row["dialogue_id"] for row in train["unlabeled"]] == ["b"]
    first = train["emotion"][1]
    assert (first["utterance"], first["text"], first["emotions"]) == (3, "怎么这么贵啊", [1])
    assert first["context"] == "用户：我想问流量包多少钱\n客服：是十块钱一个月请您放心"
    assert train["satisfaction"][0]["text"].split("\n")[0] == "客服：您好"
    exchange = train["response"][0]
    assert (exchange["user"], exchange["response"]) == ("我想问流量包多少钱", "是十块钱一个月请您放心")
    assert (exchange["user_intent"], exchange["kb_result"]) == ("求助-查询(流量包-业务费用)", "十块钱")
    assert (exchange["emotions"], exchange["acts"]) == ("中性", "通知,安抚")


def test_a_dialogue_in_two_files_is_in_one_split_once(folder):
    ids = [row["dialogue_id"] for split in cmcc.load("labeled", data_dir=folder).values() for row in split]
    assert sorted(ids) == ["a", "c", "d"]


def test_two_processes_give_the_same_rows_as_one(folder, tmp_path):
    load = f"cmcc.load('labeled', {str(folder)!r}, 'train', num_proc=2)"
    script = f"import cmcc\nif __name__ == '__main__': print(list({load}))"
    path = tmp_path / "load.py"
    path.write_text(script)
    environment = os.environ | {"HF_HOME": str(tmp_path / "hf")}
    printed = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.strip().endswith(str(list(cmcc.load("labeled", folder, "train"))))


class TestTheCacheIsNeverStale:
    def test_an_edited_file_gives_new_rows(self, folder):
        assert cmcc.load("satisfaction", folder, "train")["satisfaction"] == [1, 1]
        path = folder / "train.json"
        stat = path.stat()
        (folder / "z.json").unlink()
        assert cmcc.load("satisfaction", folder, "train")["satisfaction"] == [1, 1]
        raw.write(folder, "train.json", [raw.dialogue("a", 满意度=1), raw.plain("b"), raw.dialogue("c")])
        assert path.stat().st_size == stat.st_size  # only the time differs
        assert cmcc.load("satisfaction", folder, "train")["satisfaction"] == [0, 1]

    def test_another_folder_with_the_same_relative_path_gives_its_own_rows(self, tmp_path, monkeypatch):
        seen = []
        for place, dialogue_id in (("one", "x"), ("two", "y")):
            path = raw.write(tmp_path / place / "raw", "train.json", [raw.dialogue(dialogue_id)])
            os.utime(path, ns=(1, 1))
            monkeypatch.chdir(tmp_path / place)
            seen += cmcc.load("labeled", "raw", "train")["dialogue_id"]
        assert seen == ["x", "y"]

    def test_a_renamed_link_changes_the_split_of_its_rows(self, tmp_path):
        raw.write(tmp_path / "real", "f.json", [raw.dialogue()])
        (tmp_path / "raw").mkdir()
        link = tmp_path / "raw" / "train.json"
        link.symlink_to(tmp_path / "real" / "f.json")
        assert set(cmcc.load("labeled", tmp_path / "raw")) == {"train"}
        link.rename(tmp_path / "raw" / "test.json")
        assert set(cmcc.load("labeled", tmp_path / "raw")) == {"test"}

    def test_a_new_or_changed_care_file_gives_new_rows(self, folder):
        cmcc.load("emotion", folder)
        raw.write(folder, "care.json", '{"dialogues": [{"id": "d", "user_emotions": {"0": ["情绪较为激动"]}}]}')
        assert cmcc.load("emotion", folder, "test")["emotions"] == [[2], [0]]

    def test_a_new_version_of_the_code_gives_new_rows(self, folder, tmp_path):
        checkout = Path(cmcc.__file__).parent
        shutil.copy(checkout / "cmcc.py", tmp_path)
        shutil.copytree(checkout / "cmcc_bench", tmp_path / "cmcc_bench")
        script = f"import cmcc; print(cmcc.load('emotion', {str(folder)!r}, 'train')['context'])"
        environment = os.environ | {"HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(tmp_path)}

        def contexts():
            command = [sys.executable, "-c", script]
            return subprocess.run(
                command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
            ).stdout

        assert "客服：" in contexts()
        code = tmp_path / "cmcc_bench" / "vocabulary.py"
        code.write_text(code.read_text("utf-8").replace('"service": "客服"', '"service": "坐席"'), encoding="utf-8")
        assert "坐席：" in contexts()


class TestSkippingErrors:
    @pytest.fixture
    def broken(self, folder):
        """A folder with an unreadable dialogue, two ids with different dialogues, and two lines that are not JSON."""
        raw.write(folder, "bad.json", [raw.dialogue("good"), raw.unreadable(), raw.dialogue("a", 满意度=1)])
        lines = [json.dumps(call) for call in (raw.plain("p"), raw.plain("a"))]
        raw.write(folder, "lines.jsonl", "\n".join([lines[0], '{"id": "half', lines[1], "]"]))
        return folder

    def test_by_default_the_first_error_is_raised(self, broken):
        for options in ({}, {"on_error": "raise"}, {"streaming": True}):
            with pytest.raises(cmcc.DataError, match=r"bad.json, dialogue bad, turn 0, field \[SPEAKER 1\]"):
                cmcc.load("labeled", broken, **options)

    @pytest.mark.parametrize("streaming", [False, True])
    @pytest.mark.parametrize("config", ["labeled", "unlabeled", "response"])
    def test_the_others_are_loaded_and_the_report_lists_the_skipped_dialogues(self, broken, config, streaming, caplog):
        report = cmcc.Report()
        loaded = cmcc.load(config, broken, on_error="skip", report=report, streaming=streaming)
        ids = {row["dialogue_id"] for rows in loaded.values() for row in rows}
        assert ids == ({"b", "p"} if config == "unlabeled" else {"a", "c", "d", "good"})
        places = [
            "bad.json, dialogue bad, turn 0",
            "bad.json, dialogue a",
            "line 2",
            "lines.jsonl, dialogue a",
            "line 4",
        ]
        assert [place in message for place, message in zip(places, report.rejected, strict=True)] == [True] * 5
        assert report.read == {"cmcc": 7, "unlabeled": 3} and report.set_aside == {"repeated_dialogue": 2}
        (message,) = caplog.messages
        assert f"{broken}: skipped 5 dialogues or lines" in message and report.rejected[0] in message
        assert "report.rejected" in message

    def test_every_load_warns_of_dropped_labels(self, folder, caplog):
        raw.write(folder, "odd.json", [raw.dialogue("odd", turns=[raw.turn(用户情绪="愤怒")], 满意度=9)])
        raw.write(folder, "care.json", {"dialogues": [{"id": "gone", "satisfaction": 1}]})
        for options in ({}, {}, {"streaming": True}):
            caplog.clear()
            cmcc.load("labeled", folder, **options)
            kinds = "care_entry_without_dialogue 1, unknown_label:愤怒 1, unknown_satisfaction 1"
            assert caplog.messages == [f"{folder}: dropped 3 labels that cannot be read: {kinds}"]

    def test_rows_from_the_cache_give_the_same_warning(self, broken, caplog):
        reports = []
        for _ in range(3):
            reports.append(cmcc.Report())
            cmcc.load("labeled", broken, "test", on_error="skip", report=reports[-1])
        assert len(caplog.messages) == 3 and len(set(caplog.messages)) == 1
        assert reports[0] == reports[1] == reports[2] and len(reports[0].rejected) == 5

    def test_the_cache_of_skip_is_never_used_for_raise(self, broken):
        assert len(cmcc.load("labeled", broken, "train", on_error="skip")) > 1
        with pytest.raises(cmcc.DataError, match="dialogue bad"):
            cmcc.load("labeled", broken, "train")

    def test_two_processes_skip_the_same_dialogues_as_one(self, broken, tmp_path):
        load = f"cmcc.load('labeled', {str(broken)!r}, 'train', num_proc=2, on_error='skip', report=report)"
        path = tmp_path / "load.py"
        path.write_text(
            f"import cmcc\nif __name__ == '__main__':\n    report = cmcc.Report()\n"
            f"    print(list({load}['dialogue_id']), len(report.rejected))"
        )
        environment = os.environ | {"HF_HOME": str(tmp_path / "hf")}
        done = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True, check=True)
        wanted = list(cmcc.load("labeled", broken, "train", on_error="skip")["dialogue_id"])
        assert done.stdout.strip().endswith(f"{wanted} 5") and "skipped 5 dialogues" in done.stderr

    def test_load_skips_what_cmcc_build_rejects_and_gives_the_same_rows(self, broken, tmp_path):
        report = cmcc.Report()
        loaded = cmcc.load("labeled", broken, on_error="skip", report=report)
        result = build(broken, tmp_path / "cmcc", skip_errors=True)
        assert sorted(result.report.rejected) == sorted(report.rejected)
        assert result.report.repaired == report.repaired
        assert result.report.read == report.read
        for split, rows in loaded.items():
            (path,) = (tmp_path / "cmcc" / "labeled").glob(f"{split}-*.parquet")
            assert pq.read_table(path).to_pylist() == list(rows)

    def test_a_file_that_is_cut_off_is_always_an_error(self, broken):
        path = broken / "z.json"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(cmcc.DataError, match=r"z.json, line 1.*cut off"):
            cmcc.load("labeled", broken, on_error="skip")

    def test_the_message_says_that_all_dialogues_were_skipped(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.unreadable()])
        with pytest.raises(
            cmcc.DataError,
            match=r"for the config 'labeled' \(1 were skipped; the first: .*found int",
        ):
            cmcc.load("labeled", tmp_path, on_error="skip")

    def test_an_unknown_value_of_on_error_is_rejected(self, folder):
        with pytest.raises(ValueError, match="unknown on_error 'ignore'"):
            cmcc.load("labeled", folder, on_error="ignore")

    def test_a_load_without_errors_counts_what_was_read_and_gives_no_warning(self, folder, caplog):
        report = cmcc.Report()
        cmcc.load("emotion", folder, report=report)
        assert report.read == {"cmcc": 5, "unlabeled": 1} and not report.rejected and not caplog.messages
        assert cmcc.Report.from_dict(report.as_dict()) == report

    def test_a_report_with_the_old_spelling_of_unlabeled_is_read(self):
        old = {"read": {"cmcc": 5, "unlabelled": 1}, "repaired": {}, "set_aside": {}, "rejected": []}
        assert cmcc.Report.from_dict(old).read == {"cmcc": 5, "unlabeled": 1}


def test_every_load_warns_of_dialogues_in_files_of_two_splits(tmp_path, caplog):
    for name in ("train", "test"):
        raw.write(tmp_path, f"{name}.json", [raw.dialogue("both"), raw.dialogue(name)])
    for options in ({}, {}, {"streaming": True}):
        loaded = cmcc.load("labeled", tmp_path, **options)
        assert {split: [row["dialogue_id"] for row in rows] for split, rows in loaded.items()} == {
            "train": ["train"],
            "test": ["both", "test"],
        }
    assert len(caplog.messages) == 3 and all("two splits (test and train 1)" in message for message in caplog.messages)


def test_without_data_the_message_says_where_to_get_it_and_names_the_sample():
    with pytest.raises(cmcc.DataError) as caught:
        cmcc.load("labeled")
    for word in ("seretod.org", "licensed", 'cmcc.load("sample")'):
        assert word in str(caught.value)


def test_a_config_without_dialogues_is_an_error(tmp_path):
    raw.write(tmp_path, "calls.json", [raw.plain()])
    with pytest.raises(cmcc.DataError, match="no labeled dialogues"):
        cmcc.load("emotion", tmp_path)


def test_calls_without_care_labels_are_an_error_for_emotion_and_satisfaction(tmp_path):
    turn = raw.turn()
    raw.write(tmp_path, "calls.json", [{"id": "x", "content": [turn, raw.turn(service="再见")]}])
    for config in ("emotion", "satisfaction"):
        with pytest.raises(cmcc.DataError, match=f"no labeled dialogues with {config}.*care labels"):
            cmcc.load(config, tmp_path)
    assert cmcc.load("response", tmp_path)


def test_a_split_without_rows_is_left_out(tmp_path):
    bare = [{"id": "x", "content": [raw.turn()]}]
    raw.write(tmp_path, "train.json", [raw.dialogue()])
    raw.write(tmp_path, "dev.json", bare)
    assert set(cmcc.load("emotion", tmp_path)) == set(cmcc.load("emotion", tmp_path, streaming=True)) == {"train"}


def test_arguments_that_contradict_each_other_are_rejected(folder):
    with pytest.raises(ValueError, match="'sample' takes no data_dir"):
        cmcc.load("sample", data_dir=folder)
    with pytest.raises(ValueError, match="num_proc cannot be used with streaming=True"):
        cmcc.load("labeled", folder, streaming=True, num_proc=2)
    with pytest.raises(cmcc.DataError, match="data_dir is missing"):
        cmcc.load("labeled", "")


def test_the_error_for_an_unknown_config_lists_all_configs():
    with pytest.raises(ValueError, match=r"unknown config 'emotions'\. Use one of: labeled, unlabeled, emotion"):
        cmcc.load("emotions")


def test_the_sample_loads_without_arguments_and_is_described_as_synthetic():
    sample = cmcc.load("sample")
    rows = [row for split in sample.values() for row in split]
    assert len(rows) == 400 and sample["train"].features == cmcc.labeled_features()
    assert all(row["dialogue_id"].startswith(cmcc.SYNTHETIC_ID) for row in rows)
    assert "SYNTHETIC" in sample["train"].info.description
    assert isinstance(sample, datasets.DatasetDict) and set(sample) == set(cmcc.SPLITS)

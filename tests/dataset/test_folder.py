"""`cmcc build`: the folder, its atomic replacement, the same bytes every time, and what happens when things break."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
import yaml

import cmcc
from cmcc_bench.dataset import build, card
from tests import raw
from tests.dataset.folders import contents


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "raw"
    raw.write(folder, "train.json", [raw.dialogue(f"train-{n}") for n in range(30)])
    raw.write(folder, "dev.jsonl", [raw.dialogue(f"dev-{n}") for n in range(3)])
    raw.write(folder, "test.json.gz", [raw.dialogue(f"test-{n}") for n in range(3)])
    raw.write(folder, "unlabeled.json", [raw.plain(f"plain-{n}") for n in range(20)])
    return folder


def command_line(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "cmcc_bench.cli", "build", "--data-dir", str(source), "--out", str(out)]


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Runs a script from `folder` in a new process with its own cache."""
    settings = os.environ | {"HF_HOME": str(folder / "hf")} | environment
    return subprocess.run([sys.executable, "-c", script], cwd=folder, env=settings, capture_output=True, text=True)


class TestTheFolder:
    @pytest.mark.parametrize("streaming", [False, True])
    def test_every_config_loads_with_load_dataset_alone(self, source, tmp_path, streaming):
        build(source, tmp_path / "cmcc")
        script = f"""
import json, datasets
rows = {{}}
for config in (None, "labeled", "unlabeled", "emotion", "response", "satisfaction"):
    loaded = datasets.load_dataset("cmcc", config, streaming={streaming})
    rows[str(config)] = {{split: len(list(data)) for split, data in loaded.items()}}
import cmcc
print(json.dumps([rows, cmcc.__file__]))"""
        done = run(script, tmp_path)
        assert done.returncode == 0, done.stderr
        rows, module = json.loads(done.stdout.splitlines()[-1])
        labeled = {"train": 30, "validation": 3, "test": 3}
        doubled = {split: 2 * count for split, count in labeled.items()}
        assert rows == {
            "None": labeled, "labeled": labeled, "satisfaction": labeled,
            "emotion": doubled, "response": labeled, "unlabeled": {"train": 20},
        }  # fmt: skip
        assert Path(module).name == "cmcc.py"

    def test_it_has_the_same_rows_as_load(self, source, tmp_path):
        build(source, tmp_path / "cmcc")
        for config in ("labeled", "unlabeled", "emotion", "response", "satisfaction"):
            for split, rows in cmcc.load(config, source).items():
                table = pq.read_table(next((tmp_path / "cmcc" / config).glob(f"{split}-*.parquet")))
                assert table.to_pylist() == list(rows)

    def test_the_yaml_features_agree_with_the_parquet_schema(self, source, tmp_path):
        build(source, tmp_path / "cmcc")
        for config in ("labeled", "unlabeled", "emotion", "response", "satisfaction"):
            declared = datasets.load_dataset_builder(str(tmp_path / "cmcc"), config).info.features
            stored = pq.read_schema(next((tmp_path / "cmcc" / config).glob("train-*.parquet")))
            assert declared == datasets.Features.from_arrow_schema(stored) == cmcc.FEATURES[config]()

    def test_a_new_build_changes_the_version_so_that_caches_are_not_stale(self, source, tmp_path):
        out, script = tmp_path / "cmcc", "import datasets; print(datasets.load_dataset('cmcc')['test']['satisfaction'])"
        build(source, out)
        assert "[1, 1, 1]" in run(script, tmp_path).stdout
        raw.write(source, "test.json.gz", [raw.dialogue(f"test-{n}", 满意度=3) for n in range(3)])
        build(source, out)
        assert "[2, 2, 2]" in run(script, tmp_path).stdout

    def test_the_report_and_the_split_ids_account_for_every_dialogue(self, source, tmp_path):
        raw.write(source, "more.json", [raw.dialogue("train-0"), raw.dialogue("new", turns=[raw.turn(备注=1)])])
        result = build(source, tmp_path / "cmcc")
        report = json.loads((tmp_path / "cmcc" / "report.json").read_text("utf-8"))
        assert report["read"] == {"cmcc": 38, "unlabeled": 20} and report["dialogues"] == 57
        assert report["set_aside"] == {"repeated_dialogue": 1} and report["repaired"] == {"ignored_key:备注": 1}
        assert report["rows"]["labeled"] == {split: size.rows for split, size in result.sizes["labeled"].items()}
        ids = json.loads((tmp_path / "cmcc" / "split_ids.json").read_text("utf-8"))
        assert ids["test"] == ["test-0", "test-1", "test-2"]
        assert sum(len(part) for part in ids.values()) == 37

    def test_the_card_says_what_is_synthetic(self, source, tmp_path):
        build(source, tmp_path / "cmcc")
        card = (tmp_path / "cmcc" / "README.md").read_text("utf-8")
        assert "**Licensed.**" in card and "ynthetic" not in card
        head = yaml.safe_load(card.split("---\n")[1])
        assert head["license"] == "other" and "license" in head["extra_gated_prompt"] and head["extra_gated_fields"]
        raw.write(tmp_path / "made", "x.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}0-1")])
        build(tmp_path / "made", tmp_path / "made-cmcc")
        card = (tmp_path / "made-cmcc" / "README.md").read_text("utf-8")
        head = yaml.safe_load(card.split("---\n")[1])
        assert "> **Synthetic.**" in card and "synthetic" in head["tags"] and "synthetic" in head["pretty_name"]
        raw.write(tmp_path / "made", "y.json", [raw.dialogue("real")])
        build(tmp_path / "made", tmp_path / "made-cmcc")
        assert "**Partly synthetic.** 1 of the 2" in (tmp_path / "made-cmcc" / "README.md").read_text("utf-8")


class TestDeterminism:
    def test_two_builds_are_byte_identical_under_any_hash_seed_and_process_count(self, source, tmp_path):
        seen = []
        for seed, processes in (("0", 1), ("1", 1), ("2", 2)):
            out = tmp_path / f"cmcc-{seed}" / "cmcc"
            arguments = ["build", "--data-dir", str(source), "--out", str(out), "--num-proc", str(processes)]
            script = f"from cmcc_bench.cli import main\nif __name__ == '__main__': main({arguments})"
            (tmp_path / "b.py").write_text(script)
            subprocess.run(
                [sys.executable, "b.py"], cwd=tmp_path, env=os.environ | {"PYTHONHASHSEED": seed}, check=True,
                capture_output=True,
            )  # fmt: skip
            seen.append(contents(out))
        assert seen[0] == seen[1] == seen[2] and len(seen[0]) == 17

    def test_the_split_into_raw_files_does_not_change_the_parquet_files(self, tmp_path):
        calls = [raw.dialogue(f"call-{n}") for n in range(1200)]
        raw.write(tmp_path / "one", "train.json", calls)
        for part in range(3):
            raw.write(tmp_path / "three" / str(part), "train.json", calls[part * 400 : part * 400 + 400])
        build(tmp_path / "one", tmp_path / "a")
        build(tmp_path / "three", tmp_path / "b")
        parquet = [{k: v for k, v in contents(tmp_path / out).items() if k.endswith(".parquet")} for out in "ab"]
        assert parquet[0] == parquet[1]


class TestCopiesOfASplit:
    @pytest.fixture
    def copied(self, source):
        """The source with an archive of all its labeled calls, a copy of train.json and one with a call of test."""
        train = [raw.dialogue(f"train-{n}") for n in range(30)]
        others = [raw.dialogue(f"{split}-{n}") for split in ("dev", "test") for n in range(3)]
        raw.write(source, "all.json", [*others, *train])
        raw.write(source, "train (1).json", [*train, raw.dialogue("test-1")])
        return source

    def test_a_split_fixed_by_a_file_name_is_kept_with_one_process_and_with_several(self, copied, tmp_path):
        result = build(copied, tmp_path / "cmcc")
        ids = json.loads((tmp_path / "cmcc" / "split_ids.json").read_text("utf-8"))
        for split, name, number in (("train", "train", 30), ("validation", "dev", 3), ("test", "test", 3)):
            assert ids[split] == [f"{name}-{n}" for n in range(number)]
        assert result.report.set_aside == {"repeated_dialogue": 67}
        build(copied, tmp_path / "two" / "cmcc", num_proc=2)
        assert contents(tmp_path / "cmcc") == contents(tmp_path / "two" / "cmcc")
        report = cmcc.Report()
        assert sum(1 for _ in cmcc.read_dialogues(copied, report)) == 56
        assert report.repaired == result.report.repaired and report.set_aside == result.report.set_aside

    def test_dialogues_in_two_splits_are_in_the_summary_the_report_and_the_card(self, copied, tmp_path):
        result = build(copied, tmp_path / "cmcc")
        warning = "some dialogues are in files of two splits (test and train 1). Only the first split keeps them"
        assert f"WARNING: {warning}" in "\n".join(result.summary())
        assert warning in (tmp_path / "cmcc" / "README.md").read_text("utf-8")
        report = json.loads((tmp_path / "cmcc" / "report.json").read_text("utf-8"))
        assert report["repaired"].keys() == {"split_conflict:test+train", "split_differs"}
        assert report["repaired"]["split_conflict:test+train"] == 1


class TestWhenThingsBreak:
    def broken(self, source):
        raw.write(source, "z.json", [raw.dialogue("good"), raw.unreadable()])

    def test_after_an_error_the_old_folder_and_the_input_are_unchanged_and_nothing_else_is_left(self, source, tmp_path):
        out = tmp_path / "cmcc"
        build(source, out)
        self.broken(source)
        before = contents(tmp_path)
        for processes in (1, 2):
            with pytest.raises(cmcc.DataError, match=r"file z.json, dialogue bad, turn 0, field \[SPEAKER 1\]"):
                build(source, out, num_proc=processes)
            assert contents(tmp_path) == before
            assert sorted(path.name for path in tmp_path.iterdir()) == ["cmcc", "raw"]

    def test_skip_errors_writes_the_rejected_dialogues_next_to_the_folder(self, source, tmp_path):
        self.broken(source)
        raw.write(source, "y.json", [raw.dialogue("dev-0", 满意度=1)])
        result = build(source, tmp_path / "cmcc", skip_errors=True)
        rejects = [json.loads(line) for line in (tmp_path / "cmcc-rejects.jsonl").read_text("utf-8").splitlines()]
        assert [item["id"] for item in rejects] == ["dev-0", "bad"]
        assert rejects[1] == json.loads((source / "z.json").read_text("utf-8"))[1]
        assert "2 dialogues REJECTED" in "\n".join(result.summary())
        report = json.loads((tmp_path / "cmcc" / "report.json").read_text("utf-8"))
        assert report["rejected"] == {"dialogue": 1, "[SPEAKER 1]": 1}
        assert "good" in (tmp_path / "cmcc" / "split_ids.json").read_text("utf-8")
        assert not any("reject" in name for name in contents(tmp_path / "cmcc"))

    def test_killed_at_any_moment_it_leaves_the_old_folder_or_the_new_one(self, source, tmp_path):
        out = tmp_path / "cmcc"
        build(source, out)
        old = contents(out)
        raw.write(source, "more.json", [raw.dialogue(f"more-{n}") for n in range(400)])
        build(source, tmp_path / "wanted")
        new = contents(tmp_path / "wanted")
        seen = set()
        for delay in (0.0, 0.01, 0.03, 0.05, 0.1, 0.2, None):
            process = subprocess.Popen(command_line(source, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if delay is not None:
                while process.poll() is None and not (tmp_path / ".cmcc.building").exists():
                    time.sleep(0.002)
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
            process.wait()
            assert contents(out) in (old, new)
            seen.add("old" if contents(out) == old else "new")
        assert seen == {"old", "new"} and not (tmp_path / ".cmcc.building").exists()

    def test_a_full_disk_is_reported_and_leaves_the_old_folder(self, source, tmp_path):
        out = tmp_path / "cmcc"
        build(source, out)
        raw.write(source, "more.json", [raw.dialogue(f"more-{n}") for n in range(900)])
        before = contents(tmp_path)

        def let_files_grow_to_100_kb():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        done = subprocess.run(
            command_line(source, out), preexec_fn=let_files_grow_to_100_kb, capture_output=True, text=True
        )
        assert done.returncode == 1 and "Nothing was changed. Free space" in done.stderr
        assert contents(tmp_path) == before

    def test_sigterm_leaves_the_old_folder_and_nothing_else(self, source, tmp_path):
        out = tmp_path / "cmcc"
        build(source, out)
        raw.write(source, "more.json", [raw.dialogue(f"more-{n}") for n in range(2000)])
        before = contents(tmp_path)
        process = subprocess.Popen(command_line(source, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (tmp_path / ".cmcc.building" / "spool").exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143 and contents(tmp_path) == before
        assert not (tmp_path / ".cmcc.building").exists()

    def test_a_missing_card_template_is_reported_before_anything_is_read(self, source, tmp_path, monkeypatch):
        def not_installed(name):
            raise FileNotFoundError(f"the folder {name} is not part of this installation of cmcc")

        monkeypatch.setattr(card, "resource_folder", not_installed)
        read = []
        with pytest.raises(FileNotFoundError, match="dataset_card"):
            build(source, tmp_path / "cmcc", progress=read.append)
        assert read == [] and not (tmp_path / "cmcc").exists()

    def test_an_old_folder_that_cannot_be_removed_is_reported_and_the_new_one_is_in_place(
        self, source, tmp_path, monkeypatch
    ):
        out = tmp_path / "cmcc"
        build(source, out)
        raw.write(source, "more.json", [raw.dialogue("more")])
        with monkeypatch.context() as broken:
            broken.setattr(shutil, "rmtree", lambda *_, **__: None)
            result = build(source, out)
        assert "WARNING: the replaced folder could not be removed" in result.summary()[-1]
        assert "more" in (out / "split_ids.json").read_text() and (tmp_path / ".cmcc.building").exists()
        build(source, out)
        assert not (tmp_path / ".cmcc.building").exists()

    def test_a_folder_without_dialogues_is_an_error(self, tmp_path):
        raw.write(tmp_path / "raw", "calls.json", [])
        with pytest.raises(cmcc.DataError, match="the raw files hold no dialogue"):
            build(tmp_path / "raw", tmp_path / "cmcc")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_the_real_calls_are_built_without_loss(real_calls, tmp_path):
    result = build(real_calls, tmp_path / "cmcc")
    assert result.dialogues == 20 and result.report.rejected == []
    files = sorted((tmp_path / "cmcc" / "labeled").iterdir())
    labeled = [row for path in files for row in pq.read_table(path).to_pylist()]
    assert sum(len(row["utterances"]) for row in labeled) == 386
    assert (result.care_file, result.care_unmatched) == ("care_adjudicated.json", [])
    assert result.report.set_aside == {"care_file_not_merged": 2, "track2_dialogue": 2}

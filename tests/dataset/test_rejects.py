"""Rejected dialogues, beside the folder."""

import errno
import json

import pytest

import cmcc
from cmcc_bench.dataset import build, folder
from tests import raw
from tests.dataset.folders import contents


@pytest.fixture
def source(tmp_path):
    raw.write(tmp_path / "raw", "train.json", [raw.dialogue("good")])
    return tmp_path / "raw"


def bad(dialogue_id="bad"):
    return raw.unreadable(dialogue_id)


def lines(path):
    return path.read_text("utf-8").removesuffix("\n").split("\n")


def test_personal_data_are_masked_in_the_reasons(source, tmp_path, monkeypatch):
    def read(_, dialogue):
        if dialogue.value["id"] == "bad":
            raise cmcc.DataError("the text '号码13812345678'", "another", file="bad.json", dialogue="bad", field="text")
        return original(_, dialogue)

    original = cmcc.DialogueReader.read
    monkeypatch.setattr(cmcc.DialogueReader, "read", read)
    raw.write(source, "bad.json", [raw.dialogue("bad", [raw.turn(user="号码13812345678", intents="问候")])])
    result = build(source, tmp_path / "cmcc", skip_errors=True)
    (reason,) = lines(tmp_path / "cmcc-rejects.txt")[1:]
    assert "号码***********" in reason and "13812345678" not in str(result.report.rejected)
    assert "13812345678" in (tmp_path / "cmcc-rejects.jsonl").read_text("utf-8")  # the raw data, whole


class TestWhoseFilesTheyAre:
    def test_a_file_that_no_build_wrote_is_never_deleted(self, source, tmp_path):
        mine = tmp_path / "cmcc-rejects.jsonl"
        mine.write_text("mine")
        build(source, tmp_path / "cmcc")
        assert mine.read_text() == "mine"
        before = contents(tmp_path / "cmcc")
        raw.write(source, "bad.json", [bad()])
        with pytest.raises(cmcc.DataError, match=r"cmcc-rejects\.jsonl: .* cmcc build did not write it"):
            build(source, tmp_path / "cmcc", skip_errors=True)
        assert mine.read_text() == "mine" and contents(tmp_path / "cmcc") == before

    def test_rejects_that_were_edited_are_never_deleted(self, source, tmp_path):
        raw.write(source, "bad.json", [bad()])
        build(source, tmp_path / "cmcc", skip_errors=True)
        rejects = tmp_path / "cmcc-rejects.jsonl"
        rejects.write_text(rejects.read_text("utf-8").replace("9", "3"), encoding="utf-8")
        mended = rejects.read_bytes()
        with pytest.raises(cmcc.DataError, match="or it was edited since"):
            build(source, tmp_path / "cmcc", skip_errors=True)
        (source / "bad.json").unlink()
        build(source, tmp_path / "cmcc")
        assert rejects.read_bytes() == mended

    def test_those_of_an_earlier_build_are_replaced_or_removed(self, source, tmp_path):
        for dialogue_id in ("first", "second"):
            raw.write(source, "bad.json", [bad(dialogue_id)])
            assert build(source, tmp_path / "cmcc", skip_errors=True).rejects == tmp_path / "cmcc-rejects.jsonl"
            assert json.loads((tmp_path / "cmcc-rejects.jsonl").read_text("utf-8"))["id"] == dialogue_id
        (source / "bad.json").unlink()
        assert build(source, tmp_path / "cmcc").rejects is None
        assert sorted(path.name for path in tmp_path.iterdir()) == ["cmcc", "raw"]

    def test_a_raw_file_with_their_name_is_not_overwritten(self, tmp_path):
        source = raw.write(tmp_path, "cmcc-rejects.jsonl", [raw.dialogue("good"), bad()])
        before = source.read_bytes()
        with pytest.raises(cmcc.DataError, match="this raw file is at the path to which the build writes"):
            build(source, tmp_path / "cmcc", skip_errors=True)
        assert source.read_bytes() == before


class TestWhenTheyAreWritten:
    def test_they_are_written_before_the_folder_so_that_a_kill_in_between_loses_nothing(
        self, source, tmp_path, monkeypatch
    ):
        raw.write(source, "bad.json", [bad()])
        seen = []
        monkeypatch.setattr(
            folder, "replace_folder", lambda *_: seen.append((tmp_path / "cmcc-rejects.jsonl").exists())
        )
        build(source, tmp_path / "cmcc", skip_errors=True)
        assert seen == [True]

    @pytest.mark.parametrize("had_rejects", [True, False])
    def test_nothing_is_changed_when_the_folder_cannot_be_replaced(self, source, tmp_path, monkeypatch, had_rejects):
        if had_rejects:
            raw.write(source, "bad.json", [bad("first")])
        build(source, tmp_path / "cmcc", skip_errors=True)
        raw.write(source, "bad.json", [bad("second")])
        before = contents(tmp_path)

        def is_a_mount_point(*_):
            raise OSError(errno.EBUSY, "Device or resource busy", "cmcc")

        monkeypatch.setattr(folder, "replace_folder", is_a_mount_point)
        with pytest.raises(OSError, match="busy") as caught:
            build(source, tmp_path / "cmcc", skip_errors=True)
        assert caught.value.__notes__ == ["Nothing was changed."] and contents(tmp_path) == before

    def test_the_note_nothing_was_changed_is_absent_when_the_new_folder_is_in_place(
        self, source, tmp_path, monkeypatch
    ):
        build(source, tmp_path / "cmcc")
        raw.write(source, "bad.json", [bad(), raw.dialogue("new")])
        whole = folder.replace_folder

        def stopped_after(*arguments):
            whole(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(folder, "replace_folder", stopped_after)
        with pytest.raises(KeyboardInterrupt) as caught:
            build(source, tmp_path / "cmcc", skip_errors=True)
        assert not hasattr(caught.value, "__notes__")
        assert "new" in (tmp_path / "cmcc" / "split_ids.json").read_text()
        assert (tmp_path / "cmcc-rejects.jsonl").exists()


class TestWhatTheyHold:
    def test_a_rejected_dialogue_is_kept_byte_for_byte_but_for_line_ends(self, source, tmp_path):
        call = bad()
        call["content"][0][raw.USER] = "您\u2028好\u0085"
        text = json.dumps(call, ensure_ascii=False)
        raw.write(source, "bad.json", "[" + text.replace('"满意度"', '\r\n\t"满意度"') + "]")
        build(source, tmp_path / "cmcc", skip_errors=True)
        kept = lines(tmp_path / "cmcc-rejects.jsonl")
        assert "\u2028" in text and "\x85" in text
        assert kept == [text.replace('"满意度"', ' \t"满意度"')] and json.loads(kept[0]) == call

    def test_a_line_that_is_not_json_is_kept_unchanged(self, source, tmp_path):
        raw.write(source, "bad.jsonl", '{"id": "cut\x1coff", "content\n' + json.dumps(raw.dialogue("fine")) + "\n")
        result = build(source, tmp_path / "cmcc", skip_errors=True)
        assert lines(tmp_path / "cmcc-rejects.jsonl") == ['{"id": "cut\x1coff", "content']
        assert result.rejected == {"line": 1} and result.dialogues == 2

    def test_the_reasons_are_in_the_same_order_one_per_line(self, source, tmp_path):
        raw.write(source, "bad.json", [bad("a\n\x1b[31mred"), raw.unreadable("b", raw.USER)])
        build(source, tmp_path / "cmcc", skip_errors=True)
        head, *reasons = lines(tmp_path / "cmcc-rejects.txt")
        assert head.startswith("# ") and len(reasons) == len(lines(tmp_path / "cmcc-rejects.jsonl")) == 2
        assert "dialogue a\\n\\x1b[31mred, turn 0, field [SPEAKER 1]: found" in reasons[0] and raw.USER in reasons[1]

    def test_the_uploaded_report_counts_rejected_dialogues_by_field_and_quotes_none(self, source, tmp_path):
        secret = "13800138000"
        turns = [{raw.USER: [secret], "K" * 60 + "\x1b": secret}]
        content = [bad(secret), raw.dialogue("x", turns=turns), raw.dialogue("y", turns=turns), [], {"id": secret}]
        raw.write(source, "bad.json", content)
        raw.write(source, "odd.json", [raw.dialogue("odd", turns=[raw.turn(**{"K" * 60 + "\x1b": 1, "\x1b[31m": 2})])])
        build(source, tmp_path / "cmcc", skip_errors=True)
        text = (tmp_path / "cmcc" / "report.json").read_text("utf-8")
        report = json.loads(text)
        assert report["rejected"] == {"[SPEAKER 1]": 1, "[SPEAKER 2]": 2, "dialogue": 2} and secret not in text
        ignored = [name.removeprefix("ignored_key:") for name in report["repaired"]]
        assert ignored == ["K" * 40 + "...", "\\x1b[31m"]
        assert secret in (tmp_path / "cmcc-rejects.txt").read_text("utf-8")


class TestClashes:
    def test_an_id_clash_in_a_file_with_invalid_entries_is_skipped_like_any_error(self, source, tmp_path):
        raw.write(source, "z.json", [[], {"id": 7}, raw.dialogue("good", 满意度=1), raw.dialogue("more")])
        result = build(source, tmp_path / "cmcc", skip_errors=True)
        assert lines(tmp_path / "cmcc-rejects.jsonl")[2:] == [
            json.dumps(raw.dialogue("good", 满意度=1), ensure_ascii=False)
        ]
        assert result.rejected == {"dialogue": 3} and result.dialogues == 2
        assert {"good", "more"} == set().union(*result.split_ids.values())

    def test_an_id_clash_with_a_dialogue_repeated_in_its_file_is_written_once(self, source, tmp_path):
        again = raw.dialogue("good", 满意度=1)
        raw.write(source, "z.jsonl", [again, again, raw.dialogue("good", 满意度=3)])
        result = build(source, tmp_path / "cmcc", skip_errors=True)
        kept = [json.loads(line) for line in lines(tmp_path / "cmcc-rejects.jsonl")]
        assert [call["满意度"] for call in kept] == [3, 1]
        assert result.rejected == {"dialogue": 2} and result.report.set_aside == {"repeated_dialogue": 1}

    def test_an_id_clash_without_skip_errors_is_an_error_that_names_both_files(self, source, tmp_path):
        raw.write(source, "z.json", [raw.dialogue("good", 满意度=1)])
        with pytest.raises(cmcc.DataError, match=r"file z.json, dialogue good: a different dialogue in train.json has"):
            build(source, tmp_path / "cmcc")

"""Files of raw dialogues in practice: other forms and encodings, copies of the file of a split, and invalid JSON."""

import gzip
import io
import json
import shutil
import tarfile
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench.reader import encoding as encodings
from cmcc_bench.reader import json_stream
from tests import raw

CASES = Path(__file__).parents[2] / "shared" / "cases"
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


def read(path):
    """The dialogues of a folder or file and the report of reading them."""
    report = cmcc.Report()
    return list(cmcc.read_dialogues(path, report)), report


def values(path):
    """The decoded dialogues of a file, and the kinds of repair of the file."""
    found = list(cmcc.raw_dialogues(cmcc.find_files(path)[0][0]))
    assert all(json.loads(item.text) == item.value for item in found)
    assert [item.index for item in found] == [*range(len(found))]
    return [item.value for item in found], {kind for item in found for kind in item.repaired}


def put(path, text, encoding="utf-8"):
    """Writes the bytes of a file, gzipped if its name ends in .gz."""
    data = text.encode(encoding)
    if encoding == "utf-16-be":  # some files without a byte order mark, some with it
        data = "\ufeff".encode(encoding) + data if len(data) % 4 else data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def dumps(value, indent=None):
    return json.dumps(value, ensure_ascii=False, indent=indent)


def by_id(calls):
    return {call["id"]: {key: value for key, value in call.items() if key != "id"} for call in calls}


# The forms of a file: functions that write a list of dialogues with different ids as text.
FORMS = {
    "list": dumps,
    "list, indented": lambda calls: dumps(calls, 2),
    "json_lines": lambda calls: "\n".join(map(dumps, calls)) + "\n",
    "json_lines, blank lines between, no end": lambda calls: "\r\n\r\n".join(map(dumps, calls)),
    "concatenated, indented": lambda calls: "\n".join(dumps(call, 1) for call in calls),
    "concatenated without anything between": lambda calls: "".join(map(dumps, calls)),
    "concatenated lists": lambda calls: "\n".join(dumps([call]) for call in calls),
    "concatenated files with byte order marks": lambda calls: "\n\ufeff".join(dumps([call]) for call in calls),
    "json_lines of files with byte order marks": lambda calls: "\n\ufeff\n\ufeff".join(map(dumps, calls)),
    "by_id": lambda calls: dumps(by_id(calls)),
    "by_id, indented, ids inside, too": lambda calls: dumps({call["id"]: call for call in calls}, 1),
    "in_object": lambda calls: dumps({"data": calls}),
    "in_object, with other keys": lambda calls: dumps({"version": 1.5, "about": {"a": [1]}, "calls": calls, "n": -2e9}),
}


class TestForms:
    @pytest.mark.parametrize("suffix", cmcc.SUFFIXES)
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("number", [1, 3])
    def test_dialogues_are_read_in_any_form_with_any_suffix(self, tmp_path, form, suffix, number):
        calls = [raw.dialogue("a"), raw.plain("b"), raw.dialogue("c\n\"'号")][:number]
        path = put(tmp_path / f"calls{suffix}", FORMS[form](calls))
        found, _ = values(path)
        assert found == calls

    @pytest.mark.parametrize(
        ("name", "form", "kinds"),
        [
            ("calls.json", "list", set()),
            ("calls.jsonl", "json_lines", set()),
            ("calls.JSON", "list", set()),
            ("calls.JSONL.GZ", "json_lines", set()),
            ("calls.json", "json_lines", {"file_form:json_lines"}),
            ("calls.jsonl", "list", {"file_form:list"}),
            ("calls.jsonl", "list, indented", {"file_form:list"}),
            ("calls.json", "concatenated, indented", {"file_form:concatenated"}),
            ("calls.json", "concatenated lists", {"file_form:concatenated"}),
            ("calls.json", "by_id", {"file_form:by_id"}),
            ("calls.jsonl", "by_id, indented, ids inside, too", {"file_form:by_id"}),
            ("calls.json", "in_object", {"file_form:in_object"}),
            (
                "calls.json",
                "in_object, with other keys",
                {"file_form:in_object", "ignored_key:version", "ignored_key:about", "ignored_key:n"},
            ),
        ],
    )
    def test_a_form_that_does_not_fit_the_suffix_is_counted(self, tmp_path, name, form, kinds):
        path = tmp_path / name
        data = FORMS[form]([raw.dialogue("a"), raw.dialogue("b")]).encode()
        path.write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
        dialogues, report = read(path)
        assert [dialogue.row["dialogue_id"] for dialogue in dialogues] == ["a", "b"] and not report.rejected
        assert values(path)[1] == set(report.repaired) == kinds
        forms = {kind: count for kind, count in report.repaired.items() if kind != "file_form:concatenated"}
        assert all(count == (2 if kind.startswith("file_form:") else 1) for kind, count in forms.items())

    def test_the_key_of_the_list_may_be_anything(self, tmp_path):
        assert values(put(tmp_path / "calls.json", dumps({"": [raw.dialogue()]}))) == (
            [raw.dialogue()],
            {"file_form:in_object"},
        )

    @pytest.mark.parametrize("indent", [None, 1])
    @pytest.mark.parametrize("call", [raw.dialogue("one"), [raw.turn(), raw.answer()]], ids=["object", "turns"])
    def test_a_file_that_is_one_dialogue_is_read(self, tmp_path, call, indent):
        path = put(tmp_path / "calls.json", dumps(call, indent))
        assert values(path) == ([call], {"file_form:one_dialogue"})
        assert len(read(path)[0][0].row["utterances"]) == 4

    def test_one_track_2_dialogue_alone_is_read_by_its_own_function(self, tmp_path):
        call = {"id": "x", "KB": {"ent-1": {"name": "包"}}, "content": [{"用户": "喂", "客服": "您好"}]}
        path = put(tmp_path / "calls.json", dumps(call))
        assert [dialogue.dialogue_id for dialogue in cmcc.read_track2(path)] == ["x"]

    def test_older_dialogues_one_per_line_and_by_id_are_read(self, tmp_path):
        turns = [[raw.turn()], [raw.answer()]]
        assert values(put(tmp_path / "a" / "calls.json", "\n".join(map(dumps, turns))))[0] == turns
        wanted = [{"id": "x", "content": turns[0]}, {"id": "y", "content": turns[1]}]
        assert values(put(tmp_path / "b" / "calls.json", dumps({"x": turns[0], "y": turns[1]})))[0] == wanted

    def test_an_id_in_a_dialogue_has_priority_over_its_key_and_the_difference_is_counted(self, tmp_path):
        calls = {"0": raw.dialogue("a"), "1": raw.dialogue("b"), "total": 2, "2": raw.dialogue(None)}
        dialogues, report = read(put(tmp_path / "calls.json", dumps(calls)))
        assert [dialogue.row["dialogue_id"] for dialogue in dialogues] == ["a", "b", "2"]
        assert report.repaired == {"file_form:by_id": 3, "id_differs_from_key": 2, "ignored_key:total": 1}

    def test_a_dialogue_by_id_that_is_broken_is_named_and_rejected_with_its_id(self, tmp_path):
        path = put(tmp_path / "calls.json", dumps({"good": raw.dialogue(None), "bad": {"满意度": 1}}))
        with pytest.raises(cmcc.DataError, match="dialogue bad: found dict without a list 'content'"):
            read(path)
        rejected = []
        list(cmcc.read_dialogues(path, on_error=lambda item, _: rejected.append(json.loads(item.text))))
        assert rejected == [{"id": "bad", "满意度": 1}]

    def test_one_id_with_two_dialogues_in_an_object_is_an_error(self, tmp_path):
        text = f'{{"a": {dumps(raw.dialogue(None))}, "a": {dumps(raw.dialogue(None, 满意度=1))}}}'
        with pytest.raises(cmcc.DataError, match=r"dialogue a: a different dialogue in calls\.json has the same id"):
            read(put(tmp_path / "calls.json", text))

    def test_doubled_keys_are_found_in_every_form(self, tmp_path):
        twice = dumps(raw.dialogue("a")).replace(f'"{raw.USER}": ', f'"{raw.USER}": "喂", "{raw.USER}": ', 1)
        for number, text in enumerate((f"{twice}\n{twice}", f'{{"x": {twice}}}', f'{{"data": [{twice}]}}', twice)):
            with pytest.raises(cmcc.DataError, match=r"field \[SPEAKER 2\]: the key occurs twice"):
                read(put(tmp_path / str(number) / "calls.json", text))

    def test_a_broken_line_of_json_lines_in_a_json_file_can_be_skipped_as_in_a_jsonl_file(self, tmp_path):
        path = put(tmp_path / "calls.json", f'{dumps(raw.dialogue("a"))}\n{{"id": "half\n{dumps(raw.dialogue("b"))}')
        with pytest.raises(cmcc.DataError, match=r"calls.json, line 2: the line is not valid JSON"):
            read(path)
        skipped = []
        file = cmcc.find_files(path)[0][0]
        found = list(cmcc.raw_dialogues(file, lambda line, _: skipped.append(line.strip())))
        assert [item.value["id"] for item in found] == ["a", "b"] and skipped == ['{"id": "half']

    @pytest.mark.parametrize("form", ["by_id", "in_object", "list, indented", "concatenated, indented"])
    @pytest.mark.parametrize("chunk", [1, 3, 64])
    def test_forms_are_detected_at_any_chunk_size(self, tmp_path, monkeypatch, form, chunk):
        monkeypatch.setattr(json_stream, "_CHUNK", chunk)
        monkeypatch.setattr(json_stream, "_AHEAD", chunk)
        calls = [raw.dialogue("a", 号=123456), raw.plain("b")]
        assert values(put(tmp_path / "calls.json", " \n" + FORMS[form](calls) + "\n "))[0] == calls

    def test_a_number_across_two_chunks_is_read_correctly(self, tmp_path, monkeypatch):
        monkeypatch.setattr(json_stream, "_CHUNK", 7)
        monkeypatch.setattr(json_stream, "_AHEAD", 7)
        path = put(tmp_path / "calls.json", dumps({"total": 1234567890123, "data": [raw.dialogue()]}))
        assert values(path)[1] == {"file_form:in_object", "ignored_key:total"}

    @pytest.mark.parametrize("form", ["by_id", "in_object", "json_lines", "concatenated without anything between"])
    def test_memory_does_not_grow_with_the_file(self, tmp_path, monkeypatch, form):
        monkeypatch.setattr(json_stream, "_CHUNK", 1 << 15)
        monkeypatch.setattr(encodings, "_SNIFFED", 1 << 15)

        def peak(number):
            calls = [raw.dialogue(f"call-{n}") for n in range(number)]
            file = cmcc.find_files(put(tmp_path / f"{number}.json", FORMS[form](calls)))[0][0]
            del calls
            tracemalloc.start()
            assert sum(1 for _ in cmcc.raw_dialogues(file)) == number
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return most

        assert peak(8_000) < 2 * peak(1_000)


class TestFilesWithoutDialogues:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("", ["the file is empty", "download the file again"]),
            (" \n\t ", ["the file is empty"]),
            ("{}", ["the JSON object is empty", "in a list"]),
            ('{"a": 1, "b": {"c": []}}', ["no dialogues in the JSON object with the keys 'a', 'b'", "in a list"]),
            ('{"data": []}', ["no dialogues in the JSON object with the key 'data'"]),
            (
                '{"id": "x", "turns": [{"[SPEAKER 1]": "a"}]}',
                ["no dialogues", "the keys 'id', 'turns'"],
            ),
            ('{"id": "x"}', ["dialogue x", "without a list 'content'"]),
            ('{"id": "x", "content": "hello"}', ["dialogue x", "found 'content' of type str"]),
            (f"{dumps(raw.dialogue())},\n{dumps(raw.dialogue())}", ["',' after the first dialogue", "without commas"]),
            (f"{dumps(raw.dialogue())} x", ["'x' after the first dialogue"]),
            (f"[{dumps(raw.dialogue())}] {{}}", ["'{' after the end of the list"]),
            (f'{{"x": {dumps(raw.dialogue())}}} 1', ["'1' after the end of the object"]),
            (f'{{"x": {dumps(raw.dialogue())}, 1}}', ["'1'", "a key in double quotes"]),
            (f'{{"x" {dumps(raw.dialogue())}}}', ["'{'", "a colon"]),
            (f'{{"x": {dumps(raw.dialogue())} "y"}}', ["a comma or the end of the object"]),
            (f'{{"x": {dumps(raw.dialogue())}', ["the end of the file", "a comma or the end of the object"]),
            (
                dumps({"train": [raw.dialogue()], "n": 1, "test": [raw.plain()]}),
                ["'train'", "'test'", "separate file"],
            ),
            ("<!DOCTYPE html><html></html>", ["an HTML or XML page", "Download the file itself"]),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", ["a pointer of Git LFS", "git lfs pull"]),
            ("\0" * 100, ["zero bytes only", "damaged"]),
        ],
        ids=lambda value: value[:20] if isinstance(value, str) else "",
    )
    def test_the_message_says_the_problem_and_the_fix(self, tmp_path, content, words):
        path = put(tmp_path / "calls.json", content)
        with pytest.raises(cmcc.DataError) as caught:
            read(path)
        for word in ["file calls.json", *words]:
            assert word in str(caught.value)

    @pytest.mark.parametrize("name", ["calls.json", "calls.jsonl", "calls.json.gz"])
    def test_an_archive_or_a_workbook_is_named(self, tmp_path, name):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("calls.json", dumps([raw.dialogue()]))
        path = tmp_path / name
        path.write_bytes(packed.getvalue())
        with pytest.raises(cmcc.DataError, match=f"{name}: found a ZIP archive or an Excel workbook.*Unpack it"):
            read(path)
        with tarfile.open(path, "w:gz" if name.endswith(".gz") else "w") as archive:
            archive.add(put(tmp_path / "more" / "calls.json", dumps([raw.dialogue()])), "calls.json")
        with pytest.raises(cmcc.DataError, match=f"{name}: found a tar archive.*Unpack it"):
            read(path)

    def test_a_gzip_file_without_the_suffix_and_a_text_file_with_it_are_read(self, tmp_path):
        data = dumps([raw.dialogue()]).encode()
        (tmp_path / "calls.json").write_bytes(gzip.compress(data))
        (tmp_path / "more.json.gz").write_bytes(data)
        assert values(tmp_path / "calls.json") == ([raw.dialogue()], {"file_form:gzip"})
        assert values(tmp_path / "more.json.gz") == ([raw.dialogue()], {"file_form:not_gzip"})

    def test_an_empty_jsonl_file_has_no_dialogues(self, tmp_path):
        assert values(put(tmp_path / "calls.jsonl", "")) == ([], set())


class TestEncodings:
    @pytest.mark.parametrize("suffix", cmcc.SUFFIXES)
    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_a_file_in_any_encoding_gives_the_same_rows_and_is_counted(self, tmp_path, encoding, suffix):
        calls = [raw.dialogue("a"), raw.plain("b")]
        text = FORMS["json_lines"](calls) if "jsonl" in suffix else dumps(calls)
        path = put(tmp_path / f"calls{suffix}", text, encoding)
        wanted = cmcc.find_files(put(tmp_path / "utf-8" / f"calls{suffix}", text))[0][0]
        assert values(path)[0] == [item.value for item in cmcc.raw_dialogues(wanted)]
        plain = encoding.removesuffix("-le").removesuffix("-be")
        kinds = {} if encoding.startswith("utf-8") else {f"file_encoding:{plain}": 2}
        assert read(path)[1].repaired == kinds

    def test_unlabeled_calls_in_gbk_are_recognized_by_their_frequent_characters(self, tmp_path):
        calls = [raw.plain(), raw.plain("，。")]
        assert values(put(tmp_path / "calls.json", dumps(calls), "gbk")) == (calls, {"file_encoding:gb18030"})

    def test_the_encoding_of_a_very_short_text_is_not_guessed(self, tmp_path):
        for number, (encoding, text) in enumerate((("gbk", "您好"), ("big5", "請問"), ("big5", "請問還有甚麼"))):
            call = {"id": "x", "content": [{raw.SERVICE: text}]}
            with pytest.raises(cmcc.DataError, match="not UTF-8"):
                read(put(tmp_path / str(number) / "calls.json", dumps([call]), encoding))

    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("big5", "請問還有甚麼可以幫您的嗎"),
            ("latin-1", "café déjà vu à côté"),
            ("shift_jis", "こんにちは、電話番号"),
        ],
    )
    def test_another_encoding_is_never_read_as_gb18030(self, tmp_path, encoding, text):
        call = {"id": "x", "content": [{raw.SERVICE: text * 3, raw.USER: text}]}
        with pytest.raises(cmcc.DataError, match=r"calls.json: the file is not UTF-8 text \(first wrong byte: .*iconv"):
            read(put(tmp_path / "calls.json", dumps([call]), encoding))

    def test_a_utf_8_file_with_damaged_bytes_is_never_read_as_gb18030(self, tmp_path):
        data = dumps([raw.dialogue(f"call-{n}") for n in range(3)]).encode()
        places = [place for place, byte in enumerate(data) if byte >= 0x80]
        for place in places:
            for damaged in (data[:place] + data[place + 1 :], data[:place] + b"\xff" + data[place + 1 :]):
                (tmp_path / "calls.json").write_bytes(damaged)
                with pytest.raises(cmcc.DataError, match="not UTF-8"):
                    read(tmp_path)

    @pytest.mark.parametrize(("encoding", "name"), [("gb18030", "GB18030"), ("utf-16", "UTF-16")])
    def test_damage_far_from_the_beginning_names_the_detected_encoding(self, tmp_path, encoding, name):
        data = dumps([raw.dialogue(f"call-{n}") for n in range(2000)]).encode(encoding)
        (tmp_path / "calls.json").write_bytes(data[:-1] if encoding == "utf-16" else data[:-9] + b"\xff" + data[-9:])
        with pytest.raises(cmcc.DataError, match=f"the file is not {name}.* text.*damaged"):
            read(tmp_path)

    def test_the_encoding_is_detected_when_the_first_chinese_character_comes_late(self, tmp_path, monkeypatch):
        monkeypatch.setattr(encodings, "_SNIFFED", 1000)
        ascii_alone = [{"id": str(n), "content": [{raw.SERVICE: "a" * 99}]} for n in range(50)]
        path = put(tmp_path / "calls.json", dumps([*ascii_alone, raw.dialogue()]), "gbk")
        assert len(values(path)[0]) == 51


CARE = {"dialogues": [{"id": "call-1", "satisfaction": 1, "user_emotions": {"0": ["情绪较为激动"]}}]}


class TestCareFiles:
    @pytest.mark.parametrize("name", ["care.json", "Care.JSON", "care_adjudicated.json.gz"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
    def test_a_care_file_is_merged_in_any_encoding(self, tmp_path, name, encoding):
        raw.write(tmp_path, "calls.json", [raw.dialogue()])
        put(tmp_path / name, dumps(CARE, 1), encoding)
        ((dialogue,), _) = read(tmp_path)
        assert dialogue.row["satisfaction"] == 0 and dialogue.row["utterances"][1]["emotions"] == [2]

    @pytest.mark.parametrize("form", ["by_id", "in_object", "json_lines", "list", "concatenated, indented"])
    @pytest.mark.parametrize("number", [1, 2])
    def test_dialogues_in_a_file_with_a_name_that_begins_with_care_are_read(self, tmp_path, form, number):
        calls = [raw.dialogue(f"call-{n}") for n in range(number)]
        put(tmp_path / "careful_calls.json", FORMS[form](calls))
        files, care = cmcc.find_files(tmp_path)
        assert [file.name for file in files] == ["careful_calls.json"] and not care
        assert len(read(tmp_path)[0]) == number

    def test_a_care_file_that_is_cut_off_is_an_error(self, tmp_path):
        raw.write(tmp_path, "calls.json", [raw.dialogue()])
        put(tmp_path / "care.json", dumps(CARE)[:-9])
        with pytest.raises(cmcc.DataError, match=r"care.json: the file is not valid JSON.*move it out of the folder"):
            read(tmp_path)


SPLIT_NAMES = {
    "train": [
        *("train", "TRAIN", "train-00", "train_v2", "train.calls", "training", "MobileCS_train", "mobilecs-train-v2"),
        *("train (1)", "train - Copy", "train - Copy (2)", "train_copy", "copy of train", "Copy of train", "train 2"),
        *("train的副本", "train - 副本", "train 副本", "副本train", "复件 train", "train2", "训练集", "MobileCS训练集"),
        *("train_calls", "train-00000-of-00001", "train[1]", "training set", "train（1）", "trainset"),
    ],
    "validation": [
        "dev",
        "dev-00",
        "valid",
        "val",
        "val_2",
        "validation",
        "MobileCS.dev",
        "dev (1)",
        "验证集",
        "开发集",
    ],
    "test": [
        *(
            "test",
            "test_set",
            "testset",
            "testing",
            "eval",
            "evaluation",
            "MobileCS_test",
            "测试集",
            "test-00",
            "test.x",
        ),
    ],
    None: [
        *("testimonials", "training_notes", "calls", "trainer", "retrain", "pretrain", "contest", "latest", "attest"),
        *("train_test", "dev_and_test", "not_test", "non-train", "without test", "device", "evaluate_me", "all"),
        *("development", "trains", "values", "test drive", "", "(1)"),
    ],
}


class TestSplits:
    @pytest.mark.parametrize(("split", "name"), [(split, name) for split in SPLIT_NAMES for name in SPLIT_NAMES[split]])
    def test_a_name_sets_a_split_only_if_it_is_clear(self, split, name):
        assert cmcc.split_in_name(name) == split

    @pytest.mark.parametrize(
        ("path", "split"),
        [
            ("dev-00.jsonl.gz", "validation"),
            ("train (1).json", "train"),
            ("backup/train.json", "train"),
            ("test/part-1.json", "test"),
            ("train/old/test.json", "test"),
            ("MobileCS_train/part.json", "train"),
            ("more/calls.json", None),
            ("TEST.JSON.GZ", "test"),
        ],
    )
    def test_the_name_of_a_file_or_else_of_its_innermost_folder_sets_its_split(self, tmp_path, path, split):
        raw.write((tmp_path / path).parent, Path(path).name.lower(), [raw.dialogue()])
        assert cmcc.find_files(tmp_path)[0][0].split == split

    def folder(self, tmp_path, copy):
        """train.json with 20 dialogues, test.json with 5, and a copy of one of these or an archive of both."""
        train = [raw.dialogue(f"train {n}") for n in range(20)]
        test = [raw.dialogue(f"test {n}") for n in range(5)]
        raw.write(tmp_path, "train.json", train)
        raw.write(tmp_path, "test.json", test)
        raw.write((tmp_path / copy).parent, Path(copy).name, [*train, *test] if "all" in copy else train)
        return tmp_path

    @pytest.mark.parametrize(
        "copy",
        [
            *("train (1).json", "train - Copy.json", "train_copy.json", "copy of train.json", "train的副本.json"),
            *("train 2.json", "backup/train.json", "all.json", "0/all.jsonl.gz", "zz/all.json", "aa.json", "~.json"),
        ],
    )
    def test_a_copy_never_moves_a_dialogue_to_another_split(self, tmp_path, copy):
        folder = self.folder(tmp_path, copy)
        dialogues, report = read(folder)
        assert {d.row["dialogue_id"]: d.split for d in dialogues} == {
            **{f"train {n}": "train" for n in range(20)},
            **{f"test {n}": "test" for n in range(5)},
        }
        repeated = 25 if "all" in copy else 20
        assert report.set_aside == {"repeated_dialogue": repeated} and not report.split_conflicts
        named = "train" in copy
        assert set(report.repaired) == (set() if named else {"split_differs"})
        assert len(cmcc.load("labeled", folder, "train")) == 20 and len(cmcc.load("labeled", folder, "test")) == 5

    def test_the_copy_of_a_train_file_that_once_got_into_test(self, tmp_path):
        if not CASES.exists():
            pytest.skip("the shared cases are not here")
        shutil.copytree(CASES / "splits", tmp_path / "raw")
        dialogues, _ = read(tmp_path / "raw")
        splits = [dialogue.split for dialogue in dialogues]
        assert (splits.count("train"), splits.count("validation"), splits.count("test")) == (20, 0, 5)

    @pytest.mark.parametrize("names", [("train", "test"), ("train", "dev"), ("dev", "test"), ("a/train", "b/test_set")])
    def test_a_dialogue_in_files_of_two_splits_is_only_in_the_evaluation_split_and_reported(self, tmp_path, names):
        for name in names:
            path = tmp_path / f"{name}.json"
            raw.write(path.parent, path.name, [raw.dialogue("both"), raw.dialogue(f"of {name}")])
        dialogues, report = read(tmp_path)
        splits = {dialogue.row["dialogue_id"]: dialogue.split for dialogue in dialogues}
        kept, other = (cmcc.split_in_name(Path(name).name) for name in reversed(names))
        assert splits == {"both": kept, f"of {names[0]}": other, f"of {names[1]}": kept}
        assert report.repaired == {f"split_conflict:{kept}+{other}": 1}
        assert f"{kept} and {other} 1" in report.split_conflicts

    def test_a_dialogue_in_files_of_all_splits_is_in_test_and_each_conflict_is_counted(self, tmp_path):
        for name in ("train", "dev", "test", "all"):
            raw.write(tmp_path, f"{name}.json", [raw.dialogue("x")])
        (dialogue,), report = read(tmp_path)
        assert dialogue.split == "test" and report.set_aside == {"repeated_dialogue": 3}
        assert {"split_conflict:test+train": 1, "split_conflict:test+validation": 1}.items() <= report.repaired.items()


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
DIALOGUE = st.builds(
    lambda texts, labeled: {
        "content": [{raw.SERVICE: a, raw.USER: b} | ({"用户意图": "问候"} if labeled else {}) for a, b in texts],
        "备注": "客服",  # so that the encoding can be detected with any texts
    },
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3),
    st.booleans(),
)


@given(
    st.dictionaries(TEXT.filter(bool), DIALOGUE, min_size=1, max_size=4),
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(ENCODINGS),
    st.sampled_from(cmcc.SUFFIXES),
    st.sampled_from([1, 7, 1 << 20]),
)
@settings(max_examples=600, deadline=None)
def test_any_dialogues_in_any_form_and_encoding_read_back_equal(calls, form, encoding, suffix, chunk):
    wanted = [{"id": name, **call} for name, call in calls.items()]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        patch.setattr(json_stream, "_AHEAD", chunk)
        path = put(Path(folder) / f"calls{suffix}", FORMS[form](wanted), encoding)
        assert values(path)[0] == wanted


@given(st.sampled_from(sorted(FORMS)), st.sampled_from(ENCODINGS), st.sampled_from(cmcc.SUFFIXES), st.data())
@settings(max_examples=400, deadline=None)
def test_a_damaged_file_of_any_form_is_read_or_raises_the_error(form, encoding, suffix, data):
    content = FORMS[form]([raw.dialogue("a"), raw.plain("b")]).encode(encoding)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        cut = data.draw(st.sampled_from(["cut", "drop", "change"]))
        rest = {"cut": b"", "drop": content[place + 1 :], "change": data.draw(st.binary(min_size=1, max_size=2))}[cut]
        content = content[:place] + rest + (content[place + 1 :] if cut == "change" else b"")
        if not content:
            break
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"calls{suffix}"
        path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
        try:
            for dialogue in cmcc.read_dialogues(path):
                orjson.dumps(dialogue.row)
        except cmcc.DataError as error:
            assert path.name in str(error)


def hostile_json():
    """JSON texts with what writers get wrong: doubled keys, colons and escapes in strings, numbers of any size."""
    strings = st.sampled_from(
        [
            '""',
            '"a"',
            '"b:"',
            '"\\u003a"',
            '"\\u003A:"',
            '"\\":"',
            '"\\ud83d"',
            '"\\ud83d\\ude00"',
            '"content"',
            '"喂：:"',
            '"\\u0061"',
        ]
    )
    numbers = st.sampled_from(
        ["0", "-0.0", "1e400", "NaN", "-Infinity", str(2**63), str(10**30), "1.0", "true", "null"]
    )
    colons = st.sampled_from([":", " : ", ":\n"])

    def containers(values):
        pairs = st.lists(st.tuples(strings, colons, values).map("".join), max_size=4)
        return pairs.map(lambda x: f"{{{','.join(x)}}}") | st.lists(values, max_size=3).map(
            lambda x: f"[{', '.join(x)}]"
        )

    return containers(st.recursive(strings | numbers, containers, max_leaves=6))


@given(hostile_json())
@settings(max_examples=300, deadline=None)
def test_the_fast_decoder_finds_the_values_and_the_doubled_keys_that_the_slow_one_finds(text):
    hook = json_stream._DoubledKeys()
    value, end = json.JSONDecoder(object_pairs_hook=hook).raw_decode(text, 0)
    assert repr(json_stream._decode(text, 0)) == repr((value, end, tuple(hook.doubled)))


@pytest.mark.parametrize(
    "text",
    [
        '{"a" :1,"b":2,"b":3}',
        '{"a:":1,"b":"\\u003a","b":2}',
        '{"content":[{"a":"\\u003A","a":""}]}',
        '{"a":[{"b":1,"b":1}]}',
        '{"a":1,"\\u0061":2}',
    ],
)
def test_no_colon_in_a_string_hides_a_doubled_key(text):
    assert json_stream._decode(text, 0)[2]

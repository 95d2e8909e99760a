"""What a build says of itself."""

import json

import pytest

from cmcc_bench import cli
from cmcc_bench.commands import data
from cmcc_bench.dataset import build
from tests import raw


def service_only():
    return [{raw.SERVICE: "您好", "客服意图": "问候"}, {raw.SERVICE: "喂您好", "客服意图": "问候"}]


def user_first(last_word=True):
    first = {raw.USER: "我要投诉", raw.SERVICE: "好的", "用户意图": "投诉反馈", "客服意图": "安抚"}
    return [first, {raw.USER: "算了", "用户意图": "其他"}] if last_word else [first]


class TestUtterancesOutsideExchanges:
    @pytest.fixture
    def built(self, tmp_path):
        calls = [
            raw.dialogue("greeted"),  # service, user, service, user: a greeting and a last word
            raw.dialogue("service-only", turns=service_only()),  # two utterances, no exchange
            raw.dialogue("last-word", turns=user_first()),
            raw.dialogue("whole", turns=user_first(last_word=False)),
        ]
        raw.write(tmp_path / "raw", "train.json", calls)
        raw.write(tmp_path / "raw", "z.json", calls[:2])  # repeated ones are not counted twice
        raw.write(tmp_path / "raw", "unlabeled.json", [raw.plain()])
        return build(tmp_path / "raw", tmp_path / "cmcc")

    def test_the_report_counts_utterances_and_dialogues_without_a_row_in_response(self, built):
        report = json.loads((built.out / "report.json").read_text("utf-8"))
        assert report["outside_exchanges"] == {"utterances": 5, "dialogues_without_exchange": 1}
        assert report["rows"]["response"] == {"train": 3}

    def test_the_card_and_the_summary_show_these_counts(self, built):
        card = " ".join((built.out / "README.md").read_text("utf-8").split())
        assert "Utterances without an exchange: 5. Labeled dialogues without an exchange: 1." in card
        assert "in no exchange of response: 5; dialogues without an exchange: 1" in "\n".join(built.summary())

    def test_a_card_of_unlabeled_calls_does_not_mention_exchanges(self, tmp_path):
        raw.write(tmp_path / "raw", "unlabeled.json", [raw.plain()])
        result = build(tmp_path / "raw", tmp_path / "cmcc")
        assert "exchange" not in (tmp_path / "cmcc" / "README.md").read_text("utf-8").split("## Labels")[0]
        assert "exchange" not in "\n".join(result.summary())


class TestWhatThePersonSees:
    def test_a_care_file_with_another_suffix_gives_a_warning_that_says_which_names_are_read(self, tmp_path, capsys):
        care, out = tmp_path / "raw" / "care.json.txt", ["--out", str(tmp_path / "cmcc")]
        raw.write(tmp_path / "raw", "train.json", [raw.dialogue("call-1")])
        raw.write(tmp_path / "raw", care.name, json.dumps({"dialogues": [{"id": "call-1", "satisfaction": 3}]}))
        assert cli.main(["build", "--data-dir", str(tmp_path / "raw"), *out]) == 0
        warning = "WARNING: not read: care.json.txt. Care files are named care*.json or care*.json.gz."
        assert warning in capsys.readouterr().out
        assert cli.main(["build", "--data-dir", str(tmp_path / "raw"), "--care", str(care), *out]) == 0
        printed = capsys.readouterr().out
        assert "WARNING" not in printed and "merged care labels from care.json.txt" in printed

    def test_care_labels_without_a_dialogue_give_a_warning_with_their_keys(self, tmp_path, capsys):
        raw.write(tmp_path / "raw", "train.json", [raw.dialogue("call-1")])
        entries = [{"id": name, "user_emotions": {}, "satisfaction": 3} for name in ("call-1", *"abcdef")]
        raw.write(tmp_path / "raw", "care.json", json.dumps({"dialogues": entries}))
        assert cli.main(["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc")]) == 0
        printed = capsys.readouterr().out
        assert (
            "WARNING: care.json has care labels for 6 dialogues not in the data:"
            " a, b, c, d, e, ... (report.json lists all)" in printed
        )
        report = json.loads((tmp_path / "cmcc" / "report.json").read_text("utf-8"))
        assert report["care_labels_without_dialogue"] == [*"abcdef"]

    def test_control_characters_in_ids_are_escaped_when_printed(self, tmp_path, capsys):
        evil = "\x1b]0;owned\x07\nmore"
        raw.write(tmp_path / "raw", "train.json", [raw.dialogue("call-1", 满意度=1)])
        raw.write(tmp_path / "raw", "care.json", json.dumps({"dialogues": [{"id": evil, "satisfaction": 3}]}))
        arguments = ["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc")]
        assert cli.main(arguments) == 0
        raw.write(tmp_path / "raw", "z.json", [raw.unreadable(evil)])
        assert cli.main(arguments) == 1
        captured = capsys.readouterr()
        for printed in (captured.out, captured.err):
            assert "\\x1b]0;owned\\x07\\nmore" in printed
            assert not any(character in printed for character in "\x1b\x07") and "\nmore" not in printed

    def test_an_os_error_says_nothing_was_changed_only_if_that_is_true(self, tmp_path, capsys, monkeypatch):
        error = PermissionError(13, "Permission denied", "a\x1bb")

        def fails(_):
            raise error

        monkeypatch.setattr(data, "_build", fails)
        assert cli.main(["build", "--data-dir", "x"]) == 1
        error.add_note("Nothing was changed.")
        assert cli.main(["build", "--data-dir", "x"]) == 1
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith("cmcc: a\\x1bb: Permission denied. Fix the permissions")
        assert "Permission denied. Nothing was changed. Fix" in second

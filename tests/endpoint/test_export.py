"""Tests of the rows as chat messages: those of training, in the words of `cmcc predict openai:...`."""

import json

import datasets
import pytest
from transformers import PreTrainedTokenizerFast

from cmcc_bench import cli
from cmcc_bench.endpoint.prompt import load_prompt
from cmcc_bench.endpoint.questions import Asking
from cmcc_bench.tasks import task_of

# What is common to the templates of Qwen, Llama and others.
CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("messages")
    files = {context: folder / f"{context}.jsonl" for context in ("markov", "full")}
    for context, file in files.items():
        command = ["export", "sample", "--format", "messages", "--split", "validation", "--context", context]
        assert cli.main([*command, "--out", str(file)]) == 0
    return files


def lines(file):
    return [json.loads(line)["messages"] for line in file.read_text("utf-8").splitlines()]


def test_there_is_a_conversation_for_each_row_that_training_sees(exported):
    rows = task_of("response").rows("sample", ("validation",))["validation"]
    conversations = lines(exported["markov"])
    assert len(conversations) == len(rows) > 100
    replies = sorted(json.loads(messages[-1]["content"])["response"] for messages in conversations)
    assert replies == sorted(row["response"] for row in rows)
    roles = ["system", "user", "assistant", "user", "assistant"]
    assert all([message["role"] for message in messages] == roles for messages in conversations)


def test_the_questions_are_those_that_a_model_behind_an_endpoint_is_asked(exported):
    rows = sorted(task_of("response").rows("sample", ("validation",))["validation"], key=lambda row: row["dialogue_id"])
    asking = Asking(task_of("response"), load_prompt("response"), "end2end", "markov")
    row, messages = rows[0], lines(exported["markov"])[0]
    assert messages[:2] == asking.about_user(row, 0, ()).messages((), 0)
    assert json.loads(messages[2]["content"]).keys() == {"entities", "intents"}


def test_with_the_full_context_all_that_was_said_before_is_in_the_question(exported):
    full, markov = lines(exported["full"])[1][1]["content"], lines(exported["markov"])[1][1]["content"]
    assert "此前的通话" in full and "此前提到过的实体" in markov
    first_reply = json.loads(lines(exported["full"])[0][-1]["content"])["response"]
    assert first_reply in full and first_reply not in markov


def test_every_task_can_be_exported_and_the_bytes_do_not_change(tmp_path, capsys):
    for task in ("emotion", "entities", "satisfaction"):
        files = [tmp_path / f"{task}-{number}.jsonl" for number in (1, 2)]
        for file in files:
            command = ["export", "sample", "--format", "messages", "--task", task, "--split", "validation"]
            assert cli.main([*command, "--out", str(file)]) == 0
        assert files[0].read_bytes() == files[1].read_bytes()
        assert {message["role"] for message in lines(files[0])[0]} == {"system", "user", "assistant"}
    assert "all calls are SYNTHETIC" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("sample", "--format", "messages"), 2, "name the file to write with --out"),
        (("sample", "--merged", "x", "--split", "train"), 2, "--split is not allowed with --merged"),
        (("nothing", "--format", "messages", "--out", "x.jsonl"), 1, "nothing"),
    ],
)
def test_a_wrong_command_line_is_one_clear_error(tmp_path, monkeypatch, capsys, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", *arguments]) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_trl_reads_the_file_and_renders_it_with_a_chat_template(exported):
    data_utils = pytest.importorskip("trl.data_utils")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"x": 0}, unk_token="x")))
    tokenizer.chat_template = CHATML
    rows = datasets.load_dataset("json", data_files=str(exported["markov"]), split="train")
    assert rows.column_names == ["messages"]
    assert all(data_utils.is_conversational(row) for row in rows.select(range(5)))
    row = rows[0]
    text = data_utils.apply_chat_template(row, tokenizer)["text"]
    assert text == "".join(
        f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in row["messages"]
    )
    assert text.count("<|im_start|>assistant") == 2

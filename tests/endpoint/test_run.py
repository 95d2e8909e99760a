"""Whole runs against a server on the loopback: all tasks, files like trained models' ones, resuming, bad servers."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import cmcc
from cmcc_bench.cli import main
from cmcc_bench.dataset import build
from cmcc_bench.decoding.run_files import RunFiles
from cmcc_bench.endpoint import run as run_module
from cmcc_bench.endpoint.client import Endpoint
from cmcc_bench.endpoint.run import AskSettings, first_messages, predict
from cmcc_bench.scoring import score
from cmcc_bench.scoring.predictions import read_answers
from cmcc_bench.tasks import TASKS, task_of

from .. import raw
from .server import Raw, error

NAMES = ("call-a", "call-b", "call-c")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Real calls, by their ids: three to test on, two to take examples from."""
    folder = tmp_path_factory.mktemp("data")
    turns = [
        raw.turn(用户情绪="中性"),
        raw.answer(),
        raw.turn(user="就这样", intents="再见", 用户情绪="中性"),
        raw.answer(),
    ]
    raw.write(folder / "raw", "test.json", [raw.dialogue(name, turns[: 2 + n]) for n, name in enumerate(NAMES)])
    raw.write(folder / "raw", "train.json", [raw.dialogue(f"train-{n}", turns) for n in range(2)])
    build(folder / "raw", folder / "cmcc")
    return str(folder / "cmcc")


def schema_of(request):
    return tuple(request["response_format"]["json_schema"]["schema"]["properties"])


def gold(request, number=0):
    """A model that is right about these calls."""
    said = request["messages"][-1]["content"]
    negative = "贵" in said.rpartition("用户这句话")[2]
    match schema_of(request):
        case ("emotions",):
            return json.dumps({"emotions": ["抱怨某问题" if negative else "中性"]})
        case ("satisfaction",):
            return '{"satisfaction": "接受但未解决"}'
        case ("entities",):
            there = "流量包" in said
            return json.dumps(
                {"entities": [{"name": "流量包", "type": "流量包", "context": "问流量包"}] if there else []}
            )
        case ("entities", "intents"):
            slots = [{"entity": "流量包", "slot": "业务费用"}]
            intent = (
                {"intent": "求助-查询", "slots": slots}
                if "流量包多少钱" in said
                else {"intent": "投诉反馈", "slots": []}
            )
            return json.dumps({"entities": ["流量包"] if "流量包多少钱" in said else [], "intents": [intent]})
        case ("emotions", "acts", "response"):
            return '{"emotions": ["中性"], "acts": ["通知", "安抚"], "response": "是十块钱一个月请您放心"}'
        case ("response",):
            return '{"response": "是十块钱一个月请您放心"}'


@pytest.mark.parametrize(
    ("task", "main_score"), [("emotion", 1.0), ("entities", 1.0), ("satisfaction", 1.0), ("response", 1)]
)
def test_a_run_gives_a_file_like_those_of_trained_models(task, main_score, data, serve, endpoint, tmp_path):
    script, out = serve(gold), tmp_path / "made" / "test.jsonl"
    seen = []
    run = predict(endpoint(script), data, out, AskSettings(task=task, price=(1, 2)), lambda *done: seen.append(done))
    rows = task_of(task).split_rows(data, "test")
    scores = score(task, read_answers(out, task), rows).scores
    name = {"emotion": "exact_match", "entities": "entity_f1", "satisfaction": "accuracy", "response": "success"}[task]
    assert scores[name].point == main_score
    record = json.loads(Path(f"{out}.run.json").read_text())
    facts = record["endpoint"]
    asked = len(rows) * (2 if task == "response" else 1)
    assert len(script.requests) == facts["requests"] == asked
    assert (facts["tokens_in"], facts["tokens_out"], facts["cost"]) == (10 * asked, 2 * asked, 14 * asked / 1e6)
    assert (facts["kind"], facts["model"], facts["host"], facts["served"]) == (
        "zero-shot",
        "tiny",
        "127.0.0.1",
        ["tiny-1"],
    )
    assert facts["sampling"] == {"max_tokens": 1024, "temperature": 0.0} and facts["json_schema"] is True
    assert (record["task"], record["finished"], record["exchanges"], record["synthetic"]) == (
        task,
        True,
        len(rows),
        False,
    )
    assert seen[-1] == (len(rows), len(rows), f"(cost so far {facts['cost']:.4f})")
    assert record["date"] and record["fingerprint"] and len(facts["prompt_digest"]) == 64
    assert run.endpoint["unparsed"] == 0 and not Path(f"{out}.part").exists()
    before = out.stat().st_mtime_ns
    predict(endpoint(script), data, out, AskSettings(task=task, price=(1, 2)))
    assert (out.stat().st_mtime_ns, len(script.requests)) == (before, asked)


def test_end_to_end_the_kb_answers_the_intent_and_earlier_names_are_told(data, serve, endpoint, tmp_path):
    script = serve(gold)
    predict(endpoint(script, concurrency=1), data, tmp_path / "x.jsonl")
    made = [json.loads(line) for line in (tmp_path / "x.jsonl").read_bytes().splitlines()]
    assert [(line["dialogue_id"], line["exchange"]) for line in made][:3] == [
        ("call-a", 0),
        ("call-b", 0),
        ("call-b", 1),
    ]
    assert (made[0]["user_intent"], made[0]["kb_result"]) == ("求助-查询(流量包-业务费用)", "十块钱")
    replies = [r for r in script.requests if "acts" in schema_of(r)]
    assert "知识库的查询结果：十块钱" in replies[0]["messages"][-1]["content"]
    assert [m["role"] for m in replies[0]["messages"]] == ["system", "user", "assistant", "user"]
    later = [
        r["messages"][-1]["content"] for r in script.requests if "intents" in schema_of(r) and "怎么这么贵" in str(r)
    ]
    assert later and all("此前提到过的实体：流量包" in text for text in later)


def test_the_full_context_is_the_call_so_far_with_the_model_s_own_replies(data, serve, endpoint, tmp_path):
    script = serve(gold)
    predict(endpoint(script), data, tmp_path / "x.jsonl", AskSettings(context="full"))
    asked = [r["messages"][-1]["content"] for r in script.requests if "intents" in schema_of(r)]
    assert any("此前的通话：\n用户：我想问流量包多少钱\n客服：是十块钱一个月请您放心\n用户：" in text for text in asked)


def test_the_oracle_gets_the_labels_and_gives_the_reply_alone(data, serve, endpoint, tmp_path):
    script = serve(gold)
    predict(endpoint(script), data, tmp_path / "x.jsonl", AskSettings(mode="oracle"))
    assert {schema_of(r) for r in script.requests} == {("response",)}
    assert any("客服的动作：通知,安抚" in r["messages"][-1]["content"] for r in script.requests)
    rows = TASKS["response"].split_rows(data, "test")
    made = read_answers(tmp_path / "x.jsonl", "response")
    assert [answer.acts for answer in made] == [row["acts"] for row in rows]


@pytest.mark.parametrize("task", TASKS)
def test_shots_are_of_the_training_split_and_end_with_the_gold_answer(task, data):
    nowhere = Endpoint("http://127.0.0.1:1/v1", "m")
    asked = first_messages(nowhere, data, AskSettings(task=task, shots=2))
    roles = [message["role"] for message in asked]
    shown = 4 if task == "response" else 2  # messages of an example
    assert roles == ["system", *(["user", "assistant"] * shown), "user"]
    answers = [json.loads(message["content"]) for message in asked if message["role"] == "assistant"]
    last = {"emotion": "emotions"}.get(task, task)
    assert all(last in answer for answer in answers[shown // 2 - 1 :: shown // 2])
    with pytest.raises(cmcc.DataError, match="training rows; expected at least 1000"):
        first_messages(nowhere, data, AskSettings(task=task, shots=1000))


BAD = {
    "unparsed": "我不知道",
    "unknown_label": '{"emotions": ["愤怒"], "satisfaction": "愤怒", "entities": [{"name": "流量包", "type": "愤怒"}]}',
    "half": '{"emotions": ["中',
    "huge": "好" * 30_000,
    "empty": "",
}


@pytest.mark.parametrize(
    ("task", "kind"),
    [*(("emotion", kind) for kind in BAD), ("entities", "unparsed"), ("entities", "unknown_label"),
     ("satisfaction", "unparsed"), ("satisfaction", "unknown_label")],
)  # fmt: skip
def test_a_wrong_answer_is_counted_kept_and_scored_as_wrong(kind, task, data, serve, endpoint, tmp_path):
    out = tmp_path / "x.jsonl"
    run = predict(endpoint(serve(lambda *_: BAD[kind])), data, out, AskSettings(task=task))
    field = "unknown_labels" if kind == "unknown_label" else "unparsed"
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert (
        run.endpoint[field] == len(lines) == sum(BAD[kind].startswith(line["problems"][0]["answer"]) for line in lines)
    )
    scores = score(task, read_answers(out, task), task_of(task).split_rows(data, "test")).scores
    names = {"emotion": "exact_match", "entities": "entity_f1", "satisfaction": "accuracy"}
    assert scores[names[task]].point == 0
    if kind == "unknown_label":
        assert main(["validate", str(out), data]) == 0


def test_unreadable_replies_are_empty_and_unknown_acts_are_wrong(data, serve, endpoint, tmp_path):
    def answer(request, number):
        if "acts" not in schema_of(request):
            return "不知道"
        return '{"emotions": ["中性"], "acts": ["大笑"], "response": "好"}'

    out = tmp_path / "x.jsonl"
    run = predict(endpoint(serve(answer)), data, out)
    made = read_answers(out, "response")
    assert {(answer.user_intent, answer.acts, answer.response) for answer in made} == {("", "大笑", "好")}
    assert (run.endpoint["unparsed"], run.endpoint["unknown_labels"]) == (len(made), len(made))
    assert main(["validate", str(out), data]) == 0


class Killed:
    """A model that answers some requests and then fails as a server that dies does."""

    def __init__(self, answers):
        self.left = answers

    def __call__(self, request, number):
        self.left -= 1
        return gold(request) if self.left >= 0 else error(401, "gone")


@pytest.mark.parametrize("settings", [AskSettings(), AskSettings(context="full"), AskSettings(task="emotion")])
def test_a_stopped_run_goes_on_without_asking_twice_and_gives_the_same_file(settings, data, serve, endpoint, tmp_path):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "x.jsonl"
    script = serve(gold)
    predict(endpoint(script), data, whole, settings)
    asked, model = Counter(json.dumps(r["messages"]) for r in script.requests), Killed(4)
    script = serve(model)
    with pytest.raises(cmcc.DataError, match="refuses the key"):
        predict(endpoint(script), data, out, settings)
    part = Path(f"{out}.part")
    kept = part.read_bytes().splitlines()
    assert len(kept) == 4 and not out.exists()
    part.write_bytes(part.read_bytes() + b'{"dialogue_id": "call')  # a kill in the middle of a line
    model.left, script.requests[:] = 1000, []
    run = predict(endpoint(script), data, out, settings)
    assert out.read_bytes() == whole.read_bytes()
    assert len(script.requests) == asked.total() - 4 and run.endpoint["requests"] == asked.total()
    assert not Counter(json.dumps(r["messages"]) for r in script.requests) - asked


def test_answers_that_are_in_flight_when_one_fails_are_kept(data, serve, endpoint, tmp_path):
    def answer(request, number):
        return error(401, "gone") if number == 1 else Raw(body=json.loads(COMPLETE), pause=0.1)

    with pytest.raises(cmcc.DataError, match="refuses the key"):
        predict(endpoint(serve(answer), concurrency=3), data, tmp_path / "x.jsonl", AskSettings(task="emotion"))
    assert len((tmp_path / "x.jsonl.part").read_bytes().splitlines()) == 2


COMPLETE = '{"choices": [{"message": {"content": "{}"}}]}'


def test_another_run_s_unfinished_file_is_not_continued(data, serve, endpoint, tmp_path):
    script = serve(Killed(2))
    with pytest.raises(cmcc.DataError):
        predict(endpoint(script), data, tmp_path / "x.jsonl", AskSettings(task="emotion"))
    for other in (replace(endpoint(script), model="large"), replace(endpoint(script), temperature=1.0)):
        with pytest.raises(cmcc.DataError, match="unfinished predictions of another run"):
            predict(other, data, tmp_path / "x.jsonl", AskSettings(task="emotion"))
    (tmp_path / "x.jsonl.part").write_bytes(b'{"dialogue_id": "elsewhere", "row": 0, "step": "answer", "text": ""}\n')
    with pytest.raises(cmcc.DataError, match=r"line 1: not an answer of this run .*Remove the file"):
        predict(endpoint(script), data, tmp_path / "x.jsonl", AskSettings(task="emotion"))


def test_no_more_requests_are_in_flight_than_allowed_and_as_many_as_that(data, serve, endpoint, tmp_path):
    script = serve(lambda request, number: Raw(body=json.loads(COMPLETE), pause=0.02))
    predict(endpoint(script, concurrency=3), data, tmp_path / "x.jsonl", AskSettings(task="emotion"))
    assert script.most == 3


def test_messages_that_are_too_long_lose_the_oldest_turns_then_shots(data, serve, endpoint, tmp_path):
    def length(request):
        return sum(len(message["content"]) for message in request["messages"][1:])

    def answer(request, number):
        return error(400, "maximum context length is 45 tokens") if length(request) > 45 else gold(request)

    script = serve(answer)
    run = predict(endpoint(script), data, tmp_path / "x.jsonl", AskSettings(task="satisfaction", shots=2))
    facts = run.endpoint
    assert facts["cut_requests"] == run.cut_contexts == 3 and facts["cut_shots"] == 6 and facts["cut_turns"] > 6
    asked = [request["messages"][-1]["content"].removeprefix("通话记录：\n") for request in script.requests]
    answered = [text for text, request in zip(asked, script.requests, strict=True) if length(request) <= 45]
    assert len(answered) == 3 and all(text for text in answered)
    assert all(any(text.endswith(f"\n{kept}") for text in asked) for kept in answered)
    with pytest.raises(cmcc.DataError, match=r"dialogue call-\w, .*too long for the model, even without"):
        predict(endpoint(serve(lambda *_: error(413, "too large"))), data, tmp_path / "y.jsonl")


def test_real_calls_leave_the_machine_only_when_the_user_says_so(data, tmp_path, capsys):
    away = ["--endpoint", "http://192.0.2.1:9/v1", "--task", "emotion"]
    assert main(["predict", "openai:tiny", data, *away, "--out", str(tmp_path / "x.jsonl")]) == 1
    printed = capsys.readouterr().err
    assert "licensed calls would be sent to 192.0.2.1" in printed and "--send-licensed-data" in printed
    assert not list(tmp_path.iterdir())
    assert main(["predict", "openai:tiny", "sample", *away, "--show-messages"]) == 0  # synthetic, and nothing is sent
    assert "[system]" in capsys.readouterr().out


def test_the_command_says_what_was_asked_and_what_was_wrong(data, serve, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CMCC_API_KEY", "secret-1")
    script = serve(lambda request, number: "不" if number == 1 else gold(request))
    out = tmp_path / "x.jsonl"
    line = ["predict", "openai:tiny", data, "--endpoint", script.url, "--task", "emotion", "--price", "1", "1"]
    assert main([*line, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "emotion of 9 utterances, zero-shot" in printed and "9 answers, 90 tokens in, 18 out, cost 0.0001" in printed
    assert "1 answer could not be read: counted as wrong" in printed
    assert script.keys[0] == "Bearer secret-1"
    assert not [path for path in tmp_path.iterdir() if b"secret-1" in path.read_bytes()]
    assert main(["report", str(tmp_path), "--resamples", "0"]) == 0
    assert "tiny, zero-shot" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["openai:tiny", "sample", "--out", "x"], "needs --endpoint URL"),
        (["openai:tiny", "sample", "--endpoint", "http://127.0.0.1/v1"], "and --out FILE"),
        (["runs/x", "sample", "--out", "x", "--shots", "2"], "--shots are for a MODEL openai:NAME"),
        (["runs/x", "sample"], "with --out"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_add(arguments, message, capsys):
    assert main(["predict", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_split_whose_labels_are_hidden_is_predicted_alike_but_not_with_the_oracle(data, serve, endpoint, tmp_path):
    build(Path(data).parent / "raw", tmp_path / "hidden", with_hidden_labels=True)
    script = serve(gold)
    for settings in (AskSettings(context="full"), AskSettings(task="entities")):
        for name, folder in (("whole", data), ("hidden", str(tmp_path / "hidden"))):
            predict(endpoint(script), folder, tmp_path / f"{name}.{settings.task}", settings)
        assert (tmp_path / f"hidden.{settings.task}").read_bytes() == (tmp_path / f"whole.{settings.task}").read_bytes()
    with pytest.raises(cmcc.DataError, match="labels are hidden"):
        predict(endpoint(script), str(tmp_path / "hidden"), tmp_path / "x", AskSettings(mode="oracle"))


def test_the_longest_wrong_answers_still_make_lines_that_the_leaderboard_takes(data, serve, endpoint, tmp_path):
    items = [{"name": f"{'🙂' * 90}{n}", "type": "坏" * 90, "context": ""} for n in range(50)]
    text = json.dumps({"entities": items}, ensure_ascii=False)
    run = predict(endpoint(serve(lambda *_: text)), data, tmp_path / "x", AskSettings(task="entities"))
    assert (run.endpoint["unknown_labels"], run.endpoint["not_in_text"]) == (run.exchanges, run.exchanges)
    assert main(["validate", str(tmp_path / "x"), data]) == 0


def test_a_start_with_nothing_left_to_ask_remembers_what_the_server_refused(data, serve, endpoint, tmp_path):
    def answer(request, number):
        if "response_format" in request:
            return error(400, "response_format is not supported")
        if "max_tokens" in request:
            return error(400, "use max_completion_tokens")
        return '{"emotions": ["中性"]}'

    out, settings = tmp_path / "x.jsonl", AskSettings(task="emotion")
    whole = predict(endpoint(serve(answer)), data, tmp_path / "whole.jsonl", settings)
    files = RunFiles(out)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run_module._Work, "_write", _stop)  # a kill after the last answer
        predict(endpoint(serve(answer)), data, out, settings)
    script = serve(answer)
    again = predict(endpoint(script), data, out, settings)
    assert script.requests == [] and not files.part.exists()
    for facts in (whole.endpoint, again.endpoint):
        assert facts["json_schema"] is False and facts["sampling"] == {
            "temperature": 0.0,
            "max_completion_tokens": 1024,
        }
    assert {**whole.endpoint, "retries": 0} == {**again.endpoint, "retries": 0}


def _stop(*_):
    raise KeyboardInterrupt


def test_a_finished_run_takes_a_price_and_a_cut_off_that_are_given_later(data, serve, endpoint, tmp_path):
    script, out = serve(gold), tmp_path / "x.jsonl"
    first = predict(endpoint(script), data, out, AskSettings(task="satisfaction"))
    assert (first.endpoint["cost"], first.endpoint["data_cutoff"]) == (None, "")
    more = ["--data-cutoff", "2024-06", "--parameters", "8.2B", "--price", "1", "2", "--out", str(out)]
    asked = len(script.requests)
    line = ["predict", "openai:tiny", data, "--endpoint", script.url, "--task", "satisfaction", *more]
    assert main(line) == 0 and len(script.requests) == asked
    facts = json.loads(Path(f"{out}.run.json").read_text())["endpoint"]
    assert (facts["cost"], facts["data_cutoff"], facts["parameters"]) == (14 * asked / 1e6, "2024-06", 8_200_000_000)


TRACK2 = {
    "id": "t-1",
    "KB": {"ent-1": {"name": "流量包", "type": "流量包", "业务费用": "十块钱"}},
    "content": [{"用户": "我想问流量包多少钱"}, {"用户": "怎么这么贵"}],
}


def test_a_track_2_file_is_given_back_with_what_the_model_wrote(serve, endpoint, tmp_path, capsys):
    empty = {"id": "t-0", "KB": {}, "content": []}
    given, out = raw.write(tmp_path, "test.json", [TRACK2, empty]), tmp_path / "result.json"
    script = serve(gold)
    line = ["predict", "openai:tiny", str(given), "--endpoint", script.url, "--format", "seretod", "--out", str(out)]
    assert main(line) == 0, capsys.readouterr().err
    result = json.loads(out.read_text("utf-8"))
    assert [dialogue["id"] for dialogue in result] == ["t-1", "t-0"] and result[1] == empty
    assert result[0]["content"][0] == TRACK2["content"][0] | {
        "用户意图-生成": "求助-查询(流量包-业务费用)",
        "客服意图-生成": "通知,安抚",
        "客服-生成": "是十块钱一个月请您放心",
    }
    assert "知识库的查询结果：十块钱" in json.dumps(script.requests, ensure_ascii=False)
    record = json.loads(Path(f"{out}.run.json").read_text())
    assert (record["format"], record["split"], record["exchanges"], record["synthetic"]) == ("seretod", None, 2, False)
    assert main(["predict", "openai:tiny", str(given), "--endpoint", script.url, "--out", str(tmp_path / "x")]) == 1
    assert "Add --format seretod" in capsys.readouterr().err
    for option in (["--task", "emotion"], ["--mode", "oracle"], ["--shots", "2"]):
        assert main([*line, *option]) == 1
        assert f"Leave {' '.join(option)} out" in capsys.readouterr().err
    away = ["--endpoint", "http://192.0.2.1:9/v1", "--format", "seretod", "--out", str(tmp_path / "y")]
    assert main(["predict", "openai:tiny", str(given), *away]) == 1
    assert "licensed calls would be sent" in capsys.readouterr().err

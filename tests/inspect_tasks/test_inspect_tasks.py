"""The tasks for inspect-ai: scores and files are those of cmcc on the same answers, and licensed calls stay here.

They need inspect-ai, whose packages do not fit those of the other tests: `make inspect` runs them.
"""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="inspect-ai is not installed: make inspect runs these tests")

from inspect_ai import eval as run_eval
from inspect_ai import score as score_log
from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.util import registry_info

from cmcc_bench.dataset import build
from cmcc_bench.endpoint.run import AskSettings, predict
from cmcc_bench.errors import DataError
from cmcc_bench.inspect_tasks import tasks
from cmcc_bench.inspect_tasks.predictions import main, write_predictions
from cmcc_bench.inspect_tasks.scorer import SHOWN, call_scores
from cmcc_bench.inspect_tasks.solver import check_is_local
from cmcc_bench.scoring import read_answers, score
from cmcc_bench.tasks import TASKS

from .. import raw
from ..endpoint.conftest import endpoint, serve  # noqa: F401  # fixtures

# For each form of answer: right ones, wrong ones, unknown labels, and what cannot be read.
ANSWERS = {
    "emotions": ['{"emotions": ["中性"]}', '{"emotions": ["抱怨某问题"]}', '{"emotions": ["喜悦"]}', "unclear"],
    "satisfaction": ['{"satisfaction": "接受但未解决"}', '{"satisfaction": "不满意"}', '{"satisfaction": "一般"}', "?"],
    "entities": ['{"entities": [{"name": "流量包", "type": "流量包", "context": ""}]}', '{"entities": []}', "{}"],
    "entities,intents": [
        '{"entities": ["流量包"], "intents": [{"intent": "求助-查询", "slots": '
        '[{"entity": "流量包", "slot": "业务费用"}]}]}',
        '{"entities": [], "intents": [{"intent": "投诉反馈", "slots": []}]}',
        '{"entities": [], "intents": [{"intent": "闲聊", "slots": []}]}',
        "unclear",
    ],
    "emotions,acts,response": [
        '{"emotions": ["中性"], "acts": ["通知", "安抚"], "response": "是十块钱一个月请您放心"}',
        '{"emotions": ["抱怨某问题"], "acts": ["问候"], "response": "您好"}',
        '{"emotions": ["喜悦"], "acts": ["通知"], "response": "是十块钱"}',
        "[]",
    ],
    "response": ['{"response": "是十块钱一个月请您放心"}', '{"response": "您好"}', "no JSON"],
}
RUNS = [
    ("emotion", {}),
    ("entities", {"shots": 1}),
    ("satisfaction", {"shots": 1, "nearest": True}),
    ("response", {}),
    ("response", {"context": "full", "shots": 2}),
    ("response", {"oracle": True}),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Real calls, by their ids: seven to test on, in no order, and two to take examples from."""
    folder = tmp_path_factory.mktemp("data")
    turns = [
        raw.turn(用户情绪="中性"),
        raw.answer(),
        raw.turn(user="就这样", intents="再见", 用户情绪="中性"),
        raw.answer(),
    ]
    calls = [raw.dialogue(f"call-{n}", turns[: 1 + n % 4], 满意度=1 + n % 3) for n in (4, 1, 6, 2, 0, 3, 5)]
    raw.write(folder / "raw", "test.json", calls)
    raw.write(folder / "raw", "train.json", [raw.dialogue(f"train-{n}", turns) for n in range(2)])
    build(folder / "raw", folder / "cmcc")
    return str(folder / "cmcc")


def answer(messages, schema):
    """A model's answer: any of those of its form, the same one to the same messages."""
    choices = ANSWERS[",".join(schema["properties"])]
    return choices[hashlib.sha256(json.dumps(messages).encode()).digest()[0] % len(choices)]


def served(request, _=0):
    return answer(request["messages"], request["response_format"]["json_schema"]["schema"])


def mock(messages, tools, choice, config):
    """The same model in this process. With a usage, as mockllm would load a tokenizer from the network to count."""
    asked = [{"role": message.role, "content": message.text} for message in messages]
    output = ModelOutput.from_content("mockllm", answer(asked, config.response_schema.json_schema.model_dump()))
    output.usage = ModelUsage(input_tokens=10, output_tokens=2, total_tokens=12)
    return output


def run(task, folder, **options):
    model = options.pop("model", None) or get_model("mockllm/model", custom_outputs=mock, memoize=False)
    return run_eval(task, model=model, log_dir=str(folder), display="none", **options)[0]


def scores_of(log):
    return {name: metric.value for name, metric in log.results.scores[-1].metrics.items()}


def assert_same(found, scores):
    wanted = {name: interval.point for name, interval in scores.scores.items()}
    wanted |= {f"{name}_low": interval.low for name, interval in scores.scores.items()}
    wanted |= {f"{name}_high": interval.high for name, interval in scores.scores.items()}
    assert found.keys() == wanted.keys()
    assert all(found[name] == wanted[name] or math.isnan(found[name] + wanted[name]) for name in wanted)


@pytest.mark.parametrize(("name", "options"), RUNS)
def test_file_and_scores_are_those_of_cmcc_on_the_same_answers(name, options, data, serve, endpoint, tmp_path):  # noqa: F811
    task = getattr(tasks, name)(dataset=data, **options)
    log = run(task, tmp_path)
    assert log.status == "success", log.error
    given = {**options, "mode": "oracle" if options.get("oracle") else "end2end"}
    given.pop("oracle", None)
    predict(endpoint(serve(served)), data, tmp_path / "cmcc.jsonl", AskSettings(task=name, **given))
    write_predictions(log.location, tmp_path / "inspect.jsonl")
    assert (tmp_path / "inspect.jsonl").read_bytes() == (tmp_path / "cmcc.jsonl").read_bytes()
    scores = score(name, read_answers(tmp_path / "inspect.jsonl", name), TASKS[name].split_rows(data, "test"))
    assert_same(scores_of(log), scores)
    assert log.results.headline.metric == TASKS[name].main
    shown = log.samples[0].scores["call_scores"]
    assert shown.value.keys() == set(SHOWN[name]) and not any(isinstance(v, str) for v in shown.value.values())


def test_a_provider_gets_the_messages_that_cmcc_sends(data, serve, endpoint, tmp_path, monkeypatch):  # noqa: F811
    theirs, ours = serve(served), serve(served)
    model = get_model("openai-api/local/tiny", base_url=theirs.url, api_key="x", memoize=False)
    assert run(tasks.response(dataset=data), tmp_path, model=model).status == "success"
    predict(endpoint(ours), data, tmp_path / "x.jsonl")
    asked = [sorted(map(sent, script.requests)) for script in (theirs, ours)]
    assert asked[0] == asked[1] and len(asked[0]) == 2 * len(TASKS["response"].split_rows(data, "test"))


def sent(request):
    form = request["response_format"]["json_schema"]
    values = [request[name] for name in ("messages", "model", "temperature", "max_tokens")]
    return json.dumps([*values, form["strict"], form["schema"]], sort_keys=True)


def test_too_long_messages_are_cut_as_cmcc_cuts_them(data, serve, endpoint, tmp_path):  # noqa: F811
    def short(messages, tools, choice, config):
        """A model that takes one example."""
        if len(messages) > 4:
            return ModelOutput.from_content("mockllm", "", stop_reason="model_length")
        return mock(messages, tools, choice, config)

    usage = ModelUsage()
    model = get_model("mockllm/model", custom_outputs=lambda *given: _with(short(*given), usage), memoize=False)
    few = run(tasks.satisfaction(dataset=data, shots=2), tmp_path, model=model)
    one = run(tasks.satisfaction(dataset=data, shots=1), tmp_path)
    assert few.status == one.status == "success" and scores_of(few).keys() == scores_of(one).keys()
    assert all(len(sample.messages) == 3 for sample in few.samples)


def _with(output, usage):
    output.usage = output.usage or usage
    return output


def test_of_several_epochs_the_scores_are_of_all_answers(data, tmp_path):
    turns = iter(range(1000))

    def alternate(messages, tools, choice, config):
        """A model that is right in every other epoch."""
        text = '{"satisfaction": "%s"}' % ("不满意" if next(turns) % 2 else "接受但未解决")
        return _with(ModelOutput.from_content("mockllm", text), ModelUsage())

    model = get_model("mockllm/model", custom_outputs=alternate, memoize=False)
    log = run(tasks.satisfaction(dataset=data), tmp_path, model=model, epochs=2, max_samples=1)
    counts = [sample.scores["call_scores"].metadata["counts"] for sample in log.samples]
    right = sum(c[0] + c[4] + c[8] for c in counts)
    assert scores_of(log)["accuracy"] == right / len(counts) and len(counts) == 14
    with pytest.raises(DataError, match="epochs 1"):
        write_predictions(log.location, tmp_path / "x.jsonl")


def test_a_log_is_scored_again_from_what_the_solver_left(data, tmp_path):
    log = run(tasks.emotion(dataset=data), tmp_path)
    again = score_log(read_eval_log(log.location), call_scores("emotion", data, "test"), display="none")
    assert scores_of(again) == scores_of(log)


def test_licensed_calls_go_nowhere_without_permission(data, tmp_path, monkeypatch):
    monkeypatch.setattr("cmcc_bench.inspect_tasks.solver._IN_THIS_PROCESS", {"hf"})
    log = run(tasks.emotion(dataset=data), tmp_path, limit=1)
    assert log.status == "error" and "licensed calls would be sent to the provider mockllm" in log.error.message
    assert "-T send_licensed_data=true" in log.error.message and not log.stats.model_usage
    for allowed in (tasks.emotion(dataset=data, send_licensed_data=True), tasks.emotion(dataset="sample")):
        assert run(allowed, tmp_path, limit=1).status == "success"


@pytest.mark.parametrize(("url", "is_local"), [("http://127.0.0.1:1/v1", True), ("http://10.0.0.1/v1", False)])
def test_a_server_is_local_by_its_address(url, is_local):
    model = get_model("openai-api/x/m", base_url=url, api_key="x", memoize=False)
    if is_local:
        check_is_local(model)
    else:
        with pytest.raises(DataError, match=r"10\.0\.0\.1"):
            check_is_local(model)


def test_wrong_arguments_are_errors_that_name_them(data):
    with pytest.raises(DataError, match="context=NAME"):
        tasks.response(dataset=data, context="all")
    with pytest.raises(DataError, match="no such folder"):
        tasks.emotion(dataset="nowhere")


def test_a_file_that_is_no_log_is_an_error(tmp_path, capsys):
    (tmp_path / "x.jsonl").write_text("{}\n")
    assert main([str(tmp_path / "x.jsonl"), str(tmp_path / "out.jsonl")]) == 1
    assert "inspect eval wrote" in capsys.readouterr().err


def test_inspect_finds_the_tasks_by_their_names(serve, tmp_path):  # noqa: F811
    assert registry_info(tasks.emotion).name == "cmcc/emotion"
    inspect = Path(sys.executable).with_name("inspect")
    command = [str(inspect), "eval", "cmcc/emotion", "--model", "openai-api/local/tiny", "--limit", "2"]
    settings = {"LOCAL_BASE_URL": serve(served).url, "LOCAL_API_KEY": "x", "INSPECT_LOG_DIR": str(tmp_path)}
    done = subprocess.run(
        [*command, "--display", "plain", "-T", "shots=1"],
        env=os.environ | settings, cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and "macro_f1" in done.stdout, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    log = read_eval_log(str(next(tmp_path.glob("*.eval"))))
    assert (log.eval.task, log.eval.task_args["shots"], len(log.samples)) == ("cmcc/emotion", 1, 2)

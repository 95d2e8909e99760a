"""The client against a server on the loopback: what is tried again, what is adapted, and what is an error."""

import asyncio
import time

import pytest

import cmcc
from cmcc_bench.endpoint.client import TRIES, Client, Completion, ContextTooLongError, Endpoint, check_url

from .server import Raw, completion, error

GOOD = Completion("好", 10, 2, "tiny-1")
MESSAGES = [{"role": "user", "content": "你好"}]


def ask(endpoint, times=1):
    async def run():
        async with Client(endpoint) as client:
            found = await asyncio.gather(*(client.complete(MESSAGES, {"type": "object"}) for _ in range(times)))
            return client, found

    return asyncio.run(run())


def first(reply, then="好"):
    """An answer function: `reply` to the first request, `then` to the others."""
    return lambda request, number: reply if number == 1 else then


@pytest.mark.parametrize(
    "reply",
    [
        error(429, "slow down"),
        error(500, "out of memory"),
        error(503, "loading"),
        Raw(200, completion("好"), cut=20),
        Raw(200, b'{"choices": [{"mess'),
        Raw(200, {"choices": []}),
        Raw(200, b""),
    ],
    ids=["429", "500", "503", "half an answer", "half of the JSON", "no choice", "an empty body"],
)
def test_a_request_that_failed_is_sent_again(reply, serve, endpoint):
    script = serve(lambda request, number: reply if number == 2 else "好")

    async def run():
        async with Client(endpoint(script)) as client:
            found = [await client.complete(MESSAGES, {}) for _ in range(2)]
            return client.retries, found

    assert asyncio.run(run()) == (1, [GOOD, GOOD])
    assert script.requests[1] == script.requests[2]


def test_the_greedy_request_holds_the_schema_and_the_key_of_the_environment(serve, endpoint, monkeypatch):
    script = serve(lambda request, number: "好")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-2")
    monkeypatch.setenv("CMCC_API_KEY", "secret-1\n")
    ask(endpoint(script))
    assert script.keys == ["Bearer secret-1"]
    (request,) = script.requests
    assert (request["temperature"], request["max_tokens"], request["model"]) == (0.0, 1024, "tiny")
    assert request["messages"] == MESSAGES and "seed" not in request
    assert request["response_format"]["json_schema"] == {"name": "answer", "strict": True, "schema": {"type": "object"}}


def test_retry_after_holds_back_all_requests(serve, endpoint):
    seen = []

    def answer(request, number):
        seen.append(time.monotonic())
        return error(429, "slow down", Retry_After="0.3") if number == 1 else "好"

    async def run():
        async with Client(endpoint(serve(answer))) as client:
            waiting = asyncio.create_task(client.complete(MESSAGES, {}))
            while client.retries == 0:
                await asyncio.sleep(0.01)
            await asyncio.gather(waiting, client.complete(MESSAGES, {}))

    asyncio.run(run())
    assert len(seen) == 3 and all(later - seen[0] >= 0.29 for later in seen[1:])


def test_a_wait_of_hours_is_an_error_that_says_so(serve, endpoint):
    script = serve(lambda *_: error(429, "quota", Retry_After="7200"))
    with pytest.raises(cmcc.DataError, match="asks to wait for 7200 seconds"):
        ask(endpoint(script))
    assert len(script.requests) == 1


def test_no_answer_in_time_is_tried_again_and_then_an_error(serve, endpoint):
    script = serve(first(Raw(body=completion("spät"), pause=0.3)))
    assert ask(endpoint(script, timeout=0.1))[1] == [GOOD]
    script = serve(lambda *_: Raw(pause=0.3))
    with pytest.raises(
        cmcc.DataError, match=rf"no answer within 0.02 seconds, in {TRIES} tries.*Run the command again"
    ):
        ask(endpoint(script, timeout=0.02, back_off=0.001))


@pytest.mark.parametrize(
    ("refuses", "message", "dropped"),
    [
        (lambda r: "response_format" in r, "response_format is not supported", "response_format"),
        (lambda r: "max_tokens" in r, "Use 'max_completion_tokens' instead.", "max_tokens"),
        (lambda r: "temperature" in r, "temperature does not support 0", "temperature"),
    ],
)
def test_a_setting_that_the_server_refuses_is_dropped_for_good(refuses, message, dropped, serve, endpoint):
    script = serve(lambda request, number: error(400, message) if refuses(request) else "好")

    async def run():
        async with Client(endpoint(script)) as client:
            return client, [await client.complete(MESSAGES, {}) for _ in range(3)]

    client, found = asyncio.run(run())
    assert found == [GOOD] * 3 and len(script.requests) == 4
    assert dropped not in script.requests[-1]
    assert client.settings.json_schema is (dropped != "response_format")
    assert ("max_completion_tokens" in client.settings.sampling) is (dropped == "max_tokens")


def test_a_model_without_system_messages_gets_the_text_in_the_first_message(serve, endpoint):
    script = serve(lambda request, _: error(400, "System role not supported") if len(request["messages"]) > 1 else "好")

    async def run():
        async with Client(endpoint(script)) as client:
            return await client.complete(
                [{"role": "system", "content": "分类"}, *MESSAGES], {}
            ), client.settings.json_schema

    assert asyncio.run(run()) == (GOOD, True)
    assert script.requests[-1]["messages"] == [{"role": "user", "content": "分类\n\n你好"}]


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 512 tokens, however you requested 900 tokens",
        "the request exceeds the available context size, try increasing it",
        "input is too long for this model: maximum 512 tokens",
    ],
)
def test_messages_that_are_too_long_are_told_apart_from_other_refusals(message, serve, endpoint):
    script = serve(lambda *_: error(400, message))
    with pytest.raises(ContextTooLongError):
        ask(endpoint(script))
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (error(401, "Incorrect API key provided: secret-1"), r"refuses the key \(status 401\).*\*\*\*.*CMCC_API_KEY"),
        (
            error(404, "model tiny does not exist"),
            "model tiny: status 404: model tiny does not exist.*name of the model",
        ),
        (error(400, "bad messages"), "refuses the request.*bad messages"),
        (Raw(302, b"", {"Location": "https://elsewhere.example/v1"}), "status 302, a redirect"),
        (Raw(200, b"<html>hello</html>"), "no chat completion.*often ends in /v1"),
    ],
    ids=["wrong key", "unknown model", "refused", "redirect", "a web page"],
)
def test_an_error_that_no_second_try_mends_is_told_at_once(reply, message, serve, endpoint, monkeypatch):
    monkeypatch.setenv("CMCC_API_KEY", "secret-1")
    script = serve(lambda *_: reply)
    with pytest.raises(cmcc.DataError, match=message) as caught:
        ask(endpoint(script))
    assert "secret-1" not in str(caught.value)
    assert len(script.requests) <= 2


def test_an_address_where_nothing_listens_is_an_error_at_once(serve, endpoint):
    with pytest.raises(cmcc.DataError, match=r"cannot connect.*Check --endpoint"):
        ask(Endpoint("http://127.0.0.1:9/v1", "tiny", back_off=3600))  # a second try would end in the test's time limit


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "", "http://host:port/v1"])
def test_what_is_no_address_is_an_error(url):
    with pytest.raises(cmcc.DataError, match="expected an address such as"):
        check_url(url)


@pytest.mark.parametrize("url", ["https://me:secret@host/v1", "https://host/v1?key=secret"])
def test_an_address_with_a_secret_is_refused_without_repeating_it(url):
    with pytest.raises(cmcc.DataError, match="password or query") as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


def test_a_huge_answer_is_not_read_to_its_end(serve, endpoint):
    script = serve(lambda *_: Raw(body=completion("好" * 3_000_000)))
    assert ask(endpoint(script))[1] == [Completion("")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (rb'{"choices": [{"message": {"content": "\ud83d"}}]}', Completion("?")),
        (completion(None), Completion("", 10, 2, "tiny-1")),
        (completion([{"type": "text", "text": "好"}]), GOOD),
        (completion("好", usage=None, model=None), Completion("好")),
        (completion("好", usage={"prompt_tokens": "many"}), Completion("好", served="tiny-1")),
    ],
)
def test_answers_in_other_forms_are_read(body, found, serve, endpoint):
    assert ask(endpoint(serve(lambda *_: Raw(body=body))))[1] == [found]


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:8000/v1", True),
        ("https://api.example.com/v1", False),
        ("http://192.168.0.2/v1", False),
        ("http://localhost.example.com/v1", False),
    ],
)
def test_the_loopback_is_this_machine_alone(url, local):
    assert Endpoint(url, "tiny").is_loopback is local

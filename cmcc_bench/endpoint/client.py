"""The client of a chat-completions endpoint: it retries, and adapts to what the server accepts.

It posts with httpx2, which huggingface-hub requires already. A vendor's library adds nothing to one POST, and
huggingface_hub's own client rewrites `response_format`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import orjson

from cmcc_bench.errors import DataError, printable
from cmcc_bench.types import Json

KEY_VARIABLES = ("CMCC_API_KEY", "OPENAI_API_KEY")  # the first that is set counts
TRIES = 8  # of one request; with the default back-off they take about two minutes
_LONGEST_WAIT = 60.0  # seconds between two tries, unless the server asks for more
_LONGEST_RETRY_AFTER = 600.0
_LONGEST_BODY = 4 << 20  # bytes of one response; a body of more is no answer
_BUSY = {408, 409, 425, 429}  # try again, as after any 5xx
_KEY_REFUSED = {401, 403}
# How servers say that the messages are too long: OpenAI and vllm, llama.cpp, others.
_TOO_LONG = re.compile(
    r"context.{0,20}(?:length|size|window|limit)|exceed_context|(?:maximum|too many|too long).{0,40}token|"
    r"(?:prompt|input).{0,20}too long",
    re.IGNORECASE | re.DOTALL,
)

ChatMessage = dict[str, str]  # role and content


@dataclass(frozen=True)
class Endpoint:
    """A model behind an endpoint, and how it is asked.

    url: of the interface, such as http://127.0.0.1:8000/v1. temperature: 0 is greedy. max_tokens: most tokens of an
    answer. concurrency: most requests in flight. timeout: seconds for one request. back_off: seconds before the second
    try, doubled before each later one.
    """

    url: str
    model: str
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 1024
    concurrency: int = 16
    timeout: float = 120.0
    back_off: float = 1.0

    @property
    def host(self) -> str:
        """The name of the server, without user, password and port."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent stays on this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class RequestSettings:
    """What is sent with the messages of each request; a server that refuses a part of it gets the next ones without it.

    sampling: as sent; temperature 0 is greedy. json_schema: response_format with the schema. has_system: some chat
    templates know no system message.
    """

    sampling: Mapping[str, Any]
    json_schema: bool = True
    has_system: bool = True


@dataclass(frozen=True)
class Completion:
    """An answer. tokens_in, tokens_out: None from a server that does not count; served: the model that it names."""

    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    served: str | None = None


class ContextTooLongError(Exception):
    """The messages are too long for the model."""


@dataclass
class _HttpReply:
    """What the server sent. wait: seconds until the next try, if it says so."""

    status: int
    body: bytes
    wait: float | None = None
    is_cut: bool = False

    @property
    def message(self) -> str:
        """The server's own words about an error."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return self.body.decode(errors="replace")
        error = value.get("error", value) if isinstance(value, dict) else value
        if isinstance(error, dict):
            return " ".join(str(error[key]) for key in ("code", "type", "message", "detail") if error.get(key))
        return str(error)


def check_url(url: str) -> None:
    """Raises cmcc.DataError for what is no address of an endpoint, or holds a password."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_valid = False
    hint = "Give the address that ends before /chat/completions."
    if is_valid and (parts.username or parts.password or parts.query):
        raise DataError("a user, password or query in the address", "", f"Set {KEY_VARIABLES[0]}.", option="--endpoint")
    if not is_valid:
        raise DataError(repr(printable(url, 80)), "an address such as http://127.0.0.1:8000/v1", hint)


class Client:
    """Asks an endpoint; `async with` opens and closes its connections.

    settings: adapted to the server; those that an earlier start learned may be given. retries: requests that were sent
    again.
    """

    def __init__(self, endpoint: Endpoint, settings: RequestSettings | None = None) -> None:
        check_url(endpoint.url)
        self.endpoint = endpoint
        self.settings = settings or _first_settings(endpoint)
        self.retries = 0
        self._address = f"{endpoint.url.rstrip('/')}/chat/completions"
        self._key = next((os.environ[name].strip() for name in KEY_VARIABLES if os.environ.get(name, "").strip()), "")
        self._not_before = 0.0  # no request is sent earlier: the server asked all to wait
        self._is_reached = False
        size = endpoint.concurrency
        try:
            headers = {"Content-Type": "application/json"} | (
                {"Authorization": f"Bearer {self._key}"} if self._key else {}
            )
            self._http = httpx2.AsyncClient(
                headers=headers,
                limits=httpx2.Limits(max_connections=size, max_keepalive_connections=size),
                timeout=None,  # each request has one of its own
                verify=endpoint.url.startswith("https"),  # for http no certificates are loaded
                trust_env=not endpoint.is_loopback,  # a proxy would carry the data off the machine
            )
        except UnicodeEncodeError as error:
            hint = f"Set {KEY_VARIABLES[0]} to the key alone."
            raise DataError("the key has characters that no key has", "", hint) from error

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def complete(self, messages: Sequence[ChatMessage], schema: Json) -> Completion:
        """The answer to messages, in the form of the JSON schema where the server has response_format.

        Raises ContextTooLongError for messages that are too long, cmcc.DataError if the server cannot be reached,
        refuses the request, or fails in every try.
        """
        problem, back_off = "", self.endpoint.back_off
        for _ in range(TRIES):
            reply: _HttpReply | None = None
            wait = back_off
            try:
                reply = await self._post(messages, schema)
            except (httpx2.TransportError, TimeoutError) as error:
                problem = self._explain(error)
            if reply is not None:
                if reply.status == 200 and (completion := _completion(reply)):
                    self._is_reached = True
                    return completion
                problem = self._problem(reply)
                wait = max(wait, reply.wait or 0.0)
                if reply.wait is not None and reply.status in _BUSY | {503}:
                    self._not_before = max(self._not_before, time.monotonic() + reply.wait)
            self.retries += 1
            await asyncio.sleep(wait)
            back_off = min(2 * back_off, _LONGEST_WAIT)
        hint = "Run the command again; finished requests are not repeated. --concurrency and --timeout may help."
        raise DataError(f"{problem}, in {TRIES} tries", "", hint, endpoint=self.endpoint.url)

    async def _post(self, messages: Sequence[ChatMessage], schema: Json) -> _HttpReply:
        """Sends the request; where the server refuses one of its settings, sends it again without that setting.

        What all requests share is adapted for good, so that later ones are sent once.
        """
        while True:
            settings = self.settings
            sent = messages if settings.has_system else _without_system(messages)
            body: dict[str, Any] = {"model": self.endpoint.model, "messages": sent, **settings.sampling}
            if settings.json_schema:
                body["response_format"] = {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": schema},
                }
            reply = await self._send(orjson.dumps(body))
            if reply.status < 400 or reply.status in _BUSY | _KEY_REFUSED:
                return reply
            if reply.status == 413 or _TOO_LONG.search(reply.message):
                raise ContextTooLongError
            if reply.status not in (400, 422, 501) or not self._adapt(reply.message, settings):
                return reply

    def _adapt(self, message: str, sent: RequestSettings) -> bool:
        """Drops a setting that the server refuses; False if there is none left to drop. The schema goes last.

        sent: the settings of the refused request, which may be older than those of now.
        """
        now = self.settings
        if "max_tokens" in sent.sampling and "max_completion_tokens" in message:
            renamed = {"max_completion_tokens": self.endpoint.max_tokens}
            self.settings = replace(now, sampling=_without(now.sampling, "max_tokens") | renamed)
        elif "temperature" in sent.sampling and "temperature" in message:
            self.settings = replace(now, sampling=_without(now.sampling, "temperature"))
        elif "seed" in sent.sampling and "seed" in message:
            self.settings = replace(now, sampling=_without(now.sampling, "seed"))
        elif sent.has_system and "system role" in message.lower():
            self.settings = replace(now, has_system=False)
        elif sent.json_schema:
            self.settings = replace(now, json_schema=False)
        else:
            return False
        return True

    async def _send(self, content: bytes) -> _HttpReply:
        if (pause := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        async with (
            asyncio.timeout(self.endpoint.timeout),
            self._http.stream("POST", self._address, content=content) as response,
        ):
            chunks, size = list[bytes](), 0
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                if (size := size + len(chunk)) > _LONGEST_BODY:
                    break
            wait = _retry_after(response.headers.get("retry-after"))
            return _HttpReply(response.status_code, b"".join(chunks), wait, size > _LONGEST_BODY)

    def _explain(self, error: Exception) -> str:
        """A broken connection in words. Raises cmcc.DataError where there never was one: the address is wrong."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self.endpoint.timeout:g} seconds"
        if isinstance(error, httpx2.ConnectError) and not self._is_reached:
            hint = "Check --endpoint and that the server runs."
            found = self._shown(str(error) or type(error).__name__)
            raise DataError(f"cannot connect ({found})", "", hint, endpoint=self.endpoint.url) from error
        return f"the connection broke ({self._shown(str(error) or type(error).__name__)})"

    def _problem(self, reply: _HttpReply) -> str:
        """What is wrong with a reply that is worth another try. Raises cmcc.DataError for any other."""
        message = self._shown(reply.message)
        if (reply.wait or 0.0) > _LONGEST_RETRY_AFTER:
            hint = "Run the command again then; finished requests are not repeated."
            problem = f"the server asks to wait for {reply.wait:g} seconds ({message})"
            raise DataError(problem, "", hint, endpoint=self.endpoint.url)
        if reply.status in _BUSY or reply.status >= 500:
            return f"the server answers {reply.status} ({message})"
        if reply.status == 200:
            if self._is_reached:
                return f"the answer is no chat completion ({message})"
            problem, hint = "the answer is no chat completion", "Check --endpoint; it often ends in /v1."
        elif reply.status in _KEY_REFUSED:
            problem = f"the server refuses the key (status {reply.status})"
            hint = f"Set {' or '.join(KEY_VARIABLES)} to a key that may use the model."
        elif reply.status == 404:
            problem, hint = "status 404", "Check the name of the model, and --endpoint; it often ends in /v1."
        elif reply.status < 400:
            problem, hint = f"status {reply.status}, a redirect", "Give --endpoint the address that it leads to."
        else:
            problem, hint = f"the server refuses the request (status {reply.status})", "Check --prompt and the model."
        place = {"endpoint": self.endpoint.url, "model": self.endpoint.model}
        raise DataError(f"{problem}: {message}" if message else problem, "", hint, **place)

    def _shown(self, text: str) -> str:
        """The server's words as they are shown: without the key, in one line, cut."""
        text = " ".join(text.split())
        return printable(text.replace(self._key, "***") if self._key else text)


def _without_system(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages with the system text at the beginning of the first message of the user."""
    system, first, *others = messages
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *others]


def _completion(reply: _HttpReply) -> Completion | None:
    """The answer in a reply; None where it is cut short or is no chat completion. A body that is too large is none."""
    if reply.is_cut:
        return Completion("")
    try:
        value = decode_json(reply.body)
        content = value["choices"][0]["message"].get("content")
        usage = value.get("usage") or {}
        counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    tokens_in, tokens_out = (count if type(count) is int and count >= 0 else None for count in counts)
    served = value.get("model")
    return Completion(
        content if isinstance(content, str) else "", tokens_in, tokens_out, served if isinstance(served, str) else None
    )


def _first_settings(endpoint: Endpoint) -> RequestSettings:
    sampling: dict[str, Any] = {"max_tokens": endpoint.max_tokens, "temperature": endpoint.temperature}
    return RequestSettings(sampling | ({"seed": endpoint.seed} if endpoint.temperature else {}))


def _without(sampling: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in sampling.items() if key != name}


def decode_json(body: bytes) -> Json:
    """The value of JSON in which half of a surrogate pair, which is no text, becomes a question mark."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:  # also where the JSON is right but for such a half
        return whole_texts(json.loads(body))


def whole_texts(value: Json) -> Json:
    """The same value without halves of surrogate pairs, which cannot be written to a file."""
    return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _retry_after(text: str | None) -> float | None:
    """The header Retry-After in seconds: a number or a date."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None

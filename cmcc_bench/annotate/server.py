"""The page's server: on this machine only, or with a token in the address. It logs nothing of what it serves.

GET  /              the page, with page.css and page.js
GET  /start?number=N  /call?number=N  /changed?changes=N  /next?number=N  /search?text=T
POST /decide  /undo
"""

from __future__ import annotations

import ipaddress
import secrets
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from cmcc_bench.errors import DataError

if TYPE_CHECKING:
    from cmcc_bench.annotate.session import AnnotationSession

_FOLDER = Path(__file__).parent
_FILES = {
    "": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
}
_LOCAL_NAMES = ["127.0.0.1", "localhost"]
# Nothing from elsewhere, no inline script or style, no frame: what a call contains cannot run or be sent anywhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


def make_app(session: AnnotationSession, token: str = "", host: str = "127.0.0.1") -> Starlette:
    """The application of a session. token: the first part of every path; "" for none, on this machine only."""
    reads: dict[str, Callable[[Request], object]] = {
        "start": lambda request: session.start(_number(request, "number")),
        "call": lambda request: session.open(_number(request, "number")),
        "changed": lambda request: session.changed(_number(request, "changes")),
        "next": lambda request: session.open_next(_number(request, "number")),
        "search": lambda request: session.search(request.query_params.get("text", "")),
    }
    routes: list[BaseRoute] = [Route(f"/{name}", _file(*of_file)) for name, of_file in _FILES.items()]
    routes += [Route(f"/{name}", _read(read)) for name, read in reads.items()]
    routes += [Route(f"/{name}", _write(getattr(session, name)), methods=["POST"]) for name in ("decide", "undo")]
    # Without a token, a page from elsewhere could reach this one by a host name that it points to this machine.
    middleware = (
        [] if token else [Middleware(TrustedHostMiddleware, allowed_hosts=[*_LOCAL_NAMES, host], www_redirect=False)]
    )
    return Starlette(routes=[Mount(f"/{token}", routes=routes)] if token else routes, middleware=middleware)


def _file(name: str, kind: str) -> _Handler:
    content = (_FOLDER / name).read_bytes()

    async def answer(_: Request) -> Response:
        """The file."""
        return Response(content, headers=HEADERS, media_type=kind)

    return answer


def _read(read: Callable[[Request], object]) -> _Handler:
    async def answer(request: Request) -> Response:
        """What the request asks for."""
        return await _respond(lambda: read(request))

    return answer


def _write(write: Callable[[dict[str, object]], object]) -> _Handler:
    async def answer(request: Request) -> Response:
        """The result of the change."""
        # A form of another page cannot send this type, and its script may not.
        if request.headers.get("content-type") != "application/json":
            return _json({"problem": "expected application/json"}, 415)
        body = await request.body()
        return await _respond(lambda: write(_object(body)))

    return answer


async def _respond(make: Callable[[], object]) -> Response:
    """Returns JSON. An error of the data or the disk becomes a message; nothing is saved then."""
    try:
        return _json(await run_in_threadpool(make))
    except DataError as error:
        return _json({"problem": str(error)}, 400)
    except OSError as error:
        return _json({"problem": f"cannot save: {error.strerror or error}"}, 500)


def _object(body: bytes) -> dict[str, object]:
    """The JSON object of a request."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise DataError("a request that is not a JSON object", "", "Reload the page.")
    return value


def _json(value: object, status: int = 200) -> Response:
    content = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, status, headers=HEADERS, media_type="application/json")


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "-1")
    if not text.removeprefix("-").isdecimal():
        raise DataError(f"{text!r:.40}", "a whole number", "Reload the page.", parameter=name)
    return int(text)


class PageServer:
    """The server of a page: it listens from the beginning, and answers while `run` runs.

    address: of the page. is_local: whether only this machine reaches it.
    """

    def __init__(self, session: AnnotationSession, host: str = "127.0.0.1", port: int | None = None) -> None:
        """host: the address to listen on; one of this machine alone needs no token. port: None for a free one.

        Raises cmcc.DataError if it cannot listen there.
        """
        self.is_local = is_local(host)
        token = "" if self.is_local else secrets.token_urlsafe(16)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port or 0), family=family)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            hint = "Choose another --port or --host, or leave them out."
            raise DataError(f"cannot listen there ({reason})", "", hint, host=host, port=port) from error
        # asyncio turns Nagle's algorithm off only for sockets that say they are TCP; with it an answer takes 40 ms.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=listening.detach())
        name = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        self.address = f"http://{name}:{self._socket.getsockname()[1]}/{token}{'/' * bool(token)}"
        # No access log: an address holds the token, and what was searched for.
        config = uvicorn.Config(
            make_app(session, token, host),
            log_level="error",
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Answers until `end` is called or, in the main thread, the process gets SIGINT or SIGTERM."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server raises the signal again when it ends
        with suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._socket])

    def end(self) -> None:
        """Makes `run` return soon."""
        self._server.should_exit = True


def is_local(host: str) -> bool:
    """Whether an address is one that only this machine reaches. IPv6 gets a token all the same."""
    try:
        return host == "localhost" or ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False

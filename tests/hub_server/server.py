"""The server: reads requests, checks permissions, simulates faults, and sends responses."""

from __future__ import annotations

import os
import re
import secrets
import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from . import calls, results
from .calls import Call, Reply
from .store import KINDS, File, HubError, Repository

_REPOSITORY = r"(?P<name>[^/]+/[^/]+?)"
_API = re.compile(rf"/api/(?P<kind>models|datasets|spaces)/{_REPOSITORY}(?:/(?P<rest>.*))?")
_LFS = re.compile(rf"/(?:(?P<kind>datasets|spaces)/)?{_REPOSITORY}\.git/info/lfs/objects/batch")
_RESOLVE = re.compile(rf"/(?:(?P<kind>datasets|spaces)/)?{_REPOSITORY}/resolve/(?P<rest>.+)")
_LEADERBOARD = re.compile(rf"/api/datasets/{_REPOSITORY}/leaderboard")
_NAME = re.compile(r"[\w.-]{1,96}")


@dataclass
class Fault:
    """A fault for the next `times` requests whose method is `method` and whose address contains `words`.

    status: of the error response. None: the connection breaks, in the middle of the request or response, or, if `done`,
    after the request was carried out and before the response.
    """

    method: str
    words: str
    times: int
    status: int | None
    done: bool


class HubServer:
    """A Hub on a free port of this machine: `with HubServer() as hub: hub.endpoint, hub.token("alice")`.

    users: names, with the organizations that each may write to. requests: METHOD ADDRESS [RANGE] of all requests.
    unknown: requests that the server does not support. repositories: by kind and name.
    """

    def __init__(self, users: Mapping[str, Iterable[str]] | None = None, port: int = 0, page_size: int = 1000) -> None:
        self.users = {name: tuple(orgs) for name, orgs in (users or {"alice": ("cmcc-org",), "bob": ()}).items()}
        self.page_size = page_size
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.lock = threading.RLock()
        self._tokens = {name: f"hf_{secrets.token_hex(16)}" for name in self.users}
        self.repositories: dict[tuple[str, str], Repository] = {}
        self._faults: list[Fault] = []
        self._ticket = secrets.token_hex(8)
        hub = self

        class BoundHandler(_Handler):
            server_of = hub

        self._http = ThreadingHTTPServer(("127.0.0.1", port), BoundHandler)
        self._http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def token(self, user: str) -> str:
        """The access token of a user."""
        return self._tokens[user]

    def environment(self, home: str | os.PathLike[str], user: str | None = None) -> dict[str, str]:
        """The environment variables of clients, set before any import. home: a temporary folder for their cache."""
        settings = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        }
        return settings | ({"HF_TOKEN": self.token(user)} if user else {})

    def repository(self, kind: str, name: str) -> Repository:
        """A repository, for inspection by a test. kind: models, datasets or spaces."""
        return self.repositories[kind, name]

    def add(self, kind: str, name: str, files: Mapping[str, bytes], private: bool = False) -> Repository:
        """Adds a repository with one commit, without a client."""
        repo = self.repositories[kind, name] = Repository(kind, name, name.split("/")[0], private)
        large = (".parquet", ".safetensors", ".bin")
        repo.commit(
            "refs/heads/main",
            {path: File(content, path.endswith(large)) for path, content in files.items()},
            "files",
            "",
            repo.name.split("/")[0],
        )
        return repo

    def break_next(self, request: str, times: int = 1, status: int | None = None, done: bool = False) -> None:
        """Makes the next requests fail, see `Fault`. request: METHOD WORDS, for instance "PUT lfs"."""
        method, words = request.split()
        self._faults.append(Fault(method, words, times, status, done))

    def clear_faults(self) -> None:
        """Removes the faults that have not occurred yet."""
        self._faults.clear()

    def fault(self, method: str, url: str) -> Fault | None:
        """The fault for a request; its count is reduced by one."""
        with self.lock:
            for fault in self._faults:
                if fault.times and fault.method == method and fault.words in url:
                    fault.times -= 1
                    return fault
        return None

    def user_of(self, authorization: str | None) -> str | None:
        """The user of a header; None without a header. Raises HubError 401 for an unknown token."""
        if not authorization:
            return None
        for name, token in self._tokens.items():
            if secrets.compare_digest(authorization, f"Bearer {token}"):
                return name
        raise HubError(401, "Invalid credentials in Authorization header")

    def may_write(self, user: str | None, namespace: str) -> bool:
        """Whether a user may write to a namespace."""
        return user is not None and (namespace == user or namespace in self.users[user])

    def find(self, call: Call, kind: str | None, name: str, needed: str, content: bool = False) -> Repository:
        """The repository of a call.

        needed: read, user or write. content: whether a gate applies. For a user without access, a private repository
        gives the same error as a missing one.
        """
        repo = self.repositories.get((kind or "models", name))
        is_owner = self.may_write(call.user, name.split("/")[0])
        if repo is None or (repo.private and not is_owner):
            raise HubError(404 if call.user else 401, "Repository not found", "RepoNotFound")
        if needed == "user":
            _ = call.author
        if needed == "write" and not is_owner:
            raise HubError(403 if call.author else 401, "You are not allowed to write to this repository")
        if content and repo.gated and not is_owner and call.user not in repo.readers:
            raise HubError(403 if call.user else 401, f"Access to {repo.kind} {name} is restricted", "GatedRepo")
        return repo

    def answer(self, call: Call) -> Reply:
        """The response to a request. Raises HubError for an error response."""
        path = call.url.split("?")[0]
        if path == "/api/validate-yaml":
            return calls.validate_yaml(call)
        if path == "/api/whoami-v2":
            return self._whoami(call)
        if path.startswith("/lfs/"):
            return self._take_object(call)
        if path in ("/api/repos/create", "/api/repos/delete"):
            return self._create(call) if call.method == "POST" else self._delete(call)
        if path.removeprefix("/api/") in KINDS:
            return self._list(call, path.removeprefix("/api/"))
        if match := _LFS.fullmatch(path):
            repo = self.find(call, match["kind"], match["name"], "user")
            return calls.lfs_batch(call, repo, self._ticket)
        if match := _RESOLVE.fullmatch(path):
            repo = self.find(call, match["kind"], match["name"], "read", content=True)
            after = call.segments.index("resolve", 2) + 1
            return calls.resolve(call, repo, call.segments[after], "/".join(call.segments[after + 1 :]))
        if match := _LEADERBOARD.fullmatch(path):
            repo = self.find(call, "datasets", match["name"], "read")
            return results.leaderboard(call, repo, self._models(call))
        if match := _API.fullmatch(path):
            return self._answer_for_repository(call, match["kind"], match["name"])
        return self._unknown(call)

    def _answer_for_repository(self, call: Call, kind: str, name: str) -> Reply:
        word, *rest = call.segments[4:] or [""]
        needed = "user" if call.asks("create_pr") or self._is_own_proposal(call, kind, name, rest) else "write"
        if (call.method, word) == ("POST", "commit"):
            return calls.commit(call, self.find(call, kind, name, needed), rest)
        if (call.method, word) == ("POST", "preupload"):
            return calls.preupload(call, self.find(call, kind, name, needed), rest)
        if word == "discussions" and rest:
            needed = "write" if rest[1:] == ["merge"] else "user" if call.method == "POST" else "read"
            answer = calls.change_discussion if call.method == "POST" else calls.get_discussion
            return answer(call, self.find(call, kind, name, needed), rest)
        if (call.method, word) == ("GET", "auth-check") and rest == ["write"]:
            self.find(call, kind, name, "write")
        if (call.method, word) not in calls.REPOSITORY_CALLS:
            return self._unknown(call)
        function, needed = calls.REPOSITORY_CALLS[call.method, word]
        return function(call, self.find(call, kind, name, needed, content=word == "auth-check"), rest)

    def _is_own_proposal(self, call: Call, kind: str, name: str, rest: list[str]) -> bool:
        """Whether a revision is the branch of a pull request of the user."""
        repo = self.repositories.get((kind, name))
        if repo is None or not rest or not rest[0].startswith("refs/pr/"):
            return False
        return repo.discussion(rest[0].removeprefix("refs/pr/")).author == call.user

    def _models(self, call: Call) -> list[Repository]:
        """The models that the user can see, sorted by name."""
        models = [repo for (kind, _), repo in sorted(self.repositories.items()) if kind == "models"]
        return [repo for repo in models if not repo.private or self.may_write(call.user, repo.name.split("/")[0])]

    def _unknown(self, call: Call) -> Reply:
        self.unknown.append(f"{call.method} {call.url}")
        raise HubError(404, f"no such call: {call.method} {call.url}")

    def _whoami(self, call: Call) -> Reply:
        if call.user is None:
            raise HubError(401, "Invalid user token.")
        orgs = [{"type": "org", "name": name} for name in self.users[call.user]]
        access = {"accessToken": {"displayName": "tests", "role": "write"}, "type": "access_token"}
        return Reply({"type": "user", "name": call.user, "fullname": call.user, "orgs": orgs, "auth": access})

    def _requested_repository(self, call: Call) -> tuple[str, str, dict[str, Any]]:
        request = call.json()
        namespace = request.get("organization") or call.author
        if not self.may_write(call.author, namespace):
            raise HubError(403, f"You don't have the rights to do this under the namespace {namespace}")
        if not _NAME.fullmatch(request["name"]):
            raise HubError(400, f"Invalid repository name {request['name']!r}")
        return f"{request.get('type') or 'model'}s", f"{namespace}/{request['name']}", request

    def _create(self, call: Call) -> Reply:
        kind, name, request = self._requested_repository(call)
        where = {"name": name, "url": f"{self.endpoint}/{'' if kind == 'models' else kind + '/'}{name}"}
        if (kind, name) in self.repositories:
            raise HubError(409, f"You already created this {kind.removesuffix('s')} repo: {where['url']}")
        private = request.get("visibility", "private" if request.get("private") else "public") == "private"
        repo = Repository(kind, name, call.author, private, request.get("sdk"))
        for values, key in ((repo.variables, "variables"), (repo.secrets, "secrets")):
            values.update({item["key"]: item for item in request.get(key, [])})
        self.repositories[kind, name] = repo
        return Reply(where)

    def _delete(self, call: Call) -> Reply:
        kind, name, _ = self._requested_repository(call)
        if self.repositories.pop((kind, name), None) is None:
            raise HubError(404, "Repository not found", "RepoNotFound")
        return Reply({})

    def _list(self, call: Call, kind: str) -> Reply:
        tag = call.query.get("filter")
        infos = [
            calls.describe(repo, repo.find("main"))
            for (of, name), repo in sorted(self.repositories.items())
            if of == kind
            and call.query.get("author") in (None, name.split("/")[0])
            and call.query.get("search", "").lower() in name.lower()
            and (not repo.private or self.may_write(call.user, name.split("/")[0]))
        ]
        return calls.page(call, [info for info in infos if tag is None or tag in info["tags"]], self.page_size)

    def _take_object(self, call: Call) -> Reply:
        """PUT of an LFS object to an address from the batch call; clients send no token with it."""
        _, kind, owner, repository, name = call.segments
        if call.query.get("ticket") != self._ticket:
            raise HubError(403, "Invalid upload address")
        if File(call.body).sha256 != name:
            raise HubError(400, "The content has another SHA-256")
        self.repositories[kind, f"{owner}/{repository}"].objects[name] = call.body
        return Reply(b"")


class _BrokenError(Exception):
    """The connection must be closed."""


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of a connection."""

    protocol_version = "HTTP/1.1"
    server_of: HubServer

    def _handle(self) -> None:
        hub = self.server_of
        fault = hub.fault(self.command, self.path)
        is_cut = fault is not None and fault.status is None and not fault.done
        hub.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        try:
            body = self._read(half=is_cut)
            reply = self._reply(body, fault)
            if fault and fault.status is None and (fault.done or self.command != "GET"):
                raise _BrokenError
            self._write(reply, half=is_cut)
        except _BrokenError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client went away

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

    def _reply(self, body: bytes, fault: Fault | None) -> Reply:
        hub = self.server_of
        try:
            if fault and fault.status:
                raise HubError(fault.status, "As the test asked")
            user = hub.user_of(self.headers.get("Authorization"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            method = "GET" if self.command == "HEAD" else self.command
            with hub.lock:
                return hub.answer(Call(method, self.path, headers, body, user, hub.endpoint, hub.page_size))
        except HubError as error:
            headers = {"X-Error-Message": error.message} | ({"X-Error-Code": error.code} if error.code else {})
            url = {"url": error.message.rsplit(" ", 1)[-1]} if error.status == 409 else {}
            return Reply({"error": error.message} | url, error.status, headers)

    def _read(self, half: bool) -> bytes:
        """The body, of a known length or in chunks; half of it if the connection is to break."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
                if half:
                    raise _BrokenError
            self.rfile.readline()
        else:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size // 2 if half else size)
        if half and self.command != "GET":
            raise _BrokenError
        return body

    def _write(self, reply: Reply, half: bool) -> None:
        body = reply.body()
        self.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if half else body)
        if half:
            self.wfile.flush()
            raise _BrokenError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Prints nothing."""

"""The Hub's API calls, one function each: takes a request and a repository, returns the response."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import yaml

from . import results
from .store import MAIN, Commit, Discussion, File, HubError, Repository, now

# Files that become LFS objects: by their name, or if they are longer than _LARGE bytes.
_LARGE_NAMES = (".parquet", ".safetensors", ".bin", ".pt", ".pkl", ".gz", ".arrow", ".png")
_LARGE = 10_000_000


@dataclass
class Call:
    """A complete request. segments: of the path, unquoted after the split, because a quoted ref is one segment."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    user: str | None
    endpoint: str
    page_size: int
    segments: list[str] = field(init=False)
    query: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self.segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}

    def json(self) -> Any:
        """The JSON in the body; an empty body is an empty object."""
        return json.loads(self.body or b"{}")

    def asks(self, name: str) -> bool:
        """Whether a flag of the query is set."""
        return self.query.get(name, "").lower() in ("1", "true")

    @property
    def author(self) -> str:
        """The user. Raises HubError 401 if there is none."""
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        return self.user


@dataclass
class Reply:
    """A response: JSON, or bytes for other content."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The body of the response."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


def page(call: Call, items: Sequence[Any], size: int) -> Reply:
    """A page of a listing, with a link to the next one."""
    start = int(call.query.get("cursor", 0))
    headers = {}
    if start + size < len(items):
        query = urlencode(call.query | {"cursor": str(start + size)})
        headers["Link"] = f'<{call.endpoint}{urlsplit(call.url).path}?{query}>; rel="next"'
    return Reply(items[start : start + size], headers=headers)


def card_data(files: Mapping[str, File]) -> dict[str, Any]:
    """The YAML metadata of README.md; empty if it is missing or invalid."""
    text = files["README.md"].content.decode("utf-8", "replace") if "README.md" in files else ""
    return yaml_head(text) or {}


def yaml_head(text: str) -> dict[str, Any] | None:
    """The YAML between the first two lines of ---; None if it is invalid. Nothing else of a card is checked."""
    parts = text.split("---\n", 2)
    try:
        head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else {}
    except yaml.YAMLError:
        return None
    return head if isinstance(head, dict) else None


def describe(repo: Repository, commit: Commit, blobs: bool = False) -> dict[str, Any]:
    """The response to repo_info."""
    siblings: list[dict[str, Any]] = []
    for path, file in sorted(commit.files.items()):
        more = {"size": len(file.content), "blobId": file.oid} | ({"lfs": file.lfs()} if file.is_lfs else {})
        siblings.append({"rfilename": path} | (more if blobs else {}))
    card = card_data(commit.files)
    return {
        "id": repo.name,
        "author": repo.name.split("/")[0],
        "sha": commit.oid,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "createdAt": repo.created,
        "lastModified": commit.date,
        "siblings": siblings,
        "cardData": card,
        "tags": [str(tag) for tag in card.get("tags", [])],
        "likes": 0,
        "downloads": 0,
    } | ({"sdk": repo.sdk, "runtime": _stage(repo, commit)} if repo.kind == "spaces" else {})


def _stage(repo: Repository, commit: Commit) -> dict[str, Any]:
    """The stage of a Space. It is never built: one with a start file stays at BUILDING."""
    start = "index.html" if repo.sdk == "static" else "app.py"
    stage = "BUILDING" if start in commit.files else "NO_APP_FILE"
    return {"stage": stage, "hardware": {"current": None, "requested": "cpu-basic"}, "gcTimeout": None}


def info(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET /api/T/ID[/revision/REV]."""
    at = repo.find(rest[0] if rest else "main")
    wanted = parse_qs(urlsplit(call.url).query).get("expand", [])
    more = {"evalResults": results.listed(at.files)} if "evalResults" in wanted else {}
    return Reply(describe(repo, at, call.asks("blobs")) | more)


def _entries(repo: Repository, commit: Commit, expand: bool) -> dict[str, dict[str, Any]]:
    """The entries of files and folders in listings, by path."""
    entries: dict[str, dict[str, Any]] = {}
    for path, file in commit.files.items():
        entries[path] = {"type": "file", "path": path, "oid": file.oid, "size": len(file.content)}
        if file.is_lfs:
            entries[path]["lfs"] = file.lfs()
        for end in [index for index, letter in enumerate(path) if letter == "/"]:
            folder = path[:end]
            oid = File("".join(sorted(f for f in commit.files if f.startswith(folder + "/"))).encode()).oid
            entries[folder] = {"type": "directory", "path": folder, "oid": oid, "size": 0}
    if expand:
        for path, entry in entries.items():
            last = _last_change(repo, commit, path)
            entry["lastCommit"] = {"id": last.oid, "title": last.title, "date": last.date}
    return dict(sorted(entries.items()))


def _last_change(repo: Repository, commit: Commit, path: str) -> Commit:
    def content(one: Commit) -> list[tuple[str, str]]:
        return sorted((name, f.oid) for name, f in one.files.items() if name == path or name.startswith(path + "/"))

    while commit.parent and content(repo.commits[commit.parent]) == content(commit):
        commit = repo.commits[commit.parent]
    return commit


def tree(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET tree/REV[/PATH]."""
    folder = "/".join(rest[1:])
    expand = call.asks("expand")
    entries = _entries(repo, repo.find(rest[0]), expand)
    if folder and entries.get(folder, {}).get("type") != "directory":
        raise HubError(404, f"{folder} does not exist on {rest[0]}", "EntryNotFound")
    below = [entry for path, entry in entries.items() if not folder or path.startswith(f"{folder}/")]
    if not call.asks("recursive"):
        below = [entry for entry in below if "/" not in entry["path"][len(folder) + bool(folder) :]]
    return page(call, below, min(50, call.page_size) if expand else call.page_size)


def paths_info(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """POST paths-info/REV: a form with paths; missing paths are left out."""
    form = parse_qs(call.body.decode())
    entries = _entries(repo, repo.find(rest[0]), form.get("expand", [""])[0].lower() == "true")
    return Reply([entries[path] for path in form.get("paths", []) if path in entries])


def refs(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET refs."""
    found: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": []}
    if call.asks("include_prs"):
        found["pullRequests"] = []
    for ref, oid in sorted(repo.refs.items()):
        kind = {"heads": "branches", "tags": "tags", "pr": "pullRequests"}[ref.split("/")[1]]
        if kind in found:
            found[kind].append({"name": ref.split("/", 2)[2], "ref": ref, "targetCommit": oid})
    return Reply(found)


def commits(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET commits/REV."""
    listed = [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.description,
            "date": commit.date,
            "authors": [{"user": commit.author}],
        }
        for commit in repo.history(rest[0])
    ]
    return page(call, listed, min(50, call.page_size))


def add_branch(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """POST branch/NAME."""
    repo.add_ref(f"refs/heads/{rest[0]}", call.json().get("startingPoint", "main"))
    return Reply({})


def add_tag(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """POST tag/REV."""
    repo.add_ref(f"refs/tags/{call.json()['tag']}", rest[0])
    return Reply({})


def remove_ref(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """DELETE branch/NAME, DELETE tag/NAME."""
    folder = "heads" if "branch" in call.segments[4] else "tags"
    if folder == "heads" and rest[0] == "main":
        raise HubError(403, "The branch main cannot be deleted")
    repo.remove_ref(f"refs/{folder}/{rest[0]}")
    return Reply({})


def settings(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """PUT settings."""
    asked = call.json()
    if "visibility" in asked or "private" in asked:
        repo.private = asked.get("visibility", "private" if asked.get("private") else "public") == "private"
    repo.gated = asked.get("gated", repo.gated)
    return Reply({"private": repo.private, "gated": repo.gated})


def preupload(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """POST preupload/REV: which files become LFS objects."""
    head = repo.find(rest[0])
    answers = []
    for file in call.json()["files"]:
        path, here = file["path"], head.files.get(file["path"])
        mode = "lfs" if path.endswith(_LARGE_NAMES) or file["size"] > _LARGE else "regular"
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": here.oid if here else None})
    return Reply({"files": answers})


def commit(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """POST commit/REV: JSON lines; the first one is the header."""
    lines = [json.loads(line) for line in call.body.splitlines() if line]
    header = lines[0]["value"]
    if call.asks("create_pr"):
        base = repo.find(header.get("parentCommit", rest[0]))
        changes = _changes(lines[1:], base, repo.objects)
        made = repo.open_discussion(header["summary"], call.author, header.get("description", ""), "open", base.oid)
        ref, request = made.ref, made
    else:
        ref, request = repo.branch(rest[0]), None
        head = repo.commits[repo.refs[ref]]
        if not head.oid.startswith(header.get("parentCommit", "")):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        changes = _changes(lines[1:], head, repo.objects)
    new = repo.commit(ref, changes, header["summary"], header.get("description", ""), call.author)
    if request:
        request.add_event("commit", call.author, {"subject": new.title, "oid": new.oid})
    page_url = f"{call.endpoint}/{repo.path}"
    request_url = f"{page_url}/discussions/{request.num}" if request else None
    return Reply({"commitUrl": f"{page_url}/commit/{new.oid}", "commitOid": new.oid, "pullRequestUrl": request_url})


def _changes(lines: list[dict[str, Any]], head: Commit, objects: dict[str, bytes]) -> dict[str, File | None]:
    changes: dict[str, File | None] = {}
    for line in lines:
        value, path = line["value"], line["value"]["path"]
        if line["key"] == "file":
            changes[path] = File(base64.b64decode(value["content"]))
        elif line["key"] == "lfsFile":
            if value["oid"] not in objects:
                raise HubError(400, f"LFS object {value['oid']} of {path} was not uploaded")
            changes[path] = File(objects[value["oid"]], is_lfs=True)
        else:
            gone = [name for name in head.files if name == path or name.startswith(path.rstrip("/") + "/")]
            if not gone:
                raise HubError(404, f"{path} does not exist", "EntryNotFound")
            changes |= dict.fromkeys(gone)
    return changes


def lfs_batch(call: Call, repo: Repository, ticket: str) -> Reply:
    """POST ID.git/info/lfs/objects/batch: upload addresses of missing objects."""
    answers = []
    for wanted in call.json()["objects"]:
        answer = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in repo.objects:
            href = f"{call.endpoint}/lfs/{repo.kind}/{repo.name}/{wanted['oid']}?ticket={ticket}"
            answer["actions"] = {"upload": {"href": href}}
        answers.append(answer)
    return Reply({"transfer": "basic", "objects": answers})


def resolve(call: Call, repo: Repository, revision: str, path: str) -> Reply:
    """HEAD and GET ID/resolve/REV/PATH: the file, or a range of bytes."""
    at = repo.find(revision)
    if path not in at.files:
        raise HubError(404, f"{path} does not exist on {revision}", "EntryNotFound")
    file = at.files[path]
    headers = {
        "X-Repo-Commit": at.oid,
        "ETag": f'"{file.sha256 if file.is_lfs else file.oid}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(path.rsplit('/', 1)[-1])}",
    }
    if file.is_lfs:
        headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))}
    asked = call.headers.get("range", "")
    if not asked.startswith("bytes="):
        return Reply(file.content, headers=headers)
    size = len(file.content)
    first, last = asked.removeprefix("bytes=").split(",")[0].split("-")
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size:
        return Reply(b"", 416, headers | {"Content-Range": f"bytes */{size}"})
    return Reply(file.content[start : end + 1], 206, headers | {"Content-Range": f"bytes {start}-{end}/{size}"})


def _outline(repo: Repository, discussion: Discussion) -> dict[str, Any]:
    return {
        "num": discussion.num,
        "title": discussion.title,
        "author": {"name": discussion.author},
        "createdAt": discussion.created,
        "status": discussion.status,
        "isPullRequest": discussion.is_pull_request,
        "repo": {"name": repo.name, "type": repo.kind.removesuffix("s")},
    }


def list_discussions(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET discussions?p=PAGE: newest first."""
    wanted = call.query.get("type", "all"), call.query.get("status", "all"), call.query.get("author")
    found = [
        discussion
        for discussion in reversed(repo.discussions)
        if wanted[0] in ("all", "pull_request" if discussion.is_pull_request else "discussion")
        and wanted[1] in ("all", "open" if discussion.status in ("open", "draft") else "closed")
        and wanted[2] in (None, discussion.author)
    ]
    start = int(call.query.get("p", 0)) * (size := min(10, call.page_size))
    shown = [_outline(repo, discussion) for discussion in found[start : start + size]]
    return Reply({"discussions": shown, "count": len(found), "start": start})


def open_discussion(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """POST discussions: a pull request opened by this call is a draft."""
    asked = call.json()
    if len(asked["title"].strip()) < 3:
        raise HubError(400, "A title has 3 letters or more")
    base = repo.find("main").oid if asked.get("pullRequest") else None
    status = "draft" if base else "open"
    made = repo.open_discussion(asked["title"], call.author, asked.get("description") or "", status, base)
    return Reply({"num": made.num, "pullRequest": bool(base)})


def get_discussion(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET discussions/NUM?diff=1."""
    discussion = repo.discussion(rest[0])
    answer = _outline(repo, discussion) | {"events": discussion.events}
    if discussion.is_pull_request:
        answer["changes"] = {"base": MAIN, "mergeCommitId": discussion.merge_commit}
        answer["filesWithConflicts"] = repo.conflicts(discussion) if discussion.status != "merged" else []
        if call.asks("diff"):
            answer["diff"] = repo.diff(discussion)
    return Reply(answer)


def change_discussion(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """POST discussions/NUM/comment, status, title or merge."""
    discussion, asked = repo.discussion(rest[0]), call.json()
    if rest[1] == "comment":
        return Reply({"newMessage": discussion.comment(call.author, asked["comment"])})
    if rest[1] == "merge":
        repo.merge(discussion, call.author, asked.get("comment", ""))
        return Reply({})
    if rest[1] == "status":
        discussion.status = asked["status"]
        data = {"status": asked["status"]}
        if asked.get("comment"):
            discussion.comment(call.author, asked["comment"])
        return Reply({"newStatus": discussion.add_event("status-change", call.author, data)})
    if rest[1] == "title":
        data = {"from": discussion.title, "to": asked["title"]}
        discussion.title = asked["title"]
        return Reply({"newTitle": discussion.add_event("title-change", call.author, data)})
    raise HubError(404, f"no call discussions/NUM/{rest[1]}")


def space_values(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET, POST and DELETE variables and secrets of a Space; a secret's value is never returned."""
    is_secret = call.segments[4] == "secrets"
    values, asked = (repo.secrets if is_secret else repo.variables), call.json()
    if call.method == "POST":
        new = {"key": asked["key"], "description": asked.get("description"), "updatedAt": now()}
        values[asked["key"]] = new | ({} if is_secret else {"value": asked["value"]})
    elif call.method == "DELETE":
        values.pop(asked["key"], None)
    return Reply(values)


def runtime(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET runtime of a Space."""
    return Reply(_stage(repo, repo.find("main")))


def allowed(call: Call, repo: Repository, rest: list[str]) -> Reply:
    """GET auth-check[/write]: access was checked before this call, so there is nothing more to do."""
    return Reply({})


def validate_yaml(call: Call) -> Reply:
    """POST /api/validate-yaml: refuses only invalid YAML; the real Hub also checks the fields."""
    if yaml_head(call.json()["content"]) is None:
        return Reply({"errors": [{"message": "not a YAML mapping"}], "warnings": []}, 400)
    return Reply({"errors": [], "warnings": []})


Function = Callable[[Call, Repository, list[str]], Reply]

# By method and the word after the repository's id: what answers, and who may call it: any reader, any reader who is
# logged in, or who may write.
REPOSITORY_CALLS: dict[tuple[str, str], tuple[Function, str]] = {
    ("GET", ""): (info, "read"),
    ("GET", "revision"): (info, "read"),
    ("GET", "tree"): (tree, "read"),
    ("POST", "paths-info"): (paths_info, "read"),
    ("GET", "refs"): (refs, "read"),
    ("GET", "commits"): (commits, "read"),
    ("POST", "branch"): (add_branch, "write"),
    ("DELETE", "branch"): (remove_ref, "write"),
    ("POST", "tag"): (add_tag, "write"),
    ("DELETE", "tag"): (remove_ref, "write"),
    ("PUT", "settings"): (settings, "write"),
    ("GET", "discussions"): (list_discussions, "read"),
    ("POST", "discussions"): (open_discussion, "user"),
    ("GET", "runtime"): (runtime, "read"),
    ("GET", "auth-check"): (allowed, "read"),
    **{(method, "variables"): (space_values, "write") for method in ("GET", "POST", "DELETE")},
    **{(method, "secrets"): (space_values, "write") for method in ("GET", "POST", "DELETE")},
}

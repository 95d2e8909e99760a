"""The server's data, in memory: repositories with commits, branches, tags, discussions and pull requests."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

KINDS = ("models", "datasets", "spaces")
MAIN = "refs/heads/main"
_GITATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


class HubError(Exception):
    """An error response. code: the X-Error-Code by which clients recognize the kind of error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        self.status, self.message, self.code = status, message, code
        super().__init__(message)


def now() -> str:
    """The current time in the format that clients accept: with Z, not with an offset."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class File:
    """A file's content at a commit; git stores a pointer in place of a large file."""

    content: bytes
    is_lfs: bool = False

    @cached_property
    def sha256(self) -> str:
        """The digest of the content, which is the LFS object's name."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        """The LFS pointer that git stores for a large file."""
        lines = "version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}", f"size {len(self.content)}"
        return "\n".join((*lines, "")).encode()

    @cached_property
    def oid(self) -> str:
        """The git blob id of the content, or of the pointer to it."""
        return git_oid(self.pointer if self.is_lfs else self.content)

    def lfs(self) -> dict[str, Any] | None:
        """The LFS entry of a file in listings; None for a small file."""
        sizes = {"size": len(self.content), "pointerSize": len(self.pointer)}
        return {"oid": self.sha256, "sha256": self.sha256, **sizes} if self.is_lfs else None


def git_oid(content: bytes) -> str:
    """The git blob id of a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Commit:
    """A state of all files, and its parent. The oid is a digest of both, not git's own."""

    parent: str | None
    files: Mapping[str, File]
    title: str
    description: str
    author: str
    date: str

    @cached_property
    def oid(self) -> str:
        """40 hexadecimal digits."""
        names = [f"{path} {file.oid}" for path, file in sorted(self.files.items())]
        parts = [str(self.parent), self.title, self.description, self.author, self.date, *names]
        return hashlib.sha1("\n".join(parts).encode()).hexdigest()


@dataclass
class Discussion:
    """A discussion, or a pull request. base: the commit that the pull request started from."""

    num: int
    title: str
    author: str
    status: str
    base: str | None = None
    created: str = field(default_factory=now)
    events: list[dict[str, Any]] = field(default_factory=list)
    merge_commit: str | None = None

    @property
    def is_pull_request(self) -> bool:
        """Whether it is a pull request."""
        return self.base is not None

    @property
    def ref(self) -> str:
        """The branch of a pull request."""
        return f"refs/pr/{self.num}"

    def add_event(self, kind: str, author: str, data: dict[str, Any]) -> dict[str, Any]:
        """Adds an event."""
        event = {"id": f"{self.num:08x}{len(self.events):08x}", "type": kind, "createdAt": now()}
        self.events.append(event | {"author": {"name": author}, "data": data})
        return self.events[-1]

    def comment(self, author: str, text: str) -> dict[str, Any]:
        """Adds a comment."""
        return self.add_event("comment", author, {"edited": False, "hidden": False, "latest": {"raw": text}})


class Repository:
    """A repository; callers of its methods must hold the server's lock."""

    def __init__(self, kind: str, name: str, author: str, private: bool, sdk: str | None = None) -> None:
        self.kind, self.name, self.private, self.sdk = kind, name, private, sdk
        self.gated: str | bool = False
        self.readers: set[str] = set()  # users with access to a gated repository
        self.created = now()
        self.objects: dict[str, bytes] = {}  # LFS objects by SHA-256, also those without a commit
        self.commits: dict[str, Commit] = {}
        self.refs: dict[str, str] = {}
        self.discussions: list[Discussion] = []
        self.variables: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, Any]] = {}
        self._add(MAIN, Commit(None, {".gitattributes": File(_GITATTRIBUTES)}, "initial commit", "", author, now()))

    @property
    def path(self) -> str:
        """The path of the repository's page."""
        return self.name if self.kind == "models" else f"{self.kind}/{self.name}"

    def find(self, revision: str) -> Commit:
        """The commit that a branch, a tag, a full ref or an oid (7 digits or more) names."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        matches = [commit for oid, commit in self.commits.items() if len(revision) >= 7 and oid.startswith(revision)]
        if len(matches) != 1:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return matches[0]

    def branch(self, revision: str) -> str:
        """The branch that a commit to `revision` updates."""
        for ref in (f"refs/heads/{revision}", revision):
            if ref in self.refs and not ref.startswith("refs/tags/"):
                return ref
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def history(self, revision: str) -> list[Commit]:
        """The commits of a revision, newest first."""
        commits = [self.find(revision)]
        while commits[-1].parent:
            commits.append(self.commits[commits[-1].parent])
        return commits

    def commit(self, ref: str, changes: Mapping[str, File | None], title: str, description: str, author: str) -> Commit:
        """Commits changes to a branch; None deletes a file. Without any change there is no commit."""
        head = self.commits[self.refs[ref]]
        files = {path: file for path, file in {**head.files, **changes}.items() if file is not None}
        if {path: file.oid for path, file in files.items()} == {path: file.oid for path, file in head.files.items()}:
            return head
        return self._add(ref, Commit(head.oid, files, title, description, author, now()))

    def _add(self, ref: str, commit: Commit) -> Commit:
        self.commits[commit.oid] = commit
        self.refs[ref] = commit.oid
        return commit

    def add_ref(self, ref: str, revision: str) -> None:
        """Adds a branch or tag. Raises HubError 409 if it exists."""
        if ref in self.refs:
            raise HubError(409, f"Reference already exists: {ref}")
        self.refs[ref] = self.find(revision).oid

    def remove_ref(self, ref: str) -> None:
        """Deletes a branch or tag. Raises HubError 404 if there is none."""
        if ref not in self.refs:
            raise HubError(404, f"Reference not found: {ref}", "RevisionNotFound")
        del self.refs[ref]

    def open_discussion(self, title: str, author: str, description: str, status: str, base: str | None) -> Discussion:
        """Opens a discussion. base: the commit that a pull request starts from."""
        discussion = Discussion(len(self.discussions) + 1, title, author, status, base)
        if base is not None:
            self.refs[discussion.ref] = base
        discussion.comment(author, description)
        self.discussions.append(discussion)
        return discussion

    def discussion(self, num: str) -> Discussion:
        """The discussion with a number."""
        if not num.isdecimal() or not 1 <= int(num) <= len(self.discussions):
            raise HubError(404, f"Discussion {num} not found")
        return self.discussions[int(num) - 1]

    def changes(self, discussion: Discussion) -> dict[str, File | None]:
        """The changes of a pull request since its base; None for a deleted file."""
        assert discussion.base is not None
        return _difference(self.commits[discussion.base].files, self.find(discussion.ref).files)

    def conflicts(self, discussion: Discussion) -> list[str]:
        """The files that a pull request and main have changed in different ways."""
        assert discussion.base is not None
        ours, theirs = (
            _difference(self.commits[discussion.base].files, self.find("main").files),
            self.changes(discussion),
        )
        return sorted(path for path in ours.keys() & theirs.keys() if ours[path] != theirs[path])

    def merge(self, discussion: Discussion, author: str, comment: str) -> None:
        """Merges a pull request into main. Raises HubError 409 if it is not open, or has conflicts."""
        if not discussion.is_pull_request or discussion.status != "open":
            raise HubError(409, f"Cannot merge a pull request that is {discussion.status}")
        if paths := self.conflicts(discussion):
            raise HubError(409, f"Conflicting files: {', '.join(paths)}")
        title = f"{discussion.title} (#{discussion.num})"
        discussion.merge_commit = self.commit(MAIN, self.changes(discussion), title, comment, author).oid
        discussion.status = "merged"
        discussion.add_event("status-change", author, {"status": "merged"})

    def diff(self, discussion: Discussion) -> str:
        """A pull request's changes as a git diff."""
        assert discussion.base is not None
        before, lines = self.commits[discussion.base].files, []
        for path, file in sorted(self.changes(discussion).items()):
            old, new = _text_lines(before.get(path)), _text_lines(file)
            names = (f"a/{path}" if path in before else "/dev/null", f"b/{path}" if file else "/dev/null")
            lines += [f"diff --git a/{path} b/{path}\n", *difflib.unified_diff(old, new, *names)]
        return "".join(lines)


def _difference(before: Mapping[str, File], after: Mapping[str, File]) -> dict[str, File | None]:
    return {
        path: after.get(path)
        for path in before.keys() | after.keys()
        if path not in before or path not in after or before[path].oid != after[path].oid
    }


def _text_lines(file: File | None) -> list[str]:
    if file is None:
        return []
    return (file.pointer if file.is_lfs else file.content).decode("utf-8", "replace").splitlines(keepends=True)

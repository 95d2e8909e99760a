"""`cmcc push`: first a plan, by comparing with what is there; then one commit of what differs, and a tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash
from rich import filesize

from cmcc_bench.errors import DataError, printable
from cmcc_bench.hub.artifact import Artifact, check_no_token, read_file, sha256, size_of
from cmcc_bench.hub.errors import hub_errors

_GITATTRIBUTES = ".gitattributes"  # the Hub's own, in every repository


@dataclass(frozen=True)
class Remote:
    """A repository as it is. files: by path."""

    head: str
    private: bool
    gated: bool
    files: Mapping[str, RepoFile]
    tags: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """What a push is going to do. remote: None where the repository is not there yet."""

    artifact: Artifact
    repository: str
    remote: Remote | None
    changed: tuple[str, ...]
    stale: tuple[str, ...]
    make_public: bool
    tag: str

    @property
    def is_public(self) -> bool:
        """Whether everybody sees the repository afterwards."""
        return self.make_public or (self.remote is not None and not self.remote.private)

    @property
    def needs_gate(self) -> bool:
        """Whether readers are to be let in one by one; the Hub has no gate before a Space."""
        return self.artifact.licensed and self.artifact.kind != "space"

    @property
    def has_work(self) -> bool:
        """Whether anything differs from what is there."""
        remote = self.remote
        if remote is not None and self.artifact.is_first_state:
            return False
        if remote is None or self.changed or self.stale or self.tag not in remote.tags:
            return True
        return (self.make_public and remote.private) or (self.needs_gate and not remote.gated)

    def lines(self) -> Iterator[str]:
        """The plan for a person, safe to print."""
        artifact, new = self.artifact, ", new" if self.remote is None else ""
        seen = "PUBLIC" if self.is_public else "private"
        seen += ", gated" if self.needs_gate or (self.remote and self.remote.gated) else ""
        seen = ", ".join([seen, *data_words(artifact.synthetic, artifact.licensed)])
        yield f"{artifact.kind} {self.repository} ({seen}{new}), tag {printable(self.tag)}"
        for note in artifact.notes:
            yield f"  {printable(note, len(note))}"
        for name in self.changed:
            yield f"  upload {printable(name)} ({filesize.decimal(size_of(artifact.files[name]))})"
        for name in self.stale:
            yield f"  delete {printable(name)}"
        total = sum(size_of(artifact.files[name]) for name in self.changed)
        same = len(artifact.files) - len(self.changed)
        yield f"  {len(self.changed)} files to upload ({filesize.decimal(total)}), {same} as they are there"


def data_words(synthetic: bool, licensed: bool) -> list[str]:
    """What a plan says of the data in, or behind, what would be uploaded."""
    return [word for word, holds in (("SYNTHETIC", synthetic), ("LICENSED", licensed)) if holds]


def user_name(api: HfApi) -> str:
    """Who the token is of. Raises cmcc.DataError without a valid one."""
    with hub_errors(hub=constants.ENDPOINT):
        return str(api.whoami()["name"])


def full_name(api: HfApi, name: str) -> str:
    """The whole id of a repository: a NAME alone is one of the user's own."""
    return name if "/" in name else f"{user_name(api)}/{name}"


def make_plan(
    api: HfApi, artifact: Artifact, repository: str, public: bool = False, rights: bool = False, tag: str | None = None
) -> Plan:
    """Compares with what is there; changes nothing.

    public: make it so. rights: the user holds the rights to publish what is licensed. tag: instead of the version.
    Raises cmcc.DataError when the Hub refuses, when licensed data would be public without the rights, or when the tag
    names another state.
    """
    check_no_token(artifact)
    with hub_errors(repository=repository):
        remote = look(api, artifact, repository)
    files = remote.files if remote else {}
    mine = {} if remote and artifact.is_first_state else artifact.files
    changed = tuple(name for name in sorted(mine) if not is_same(mine[name], files.get(name)))
    stale = tuple(
        name
        for name in sorted(files)
        if name not in artifact.files and name != _GITATTRIBUTES and artifact.replaces(name)
    )
    plan = Plan(artifact, repository, remote, changed, stale, public, tag or artifact.version)
    if plan.is_public and artifact.secret:
        hint = "Leave --public out, and give it another repository than the public data set's."
        found = "a public repository for the labels that the public data set hides"
        raise DataError(found, "a private one", hint, repository=repository)
    if plan.is_public and artifact.licensed and not rights:
        hint = "Make the repository private, or say --i-have-the-rights if you may publish them."
        found = "a public repository for what is made of licensed calls, or of data of which that is not known"
        raise DataError(found, "a private one", hint, repository=repository)
    if remote and tag in remote.tags and (changed or stale):
        raise DataError("the tag on another state", "a new tag", "Name another --tag.", tag=tag)
    return plan


def look(api: HfApi, artifact: Artifact, repository: str) -> Remote | None:
    """The repository as it is; None where there is none that the user may see."""
    try:
        info: Any = api.repo_info(repository, repo_type=artifact.kind)
    except RepositoryNotFoundError:
        return None
    tree = api.list_repo_tree(repository, recursive=True, revision=info.sha, repo_type=artifact.kind)
    tags = api.list_repo_refs(repository, repo_type=artifact.kind).tags
    return Remote(
        info.sha,
        bool(info.private),
        bool(getattr(info, "gated", False)),
        {entry.path: entry for entry in tree if isinstance(entry, RepoFile)},
        frozenset(found.name for found in tags),
    )


def is_same(source: Path | bytes, remote: RepoFile | None) -> bool:
    """Whether a file is in the repository already, told by its size and git's or LFS's digest."""
    if remote is None or size_of(source) != remote.size:
        return False
    return sha256(source) == remote.lfs.sha256 if remote.lfs else git_hash(read_file(source)) == remote.blob_id


def push(api: HfApi, plan: Plan, message: str) -> str:
    """Does what the plan says and returns the repository's address; started again after an error, it goes on.

    A new repository is private, and gated where it needs it, before the first file is uploaded. All files travel in one
    commit on top of the state that the plan saw. Raises cmcc.DataError where the Hub refuses.
    """
    kind, name = plan.artifact.kind, plan.repository
    with hub_errors(repository=name):
        url = api.create_repo(name, repo_type=kind, private=True, exist_ok=True, space_sdk=plan.artifact.sdk)
        if plan.needs_gate and not (plan.remote and plan.remote.gated):
            api.update_repo_settings(name, repo_type=kind, gated="manual")
        state = _commit(api, plan, message)
        if plan.make_public and (plan.remote is None or plan.remote.private):
            api.update_repo_settings(name, repo_type=kind, private=False)
        if plan.remote is None or plan.tag not in plan.remote.tags:
            api.create_tag(name, tag=plan.tag, revision=state, repo_type=kind, exist_ok=True)
    return str(url)


def _commit(api: HfApi, plan: Plan, message: str) -> str:
    """Uploads what differs, if anything does, and returns the id of the commit that holds the artifact."""
    kind, name = plan.artifact.kind, plan.repository
    head = plan.remote.head if plan.remote else str(api.repo_info(name, repo_type=kind).sha)
    if not (plan.changed or plan.stale):
        return head
    files = {path: plan.artifact.files[path] for path in plan.changed}
    added = [CommitOperationAdd(path, file if isinstance(file, bytes) else str(file)) for path, file in files.items()]
    removed = [CommitOperationDelete(path) for path in plan.stale]
    done = api.create_commit(name, [*added, *removed], commit_message=message, repo_type=kind, parent_commit=head)
    return done.oid

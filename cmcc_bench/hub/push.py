"""`cmcc push`: compares with the repository and makes a plan; then uploads the changes in one commit and sets a tag."""

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

_GITATTRIBUTES = ".gitattributes"  # the Hub writes it into every repository


@dataclass(frozen=True)
class Remote:
    """The current state of a repository. head: commit id. files: by path."""

    head: str
    private: bool
    gated: bool
    files: Mapping[str, RepoFile]
    tags: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """What a push is going to do.

    remote: None if the repository does not exist yet. changed, stale: paths to upload and to delete.
    """

    artifact: Artifact
    repository: str
    remote: Remote | None
    changed: tuple[str, ...]
    stale: tuple[str, ...]
    make_public: bool
    tag: str

    @property
    def is_public(self) -> bool:
        """Whether the repository is public after the push."""
        return self.make_public or (self.remote is not None and not self.remote.private)

    @property
    def needs_gate(self) -> bool:
        """Whether access must be granted reader by reader; the Hub cannot gate a Space."""
        return self.artifact.licensed and self.artifact.kind != "space"

    @property
    def has_work(self) -> bool:
        """Whether the push would change anything."""
        remote = self.remote
        if remote is not None and self.artifact.is_first_state:
            return False
        if remote is None or self.changed or self.stale or self.tag not in remote.tags:
            return True
        return (self.make_public and remote.private) or (self.needs_gate and not remote.gated)

    def lines(self) -> Iterator[str]:
        """The plan as lines to show to the user, safe to print."""
        artifact, new = self.artifact, ", new" if self.remote is None else ""
        status = "PUBLIC" if self.is_public else "private"
        status += ", gated" if self.needs_gate or (self.remote and self.remote.gated) else ""
        status = ", ".join([status, *data_words(artifact.synthetic, artifact.licensed)])
        yield f"{artifact.kind} {self.repository} ({status}{new}), tag {printable(self.tag)}"
        for note in artifact.notes:
            yield f"  {printable(note, len(note))}"
        for name in self.changed:
            yield f"  upload {printable(name)} ({filesize.decimal(size_of(artifact.files[name]))})"
        for name in self.stale:
            yield f"  delete {printable(name)}"
        total = sum(size_of(artifact.files[name]) for name in self.changed)
        same = len(artifact.files) - len(self.changed)
        yield f"  {len(self.changed)} files to upload ({filesize.decimal(total)}), {same} unchanged"


def data_words(synthetic: bool, licensed: bool) -> list[str]:
    """The words of a plan about the data in the upload, or that a model was trained on."""
    return [word for word, applies in (("SYNTHETIC", synthetic), ("LICENSED", licensed)) if applies]


def user_name(api: HfApi) -> str:
    """The name of the token's account. Raises cmcc.DataError without a valid token."""
    with hub_errors(hub=constants.ENDPOINT):
        return str(api.whoami()["name"])


def full_name(api: HfApi, name: str) -> str:
    """The full id of a repository. A NAME without an organization belongs to the user's account."""
    return name if "/" in name else f"{user_name(api)}/{name}"


def make_plan(
    api: HfApi, artifact: Artifact, repository: str, public: bool = False, rights: bool = False, tag: str | None = None
) -> Plan:
    """Compares the artifact with the repository; changes nothing.

    public: make the repository public. rights: the user may publish licensed data. tag: instead of the version.
    Raises cmcc.DataError if the Hub refuses, licensed data would become public without the rights, or the tag exists
    with other content.
    """
    check_no_token(artifact)
    with hub_errors(repository=repository):
        remote = read_remote(api, artifact, repository)
    files = remote.files if remote else {}
    local = {} if remote and artifact.is_first_state else artifact.files
    changed = tuple(name for name in sorted(local) if not is_same(local[name], files.get(name)))
    stale = tuple(
        name
        for name in sorted(files)
        if name not in artifact.files and name != _GITATTRIBUTES and artifact.replaces(name)
    )
    plan = Plan(artifact, repository, remote, changed, stale, public, tag or artifact.version)
    if plan.is_public and artifact.secret:
        hint = "Leave --public out, and choose another repository than the public data set's."
        problem = "the labels that the public data set hides would become public"
        raise DataError(problem, "", hint, repository=repository)
    if plan.is_public and artifact.licensed and not rights:
        hint = "Make the repository private, or add --i-have-the-rights if you may publish them."
        problem = "licensed calls, or data that may contain some, would become public"
        raise DataError(problem, "", hint, repository=repository)
    if remote and tag in remote.tags and (changed or stale):
        raise DataError("the tag exists and has other content", "", "Choose another --tag.", tag=tag)
    return plan


def read_remote(api: HfApi, artifact: Artifact, repository: str) -> Remote | None:
    """The current state of the repository; None if there is none that the user can see."""
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
        frozenset(tag.name for tag in tags),
    )


def is_same(source: Path | bytes, remote: RepoFile | None) -> bool:
    """Whether the repository has the same file already, compared by size and by the digest of git or LFS."""
    if remote is None or size_of(source) != remote.size:
        return False
    return sha256(source) == remote.lfs.sha256 if remote.lfs else git_hash(read_file(source)) == remote.blob_id


def push(api: HfApi, plan: Plan, message: str) -> str:
    """Carries out the plan and returns the repository's address; after an error, call it again to continue.

    A new repository is private, and gated if needed, before the first file is uploaded. All files are uploaded in one
    commit on top of the state that the plan was made for. Raises cmcc.DataError if the Hub refuses.
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
    """Uploads the changes, if there are any, and returns the id of the commit that contains the artifact."""
    kind, name = plan.artifact.kind, plan.repository
    head = plan.remote.head if plan.remote else str(api.repo_info(name, repo_type=kind).sha)
    if not (plan.changed or plan.stale):
        return head
    files = {path: plan.artifact.files[path] for path in plan.changed}
    added = [CommitOperationAdd(path, file if isinstance(file, bytes) else str(file)) for path, file in files.items()]
    removed = [CommitOperationDelete(path) for path in plan.stale]
    commit = api.create_commit(name, [*added, *removed], commit_message=message, repo_type=kind, parent_commit=head)
    return commit.oid

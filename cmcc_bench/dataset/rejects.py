"""Rejected dialogues. They are raw data, so they are written next to the built folder, which is uploaded, not into it.

OUT-rejects.jsonl has their raw texts, one per line. OUT-rejects.txt has the reasons in the same order, with personal
data masked; its first line has the SHA-256 digest of the .jsonl file. A build replaces or removes the two files only if
that digest matches: files from another source, or edited since, are never touched.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import folder_identity
from cmcc_bench.reader.encoding import RawFile

_HEAD = "# cmcc build rejected the dialogues of the .jsonl file beside this one; why, a line each; its sha256: "
_LINE_ENDS = str.maketrans("\r\n", "  ")


@dataclass(frozen=True)
class RejectFiles:
    """The paths of the two files of rejected dialogues. During a build, `reasons` does not have its first line."""

    texts: Path
    reasons: Path

    @classmethod
    def inside(cls, folder: Path) -> RejectFiles:
        """The temporary files of one spooled file, or of the whole build."""
        return cls(folder / "rejects.jsonl", folder / "rejects.txt")

    @classmethod
    def beside(cls, out: Path) -> RejectFiles:
        """The final files, next to the folder `out`."""
        return cls(out.with_name(f"{out.name}-rejects.jsonl"), out.with_name(f"{out.name}-rejects.txt"))

    def add(self, text: str, error: DataError) -> None:
        """Appends the raw text of a dialogue and the reason why it was rejected.

        Line breaks are replaced by blanks, nothing else is changed. This keeps the JSON values, because a line break
        in valid JSON is always between values.
        """
        reason = str(error)
        with self.texts.open("a", encoding="utf-8", errors="surrogatepass", newline="\n") as stream:
            stream.write(text.rstrip("\r\n").translate(_LINE_ENDS) + "\n")
        with self.reasons.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(printable(reason, len(reason)) + "\n")

    def exist(self) -> bool:
        """Whether either file exists."""
        return self.texts.exists() or self.reasons.exists()

    def made_by_build(self) -> bool:
        """Whether a build wrote the files and the raw texts are unchanged since."""
        if not self.reasons.is_file():
            return False
        with self.reasons.open(encoding="utf-8", errors="replace") as stream:
            head = re.fullmatch(re.escape(_HEAD) + r"([0-9a-f]{64})\n", stream.readline(len(_HEAD) + 65))
        return head is not None and (not self.texts.exists() or head[1] == _digest(self.texts))

    def copy_to(self, other: RejectFiles) -> None:
        """Copies the files that exist."""
        for path, copy in zip(self._both(), other._both(), strict=True):
            if path.exists():
                shutil.copy2(path, copy)

    def move_to(self, other: RejectFiles) -> None:
        """Moves both files to the paths of `other`. If one does not exist, the file at its new path is removed."""
        for path, target in zip(self._both(), other._both(), strict=True):
            if path.exists():
                path.replace(target)
            else:
                target.unlink(missing_ok=True)

    def _both(self) -> tuple[Path, Path]:
        return self.texts, self.reasons


def join_rejects(parts: Iterable[RejectFiles], whole: RejectFiles) -> None:
    """Concatenates the rejects of the spooled files in order. Writes nothing if there are none."""
    parts = [part for part in parts if part.texts.exists()]
    if not parts:
        return
    with whole.texts.open("wb") as stream:
        for part in parts:
            _append(part.texts, stream)
    with whole.reasons.open("wb") as stream:
        stream.write(f"{_HEAD}{_digest(whole.texts)}\n".encode())
        for part in parts:
            _append(part.reasons, stream)


@contextmanager
def rejects_in_place(new: RejectFiles, out: Path, work: Path) -> Iterator[None]:
    """Moves the rejects next to `out` before the block replaces the folder `out`, so that a kill in between loses none.

    The rejects of an earlier build are replaced, or removed after the block if there are no new ones. They are restored
    if the block fails before it replaced the folder. work: the folder for their backup.
    Raises cmcc.DataError if there are new rejects and a file at their path was not written by a build.
    """
    old, backup = RejectFiles.beside(out), RejectFiles.inside(work)
    is_ours = old.made_by_build()
    if not new.exist():
        yield
        if is_ours:
            new.move_to(old)
        return
    if old.exist() and not is_ours:
        problem = "rejected dialogues are written to this file, but cmcc build did not write it or it was edited since"
        path = old.texts if old.texts.exists() else old.reasons
        raise DataError(problem, "", "Move the file away, or choose another --out.", file=str(path))
    before = folder_identity(out)
    old.copy_to(backup)
    try:
        new.move_to(old)
        yield
    except BaseException:
        if folder_identity(out) == before:
            backup.move_to(old)
        raise


def check_no_raw_file(out: Path, files: Iterable[RawFile]) -> None:
    """Raises cmcc.DataError if the rejects of `out` would be written over a raw file."""
    names = {path.resolve() for path in RejectFiles.beside(out)._both()}
    for file in files:
        if file.path.resolve() in names:
            problem = "this raw file is at the path to which the build writes rejected dialogues"
            raise DataError(problem, "", "Choose another --out, or rename the raw file.", file=str(file.path))


def _append(path: Path, stream: BinaryIO) -> None:
    with path.open("rb") as part:
        shutil.copyfileobj(part, stream)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Rejected dialogues: kept whole beside the built folder, never in it, as they are raw data and it is uploaded.

OUT-rejects.jsonl holds their raw texts, one a line. OUT-rejects.txt says in its first line which .jsonl file it belongs
to, by digest, and below why each was rejected, in the same order, with personal data masked. A build replaces or
removes only a pair that agrees: a file from another source, or edited since, is never touched.
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
    """The two files of rejected dialogues; in a build's spool the second is without its first line."""

    texts: Path
    reasons: Path

    @classmethod
    def inside(cls, folder: Path) -> RejectFiles:
        """Those of one spooled file, or of the whole build while it works."""
        return cls(folder / "rejects.jsonl", folder / "rejects.txt")

    @classmethod
    def beside(cls, out: Path) -> RejectFiles:
        """Those that stay, next to the folder `out`."""
        return cls(out.with_name(f"{out.name}-rejects.jsonl"), out.with_name(f"{out.name}-rejects.txt"))

    def add(self, text: str, error: DataError) -> None:
        """Appends a dialogue's raw text and why it was rejected.

        Only line ends become blanks: in JSON they stand between values alone, in a line that is no JSON at its end.
        """
        reason = str(error)
        with self.texts.open("a", encoding="utf-8", errors="surrogatepass", newline="\n") as stream:
            stream.write(text.rstrip("\r\n").translate(_LINE_ENDS) + "\n")
        with self.reasons.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(printable(reason, len(reason)) + "\n")

    def exist(self) -> bool:
        """Whether any of the two is there."""
        return self.texts.exists() or self.reasons.exists()

    def made_by_build(self) -> bool:
        """Whether a build wrote what is there and nobody changed the raw texts since."""
        if not self.reasons.is_file():
            return False
        with self.reasons.open(encoding="utf-8", errors="replace") as stream:
            head = re.fullmatch(re.escape(_HEAD) + r"([0-9a-f]{64})\n", stream.readline(len(_HEAD) + 65))
        return head is not None and (not self.texts.exists() or head[1] == _digest(self.texts))

    def copy_to(self, other: RejectFiles) -> None:
        """Copies what is there."""
        for path, copy in zip(self._both(), other._both(), strict=True):
            if path.exists():
                shutil.copy2(path, copy)

    def move_to(self, other: RejectFiles) -> None:
        """Puts both in the place of `other`; one that is missing is missing there, too."""
        for path, place in zip(self._both(), other._both(), strict=True):
            if path.exists():
                path.replace(place)
            else:
                place.unlink(missing_ok=True)

    def _both(self) -> tuple[Path, Path]:
        return self.texts, self.reasons


def join_rejects(parts: Iterable[RejectFiles], whole: RejectFiles) -> None:
    """Joins the rejects of the spooled files in their order; writes nothing when there are none."""
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
    """For the block that puts the folder `out` in place: the rejects are beside it first, so that a kill loses none.

    An earlier build's rejects are replaced, or removed once the block has ended; they are put back when the block fails
    before it exchanged the folder. work: where they are kept until then.
    Raises cmcc.DataError when there are new ones and a file has their name that no build made.
    """
    old, kept = RejectFiles.beside(out), RejectFiles.inside(work)
    ours = old.made_by_build()
    if not new.exist():
        yield
        if ours:
            new.move_to(old)
        return
    if old.exist() and not ours:
        found = "a file that no build wrote, or that was changed since"
        there = old.texts if old.texts.exists() else old.reasons
        hint = "The rejected dialogues of this build belong there: move it away, or name another --out."
        raise DataError(found, "a free name, or the rejects of an earlier build", hint, file=str(there))
    before = folder_identity(out)
    old.copy_to(kept)
    try:
        new.move_to(old)
        yield
    except BaseException:
        if folder_identity(out) == before:
            kept.move_to(old)
        raise


def check_not_read(out: Path, files: Iterable[RawFile]) -> None:
    """Raises cmcc.DataError when a raw file has the name that the rejects of `out` would get."""
    names = {path.resolve() for path in RejectFiles.beside(out)._both()}
    for file in files:
        if file.path.resolve() in names:
            found = "a raw file where this build would write its rejects"
            raise DataError(found, "another place", "Name another --out, or rename it.", file=str(file.path))


def _append(path: Path, stream: BinaryIO) -> None:
    with path.open("rb") as part:
        shutil.copyfileobj(part, stream)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""What an annotator decided: a journal with a line for each change, and the file that is made of it.

A change is on disk, in the journal OUT.journal, before the page shows it. The file OUT is replaced in one step by a
thread of its own when nothing was changed for a moment, because the disk would make the next key wait. Killing the
process loses nothing; the next start reads the journal, drops a line that was cut, and goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import orjson
from filelock import Timeout

from cmcc_bench.dataset.place import locked
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.vocabulary import VOCABULARIES

if TYPE_CHECKING:
    from cmcc_bench.quality.review import Question  # dialogue_id, utterance or None, field

QuestionPlace: TypeAlias = tuple[int | None, str]  # of a question in a call: utterance (None for the call) and field

_UNDONE = 1000  # changes that can be undone; also those that a second page can be behind
_PAUSE = 120  # seconds: a longer gap between two changes is a break
_RECENT = 100  # changes that the speed is computed from
_QUIET = 1.0  # seconds without a change after which the file is written
_LONGEST_WRITE = 30  # seconds that the end waits for the file
_LATEST = 30.0  # seconds after which it is written although changes go on


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided about a question. labels: class indices, None if it is open; choice: the candidate taken."""

    labels: tuple[int, ...] | None = None
    choice: str = ""
    note: str = ""


OPEN = Decision()


class DecisionFile(Protocol):
    """What is made of decisions: care labels, a review, or adjudicated labels with their log."""

    def update(self, dialogue_id: str, decisions: Mapping[QuestionPlace, Decision]) -> None:
        """Takes all decisions about a dialogue, by utterance and field, in place of earlier ones."""

    def contents(self, out: Path) -> Mapping[Path, Sequence[bytes]]:
        """The parts of the file `out`, and those of files beside it. No change is taken meanwhile, so it is quick."""


@dataclass(frozen=True)
class WorkProgress:
    """How much is decided. seconds_left: estimated from the pace of the last changes; None before there are any."""

    questions: int
    decided: int
    calls: int
    calls_done: int
    seconds_left: int | None


class DecisionStore:
    """All decisions of one annotator, in memory and on disk. Its methods may be called from several threads.

    out: the file. changes: number of changes so far, those of earlier starts included.
    """

    def __init__(self, out: Path, owner: Mapping[str, str], file: DecisionFile, sizes: Mapping[str, int]) -> None:
        """Reads the journal of earlier starts.

        owner: whose decisions they are, the first line of the journal. sizes: number of questions of each call, by
        dialogue id. Raises cmcc.DataError if another process writes to `out`, or if the journal has another owner or
        decisions about other calls.
        """
        self.changes = 0
        self.out, self._owner, self._file, self._sizes = out, dict(owner), file, sizes
        self._decisions: dict[str, dict[QuestionPlace, Decision]] = {}
        self._decided = dict.fromkeys(sizes, 0)
        self._total, self._all_decided, self._calls_done = sum(sizes.values()), 0, sum(not n for n in sizes.values())
        self._undo: deque[tuple[Question, Decision]] = deque(maxlen=_UNDONE)
        self._changed: deque[Question] = deque(maxlen=_UNDONE)
        self._gaps: deque[float] = deque(maxlen=_RECENT)
        self._last_time = 0.0
        self._problem = ""
        self._lock, self._wake = threading.RLock(), threading.Event()
        self._is_dirty = self._is_closed = False
        out.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            try:
                opened.enter_context(locked(lock_path(out)))
            except Timeout:
                hint = "Use the page that is open already, or end the other process."
                raise DataError("another cmcc annotate writes to this file", "", hint, file=str(out)) from None
            self._open_journal(opened)
            self._opened = opened.pop_all()
        self._writer = threading.Thread(target=self._write_when_changed, daemon=True)
        self._writer.start()

    @property
    def is_new(self) -> bool:
        """Whether nothing was decided yet, not even undone."""
        return self.changes == 0

    def get(self, question: Question) -> Decision:
        """The decision about a question."""
        dialogue_id, utterance, field = question
        return self._decisions.get(dialogue_id, {}).get((utterance, field), OPEN)

    def is_done(self, dialogue_id: str) -> bool:
        """Whether all questions about a call are decided."""
        return self._decided[dialogue_id] >= self._sizes[dialogue_id]

    def set(self, question: Question, decision: Decision) -> None:
        """Writes a decision to the journal, then takes it.

        Raises OSError if it cannot be written; nothing is changed then.
        """
        with self._lock:
            line = {"time": round(time.time(), 1), **_as_line(question, decision)}
            self._append(line)
            self._take(line, question, decision, False)
            self._mark_dirty()

    def import_all(self, decisions: Sequence[tuple[Question, Decision]]) -> None:
        """Takes decisions that cannot be undone, in one write to the journal. Raises OSError as `set` does."""
        with self._lock:
            now = round(time.time(), 1)
            lines = [{"time": now, **_as_line(*item), "imported": True} for item in decisions]
            self._append(*lines)
            for line, (question, decision) in zip(lines, decisions, strict=True):
                self._take(line, question, decision, True)
                self._mark_dirty()

    def undo(self) -> Question | None:
        """Takes back the last change that was not taken back; returns its question, None if there is none."""
        with self._lock:
            if not self._undo:
                return None
            self._append({"time": round(time.time(), 1), "undo": True})
            question = self._take_back()
            self._mark_dirty()
            return question

    def changed_since(self, change: int) -> list[Question] | None:
        """The questions that were changed after the given number of changes; None if they are too many."""
        with self._lock:
            number = self.changes - change
            if not 0 <= number <= len(self._changed):
                return None
            return list(self._changed)[len(self._changed) - number :]

    @property
    def problem(self) -> str:
        """Why the file could not be written the last time; "" if it could. The journal has all decisions anyway."""
        return self._problem

    def progress(self) -> WorkProgress:
        """How much is decided."""
        with self._lock:
            left = round((self._total - self._all_decided) * median(self._gaps)) if self._gaps else None
            return WorkProgress(self._total, self._all_decided, len(self._sizes), self._calls_done, left)

    def close(self) -> None:
        """Writes the file, and lets other processes write to it."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._wake.set()
        self._writer.join(_LONGEST_WRITE)
        if self._writer.is_alive():  # a disk that does not answer; the lock is kept, because the writer may go on
            self._problem = f"{self.out}: not written within {_LONGEST_WRITE} seconds. The journal has all decisions"
            return
        self._opened.close()

    def _open_journal(self, opened: ExitStack) -> None:
        path = journal_path(self.out)
        opener: Callable[[str, int], int] = lambda name, flags: os.open(name, flags, 0o600)  # noqa: E731
        self._journal = opened.enter_context(open(path, "a+b", buffering=0, opener=opener))  # noqa: SIM115  # closed with the lock
        self._end = self._replay(path)
        self._journal.truncate(self._end)
        if not self._end:
            self._append(self._owner)
        for dialogue_id, decisions in self._decisions.items():
            self._file.update(dialogue_id, decisions)
        if self._decisions:
            self._is_dirty = True
            self._wake.set()

    def _replay(self, path: Path) -> int:
        """Takes all changes in the journal; returns the position after its last whole line."""
        end = 0
        for number, line in enumerate(_whole_lines(path), 1):
            try:
                self._replay_line(orjson.loads(line), number)
            except DataError as error:
                raise error.at(file=str(path), line=number) from None
            except (orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
                hint = "Remove the line, or move the file away to start again."
                raise DataError("not a line of a journal", "", hint, file=str(path), line=number) from error
            end += len(line)
        return end

    def _replay_line(self, line: Mapping[str, Any], number: int) -> None:
        if number == 1:
            if line != self._owner:
                found, expected = (", ".join(map(str, owner.values())) for owner in (line, self._owner))
                raise DataError(found, expected, "Choose another --out, or use the options of the earlier start.")
        elif line.get("undo"):
            self._take_back()
        else:
            question, decision = _from_line(line)
            if question[0] not in self._sizes:
                hint = "Use the same DATA and --assign as before, or choose another --out."
                raise DataError("a decision about a call that is not here", "", hint, dialogue=question[0])
            self._take(line, question, decision, bool(line.get("imported")))

    def _take(self, line: Mapping[str, Any], question: Question, decision: Decision, is_imported: bool) -> None:
        before = self.get(question)
        if not is_imported:
            self._undo.append((question, before))
            if before.labels is None and decision.labels is not None:
                gap = line["time"] - self._last_time
                if 0 < gap < _PAUSE:
                    self._gaps.append(gap)
            self._last_time = line["time"]
        self._put(question, decision)

    def _take_back(self) -> Question:
        question, decision = self._undo.pop()
        self._put(question, decision)
        return question

    def _put(self, question: Question, decision: Decision) -> None:
        dialogue_id, utterance, field = question
        more = (self.get(question).labels is None) - (decision.labels is None)
        self._calls_done -= self.is_done(dialogue_id)
        self._decisions.setdefault(dialogue_id, {})[utterance, field] = decision
        self._decided[dialogue_id] += more
        self._all_decided += more
        self._calls_done += self.is_done(dialogue_id)
        self._changed.append(question)
        self.changes += 1

    def _mark_dirty(self) -> None:
        dialogue_id = self._changed[-1][0]
        self._file.update(dialogue_id, self._decisions[dialogue_id])
        self._is_dirty = True
        self._wake.set()

    def _append(self, *lines: Mapping[str, Any]) -> None:
        """Writes lines to the disk; after an error the journal is as before."""
        written = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        try:
            if self._journal.write(written) != len(written):
                raise OSError("the journal could not be written as a whole")
            os.fsync(self._journal.fileno())
        except OSError:
            self._journal.truncate(self._end)
            raise
        self._end += len(written)

    def _write_when_changed(self) -> None:
        """The thread that writes the file, until the store is closed."""
        is_last = False
        while not is_last:
            self._wake.wait()
            self._wait_until_quiet()
            with self._lock:
                is_last, is_dirty, self._is_dirty = self._is_closed, self._is_dirty, False
                contents = self._file.contents(self.out) if is_dirty else {}
            if is_dirty:
                self._write(contents)

    def _wait_until_quiet(self) -> None:
        """Waits for a moment without a change: what is written to the disk then makes no change wait."""
        latest = time.monotonic() + _LATEST
        while True:
            self._wake.clear()
            if self._is_closed or time.monotonic() >= latest or not self._wake.wait(_QUIET):
                return

    def _write(self, contents: Mapping[Path, Sequence[bytes]]) -> None:
        try:
            for path, parts in contents.items():
                write_bytes(path, b"".join(parts), private=True)
            self._problem = ""
        except OSError as error:  # a full disk; the page shows it, and the next change tries again
            self._problem, self._is_dirty = f"{self.out}: {error.strerror or error}", not self._is_closed


def journal_path(out: Path) -> Path:
    """The path of the journal of a file: care_A.journal for care_A.json."""
    return out.with_suffix(".journal")


def lock_path(out: Path) -> Path:
    """The path of the lock of a file, hidden beside it: it holds for all machines that share the file system."""
    return out.with_name(f".{out.name}.lock")


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):  # else the process was killed in the middle of the line
                yield line


def _as_line(question: Question, decision: Decision) -> dict[str, Any]:
    dialogue_id, utterance, field = question
    names = VOCABULARIES[field].names
    line: dict[str, Any] = {"dialogue_id": dialogue_id, "utterance": utterance, "field": field}
    line["labels"] = None if decision.labels is None else [names[label] for label in decision.labels]
    return line | {key: value for key in ("choice", "note") if (value := getattr(decision, key))}


def _from_line(line: Mapping[str, Any]) -> tuple[Question, Decision]:
    field = line["field"]
    id_of = VOCABULARIES[field].id_of
    labels = None if line["labels"] is None else tuple(map(id_of, line["labels"]))
    decision = Decision(labels, line.get("choice", ""), line.get("note", ""))
    return (line["dialogue_id"], line["utterance"], field), decision

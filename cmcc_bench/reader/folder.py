"""The loop that reads all dialogues of a folder, each once. Every command that reads raw files uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from cmcc_bench.errors import DataError
from cmcc_bench.reader.care import read_care
from cmcc_bench.reader.dialogue import Dialogue, DialogueReader
from cmcc_bench.reader.encoding import RawFile
from cmcc_bench.reader.files import choose_care_file, find_files
from cmcc_bench.reader.json_stream import RawDialogue, raw_dialogues
from cmcc_bench.reader.report import Report
from cmcc_bench.types import Advance


class Uniqueness:
    """Finds dialogues that occur twice. For each dialogue id it keeps a digest of the content, the file and the split.

    Files are read in the order of `find_files`; a dialogue keeps its first split.
    """

    def __init__(self) -> None:
        # One bytes object for each id, the digest and the number of its source: half the memory of a tuple.
        self._seen: dict[str, bytes] = {}
        self._sources: dict[tuple[str, str], bytes] = {}  # (file, split) -> number in four bytes

    def add(self, dialogue_id: str, digest: bytes, file: RawFile, split: str, report: Report) -> bool:
        """True for a new id, False for an id that occurred before with the same content. Repeats are counted.

        split: the split of this occurrence. If it differs from the first one, the report counts
        `split_conflict:test+train` when both file names set a split, else `split_differs`. Raises DataError when the
        content differs.
        """
        source = self._sources.setdefault((file.name, split), len(self._sources).to_bytes(4))
        first = self._seen.setdefault(dialogue_id, new := digest + source)
        if first is new:
            return True
        first_source = list(self._sources)[int.from_bytes(first[-4:])]
        count_repeat(dialogue_id, first[:-4] == digest, first_source, file, split, report)
        return False


def count_repeat(
    dialogue_id: str, is_equal: bool, first: tuple[str, str], file: RawFile, split: str, report: Report
) -> None:
    """Counts a dialogue that occurred before. first: its first file and split; for the others see `Uniqueness.add`.

    Raises DataError when the content is not equal.
    """
    first_file, first_split = first
    if not is_equal:
        problem = f"a different dialogue in {first_file} has the same id"
        hint = "Change one id, or skip the second: cmcc build --on-error skip, or cmcc.load(..., on_error='skip')."
        raise DataError(problem, "", hint, file=file.name, dialogue=dialogue_id)
    report.set_aside["repeated_dialogue"] += 1
    if split != first_split:
        report.repaired[f"split_conflict:{first_split}+{split}" if file.split else "split_differs"] += 1


# What cannot be read: a dialogue, a line that is not JSON, or the rest of a file.
Unreadable: TypeAlias = RawDialogue | str | RawFile
OnError: TypeAlias = Callable[[RawDialogue, DataError], None]  # gets an unreadable dialogue and the error

_BYTES = 1 << 20  # read between two calls of `progress`


def read_dialogues(
    data_dir: str | Path, report: Report | None = None, on_error: OnError | None = None
) -> Iterator[Dialogue]:
    """Yields every dialogue of a folder or of one file, labeled or not, with care labels, in the order of `find_files`.

    report: collects the counts of what was read, repaired, set aside and rejected.
    on_error: called with a dialogue that cannot be read and the error, instead of raising. Invalid JSON still raises.
    Raises DataError, which names the file, dialogue, turn and field.
    """
    files, reader = open_folder(data_dir)

    def reject(item: Unreadable, error: DataError) -> None:
        """Counts an unreadable dialogue and calls `on_error`. A line or file that is not JSON always raises."""
        if on_error is None or not isinstance(item, RawDialogue):
            raise error
        reader.report.rejected.append(str(error))
        on_error(item, error)

    try:
        for _, dialogue in read_files(files, reader, reject, Uniqueness()):
            yield dialogue
        reader.count_unmerged()
    finally:
        if report is not None:
            report.add(reader.report)


def open_folder(data_dir: str | Path) -> tuple[list[RawFile], DialogueReader]:
    """Finds the raw files of a folder, and makes a reader with the labels of its care file. Raises DataError."""
    files, care_files = find_files(data_dir)
    care_file = choose_care_file(care_files)
    reader = DialogueReader()
    reader.care = read_care(care_file, reader.report) if care_file else {}
    return files, reader


def read_files(
    files: Iterable[RawFile],
    reader: DialogueReader,
    reject: Callable[[Unreadable, DataError], None],
    unique: Uniqueness | None = None,
    progress: Advance = lambda _: None,
) -> Iterator[tuple[RawDialogue, Dialogue]]:
    """Reads files to dialogues, in order, for `cmcc build`, `cmcc check`, `load` and `read_dialogues`.

    reject: called with what cannot be read and the error; it raises the error, or returns to skip the item.
    unique: skips dialogues that occurred before, and rejects a different dialogue with the same id; None yields all.
    progress: called with the number of bytes of text read since its last call.
    """
    for file in files:
        read = 0
        try:
            for raw in raw_dialogues(file, reject):
                read += raw.size
                if read > _BYTES:
                    progress(read)
                    read = 0
                try:
                    dialogue = reader.read(raw)
                    if dialogue is None:
                        continue
                    dialogue_id, split = dialogue.dialogue_id, dialogue.split
                    if unique is not None and not unique.add(dialogue_id, dialogue.digest, file, split, reader.report):
                        continue
                except DataError as error:
                    reject(raw, error)
                    continue
                yield raw, dialogue
        except DataError as error:  # the rest of the file cannot be read, or `reject` raised
            reject(file, error)
        progress(read)

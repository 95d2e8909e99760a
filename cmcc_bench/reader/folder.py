"""The one reading loop: every dialogue of a folder, each once."""

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
    """Knows every dialogue id that was seen: a digest of what stood there, in which file, and its split.

    Files come in the order of `find_files`, so the first split of a dialogue is the one that it gets.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[bytes, str, str]] = {}

    def add(self, dialogue_id: str, digest: bytes, file: RawFile, split: str, report: Report) -> bool:
        """True for a new id, False for a dialogue that was already there with the same content, which is counted.

        split: the one that the dialogue would get here. Where it is another than that of the first file, the report
        counts `split_conflict:test+train` if both names fix one, else `split_differs`. Raises DataError when the
        content differs.
        """
        if dialogue_id not in self._seen:
            self._seen[dialogue_id] = digest, file.name, split
            return True
        known = self._seen[dialogue_id]
        if known[0] != digest:
            hint = "Two different calls have one id: rename one, or leave the second out (on_error: skip)."
            found = f"an id that {known[1]} has for a different dialogue"
            raise DataError(found, "each id once", hint, file=file.name, dialogue=dialogue_id)
        report.set_aside["repeated_dialogue"] += 1
        if split != known[2]:
            report.repaired[f"split_conflict:{known[2]}+{split}" if file.split else "split_differs"] += 1
        return False


# What cannot be read: a dialogue, a line that is not JSON, or a file that is broken from some place on.
Unreadable: TypeAlias = RawDialogue | str | RawFile
OnError: TypeAlias = Callable[[RawDialogue, DataError], None]  # takes a dialogue that cannot be read, and why

_BYTES = 1 << 20  # between two reports of progress


def read_dialogues(
    data_dir: str | Path, report: Report | None = None, on_error: OnError | None = None
) -> Iterator[Dialogue]:
    """Every dialogue of a folder, or of one file, labelled or not, with care labels, in the order of `find_files`.

    report: counts what was read, repaired, set aside and rejected.
    on_error: takes a dialogue that cannot be read, and why, instead of raising; what is no JSON still raises.
    Raises DataError, which names file, dialogue, turn and field.
    """
    files, reader = open_folder(data_dir)

    def reject(item: Unreadable, error: DataError) -> None:
        """Counts a dialogue that cannot be read and hands it on; a line or file that is no JSON always raises."""
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
    """The raw files of a folder, and a reader that has the labels of its care file. Raises DataError."""
    files, care_files = find_files(data_dir)
    chosen = choose_care_file(care_files)
    reader = DialogueReader()
    reader.care = read_care(chosen, reader.report) if chosen else {}
    return files, reader


def read_files(
    files: Iterable[RawFile],
    reader: DialogueReader,
    reject: Callable[[Unreadable, DataError], None],
    unique: Uniqueness | None = None,
    progress: Advance = lambda _: None,
) -> Iterator[tuple[RawDialogue, Dialogue]]:
    """The one reading loop, of `cmcc build`, `cmcc check`, `load` and `read_dialogues`: files to dialogues, in order.

    reject: takes what cannot be read, and why; it raises what the caller does not leave out.
    unique: leaves out a dialogue that is there already, and rejects another one with its id; None yields them all.
    progress: takes the bytes of text that were read since its last call.
    """
    for file in files:
        read = 0
        try:
            for raw in raw_dialogues(file, reject):
                read += len(raw.text.encode(errors="surrogatepass"))
                if read > _BYTES:
                    progress(read)
                    read = 0
                try:
                    dialogue = reader.read(raw)
                    if dialogue is None:
                        continue
                    name, split = dialogue.row["dialogue_id"], dialogue.split
                    if unique is not None and not unique.add(name, dialogue.digest, file, split, reader.report):
                        continue
                except DataError as error:
                    reject(raw, error)
                    continue
                yield raw, dialogue
        except DataError as error:  # the file is broken here, or `reject` raised
            reject(file, error)
        progress(read)

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


OnError: TypeAlias = Callable[[RawDialogue, DataError], None]  # takes a dialogue that cannot be read, and why


def read_dialogues(
    data_dir: str | Path, report: Report | None = None, on_error: OnError | None = None
) -> Iterator[Dialogue]:
    """Every dialogue of a folder, or of one file, labelled or not, with care labels, in the order of `find_files`.

    report: counts what was read, repaired, set aside and rejected.
    on_error: takes a dialogue that cannot be read, and why, instead of raising; what is no JSON still raises.
    Raises DataError, which names file, dialogue, turn and field.
    """
    files, care_files = find_files(data_dir)
    chosen = choose_care_file(care_files)
    reader = DialogueReader()
    reader.care = read_care(chosen, reader.report) if chosen else {}
    unique = Uniqueness()

    def reject(raw: RawDialogue, error: DataError) -> None:
        if on_error is None:
            raise error
        reader.report.rejected.append(str(error))
        on_error(raw, error)

    try:
        for file in files:
            for _, dialogue in read_each(raw_dialogues(file), reader, unique, reject):
                yield dialogue
        reader.count_unmerged()
    finally:
        if report is not None:
            report.add(reader.report)


def read_each(
    raws: Iterable[RawDialogue], reader: DialogueReader, unique: Uniqueness, reject: OnError
) -> Iterator[tuple[RawDialogue, Dialogue]]:
    """The dialogues among raw ones that can be read and are not there yet; `reject` takes the others, or raises.

    This is what every reading does with a dialogue: `cmcc build`, `load` and `read_dialogues`.
    """
    for raw in raws:
        try:
            dialogue = reader.read(raw)
            if dialogue is None:
                continue
            dialogue_id = dialogue.row["dialogue_id"]
            is_new = unique.add(dialogue_id, dialogue.digest, raw.file, dialogue.split, reader.report)
        except DataError as error:
            reject(raw, error)
            continue
        if is_new:
            yield raw, dialogue

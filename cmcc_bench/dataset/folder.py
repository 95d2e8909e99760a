"""Builds the data set's folder: spools the raw files, joins them into Parquet, writes card, split ids and report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cmcc_bench.dataset.card import card, card_template
from cmcc_bench.dataset.hide import hide_test_labels, labels_place
from cmcc_bench.dataset.parquet import SplitSize, SplitWriter, parquet_name, read_stream
from cmcc_bench.dataset.pictures import Pictures, draw_pictures
from cmcc_bench.dataset.place import (
    CARD_NAME,
    EVAL_NAME,
    REPORT_NAME,
    SPLIT_IDS_NAME,
    building_folder,
    check_place,
    check_replaceable,
    note_when_unchanged,
)
from cmcc_bench.dataset.rejects import RejectFiles, check_not_read, join_rejects, rejects_in_place
from cmcc_bench.dataset.result import BuildResult
from cmcc_bench.dataset.spool import CONFIGS, Spooled, SpoolJob
from cmcc_bench.dataset.tasks import eval_text
from cmcc_bench.dataset.workers import spool_all
from cmcc_bench.errors import WHERE_TO_GET, DataError
from cmcc_bench.features import VERSION
from cmcc_bench.files import is_system_file, replace_folder, write_json, write_text
from cmcc_bench.reader.care import read_care
from cmcc_bench.reader.files import choose_care_file, find_files, skipped_files
from cmcc_bench.reader.folder import Uniqueness
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.types import Advance


def raw_bytes(data_dir: Path) -> int:
    """The size of the raw files, unpacked: what `progress` counts up to."""
    return sum(file.unpacked_size for file in find_files(data_dir)[0])


def build(
    data_dir: Path,
    out: Path,
    num_proc: int = 1,
    skip_errors: bool = False,
    care_file: Path | None = None,
    progress: Advance = lambda _: None,
    with_figures: bool = False,
    with_hidden_labels: bool = False,
) -> BuildResult:
    """Makes the folder `out` from the raw files in `data_dir`; it replaces a folder of an earlier build.

    num_proc: processes, each takes whole files; the result is the same bytes for any number. They are started anew: a
    script that calls this with more than one needs an `if __name__ == "__main__":` around the call.
    skip_errors: leaves out dialogues that cannot be read and writes them, whole, to OUT-rejects.jsonl, and why to
    OUT-rejects.txt.
    care_file: labels to merge; without it the one that lies in `data_dir`.
    progress: takes the number of raw bytes that were read since it was last called.
    with_figures: draws the paper's figures into the folder and shows them, and its table 1, in the card.
    with_hidden_labels: the test split is without its labels in `out`, and whole in the folder OUT-test-labels.
    Raises cmcc.DataError for data that cannot be read and for an `out` that may not be replaced, OSError when the disk
    is full or a process died (ChildProcessError). An OSError says in a note whether `out` is as it was before.
    """
    out = out.resolve()  # a link stays; the folder that it leads to is replaced
    check_place(out, data_dir)
    if with_hidden_labels:
        check_place(labels_place(out), data_dir)
        check_replaceable(labels_place(out))
    template = card_template()
    files, care_files = find_files(data_dir)
    check_not_read(out, files)
    chosen = care_file or choose_care_file(care_files)
    result = BuildResult(out, care_file=chosen.name if chosen else None)
    care = read_care(chosen, result.report) if chosen else {}
    result.report.set_aside += Counter(care_file_not_merged=sum(path != chosen for path in care_files))
    result.report.set_aside += skipped_files(data_dir)
    with note_when_unchanged(out), building_folder(out) as work:
        spool = work / "spool"
        jobs = [SpoolJob(file, spool / f"{number:05d}", care, skip_errors) for number, file in enumerate(files)]
        folder = work / "folder"
        folder.mkdir()
        with closing(spool_all(jobs, num_proc, progress)) as spools:
            merged = _join(spools, folder, result)
        result.care_unmatched = sorted(set(care) - merged)
        if not result.sizes:
            expected = "at least one dialogue to build from"
            raise DataError("no dialogue", expected, WHERE_TO_GET, file=str(data_dir))
        if with_hidden_labels:
            kept = hide_test_labels(folder, work / "labels", result)
            _describe(work / "labels", template, kept, False)
            result.labels = kept.out
        _describe(folder, template, result, with_figures)
        _publish(work, folder, jobs, result)
    result.left_over = work if work.exists() else None
    return result


def _join(spools: Iterator[Spooled], folder: Path, result: BuildResult) -> set[str]:
    """Writes the spooled rows; a dialogue of two files is taken from the first. Returns the merged care keys."""
    unique = Uniqueness()
    writers = {
        (config, split): SplitWriter(folder / parquet_name(config, split), config)
        for source in CONFIGS.values()
        for config in source
        for split in SPLITS
    }
    merged: set[str] = set()
    for spooled in spools:
        left_out = _left_out(spooled, unique)
        result.count(spooled, left_out)
        merged |= spooled.merged
        for (config, split), writer in writers.items():
            stream = spooled.stream(config, split)
            if stream.exists():
                for table in read_stream(stream, left_out):
                    writer.write(table)
                stream.unlink()
    for (config, split), writer in writers.items():
        writer.close()
        if writer.rows:
            result.sizes.setdefault(config, {})[split] = SplitSize(writer.rows, writer.bytes)
    return merged


def _left_out(spooled: Spooled, unique: Uniqueness) -> set[str]:
    """The ids of a file's dialogues that an earlier file has: the same again, or rejected for a different content."""
    left_out, clashes = set(), {}
    for dialogue_id, accepted in spooled.accepted.items():
        try:
            split = accepted.split or "train"  # where unlabeled dialogues are
            if unique.add(dialogue_id, accepted.digest, spooled.job.file, split, spooled.report):
                continue
        except DataError as error:
            clashes[accepted.index] = error
        left_out.add(dialogue_id)
    spooled.reject_accepted(clashes)
    return left_out


def _describe(folder: Path, template: str, result: BuildResult, with_figures: bool) -> None:
    """Writes what stands in the built folder beside the data."""
    write_json(folder / SPLIT_IDS_NAME, result.split_ids, sort_keys=True)
    write_json(folder / REPORT_NAME, result.as_dict(), sort_keys=True)
    if result.test_labels != "only" and (tasks := eval_text(result.sizes)):
        write_text(folder / EVAL_NAME, tasks)
    pictures = draw_pictures(folder, result.sizes, result.out.name) if with_figures else Pictures()
    text = card(folder, template, result, version_of(folder), pictures.statistics, pictures.figures)
    write_text(folder / CARD_NAME, text)


def version_of(folder: Path) -> str:
    """The version of a built folder, 1.0.N: N is a digest of its data, as loaders cache by version, not by content."""
    digest = hashlib.sha256()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.parquet")}
    for name, path in sorted((name, path) for name, path in paths.items() if not is_system_file(name)):
        digest.update(name.encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    major, minor, _ = VERSION.split(".")
    return f"{major}.{minor}.{int.from_bytes(digest.digest()[:4])}"


def _publish(work: Path, folder: Path, jobs: list[SpoolJob], result: BuildResult) -> None:
    """Puts the finished folder in its place and the rejected dialogues beside it."""
    rejects = RejectFiles.inside(work / "spool")
    join_rejects((RejectFiles.inside(job.folder) for job in jobs), rejects)
    result.rejects = RejectFiles.beside(result.out).texts if rejects.exist() else None
    check_replaceable(result.out)  # again: somebody may have put something there meanwhile
    if result.labels:
        check_replaceable(result.labels)
        replace_folder(work / "labels", result.labels)
    with rejects_in_place(rejects, result.out, work):
        replace_folder(folder, result.out)

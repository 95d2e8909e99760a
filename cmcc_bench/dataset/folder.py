"""Builds the folder of a data set: raw files to temporary Arrow streams, these to Parquet; then card and report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cmcc_bench.dataset.card import card, card_template
from cmcc_bench.dataset.hide import hide_test_labels, labels_folder
from cmcc_bench.dataset.parquet import (
    SplitSize,
    SplitWriter,
    in_background,
    parquet_name,
    read_stream,
    system_memory_pool,
)
from cmcc_bench.dataset.pictures import Pictures, draw_pictures
from cmcc_bench.dataset.place import (
    CARD_NAME,
    EVAL_NAME,
    REPORT_NAME,
    SPLIT_IDS_NAME,
    building_folder,
    check_out,
    check_replaceable,
    note_when_unchanged,
)
from cmcc_bench.dataset.rejects import RejectFiles, check_no_raw_file, join_rejects, rejects_in_place
from cmcc_bench.dataset.result import BuildResult
from cmcc_bench.dataset.seen import SeenDialogues
from cmcc_bench.dataset.spool import CONFIGS, Spooled, SpoolJob, garbage_collection_off
from cmcc_bench.dataset.tasks import eval_text
from cmcc_bench.dataset.workers import spool_all
from cmcc_bench.distribution import DATA_VERSION
from cmcc_bench.errors import WHERE_TO_GET, DataError
from cmcc_bench.files import is_system_file, replace_folder, write_json, write_text
from cmcc_bench.reader.care import read_care
from cmcc_bench.reader.files import choose_care_file, find_files, skipped_care_files, skipped_files
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.types import Advance


def raw_bytes(data_dir: Path) -> int:
    """The unpacked size of the raw files in bytes: the total for `progress`."""
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
    """Builds the folder `out` from the raw files in `data_dir`. An earlier build at `out` is replaced.

    num_proc: number of processes; each reads whole files. The output is byte for byte the same for any number. The
    processes are spawned, so a script that uses more than one must call this under `if __name__ == "__main__":`.
    skip_errors: skips dialogues that cannot be read. Their raw texts are written to OUT-rejects.jsonl, the reasons to
    OUT-rejects.txt.
    care_file: a file of care labels to merge; by default the one in `data_dir`, if any.
    progress: is called with the number of raw bytes read since its last call.
    with_figures: draws the paper's figures into the folder and shows them, with the paper's table 1, in the card.
    with_hidden_labels: removes the labels from the test split in `out` and writes the complete test split to the folder
    OUT-test-labels.
    Raises cmcc.DataError for data that cannot be read and for an `out` that may not be replaced. Raises OSError when
    the disk is full, and its subclass ChildProcessError when a process died; the error has the note "Nothing was
    changed." if `out` is unchanged.
    """
    out = out.resolve()  # a symbolic link is kept; the folder that it points to is replaced
    check_out(out, data_dir)
    if with_hidden_labels:
        check_out(labels_folder(out), data_dir)
        check_replaceable(labels_folder(out))
    template = card_template()
    files, care_files = find_files(data_dir)
    check_no_raw_file(out, files)
    chosen = care_file or choose_care_file(care_files)
    result = BuildResult(out, care_file=chosen.name if chosen else None)
    care = read_care(chosen, result.report) if chosen else {}
    result.report.set_aside += Counter(care_file_not_merged=sum(path != chosen for path in care_files))
    result.report.set_aside += skipped_files(data_dir)
    result.care_skipped = [] if chosen else [path.name for path in skipped_care_files(data_dir)]
    with note_when_unchanged(out), building_folder(out) as work, garbage_collection_off(), system_memory_pool():
        spool = work / "spool"
        jobs = [SpoolJob(file, spool / f"{number:05d}", care, skip_errors) for number, file in enumerate(files)]
        folder = work / "folder"
        folder.mkdir()
        with closing(spool_all(jobs, num_proc, progress)) as spools:
            merged = _join(spools, folder, result)
        result.care_unmatched = sorted(set(care) - merged)
        if not result.sizes:
            raise DataError("the raw files hold no dialogue", "", WHERE_TO_GET, file=str(data_dir))
        if with_hidden_labels:
            test_result = hide_test_labels(folder, work / "labels", result)
            _write_descriptions(work / "labels", template, test_result, False)
            result.labels = test_result.out
        _write_descriptions(folder, template, result, with_figures)
        _publish(work, folder, jobs, result)
    result.left_over = work if work.exists() else None
    return result


def _join(spools: Iterator[Spooled], folder: Path, result: BuildResult) -> set[str]:
    """Writes the spooled rows to Parquet. Returns the keys of the care labels that were merged.

    A dialogue that is in two files is taken from the first. A different dialogue with the same id is also rejected.
    """
    seen = SeenDialogues()
    merged: set[str] = set()
    with in_background() as run:
        writers = {
            (config, split): SplitWriter(folder / parquet_name(config, split), config, run)
            for source in CONFIGS.values()
            for config in source
            for split in SPLITS
        }
        for spooled in spools:
            left_out, clashes = seen.add(spooled)
            spooled.reject_accepted(clashes)
            result.count(spooled, left_out)
            merged |= spooled.merged
            for (config, split), writer in writers.items():
                stream = spooled.stream(config, split)
                if stream.exists():
                    for table in read_stream(stream, left_out):
                        writer.write(table)
                    stream.unlink()
        for writer in writers.values():
            writer.close()
    for (config, split), writer in writers.items():
        if writer.rows:
            result.sizes.setdefault(config, {})[split] = SplitSize(writer.rows, writer.bytes)
    return merged


def _write_descriptions(folder: Path, template: str, result: BuildResult, with_figures: bool) -> None:
    """Writes the files of a built folder that are not data: split ids, report, eval.yaml, figures and card."""
    write_json(folder / SPLIT_IDS_NAME, result.split_ids, sort_keys=True)
    write_json(folder / REPORT_NAME, result.as_dict(), sort_keys=True)
    if result.test_labels != "only" and (tasks := eval_text(result.sizes)):
        write_text(folder / EVAL_NAME, tasks)
    pictures = draw_pictures(folder, result.sizes, result.out.name) if with_figures else Pictures()
    text = card(folder, template, result, version_of(folder), pictures.statistics, pictures.figures)
    write_text(folder / CARD_NAME, text)


def version_of(folder: Path) -> str:
    """The version of a built folder, 1.0.N. N is a digest of the data: loaders cache by version, not by content."""
    digest = hashlib.sha256()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.parquet")}
    for name, path in sorted((name, path) for name, path in paths.items() if not is_system_file(name)):
        digest.update(name.encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    major, minor, _ = DATA_VERSION.split(".")
    return f"{major}.{minor}.{int.from_bytes(digest.digest()[:4])}"


def _publish(work: Path, folder: Path, jobs: list[SpoolJob], result: BuildResult) -> None:
    """Moves the finished folder to its path and the rejected dialogues next to it."""
    rejects = RejectFiles.inside(work / "spool")
    join_rejects((RejectFiles.inside(job.folder) for job in jobs), rejects)
    result.rejects = RejectFiles.beside(result.out).texts if rejects.exist() else None
    check_replaceable(result.out)  # again: files may have been added during the build
    if result.labels:
        check_replaceable(result.labels)
        replace_folder(work / "labels", result.labels)
    with rejects_in_place(rejects, result.out, work):
        replace_folder(folder, result.out)

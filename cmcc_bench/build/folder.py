"""Builds the data set's folder: spools the raw files, joins them into Parquet, writes card, split ids and report."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from filelock import FileLock, Timeout

import cmcc
from cmcc_bench.build.atomic import put_in_place, recover
from cmcc_bench.build.card import Sizes, SplitSize, write_card
from cmcc_bench.build.parquet import SplitWriter, parquet_name, read_stream
from cmcc_bench.build.spool import CONFIGS, Spooled, SpoolJob, spool_file

Progress = Callable[[int], None]  # takes the number of raw bytes that were read since the last call

REPORT_NAME = "report.json"
SPLIT_IDS_NAME = "split_ids.json"


@dataclass
class BuildResult:
    """What a build made: the size of each split, and what the reading counted."""

    out: Path
    report: cmcc.Report = field(default_factory=cmcc.Report)
    sizes: Sizes = field(default_factory=dict)
    split_ids: dict[str, list[str]] = field(default_factory=dict)
    synthetic: int = 0  # dialogues that the simulator made
    dialogues: int = 0
    care_file: str | None = None
    care_unmatched: list[str] = field(default_factory=list)
    rejects: Path | None = None  # where the raw texts of rejected dialogues are; beside the folder, never in it

    def summary(self) -> list[str]:
        """What a person wants to know of the build, a line each."""
        synthetic = f", {self.synthetic} of them SYNTHETIC" if self.synthetic else ""
        lines = [f"{self.out}: {self.dialogues} dialogues{synthetic}"]
        for config, sizes in self.sizes.items():
            lines.append(f"  {config}: " + ", ".join(f"{split} {size.rows}" for split, size in sizes.items()))
        for name in ("repaired", "set_aside"):
            counts = self.report.as_dict()[name]
            if counts:
                lines.append(f"  {name}: " + ", ".join(f"{kind} {count}" for kind, count in counts.items()))
        if self.care_file:
            lines.append(f"  care labels of {self.care_file} merged, {len(self.care_unmatched)} without their dialogue")
        if self.rejects:
            lines.append(f"  {len(self.report.rejected)} dialogues REJECTED, whole in {self.rejects}; why: report.json")
        return lines


def raw_bytes(data_dir: Path) -> int:
    """The size of the raw files, unpacked: what `progress` counts up to."""
    return sum(_unpacked_size(file.path) for file in cmcc.find_files(data_dir)[0])


def _unpacked_size(path: Path) -> int:
    if path.suffix != ".gz" or path.stat().st_size < 4:
        return path.stat().st_size
    with path.open("rb") as stream:  # gzip ends with the size of what it packed
        stream.seek(-4, 2)
        return int.from_bytes(stream.read(4), "little")


def build(
    data_dir: Path,
    out: Path,
    num_proc: int = 1,
    skip_errors: bool = False,
    care_file: Path | None = None,
    progress: Progress = lambda _: None,
) -> BuildResult:
    """Makes the folder `out` from the raw files in `data_dir`; it replaces a folder of an earlier build.

    num_proc: processes, each takes whole files; the result is the same bytes for any number.
    skip_errors: leaves out dialogues that cannot be read and writes them, whole, to OUT-rejects.jsonl.
    care_file: labels to merge; without it the one that lies in `data_dir`.
    Raises cmcc.DataError for data that cannot be read, OSError when the disk is full; `out` is then as it was before.
    """
    out = out.absolute()
    _check_place(out, data_dir)
    recover(out)
    files, care_files = cmcc.find_files(data_dir)
    chosen = care_file or cmcc.choose_care_file(care_files)
    care = cmcc.read_care(chosen) if chosen else {}
    result = BuildResult(out, care_file=chosen.name if chosen else None)
    result.report.set_aside += Counter(care_file_not_merged=sum(path != chosen for path in care_files))
    with _building_folder(out) as work:
        jobs = [
            SpoolJob(file, work / "spool" / f"{number:05d}", care, skip_errors) for number, file in enumerate(files)
        ]
        folder = work / "folder"
        folder.mkdir()
        merged = _join(_spool_all(jobs, num_proc, progress), folder, skip_errors, result)
        result.care_unmatched = sorted(set(care) - merged)
        if not result.sizes:
            expected = "at least one dialogue to build from"
            raise cmcc.DataError("no dialogue", expected, cmcc.WHERE_TO_GET, file=str(data_dir))
        _write_json(folder / SPLIT_IDS_NAME, result.split_ids)
        _write_json(folder / REPORT_NAME, _report(result))
        write_card(folder, result.sizes, result.synthetic, result.dialogues, version_of(folder))
        put_in_place(folder, out)
        result.rejects = _keep_rejects(work, out)
    return result


def version_of(folder: Path) -> str:
    """The version of a built folder, 1.0.N: N is a digest of its data, as loaders cache by version, not by content."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.parquet")):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    major, minor, _ = cmcc.VERSION.split(".")
    return f"{major}.{minor}.{int.from_bytes(digest.digest()[:4])}"


def _check_place(out: Path, data_dir: Path) -> None:
    hint = "Name another --out, or remove it yourself."
    if out.exists() and not (out.is_dir() and ((out / REPORT_NAME).exists() or not any(out.iterdir()))):
        raise cmcc.DataError("something that no build made", "a free name or an earlier build", hint, folder=str(out))
    if out.resolve().is_relative_to(data_dir.resolve()):
        found = "a place inside the folder of raw files"
        raise cmcc.DataError(found, "a place outside it", "Name another --out.", folder=str(out))


@contextmanager
def _building_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` to work in, gone afterwards; what a killed build left there is removed first."""
    work = out.with_name(f".{out.name}.building")
    lock = Path(tempfile.gettempdir()) / f"cmcc-{hashlib.sha256(str(out).encode()).hexdigest()[:16]}.lock"
    try:
        with FileLock(lock, timeout=0):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except Timeout:
        hint = "Wait for it, or name another --out."
        raise cmcc.DataError("another build that writes there now", "one at a time", hint, folder=str(out)) from None


def _join(spools: Iterator[Spooled], folder: Path, skip_errors: bool, result: BuildResult) -> set[str]:
    """Writes the spooled rows; a dialogue of two files is taken from the first. Returns the merged care keys."""
    unique = cmcc.Uniqueness()
    writers = {
        (config, split): SplitWriter(folder / parquet_name(config, split), config)
        for source in CONFIGS.values()
        for config in source
        for split in cmcc.SPLITS
    }
    merged: set[str] = set()
    for spooled in spools:
        left_out = _seen_before(spooled, unique, skip_errors)
        _count(spooled, left_out, result)
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


def _seen_before(spooled: Spooled, unique: cmcc.Uniqueness, skip_errors: bool) -> set[str]:
    """The ids of a file's dialogues that an earlier file has: the same again, or rejected for a different content."""
    left_out, clashes = set(), set()
    for dialogue_id, digest in spooled.digests.items():
        try:
            if not unique.add(dialogue_id, digest, spooled.job.file.name):
                spooled.report.set_aside["repeated_dialogue"] += 1
                left_out.add(dialogue_id)
        except cmcc.DataError as error:
            if not skip_errors:
                raise
            spooled.report.rejected.append(str(error))
            clashes.add(dialogue_id)
    if clashes:
        with spooled.rejects.open("a", encoding="utf-8") as stream:
            for raw in cmcc.raw_dialogues(spooled.job.file, lambda *_: None):
                if cmcc.DialogueReader().identify(raw) in clashes:
                    stream.write(" ".join(raw.text.splitlines()) + "\n")
    return left_out | clashes


def _count(spooled: Spooled, left_out: set[str], result: BuildResult) -> None:
    result.report.add(spooled.report)
    kept = [dialogue_id for dialogue_id in spooled.digests if dialogue_id not in left_out]
    result.dialogues += len(kept)
    result.synthetic += sum(dialogue_id.startswith(cmcc.SYNTHETIC_ID) for dialogue_id in kept)
    for dialogue_id in kept:
        if dialogue_id in spooled.splits:
            result.split_ids.setdefault(spooled.splits[dialogue_id], []).append(dialogue_id)


def _report(result: BuildResult) -> dict[str, object]:
    return result.report.as_dict() | {
        "dialogues": result.dialogues,
        "synthetic_dialogues": result.synthetic,
        "rows": {config: {split: size.rows for split, size in sizes.items()} for config, sizes in result.sizes.items()},
        "care_file": result.care_file,
        "care_labels_without_dialogue": result.care_unmatched,
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _keep_rejects(work: Path, out: Path) -> Path | None:
    """Moves the rejected dialogues beside the built folder: they are raw data and may not lie in what is uploaded."""
    parts = sorted((work / "spool").glob("*/rejects.jsonl"))
    rejects = out.with_name(f"{out.name}-rejects.jsonl")
    rejects.unlink(missing_ok=True)
    if not parts:
        return None
    joined = work / "rejects.jsonl"
    with joined.open("wb") as stream:
        for part in parts:
            stream.write(part.read_bytes())
    joined.replace(rejects)
    return rejects


# Raw bytes that the worker processes have read; set in each of them when it starts.
_bytes_read: Synchronized[int] | None = None


def _spool_all(jobs: list[SpoolJob], num_proc: int, progress: Progress) -> Iterator[Spooled]:
    """Spools the files, in this process or in several, and yields them in order as they are done."""
    if num_proc <= 1:
        yield from (spool_file(job, progress) for job in jobs)
        return
    context = multiprocessing.get_context("spawn")  # forking a process that has Arrow's threads can hang
    counter: Synchronized[int] = context.Value("q", 0)
    seen = 0
    with context.Pool(num_proc, _start_worker, (counter,)) as pool:
        waiting = [pool.apply_async(_spool_in_worker, (job,)) for job in jobs]
        for job in waiting:
            while not job.ready():
                job.wait(0.2)
                progress(counter.value - seen)
                seen = counter.value
            yield job.get()


def _start_worker(counter: Synchronized[int]) -> None:
    global _bytes_read
    _bytes_read = counter


def _spool_in_worker(job: SpoolJob) -> Spooled:
    counter = _bytes_read
    assert counter is not None

    def tick(amount: int) -> None:
        with counter.get_lock():
            counter.value += amount

    return spool_file(job, tick)

"""Speed and memory of `cmcc build` and `cmcc simulate` at the published size, as ratios measured in one run.

    python benchmarks/build.py                                  # 8,975 + 90,000 dialogues, some minutes
    python benchmarks/build.py --dialogues 900 --unlabeled 9000

The reference is a lower bound: orjson.loads of the same raw files, and pyarrow writing the finished tables to Parquet
with the same settings. Each step runs in its own process; peak memory is that of its largest process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow.parquet as pq

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.dataset.parquet import ROW_GROUP, open_parquet
from cmcc_bench.simulate import write_corpus


@dataclass(frozen=True)
class Measured:
    """Seconds of the step itself, without imports, and the peak memory of the largest process in MB."""

    seconds: float
    megabytes: float


def floor(raw: Path, built: Path, out: Path) -> float:
    """Returns the seconds of what any build must do: parse the JSON and write the Parquet files."""
    tables = [(path, pq.read_table(path)) for path in sorted(built.rglob("*.parquet"))]
    start = time.perf_counter()
    for path in sorted(raw.glob("*.json")):
        orjson.loads(path.read_bytes())
    for path, table in tables:
        target = out / path.parent.name
        target.mkdir(parents=True, exist_ok=True)
        with open_parquet(target / path.name, table.schema) as writer:
            writer.write_table(table, row_group_size=ROW_GROUP[path.parent.name])
    return time.perf_counter() - start


def timed_build(raw: Path, out: Path, num_proc: int) -> float:
    """Returns the seconds of a build."""
    start = time.perf_counter()
    build(raw, out, num_proc=num_proc)
    return time.perf_counter() - start


def timed_simulate(out: Path, dialogues: int, unlabeled: int) -> float:
    """Returns the seconds of a simulation in one process."""
    start = time.perf_counter()
    write_corpus(out, dialogues, unlabeled, seed=0)
    return time.perf_counter() - start


STEPS = {"floor": floor, "build": timed_build, "simulate": timed_simulate}


def measure(step: str, *arguments: str | Path | int) -> Measured:
    """Runs a step in a new process and waits for it."""
    values = [str(argument) for argument in arguments]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, __file__, "--step", step, *values], stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"the step {step} {' '.join(values)} failed; its message is above")
        output.seek(0)
        seconds, children_kb = json.loads(output.read())
    return Measured(seconds, max(usage.ru_maxrss, children_kb) / 1024)


def run_step(step: str, values: list[str]) -> None:
    """Runs a step in the new process; prints its seconds and the peak memory of its workers."""
    import resource

    arguments = [int(value) if value.isdecimal() else Path(value) for value in values]
    seconds = STEPS[step](*arguments)  # type: ignore[operator]
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))


def compare(work: Path, dialogues: int, unlabeled: int, repeats: int) -> None:
    """Measures and prints everything; each repeat times floor, one process and two in turn."""
    raw, small_raw, out = work / "raw", work / "raw-tenth", work / "cmcc"
    simulated = measure("simulate", raw, dialogues, unlabeled)
    size = sum(path.stat().st_size for path in raw.glob("*.json")) / 1e6
    print(f"simulate {dialogues} + {unlabeled} dialogues, {size:.0f} MB: {_row(simulated)}; goal: at most 240 s")
    measure("simulate", small_raw, dialogues // 10, unlabeled // 10)
    tenth = measure("build", small_raw, work / "tenth", 1)
    measure("build", raw, out, 1)  # makes the tables that the floor writes, and warms the disk's cache
    rows = []
    for number in range(repeats):
        floor_ = measure("floor", raw, out, work / "floor")
        one, two = (measure("build", raw, out, num_proc) for num_proc in (1, 2))
        rows.append((one.seconds / floor_.seconds, one.seconds / two.seconds))
        print(f"run {number + 1}: floor {_row(floor_)}; build, 1 process {_row(one)}; 2 processes {_row(two)}")
    ratio, speedup = (sorted(column)[len(rows) // 2] for column in zip(*rows, strict=True))
    print(f"build / floor: {ratio:.2f}; goal: at most 4, better 2.5")
    print(f"1 process / 2 processes: {speedup:.2f}; goal: at least 1.6")
    print(f"peak memory of a build: {one.megabytes:.0f} MB; goal: at most 800 MB")
    growth = one.megabytes / tenth.megabytes
    print(f"peak memory, the whole / a tenth of the dialogues: {growth:.2f}; goal: about 1 (flat)")


def _row(measured: Measured) -> str:
    return f"{measured.seconds:.1f} s, {measured.megabytes:.0f} MB"


def main() -> None:
    """Parses the arguments."""
    if sys.argv[1:2] == ["--step"]:
        run_step(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dialogues", type=int, default=8_975, help="number of labeled dialogues (default: %(default)s)"
    )
    parser.add_argument(
        "--unlabeled", type=int, default=90_000, help="number of unlabeled dialogues (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="number of repeats; the median ratio is printed (default: %(default)s)"
    )
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cmcc-bench-"))
    try:
        print(f"cmcc {cmcc.VERSION}, {os.cpu_count()} cores")
        compare(work, options.dialogues, options.unlabeled, options.repeats)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

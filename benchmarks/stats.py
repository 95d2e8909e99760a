"""Speed and memory of `cmcc stats` at the published size, as a ratio measured in one run.

    python benchmarks/stats.py                                  # 8,975 + 90,000 dialogues, some minutes
    python benchmarks/stats.py --dialogues 900 --unlabeled 9000

The reference is a lower bound: pyarrow reading the same Parquet files as Arrow tables in one thread. Each step runs in
its own process; its seconds exclude imports.
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
from pathlib import Path

import pyarrow.parquet as pq

import cmcc
from cmcc_bench.statistics import collect

CONFIGS = ("labeled", "unlabeled")  # what the statistics read


def floor(built: Path) -> float:
    """Seconds of reading the Parquet files."""
    start = time.perf_counter()
    for path in sorted(path for config in CONFIGS for path in (built / config).glob("*.parquet")):
        pq.read_table(path, use_threads=False)
    return time.perf_counter() - start


def statistics(built: Path) -> float:
    """Seconds of the statistics."""
    start = time.perf_counter()
    collect(str(built))
    return time.perf_counter() - start


STEPS = {"floor": floor, "statistics": statistics}


def measure(step: str, built: Path) -> tuple[float, float]:
    """Runs a step in a new process and waits for it.

    Returns seconds of the step, and the process's peak memory in MB, imports and mapped files included.
    """
    command = [sys.executable, __file__, "--step", step, str(built)]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"the step {step} failed; its message is above")
        output.seek(0)
        return json.loads(output.read()), usage.ru_maxrss / 1024


def cmcc_command(*arguments: str | int | Path) -> None:
    """Runs a command of `cmcc`."""
    subprocess.run([sys.executable, "-m", "cmcc_bench.cli", *map(str, arguments)], check=True)


def compare(work: Path, dialogues: int, unlabeled: int, repeats: int) -> None:
    """Measures and prints everything; each repeat times the floor and the statistics in turn."""
    built = work / "cmcc"
    # In processes of their own: on Linux, a process's peak memory is at least that of its parent.
    cmcc_command("simulate", "--dialogues", dialogues, "--unlabeled", unlabeled, "--seed", 1, "--out", work / "raw")
    cmcc_command("build", "--data-dir", work / "raw", "--out", built, "--num-proc", 2)
    measure("floor", built)  # warms the disk's cache
    rows = []
    for number in range(repeats):
        floor_, ours = measure("floor", built), measure("statistics", built)
        rows.append((ours[0] / floor_[0], ours[0], ours[1]))
        texts = [f"{seconds:.1f} s, {megabytes:.0f} MB" for seconds, megabytes in (floor_, ours)]
        print(f"run {number + 1}: floor {texts[0]}; statistics {texts[1]}")
    ratio, seconds, megabytes = (sorted(column)[len(rows) // 2] for column in zip(*rows, strict=True))
    print(f"statistics / floor: {ratio:.1f}")
    print(f"seconds: {seconds:.1f}; goal: at most 20")
    print(f"peak memory: {megabytes:.0f} MB; goal: at most 600 MB")


def main() -> None:
    """Parses the arguments."""
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(STEPS[sys.argv[2]](Path(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dialogues", type=int, default=8_975, help="number of labeled dialogues (default: %(default)s)"
    )
    parser.add_argument(
        "--unlabeled", type=int, default=90_000, help="number of unlabeled dialogues (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="number of repeats; the median is printed (default: %(default)s)"
    )
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cmcc-bench-"))
    try:
        print(f"cmcc {cmcc.VERSION}, {os.cpu_count()} cores; {options.dialogues} + {options.unlabeled} dialogues")
        compare(work, options.dialogues, options.unlabeled, options.repeats)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

"""Speed and memory of `cmcc stats` at the published size, as a ratio measured in one run.

    python benchmarks/stats.py                                  # 8,975 + 90,000 dialogues, some minutes
    python benchmarks/stats.py --dialogues 900 --unlabeled 9000

The reference is a lower bound: pyarrow reading the same Parquet files as Arrow tables in one thread. Each step runs in
its own process; its seconds exclude imports and include the preparation of the data set's cache.
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

import datasets
import pyarrow.parquet as pq

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.simulate import write_corpus
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
    datasets.disable_progress_bars()
    start = time.perf_counter()
    collect(str(built))
    return time.perf_counter() - start


STEPS = {"floor": floor, "statistics": statistics}


def measure(step: str, built: Path, cache: Path) -> tuple[float, float]:
    """Runs a step in a new process, with the cache of `datasets` in a folder of its own, and waits for it.

    Returns seconds of the step, and the process's peak memory in MB, imports and mapped files included.
    """
    command = [sys.executable, __file__, "--step", step, str(built)]
    environment = os.environ | {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"the step {step} failed; its message is above")
        output.seek(0)
        return json.loads(output.read()), usage.ru_maxrss / 1024


def compare(work: Path, dialogues: int, unlabeled: int, repeats: int) -> None:
    """Measures and prints everything; each repeat times the floor and the statistics, with and without a cache."""
    built = work / "cmcc"
    write_corpus(work / "raw", dialogues, unlabeled, seed=1)
    build(work / "raw", built, num_proc=2)
    measure("floor", built, work / "none")  # warms the disk's cache
    rows = []
    for number in range(repeats):
        cache = work / f"cache-{number}"
        floor_ = measure("floor", built, cache)
        first, again = (measure("statistics", built, cache) for _ in range(2))
        rows.append((first[0] / floor_[0], again[0] / floor_[0], first[0]))
        texts = [f"{seconds:.1f} s, {megabytes:.0f} MB" for seconds, megabytes in (floor_, first, again)]
        print(f"run {number + 1}: floor {texts[0]}; statistics, first time {texts[1]}; again {texts[2]}")
    ratio, cached, seconds = (sorted(column)[len(rows) // 2] for column in zip(*rows, strict=True))
    print(f"statistics / floor: {ratio:.1f} the first time, {cached:.1f} again")
    print(f"seconds, the first time: {seconds:.1f}; goal: at most 20")
    print(f"peak memory: {first[1]:.0f} MB; goal: at most 1,000 MB")


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

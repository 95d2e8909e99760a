"""Speed and memory of `cmcc build` and `cmcc simulate` at the published size, as ratios measured in one run.

    python benchmarks/build.py                                  # 8,975 + 90,000 dialogues, some minutes
    python benchmarks/build.py --dialogues 900 --unlabeled 9000
    python benchmarks/build.py --scale 1000000                  # this many dialogues once, and a tenth: memory is flat

Two references. A lower bound: orjson.loads of the same raw files, and pyarrow writing the finished tables to Parquet
with the same settings. And what people would otherwise write: `datasets` reading the same JSON, then one `map` a config
with this package's own reader and views, without splits, reports and checks for repeated dialogues. Each step runs in
its own process; peak memory is that of its largest process, with --scale also that of all processes together.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

# A worker process of a build imports this file: what it does not need is imported inside the steps.


@dataclass(frozen=True)
class Measured:
    """Seconds of the step itself, without imports, by the clock and of CPU time; peak memory of its processes in MB."""

    seconds: float
    cpu: float
    first: float  # MB of the first process
    worker: float  # MB of its largest worker
    together: float = 0.0  # MB of all its processes at one time, if sampled

    @property
    def megabytes(self) -> float:
        """The peak memory of the largest process."""
        return max(self.first, self.worker)


class Clock:
    """Measures a step, from the creation of the clock: seconds by the clock, and of CPU time with ended workers."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), sum(os.times()[:4])

    def read(self) -> tuple[float, float]:
        """Returns the two numbers of seconds."""
        return time.perf_counter() - self._wall, sum(os.times()[:4]) - self._cpu


def floor(raw: Path, built: Path, out: Path) -> tuple[float, float]:
    """Returns the seconds of what any build must do: parse the JSON and write the Parquet files."""
    import orjson
    import pyarrow.parquet as pq

    from cmcc_bench.dataset.parquet import ROW_GROUP, open_parquet

    tables = [(path, pq.read_table(path)) for path in sorted(built.rglob("*.parquet"))]
    clock = Clock()
    for path in sorted(raw.glob("*.json")):
        orjson.loads(path.read_bytes())
    for path, table in tables:
        target = out / path.parent.name
        target.mkdir(parents=True, exist_ok=True)
        with open_parquet(target / path.name, table.schema) as writer:
            writer.write_table(table, row_group_size=ROW_GROUP[path.parent.name])
    return clock.read()


def timed_build(raw: Path, out: Path, num_proc: int) -> tuple[float, float]:
    """Returns the seconds of a build."""
    from cmcc_bench.dataset import build

    clock = Clock()
    build(raw, out, num_proc=num_proc)
    return clock.read()


def with_datasets(raw: Path, out: Path) -> tuple[float, float]:
    """Returns the seconds in which `datasets` makes the five configs: it reads the JSON, maps and writes Parquet."""
    import datasets

    from cmcc_bench.dataset.spool import CONFIGS
    from cmcc_bench.features import FEATURES

    datasets.disable_progress_bars()
    clock = Clock()
    for source, configs in CONFIGS.items():
        files = [str(path) for path in sorted(raw.glob(f"synthetic-{source}-*.json"))]
        if not files:
            continue
        calls = datasets.load_dataset("json", data_files=files, split="train", cache_dir=str(out / "cache"))
        for config in configs:
            rows = calls.map(
                to_rows(config, config == source),
                batched=True,
                remove_columns=calls.column_names,
                features=FEATURES[config](),
            )
            rows.to_parquet(str(out / f"{config}.parquet"))
            calls = rows if config == source else calls
    return clock.read()


def to_rows(config: str, is_raw: bool) -> Callable[[dict[str, list[Any]]], dict[str, list[Any]]]:
    """The function for `Dataset.map`: from raw calls, or from rows of `labeled`, to the rows of a config."""
    import cmcc

    file, reader, names = cmcc.RawFile(Path("calls.json"), "calls.json", None), cmcc.DialogueReader(), cmcc.FEATURES
    view = cmcc.view(config)

    def convert(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Reads and converts a batch."""
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        if is_raw:
            read = [reader.read(cmcc.RawDialogue(file, number, "", row, ())) for number, row in enumerate(rows)]
            rows = [dialogue.row for dialogue in read if dialogue]
        made = [new for row in rows for new in view(row)]
        return {name: [row[name] for row in made] for name in names[config]()}

    return convert


def timed_simulate(out: Path, dialogues: int, unlabeled: int) -> tuple[float, float]:
    """Returns the seconds of a simulation in one process."""
    from cmcc_bench.simulate import write_corpus

    clock = Clock()
    write_corpus(out, dialogues, unlabeled, seed=0)
    return clock.read()


def timed_command(name: str, data: Path) -> tuple[float, float]:
    """Returns the seconds of a command of `cmcc` on a built folder; its output is dropped."""
    from cmcc_bench.cli import main as cmcc_main

    clock = Clock()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        sys.argv = ["cmcc", str(name), str(data)]
        cmcc_main()
    except SystemExit as exit_:
        if exit_.code not in (0, 1, None):  # 1: the checker found something
            raise
    return clock.read()


def first_row(built: Path) -> tuple[float, float]:
    """Returns the seconds until a streaming read of `unlabeled` gives its first row, without the imports."""
    import datasets
    import torch  # noqa: F401  # `datasets` imports it with the first row

    clock = Clock()
    next(iter(datasets.load_dataset(str(built), "unlabeled", split="train", streaming=True)))
    return clock.read()


STEPS = {
    "floor": floor,
    "build": timed_build,
    "datasets": with_datasets,
    "simulate": timed_simulate,
    "command": timed_command,
    "stream": first_row,
}


def measure(step: str, *arguments: str | Path | int, sample: bool = False) -> Measured:
    """Runs a step in a new process and waits for it. sample: samples the memory of its processes together."""
    values = [str(argument) for argument in arguments]
    together = 0.0
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        process = subprocess.Popen([sys.executable, __file__, "--step", str(result), step, *values])
        while sample and os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            together = max(together, memory_of(process.pid))
            time.sleep(0.25)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise SystemExit(f"the step {step} {' '.join(values)} failed; its message is above")
        seconds, cpu, workers_kb = json.loads(result.read_text())
    return Measured(seconds, cpu, usage.ru_maxrss / 1024, workers_kb / 1024, together)


def memory_of(process: int) -> float:
    """MB of a process and its descendants now; pages that they share are counted once. Linux only; else 0.

    The peak that the system keeps for a worker is of no use: before it starts its own program, it is a copy of the
    first process.
    """
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        children = [path.read_text().split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:  # it has ended, or this is not Linux
        return 0.0
    own = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return own / 1024 + sum(memory_of(int(child)) for names in children for child in names)


def run_step(result: Path, step: str, values: list[str]) -> None:
    """Runs a step in the new process; writes its seconds and the peak memory of its workers to the file `result`."""
    arguments = [int(value) if value.isdecimal() else Path(value) for value in values]
    seconds = STEPS[step](*arguments)  # type: ignore[operator]
    result.write_text(json.dumps([*seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))


def compare(work: Path, dialogues: int, unlabeled: int, repeats: int) -> None:
    """Measures and prints everything; each repeat times the references, one process and two in turn."""
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
        other = measure("datasets", raw, work / "datasets")
        shutil.rmtree(work / "datasets")
        rows.append(
            (
                one.seconds / floor_.seconds,
                one.cpu / floor_.cpu,
                one.seconds / two.seconds,
                other.seconds / one.seconds,
                other.cpu / one.cpu,
                other.megabytes / one.megabytes,
                one.megabytes / tenth.megabytes,
            )
        )
        print(
            f"run {number + 1}: floor {_row(floor_)}; build, 1 process {_row(one)}; 2 processes {_row(two)};"
            f" datasets {_row(other)}",
            flush=True,
        )
    goals = (
        ("build / floor", "at most 2.5"),
        ("build / floor, CPU time", "at most 2.5"),
        ("1 process / 2 processes", "at least 1.7"),
        ("datasets / build, seconds", "at least 2"),
        ("datasets / build, CPU time", "at least 2"),
        ("datasets / build, memory", "more than 1"),
        ("peak memory of a build, the whole / a tenth of the dialogues", "about 1 (flat)"),
    )
    for (name, goal), ratios in zip(goals, zip(*rows, strict=True), strict=True):
        print(f"{name}: median {median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}; goal: {goal}")


def scale(work: Path, calls: int, num_proc: int) -> None:
    """Builds a tenth of the calls and all of them once, and prints seconds, memory and the size of the files."""
    for count in (calls // 10, calls):
        raw, out = work / f"raw-{count}", work / f"cmcc-{count}"
        simulated = measure("simulate", raw, count // 11, count - count // 11)
        built = measure("build", raw, out, num_proc, sample=True)
        print(f"{count} calls: simulate {_row(simulated)}; build, {num_proc} processes {_row(built)}", flush=True)
        print(f"  all processes together at most {built.together:.0f} MB; goal: at most 600 MB")
        largest = max(out.rglob("*.parquet"), key=lambda path: path.stat().st_size)
        print(
            f"  largest file: {largest.relative_to(out)}, {largest.stat().st_size / 1e6:.0f} MB; goal: at most 500 MB"
        )
        print(f"  first row of a streaming read: {_row(measure('stream', out))}; goal: at most 2 s")
        for name in ("stats", "check"):
            print(f"  cmcc {name}: {_row(measure('command', name, out))}", flush=True)
        shutil.rmtree(raw)


def _row(measured: Measured) -> str:
    return f"{measured.seconds:.1f} s ({measured.cpu:.1f} s of CPU time), {measured.megabytes:.0f} MB"


def _machine() -> str:
    """The model of the processor and the flags of vector instructions, where Linux shows them."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    except OSError:
        return platform.processor()
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    flags = [flag for flag in fields.get("flags", "").split() if flag in ("avx2", "avx512f", "sha_ni")]
    return f"{fields.get('model name', platform.processor())} ({' '.join(flags)})"


def main() -> None:
    """Parses the arguments."""
    if sys.argv[1:2] == ["--step"]:
        run_step(Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
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
    parser.add_argument(
        "--scale", type=int, metavar="CALLS", help="build this many calls, one in eleven labeled, and a tenth of them"
    )
    parser.add_argument(
        "--num-proc", type=int, default=2, help="number of processes with --scale (default: %(default)s)"
    )
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cmcc-bench-"))
    try:
        print(f"{_machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        if options.scale:
            scale(work, options.scale, options.num_proc)
        else:
            compare(work, options.dialogues, options.unlabeled, options.repeats)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

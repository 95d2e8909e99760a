"""Runs the whole path on the synthetic sample: the data set, every system, and the paper's tables beside ours.

    python train/reproduce.py --out out                # a second start goes on where the first one stopped
    python train/reproduce.py --out out --data-dir my/raw/files --recipes train/recipes/paper --jobs 1

Systems are trained side by side, one a core; what they print is in OUT/runs/NAME.log. Everything that is made stands
below OUT: the built data set, a folder for each run, and report.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import cmcc

ROOT = Path(__file__).parents[1]
FORMS = ("variant", "baseline", "no_emotion", "no_caring")
ORACLES = ("baseline", "variant")  # the rows of table 2
_CMCC = [sys.executable, "-m", "cmcc_bench.cli"]


@dataclass(frozen=True)
class Step:
    """A command, and about how much of the whole it is: only the time left is told from it."""

    name: str
    command: list[str]
    weight: float


@dataclass
class Clock:
    """How much is done, said after each step; and the processes that were started."""

    whole: float
    begin: float = field(default_factory=time.monotonic)
    done: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def finish(self, step: Step) -> None:
        """Counts a step as done."""
        with self.lock:
            self.done += step.weight
            seconds = time.monotonic() - self.begin
            left = (self.whole - self.done) * seconds / self.done
            times = f"{seconds / 60:.1f} min so far, about {left / 60:.1f} min left"
            print(f"[{self.done / self.whole:4.0%}] done: {step.name} ({times})", flush=True)


def data_steps(built: Path, data_dir: Path) -> list[Step]:
    """The data set and its statistics."""
    build = [*_CMCC, "build", "--data-dir", str(data_dir), "--out", str(built)]
    return [
        Step("build the data set", build, 4),
        Step("statistics beside the paper's tables 1, 6, 7 and 8", [*_CMCC, "stats", str(built)], 3),
    ]


def system_steps(form: str, built: Path, runs: Path, recipes: Path, extra: list[str]) -> list[Step]:
    """Training a system and decoding the test split with it."""
    run = runs / form
    train = [sys.executable, str(ROOT / "train" / "dialogue.py"), "--recipe", str(recipes / f"{form}.yaml")]
    resume = ["--resume"] if run.exists() else []
    found = [Step(f"train {form}", [*train, "--dataset", str(built), "--out", str(run), *resume, *extra], 150)]
    for mode in ("end2end", "oracle") if form in ORACLES else ("end2end",):
        out = str(run / f"test.{mode}.jsonl")
        command = [*_CMCC, "predict", str(run / "best"), str(built), "--mode", mode, "--out", out]
        found.append(Step(f"decode {form}, {mode}", command, 20))
    return found


def run_system(steps: list[Step], log: Path, clock: Clock, threads: int = 1) -> None:
    """Runs the steps of one system in turn. Raises SystemExit with the end of the log when one fails."""
    environment = {"OMP_NUM_THREADS": str(threads)} | os.environ
    with log.open("ab") as stream:
        for step in steps:
            process = subprocess.Popen(step.command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
            clock.running.append(process)
            if process.wait():
                tail = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-15:])
                raise SystemExit(f"failed: {' '.join(step.command)}\nThe end of {log}:\n{tail}")
            clock.finish(step)


def run_systems(systems: dict[Path, list[Step]], jobs: int, clock: Clock) -> None:
    """Runs systems side by side, by their logs; the first that fails, or Ctrl-C, ends the others."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        started = [pool.submit(run_system, steps, log, clock, threads) for log, steps in systems.items()]
        try:
            for job in as_completed(started):
                job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in clock.running:
                process.terminate()
            raise


def main() -> int:
    """Runs every step and returns the exit status of the first one that fails."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for everything (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, default=cmcc.SAMPLE_DIR, help="raw files (default: the sample)")
    parser.add_argument("--recipes", type=Path, default=ROOT / "train" / "recipes" / "tiny", help="a folder of recipes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="systems at a time (default: all cores)")
    options, extra = parser.parse_known_args()
    if options.data_dir == cmcc.SAMPLE_DIR:
        print("The data are SYNTHETIC: a simulator made them. The numbers say that the path works.", flush=True)
    built, runs = options.out / "cmcc", options.out / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    first = data_steps(built, options.data_dir)
    systems = {form: system_steps(form, built, runs, options.recipes, extra) for form in FORMS}
    report = Step("tables", [*_CMCC, "report", str(runs), "--out", str(options.out / "report.md")], 30 * options.jobs)
    clock = Clock(sum(step.weight for step in [*first, *[s for steps in systems.values() for s in steps], report]))
    for step in first:
        if status := subprocess.run(step.command).returncode:
            return status
        clock.finish(step)
    run_systems({runs / f"{form}.log": steps for form, steps in systems.items()}, max(1, options.jobs), clock)
    if status := subprocess.run(report.command).returncode:
        return status
    clock.finish(report)
    print(f"Markdown: {options.out / 'report.md'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

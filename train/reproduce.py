"""Runs the whole path on the synthetic sample: the data set, every system, and the paper's tables beside ours.

    python train/reproduce.py --out out                # a second start skips what is finished
    python train/reproduce.py --out out --data-dir my/raw/files --recipes train/recipes/paper

Everything that is made stands below OUT: the built data set, a folder for each run, and report.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from a checkout

import cmcc

FORMS = ("baseline", "variant", "no_emotion", "no_caring")
ORACLES = ("baseline", "variant")  # the rows of table 2
_CMCC = [sys.executable, "-m", "cmcc_bench.cli"]


@dataclass(frozen=True)
class Step:
    """A command, and about how much of the whole it is (seconds on two cores; only the time left is told from it)."""

    name: str
    command: list[str]
    weight: float


def steps(out: Path, data_dir: Path, recipes: Path, extra: list[str]) -> Iterator[Step]:
    """All steps, in order."""
    built, runs = str(out / "cmcc"), out / "runs"
    yield Step("build the data set", [*_CMCC, "build", "--data-dir", str(data_dir), "--out", built], 4)
    yield Step("statistics beside the paper's tables 1, 6, 7, 8", [*_CMCC, "stats", built], 3)
    for form in FORMS:
        train = [sys.executable, "train/dialogue.py", "--recipe", str(recipes / f"{form}.yaml"), "--resume"]
        yield Step(f"train {form}", [*train, "--dataset", built, "--out", str(runs / form), *extra], 110)
        for mode in ("end2end", "oracle") if form in ORACLES else ("end2end",):
            predictions = str(runs / form / f"test.{mode}.jsonl")
            predict = [*_CMCC, "predict", str(runs / form / "best"), built, "--mode", mode, "--out", predictions]
            yield Step(f"decode {form}, {mode}", predict, 10)
    yield Step("tables 2, 3 and 4", [*_CMCC, "report", str(runs), "--out", str(out / "report.md")], 15)


def main() -> int:
    """Runs every step and returns the exit status of the first one that fails."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for everything (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, default=cmcc.SAMPLE_DIR, help="raw files (default: the sample)")
    parser.add_argument("--recipes", type=Path, default=Path("train/recipes/tiny"), help="default: %(default)s")
    options, extra = parser.parse_known_args()
    if options.data_dir == cmcc.SAMPLE_DIR:
        print(
            "The data are SYNTHETIC: a simulator made them. The numbers say that the path works, no more.", flush=True
        )
    todo = list(steps(options.out, options.data_dir, options.recipes, extra))
    begin, done, whole = time.monotonic(), 0.0, sum(step.weight for step in todo)
    for number, step in enumerate(todo, 1):
        seconds = time.monotonic() - begin
        left = f", about {(whole - done) * (seconds / done) / 60:.0f} min left" if done else ""
        print(f"\n[{number}/{len(todo)}] {step.name} ({seconds / 60:.1f} min so far{left})", flush=True)
        status = subprocess.run(step.command).returncode
        if status:
            print(f"failed: {' '.join(step.command)}", file=sys.stderr)
            return status
        done += step.weight
    print(f"\nDone in {(time.monotonic() - begin) / 60:.1f} min; the tables are in {options.out / 'report.md'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

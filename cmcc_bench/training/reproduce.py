"""Runs the whole pipeline on a simulated corpus: the data set, every system, and tables next to the paper's.

    python train/reproduce.py --out out                # a second start continues where the first one stopped
    python train/reproduce.py --out out --data-dir my/raw/files --recipes paper --jobs 1

The corpus has 1,200 training dialogues: enough to fine-tune the small backbone that ships, and few enough to train all
systems in a quarter of an hour on two cores. With 220 test dialogues, 95 % intervals are at most 1.2 to each side for
BLEU-4, and 0.08 for success. The 100 validation dialogues only choose an epoch and thresholds. Each split is simulated
with its own seed, so its dialogues stay the same when the size of another one changes.

An emotion classifier is also trained on a large corpus of its own, OUT/large: 2,000 training and 1,000 test dialogues.
Some emotions are so rare that 220 test dialogues have only a few utterances of them, too few to tell a classifier from
character n-grams. A classifier needs no decoding, which takes most of the time of dialogue models.

Systems are trained in parallel, one for each core; their output is in OUT/runs/NAME.log. All results are in OUT: the
raw files, the built data set, a folder for each run, report.md and report.html.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.terminal import make_streams_tolerant
from cmcc_bench.training.memory import peak_memory
from cmcc_bench.training.recipe import recipe_path

_CMCC = [sys.executable, "-m", "cmcc_bench.cli"]


@dataclass(frozen=True)
class Step:
    """A command, and how long it takes on one core in seconds, roughly: for the estimate of the remaining time."""

    name: str
    command: list[str]
    weight: float


@dataclass
class Clock:
    """Progress of the steps, printed after each step and during long ones; and the started processes."""

    whole: float
    begin: float = field(default_factory=time.monotonic)
    done: float = 0.0
    every: float = 60.0  # seconds between two progress lines of a running step
    lock: threading.Lock = field(default_factory=threading.Lock)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: dict[str, tuple[float, float]] = field(default_factory=dict)  # running steps: start time and weight
    stopped: threading.Event = field(default_factory=threading.Event)

    def finish(self, step: Step) -> None:
        """Marks a step as finished."""
        with self.lock:
            self.started.pop(step.name, None)
            self.done += step.weight
            self._say(f"done: {step.name}")

    def wait(self, process: subprocess.Popen[bytes], step: Step, log: Path) -> int:
        """Waits for the step's process and returns its exit status; prints the last line of its log regularly."""
        with self.lock:
            self.started[step.name] = time.monotonic(), step.weight
        while True:
            try:
                return process.wait(self.every)
            except subprocess.TimeoutExpired:
                with self.lock:
                    self._say(f"running: {step.name}: {''.join(_tail(log, 1))}")

    def _say(self, text: str) -> None:
        now = time.monotonic()
        seconds, done = now - self.begin, self.done_by(now)
        left = f", about {(self.whole - done) * seconds / done / 60:.1f} min left" if done else ""
        print(f"[{self.done / self.whole:4.0%}] {text} ({seconds / 60:.1f} min elapsed{left})", flush=True)

    def done_by(self, now: float) -> float:
        """The finished weight, including an estimate for running steps: their seconds, at most 95 % of their weight."""
        return self.done + sum(min(now - begin, 0.95 * weight) for begin, weight in self.started.values())


def _tail(log: Path, lines: int) -> list[str]:
    return log.read_text("utf-8", errors="replace").splitlines()[-lines:]


@dataclass(frozen=True)
class TrainedSystem:
    """A system that is trained and then used for predictions.

    name: its folder in OUT/runs. task: TASK of cmcc train. recipe: name of the recipe's file. options: settings that
    replace the recipe's. epochs: their number with the tiny recipes; other recipes keep their own. after: the system
    that must be trained first. weight: training time on one core in seconds, roughly. modes: decoding modes. corpus:
    name of the data set in OUT; a user's raw files give `cmcc` only.
    """

    name: str
    task: str
    recipe: str
    options: tuple[str, ...] = ()
    epochs: int | None = None
    after: str | None = None
    weight: float = 150
    modes: tuple[str, ...] = ()
    corpus: str = "cmcc"


_FEW = ("--labeled_share", "0.2")
_CONTEXT = ("--context", "true", "--thresholds", "tuned")
_SURE = ("--pseudo_confidence", "0.8")
_END = ("end2end",)
_BOTH = ("end2end", "oracle")
# In starting order: long ones first, and those that others wait for. Models with a fifth of the labels train for more
# epochs, so that they take about half as many steps as the models with all labels.
SYSTEMS = (
    TrainedSystem("variant", "dialogue", "variant", epochs=1, weight=90, modes=_BOTH),
    TrainedSystem("baseline", "dialogue", "baseline", epochs=1, weight=85, modes=_BOTH),
    TrainedSystem("variant_20", "dialogue", "variant", _FEW, epochs=3, weight=60, modes=_END),
    TrainedSystem("variant_pseudo", "dialogue", "variant", _SURE, 1, "variant", 130, _END),
    TrainedSystem("variant_20_pseudo", "dialogue", "variant", (*_FEW, *_SURE), 2, "variant_20", 95, _END),
    TrainedSystem("no_emotion", "dialogue", "no_emotion", epochs=1, weight=85, modes=_END),
    TrainedSystem("no_caring", "dialogue", "no_caring", epochs=1, weight=85, modes=_END),
    TrainedSystem("emotion_large", "emotion", "emotion", weight=45, corpus="large"),
    TrainedSystem("satisfaction", "satisfaction", "satisfaction", weight=100),
    TrainedSystem("emotion", "emotion", "emotion", weight=30),
    TrainedSystem("emotion_20", "emotion", "emotion", _FEW, weight=12),
    TrainedSystem("emotion_context", "emotion", "emotion", _CONTEXT, 2, weight=90),
    TrainedSystem("emotion_pseudo", "emotion", "emotion", _SURE, 2, "emotion", 40),
    TrainedSystem("emotion_20_pseudo", "emotion", "emotion", (*_FEW, *_SURE), 2, "emotion_20", 30),
    TrainedSystem("joint", "joint", "joint", epochs=3, weight=50),
    TrainedSystem("joint_no_emotion", "joint", "joint", ("--emotions", "false"), 3, weight=40),
)
TINY = Path("tiny")
CORPUS = {"train": 1200, "validation": 100, "test": 220}  # dialogues of the simulated corpus
PSEUDO_DIALOGUES = 300  # number of unlabeled dialogues to label
LARGE = {"train": 2000, "validation": 100, "test": 1000}  # dialogues of the large corpus, for an emotion classifier


def simulation_steps(raw: Path, corpus: Mapping[str, int], unlabeled: int, first_seed: int) -> list[Step]:
    """The steps that simulate a corpus: a folder for each split, and one for the unlabeled dialogues."""
    sizes = [(name, ["--dialogues", str(dialogues)]) for name, dialogues in corpus.items()]
    if unlabeled:
        sizes.append(("unlabeled", ["--dialogues", "0", "--unlabeled", str(unlabeled)]))
    return [
        Step(
            f"simulate {name} into {raw.name}",
            [*_CMCC, "simulate", *size, "--seed", str(seed), "--out", str(raw / name)],
            max(1, int(size[-1]) / 500),
        )
        for seed, (name, size) in enumerate(sizes, start=first_seed)
    ]


def large_steps(out: Path) -> list[Step]:
    """The steps for the large corpus. Its seeds are none of the other corpus's."""
    simulations = simulation_steps(out / "raw-large", LARGE, 0, first_seed=len(CORPUS) + 2)
    build = [*_CMCC, "build", "--data-dir", str(out / "raw-large"), "--out", str(out / "large")]
    return [*simulations, Step("build the large data set", build, 12)]


def data_steps(out: Path, data_dir: Path | None) -> list[Step]:
    """The steps for the data set and its statistics. data_dir: raw files; None simulates a corpus."""
    built, raw = out / "cmcc", data_dir or out / "raw"
    steps = [] if data_dir else simulation_steps(raw, CORPUS, PSEUDO_DIALOGUES, first_seed=1)
    build = [*_CMCC, "build", "--data-dir", str(raw), "--out", str(built), "--figures"]
    stats = ["stats", str(built), "--json", str(out / "statistics.json"), "--markdown", str(out / "statistics.md")]
    return [
        *steps,
        Step("build the data set", build, 3),
        Step("statistics, with the paper's tables 1, 6, 7 and 8", [*_CMCC, *stats], 2),
        Step("figures", [*_CMCC, "figures", str(built), "--out", str(out / "figures")], 5),
    ]


def system_steps(system: TrainedSystem, built: Path, runs: Path, recipes: Path, extra: list[str]) -> list[Step]:
    """The steps to train a system and to predict the test split with it."""
    run = runs / system.name
    train = [*_CMCC, "train", system.task, "--recipe", str(recipes / f"{system.recipe}.yaml"), *system.options]
    if system.epochs and recipes == TINY:
        train += ["--epochs", str(system.epochs)]
    if system.after:
        train += ["--pseudo_label", str(runs / system.after / "best"), "--pseudo_dialogues", str(PSEUDO_DIALOGUES)]
    resume = ["--resume"] if run.exists() else []
    whole = [*train, "--dataset", str(built), "--out", str(run), *resume, *extra]
    steps = [Step(f"train {system.name}", whole, system.weight)]
    predict = [*_CMCC, "predict", str(run / "best"), str(built)]
    for mode in system.modes:
        out = str(run / f"test.{mode}.jsonl")
        steps.append(Step(f"decode {system.name}, {mode}", [*predict, "--mode", mode, "--out", out], 24))
    if not system.modes:
        steps.append(Step(f"predict with {system.name}", [*predict, "--out", str(run / "test.jsonl")], 5))
    return steps


def run_system(steps: list[Step], log: Path, clock: Clock, threads: int = 1) -> None:
    """Runs the steps of one system in order. Raises SystemExit with the end of the log if one fails."""
    environment = {"OMP_NUM_THREADS": str(threads)} | os.environ
    with log.open("ab") as stream:
        for step in steps:
            process = subprocess.Popen(step.command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
            clock.running.append(process)
            if clock.wait(process, step, log):
                tail = "\n".join(_tail(log, 15))
                raise SystemExit(f"failed: {' '.join(step.command)}\nLast lines of {log}:\n{tail}")
            clock.finish(step)


def run_systems(
    steps: dict[str, list[Step]], systems: Sequence[TrainedSystem], runs: Path, jobs: int, clock: Clock
) -> None:
    """Runs systems in parallel in their order, each after the one that it needs. A failure stops all others."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    ready = {system.name: threading.Event() for system in systems}

    def run(system: TrainedSystem) -> None:
        """Trains and predicts with one system, after the one that it builds on."""
        if system.after:  # it was started earlier, so it is running or finished
            ready[system.after].wait()
        if clock.stopped.is_set():
            return
        run_system(steps[system.name], runs / f"{system.name}.log", clock, threads)
        ready[system.name].set()

    with ThreadPoolExecutor(jobs) as pool:
        started = [pool.submit(run, system) for system in systems]
        try:
            for job in as_completed(started):
                job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            clock.stopped.set()
            for process in clock.running:
                process.terminate()
            for event in ready.values():  # release the waiting systems
                event.set()
            raise


def chosen(names: Sequence[str] | None) -> list[TrainedSystem]:
    """The named systems and those that they need; all systems without names."""
    selected = set(names or [system.name for system in SYSTEMS])
    selected |= {system.after for system in SYSTEMS if system.name in selected and system.after}
    return [system for system in SYSTEMS if system.name in selected]


def problem_with(options: argparse.Namespace, systems: Sequence[TrainedSystem]) -> str:
    """What is wrong with the options, so that nothing is started; empty if they can be used."""
    if options.jobs < 1:
        return f"argument --jobs: found {options.jobs}; expected a whole number of 1 or more"
    if options.out.exists() and not options.out.is_dir():
        return f"argument --out: {options.out} is a file; expected a folder"
    raw = options.out / "raw"
    if options.data_dir is None and any(raw.glob("synthetic-*.json")):
        return f"argument --out: {raw} has simulated calls of an earlier version. Remove {raw} or choose another --out"
    try:
        for system in systems:
            recipe_path(options.recipes / f"{system.recipe}.yaml")
    except DataError as error:
        return f"argument --recipes: {error}"
    return ""


def main() -> int:
    """Runs every step and returns the exit status of the first one that fails."""
    make_streams_tolerant()
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for all results (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, help="raw files (default: a simulated corpus)")
    parser.add_argument(
        "--recipes", type=Path, default=TINY, help="tiny, paper, or a folder of recipes (default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="SYSTEM",
        choices=[s.name for s in SYSTEMS],
        help="run only these systems (default: all)",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="systems trained in parallel (default: number of cores)"
    )
    options, extra = parser.parse_known_args()
    systems = chosen(options.only)
    if options.data_dir:
        systems = [system for system in systems if system.corpus == "cmcc"]
    if problem := problem_with(options, systems):
        parser.error(problem)
    if options.data_dir is None:
        print("The data are SYNTHETIC: the scores show that the pipeline works and nothing else.", flush=True)
    with peak_memory() as peak:
        status = run_all(options, systems, extra)
    if peak.size:
        print(f"Peak memory of all processes together: {peak.size / 1e9:.1f} GB")
    return status


def run_all(options: argparse.Namespace, systems: list[TrainedSystem], extra: list[str]) -> int:
    """Runs all steps and returns the exit status of the first one that fails. extra: options of every training."""
    built, runs = options.out / "cmcc", options.out / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    first = [replace(step, weight=step.weight * options.jobs) for step in data_steps(options.out, options.data_dir)]
    if any(system.corpus == "large" for system in systems):
        first += [replace(step, weight=step.weight * options.jobs) for step in large_steps(options.out)]
    steps = {
        system.name: system_steps(system, options.out / system.corpus, runs, options.recipes, extra)
        for system in systems
    }
    report = Step("tables", [*_CMCC, "report", str(runs), "--out", str(options.out / "report.md")], 30 * options.jobs)
    clock = Clock(sum(step.weight for step in [*first, *chain.from_iterable(steps.values()), report]))
    for step in first:
        if status := subprocess.run(step.command).returncode:
            return status
        clock.finish(step)
    if not (built / "unlabeled").exists() and any(system.after for system in systems):
        print("No unlabeled dialogues: systems with pseudo-labels are skipped.", flush=True)
        systems = [system for system in systems if not system.after]
    run_systems(steps, systems, runs, options.jobs, clock)
    if status := subprocess.run(report.command).returncode:
        return status
    clock.finish(report)
    print(f"Open the report in a browser: {options.out / 'report.html'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Every command once at the published size: seconds and peak memory, on one core.

    python benchmarks/published_size.py                                     # some minutes on a quiet core
    python benchmarks/published_size.py --dialogues 300 --unlabeled 600     # the same commands, sooner
    python benchmarks/published_size.py --folder /data/size                 # keeps the files, and uses those there are

The data are 8,975 labeled and 90,000 unlabeled simulated calls, seed 0. What needs a model is run with character
n-grams, which learn in seconds, on all of the data; decoding and training of neural models are run on a stated subset,
since their time is that of the model (benchmarks/decode.py, train.py and docs/scale.md). The predictions of responses
and entities that are scored are random answers of training dialogues, as many as the test split has. Commands of the
Hub run against the test server of tests/hub_server.

Each command is one process that may use one core. What is compared with the goal is its processor time: on a quiet core
it is what the clock shows, on a busy machine the clock says little. Peak memory is the largest resident size, as the
system reports it at the end. The first `report` fits the bounds; the second one takes them from the cache.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import datasets
import orjson

from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.decoding.run_files import PredictionRun, RunFiles, now
from cmcc_bench.files import write_bytes
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.tasks import TASKS, answer_line, task_of

ROOT = Path(__file__).parents[1]
GOAL_SECONDS, MEGABYTE = 120.0, 1 << 20
LABELED, UNLABELED, SEED = 8_975, 90_000, 0
SUBSET = 60  # dialogues for what decodes or trains a neural model
ORG = "cmcc-org"
RANDOM_ANSWERS = "(random answers are written)"
TINY = ROOT / "cmcc_bench" / "backbones" / "tiny" / "variant"


@dataclass(frozen=True)
class Measured:
    """A command that has run: processor and clock time in seconds, peak memory in bytes, exit status, and a note."""

    command: str
    seconds: float
    clock: float
    memory: int
    status: int
    note: str = ""

    def row(self) -> str:
        """A row of the table."""
        status = "" if self.status == 0 else f"; status {self.status}"
        within = "yes" if self.seconds <= GOAL_SECONDS else "NO"
        size = f"{self.memory / MEGABYTE:,.0f} MB"
        note = f" ({self.note}{status})" if self.note or status else ""
        return f"| `{self.command}`{note} | {self.seconds:.1f} | {self.clock:.1f} | {size} | {within} |"


def commands(size: argparse.Namespace) -> list[tuple[str, str]]:
    """The commands in order, each with a note. Later ones use the files of earlier ones."""
    subset = f"{SUBSET} dialogues"
    return [
        ("--help", ""),
        (f"simulate --dialogues {size.dialogues} --unlabeled {size.unlabeled} --seed {SEED} --out raw", ""),
        ("build --data-dir raw --out cmcc", ""),
        ("stats cmcc --json stats.json", ""),
        ("figures cmcc --out figures", "all figures and formats"),
        ("check cmcc --out review.csv", ""),
        ("agreement cmcc cmcc", "a data set with itself"),
        ("train emotion --recipe ngrams --dataset cmcc --out runs/emotion", ""),
        ("train satisfaction --recipe ngrams --dataset cmcc --out runs/satisfaction", ""),
        ("predict runs/emotion/best cmcc --out runs/emotion/test.jsonl", ""),
        ("predict runs/satisfaction/best cmcc --out runs/satisfaction/test.jsonl", ""),
        (RANDOM_ANSWERS, ""),
        ("score runs/emotion/test.jsonl cmcc", ""),
        ("score runs/response/test.jsonl cmcc", ""),
        ("score runs/response/test.jsonl cmcc --version seretod", ""),
        ("score runs/response/test.jsonl cmcc --against runs/response-b/test.jsonl", ""),
        ("report runs --out report.md", "fits the bounds"),
        ("report runs --out report.md", "bounds are kept"),
        ("card runs/emotion --out card.md", ""),
        ("validate runs/response/test.jsonl cmcc", ""),
        (f"push leaderboard {ORG}/board --yes", "test server"),
        (
            f"submit runs/emotion/test.jsonl cmcc --leaderboard {ORG}/board-results --model A --training-data T --yes",
            "",
        ),
        (
            f"submit runs/response/test.jsonl cmcc --leaderboard {ORG}/board-results --model B --training-data T --yes",
            "",
        ),
        (f"leaderboard update {ORG}/board-results --dataset cmcc --yes", ""),
        (f"leaderboard show {ORG}/board-results", ""),
        (f"push dataset cmcc {ORG}/cmcc --yes", "test server"),
        (f"pull dataset {ORG}/cmcc --out pulled", "test server"),
        ("chat tiny --dataset cmcc", "opens, and ends"),
        (f"simulate --dialogues {SUBSET} --unlabeled {SUBSET} --seed {SEED} --out few-raw", subset),
        ("build --data-dir few-raw --out few", subset),
        (f"predict {TINY.relative_to(ROOT)} few --out few.jsonl", f"the model that ships, {subset}"),
        ("train emotion --recipe tiny/emotion --dataset few --epochs 1 --out few-run", f"1 epoch, {subset}"),
        (
            "train emotion --recipe tiny/emotion --dataset few --epochs 1 --out few-pseudo --pseudo_label few-run/best"
            " --pseudo_confidence 0",
            f"with {SUBSET} unlabeled calls",
        ),
    ]


# Forked by a small process: Linux counts the memory of the process that forks as the child's.
_MEASURER = """
import json, os, sys
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024], file)
"""


def measure(command: str, folder: Path, environment: Mapping[str, str], limit: float, note: str) -> Measured:
    """Runs a command in a process on one core; it is ended after `limit` seconds on the clock."""
    words = [str(ROOT / word) if word.startswith("cmcc_bench/") else word for word in shlex.split(command)]
    core, usage = max(os.sched_getaffinity(0)), folder / "usage.json"
    usage.unlink(missing_ok=True)
    line = (sys.executable, "-S", "-c", _MEASURER, str(usage), sys.executable, "-m", "cmcc_bench.cli", *words)
    begin = time.perf_counter()
    with (folder / "last.log").open("w+b") as log:
        process = subprocess.Popen(
            line,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.sched_setaffinity(process.pid, {core})
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    clock = time.perf_counter() - begin
    if usage.exists():
        status, seconds, memory = orjson.loads(usage.read_bytes())
    else:
        status, seconds, memory = -signal.SIGKILL, limit, 0
    if status:
        print((folder / "last.log").read_text("utf-8", "replace")[-1500:], flush=True)
    return Measured(f"cmcc {command}", seconds, clock, memory, status, note)


def write_random_answers(folder: Path) -> None:
    """Writes random answers for the test split as `cmcc predict` does, for the tasks without n-gram models."""
    datasets.disable_progress_bars()
    dataset = str(folder / "cmcc")
    for name, out, seed in (("response", "response", 0), ("response", "response-b", 1), ("entities", "entities", 0)):
        task = task_of(name)
        rows = task.rows(dataset, ("train", "test"))
        files = RunFiles(folder / "runs" / out / "test.jsonl")
        write_bytes(files.out, b"".join(map(answer_line, task.random(rows["train"], rows["test"], seed))))
        is_response = name == next(iter(TASKS))
        files.write_record(
            PredictionRun(
                model=out,
                model_digest=out,
                form=("variant" if seed == 0 else "baseline") if is_response else "",
                mode="end2end" if is_response else "",
                dataset="cmcc",
                dataset_version=None,
                fingerprint=fingerprint_of(rows["test"]),
                split="test",
                format="jsonl",
                synthetic=True,
                batch_size=1,
                versions={},
                finished=True,
                exchanges=len(rows["test"]),
                task=name,
                training=TrainingRecord(name, synthetic=True, licensed=False).as_dict(),
                date=now(),
            )
        )


@contextmanager
def hub_server() -> Iterator[dict[str, str]]:
    """Starts the test Hub; yields the variables that its clients need."""
    server = subprocess.Popen(
        (sys.executable, "-u", "-m", "tests.hub_server", "--org", ORG), cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    assert server.stdout
    variables: dict[str, str] = {}
    try:
        while "HF_TOKEN" not in variables or "HF_ENDPOINT" not in variables:
            name, _, value = server.stdout.readline().removeprefix("export ").strip().partition("=")
            if not name:
                raise SystemExit("the test server did not start")
            variables[name] = value
        yield variables
    finally:
        server.kill()


def table(measured: Sequence[Measured], size: argparse.Namespace) -> list[str]:
    """The table, as Markdown."""
    title = f"{size.dialogues:,} labeled and {size.unlabeled:,} unlabeled simulated calls, seed {SEED}, one core"
    columns = "| command | seconds | on the clock | peak memory | at most 2 minutes |"
    return [title, "", columns, "|---|---:|---:|---:|---|", *(item.row() for item in measured)]


def run_all(folder: Path, size: argparse.Namespace) -> list[Measured]:
    """Runs the commands that are asked for, with a line before each."""
    everything, measured = commands(size), list[Measured]()
    with hub_server() as variables:
        threads = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(ROOT)}
        cache = {"HF_HOME": str(folder / "cache")}  # so that nothing is kept from an earlier benchmark
        environment = dict(os.environ) | threads | variables | cache | {"HF_HUB_OFFLINE": "0"}
        for number, (command, note) in list(enumerate(everything, 1))[size.first - 1 :]:
            print(f"[{number}/{len(everything)}] {command}", flush=True)
            if command == RANDOM_ANSWERS:
                write_random_answers(folder)
                continue
            if command.startswith(("simulate", "build")) and (folder / command.rpartition(" ")[2]).exists():
                print("  there already", flush=True)
                continue
            measured.append(measure(command, folder, environment, size.limit, note))
            last = measured[-1]
            shown = f"{last.seconds:.1f} s, {last.clock:.1f} s on the clock, {last.memory / MEGABYTE:,.0f} MB"
            print(f"  {shown}", flush=True)
            write_bytes(folder / "measured.json", orjson.dumps([asdict(item) for item in measured]))
    return measured


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=LABELED, help="labeled calls (default: %(default)s)")
    parser.add_argument("--unlabeled", type=int, default=UNLABELED, help="unlabeled calls (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="folder for all files; it stays (default: a temporary one)")
    parser.add_argument("--limit", type=float, default=900.0, help="maximum seconds a command (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="begin with the Nth command")
    size = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cmcc-size-") as temporary:
        folder = (size.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        measured = run_all(folder, size)
    print("\n" + "\n".join(table(measured, size)))
    if any(item.status for item in measured):
        raise SystemExit("a command failed")


if __name__ == "__main__":
    main()

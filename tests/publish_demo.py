"""Demonstrates publishing on a local test Hub: push, download with the usual libraries, submit, update the leaderboard.

    python -m tests.publish_demo --out out            # make publish-demo
    python -m tests.publish_demo --out out --serve    # also opens the leaderboard's page

Data and models are those of `make reproduce`, with hidden test labels; what is missing is simulated and trained first.
The test Hub is tests/hub_server; a success there does not prove that the real Hub accepts the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from tests.hub_server import HubServer

ORG = "cmcc-org"
DATA, LABELS, BOARD, RESULTS = (f"{ORG}/{name}" for name in ("cmcc", "cmcc-test-labels", "board", "board-results"))
MODELS = ("baseline", "variant", "emotion", "joint", "satisfaction")
METRICS = ("cmcc_response", "cmcc_emotion", "cmcc_entities")
ROOT = Path(__file__).parents[1]

# Code with the usual libraries only; each part runs in a separate process and prints one line.
_DOWNLOADS = {
    f"load_dataset({DATA!r})": f"""
import datasets
data = datasets.load_dataset({DATA!r}, "emotion")
print({{split: len(rows) for split, rows in data.items()}})""",
    f"load_dataset({DATA!r}, streaming=True)": f"""
import datasets
data = datasets.load_dataset({DATA!r}, "labeled", split="train", streaming=True)
print(next(iter(data))["utterances"][0]["text"])""",
    f"AutoModelForCausalLM.from_pretrained({ORG + '/baseline'!r}), then variant": f"""
from transformers import AutoModelForCausalLM, AutoTokenizer
for name in ("{ORG}/baseline", "{ORG}/variant"):
    model, tokenizer = AutoModelForCausalLM.from_pretrained(name), AutoTokenizer.from_pretrained(name)
    end = "; " if name.endswith("baseline") else "\\n"
    print(type(model).__name__, model.num_parameters(), "parameters,", len(tokenizer), "tokens", end=end)""",
    f"pipeline('text-classification', {ORG + '/emotion'!r})": f"""
from transformers import pipeline
scores = pipeline("text-classification", model="{ORG}/emotion", top_k=None)(["怎么又乱扣我的钱"])[0]
print(", ".join(f"{{score['label']}} {{score['score']:.2f}}" for score in scores[:3]))""",
    f"pipeline('text-classification', {ORG + '/satisfaction'!r})": f"""
from transformers import pipeline
scores = pipeline("text-classification", model="{ORG}/satisfaction", top_k=None)(["用户：好的谢谢再见"])[0]
print(", ".join(f"{{score['label']}} {{score['score']:.2f}}" for score in scores))""",
    f"evaluate.load({ORG + '/cmcc_response'!r})": f"""
import datasets, evaluate
metric = evaluate.load("{ORG}/cmcc_response")
rows = list(datasets.load_dataset({DATA!r}, "response", split="validation"))
names = ("dialogue_id", "exchange", "entities", "user_intent", "kb_result", "emotions", "acts", "response")
gold = [{{name: row[name] for name in names}} for row in rows]
print("BLEU of gold against itself", metric.compute(predictions=gold, references=rows, resamples=0)["bleu"])""",
    f"evaluate.load({ORG + '/cmcc_emotion'!r})": f"""
import evaluate
metric = evaluate.load("{ORG}/cmcc_emotion")
row = {{"dialogue_id": "a", "utterance": 0, "context": "", "text": "喂", "emotions": [0]}}
answer = {{"dialogue_id": "a", "utterance": 0, "emotions": ["neutral"]}}
print("micro F1 of a right answer", metric.compute(predictions=[answer], references=[row], resamples=0)["micro_f1"])""",
    f"evaluate.load({ORG + '/cmcc_entities'!r})": f"""
import evaluate
metric = evaluate.load("{ORG}/cmcc_entities")
pack = {{"type": "data_pack", "name": "流量包", "start": 2, "end": 5}}
row = {{"dialogue_id": "a", "utterance": 0, "emotions": ["neutral"], "entities": [pack]}}
print("entity F1 of a right answer", metric.compute(predictions=[row], references=[row], resamples=0)["entity_f1"])""",
}


_READ_BOARD = f"""
import datasets
print(datasets.load_dataset({RESULTS!r}, "response", split="test").select_columns(["system", "bleu"])[:2])"""


@dataclass
class Demo:
    """A run of the demonstration. out: with the trained models. work: a temporary folder. users: their environments."""

    out: Path
    work: Path
    users: Mapping[str, Mapping[str, str]]
    begin: float = field(default_factory=time.monotonic)

    def step(self, title: str) -> None:
        """Prints the next step, with the time since the start."""
        print(f"\n[{time.monotonic() - self.begin:4.0f} s] {title}", flush=True)

    def cmcc(self, *arguments: str | Path, user: str = "alice") -> None:
        """Runs a command of the toolkit as a user; prints the command and its output."""
        words = [str(argument) for argument in arguments]
        print(f"$ cmcc {shlex.join(words)}" + (f"    # {user}" if user != "alice" else ""), flush=True)
        self._run([sys.executable, "-m", "cmcc_bench.cli", *words], user)

    def python(self, name: str, code: str) -> None:
        """Runs code in a new process, outside this repository, and prints its output."""
        print(f"  {name}: ", end="", flush=True)
        self._run([sys.executable, "-c", code], "bob")

    def serve(self) -> None:
        """Serves the leaderboard's page until interrupted, and prints its address."""
        command = [sys.executable, "-m", "cmcc_bench.cli", "leaderboard", "show", RESULTS, "--web"]
        with suppress(KeyboardInterrupt):
            subprocess.run(command, cwd=self.work, env=self.users["bob"])

    def _run(self, command: list[str], user: str) -> None:
        result = subprocess.run(command, cwd=self.work, env=self.users[user], text=True, capture_output=True)
        print(result.stdout, end="", flush=True)
        if result.returncode:
            raise SystemExit(f"{result.stderr}\nfailed: {shlex.join(command)[:500]}")


def train_missing(out: Path) -> None:
    """Trains the missing models with train/reproduce.py."""
    if missing := [name for name in MODELS if not (out / "runs" / name / "run.json").exists()]:
        command = [sys.executable, str(ROOT / "train" / "reproduce.py"), "--out", str(out), "--only", *missing]
        subprocess.run(command, check=True, cwd=ROOT)


def predictions_of(out: Path, name: str) -> Path:
    """The file with a model's predictions for the test split, written by `make reproduce`."""
    run = out / "runs" / name
    return run / ("test.end2end.jsonl" if (run / "test.end2end.jsonl").exists() else "test.jsonl")


def publish(demo: Demo) -> None:
    """Pushes data, labels, models, metrics and the leaderboard."""
    demo.step("Build the data set with hidden test labels, and push both parts")
    demo.cmcc("build", "--data-dir", demo.out / "raw", "--out", "cmcc", "--hide-test-labels")
    demo.cmcc("push", "dataset", "cmcc", DATA, "--public", "--yes")
    demo.cmcc("push", "dataset", "cmcc-test-labels", LABELS, "--yes")
    demo.step("Push the tiny models with their cards and results")
    for name in MODELS:
        run, repository = demo.out / "runs" / name, f"{ORG}/{name}"
        demo.cmcc("push", "model", run, repository, "--dataset", LABELS, "--dataset-id", DATA, "--public", "--yes")
    demo.step("Push the metrics and the leaderboard")
    demo.cmcc("push", "metrics", ORG, "--public", "--yes")
    demo.cmcc("push", "leaderboard", BOARD, "--results", RESULTS, "--public", "--yes")


def download(demo: Demo) -> None:
    """Downloads everything in new processes, with the usual libraries and with the toolkit."""
    demo.step("Download with the usual libraries, each in a new process, as bob")
    for name, code in _DOWNLOADS.items():
        demo.python(name, code)
    demo.step("Download with the toolkit")
    demo.cmcc("pull", "dataset", DATA, "--out", "pulled-data", user="bob")
    demo.cmcc("pull", "model", f"{ORG}/joint", "--out", "pulled-joint", user="bob")


def submit(demo: Demo) -> None:
    """Two users submit; the leaderboard is updated and printed; the models' own results are printed."""
    demo.step("Two users check and submit their systems: two dialogue models, and a model for each other track")
    for user, name in zip(cycle(("bob", "carol")), MODELS, strict=False):
        file = predictions_of(demo.out, name)
        demo.cmcc("validate", file, DATA, user=user)
        words = ("--model", f"Tiny {name}", "--training-data", "the simulated corpus", "--yes")
        demo.cmcc("submit", file, DATA, "--leaderboard", RESULTS, *words, user=user)
    demo.step("Update the leaderboard: the labels are read from the private data set")
    demo.cmcc("leaderboard", "update", RESULTS, "--dataset", DATA, "--labels", LABELS, "--yes")
    demo.step("Show the leaderboard")
    demo.cmcc("leaderboard", "show", RESULTS, user="bob")
    demo.python(f"load_dataset({RESULTS!r}, 'response')", _READ_BOARD)
    demo.step("Show the results in the model repositories")
    demo.cmcc("leaderboard", "--hub", DATA, user="bob")


@contextmanager
def small_hub(out: Path) -> Iterator[Demo]:
    """A test Hub with three users, and a temporary folder; both are deleted afterwards."""
    users = {"alice": [ORG], "bob": [], "carol": []}
    with HubServer(users) as hub, tempfile.TemporaryDirectory(prefix="cmcc-publish-") as work:
        inherited = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        environments = {
            user: inherited | {"COLUMNS": "150"} | hub.environment(Path(work) / f"cache-{user}", user) for user in users
        }
        print(f"The test Hub is at {hub.endpoint}; nothing is sent to other machines.", flush=True)
        yield Demo(out.resolve(), Path(work), environments)
        if hub.unknown:
            raise SystemExit(f"the test Hub does not support these calls: {json.dumps(sorted(set(hub.unknown)))}")


def main() -> int:
    """Runs all steps."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("out"), help="output folder of make reproduce (default: %(default)s)"
    )
    parser.add_argument("--serve", action="store_true", help="then serve the leaderboard's page until interrupted")
    options = parser.parse_args()
    train_missing(options.out)
    with small_hub(options.out) as demo:
        publish(demo)
        download(demo)
        submit(demo)
        demo.step("Done")
        if options.serve:
            demo.serve()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The whole way of publishing on a small Hub of this machine: push, fetch with the plain libraries, submit, rank.

    python -m tests.publish_demo --out out            # what `make publish-demo` runs
    python -m tests.publish_demo --out out --serve    # and then opens the leaderboard's page

The data are the synthetic sample, with hidden test labels; the models are those of `make reproduce`, which are trained
first where they are not there. The Hub is tests/hub_server: that it takes something does not prove that the Hub does.
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

import cmcc
from tests.hub_server import HubServer

ORG = "cmcc-org"
DATA, LABELS, BOARD, RESULTS = (f"{ORG}/{name}" for name in ("cmcc", "cmcc-test-labels", "board", "board-results"))
MODELS = ("baseline", "variant", "emotion", "joint", "satisfaction")
METRICS = ("cmcc_response", "cmcc_emotion", "cmcc_entities")
ROOT = Path(__file__).parents[1]

# What a user writes who has the plain libraries; each runs in a process of its own and prints one line.
_FETCHED = {
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
found = pipeline("text-classification", model="{ORG}/emotion", top_k=None)(["怎么又乱扣我的钱"])[0]
print(", ".join(f"{{one['label']}} {{one['score']:.2f}}" for one in found[:3]))""",
    f"pipeline('text-classification', {ORG + '/satisfaction'!r})": f"""
from transformers import pipeline
found = pipeline("text-classification", model="{ORG}/satisfaction", top_k=None)(["用户：好的谢谢再见"])[0]
print(", ".join(f"{{one['label']}} {{one['score']:.2f}}" for one in found))""",
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
said = {{"dialogue_id": "a", "utterance": 0, "emotions": ["neutral"]}}
print("micro F1 of one right answer", metric.compute(predictions=[said], references=[row], resamples=0)["micro_f1"])""",
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
    """A run of it: where everything is, the environment of each user's commands, and the steps that were done."""

    out: Path
    work: Path
    users: Mapping[str, Mapping[str, str]]
    begin: float = field(default_factory=time.monotonic)

    def step(self, what: str) -> None:
        """Says what comes next, and how long all took so far."""
        print(f"\n[{time.monotonic() - self.begin:4.0f} s] {what}", flush=True)

    def cmcc(self, *arguments: str | Path, user: str = "alice") -> None:
        """Runs a command of the toolkit as a user, shown as it would be typed; what it prints is seen."""
        words = [str(argument) for argument in arguments]
        print(f"$ cmcc {shlex.join(words)}" + (f"    # {user}" if user != "alice" else ""), flush=True)
        self._run([sys.executable, "-m", "cmcc_bench.cli", *words], user)

    def python(self, name: str, code: str) -> None:
        """Runs code in a new process from a folder without this toolkit's files; prints what it prints."""
        print(f"  {name}: ", end="", flush=True)
        self._run([sys.executable, "-c", code], "bob")

    def serve(self) -> None:
        """Opens the leaderboard's page until interrupted; its address is printed."""
        command = [sys.executable, "-m", "cmcc_bench.cli", "leaderboard", "show", RESULTS, "--web"]
        with suppress(KeyboardInterrupt):
            subprocess.run(command, cwd=self.work, env=self.users["bob"])

    def _run(self, command: list[str], user: str) -> None:
        done = subprocess.run(command, cwd=self.work, env=self.users[user], text=True, capture_output=True)
        print(done.stdout, end="", flush=True)
        if done.returncode:
            raise SystemExit(f"{done.stderr}\nfailed: {shlex.join(command)[:500]}")


def train_missing(out: Path) -> None:
    """Trains the models that are not there yet, by the one script that does it."""
    if missing := [name for name in MODELS if not (out / "runs" / name / "run.json").exists()]:
        command = [sys.executable, str(ROOT / "train" / "reproduce.py"), "--out", str(out), "--only", *missing]
        subprocess.run(command, check=True, cwd=ROOT)


def predictions_of(out: Path, name: str) -> Path:
    """A model's predictions of the split test; made by `make reproduce`."""
    run = out / "runs" / name
    return run / ("test.end2end.jsonl" if (run / "test.end2end.jsonl").exists() else "test.jsonl")


def publish(demo: Demo) -> None:
    """Pushes data, labels, models, metrics and the leaderboard."""
    demo.step("Build the data set with hidden test labels, and push both halves")
    demo.cmcc("build", "--data-dir", cmcc.SAMPLE_DIR, "--out", "cmcc", "--hide-test-labels")
    demo.cmcc("push", "dataset", "cmcc", DATA, "--public", "--yes")
    demo.cmcc("push", "dataset", "cmcc-test-labels", LABELS, "--yes")
    demo.step("Push the tiny models with their cards and results")
    for name in MODELS:
        run, repository = demo.out / "runs" / name, f"{ORG}/{name}"
        demo.cmcc("push", "model", run, repository, "--dataset", LABELS, "--dataset-id", DATA, "--public", "--yes")
    demo.step("Push the metrics and the leaderboard")
    demo.cmcc("push", "metrics", ORG, "--public", "--yes")
    demo.cmcc("push", "leaderboard", BOARD, "--results", RESULTS, "--public", "--yes")


def fetch(demo: Demo) -> None:
    """Pulls everything in new processes, with the plain libraries and with the toolkit."""
    demo.step("Fetch each with the plain libraries, in a new process, as bob")
    for name, code in _FETCHED.items():
        demo.python(name, code)
    demo.step("Fetch with the toolkit")
    demo.cmcc("pull", "dataset", DATA, "--out", "pulled-data", user="bob")
    demo.cmcc("pull", "model", f"{ORG}/joint", "--out", "pulled-joint", user="bob")


def compete(demo: Demo) -> None:
    """Users submit, the board is updated and printed, and the models' own results are read back."""
    demo.step("Two users check and submit their systems: two dialogue models, and a recogniser for each other track")
    for user, name in zip(cycle(("bob", "carol")), MODELS, strict=False):
        file = predictions_of(demo.out, name)
        demo.cmcc("validate", file, DATA, user=user)
        words = ("--model", f"Tiny {name}", "--training-data", "the synthetic sample", "--yes")
        demo.cmcc("submit", file, DATA, "--leaderboard", RESULTS, *words, user=user)
    demo.step("Update the leaderboard: the labels are read from the private data set")
    demo.cmcc("leaderboard", "update", RESULTS, "--dataset", DATA, "--labels", LABELS, "--yes")
    demo.step("The leaderboard, as anybody reads it")
    demo.cmcc("leaderboard", "show", RESULTS, user="bob")
    demo.python(f"load_dataset({RESULTS!r}, 'response')", _READ_BOARD)
    demo.step("What the model repositories say of themselves")
    demo.cmcc("leaderboard", "--hub", DATA, user="bob")


@contextmanager
def small_hub(out: Path) -> Iterator[Demo]:
    """A Hub with three users, and a folder to work in; both are gone afterwards."""
    users = {"alice": [ORG], "bob": [], "carol": []}
    with HubServer(users) as hub, tempfile.TemporaryDirectory(prefix="cmcc-publish-") as work:
        inherited = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        environments = {
            user: inherited | {"COLUMNS": "150"} | hub.environment(Path(work) / f"cache-{user}", user) for user in users
        }
        print(f"A small Hub is at {hub.endpoint}; nothing leaves this machine.", flush=True)
        yield Demo(out.resolve(), Path(work), environments)
        if hub.unknown:
            raise SystemExit(f"calls that the small Hub does not know: {json.dumps(sorted(set(hub.unknown)))}")


def main() -> int:
    """Runs all of it."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("out"), help="where make reproduce wrote (default: %(default)s)"
    )
    parser.add_argument(
        "--serve", action="store_true", help="open the leaderboard's page afterwards, until interrupted"
    )
    options = parser.parse_args()
    train_missing(options.out)
    with small_hub(options.out) as demo:
        publish(demo)
        fetch(demo)
        compete(demo)
        demo.step("Done")
        if options.serve:
            demo.serve()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A table of trained and prompted systems on the sample. It shows the path from a model to its row, not a result.

    python -m benchmarks.language_models                               # a few minutes on two cores
    python -m benchmarks.language_models runs/lora                     # with the rows of further runs, such as adapters
    python -m benchmarks.language_models --endpoint http://127.0.0.1:8000/v1 --model NAME

Baseline and variant are trained for one epoch from the small backbone that ships. The zero-shot and few-shot rows ask
the model behind --endpoint; without it, a server of this script that says the same to every question. The dialogues are
simulated, and the models are tiny.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.endpoint import Server
from cmcc_bench.cli import main as cmcc
from cmcc_bench.reports.report import make_report
from cmcc_bench.scoring import Bootstrap

DATA = "sample"
PREDICTIONS = "test.end2end.jsonl"
ANSWER = json.dumps(
    {
        "entities": [],
        "intents": [{"intent": "求助-查询", "slots": []}],
        "emotions": ["中性"],
        "acts": ["通知"],
        "response": "请稍等我帮您查一下",
    },
    ensure_ascii=False,
)
NOTE = "The models are tiny and the dialogues simulated: the numbers show the path to each row, and nothing else."


def run(*arguments: str | Path) -> None:
    """Runs a command of cmcc. Raises SystemExit if it fails."""
    if status := cmcc([*map(str, arguments)]):
        raise SystemExit(status)


def train(out: Path, name: str) -> Path:
    """Trains a tiny dialogue model in OUT/NAME, unless it is there already; returns its folder."""
    folder = out / name
    if not (folder / "best").exists():
        run("train", "dialogue", "--recipe", f"tiny/{name}", "--dataset", DATA, "--out", folder, "--epochs", "1")
    return folder


@contextmanager
def endpoint(url: str | None, model: str | None) -> Iterator[tuple[str, str]]:
    """The address and the name of the model to ask: those given, or those of a server that runs meanwhile."""
    if url and model:
        yield url, model
        return
    server = Server(ANSWER)
    yield server.url, "scripted"
    server.most()


def predict(out: Path, runs: Sequence[Path], url: str | None, model: str | None, shots: int) -> list[Path]:
    """Predicts the split test of the sample with every system; returns the files."""
    files = []
    for folder in runs:
        files.append(folder / PREDICTIONS)
        run("predict", folder / "best", DATA, "--out", files[-1])
    with endpoint(url, model) as (address, name):
        for kind, options in (("zero-shot", []), ("few-shot", ["--shots", str(shots)])):
            files.append(out / kind / PREDICTIONS)
            run("predict", f"openai:{name}", DATA, "--endpoint", address, "--out", files[-1], *options)
    return files


def main() -> None:
    """Parses the arguments, trains, predicts and prints the tables as Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="further runs of cmcc train dialogue")
    parser.add_argument("--endpoint", metavar="URL", help="of a chat-completions server")
    parser.add_argument("--model", metavar="NAME", help="what the server calls the model")
    parser.add_argument("--shots", type=int, default=2, help="examples of the few-shot row (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="folder that keeps runs and predictions (default: a temporary one)")
    options = parser.parse_args()
    if bool(options.endpoint) != bool(options.model):
        parser.error("--endpoint and --model belong together")
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        runs = [train(out, "baseline"), train(out, "variant"), *options.runs]
        files = predict(out, runs, options.endpoint, options.model, options.shots)
        report = make_report(files, Bootstrap())
    for table in (report.facts, report.tables[0]):
        print(table.markdown())
    print(NOTE)


if __name__ == "__main__":
    main()

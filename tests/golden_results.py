"""Results from fixed input: scores, comparisons, a report, metrics and a build, compared with golden files.

A refactoring must not change any of them. `python -m tests.write_golden` writes the files.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import datasets
import evaluate
import orjson

import cmcc
from cmcc_bench.cli import main
from cmcc_bench.dataset import build
from cmcc_bench.tasks import task_of
from tests import raw
from tests.cards.runs import write_facts, write_predictions

ROOT = Path(__file__).parents[1]
RESAMPLES = "50"
KINDS = ("baseline", "variant", "emotion", "joint", "satisfaction")
METRICS = {
    "response": "variant",
    "emotion": "emotion",
    "entities": "joint",
}  # the kind of model whose predictions a metric scores


def golden_results(folder: Path) -> dict[str, str]:
    """The current texts of the golden files, by name. folder: a new one, for the runs and the build."""
    runs = _write_runs(folder / "runs")
    variant, baseline = str(runs["variant"]), str(runs["baseline"])
    texts = {f"score_{kind}.json": _score(str(path)) for kind, path in runs.items()}
    texts["score_variant_seretod.json"] = _score(variant, "--version", "seretod")
    texts["score_variant_folded.json"] = _score(variant, "--fold-caring")
    texts["score_variant_emotion.json"] = _score(variant, "--task", "emotion")
    texts["compare_response.json"] = _score(variant, "--against", baseline)
    texts["compare_emotion.json"] = _score(str(runs["emotion"]), "--against", variant, "--task", "emotion")
    texts["report.md"] = _report(folder / "runs", folder / "report.md")
    texts |= {f"metric_{task}.json": _metric(task, runs[kind]) for task, kind in METRICS.items()}
    texts["build.json"] = _build(folder)
    return texts


def _write_runs(folder: Path) -> dict[str, Path]:
    runs = {}
    for kind in KINDS:
        best, training = write_facts(folder / kind, kind, synthetic=True)
        # The report contains a digest of each model; here a fixed file replaces the weights.
        runs[kind] = write_predictions(best, kind, Path("sample"), training, named="sample")
        if kind == "variant":
            write_predictions(best, kind, Path("sample"), training, "oracle", named="sample")
    return runs


def _score(*arguments: str) -> str:
    """The output of `cmcc score FILE sample --json`, rounded, as the last digits depend on the processor."""
    file, *options = arguments
    output = _output_of(["score", file, "sample", "--json", "--resamples", RESAMPLES, *options])
    return _as_json(json.loads(output))


def _report(runs: Path, out: Path) -> str:
    _output_of(["report", str(runs), "--out", str(out), "--resamples", RESAMPLES])
    return re.sub(r"version:[\d.]+", "version:N", out.read_text("utf-8").replace(str(runs), "runs"))


def _output_of(arguments: list[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main(arguments)
    assert status == 0, arguments
    return out.getvalue()


def _metric(task: str, predictions: Path) -> str:
    """The result of the evaluate metric on the same predictions."""
    metric = evaluate.load(str(ROOT / "metrics" / f"cmcc_{task}"))
    rows = task_of(task).rows("sample", ("test",))["test"]
    lines = [orjson.loads(line) for line in predictions.read_bytes().splitlines()]
    for line in lines:
        line.pop("scores", None)  # evaluate accepts only the fields of the metric
    return _as_json(metric.compute(predictions=lines, references=rows, resamples=int(RESAMPLES)))


def _build(folder: Path) -> str:
    """A build of the sample and a few other raw files: digests of the rows, and the content of the other files."""
    source, out = folder / "raw", folder / "cmcc"
    raw.write(source, "train.json", [raw.dialogue(f"call-{n}") for n in range(3)] + [[raw.turn()]])
    raw.write(source, "test.json", [raw.dialogue("call-9", 满意度=3, turns=[raw.turn(用户情绪="开心")])])
    raw.write(source, "unlabeled.json", [raw.plain()])
    (source / "sample.json").write_bytes(next(cmcc.SAMPLE_DIR.glob("*.json")).read_bytes())
    build(source, out)
    rows = {
        f"{config}/{split}": hashlib.sha256(b"\n".join(orjson.dumps(row) for row in table)).hexdigest()
        for config in ("labeled", "unlabeled", "emotion", "response", "satisfaction")
        for split, table in datasets.load_dataset(str(out), config).items()
    }
    files = {name: (out / name).read_text("utf-8") for name in ("report.json", "eval.yaml")}
    files["split_ids.json"] = hashlib.sha256((out / "split_ids.json").read_bytes()).hexdigest()
    return _as_json({"rows": rows, "files": files})


def _as_json(value: Any) -> str:
    return json.dumps(_rounded(value), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    if isinstance(value, float):
        return round(value, 6)
    return re.sub(r"version:[\d.]+", "version:N", value) if isinstance(value, str) else value

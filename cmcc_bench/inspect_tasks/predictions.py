"""Writes the predictions in a log of inspect to a file that `cmcc score` and `cmcc validate` take.

    python -m cmcc_bench.inspect_tasks.predictions logs/LOG.eval emotion.jsonl

The lines are those that `cmcc predict openai:MODEL` writes for the same answers.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import orjson
from inspect_ai.log import EvalSample, read_eval_log

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.inspect_tasks.solver import PREDICTIONS


def write_predictions(log: str | Path, out: str | Path) -> int:
    """Writes the predictions in a log, sorted by dialogue; returns the number of lines.

    Raises cmcc.DataError for a log that cannot be read, of another task, of several epochs, or with unfinished samples.
    """
    try:
        samples = read_eval_log(str(log)).samples or []
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        hint = "Give the path of a log that inspect eval wrote."
        raise DataError(f"cannot read the log ({error})", "", hint, file=str(log)) from error
    if not samples:
        hint = "Run inspect eval without --no-log-samples, to its end."
        raise DataError("the log has no samples", "", hint, file=str(log))
    if any(sample.epoch > 1 for sample in samples):
        hint = "Run inspect eval with --epochs 1."
        raise DataError("several answers to one question", "one epoch", hint, file=str(log))
    ordered = sorted(samples, key=lambda sample: str(sample.id))
    lines = [orjson.dumps(line) for sample in ordered for line in _lines(sample, log)]
    write_bytes(Path(out), b"".join(line + b"\n" for line in lines), private=True)
    return len(lines)


def _lines(sample: EvalSample, log: str | Path) -> list[object]:
    if PREDICTIONS not in sample.store:
        hint = "Repeat failed samples with inspect eval-retry. Logs of other tasks have no predictions."
        raise DataError("the sample has no predictions", "", hint, file=str(log), sample=str(sample.id))
    lines: list[object] = sample.store[PREDICTIONS]
    return lines


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m cmcc_bench.inspect_tasks.predictions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("log", metavar="LOG", help="log of inspect eval, .eval or .json")
    parser.add_argument("out", metavar="OUT", help="prediction file to write")
    options = parser.parse_args(arguments)
    try:
        count = write_predictions(options.log, options.out)
    except (DataError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Wrote {count} predictions to {options.out}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

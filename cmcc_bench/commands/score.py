"""The command score: scores of predictions, or the paired test of two files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cmcc_bench.commands.console import (
    Commands,
    add_bootstrap,
    add_command,
    console,
    errors,
    task_name,
)
from cmcc_bench.errors import DataError
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.terminal import progress_bar
from cmcc_bench.vocabulary import SYNTHETIC_ID

if TYPE_CHECKING:
    from cmcc_bench.reports.table import ReportTable
    from cmcc_bench.scoring import Comparison, Scores
    from cmcc_bench.tasks import Task

_SPLIT = f"split: {', '.join(SPLITS)} (default: %(default)s)"

_SCORE = """\
examples:
  cmcc score runs/variant/test.end2end.jsonl cmcc
  cmcc score a.jsonl cmcc --against b.jsonl --version seretod"""


def add(commands: Commands) -> None:
    """Adds the parser of the command."""
    score = add_command(commands, "score", "score predictions, or compare two files", _SCORE)
    score.add_argument(
        "predictions",
        type=Path,
        metavar="PREDICTIONS",
        help="a file that cmcc predict wrote, or a SereTOD Track 2 result file",
    )
    score.add_argument(
        "dataset",
        nargs="?",
        metavar="DATASET",
        help="a built folder, a Hub id, or `sample`; with a Track 2 result file, the file that holds the gold labels",
    )
    score.add_argument("--split", default="test", choices=SPLITS, metavar="SPLIT", help=_SPLIT)
    score.add_argument(
        "--task",
        type=task_name,
        metavar="TASK",
        help="task to score (default: from PREDICTIONS.run.json); `emotion` also scores the "
        "emotions that a dialogue model wrote",
    )
    score.add_argument(
        "--version",
        choices=("strict", "seretod"),
        help="strict: the scores of cmcc; seretod: those of the SereTOD challenge (default: strict; always "
        "seretod for a Track 2 result file)",
    )
    score.add_argument(
        "--against",
        type=Path,
        metavar="OTHER",
        help="compare with another file of predictions: print the differences and the paired bootstrap test",
    )
    score.add_argument(
        "--fold-caring",
        action="store_true",
        help="replace caring acts by the general acts before scoring (default: from PREDICTIONS.run.json)",
    )
    add_bootstrap(score)
    score.add_argument("--json", action="store_true", help="print JSON instead of a table")
    score.set_defaults(run=_score)


# The scores or the paired test, the names of scores left out, and whether any dialogue is simulated.
ScoreResult: TypeAlias = "tuple[Scores | Comparison, Sequence[str], bool]"


def _score(options: argparse.Namespace) -> int:
    import orjson

    from cmcc_bench.reports.systems import task_of_file
    from cmcc_bench.scoring.track2 import is_track2
    from cmcc_bench.tasks import RESPONSE, task_of

    for file in filter(None, (options.predictions, options.against)):
        if not file.exists():
            raise DataError("no such file", "", "Check the path of the prediction file.", file=str(file))
    task = task_of(options.task or task_of_file(options.predictions))
    if task is RESPONSE and is_track2(options.predictions):
        with progress_bar("scoring dialogues"):
            result, missing_scores, synthetic = _score_track2(options)
    elif options.dataset is None:
        problem = "cmcc score: no data set is named. Run cmcc score PREDICTIONS DATASET."
        errors.print(f"{problem} {_task_hint(options)}".strip(), style="red", soft_wrap=True)
        return 2
    else:
        try:
            with progress_bar("scoring dialogues"):
                result, missing_scores, synthetic = _score_answers(options, task)
        except DataError as error:
            if "line" not in error.place:
                raise
            hint = f"{error.hint} {_task_hint(options)}".strip()
            raise DataError(error.found, error.expected, hint, **error.place) from error
    if options.json:
        console.print_json(orjson.dumps(result.as_dict()).decode())
    else:
        console.print(_score_table(options, result, missing_scores, synthetic).terminal())
    return 0


def _task_hint(options: argparse.Namespace) -> str:
    """The advice to name the task if neither --task nor the record of the predictions does; "" if one does."""
    from cmcc_bench.reports.systems import task_of_file
    from cmcc_bench.scoring.predictions import facts_path
    from cmcc_bench.tasks import TASKS

    record = facts_path(options.predictions)
    if options.task or record.exists():
        return ""
    task = task_of_file(options.predictions)
    return f"Without {record.name} the task is {task}. For another task add --task NAME, one of {', '.join(TASKS)}."


def _score_table(
    options: argparse.Namespace, result: Scores | Comparison, missing_scores: Sequence[str], synthetic: bool
) -> ReportTable:
    from cmcc_bench.reports.scores import difference_table, score_table
    from cmcc_bench.scoring import Scores

    if isinstance(result, Scores):
        return score_table(options.predictions.name, result, synthetic, missing_scores)
    first, second = _distinct_names(options.predictions, options.against)
    return difference_table(f"{first} minus {second}", result, synthetic, missing_scores)


def _distinct_names(first: Path, second: Path) -> tuple[str, str]:
    """The shortest ends of two paths that differ: the file names, or with as many folders as it takes."""
    a, b = first.absolute().parts, second.absolute().parts
    size = next((size for size in range(1, min(len(a), len(b))) if a[-size:] != b[-size:]), 1)
    return Path(*a[-size:]).as_posix(), Path(*b[-size:]).as_posix()


def _score_track2(options: argparse.Namespace) -> ScoreResult:
    from cmcc_bench.scoring import Bootstrap
    from cmcc_bench.scoring.track2 import compare_track2, read_results, score_track2

    file, fold = options.predictions, options.fold_caring
    if options.version == "strict":
        hint = "Leave --version out; for strict scores, run cmcc predict on a built data set."
        raise DataError("a Track 2 result file has no strict scores", "", hint, file=str(file))
    dialogues = read_results(file, options.dataset, fold)
    bootstrap = Bootstrap(options.resamples, options.seed)
    synthetic = any(dialogue["id"].startswith(SYNTHETIC_ID) for dialogue in dialogues)
    if options.against:
        others = read_results(options.against, options.dataset, fold)
        return compare_track2(dialogues, others, bootstrap, fold), (), synthetic
    return score_track2(dialogues, bootstrap, fold), (), synthetic


def _score_answers(options: argparse.Namespace, task: Task) -> ScoreResult:
    """Scores or compares JSON Lines files of predictions."""
    from cmcc_bench.corpus import is_synthetic
    from cmcc_bench.reports.systems import read_measure, read_missing_scores, read_task_answers
    from cmcc_bench.scoring.bootstrap import Bootstrap
    from cmcc_bench.scoring.score import compare, score

    files = [options.predictions, *([options.against] if options.against else [])]
    measures = [read_measure(file, task, options.version or "strict", options.fold_caring) for file in files]
    answers, rows = read_task_answers(files, task, options.dataset, options.split)
    synthetic, bootstrap = is_synthetic(rows), Bootstrap(options.resamples, options.seed)
    missing_scores = [name for file_answers in answers for name in task.missing_scores(file_answers)]
    if options.against:
        (a, b), both = answers, (measures[0], measures[1])
        return (
            compare(task, a, b, rows, bootstrap, measures=both, files=(files[0], files[1])),
            missing_scores,
            synthetic,
        )
    scores = score(task, answers[0], rows, bootstrap, measure=measures[0], file=files[0])
    return scores, missing_scores or read_missing_scores(files[0], task), synthetic

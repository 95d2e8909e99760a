"""The scores of a run for its card and for the Hub, computed again from the run's prediction files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cmcc_bench.corpus import fingerprint_of, is_synthetic, open_split
from cmcc_bench.errors import DataError
from cmcc_bench.models.digest import digest_of_model
from cmcc_bench.models.record import BEST
from cmcc_bench.reports.systems import ResponseSystem, System, check_data, run_systems
from cmcc_bench.scoring import Bootstrap, Scores, response_measure, score
from cmcc_bench.scoring.score import align_with_gold, scores_of
from cmcc_bench.tasks import TASKS
from cmcc_bench.tasks.written import only_answered

SPLIT = "test"  # the split whose scores are published


@dataclass(frozen=True)
class Scored:
    """A scored prediction file. scores: strict; caring acts are folded back if the text form has none."""

    system: System
    synthetic: bool
    scores: Scores


@dataclass(frozen=True)
class ScoredResponses(Scored):
    """A dialogue model's scored prediction file.

    seretod: the scores in that version. all_acts: strict scores against all 17 acts. along: task -> scores of the
    model's answers to other tasks, on the utterances that have a reply; empty if there are none, and in oracle mode.
    """

    system: ResponseSystem
    seretod: Scores
    all_acts: Scores
    along: Mapping[str, Scores]


def score_run(
    best: Path,
    dataset: str | None = None,
    bootstrap: Bootstrap = Bootstrap(),
    progress: Callable[[int, int], None] | None = None,
) -> list[Scored]:
    """Scores the files that `cmcc predict` wrote beside RUN/best for the test split; empty if there are none.

    dataset: the data set to score on; by default the one recorded with each file. progress: called with the number of
    finished files and of all files.
    Raises cmcc.DataError if a file is of another checkpoint, or the data set has changed.
    """
    if best.absolute().name != BEST:
        return []  # not in a run's folder, so the files beside it are not of a run
    systems, scored = run_systems(best.absolute().parent, SPLIT), list[Scored]()
    digest = digest_of_model(best) if systems else None
    for system in systems:
        if system.model_digest not in (None, digest):
            problem = f"the predictions are not of the checkpoint in {best.name}"
            hint = "Move this file to another folder and run cmcc predict again."
            raise DataError(problem, "", hint, file=str(system.path))
    for system in systems:
        scored.append(_score(replace(system, dataset=dataset or system.dataset), bootstrap))
        if progress:
            progress(len(scored), len(systems))
    return scored


def _score(system: System, bootstrap: Bootstrap) -> Scored:
    try:
        rows = system.task.rows(system.dataset, (system.split,))[system.split]
    except DataError as error:  # the recorded name may be a path relative to another folder
        hint = "Pass the data set that was predicted with --dataset."
        place = error.place | {"predictions": str(system.path)}
        raise DataError(error.found, error.expected, hint, **place) from error
    check_data([system], fingerprint_of(rows))
    dialogues = align_with_gold(system.task, system.answers, rows, system.path)
    scores, synthetic = scores_of(system.task, system.measure(), dialogues, bootstrap), is_synthetic(rows)
    if not isinstance(system, ResponseSystem):
        return Scored(system, synthetic, scores)
    return ScoredResponses(
        system,
        synthetic,
        scores,
        scores_of(system.task, system.measure("seretod"), dialogues, bootstrap),
        scores_of(system.task, response_measure(), dialogues, bootstrap) if system.fold_caring else scores,
        _score_written(system, bootstrap),
    )


def _score_written(system: ResponseSystem, bootstrap: Bootstrap) -> dict[str, Scores]:
    """Task -> scores of a dialogue model's answers to other tasks, if the data have annotations for them."""
    scores = {}
    for task in TASKS.values():
        if task.written and task.written.on_card and task.written.by(system.key):
            labeled = list(open_split(system.dataset, "labeled", system.split))
            rows = only_answered(task.rows(system.dataset, (system.split,))[system.split], labeled)
            if rows:
                answers = task.written.read(system.answers, labeled)
                scores[task.name] = score(task, answers, rows, bootstrap)
    return scores

"""The scores of a run for its card and for the Hub: its own files of predictions, scored anew by the one scorer."""

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

SPLIT = "test"  # whose scores are published


@dataclass(frozen=True)
class Scored:
    """A file of a run, scored as its task says: strict, of a text form without caring acts with these folded back."""

    system: System
    synthetic: bool
    scores: Scores


@dataclass(frozen=True)
class ScoredResponses(Scored):
    """What a dialogue model wrote, scored besides.

    seretod: in that version. all_acts: strict, against all 17 acts, as `scores` is for forms with caring acts. along:
    the answers to other tasks that it wrote along, on the utterances that have a reply, by task; none where it writes
    none, or in the oracle mode.
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
    """The files that `cmcc predict` wrote beside RUN/best for the test split, scored; none where there are none.

    dataset: to score on; by default the one that each file says. progress: called with the files done and all of them.
    Raises cmcc.DataError where a file is of another checkpoint, or of other data than the data set has now.
    """
    if best.absolute().name != BEST:
        return []  # a folder of its own: what lies beside it is no run's
    systems, scored = run_systems(best.absolute().parent, SPLIT), list[Scored]()
    digest = digest_of_model(best) if systems else None
    for system in systems:
        if system.model_digest not in (None, digest):
            hint = "Run cmcc predict again with another --out, then move this file away."
            expected = f"those of the checkpoint in {best.name}"
            raise DataError("predictions of another model", expected, hint, file=str(system.path))
    for system in systems:
        scored.append(_score(replace(system, dataset=dataset or system.dataset), bootstrap))
        if progress:
            progress(len(scored), len(systems))
    return scored


def _score(system: System, bootstrap: Bootstrap) -> Scored:
    try:
        rows = system.task.rows(system.dataset, (system.split,))[system.split]
    except DataError as error:  # the name in the file may be a path as seen from where it was decoded
        hint = "Name the data set that was decoded with --dataset."
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
    """The scores of what was written along for a card, where somebody annotated it."""
    found = {}
    for task in TASKS.values():
        if task.written and task.written.on_card and task.written.by(system.key):
            labeled = list(open_split(system.dataset, "labeled", system.split))
            rows = only_answered(task.rows(system.dataset, (system.split,))[system.split], labeled)
            if rows:
                answers = task.written.read(system.answers, labeled)
                found[task.name] = score(task, answers, rows, bootstrap)
    return found

"""The scores of a run for its card and for the Hub: its own files of predictions, scored anew by the one scorer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from cmcc_bench.corpus import fingerprint_of, is_synthetic, open_split
from cmcc_bench.errors import DataError
from cmcc_bench.models.digest import digest_of_model
from cmcc_bench.models.training import BEST
from cmcc_bench.recognition.rows import emotions_written, only_answered, task_rows
from cmcc_bench.reports.systems import Recogniser, ResponseSystem, System, check_data, run_systems
from cmcc_bench.scoring import RecognitionScores, ResponseScores, score_answers, score_responses

SPLIT = "test"  # whose scores are published

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ScoredResponses:
    """What a dialogue model wrote, scored.

    strict, seretod: in both versions; of a text form without caring acts with these folded back. all_acts: strict,
    against all 17 acts, as `strict` is for the other forms. emotions: those that it wrote along, on the utterances that
    have a reply; None where it writes none, or in the oracle mode.
    """

    system: ResponseSystem
    synthetic: bool
    strict: ResponseScores
    seretod: ResponseScores
    all_acts: ResponseScores
    emotions: RecognitionScores | None


@dataclass(frozen=True)
class ScoredAnswers:
    """What a recogniser said, scored."""

    system: Recogniser
    synthetic: bool
    scores: RecognitionScores


Scored: TypeAlias = ScoredResponses | ScoredAnswers


def score_run(
    best: Path,
    dataset: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Scored]:
    """The files that `cmcc predict` wrote beside RUN/best for the test split, scored; none where there are none.

    dataset: to score on; by default the one that each file says. progress: called with the files done and all of them.
    Raises cmcc.DataError where a file is of another checkpoint, or of other data than the data set has now.
    """
    if best.absolute().name != BEST:
        return []  # a folder of its own: what lies beside it is no run's
    systems, scored = run_systems(best.absolute().parent, SPLIT), list[Scored]()
    _check_model(systems, best)
    for system in systems:
        scored.append(_score(replace(system, dataset=dataset or system.dataset), resamples, seed))
        if progress:
            progress(len(scored), len(systems))
    return scored


def _check_model(systems: Sequence[System], best: Path) -> None:
    if not systems:
        return
    digest = digest_of_model(best)
    for system in systems:
        if system.model_digest not in (None, digest):
            hint = "Run cmcc predict again with another --out, then move this file away."
            expected = f"those of the checkpoint in {best.name}"
            raise DataError("predictions of another model", expected, hint, file=str(system.path))


def _score(system: System, resamples: int, seed: int) -> Scored:
    rows = _gold_rows(system)
    check_data([system], fingerprint_of(rows))
    if isinstance(system, ResponseSystem):
        return _score_responses(system, rows, resamples, seed)
    if isinstance(system, Recogniser):
        task = system.training.task
        scores = score_answers(task, system.answers, rows, resamples, seed, file=system.path)
        return ScoredAnswers(system, is_synthetic(rows), scores)
    raise TypeError(type(system).__name__)


def _gold_rows(system: System) -> list[Row]:
    try:
        return task_rows(system.dataset, system.training.task, (system.split,))[system.split]
    except DataError as error:  # the name in the file may be a path as seen from where it was decoded
        hint = "Name the data set that was decoded with --dataset."
        place = error.place | {"predictions": str(system.path)}
        raise DataError(error.found, error.expected, hint, **place) from error


def _score_responses(system: ResponseSystem, rows: Sequence[Row], resamples: int, seed: int) -> ScoredResponses:
    def scored(version: Any, fold_caring: bool) -> ResponseScores:  # noqa: ANN401  # a version by its name
        return score_responses(system.predictions, rows, version, fold_caring, resamples, seed, file=system.path)

    strict = scored("strict", system.fold_caring)
    return ScoredResponses(
        system,
        is_synthetic(rows),
        strict,
        scored("seretod", system.fold_caring),
        scored("strict", False) if system.fold_caring else strict,
        _score_emotions(system, resamples, seed),
    )


def _score_emotions(system: ResponseSystem, resamples: int, seed: int) -> RecognitionScores | None:
    if not system.form.emotions or system.mode != "end2end":
        return None
    labeled = list(open_split(system.dataset, "labeled", system.split))
    rows = only_answered(task_rows(system.dataset, "emotion", (system.split,))[system.split], labeled)
    if not rows:
        return None  # nobody annotated emotions
    return score_answers("emotion", emotions_written(system.predictions, labeled), rows, resamples, seed)

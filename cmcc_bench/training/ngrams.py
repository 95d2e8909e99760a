"""Fits character n-grams with logistic regression, as a recognizer of emotions or of satisfaction.

    cmcc train emotion --recipe ngrams --dataset cmcc --out runs/emotion-ngrams
    cmcc train satisfaction --recipe ngrams --dataset cmcc --out runs/satisfaction-ngrams

It takes seconds on one core and needs no GPU. Every table has the same model as its simple baseline: a recognizer that
does not score higher is not worth its computing time. The model is saved in OUT/best, as safetensors and JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import yaml

from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.ngrams import LONGEST, OPTION, NgramClassifier, NgramSettings, fit_ngrams
from cmcc_bench.recognition.emotion import emotion_answers, tuned_thresholds
from cmcc_bench.recognition.satisfaction import satisfaction_answers
from cmcc_bench.scoring import Bootstrap, score
from cmcc_bench.tasks import emotion, satisfaction
from cmcc_bench.training.environment import commit, hardware, versions
from cmcc_bench.training.labels import check_examples, describe, described_data, labeled_rows
from cmcc_bench.training.recipe import DataRecipe, check, setting
from cmcc_bench.training.run_folder import is_finished, save_best, write_run
from cmcc_bench.types import Row

_DEFAULT = NgramSettings()


@dataclass(frozen=True, kw_only=True)
class NgramRecipe(DataRecipe):
    """The settings of character n-grams."""

    model: Literal["ngrams"] = setting("the kind of model", "ngrams")
    order: int = setting("characters of the longest n-gram", _DEFAULT.order)
    min_count: int = setting("number of training texts that an n-gram must occur in", _DEFAULT.min_count)
    c: float = setting("inverse strength of the L2 penalty", _DEFAULT.c)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(1 <= self.order <= LONGEST, "order", self.order, f"1 to {LONGEST}")
        check(self.min_count >= 1, "min_count", self.min_count, "1 or more")
        check(self.c > 0, "c", self.c, "more than 0")


@dataclass(frozen=True, kw_only=True)
class EmotionNgramRecipe(NgramRecipe):
    """The settings of character n-grams for emotions."""

    task: ClassVar[str] = "emotion"

    thresholds: Literal["published", "tuned"] = setting(
        "published: 0.3 for all; tuned: the best one of each label on the validation split", "published"
    )


@dataclass(frozen=True, kw_only=True)
class SatisfactionNgramRecipe(NgramRecipe):
    """The settings of character n-grams for satisfaction."""

    task: ClassVar[str] = "satisfaction"

    class_weights: bool = setting("weight rare classes more in the loss", True)


RECIPES: Mapping[str, type[NgramRecipe]] = {
    recipe.task: recipe for recipe in (EmotionNgramRecipe, SatisfactionNgramRecipe)
}


def train(recipe: NgramRecipe) -> None:
    """Fits one model. Raises cmcc.DataError if the data or the run's folder cannot be used."""
    print(yaml.safe_dump(asdict(recipe), sort_keys=False, allow_unicode=True).strip(), flush=True)
    rows = labeled_rows(recipe, recipe.task)
    check_examples(recipe, rows)
    folder, fingerprint = Path(recipe.out), fingerprint_of([*rows["train"], *rows["validation"]])
    if is_finished(folder, asdict(recipe), fingerprint, recipe.resume):
        print(f"{recipe.out}: the run is finished")
        return
    is_tuned = isinstance(recipe, EmotionNgramRecipe) and recipe.thresholds == "tuned"
    training = describe(recipe.task, recipe, rows, options={OPTION: True, "tuned thresholds": is_tuned})
    print(described_data(rows, training), flush=True)
    began = time.perf_counter()
    model, answers = (_fit_emotions if isinstance(recipe, EmotionNgramRecipe) else _fit_satisfaction)(recipe, rows)
    seconds = time.perf_counter() - began
    results = score(recipe.task, answers, rows["validation"], Bootstrap(resamples=0)).scores
    validation = {name: round(results[name].point, 4) for name in ("micro_f1", "macro_f1") if name in results}
    save_best(folder, lambda best: _save(best, model, replace(training, validation=validation)))
    write_run(folder, _record(recipe, rows, fingerprint, training, model, seconds))
    print(f"{len(model.ngrams):,} n-grams; macro F1 {validation['macro_f1']} on the validation split; {seconds:.1f} s")


def _fit_emotions(recipe: NgramRecipe, rows: Mapping[str, Sequence[Row]]) -> tuple[NgramClassifier, Sequence[Any]]:
    """The model, with its thresholds, and its answers for the validation rows."""
    gold = emotion.gold_matrix
    model = _fit(recipe, rows["train"], gold, emotion.LABELS, multi_label=True)
    scores = model.probabilities([row["text"] for row in rows["validation"]])
    thresholds: Sequence[float] = (emotion.PUBLISHED_THRESHOLD,) * len(emotion.LABELS)
    if isinstance(recipe, EmotionNgramRecipe) and recipe.thresholds == "tuned":
        thresholds = tuned_thresholds(scores, gold(rows["validation"]))
    model = replace(model, settings={"thresholds": list(thresholds), "context": False})
    return model, list(emotion_answers(rows["validation"], scores, thresholds))


def _fit_satisfaction(recipe: NgramRecipe, rows: Mapping[str, Sequence[Row]]) -> tuple[NgramClassifier, Sequence[Any]]:
    """The model and its answers for the validation rows."""
    model = _fit(recipe, rows["train"], satisfaction.gold_matrix, satisfaction.LABELS, multi_label=False)
    scores = model.probabilities([row["text"] for row in rows["validation"]])
    return model, satisfaction_answers(rows["validation"], scores.tolist())


def _fit(
    recipe: NgramRecipe,
    rows: Sequence[Row],
    gold: Callable[[Sequence[Row]], np.ndarray[Any, Any]],
    labels: Sequence[str],
    multi_label: bool,
) -> NgramClassifier:
    balanced = isinstance(recipe, SatisfactionNgramRecipe) and recipe.class_weights
    settings = NgramSettings(recipe.order, recipe.min_count, recipe.c, balanced)
    return fit_ngrams([row["text"] for row in rows], gold(rows), labels, multi_label=multi_label, settings=settings)


def _save(folder: Path, model: NgramClassifier, training: TrainingRecord) -> None:
    model.save(folder)
    training.save(folder)


def _record(
    recipe: NgramRecipe,
    rows: Mapping[str, Sequence[Row]],
    fingerprint: str,
    training: TrainingRecord,
    model: NgramClassifier,
    seconds: float,
) -> dict[str, Any]:
    """The contents of run.json."""
    return {
        "finished": True,
        "commit": commit(),
        "versions": versions() | {"scikit-learn": version("scikit-learn")},
        "recipe": asdict(recipe),
        "fingerprint": fingerprint,
        "examples": {"train": len(rows["train"]), "validation": len(rows["validation"])},
        **training.as_dict(),
        "hardware": hardware(),
        "processes": 1,
        "device": "cpu",
        "parameters": model.parameters,
        "seconds": round(seconds, 2),
    }

"""The paper's tables 5 and 9, and satisfaction: recognition beside bounds and cheap baselines, with paired tests.

Every number is computed anew from the files of answers. Where a dialogue model is among the systems of table 5 or 9,
all are scored on the utterances that have a reply: a dialogue model reads no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmcc_bench import paper
from cmcc_bench.corpus import is_synthetic
from cmcc_bench.recognition.rows import emotions_written, entities_written, only_answered
from cmcc_bench.reports.response import system_name
from cmcc_bench.reports.systems import Recogniser, ResponseSystem, pick
from cmcc_bench.reports.table import (
    DIFFERENCES,
    NOTHING,
    ReportTable,
    difference_cells,
    mark,
    published_cell,
    score_cell,
    score_name,
    verdict,
)
from cmcc_bench.scoring import (
    MEASURES,
    Answer,
    EntityAnswer,
    RecognitionComparison,
    RecognitionScores,
    compare_answers,
    score_answers,
)

Row = Mapping[str, Any]

_NAMES = {"emotion": "Classification-based", "entities": "Stack-propagation", "satisfaction": "Classification"}
_SCORES = {
    "emotion": ("micro_f1", "macro_f1", "macro_f1_without_neutral", "hamming_loss"),
    "entities": ("entity_f1", "name_f1", "emotion_accuracy"),
    "satisfaction": ("macro_recall", "macro_f1", "quadratic_kappa", "accuracy"),
}
_PUBLISHED = {"emotion": ("micro_f1", "macro_f1"), "entities": ("entity_f1", "emotion_accuracy"), "satisfaction": ()}
_TITLES = {"emotion": "Table 5, emotions", "entities": "Table 9, entities", "satisfaction": "Satisfaction"}
_ROUNDING = 3


@dataclass(frozen=True)
class RecognitionData:
    """Rows of a task to score on and to learn bounds from, and rows of `labeled` that the former are of."""

    rows: Sequence[Row]
    train: Sequence[Row]
    labeled: Sequence[Row] = ()

    @property
    def synthetic(self) -> bool:
        """Whether any dialogue is simulated."""
        return is_synthetic(self.rows)


@dataclass(frozen=True)
class _Entry:
    """A row of a table: name, answers, and what the paper has for it."""

    name: str
    answers: Sequence[Answer]
    published: object = None


def recognition_tables(
    task: str,
    systems: Sequence[Recogniser],
    writers: Sequence[ResponseSystem],
    data: RecognitionData,
    resamples: int = 1000,
    seed: int = 0,
) -> list[ReportTable]:
    """The table of a task, the table by label of its first system, and the paired tests.

    writers: dialogue models, whose emotions and entities are scored along; none for satisfaction.
    """
    from cmcc_bench.recognition.bounds import bound_answers  # needs scikit-learn, which no other table here does

    plain_first = sorted(systems, key=lambda system: bool(system.training.suffix))
    entries = [_Entry(_NAMES[task] + s.training.suffix, s.answers, published_result(task, s)) for s in plain_first]
    written = _written(task, writers, data.labeled)
    notes = []
    if written:
        answered = only_answered(data.rows, data.labeled)
        notes = [f"Scored on the {len(answered)} of {len(data.rows)} utterances that have a reply."]
        entries = [_Entry(e.name, only_answered(e.answers, data.labeled), e.published) for e in entries]
        data = RecognitionData(answered, data.train)
    entries += written
    bounds = [_Entry(name, answers) for name, answers in bound_answers(task, data.train, data.rows, seed).items()]
    scored = {e.name: score_answers(task, e.answers, data.rows, resamples, seed) for e in [*entries, *bounds]}
    tables = [_table(task, [*entries, *bounds], scored, data.synthetic, notes)]
    if entries:
        first = entries[0].name
        tables.append(label_table(f"{_TITLES[task]}, by label: {first}", scored[first], data.synthetic))
        tables.append(_paired_table(task, entries, bounds, data, resamples, seed))
    return tables


def published_result(task: str, system: Recogniser) -> object:
    """The paper's row for a recogniser of this kind, with a field a score; None where it has none."""
    if task == "emotion" and not system.training.suffix:
        return paper.EMOTION_RESULTS["classification"]
    if task == "entities":
        return {
            "": paper.ENTITY_RESULTS["joint"],
            ", w/o user emotion": paper.ENTITY_RESULTS["joint_no_emotion"],
        }.get(system.training.suffix)
    return None


def _written(task: str, writers: Sequence[ResponseSystem], labeled: Sequence[Row]) -> list[_Entry]:
    """The rows of dialogue models: every one that writes emotions, end to end; of entities the baseline's."""
    if task == "emotion":
        return [
            _Entry(
                f"Generation-based: {system_name(system.key)}",
                emotions_written(system.predictions, labeled),
                paper.EMOTION_RESULTS["generation"] if system.key == ("variant", "end2end", "") else None,
            )
            for system in writers
            if system.form.emotions and system.mode == "end2end"
        ]
    baseline = pick(writers, "baseline", "end2end")
    if task != "entities" or baseline is None:
        return []
    answers = entities_written(baseline.predictions, labeled)
    return [_Entry(system_name(baseline.key), answers, paper.ENTITY_RESULTS["baseline"])]


def _table(
    task: str,
    entries: Sequence[_Entry],
    scored: Mapping[str, RecognitionScores],
    synthetic: bool,
    notes: Sequence[str],
) -> ReportTable:
    columns = [cell for name in _SCORES[task] for cell in _heads(task, name)]
    rows = tuple((entry.name, *_cells(task, entry, scored[entry.name])) for entry in entries)
    return ReportTable(
        f"{_TITLES[task]}{mark(synthetic)}",
        ("system", *columns),
        rows,
        (*notes, *_notes(task), _sizes(scored[entries[-1].name])),
    )


def _heads(task: str, name: str) -> Iterator[str]:
    yield score_name(name)
    if name in _PUBLISHED[task]:
        yield "paper"


def _cells(task: str, entry: _Entry, scores: RecognitionScores) -> Iterator[str]:
    """Each score and the paper's; of who tells names alone, no score of spans, beside which the paper's stands."""
    names_alone = task == "entities" and tells_names_alone(entry.answers)
    for name in _SCORES[task]:
        yield NOTHING if names_alone and name == "entity_f1" else score_cell(scores.scores[name], _ROUNDING)
        if name in _PUBLISHED[task]:
            yield published_cell(getattr(entry.published, name, None))


def tells_names_alone(answers: Sequence[Answer]) -> bool:
    """Whether all entities are told without type and place, as a dialogue model does: no score of spans is theirs."""
    found = [entity for answer in answers if isinstance(answer, EntityAnswer) for entity in answer.entities]
    return bool(found) and all(entity.span is None for entity in found)


def _notes(task: str) -> tuple[str, ...]:
    macro = "A label that occurs on neither side counts 0 in a macro score: gold shows the most that these data allow."
    if task == "emotion":
        return (macro, "Micro and macro F1 over the fixed 9 emotions; Hamming loss: lower is better.")
    if task == "entities":
        return (
            "entity F1: exact span and type (strict IOB2). name F1: the names in the user's words alone, all that a",
            "dialogue model tells; its published number stands in the column of the paper's, which does not say which.",
            "Emotion accuracy: all emotions of an utterance, exactly.",
        )
    return (macro,)


def _sizes(scores: RecognitionScores) -> str:
    what = "dialogues" if scores.task == "satisfaction" else f"dialogues ({scores.items} utterances)"
    return f"95 % intervals, {scores.resamples} resamples of {scores.dialogues} {what}, seed {scores.seed}."


def _paired_table(
    task: str, entries: Sequence[_Entry], bounds: Sequence[_Entry], data: RecognitionData, resamples: int, seed: int
) -> ReportTable:
    """The first system less every other, and less the cheap baseline."""
    first, cheap = entries[0], bounds[1]
    rows: list[tuple[str, ...]] = []
    notes = []
    for other in [*entries[1:], cheap]:
        compared = compare_answers(task, first.answers, other.answers, data.rows, resamples, seed)
        name = f"{first.name} less {other.name}"
        names_alone = task == "entities" and tells_names_alone(other.answers)
        score = "name_f1" if names_alone else MEASURES[task].main
        rows.append((name, score_name(score), *difference_cells(compared.differences[score])))
        notes.append(verdict(name, score_name(score), compared.differences[score]))
    title = f"{_TITLES[task]}, paired bootstrap{mark(data.synthetic)}"
    return ReportTable(title, ("systems", *DIFFERENCES), tuple(rows), tuple(notes))


def label_table(title: str, scores: RecognitionScores, synthetic: bool) -> ReportTable:
    """Precision, recall, F1 and support of each label."""
    rows = tuple(
        (label, *map(_number, (found.precision, found.recall, found.f1)), str(found.support), str(found.predicted))
        for label, found in scores.labels.items()
    )
    columns = ("label", "precision", "recall", "F1", "support", "predicted")
    return ReportTable(f"{title}{mark(synthetic)}", columns, rows)


def _number(value: float) -> str:
    return NOTHING if value != value else f"{value:.3f}"


def recognition_table(
    name: str, scores: RecognitionScores, synthetic: bool, *, names_alone: bool = False
) -> ReportTable:
    """All scores of one system, a row each, and F1 and support of each label. names_alone: see tells_names_alone."""
    found = scores.scores.items()
    rows = [(score_name(key), score_cell(score), "") for key, score in found if not (names_alone and _of_spans(key))]
    labels = {} if names_alone else scores.labels
    rows += [(f"F1 of {label}", _number(result.f1), str(result.support)) for label, result in labels.items()]
    title = f"{name}, {scores.task}{mark(synthetic)}"
    return ReportTable(title, ("score", "value [95 %]", "support"), tuple(rows), (*_notes(scores.task), _sizes(scores)))


def _of_spans(score: str) -> bool:
    return score.startswith("entity_")


def difference_table(
    name: str, compared: RecognitionComparison, synthetic: bool, *, names_alone: bool = False
) -> ReportTable:
    """The paired test of two systems, a row a score. names_alone: whether either tells no more."""
    found = compared.differences.items()
    rows = tuple(
        (score_name(key), *difference_cells(result)) for key, result in found if not (names_alone and _of_spans(key))
    )
    main = "name_f1" if names_alone else MEASURES[compared.task].main
    notes = (verdict(name, score_name(main), compared.differences[main]),)
    return ReportTable(f"{name}, {compared.task}{mark(synthetic)}", DIFFERENCES, rows, notes)

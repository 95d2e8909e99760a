"""Agreement between annotators: Cohen's kappa by label and pair, Krippendorff's alpha over label sets, disagreements.

Alpha is computed by the library `krippendorff`. It accepts any distance and missing labels, so it works for label sets
and for the ordinal satisfaction. The distance between label sets is MASI (Passonneau 2006, LREC), which gives partial
credit for shared labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import krippendorff
import numpy as np
import numpy.typing as npt
from sklearn.metrics import cohen_kappa_score

from cmcc_bench.errors import DataError, printable
from cmcc_bench.masking import mask_lines
from cmcc_bench.quality.annotations import Annotations, Labels
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import NEUTRAL
from cmcc_bench.reports.table import NOTHING, ReportTable, mark
from cmcc_bench.scoring.bootstrap import Bootstrap, intervals
from cmcc_bench.views.flat import transcript_lines
from cmcc_bench.vocabulary import EMOTIONS, SATISFACTION, SYNTHETIC_ID, VOCABULARIES, ZH

Values = Sequence[Mapping[Any, Labels]]  # for each annotator: the labels by unit, for the units that they labeled


@dataclass(frozen=True)
class LabelAgreement:
    """Agreement on one label, for each pair of annotators (AB, AC, ..., BC, ...), over the units that both labeled.

    support: for each annotator, the number of units with the label, among units that two or more labeled.
    used: for each pair, the number of shared units to which the first and the second annotator gave the label.
    kappa: Cohen's kappa of each pair, in [-1, 1]. None if it is not defined: neither of the pair ever uses the label,
    both use it for every unit, or they share no units.
    """

    name: str
    support: tuple[int, ...]
    used: tuple[tuple[int, int], ...]
    kappa: tuple[float | None, ...]


@dataclass(frozen=True)
class FieldAgreement:
    """Agreement on emotions, acts or satisfaction.

    units: number of utterances (dialogues for satisfaction) that two or more annotators labeled.
    alpha: Krippendorff's alpha over them, in (-1, 1]: with the MASI distance for label sets, ordinal for satisfaction.
    interval: the 95 % confidence interval of alpha from a bootstrap over dialogues; None if alpha or all resamples are
    not defined. same: share of units to which all their annotators gave the same labels, in [0, 1].
    shared: for each pair, the number of dialogues and of units that both labeled.
    kappa: Cohen's kappa of each pair over those units; each set of labels is one class.
    """

    field: str
    units: int
    distance: str
    alpha: float | None
    interval: tuple[float, float] | None
    same: float | None
    shared: tuple[tuple[int, int], ...]
    kappa: tuple[float | None, ...]
    labels: tuple[LabelAgreement, ...]


@dataclass(frozen=True)
class Disagreement:
    """A unit on which annotators disagree. Personal data in the text are masked.

    labels: for each annotator, the English names of the labels, or None if they did not label the unit.
    """

    dialogue_id: str
    utterance: int | None
    field: str
    labels: tuple[tuple[str, ...] | None, ...]
    text: str | None


@dataclass(frozen=True)
class Agreement:
    """Agreement on the dialogues that two or more annotators labeled.

    about: for each annotator, the description in the source. left_out: for each annotator, the number of dialogues that
    no other annotator labeled. shared: for each pair, the number of dialogues that both labeled.
    whole: whether the calls were available; if not, utterances that no annotator labeled could not be counted.
    bootstrap: resamples and seed of the intervals.
    """

    annotators: tuple[str, ...]
    about: tuple[str, ...]
    dialogues: int
    left_out: tuple[int, ...]
    shared: tuple[int, ...]
    whole: bool
    synthetic: bool
    bootstrap: Bootstrap
    fields: tuple[FieldAgreement, ...]
    disagreements: tuple[Disagreement, ...]

    def as_dict(self) -> dict[str, Any]:
        """The agreement as a dictionary for JSON."""
        content: dict[str, Any] = {}
        for name, value in asdict(self).items():
            content |= value if name == "bootstrap" else {name: value}
        return content


def masi_distance(first: Labels, second: Labels) -> float:
    """The MASI distance between two label sets, in [0, 1]: 1 - Jaccard * monotonicity; 0 for two empty sets.

    Monotonicity: 1 for equal sets, 2/3 if one contains the other, 1/3 if they overlap otherwise, 0 if they do not.
    Source: Passonneau 2006. NLTK's function divides by zero for empty sets.
    """
    if first == second:
        return 0.0
    shared = len(first & second)
    monotonicity = 2 / 3 if first <= second or second <= first else 1 / 3
    return 1 - shared / len(first | second) * monotonicity if shared else 1.0


class _DistanceTable:
    """A distance function for `krippendorff`, which passes values and their indices, i1 and i2, as arrays."""

    def __init__(self, distances: npt.NDArray[np.float64]) -> None:
        self._distances = distances

    def __call__(self, v1: Any, v2: Any, i1: Any, i2: Any, n_v: Any, dtype: Any = np.float64) -> Any:  # noqa: ANN401, ARG002
        return self._distances[i1, i2].astype(dtype)


def _value_counts(values: Values, units: Sequence[Hashable]) -> tuple[npt.NDArray[np.int64], list[Labels]]:
    """How many annotators gave each label set to each unit, shape (units, sets), and the sets."""
    classes = sorted({labels[unit] for labels in values for unit in units if unit in labels}, key=sorted)
    columns = {label_set: column for column, label_set in enumerate(classes)}
    counts = np.zeros((len(units), len(classes)), dtype=np.int64)
    for row, unit in enumerate(units):
        for labels in values:
            if unit in labels:
                counts[row, columns[labels[unit]]] += 1
    return counts, classes


def _masi_distances(classes: Sequence[Labels]) -> npt.NDArray[np.float64]:
    return np.array([[masi_distance(a, b) for b in classes] for a in classes])


def set_alpha(values: Values, units: Sequence[Hashable]) -> float | None:
    """Krippendorff's alpha of label sets with the MASI distance; None if all label sets are the same."""
    counts, classes = _value_counts(values, units)
    if len(classes) < 2:
        return None
    distances = _masi_distances(classes)
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement=_DistanceTable(distances)))


def ordinal_alpha(values: Values, units: Sequence[Hashable]) -> float | None:
    """Krippendorff's ordinal alpha of units with one label each; None if all labels are the same."""
    table = [[float(min(labels[unit])) if unit in labels else math.nan for unit in units] for labels in values]
    if len({label for row in table for label in row if not math.isnan(label)}) < 2:
        return None
    domain = list(range(len(SATISFACTION)))
    return float(krippendorff.alpha(reliability_data=table, value_domain=domain, level_of_measurement="ordinal"))


def alpha_interval(
    values: Values, units: Sequence[Any], field: str, bootstrap: Bootstrap
) -> tuple[float, float] | None:
    """The 95 % confidence interval of alpha from a bootstrap over the dialogues of the units; None if it is undefined.

    Alpha is a function of sums over units. A resample therefore needs only the sums of its dialogues.
    """
    counts, classes = _value_counts(values, units)
    if len(classes) < 2:
        return None
    dialogues = [unit if field == "satisfaction" else unit[0] for unit in units]
    rows = {dialogue: row for row, dialogue in enumerate(dict.fromkeys(dialogues))}
    distances = None if field == "satisfaction" else _masi_distances(classes)
    sums = np.hstack([_pairs(counts, distances), counts])
    by_dialogue = np.zeros((len(rows), sums.shape[1]))
    np.add.at(by_dialogue, [rows[dialogue] for dialogue in dialogues], sums)
    statistics = {"alpha": lambda resampled_sums: _alpha(resampled_sums, len(classes), distances)}
    interval = intervals(by_dialogue, statistics, bootstrap)["alpha"]
    return None if math.isnan(interval.low) else (interval.low, interval.high)


def _pairs(counts: npt.NDArray[np.int64], distances: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    """Coincidences of two values in each unit: (units, V * V); with distances, their weighted sum: (units, 1)."""
    others = counts.sum(axis=1, keepdims=True) - 1
    if distances is not None:
        weighted: npt.NDArray[np.float64] = ((counts @ distances) * counts).sum(axis=1, keepdims=True) / others
        return weighted
    both = counts[:, :, None] * counts[:, None, :]
    both[:, range(counts.shape[1]), range(counts.shape[1])] -= counts
    coincidences: npt.NDArray[np.float64] = both.reshape(len(counts), -1) / others
    return coincidences


def _alpha(
    sums: npt.NDArray[np.float64], classes: int, distances: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    """Krippendorff's alpha from summed pairs and counts: (..., k) to (...); nan if all values are the same."""
    pairs, counts = sums[..., :-classes], sums[..., -classes:]
    if distances is None:
        distances = _ordinal_distances(counts)
        pairs = (pairs * distances.reshape(pairs.shape)).sum(axis=-1, keepdims=True)
    total = counts.sum(axis=-1)
    expected = (counts[..., :, None] * counts[..., None, :] * distances).sum(axis=(-1, -2)) / (total - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha: npt.NDArray[np.float64] = np.where(expected > 0, 1 - pairs[..., 0] / expected, np.nan)
    return alpha


def _ordinal_distances(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Squared ordinal distances: the number of values between two ranks, ends halved; (..., V) to (..., V, V)."""
    middle = np.cumsum(counts, axis=-1) - counts / 2
    squared: npt.NDArray[np.float64] = (middle[..., :, None] - middle[..., None, :]) ** 2
    return squared


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two annotators over classes; None if both give one and the same class to every unit."""
    classes = {label: index for index, label in enumerate(dict.fromkeys([*first, *second]))}
    if len(classes) < 2:
        return None
    return float(cohen_kappa_score([classes[x] for x in first], [classes[x] for x in second]))


def measure(
    annotators: Sequence[Annotations],
    calls: Mapping[str, Call],
    compared_acts: Iterable[int],
    bootstrap: Bootstrap = Bootstrap(),
) -> Agreement:
    """Measures the agreement of two or more annotators on the dialogues that at least two of them labeled.

    calls: by dialogue id, for the texts; may be empty. compared_acts: class indices of the acts to compare.
    Raises cmcc.DataError if no two annotators labeled the same dialogue.
    """
    labeled_by = Counter(dialogue_id for annotator in annotators for dialogue_id in annotator.dialogues)
    common = frozenset(dialogue_id for dialogue_id, count in labeled_by.items() if count > 1)
    if not common:
        names = ", ".join(annotator.name for annotator in annotators)
        hint = "Give --data the folder of the calls that the care files label."
        raise DataError("no two annotators labeled the same dialogue", "", hint, annotators=names)
    values = {field: _values(annotators, field, bool(calls)) for field in ("emotions", "acts", "satisfaction")}
    compared = {"emotions": range(len(EMOTIONS)), "acts": sorted(compared_acts), "satisfaction": range(3)}
    return Agreement(
        tuple(annotator.name for annotator in annotators),
        tuple(annotator.about for annotator in annotators),
        len(common),
        tuple(len(annotator.dialogues - common) for annotator in annotators),
        tuple(len(a.dialogues & b.dialogues) for a, b in combinations(annotators, 2)),
        bool(calls),
        any(dialogue_id.startswith(SYNTHETIC_ID) for dialogue_id in common),
        bootstrap,
        tuple(_field(field, values[field], compared[field], bootstrap) for field in values),
        tuple(disagreement for field in values for disagreement in _disagreements(field, values[field], calls)),
    )


def _values(annotators: Sequence[Annotations], field: str, whole: bool) -> Values:
    """The labels of each annotator for the units that two or more labeled, in the order of the units."""
    by_unit: list[dict[Any, Labels]]
    if field == "satisfaction":
        by_unit = [
            {unit: frozenset((label,)) for unit, label in annotator.satisfaction.items()} for annotator in annotators
        ]
    else:
        by_unit = [dict(getattr(annotator, field)) for annotator in annotators]
        if not whole:  # a unit that one annotator lists counts as seen and not labeled by all who labeled the dialogue
            absent = frozenset((NEUTRAL,)) if field == "emotions" else frozenset[int]()
            listed = {unit for labels in by_unit for unit in labels}
            for annotator, labels in zip(annotators, by_unit, strict=True):
                labels.update(
                    {
                        unit: absent
                        for unit in listed - labels.keys()
                        if unit[0] in annotator.listed.get(field, frozenset())
                    }
                )
    labeled_by = Counter(unit for labels in by_unit for unit in labels)
    units = sorted(unit for unit, count in labeled_by.items() if count > 1)
    return [{unit: labels[unit] for unit in units if unit in labels} for labels in by_unit]


def _units(values: Values) -> list[Any]:
    return sorted({unit for labels in values for unit in labels})


def _field(field: str, values: Values, labels: Iterable[int], bootstrap: Bootstrap) -> FieldAgreement:
    units = _units(values)
    names = VOCABULARIES[field].names
    same = sum(len(_label_sets(values, unit)) == 1 for unit in units) / len(units) if units else None
    alpha = ordinal_alpha if field == "satisfaction" else set_alpha
    pairs = [[(a[unit], b[unit]) for unit in a if unit in b] for a, b in combinations(values, 2)]
    both = [[unit for unit in a if unit in b] for a, b in combinations(values, 2)]
    return FieldAgreement(
        field,
        len(units),
        "ordinal" if field == "satisfaction" else "MASI",
        alpha(values, units) if units else None,
        alpha_interval(values, units, field, bootstrap) if units and bootstrap.resamples else None,
        same,
        tuple((len({u if field == "satisfaction" else u[0] for u in shared}), len(shared)) for shared in both),
        tuple(kappa([a for a, _ in pair], [b for _, b in pair]) for pair in pairs),
        tuple(_label(names[label], label, values, pairs) for label in labels),
    )


def _label_sets(values: Values, unit: Hashable) -> set[Labels]:
    """The distinct label sets that a unit was given."""
    return {labels[unit] for labels in values if unit in labels}


def _label(name: str, label: int, values: Values, pairs: Sequence[Sequence[tuple[Labels, Labels]]]) -> LabelAgreement:
    support = tuple(sum(label in labels for labels in by_unit.values()) for by_unit in values)
    has_label = [([label in a for a, _ in pair], [label in b for _, b in pair]) for pair in pairs]
    used = tuple((sum(first), sum(second)) for first, second in has_label)
    return LabelAgreement(name, support, used, tuple(kappa(first, second) for first, second in has_label))


def _disagreements(field: str, values: Values, calls: Mapping[str, Call]) -> Iterator[Disagreement]:
    names = VOCABULARIES[field].names
    for unit in _units(values):
        if len(_label_sets(values, unit)) > 1:
            labels = tuple(
                tuple(names[label] for label in sorted(by_unit[unit])) if unit in by_unit else None
                for by_unit in values
            )
            dialogue_id, utterance = (unit, None) if field == "satisfaction" else unit
            yield Disagreement(dialogue_id, utterance, field, labels, _text(calls, dialogue_id, utterance))


def _text(calls: Mapping[str, Call], dialogue_id: str, utterance: int | None) -> str | None:
    if dialogue_id not in calls:
        return None
    lines = mask_lines(transcript_lines(calls[dialogue_id].row))
    return lines[-1 if utterance is None else utterance].partition("：")[2]


def tables(agreement: Agreement) -> Iterator[ReportTable]:
    """The tables for the terminal: overall, by pair, and by label for each field.

    Annotators are called A, B, ...; the notes give their names.
    """
    letters = [chr(ord("A") + n) if n < 26 else f"A{n}" for n in range(len(agreement.annotators))]
    pairs = [f"{a}-{b}" for a, b in combinations(letters, 2)]
    rows = tuple((row.field, str(row.units), _alpha_cell(row), _share(row.same)) for row in agreement.fields)
    title = f"Agreement on {_dialogues(agreement.dialogues)}{mark(agreement.synthetic)}"
    yield ReportTable(title, ("field", "units", "alpha", "all the same"), rows, tuple(_notes(agreement, letters)))
    cells = tuple(
        (pair, row.field, str(row.shared[number][0]), str(row.shared[number][1]), _number(row.kappa[number]))
        for number, pair in enumerate(pairs)
        for row in agreement.fields
        if agreement.shared[number]
    )
    notes = ["kappa: Cohen's kappa over the units that both labeled; each set of labels is one class"]
    without_shared = [pair for number, pair in enumerate(pairs) if not agreement.shared[number]]
    if without_shared:
        notes.append(f"no kappa, because they share no dialogue: {', '.join(without_shared)}")
    yield ReportTable("Pairs of annotators", ("pair", "field", "dialogues", "units", "kappa"), cells, tuple(notes))
    for by_field in agreement.fields:
        supported = [label for label in by_field.labels if any(label.support)]
        by_label = tuple(
            (f"{label.name} {ZH[label.name]}", pair, f"{first} / {second}", _number(label.kappa[number]))
            for label in supported
            for number, (pair, (first, second)) in enumerate(zip(pairs, label.used, strict=True))
            if by_field.shared[number][1]
        )
        if not by_label:
            continue
        unused = len(by_field.labels) - len(supported)
        left_out = (f"labels that no annotator used, left out: {unused}",) if unused else ()
        yield ReportTable(f"{by_field.field}, by label", ("label", "pair", "used by each", "kappa"), by_label, left_out)


def _dialogues(count: int) -> str:
    return f"{count} dialogue{'' if count == 1 else 's'}"


def _alpha_cell(row: FieldAgreement) -> str:
    interval = f" [{row.interval[0]:.2f}, {row.interval[1]:.2f}]" if row.interval else ""
    return f"{_number(row.alpha)} {row.distance}{interval}"


def _notes(agreement: Agreement, letters: Sequence[str]) -> Iterator[str]:
    bootstrap = agreement.bootstrap
    resamples = f"{bootstrap.resamples} resamples of dialogues, seed {bootstrap.seed}"
    yield f"alpha: Krippendorff's alpha [95 % confidence interval, {resamples}]"
    yield "units: utterances (dialogues for satisfaction) that two or more annotators labeled"
    yield "acts: only those that care labels add"
    if not agreement.whole:
        yield "All values are too low: the calls are missing, so utterances without labels are not counted. Add --data."
    for letter, name, about, left_out in zip(
        letters, agreement.annotators, agreement.about, agreement.left_out, strict=True
    ):
        description = f"Its description: {about}" if about else "It does not say who made its labels."
        alone = f"{_dialogues(left_out)} that no other source labels"
        yield printable(f"{letter}: {name}, {alone}. {description}", 600)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1%}"


def disagreement_lines(agreement: Agreement, shown: int) -> Iterator[str]:
    """Lines that are safe to print: the number of disagreements by field, then the first ones, with masked texts."""
    counts = Counter(disagreement.field for disagreement in agreement.disagreements)
    yield "disagreements: " + (", ".join(f"{field} {count}" for field, count in counts.items()) or "none")
    for item in agreement.disagreements[:shown]:
        place = f"dialogue {item.dialogue_id:.40}"
        if item.utterance is not None:
            place += f", utterance {item.utterance}"
        labels = " | ".join("not labeled" if names is None else ",".join(names) or NOTHING for names in item.labels)
        yield printable(f"{item.field}: {place}: {labels}" + (f": {item.text}" if item.text else ""), 400)

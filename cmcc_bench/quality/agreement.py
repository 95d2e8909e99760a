"""How far annotators agree: Cohen's kappa by label and pair, Krippendorff's alpha over label sets; where they differ.

Alpha is computed by the library `krippendorff`, which takes any distance and missing labels, so that one library serves
label sets and the ordinal satisfaction; the distance of label sets is MASI (Passonneau 2006, LREC), which gives credit
for a part that is shared.
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

Values = Sequence[Mapping[Any, Labels]]  # of each annotator: from the units that this one labeled to labels


@dataclass(frozen=True)
class LabelAgreement:
    """Agreement on one label, by pairs of annotators, AB, AC, ..., BC, ..., over the units that both labeled.

    support: in how many units each annotator sees the label, of all that two or more labeled. used: in how many of the
    units that they share the first and the second of each pair do. kappa: Cohen's of each pair, in [-1, 1]; None where
    it is not defined: neither of the pair ever uses the label, both use it everywhere, or they share no unit.
    """

    name: str
    support: tuple[int, ...]
    used: tuple[tuple[int, int], ...]
    kappa: tuple[float | None, ...]


@dataclass(frozen=True)
class FieldAgreement:
    """Agreement on emotions, acts or satisfaction.

    units: utterances (dialogues for satisfaction) that two annotators or more labeled. alpha: Krippendorff's over them,
    in (-1, 1], with the MASI distance for label sets, ordinal for satisfaction. interval: its 95 % interval from a
    bootstrap over dialogues, None where alpha or all resamples are not defined. same: share of units with the same
    labels by all who labeled them. shared: dialogues and units that both of each pair labeled. kappa: Cohen's of each
    pair over those, a set of labels being one class.
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
    """A unit on which annotators differ. The text is masked.

    labels: English names, one tuple an annotator, None for those who did not label the unit.
    """

    dialogue_id: str
    utterance: int | None
    field: str
    labels: tuple[tuple[str, ...] | None, ...]
    text: str | None


@dataclass(frozen=True)
class Agreement:
    """The agreement of annotators on the dialogues that two of them or more labeled.

    about: what each source says of itself. left_out: of each, the dialogues that no other source labels. shared: the
    dialogues that both of each pair labeled. whole: whether the calls were known; if not, utterances that no annotator
    labeled could not be counted. bootstrap: of the intervals.
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
        """The agreement for JSON."""
        found: dict[str, Any] = {}
        for name, value in asdict(self).items():
            found |= value if name == "bootstrap" else {name: value}
        return found


def masi_distance(first: Labels, second: Labels) -> float:
    """MASI between two label sets, in [0, 1]: 1 - Jaccard * monotonicity; 0 for two empty sets.

    Monotonicity: 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, 0 where they do not.
    Source: Passonneau 2006. NLTK's function divides by zero for empty sets.
    """
    if first == second:
        return 0.0
    shared = len(first & second)
    monotonicity = 2 / 3 if first <= second or second <= first else 1 / 3
    return 1 - shared / len(first | second) * monotonicity if shared else 1.0


class _LookedUp:
    """A distance of krippendorff's: values are told by their places, i1 and i2, which are arrays that broadcast."""

    def __init__(self, distances: npt.NDArray[np.float64]) -> None:
        self._distances = distances

    def __call__(self, v1: Any, v2: Any, i1: Any, i2: Any, n_v: Any, dtype: Any = np.float64) -> Any:  # noqa: ANN401, ARG002
        return self._distances[i1, i2].astype(dtype)


def _value_counts(values: Values, units: Sequence[Hashable]) -> tuple[npt.NDArray[np.int64], list[Labels]]:
    """How many annotators gave each label set to each unit, (units, sets), and the sets."""
    classes = sorted({one[unit] for one in values for unit in units if unit in one}, key=sorted)
    place = {labels: index for index, labels in enumerate(classes)}
    counts = np.zeros((len(units), len(classes)), dtype=np.int64)
    for row, unit in enumerate(units):
        for one in values:
            if unit in one:
                counts[row, place[one[unit]]] += 1
    return counts, classes


def _masi_distances(classes: Sequence[Labels]) -> npt.NDArray[np.float64]:
    return np.array([[masi_distance(a, b) for b in classes] for a in classes])


def set_alpha(values: Values, units: Sequence[Hashable]) -> float | None:
    """Krippendorff's alpha of label sets with the MASI distance; None where all labels are the same."""
    counts, classes = _value_counts(values, units)
    if len(classes) < 2:
        return None
    distances = _masi_distances(classes)
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement=_LookedUp(distances)))


def ordinal_alpha(values: Values, units: Sequence[Hashable]) -> float | None:
    """Krippendorff's ordinal alpha of units with one label each; None where all labels are the same."""
    table = [[float(min(one[unit])) if unit in one else math.nan for unit in units] for one in values]
    if len({label for row in table for label in row if not math.isnan(label)}) < 2:
        return None
    domain = list(range(len(SATISFACTION)))
    return float(krippendorff.alpha(reliability_data=table, value_domain=domain, level_of_measurement="ordinal"))


def alpha_interval(
    values: Values, units: Sequence[Any], field: str, bootstrap: Bootstrap
) -> tuple[float, float] | None:
    """The 95 % interval of alpha, from a bootstrap over the dialogues of the units; None where it is not defined.

    Alpha is made from sums over units, so a resample needs the sums of its dialogues only.
    """
    counts, classes = _value_counts(values, units)
    if len(classes) < 2:
        return None
    dialogues = [unit if field == "satisfaction" else unit[0] for unit in units]
    place = {dialogue: row for row, dialogue in enumerate(dict.fromkeys(dialogues))}
    distances = None if field == "satisfaction" else _masi_distances(classes)
    sums = np.hstack([_pairs(counts, distances), counts])
    by_dialogue = np.zeros((len(place), sums.shape[1]))
    np.add.at(by_dialogue, [place[dialogue] for dialogue in dialogues], sums)
    statistics = {"alpha": lambda drawn: _alpha(drawn, len(classes), distances)}
    found = intervals(by_dialogue, statistics, bootstrap)["alpha"]
    return None if math.isnan(found.low) else (found.low, found.high)


def _pairs(counts: npt.NDArray[np.int64], distances: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    """Of each unit, the coincidences of two values, (units, V * V), or, with fixed distances, their sum, (units, 1)."""
    others = counts.sum(axis=1, keepdims=True) - 1
    if distances is not None:
        found: npt.NDArray[np.float64] = ((counts @ distances) * counts).sum(axis=1, keepdims=True) / others
        return found
    both = counts[:, :, None] * counts[:, None, :]
    both[:, range(counts.shape[1]), range(counts.shape[1])] -= counts
    coincidences: npt.NDArray[np.float64] = both.reshape(len(counts), -1) / others
    return coincidences


def _alpha(
    sums: npt.NDArray[np.float64], classes: int, distances: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    """Krippendorff's alpha of summed pairs and counts, (..., k) to (...); nan where all values are the same."""
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
    """The squared number of values from one rank to another, its ends counted by half: (..., V) to (..., V, V)."""
    middle = np.cumsum(counts, axis=-1) - counts / 2
    found: npt.NDArray[np.float64] = (middle[..., :, None] - middle[..., None, :]) ** 2
    return found


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two annotators over classes; None where both know one class only."""
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
    """The agreement of two annotators or more on the dialogues that at least two of them labeled.

    calls: by dialogue id, for the texts; may be empty. compared_acts: class indices of the acts that are compared.
    Raises cmcc.DataError when no two of them labeled the same dialogue.
    """
    readers = Counter(dialogue_id for one in annotators for dialogue_id in one.dialogues)
    common = frozenset(dialogue_id for dialogue_id, count in readers.items() if count > 1)
    if not common:
        names = ", ".join(one.name for one in annotators)
        hint = "Care files are about the calls that --data names: check that it is the right folder."
        expected = "some that two of them labeled"
        raise DataError("no dialogue that two annotators labeled", expected, hint, annotators=names)
    values = {field: _values(annotators, field, bool(calls)) for field in ("emotions", "acts", "satisfaction")}
    shown = {"emotions": range(len(EMOTIONS)), "acts": sorted(compared_acts), "satisfaction": range(3)}
    return Agreement(
        tuple(one.name for one in annotators),
        tuple(one.about for one in annotators),
        len(common),
        tuple(len(one.dialogues - common) for one in annotators),
        tuple(len(a.dialogues & b.dialogues) for a, b in combinations(annotators, 2)),
        bool(calls),
        any(dialogue_id.startswith(SYNTHETIC_ID) for dialogue_id in common),
        bootstrap,
        tuple(_field(field, values[field], shown[field], bootstrap) for field in values),
        tuple(found for field in values for found in _disagreements(field, values[field], calls)),
    )


def _values(annotators: Sequence[Annotations], field: str, whole: bool) -> Values:
    """Each annotator's labels of the units that two or more labeled, in the order of the units."""
    by_unit: list[dict[Any, Labels]]
    if field == "satisfaction":
        by_unit = [{unit: frozenset((label,)) for unit, label in one.satisfaction.items()} for one in annotators]
    else:
        by_unit = [dict(getattr(one, field)) for one in annotators]
        if not whole:  # what one of them lists, the others saw and did not label, if they labeled the dialogue at all
            absent = frozenset((NEUTRAL,)) if field == "emotions" else frozenset[int]()
            listed = {unit for one in by_unit for unit in one}
            for annotator, one in zip(annotators, by_unit, strict=True):
                one.update(
                    {
                        unit: absent
                        for unit in listed - one.keys()
                        if unit[0] in annotator.listed.get(field, frozenset())
                    }
                )
    readers = Counter(unit for one in by_unit for unit in one)
    units = sorted(unit for unit, count in readers.items() if count > 1)
    return [{unit: one[unit] for unit in units if unit in one} for one in by_unit]


def _units(values: Values) -> list[Any]:
    return sorted({unit for one in values for unit in one})


def _field(field: str, values: Values, labels: Iterable[int], bootstrap: Bootstrap) -> FieldAgreement:
    units = _units(values)
    names = VOCABULARIES[field].names
    same = sum(len(_given(values, unit)) == 1 for unit in units) / len(units) if units else None
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


def _given(values: Values, unit: Hashable) -> set[Labels]:
    """The different answers to a unit."""
    return {one[unit] for one in values if unit in one}


def _label(name: str, label: int, values: Values, pairs: Sequence[Sequence[tuple[Labels, Labels]]]) -> LabelAgreement:
    support = tuple(sum(label in labels for labels in one.values()) for one in values)
    seen = [([label in a for a, _ in pair], [label in b for _, b in pair]) for pair in pairs]
    used = tuple((sum(first), sum(second)) for first, second in seen)
    return LabelAgreement(name, support, used, tuple(kappa(first, second) for first, second in seen))


def _disagreements(field: str, values: Values, calls: Mapping[str, Call]) -> Iterator[Disagreement]:
    names = VOCABULARIES[field].names
    for unit in _units(values):
        if len(_given(values, unit)) > 1:
            labels = tuple(
                tuple(names[label] for label in sorted(one[unit])) if unit in one else None for one in values
            )
            dialogue_id, utterance = (unit, None) if field == "satisfaction" else unit
            yield Disagreement(dialogue_id, utterance, field, labels, _text(calls, dialogue_id, utterance))


def _text(calls: Mapping[str, Call], dialogue_id: str, utterance: int | None) -> str | None:
    if dialogue_id not in calls:
        return None
    lines = mask_lines(transcript_lines(calls[dialogue_id].row))
    return lines[-1 if utterance is None else utterance].partition("：")[2]


def tables(found: Agreement) -> Iterator[ReportTable]:
    """The overall table, one of pairs, and one for each field, for the terminal.

    Annotators are A, B, ..., which the notes explain.
    """
    letters = [chr(ord("A") + n) if n < 26 else f"A{n}" for n in range(len(found.annotators))]
    pairs = [f"{a}-{b}" for a, b in combinations(letters, 2)]
    rows = tuple((one.field, str(one.units), _alpha_cell(one), _share(one.same)) for one in found.fields)
    title = f"Agreement on {found.dialogues} dialogues{mark(found.synthetic)}"
    yield ReportTable(title, ("field", "units", "alpha", "all the same"), rows, tuple(_notes(found, letters)))
    cells = tuple(
        (pair, one.field, str(one.shared[number][0]), str(one.shared[number][1]), _number(one.kappa[number]))
        for number, pair in enumerate(pairs)
        for one in found.fields
        if found.shared[number]
    )
    notes = ["kappa: Cohen's on the units that both labeled, a set of labels being one class"]
    apart = [pair for number, pair in enumerate(pairs) if not found.shared[number]]
    if apart:
        notes.append(f"no dialogue in common, and so no kappa: {', '.join(apart)}")
    yield ReportTable("Pairs of annotators", ("pair", "field", "dialogues", "units", "kappa"), cells, tuple(notes))
    for one in found.fields:
        supported = [label for label in one.labels if any(label.support)]
        by_label = tuple(
            (f"{label.name} {ZH[label.name]}", pair, f"{first} / {second}", _number(label.kappa[number]))
            for label in supported
            for number, (pair, (first, second)) in enumerate(zip(pairs, label.used, strict=True))
            if one.shared[number][1]
        )
        if not by_label:
            continue
        unused = len(one.labels) - len(supported)
        left_out = (f"{unused} unused labels are left out",) if unused else ()
        yield ReportTable(f"{one.field}, by label", ("label", "pair", "used by each", "kappa"), by_label, left_out)


def _alpha_cell(one: FieldAgreement) -> str:
    interval = f" [{one.interval[0]:.2f}, {one.interval[1]:.2f}]" if one.interval else ""
    return f"{_number(one.alpha)} {one.distance}{interval}"


def _notes(found: Agreement, letters: Sequence[str]) -> Iterator[str]:
    drawn = found.bootstrap
    yield f"alpha: Krippendorff's [95 %, {drawn.resamples} resamples of dialogues, seed {drawn.seed}]"
    yield "units: utterances (dialogues for satisfaction) that two annotators or more labeled"
    yield "acts: those that care labels add"
    if not found.whole:
        yield "The calls are not known (--data): utterances without labels are not counted, so all is too low."
    for letter, name, about, left_out in zip(letters, found.annotators, found.about, found.left_out, strict=True):
        said = f"It says of itself: {about}" if about else "It does not say who made its labels."
        alone = f"{left_out} dialogue{'' if left_out == 1 else 's'} that no other source labels"
        yield printable(f"{letter}: {name}, {alone}. {said}", 600)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1%}"


def disagreement_lines(found: Agreement, shown: int) -> Iterator[str]:
    """The first disagreements, a line each, texts masked, safe to print; how many there are, by field, comes first."""
    counts = Counter(one.field for one in found.disagreements)
    yield "disagreements: " + (", ".join(f"{field} {count}" for field, count in counts.items()) or "none")
    for one in found.disagreements[:shown]:
        place = f"dialogue {one.dialogue_id:.40}" + (
            f", utterance {one.utterance}" if one.utterance is not None else ""
        )
        labels = " | ".join("not labeled" if names is None else ",".join(names) or NOTHING for names in one.labels)
        yield printable(f"{one.field}: {place}: {labels}" + (f": {one.text}" if one.text else ""), 400)

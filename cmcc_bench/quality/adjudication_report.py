"""The agreement of each annotator with the others, and with the adjudicated labels, by label, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cmcc_bench.errors import printable
from cmcc_bench.quality.adjudication import FIELDS, Adjudication, Decided, final_labels
from cmcc_bench.quality.annotations import Annotations
from cmcc_bench.reports.table import NOTHING, ReportTable, mark
from cmcc_bench.scoring.bootstrap import Bootstrap, intervals
from cmcc_bench.tasks.base import Array
from cmcc_bench.vocabulary import SYNTHETIC_ID, VOCABULARIES, ZH


def kappa_of_counts(sums: Array) -> Array:
    """Cohen's kappa from counts (both, first alone, second alone, neither): (..., 4) to (...); nan if undefined."""
    total = sums.sum(axis=-1)
    first, second = sums[..., 0] + sums[..., 1], sums[..., 0] + sums[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (sums[..., 0] + sums[..., 3]) / total
        expected = (first * second + (total - first) * (total - second)) / total**2
        kappa: Array = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
    return kappa


def adjudication_tables(
    annotators: Sequence[Annotations],
    adjudication: Adjudication,
    decided: Mapping[int, Decided],
    bootstrap: Bootstrap,
) -> Iterator[ReportTable]:
    """A table for each field: kappa of each annotator and label with the others, and with the result."""
    by_name = {one.name: _labels(one) for one in annotators}
    final = final_labels(adjudication, decided, proposed=True)
    result = {(dialogue_id, *place): given for dialogue_id, labels in final.items() for place, given in labels.items()}
    synthetic = any(dialogue_id.startswith(SYNTHETIC_ID) for dialogue_id in final)
    undecided = len(adjudication.disputes) - len(decided)
    notes = [
        "kappa [95 % confidence interval], of units that two or more annotators labeled; unused labels are left out",
        f"decided: the result of the adjudication; {undecided} undecided as {adjudication.method} proposes",
    ]
    for field in FIELDS:
        rows = tuple(_rows(field, by_name, result, bootstrap))
        if rows:
            title = f"Before and after adjudication: {field}{mark(synthetic)}"
            yield ReportTable(title, ("label", "annotator", "with the others", "with the decided"), rows, tuple(notes))


_Units = Mapping[tuple[str, int | None, str], Sequence[int]]  # labels by dialogue id, utterance and field


def _labels(one: Annotations) -> _Units:
    found: dict[tuple[str, int | None, str], Sequence[int]] = {}
    for field, units in (("emotions", one.emotions), ("acts", one.acts)):
        found |= {(dialogue_id, number, field): tuple(labels) for (dialogue_id, number), labels in units.items()}
    return found | {(dialogue_id, None, "satisfaction"): (level,) for dialogue_id, level in one.satisfaction.items()}


def _rows(field: str, by_name: Mapping[str, _Units], result: _Units, bootstrap: Bootstrap) -> Iterator[tuple[str, ...]]:
    for label, english in enumerate(VOCABULARIES[field].names):
        for name, own in by_name.items():
            others = [units for other, units in by_name.items() if other != name]
            shared = {unit for unit in own if unit[2] == field and any(unit in units for units in others)}
            before = [
                (label in own[unit], label in units[unit], unit) for units in others for unit in shared & units.keys()
            ]
            after = [(label in own[unit], label in result[unit], unit) for unit in shared if unit in result]
            if any(first or second for first, second, _ in (*before, *after)):
                cells = (_kappa(before, bootstrap), _kappa(after, bootstrap))
                yield f"{english} {ZH[english]}", printable(name, 40), *cells


def _kappa(pairs: Sequence[tuple[bool, bool, tuple[str, int | None, str]]], bootstrap: Bootstrap) -> str:
    rows = {dialogue: row for row, dialogue in enumerate(sorted({unit[0] for _, _, unit in pairs}))}
    counts = np.zeros((len(rows), 4))
    for first, second, unit in pairs:
        counts[rows[unit[0]], 3 - first * 2 - second] += 1
    kappa = intervals(counts, {"kappa": kappa_of_counts}, bootstrap)["kappa"] if len(rows) else None
    if kappa is None or math.isnan(kappa.point):
        return NOTHING
    interval = "" if math.isnan(kappa.low) else f" [{kappa.low:.2f}, {kappa.high:.2f}]"
    return f"{kappa.point:.3f}{interval}"

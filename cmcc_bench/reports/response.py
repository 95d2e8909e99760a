"""The paper's tables 2, 3 and 4: response generation, its ablations, and replies side by side.

Every number is computed anew from the prediction files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cmcc_bench import paper
from cmcc_bench.corpus import is_synthetic
from cmcc_bench.masking import mask
from cmcc_bench.reports.systems import ResponseSystem, pick
from cmcc_bench.reports.table import (
    DIFFERENCES,
    NOTHING,
    ReportTable,
    decimals_of,
    difference_cells,
    mark,
    published_cell,
    score_cell,
    verdict,
)
from cmcc_bench.scoring import (
    PairedResult,
    Prediction,
    ResponseComparison,
    ResponseScores,
    Version,
    compare_responses,
    gold_predictions,
    majority_predictions,
    random_predictions,
    score_responses,
)
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS

Row = Mapping[str, Any]

NAMES = {
    ("baseline", "end2end"): "Baseline (End2End)",
    ("variant", "end2end"): "Variant (End2End)",
    ("baseline", "oracle"): "Baseline (Oracle)",
    ("variant", "oracle"): "Variant (Oracle)",
    ("no_emotion", "end2end"): "w/o user emotion",
    ("no_caring", "end2end"): "w/o expanded caring acts",
}
TABLE_3 = (("variant", "end2end"), ("no_emotion", "end2end"), ("no_caring", "end2end"))

_SCORES = ("intent_f1", "success", "act_f1", "bleu")
_COLUMNS = ("user intent F1", "success", "act F1", "BLEU-4")


@dataclass(frozen=True)
class Data:
    """The gold rows of the `response` view to score on, and the training rows that bounds are made of."""

    rows: Sequence[Row]
    train: Sequence[Row]

    @property
    def synthetic(self) -> bool:
        """Whether any dialogue is simulated."""
        return is_synthetic(self.rows)


def response_tables(
    systems: Sequence[ResponseSystem], data: Data, resamples: int = 1000, seed: int = 0, examples: int = 8
) -> list[ReportTable]:
    """Tables 2 and 3 in the strict version and as SereTOD scores, the paired tests, and table 4."""
    tables = []
    for version in ("strict", "seretod"):
        scored = {
            system.key: score_responses(
                system.predictions, data.rows, version, system.fold_caring, resamples, seed, file=system.path
            )
            for system in systems
        }
        bounds = _bounds(data, version, resamples, seed)
        published = [(*key, "") for key in NAMES]
        others = [key for key in scored if key not in published]  # such as an ablation in oracle mode
        tables.append(_score_table("Table 2", [*published[:4], *others], scored, bounds, data))
        tables.append(_score_table("Table 3", [(*key, "") for key in TABLE_3], scored, bounds, data))
    tables.append(paired_table(systems, data, resamples, seed))
    baseline, variant = pick(systems, "baseline", "end2end"), pick(systems, "variant", "end2end")
    if baseline and variant:
        tables.append(example_table(baseline, variant, data, examples))
    return tables


def _bounds(data: Data, version: Version, resamples: int, seed: int) -> dict[str, ResponseScores]:
    """Gold against itself, the most frequent answer and a random one: what the numbers of systems lie between."""
    made: dict[str, list[Prediction]] = {
        "gold": gold_predictions(data.rows),
        "majority": majority_predictions(data.train, data.rows),
        "random": random_predictions(data.train, data.rows, seed),
    }
    return {name: score_responses(made[name], data.rows, version, False, resamples, seed) for name in made}


def _score_table(
    title: str,
    wanted: Sequence[tuple[str, ...]],
    scored: Mapping[tuple[str, ...], ResponseScores],
    bounds: Mapping[str, ResponseScores],
    data: Data,
) -> ReportTable:
    rows = [(system_name(key), *_cells(scored[key], key)) for key in wanted if key in scored]
    rows += [(name, *_cells(scores)) for name, scores in bounds.items()]
    any_scores = next(iter([*scored.values(), *bounds.values()]))
    columns = [cell for column in _COLUMNS for cell in (column, "paper")]
    notes = [
        f"Scores: {any_scores.version}; 95 % intervals, {any_scores.resamples} resamples of {any_scores.dialogues} "
        f"dialogues ({any_scores.exchanges} exchanges). BLEU: {any_scores.signature}",
        "Act F1 of a system without caring acts: against gold with the caring acts folded back; bounds: all 17 acts.",
    ]
    title = f"{title}, {any_scores.version}{mark(data.synthetic)}"
    return ReportTable(title, ("system", *columns), tuple(rows), tuple(notes))


def system_name(key: tuple[str, ...]) -> str:
    """What a table calls a dialogue model; key: ResponseSystem.key."""
    form, mode, suffix = key
    return NAMES.get((form, mode), f"{form} {mode}") + suffix


def _cells(scores: ResponseScores, key: tuple[str, ...] | None = None) -> Iterator[str]:
    """Each score and the paper's; in oracle mode only the response is the system's own."""
    published = paper.RESPONSE_RESULTS.get((key[0], key[1])) if key and not key[2] else None
    for name in _SCORES:
        given = key is not None and key[1] == "oracle" and name != "bleu"
        yield NOTHING if given else score_cell(scores.scores[name], decimals_of(name))
        yield published_cell(getattr(published, name) if published else None)


def paired_table(systems: Sequence[ResponseSystem], data: Data, resamples: int, seed: int) -> ReportTable:
    """The variant less the baseline in both modes, and less each ablation, on the same resampled dialogues."""
    rows: list[tuple[str, ...]] = []
    notes = []
    for other in [("baseline", "end2end"), ("baseline", "oracle"), *TABLE_3[1:]]:
        first, second = pick(systems, "variant", other[1]), pick(systems, *other)
        if first is None or second is None:
            continue
        folds, files = (first.fold_caring, second.fold_caring), (first.path, second.path)
        compared = compare_responses(
            first.predictions, second.predictions, data.rows, "strict", folds, resamples, seed, files=files
        )
        name = f"{NAMES['variant', other[1]]} less {NAMES[other]}"
        rows += [(name, *row) for row in _difference_rows(compared, "bleu" if other[1] == "oracle" else None)]
        notes.append(_sentence(name, compared.differences["bleu"]))
    return ReportTable(
        f"Paired bootstrap, strict{mark(data.synthetic)}", ("systems", *DIFFERENCES), tuple(rows), tuple(notes)
    )


def difference_table(name: str, compared: ResponseComparison, synthetic: bool) -> ReportTable:
    """The paired test of two systems, a row a score."""
    notes = (_sentence(name, compared.differences["bleu"]),)
    title = f"{name}, {compared.version}{mark(synthetic)}"
    return ReportTable(title, DIFFERENCES, tuple(_difference_rows(compared, None)), notes)


def _difference_rows(compared: ResponseComparison, only: str | None) -> Iterator[tuple[str, ...]]:
    for name, column in zip(_SCORES, _COLUMNS, strict=True):
        if only in (None, name):
            yield column, *difference_cells(compared.differences[name])


def _sentence(name: str, found: PairedResult) -> str:
    """What the BLEU row says, in words."""
    return verdict(name, "BLEU-4", found)


def example_table(baseline: ResponseSystem, variant: ResponseSystem, data: Data, count: int) -> ReportTable:
    """Table 4: exchanges in which the two systems differ; those with a negative emotion or a caring act first."""
    theirs, ours = ({(p.dialogue_id, p.exchange): p for p in s.predictions} for s in (baseline, variant))
    differing = []
    for row in data.rows:
        key = row["dialogue_id"], row["exchange"]
        if key in theirs and key in ours and theirs[key].response != ours[key].response:
            differing.append((not _is_caring(row), *key, row))
    rows = []
    for _, dialogue_id, exchange, row in islice(sorted(differing, key=lambda item: item[:3]), count):
        key = dialogue_id, exchange
        texts = (row["user"], row["response"], ours[key].response, theirs[key].response)
        rows.append((f"{dialogue_id} #{exchange}", *map(mask, texts)))
    note = f"{len(differing)} of {len(data.rows)} exchanges differ; those with an emotion or a caring act come first."
    columns = ("exchange", "user", "service, in the data", "variant", "baseline")
    return ReportTable(f"Table 4{mark(data.synthetic)}", columns, tuple(rows), (note,))


def _is_caring(row: Row) -> bool:
    caring = {ACTS[name] for name in CARING_ACTS}
    return bool(caring & set(row["acts"].split(","))) or row["emotions"] not in ("", EMOTIONS["neutral"])

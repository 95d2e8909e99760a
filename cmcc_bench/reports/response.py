"""The paper's tables 2, 3 and 4: response generation, its ablations, and replies side by side.

Every number is computed anew from the prediction files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from cmcc_bench.masking import mask
from cmcc_bench.reports.scores import Data, Entry, paired_table, sizes, systems_table
from cmcc_bench.reports.systems import ResponseSystem, pick
from cmcc_bench.reports.table import ReportTable, mark
from cmcc_bench.scoring import VERSIONS, Bootstrap, response_measure
from cmcc_bench.scoring.score import align_with_gold, comparison_of, scores_of
from cmcc_bench.tasks import RESPONSE, PredictedDialogue, Row
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS

_NAMES = {row.system[:2]: row.name for row in RESPONSE.published}
_TABLE_2 = [(form, mode) for mode in ("end2end", "oracle") for form in ("baseline", "variant")]
_TABLE_3 = [(form, "end2end") for form in ("variant", "no_emotion", "no_caring")]
_COMPARED = [("baseline", "end2end"), ("baseline", "oracle"), *_TABLE_3[1:]]  # which the variant is compared with
_ACTS = "Act F1 of a system without caring acts: against gold with the caring acts folded back; bounds: all 17 acts."


def response_tables(
    systems: Sequence[ResponseSystem], data: Data, bootstrap: Bootstrap = Bootstrap(), examples: int = 8
) -> list[ReportTable]:
    """Tables 2 and 3 in the strict version and as SereTOD scores, the paired tests, and table 4."""
    dialogues = {system.key: align_with_gold(RESPONSE, system.answers, data.rows, system.path) for system in systems}
    bounds_dialogues = {
        name: align_with_gold(RESPONSE, answers, data.rows)
        for name, answers in RESPONSE.bounds(data.train, data.rows, bootstrap.seed).items()
    }
    tables = []
    for version in VERSIONS:
        entries = {}
        for system in systems:
            found = scores_of(RESPONSE, system.measure(version), dialogues[system.key], bootstrap)
            name, published = system_name(system.key), RESPONSE.published_for(system.key)
            entries[system.key] = Entry(name, found, published, system.untold)
        measure = response_measure(version)
        bounds = [
            Entry(name, scores_of(RESPONSE, measure, aligned, bootstrap)) for name, aligned in bounds_dialogues.items()
        ]
        published_keys = [row.system for row in RESPONSE.published]
        others = [key for key in entries if key not in published_keys]  # such as an ablation in oracle mode
        for title, wanted in (
            ("Table 2", [*((*key, "") for key in _TABLE_2), *others]),
            ("Table 3", [(*key, "") for key in _TABLE_3]),
        ):
            shown = [*(entries[key] for key in wanted if key in entries), *bounds]
            notes = (sizes(shown[0].scores), _ACTS)
            tables.append(systems_table(f"{title}, {version}", RESPONSE, shown, data.synthetic, notes))
    tables.append(_variant_less_others(systems, dialogues, data.synthetic, bootstrap))
    baseline, variant = pick(systems, "baseline", "end2end"), pick(systems, "variant", "end2end")
    if baseline and variant:
        tables.append(example_table(baseline, variant, data, examples))
    return tables


def system_name(key: tuple[str, ...]) -> str:
    """What a table calls a dialogue model; key: ResponseSystem.key."""
    form, mode, suffix = key
    return _NAMES.get((form, mode), f"{form} {mode}") + suffix


def _variant_less_others(
    systems: Sequence[ResponseSystem],
    dialogues: Mapping[tuple[str, ...], Sequence[PredictedDialogue[Any]]],
    synthetic: bool,
    bootstrap: Bootstrap,
) -> ReportTable:
    """The variant less the baseline in both modes, and less each ablation, on the same resampled dialogues.

    dialogues: by ResponseSystem.key, what each system predicted beside its gold.
    """
    pairs = []
    for form, mode in _COMPARED:
        first, second = pick(systems, "variant", mode), pick(systems, form, mode)
        if first and second:
            measures = (first.measure(), second.measure())
            compared = comparison_of(RESPONSE, measures, dialogues[first.key], dialogues[second.key], bootstrap)
            pairs.append((f"{_NAMES['variant', mode]} less {_NAMES[form, mode]}", compared, second.untold))
    return paired_table("Paired bootstrap, strict", RESPONSE, pairs, synthetic)


def example_table(baseline: ResponseSystem, variant: ResponseSystem, data: Data, count: int) -> ReportTable:
    """Table 4: exchanges in which the two systems differ; those with a negative emotion or a caring act first."""
    theirs, ours = ({(p.dialogue_id, p.exchange): p for p in s.answers} for s in (baseline, variant))
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

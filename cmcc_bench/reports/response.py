"""The paper's tables 2, 3 and 4: response generation, its ablations, and example replies.

Every score is computed again from the prediction files.
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
_COMPARED = [
    ("baseline", "end2end"),
    ("baseline", "oracle"),
    *_TABLE_3[1:],
]  # systems that the variant is compared with
_ACTS = "Act F1: without caring acts, those of the gold are folded back into the 13 acts of MobileCS; bounds: 17 acts."


def response_tables(
    systems: Sequence[ResponseSystem], data: Data, bootstrap: Bootstrap = Bootstrap(), examples: int = 8
) -> list[ReportTable]:
    """Tables 2 and 3 in the versions strict and seretod, the paired bootstrap tests, and table 4."""
    dialogues = {system.key: align_with_gold(RESPONSE, system.answers, data.rows, system.path) for system in systems}
    bounds_dialogues = {
        name: align_with_gold(RESPONSE, answers, data.rows)
        for name, answers in RESPONSE.bounds(data.train, data.rows, bootstrap.seed).items()
    }
    tables = []
    for version in VERSIONS:
        entries = {}
        for system in systems:
            scores = scores_of(RESPONSE, system.measure(version), dialogues[system.key], bootstrap)
            name, published = system_name(system.key), RESPONSE.published_for(system.key)
            entries[system.key] = Entry(name, scores, published, system.untold)
        measure = response_measure(version)
        bounds = [
            Entry(name, scores_of(RESPONSE, measure, aligned, bootstrap)) for name, aligned in bounds_dialogues.items()
        ]
        published_keys = [row.system for row in RESPONSE.published]
        others = [key for key in entries if key not in published_keys]  # for example an ablation in oracle mode
        for title, keys in (
            ("Table 2", [*((*key, "") for key in _TABLE_2), *others]),
            ("Table 3", [(*key, "") for key in _TABLE_3]),
        ):
            shown = [*(entries[key] for key in keys if key in entries), *bounds]
            notes = (sizes(shown[0].scores), _ACTS)
            tables.append(systems_table(f"{title}, {version}", RESPONSE, shown, data.synthetic, notes))
    tables.append(_paired_tests(systems, dialogues, data.synthetic, bootstrap))
    baseline, variant = pick(systems, "baseline", "end2end"), pick(systems, "variant", "end2end")
    if baseline and variant:
        tables.append(example_table(baseline, variant, data, examples))
    return tables


def system_name(key: tuple[str, ...]) -> str:
    """The name of a dialogue model in tables. key: ResponseSystem.key."""
    form, mode, suffix = key
    return _NAMES.get((form, mode), f"{form} {mode}") + suffix


def _paired_tests(
    systems: Sequence[ResponseSystem],
    dialogues: Mapping[tuple[str, ...], Sequence[PredictedDialogue[Any]]],
    synthetic: bool,
    bootstrap: Bootstrap,
) -> ReportTable:
    """The variant compared with the baseline in both modes and with each ablation, by paired bootstrap tests.

    dialogues: ResponseSystem.key -> the system's predictions beside the gold rows.
    """
    pairs = []
    for form, mode in _COMPARED:
        first, second = pick(systems, "variant", mode), pick(systems, form, mode)
        if first and second:
            measures = (first.measure(), second.measure())
            compared = comparison_of(RESPONSE, measures, dialogues[first.key], dialogues[second.key], bootstrap)
            pairs.append((f"{_NAMES['variant', mode]} minus {_NAMES[form, mode]}", compared, second.untold))
    return paired_table("Paired bootstrap test, strict", RESPONSE, pairs, synthetic)


def example_table(baseline: ResponseSystem, variant: ResponseSystem, data: Data, count: int) -> ReportTable:
    """Table 4: exchanges whose replies differ; those with a negative emotion or a caring act come first."""
    of_baseline, of_variant = ({(p.dialogue_id, p.exchange): p for p in s.answers} for s in (baseline, variant))
    differing = []
    for row in data.rows:
        key = row["dialogue_id"], row["exchange"]
        if key in of_baseline and key in of_variant and of_baseline[key].response != of_variant[key].response:
            differing.append((not _is_caring(row), *key, row))
    rows = []
    for _, dialogue_id, exchange, row in islice(sorted(differing, key=lambda item: item[:3]), count):
        key = dialogue_id, exchange
        texts = (row["user"], row["response"], of_variant[key].response, of_baseline[key].response)
        rows.append((f"{dialogue_id} #{exchange}", *map(mask, texts)))
    note = f"Replies to {len(differing)} of {len(data.rows)} exchanges differ; negative emotions and caring acts first."
    columns = ("exchange", "user", "gold response", "variant", "baseline")
    return ReportTable(f"Table 4{mark(data.synthetic)}", columns, tuple(rows), (note,))


def _is_caring(row: Row) -> bool:
    caring = {ACTS[name] for name in CARING_ACTS}
    return bool(caring & set(row["acts"].split(","))) or row["emotions"] not in ("", EMOTIONS["neutral"])

"""The paper's tables 2, 3 and 4: response generation, its ablations, and example replies.

Every score is computed again from the prediction files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from cmcc_bench.reports.care import care_section, care_tables
from cmcc_bench.reports.examples import find_examples
from cmcc_bench.reports.facts import BOUND
from cmcc_bench.reports.power import power_sentence, power_table, powers_of
from cmcc_bench.reports.scores import Data, Entry, SystemPair, label_of, paired_table, sizes, systems_table
from cmcc_bench.reports.section import Section, TaskReport, finding
from cmcc_bench.reports.systems import NAMES, ResponseSystem, pick
from cmcc_bench.reports.table import ReportTable
from cmcc_bench.scoring import VERSIONS, Bootstrap, response_measure
from cmcc_bench.scoring.score import align_with_gold, comparison_of_scores, scores_of
from cmcc_bench.tasks import RESPONSE, PredictedDialogue
from cmcc_bench.tasks.base import SystemKey

_TABLE_2 = [(form, mode) for mode in ("end2end", "oracle") for form in ("baseline", "variant")]
_TABLE_3 = [(form, "end2end") for form in ("variant", "no_emotion", "no_caring")]
_COMPARED = [
    ("baseline", "end2end"),
    ("baseline", "oracle"),
    *_TABLE_3[1:],
]  # systems that the variant is compared with
_ORDER = [row.system for row in RESPONSE.published]
_ACTS = "Act F1: without caring acts, those of the gold are folded back into the 13 acts of MobileCS; bounds: 17 acts."


# A system -> its predictions beside the gold rows.
Aligned: TypeAlias = Mapping[SystemKey, Sequence[PredictedDialogue[Any]]]


def response_report(
    systems: Sequence[ResponseSystem], data: Data, bootstrap: Bootstrap = Bootstrap(), examples: int | None = None
) -> TaskReport:
    """Tables 2 and 3 in the versions strict and seretod, paired bootstrap tests with their power, care, and table 4.

    examples: number of exchanges in table 4 (reports.examples.find_examples).
    """
    systems = sorted(systems, key=lambda system: _ORDER.index(system.key) if system.key in _ORDER else len(_ORDER))
    dialogues = {system.key: align_with_gold(RESPONSE, system.answers, data.rows, system.path) for system in systems}
    bounds_dialogues = {
        name: align_with_gold(RESPONSE, answers, data.rows)
        for name, answers in RESPONSE.bounds(data.train, data.rows, bootstrap.seed).items()
    }
    tables, entries, bounds = list[ReportTable](), dict[SystemKey, Entry](), list[Entry]()
    for version in reversed(VERSIONS):  # the strict entries, which come last, are those of the sections
        entries = {
            system.key: Entry(
                system.name,
                scores_of(RESPONSE, system.measure(version), dialogues[system.key], bootstrap),
                RESPONSE.published_for(system.key),
                system.missing_scores,
                system.facts.kind,
            )
            for system in systems
        }
        measure = response_measure(version)
        bounds = [
            Entry(name, scores_of(RESPONSE, measure, aligned, bootstrap), kind=BOUND)
            for name, aligned in bounds_dialogues.items()
        ]
        tables = [*_systems_tables(version, entries, bounds, data.synthetic), *tables]
    pairs = _pairs(systems, entries)
    tables.append(paired_table("Paired bootstrap test, strict", RESPONSE, [pair for *_, pair in pairs], data.synthetic))
    powers = [
        (pair, powers_of(RESPONSE, pair, entries[first.key], entries[second.key], bootstrap))
        for first, second, pair in pairs
    ]
    if powers:
        tables.append(power_table(RESPONSE, powers, data.synthetic))
    care = care_section([(s, entries[s.key]) for s in systems], pairs, dialogues, data, bootstrap)
    tables += care_tables(care, data.synthetic)
    table_4 = None
    shown = {form: system for form in ("variant", "baseline") if (system := pick(systems, form, "end2end"))}
    if shown:
        table_4 = find_examples(shown, data.rows, examples)
        tables.append(table_4.table(data.synthetic))
    table_2, table_3 = _sections(entries, bounds, [pair for *_, pair in pairs])
    if powers:
        first, *others = table_2.findings or ("",)
        table_2 = replace(table_2, findings=(first, power_sentence(RESPONSE, *powers[0])), details=tuple(others))
    return TaskReport((table_2, *([table_3] if table_3.pairs else []), care), tuple(tables), examples=table_4)


def _systems_tables(
    version: str, entries: Mapping[SystemKey, Entry], bounds: Sequence[Entry], synthetic: bool
) -> list[ReportTable]:
    """Tables 2 and 3 in a version."""
    tables = []
    for title, shown in zip(("Table 2", "Table 3"), _shown(entries), strict=True):
        rows = [*shown, *bounds]
        notes = (sizes(rows[0].scores), _ACTS)
        tables.append(systems_table(f"{title}, {version}", RESPONSE, rows, synthetic, notes))
    return tables


def _shown(entries: Mapping[SystemKey, Entry]) -> tuple[list[Entry], list[Entry]]:
    """The systems of table 2 and those of table 3; systems that are not in the paper are in table 2."""
    others = [key for key in entries if key not in _ORDER]  # for example an ablation in oracle mode
    keys_2, keys_3 = [*((*key, "") for key in _TABLE_2), *others], [(*key, "") for key in _TABLE_3]
    return [entries[key] for key in keys_2 if key in entries], [entries[key] for key in keys_3 if key in entries]


def _sections(
    entries: Mapping[SystemKey, Entry], bounds: Sequence[Entry], pairs: Sequence[SystemPair]
) -> tuple[Section, Section]:
    """Tables 2 and 3 with the paired tests of their systems."""
    labels = {score: label_of(RESPONSE, score) for score in RESPONSE.shown}
    baselines = {NAMES["baseline", mode] for mode in ("end2end", "oracle")}
    sections = []
    for title, systems in zip(("Table 2", "Table 3"), _shown(entries), strict=True):
        tested = [pair for pair in pairs if (pair.second in baselines) == (title == "Table 2")]
        sentences = tuple(filter(None, (finding(pair, labels) for pair in tested)))
        sections.append(
            Section(
                title,
                labels,
                RESPONSE.shown,
                RESPONSE.compared,
                tuple(systems),
                tuple(bounds),
                tuple(tested),
                sentences,
                notes=(sizes(bounds[0].scores), _ACTS),
            )
        )
    return sections[0], sections[1]


def _pairs(
    systems: Sequence[ResponseSystem], entries: Mapping[SystemKey, Entry]
) -> list[tuple[ResponseSystem, ResponseSystem, SystemPair]]:
    """The variant compared with the baseline in both modes and with each ablation, by paired bootstrap tests."""
    pairs = []
    for form, mode in _COMPARED:
        first, second = pick(systems, "variant", mode), pick(systems, form, mode)
        if first and second:
            scores = entries[first.key].scores, entries[second.key].scores
            compared = comparison_of_scores(first.measure(), *scores)
            pair = SystemPair(NAMES["variant", mode], NAMES[form, mode], compared, second.missing_scores)
            pairs.append((first, second, pair))
    return pairs

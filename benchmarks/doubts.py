"""Planted label errors, found by a model's doubts, by the lexicon's cues, and in random order.

    python benchmarks/doubts.py                                 # a minute

In 5 % of the annotated user utterances of the synthetic sample the emotions are made wrong: one is taken away, added,
or put in the place of another. So is the satisfaction of 5 % of the calls. A label is found if a finding of a method is
about its utterance or call. `precision` is that of the first hundred emotions and the first twenty levels of the list
(the lexicon's has no order: that of the calls), `recall` that of the whole list.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from cmcc_bench.ngrams import NgramSettings
from cmcc_bench.quality.calls import Call, find_source, read_calls
from cmcc_bench.quality.doubts import cross_validated, doubts, labeled_texts
from cmcc_bench.quality.findings import Finding, label_findings
from cmcc_bench.quality.lexicon import load_lexicon
from cmcc_bench.quality.review import propose
from cmcc_bench.vocabulary import EMOTIONS, SATISFACTION

GOAL = 5.0  # times the precision of a random order
SHARE = 0.05
FIRST = {"emotions": 100, "satisfaction": 20}

Place = tuple[str, int | None]


def plant(calls: Sequence[Call], generator: np.random.Generator) -> set[Place]:
    """Makes emotions wrong, in place, and returns where."""
    places = [
        (call, number)
        for call in calls
        for number, utterance in enumerate(call.row["utterances"])
        if utterance.get("emotions")
    ]
    wrong = generator.choice(len(places), round(SHARE * len(places)), replace=False)
    for at in sorted(wrong):
        call, number = places[at]
        utterance = call.row["utterances"][number]
        emotions = set(utterance["emotions"]) - {0}
        other = int(generator.choice([label for label in range(1, len(EMOTIONS)) if label not in emotions]))
        taken = {int(generator.choice(sorted(emotions)))} if emotions and generator.random() < 2 / 3 else set()
        added = {other} if not taken or generator.random() < 0.5 else set()
        utterance["emotions"] = list(propose("emotions", (), (emotions - taken) | added, ()))
    return {(places[at][0].dialogue_id, places[at][1]) for at in wrong}


def plant_levels(calls: Sequence[Call], generator: np.random.Generator) -> set[Place]:
    """Makes the satisfaction of calls wrong, in place, and returns where."""
    rated = [call for call in calls if call.row.get("satisfaction") is not None]
    wrong = generator.choice(len(rated), round(SHARE * len(rated)), replace=False)
    for at in sorted(wrong):
        others = [level for level in range(len(SATISFACTION)) if level != rated[at].row["satisfaction"]]
        rated[at].row["satisfaction"] = int(generator.choice(others))
    return {(rated[at].dialogue_id, None) for at in wrong}


def report(name: str, found: Sequence[Place], planted: set[Place], count: int) -> float:
    """Prints the recall of all and prints and returns the precision of the first `count`. found: best first."""
    places = list(dict.fromkeys(found))
    first = places[:count]
    precision = sum(place in planted for place in first) / max(1, len(first))
    recall = sum(place in planted for place in places) / len(planted)
    print(
        f"  {name:<34} precision of the first {len(first)}: {precision:.2f}   recall of all {len(places)}: {recall:.2f}"
    )
    return precision


def in_order(findings: Sequence[Finding], field: str) -> list[Place]:
    """The utterances or calls of findings about a field."""
    return [(finding.dialogue_id, finding.utterance) for finding in findings if finding.field == field]


def compare(calls: Sequence[Call], field: str, planted: set[Place], seed: int, penalties: Sequence[float]) -> float:
    """Prints what each method finds; returns how often better than a random order the doubts are."""
    data, count = labeled_texts(calls, field), FIRST[field]
    print(f"seed {seed}: {field}, {len(planted)} of {len(data.places)} made wrong")
    for c in penalties:
        began = time.process_time()
        findings = doubts(data, cross_validated(data, settings=NgramSettings(c=c)))
        seconds = time.process_time() - began
        precision = report(f"doubts, c={c:g} ({seconds:.1f} s)", in_order(findings, field), planted, count)
    if field == "emotions":
        lexicon = load_lexicon()
        cued = [finding for call in calls if call.labeled for finding in label_findings(call, lexicon)]
        report("lexicon", in_order(cued, field), planted, count)
    order = np.random.default_rng(seed).permutation(len(data.places))
    report("random order", [data.places[at] for at in order], planted, count)
    return precision * len(data.places) / len(planted)


def main() -> None:
    """Prints precision and recall of each method, for each seed; exits with 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="labeled data (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="number of repetitions (default: %(default)s)")
    parser.add_argument("--c", type=float, nargs="+", default=[NgramSettings().c], help="penalties to compare")
    options = parser.parse_args()
    ratios: dict[str, list[float]] = {"emotions": [], "satisfaction": []}
    for seed in range(options.seeds):
        calls, generator = list(read_calls(find_source(options.data))), np.random.default_rng(seed)
        planted = {"emotions": plant(calls, generator), "satisfaction": plant_levels(calls, generator)}
        for field, places in planted.items():
            ratios[field].append(compare(calls, field, places, seed, options.c))
    for field, values in ratios.items():
        print(f"{field}: doubts / random: {min(values):.1f} to {max(values):.1f} times (goal {GOAL:g})")
    raise SystemExit(min(map(min, ratios.values())) < GOAL)


if __name__ == "__main__":
    main()

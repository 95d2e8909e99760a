"""Planted label errors, found by a model's doubts, by the lexicon's cues, and in random order.

    python benchmarks/doubts.py                                 # a minute

In 5 % of the annotated user utterances of the synthetic sample the emotions are made wrong: one is taken away, added,
or put in the place of another. An utterance is found if a finding of a method is about it. `precision` is that of the
first hundred utterances of the list (the lexicon's has no order: that of the calls), `recall` that of the whole list.
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
from cmcc_bench.vocabulary import EMOTIONS

GOAL = 5.0  # times the precision of a random order
SHARE = 0.05
FIRST = 100

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


def report(name: str, found: Sequence[Place], planted: set[Place]) -> tuple[float, float]:
    """Prints and returns the precision of the first hundred and the recall of all. found: utterances, best first."""
    places = list(dict.fromkeys(found))
    first = places[:FIRST]
    precision = sum(place in planted for place in first) / max(1, len(first))
    recall = sum(place in planted for place in places) / len(planted)
    print(
        f"  {name:<34} precision of the first {len(first)}: {precision:.2f}   recall of all {len(places)}: {recall:.2f}"
    )
    return precision, recall


def in_order(findings: Sequence[Finding]) -> list[Place]:
    """The utterances of findings about emotions."""
    return [(finding.dialogue_id, finding.utterance) for finding in findings if finding.field == "emotions"]


def main() -> None:
    """Prints precision and recall of each method, for each seed; exits with 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="labeled data (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="number of repetitions (default: %(default)s)")
    parser.add_argument("--c", type=float, nargs="+", default=[NgramSettings().c], help="penalties to compare")
    options = parser.parse_args()
    ratios = []
    for seed in range(options.seeds):
        calls, generator = list(read_calls(find_source(options.data))), np.random.default_rng(seed)
        planted = plant(calls, generator)
        print(f"seed {seed}: {len(planted)} utterances made wrong")
        data = labeled_texts(calls, "emotions")
        for c in options.c:
            began = time.process_time()
            findings = doubts(data, cross_validated(data, settings=NgramSettings(c=c)))
            seconds = time.process_time() - began
            precision, _ = report(f"doubts, c={c:g} ({seconds:.1f} s)", in_order(findings), planted)
        lexicon = load_lexicon()
        cued = [finding for call in calls if call.labeled for finding in label_findings(call, lexicon)]
        report("lexicon", in_order(cued), planted)
        shuffled = [data.places[at] for at in generator.permutation(len(data.places))]
        chance = len(planted) / len(shuffled)
        report("random order", shuffled, planted)
        ratios.append(precision / chance)
    print(f"doubts / random: {min(ratios):.1f} to {max(ratios):.1f} times (goal {GOAL:g})")
    raise SystemExit(min(ratios) < GOAL)


if __name__ == "__main__":
    main()

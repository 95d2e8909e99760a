"""Three simulated annotators with planted habits, adjudicated by majority and by Dawid-Skene, against the truth.

    python benchmarks/adjudication.py                           # under a minute

The truth is the emotions of the synthetic sample. There are two trios. In `different habits`, A is careful, B and C
overlook different emotions, and B takes complaints for agitation. In `two hasty`, A is careful, and B and C both
overlook half of all emotions, so that the majority loses a quarter of them. Each seed draws other errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np

from cmcc_bench.quality.aggregation import METHODS, propose_labels
from cmcc_bench.quality.calls import find_source, read_calls
from cmcc_bench.quality.findings import NEUTRAL
from cmcc_bench.quality.review import propose
from cmcc_bench.vocabulary import EMOTIONS

# Trio -> annotator -> the share of an emotion that the annotator overlooks.
_CAREFUL = 0.03
_HASTY = dict.fromkeys(EMOTIONS.names, 0.5)
TRIOS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "different habits": {
        "A": {},
        "B": {"express_concern_or_anxiety": 0.6, "not_satisfied_but_no_longer_pursues": 0.6},
        "C": {"express_concern_or_anxiety": 0.6, "difficulty_performing_an_operation": 0.5},
    },
    "two hasty": {"A": {}, "B": _HASTY, "C": _HASTY},
}
# Trio -> annotator -> the emotion that stands for another one, in a share of its utterances.
CONFUSED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "different habits": {"B": {"complain_about_a_problem": "emotionally_more_agitated"}}
}
CONFUSED_SHARE = 0.4
SLIPS = 0.01  # share of utterances in which any annotator adds a label at random


def annotate(truth: tuple[int, ...], trio: str, name: str, generator: np.random.Generator) -> tuple[int, ...]:
    """What an annotator gives to an utterance."""
    given = set()
    for label in set(truth) - {NEUTRAL}:
        emotion = EMOTIONS.names[label]
        if generator.random() < TRIOS[trio][name].get(emotion, _CAREFUL):
            continue
        other = CONFUSED.get(trio, {}).get(name, {}).get(emotion)
        given.add(EMOTIONS.id_of(other) if other and generator.random() < CONFUSED_SHARE else label)
    if generator.random() < SLIPS:
        given.add(int(generator.integers(1, len(EMOTIONS))))
    return propose("emotions", given, (), ())


def micro_f1(truth: list[tuple[int, ...]], labels: list[tuple[int, ...]]) -> float:
    """Micro F1 of the emotions without neutral."""
    pairs = [(set(gold) - {NEUTRAL}, set(found) - {NEUTRAL}) for gold, found in zip(truth, labels, strict=True)]
    both = sum(len(gold & found) for gold, found in pairs)
    return 2 * both / sum(len(gold) + len(found) for gold, found in pairs)


def main() -> None:
    """Prints the F1 of each annotator and of each method, and the share of disputes that a method decides rightly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="labeled data (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="number of repetitions (default: %(default)s)")
    options = parser.parse_args()
    truth = [
        tuple(utterance["emotions"])
        for call in read_calls(find_source(options.data))
        for utterance in call.row["utterances"]
        if utterance.get("emotions")
    ]
    print(f"{len(truth)} utterances, {options.seeds} seeds; micro F1")
    for trio in TRIOS:
        _compare(trio, truth, options.seeds)


def _compare(trio: str, truth: list[tuple[int, ...]], seeds: int) -> None:
    names = tuple(TRIOS[trio])
    scores: dict[str, list[float]] = {}
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        given = [{name: annotate(labels, trio, name, generator) for name in names} for labels in truth]
        for name in names:
            scores.setdefault(f"annotator {name}", []).append(micro_f1(truth, [one[name] for one in given]))
        disputed = [at for at, one in enumerate(given) if len(set(one.values())) > 1]
        for method in METHODS:
            found = [one.labels for one in propose_labels("emotions", given, names, method)]
            scores.setdefault(method, []).append(micro_f1(truth, found))
            right = sum(set(found[at]) == set(truth[at]) for at in disputed) / len(disputed)
            scores.setdefault(f"{method}, disputes decided rightly", []).append(right)
    print(f"\n{trio}")
    for name, values in scores.items():
        print(f"  {name:<40} {np.mean(values):.3f}  ({min(values):.3f} to {max(values):.3f})")


if __name__ == "__main__":
    main()

"""The statistics as tables, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cmcc_bench import paper
from cmcc_bench.errors import printable
from cmcc_bench.masking import mask
from cmcc_bench.reports.table import NOTHING, ReportTable, mark
from cmcc_bench.statistics.collect import Statistics
from cmcc_bench.statistics.comparison import comparison_table, marginals_of
from cmcc_bench.statistics.counts import KINDS, Counts
from cmcc_bench.statistics.duplicates import PERMUTATIONS, SHINGLE, SHOWN, SIMILAR
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS, SATISFACTION

DEFINITIONS = {
    "utterance": "what one speaker says in one go",
    "raw turn": "a turn of the source file: two utterances, in either order",
    "exchange": "a user utterance and the service utterance that follows it",
    "turn": "in the paper's table 1 the average of 22.31 counts utterances, the total of 100,139 and the longest and"
    " shortest dialogue count raw turns",
    "token": "a character",
}

_MOST = 15  # pairs of labels in a table; the JSON has all


def statistics_tables(statistics: Statistics) -> list[ReportTable]:
    """All tables in reading order; tables of labels only if there are labeled dialogues."""
    synthetic = mark(statistics.synthetic)
    of_labels = _label_tables(statistics) if statistics.labeled.dialogues else []
    tables = [_splits_table(statistics), *of_labels, _repeated_table(statistics), *_leaks_table(statistics)]
    named = [ReportTable(table.title + synthetic, table.columns, table.rows, table.notes) for table in tables]
    return [*named, *([comparison_table(marginals_of(statistics.labeled))] if of_labels else [])]


def _label_tables(statistics: Statistics) -> list[ReportTable]:
    counts = statistics.labeled
    acts = {True: "the 4 caring acts", False: "the 13 acts of MobileCS"}
    return [
        table_1(counts),
        *(_acts_table(statistics, name, caring) for caring, name in sorted(acts.items())),
        _emotions_table(statistics),
        _sizes_table(counts),
        _pairs_table("Emotions of one utterance", "emotions", counts.emotion_pairs),
        _pairs_table("Acts of one utterance", "acts", counts.act_pairs),
        _transitions_table(counts),
        _satisfaction_table(counts),
        _annotated_table(counts),
    ]


def percent(part: float, whole: float, decimals: int = 2) -> str:
    """A share in percent; a dash if `whole` is 0."""
    return f"{100 * part / whole:.{decimals}f} %" if whole else NOTHING


def mean(counted: Mapping[int, int]) -> float:
    """The mean of a histogram; 0 if it is empty."""
    total = sum(counted.values())
    return sum(value * times for value, times in counted.items()) / total if total else 0.0


def _splits_table(statistics: Statistics) -> ReportTable:
    columns = ("split", "dialogues", "synthetic", "utterances", "per dialogue", "raw turns per dialogue")
    rows = tuple(
        (
            split,
            f"{counts.dialogues:,}",
            f"{counts.synthetic:,}",
            f"{counts.utterances.sum():,}",
            f"{mean(counts.utterances_a_dialogue):.2f}",
            f"{mean(counts.turns):.2f}",
        )
        for split, counts in statistics.splits.items()
    )
    return ReportTable(f"{printable(statistics.dataset)}: dialogues by split", columns, rows)


def table_1(counts: Counts) -> ReportTable:
    """The paper's table 1 next to these counts, for both meanings of `turn`."""
    table, here = paper.TABLE_1, counts.utterances.tolist()
    published = [table.service_utterances, table.user_utterances]
    most = _extremes(counts, max, table.most_turns, table.dialogues_with_most_turns)
    fewest = _extremes(counts, min, table.fewest_turns, table.dialogues_with_fewest_turns)
    utterances, turns = mean(counts.utterances_a_dialogue), mean(counts.turns)
    rows = (
        ("dialogues", f"{counts.dialogues:,}", f"{table.dialogues:,}"),
        ("dialogue turns, as raw turns", f"{counts.turns_in_all():,}", f"{table.turns:,}"),
        ("dialogue turns, as utterances", f"{sum(here):,}", f"{sum(published):,} *"),
        ("mean turns a dialogue, as utterances", f"{utterances:.2f}", f"{table.mean_utterances}"),
        ("mean turns a dialogue, as raw turns", f"{turns:.2f}", f"{table.turns / table.dialogues:.2f} *"),
        ("most raw turns of a dialogue", *most),
        ("fewest raw turns of a dialogue", *fewest),
        ("customer-service turns, as utterances", f"{here[0]:,}", f"{published[0]:,}"),
        ("user turns, as utterances", f"{here[1]:,}", f"{published[1]:,}"),
        ("mean customer-service tokens a turn", _mean_characters(counts, 0), f"{table.service_characters}"),
        ("mean user tokens a turn", _mean_characters(counts, 1), f"{table.user_characters}"),
    )
    notes = (*(f"{word}: {meaning}." for word, meaning in DEFINITIONS.items()), "*: computed from published totals.")
    return ReportTable("Table 1, labeled dialogues", ("", "here", "paper"), rows, notes)


def _mean_characters(counts: Counts, speaker: int) -> str:
    utterances = int(counts.utterances[speaker])
    return f"{counts.characters[speaker] / utterances:.2f}" if utterances else NOTHING


def _extremes(counts: Counts, choose: Callable[[Iterable[int]], int], turns: int, dialogues: int) -> tuple[str, str]:
    extreme = choose(counts.turns or (0,))
    return _with_dialogues(extreme, counts.turns[extreme]), _with_dialogues(turns, dialogues)


def _with_dialogues(turns: int, dialogues: int) -> str:
    return f"{turns} ({dialogues:,} dialogue{'' if dialogues == 1 else 's'})"


def _acts_table(statistics: Statistics, name: str, caring: bool) -> ReportTable:
    counted = statistics.labeled.named("acts")
    chosen = [act for act in ACTS if (act in CARING_ACTS) == caring]
    rows = _label_rows(statistics, "acts", chosen, sum(counted.values()), paper.ACT_SHARES)
    notes = ("share: of all act labels. Examples are chosen by a fixed rule; personal numbers are masked.",)
    return ReportTable(f"Tables 6 and 7, {name}", ("act", "", "count", "share", "paper", "example"), rows, notes)


def _emotions_table(statistics: Statistics) -> ReportTable:
    counted = statistics.labeled.named("emotions")
    negative = sum(counted.values()) - counted["neutral"]
    shares = paper.NEGATIVE_EMOTION_SHARES
    rows = _label_rows(statistics, "emotions", list(shares), negative, shares)
    notes = (
        "share: of all labels of a negative emotion, as in the paper.",
        f"neutral: {counted['neutral']:,} labels, {percent(counted['neutral'], sum(counted.values()))} of all.",
    )
    return ReportTable("Table 8, emotions", ("emotion", "", "count", "share", "paper", "example"), rows, notes)


def _label_rows(
    statistics: Statistics, kind: str, names: Sequence[str], total: int, shares: Mapping[str, float]
) -> tuple[tuple[str, ...], ...]:
    counted, examples = statistics.labeled.named(kind), masked_examples(statistics)[kind]
    rows = []
    for name in names:
        decimals = 3 if shares[name] < 0.01 else 2
        share, published = percent(counted[name], total, decimals), f"{shares[name]:.{decimals}f} %"
        example = examples.get(name, NOTHING)
        rows.append((name, KINDS[kind][name], f"{counted[name]:,}", share, published, example))
    return tuple(rows)


def masked_examples(statistics: Statistics) -> dict[str, dict[str, str]]:
    """By kind and English name: an example utterance with the label, masked and safe to print."""
    examples: dict[str, dict[str, str]] = {"emotions": {}, "acts": {}}
    for (kind, index), (_, _, text) in sorted(statistics.examples.items()):
        examples[kind][KINDS[kind].names[index]] = printable(mask(text))
    return examples


def _sizes_table(counts: Counts) -> ReportTable:
    most = max((size for _, size in counts.labels_an_utterance), default=0)
    rows = []
    for kind in KINDS:
        sizes = [counts.labels_an_utterance[kind, size] for size in range(most + 1)]
        average = mean(dict(enumerate(sizes)))
        rows.append((kind, f"{sum(sizes):,}", f"{average:.2f}", *(percent(size, sum(sizes)) for size in sizes)))
    columns = ("", "utterances", "mean", *(f"{size} label{'s' * (size != 1)}" for size in range(most + 1)))
    return ReportTable("Labels per annotated utterance", columns, tuple(rows))


def _pairs_table(title: str, kind: str, pairs: np.ndarray[Any, np.dtype[np.int64]]) -> ReportTable:
    names = KINDS[kind].names
    counted = [(-int(pairs[a, b]), a, b) for a in range(len(names)) for b in range(a + 1, len(names)) if pairs[a, b]]
    rows = tuple(
        (names[a], names[b], f"{-n:,}", percent(-n, pairs[a, a], 1), percent(-n, pairs[b, b], 1))
        for n, a, b in sorted(counted)[:_MOST]
    )
    notes = (f"The {len(rows)} most frequent of {len(counted)} pairs.",)
    columns = ("label", "with", "utterances", "of the first's", "of the second's")
    return ReportTable(f"{title}: which labels go together", columns, rows, notes)


def _transitions_table(counts: Counts) -> ReportTable:
    rows = []
    for index, emotion in enumerate(EMOTIONS):
        row = counts.transitions[index]
        most = np.argsort(-row, kind="stable")[:4]
        cells = [f"{ACTS.names[act]} {percent(row[act], row.sum(), 1)}" for act in most if row[act]]
        rows.append((emotion, f"{row.sum():,}", ", ".join(cells) or NOTHING))
    notes = ("A transition is an emotion of a user utterance and an act of the service utterance that follows it.",)
    return ReportTable("From emotion to act", ("emotion", "transitions", "most frequent acts"), tuple(rows), notes)


def _satisfaction_table(counts: Counts) -> ReportTable:
    rows = [("any dialogue", *_satisfaction_cells(counts.satisfaction.tolist()))]
    for index, emotion in enumerate(EMOTIONS):
        rows.append((emotion, *_satisfaction_cells(counts.satisfaction_by_emotion[index].tolist())))
    columns = ("dialogues with", "annotated", *SATISFACTION)
    return ReportTable("Satisfaction of dialogues in which an emotion occurs", columns, tuple(rows))


def _satisfaction_cells(counts: Sequence[int]) -> tuple[str, ...]:
    return f"{sum(counts):,}", *(percent(part, sum(counts), 1) for part in counts)


def annotated(counts: Counts) -> Iterable[tuple[str, int, int]]:
    """Yields, for each kind of annotation: its name, the annotated number, and the total number."""
    service, user = counts.utterances.tolist()
    for kind, whole in (("emotions", user), ("intents", user), ("acts", service)):
        speaker = "service" if kind == "acts" else "user"
        yield f"{speaker} utterances with {kind}", counts.annotated_utterances(kind), whole
    for kind in ("satisfaction", *KINDS):
        yield f"dialogues with {kind}", counts.annotated_dialogues[kind], counts.dialogues


def _annotated_table(counts: Counts) -> ReportTable:
    rows = tuple((name, f"{part:,}", f"{whole:,}", percent(part, whole)) for name, part, whole in annotated(counts))
    notes = ("An empty list of labels counts as annotated. A dialogue counts if any of its utterances does.",)
    return ReportTable("Annotated", ("", "annotated", "of", "share"), rows, notes)


def _repeated_table(statistics: Statistics) -> ReportTable:
    rows = tuple(
        (r.split, r.other, f"{r.exact:,}", percent(r.exact, r.dialogues), f"{r.near:,}", percent(r.near, r.dialogues))
        for r in statistics.duplicates.repeated
    )
    notes = (
        "Exact: equal letters and digits (NFKC, lower case). Near: not equal, but an estimated similarity of at least"
        f" {SIMILAR} (Jaccard, shingles of {SHINGLE} characters, MinHash of {PERMUTATIONS} permutations).",
    )
    return ReportTable("Repeated dialogues", ("of", "in", "exact", "share", "near", "share"), rows, notes)


def _leaks_table(statistics: Statistics) -> list[ReportTable]:
    pairs = statistics.duplicates.pairs
    if not pairs:
        return []
    rows = tuple(
        (printable(p.dialogue), p.split, printable(p.other), p.other_split, f"{p.similarity:.2f}") for p in pairs
    )
    columns = ("dialogue", "split", "dialogue", "split", "similarity")
    notes = (f"The {SHOWN} most similar pairs at most; of equal dialogues, the first in each split.",)
    return [ReportTable("Dialogues shared by two splits", columns, rows, notes)]

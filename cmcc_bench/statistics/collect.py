"""Collects statistics in one pass over a data set: counts and fingerprints labeled and unlabeled dialogues by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from cmcc_bench.corpus import SplitTables, has_config, open_tables, short_name
from cmcc_bench.statistics.columns import columns_of
from cmcc_bench.statistics.counts import Counts, count
from cmcc_bench.statistics.duplicates import Duplicates, Fingerprints
from cmcc_bench.statistics.examples import LabelExamples, better, examples_of
from cmcc_bench.terminal import ShowProgress
from cmcc_bench.types import Progress

UNLABELED = "unlabeled"


@dataclass(frozen=True)
class Statistics:
    """The statistics of a data set. `unlabeled` is one of the splits; the property `labeled` sums the others."""

    dataset: str
    splits: dict[str, Counts]
    examples: LabelExamples
    duplicates: Duplicates

    @property
    def labeled(self) -> Counts:
        """Counts over train, validation and test."""
        return sum((counts for split, counts in self.splits.items() if split != UNLABELED), Counts())

    @property
    def synthetic(self) -> bool:
        """Whether any dialogue is simulated."""
        return any(counts.synthetic for counts in self.splits.values())


def splits_of(name: str) -> dict[str, SplitTables]:
    """The splits of `labeled`, and the unlabeled dialogues, if any, as one more split.

    Raises cmcc.DataError if there is no such data set.
    """
    unlabeled = {UNLABELED: open_tables(name, UNLABELED)["train"]} if has_config(name, UNLABELED) else {}
    return _labeled_splits(name, may_lack=bool(unlabeled)) | unlabeled


def _labeled_splits(name: str, may_lack: bool) -> dict[str, SplitTables]:
    if may_lack and not has_config(name, "labeled"):
        return {}
    return open_tables(name)


def collect(name: str, progress: ShowProgress | None = None) -> Statistics:
    """The statistics of a data set (a built folder, a Hub id, or `sample`).

    progress: is called with the amount done and in total: first of dialogues counted, then of comparisons of dialogues.
    Raises cmcc.DataError if there is no such data set.
    """
    splits = splits_of(name)
    total, done = _total(splits), 0
    counts: dict[str, Counts] = {split: Counts() for split in splits}
    examples: LabelExamples = {}
    with Fingerprints() as prints:
        for split, table in _tables(splits):
            columns = columns_of(table)
            counts[split] += count(columns)
            examples = better(examples, examples_of(columns))
            prints.add(split, columns)
            done += len(table)
            if progress:
                progress(done, total, "counting dialogues")
        compared = partial(progress, note="comparing dialogues") if progress else None
        duplicates = prints.duplicates(compared)
    return Statistics(short_name(name), counts, examples, duplicates)


def count_labels(name: str, progress: Progress | None = None) -> Counts:
    """The counts of the labeled dialogues only, without duplicates. Raises cmcc.DataError as `collect` does."""
    splits = _labeled_splits(name, may_lack=has_config(name, UNLABELED))
    total, counts = _total(splits), Counts()
    for _, table in _tables(splits):
        counts += count(columns_of(table))
        if progress:
            progress(counts.dialogues, total)
    return counts


def _total(splits: dict[str, SplitTables]) -> int:
    return sum(tables.num_rows for tables in splits.values())


def _tables(splits: dict[str, SplitTables]) -> Iterator[tuple[str, pa.Table]]:
    return ((split, table) for split, tables in splits.items() for table in tables)

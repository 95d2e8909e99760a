"""Counts of a built folder for its card, read from the label columns of the finished Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cmcc_bench.dataset.parquet import Sizes, parquet_name
from cmcc_bench.vocabulary import SPEAKERS, VOCABULARIES, Vocabulary

_UTTERANCE = "utterances.list.element"
_COLUMNS = {
    "emotions": f"{_UTTERANCE}.emotions",
    "acts": f"{_UTTERANCE}.acts",
    "intents": f"{_UTTERANCE}.intents.list.element.intent",
}


@dataclass(frozen=True)
class SplitCounts:
    """Counts of one split of `labeled`.

    turns: raw turns of all dialogues; most and fewest of them in one. utterances: by speaker.
    labels: by field and name.
    """

    dialogues: int
    turns: int
    most_turns: int
    fewest_turns: int
    utterances: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]

    @property
    def mean_turns(self) -> float:
        """Mean number of raw turns a dialogue."""
        return self.turns / self.dialogues


def count_labels(folder: Path, sizes: Sizes) -> dict[str, SplitCounts]:
    """The counts of each split of `labeled`; none without labelled dialogues."""
    return {split: _count_split(folder / parquet_name("labeled", split)) for split in sizes.get("labeled", {})}


def _count_split(path: Path) -> SplitCounts:
    columns = [f"{_UTTERANCE}.speaker", f"{_UTTERANCE}.turn", "satisfaction", *_COLUMNS.values()]
    with pq.ParquetFile(path) as file:  # it alone reads single fields of what is in a list
        table = file.read(columns=columns)
    utterances = table["utterances"].combine_chunks()
    said = utterances.flatten()
    turns = _turns(utterances)
    found = {field: said.field(field).flatten() for field in ("emotions", "acts")}
    found["intents"] = said.field("intents").flatten().field("intent")
    found["satisfaction"] = table["satisfaction"].combine_chunks()
    return SplitCounts(
        table.num_rows,
        pc.sum(turns).as_py() or 0,
        pc.max(turns).as_py() or 0,
        pc.min(turns).as_py() or 0,
        _by_name(said.field("speaker"), SPEAKERS),
        {field: _by_name(found[field], vocabulary) for field, vocabulary in VOCABULARIES.items()},
    )


def _turns(utterances: pa.ListArray) -> pa.Array:
    """Raw turns of each dialogue: one more than the index of the last one."""
    lengths = pc.list_value_length(utterances)
    spoken = utterances.filter(pc.greater(lengths, 0))
    last = pc.subtract(pc.list_value_length(spoken).cast("int64"), 1)
    starts = spoken.offsets[:-1].cast("int64")
    turns = spoken.values.field("turn").take(pc.add(starts, last))
    return pc.add(turns, 1)


def _by_name(indices: pa.Array, vocabulary: Vocabulary) -> dict[str, int]:
    counted = {entry["values"]: entry["counts"] for entry in pc.value_counts(indices).to_pylist()}
    return {name: counted.get(index, 0) for index, name in enumerate(vocabulary)}

"""A block of dialogues as flat arrays with one element per utterance or label, for counting without Python loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cmcc_bench.vocabulary import ACTS, EMOTIONS, INTENTS


@dataclass(frozen=True)
class LabelColumn:
    """The labels of one kind for U utterances, with K classes.

    annotated: [U] bool, whether the list is not null. sizes: [U] number of labels of each utterance, 0 for null.
    owners, values: [L] the index of the utterance and the class index of each label.
    """

    annotated: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    owners: NDArray[np.int64]
    values: NDArray[np.int64]
    classes: int

    def present(self) -> NDArray[np.float64]:
        """[U, K], 1.0 if the utterance has the label, else 0.0. Matrix products of such arrays are counts."""
        table = np.zeros((len(self.sizes), self.classes))
        table[self.owners, self.values] = 1
        return table


@dataclass(frozen=True)
class Columns:
    """D dialogues with U utterances in total.

    satisfaction: [D] class index, -1 if not annotated. sizes: [D] number of utterances. owners: [U] index of the
    dialogue of each utterance. speakers, turns, lengths: [U], lengths in code points.
    """

    dialogue_ids: pa.Array
    satisfaction: NDArray[np.int64]
    sizes: NDArray[np.int64]
    owners: NDArray[np.int64]
    speakers: NDArray[np.int64]
    turns: NDArray[np.int64]
    lengths: NDArray[np.int64]
    texts: pa.Array
    emotions: LabelColumn
    acts: LabelColumn
    intents: LabelColumn

    def followed(self) -> NDArray[np.bool_]:
        """[U - 1], whether an utterance and the next one belong to the same dialogue."""
        return np.asarray(self.owners[:-1] == self.owners[1:])


def columns_of(table: pa.Table) -> Columns:
    """The arrays of a table with the schema of `labeled` or `unlabeled`; labels of the latter are null."""
    lists = table.column("utterances").combine_chunks()
    sizes = _integers(pc.list_value_length(lists), 0)
    utterances = lists.flatten()
    names = {field.name for field in utterances.type}
    missing = pa.nulls(len(utterances), pa.list_(pa.int64()))
    fields = {name: utterances.field(name) if name in names else missing for name in ("emotions", "acts", "intents")}
    texts = utterances.field("text").fill_null("")
    not_annotated = pa.nulls(len(table), pa.int64())
    satisfaction = table.column("satisfaction") if "satisfaction" in table.column_names else not_annotated
    return Columns(
        table.column("dialogue_id").combine_chunks(),
        _integers(satisfaction, -1),
        sizes,
        np.repeat(np.arange(len(sizes)), sizes),
        _integers(utterances.field("speaker"), -1),
        _integers(utterances.field("turn"), 0),
        _integers(pc.utf8_length(texts), 0),
        texts,
        _labels(fields["emotions"], len(EMOTIONS)),
        _labels(fields["acts"], len(ACTS)),
        _labels(fields["intents"], len(INTENTS)),
    )


def _labels(lists: pa.Array, classes: int) -> LabelColumn:
    sizes = _integers(pc.list_value_length(lists), 0)
    values = lists.flatten()
    if pa.types.is_struct(values.type):
        values = values.field("intent")
    annotated = np.asarray(lists.is_valid().to_numpy(zero_copy_only=False))
    return LabelColumn(annotated, sizes, np.repeat(np.arange(len(sizes)), sizes), _integers(values, 0), classes)


def _integers(array: pa.Array | pa.ChunkedArray, null: int) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(array.cast(pa.int64()), null).to_numpy(), dtype=np.int64)

"""The views of flat.py for a whole block: tables of `emotion` and `satisfaction` from a table of `labeled`.

A build makes these tables without rows, in a tenth of the time. The simple version is `emotion_rows` and
`satisfaction_rows`, to which the tests compare.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cmcc_bench.views.flat import BEGINNINGS


def emotion_table(labeled: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows of `emotion_rows` for all rows of `labeled`, in order. schema: that of the config."""
    lists, lines = _lists_and_lines(labeled)
    utterances = lists.values
    rows = pc.indices_nonzero(utterances.field("emotions").is_valid()).to_numpy()
    dialogues = np.repeat(np.arange(len(lists)), lists.value_lengths())[rows]
    positions = rows - lists.offsets.to_numpy()[dialogues]
    ended = pc.binary_join_element_wise(lines, "\n", "")
    second, first = (_earlier(*source, rows, positions) for source in ((ended, 2), (lines, 1)))
    columns = [
        labeled["dialogue_id"].combine_chunks().take(pa.array(dialogues)),
        pa.array(positions, pa.int32()),
        pc.binary_join_element_wise(second, first, ""),
        utterances.field("text").take(pa.array(rows)),
        utterances.field("emotions").take(pa.array(rows)),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def satisfaction_table(labeled: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows of `satisfaction_rows` for all rows of `labeled`, in order. schema: that of the config."""
    lists, lines = _lists_and_lines(labeled)
    texts = pc.binary_join(pa.ListArray.from_arrays(lists.offsets, lines), "\n")
    table = pa.Table.from_arrays([labeled["dialogue_id"], texts, labeled["satisfaction"]], schema=schema)
    return table.filter(labeled["satisfaction"].is_valid())


def _earlier(lines: pa.StringArray, distance: int, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> pa.Array:
    """The line `distance` before each of `rows`; "" where the dialogue has none. positions: in the dialogue."""
    return lines.take(pa.array(rows - distance, mask=positions < distance)).fill_null("")


def _lists_and_lines(labeled: pa.Table) -> tuple[pa.ListArray, pa.StringArray]:
    """The utterances of the dialogues, and the lines of `transcript_lines` of all dialogues."""
    lists = labeled["utterances"].combine_chunks()
    beginnings = pa.array(BEGINNINGS).take(lists.values.field("speaker"))
    texts = pc.replace_substring(lists.values.field("text"), "\n", " ")
    return lists, pc.binary_join_element_wise(beginnings, texts, "")


TABLE_VIEWS = {"emotion": emotion_table, "satisfaction": satisfaction_table}  # by config

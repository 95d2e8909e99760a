"""The rows that a model is asked about, dialogue by dialogue: of a split, by dialogue id, or of a Track 2 file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import datasets

from cmcc_bench import corpus
from cmcc_bench.decoding.source import check_not_track2, open_track2
from cmcc_bench.endpoint.answers import answer_line_of
from cmcc_bench.endpoint.items import ModelAnswer
from cmcc_bench.errors import DataError
from cmcc_bench.tasks import Prediction, Row, Task
from cmcc_bench.views.kb import kb_to_json
from cmcc_bench.vocabulary import SYNTHETIC_ID


class SplitRows:
    """A task's rows of a split. sizes: rows of each dialogue, by id in order; fingerprint: as other runs record it.

    order: the ids in the order of the data set, in which dialogues are scored.

    Raises cmcc.DataError if there is no such data set or split, or it has no rows for the task.
    """

    def __init__(self, task: Task, dataset: str, split: str) -> None:
        check_not_track2(dataset)
        self._task = task
        self._data: datasets.Dataset = corpus.open_split(dataset, task.config, split)
        self._ranges: dict[str, range] = {}  # dialogue -> rows of the config
        sizes: dict[str, int] = {}
        self.hidden: Row | None = None  # a row whose labels are hidden, if there is one
        self.fingerprint = corpus.fingerprint_of(self._counted(sizes))
        self.order, self.sizes = tuple(sizes), dict(sorted(sizes.items()))
        self.version = str(self._data.info.version) if self._data.info.version else None
        if not sizes:
            problem = f"no rows that are annotated for the task {task.name}"
            raise DataError(problem, "", "Choose another split with --split.", dataset=dataset, split=split)

    def _counted(self, sizes: dict[str, int]) -> Iterator[Row]:
        for position, row in enumerate(self._data):
            dialogue_id = row["dialogue_id"]
            self._ranges[dialogue_id] = range(self._ranges.get(dialogue_id, range(position, 0)).start, position + 1)
            for item in self._task.rows_of(row):
                sizes[dialogue_id] = sizes.get(dialogue_id, 0) + 1
                if self.hidden is None and self._task.is_hidden(item):
                    self.hidden = item
                yield item

    def of(self, dialogue_id: str) -> list[Row]:
        """The rows of a dialogue, in the order of exchanges or utterances."""
        rows = [item for position in self._ranges[dialogue_id] for item in self._task.rows_of(self._data[position])]
        key = self._task.key
        return rows if key is None else sorted(rows, key=lambda row: row[key])

    def lines(self, answers: Sequence[ModelAnswer]) -> bytes:
        """What the file has of a dialogue: a line for each answer."""
        return b"".join(answer_line_of(one.answer, one.problems) for one in answers)

    def end(self) -> bytes:
        """What the file has after the last dialogue: nothing."""
        return b""

    @property
    def is_synthetic(self) -> bool:
        """Whether a simulator made any of the dialogues."""
        return any(dialogue_id.startswith(SYNTHETIC_ID) for dialogue_id in self.sizes)

    @property
    def is_licensed(self) -> bool:
        """Whether any of the dialogues is a real call."""
        return not all(dialogue_id.startswith(SYNTHETIC_ID) for dialogue_id in self.sizes)


class Track2Rows:
    """The exchanges of a SereTOD Track 2 test file, with what SplitRows has. Its result file is written at the end.

    Raises cmcc.DataError if it is another file.
    """

    version, hidden = None, None

    def __init__(self, path: str) -> None:
        self._source = open_track2(path)
        self._predictions: list[Prediction] = []
        self._rows = {
            dialogue.dialogue_id: [
                {"dialogue_id": dialogue.dialogue_id, "exchange": number, "kb": kb_to_json(dialogue.kb), **row}
                for number, row in enumerate(dialogue.rows)
            ]
            for dialogue in self._source.dialogues()
        }
        self.fingerprint, self.sizes = self._source.fingerprint, self._source.sizes
        self.is_synthetic = self._source.is_synthetic
        self.is_licensed = not all(name.startswith(SYNTHETIC_ID) for name in self.sizes)

    def of(self, dialogue_id: str) -> list[Row]:
        """The rows of a dialogue, in the order of exchanges."""
        return self._rows[dialogue_id]

    def lines(self, answers: Sequence[ModelAnswer]) -> bytes:
        """Nothing yet: the result file has all dialogues in one list."""
        self._predictions += [Prediction(**one.answer) for one in answers]
        return b""

    def end(self) -> bytes:
        """The result file."""
        return self._source.result(self._predictions)


AskedRows: TypeAlias = SplitRows | Track2Rows

"""The declaration of a task, so that scoring, reports, cards, the Hub and the leaderboard contain no task names.

A task is one file in this folder, which creates a `Task`, and one line of the registry in `cmcc_bench.tasks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from cmcc_bench.corpus import open_dataset
from cmcc_bench.errors import DataError
from cmcc_bench.types import Row as Row  # exported again

Place: TypeAlias = dict[str, str | int | None]  # the place that an error names
Array: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Array], Array]  # (..., k) summed counts -> (...) scores; nan where it is undefined
SystemKey: TypeAlias = tuple[str, ...]  # identifies a system's row in a table (reports.systems)

_BUILD = "Run cmcc build with training files. cmcc score does not need them."
_HIDDEN_HINT = "Only the leaderboard has these labels. Check a file with cmcc validate and send it with cmcc submit."


class Answer(Protocol):
    """A prediction of a system for one item of a dialogue, for any task."""

    @property
    def dialogue_id(self) -> str:
        """The id of its dialogue."""


Predicted = TypeVar("Predicted", bound=Answer)


@dataclass(frozen=True)
class PredictedDialogue(Generic[Predicted]):
    """The gold rows of a dialogue, in the order of their exchanges or utterances, and the prediction for each row."""

    dialogue_id: str
    rows: tuple[Row, ...]
    predictions: tuple[Predicted, ...]


@dataclass(frozen=True)
class Measure:
    """How answers are scored: each dialogue gives counts, the counts are summed, and scores are computed from the sums.

    count: returns the k counts of a dialogue. statistics: name of a score -> its function of summed counts, (..., k) to
    (...). labels: label -> the function of summed counts that returns its true positives, false positives and false
    negatives, (k,) to (3,). columns: the names of the k counts, if results show them. version, fold_caring, signature:
    the settings that results record; version and signature are "" if the task has only one measure.
    """

    count: Callable[[PredictedDialogue[Any]], Sequence[int]]
    statistics: Mapping[str, Statistic]
    labels: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    version: str = ""
    fold_caring: bool = False
    signature: Callable[[], str] = str


@dataclass(frozen=True)
class Published:
    """A system's row in a table of the paper.

    system: the key of our system in the same table row. name: its name in our tables. table: number of the table in the
    paper. scores: name of a score -> published value. board: the same for the leaderboard, whose scores may have other
    names; None if the leaderboard does not show this row.
    """

    system: SystemKey
    name: str
    table: int
    scores: Mapping[str, float]
    board: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Written:
    """The answers to this task that dialogue models write in addition to their responses.

    read: (predictions, rows of `labeled`) -> answers. by: whether the table of the task includes the dialogue model
    with this key. prefix: prefix of the model's name in that table. on_card: the scores that the model card of a
    dialogue model shows; empty for none. note: the text below them.
    """

    read: Callable[[Iterable[Any], Iterable[Row]], list[Any]]
    by: Callable[[SystemKey], bool]
    prefix: str = ""
    on_card: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Card:
    """Settings of model cards: a tag, the Hub's pipeline tag, the library that loads the model, and the template."""

    tag: str
    pipeline: str
    library: str = "transformers"
    template: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """The declaration of a task.

    Data:
    name: the name in files and commands. title: title of the leaderboard's table. table: title of the report's table.
    config: the config of the data set. rows_of: makes the task's rows from a row of this config. key: the column that
    identifies a row within its dialogue, `exchange` or `utterance`; None if each row is a dialogue. text: the column
    with the user's text. labels: column that is hidden in a public test split -> the value that replaces it.

    Answers:
    parse: (decoded JSON line, place for errors) -> answer. unknown: the labels of an answer that are in no vocabulary,
    as (field, name), if `parse` accepts them. missing_scores: the scores that cannot be computed for such answers.
    copy: (row, source) -> an answer for `row` with the labels of `source`. majority_row: training rows -> a row with
    the most frequent answer. simple_baseline: name and function (train, rows) -> answers of a baseline that trains in
    seconds. written: the answers of dialogue models to this task.

    Scores:
    measure: how answers are scored. main: the main score. board: how the leaderboard scores, if it differs. headline:
    the scores that the leaderboard ranks by, in this order. shown: the scores in the report's table. compared: the
    scores of a paired test; empty for the main one in reports and all in `cmcc score`. gained: the scores in the table
    of unlabeled dialogues; empty for no such table. names: score -> its name in reports, if it is not made from the
    key. notes: notes below tables.

    Models and publishing:
    model: the name of the task's models in tables. recognizer: MODULE:FUNCTION that opens them, (folder, batch size) ->
    recognition.Recognizer; it is imported on first use, because it needs torch. published: the rows of the paper. hub:
    id in the Hub's eval.yaml -> score. hub_names: that id -> its name in tables. card: settings of model cards.
    """

    name: str
    title: str
    table: str
    config: str
    key: str | None
    text: str = "text"
    rows_of: Callable[[Row], Iterable[Row]] = lambda row: (row,)
    labels: Mapping[str, str | None]
    parse: Callable[[object, Place], Any]
    unknown: Callable[[Any], Sequence[tuple[str, str]]] = lambda _: ()
    missing_scores: Callable[[Sequence[Any]], Sequence[str]] = lambda _: ()
    copy: Callable[[Row, Row], Any]
    majority_row: Callable[[Sequence[Row]], Row]
    simple_baseline: tuple[str, Callable[[Sequence[Row], Sequence[Row]], list[Any]]] | None = None
    written: Written | None = None
    measure: Measure
    main: str
    board: Measure | None = None
    headline: tuple[str, ...]
    shown: tuple[str, ...]
    compared: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model: str = ""
    recognizer: str = ""
    published: tuple[Published, ...] = ()
    hub: Mapping[str, str] = field(default_factory=dict)
    hub_names: Mapping[str, str] = field(default_factory=dict)
    card: Card

    @property
    def items(self) -> str:
        """The name of the task's items, in the plural."""
        return f"{self.key or 'dialogue'}s"

    @property
    def board_measure(self) -> Measure:
        """The measure of the leaderboard, with the headline scores only."""
        measure = self.board or self.measure
        return Measure(measure.count, {name: measure.statistics[name] for name in self.headline})

    def published_for(self, system: SystemKey) -> Mapping[str, float]:
        """The paper's scores of a system; empty if it has none."""
        return next((row.scores for row in self.published if row.system == system), {})

    def rows(self, dataset: str, splits: Sequence[str]) -> dict[str, list[Row]]:
        """The task's rows by split; empty for a missing split.

        Raises cmcc.DataError if the data set does not exist.
        """
        data = open_dataset(dataset, self.config)
        return {split: [item for row in data.get(split, ()) for item in self.rows_of(row)] for split in splits}

    def split_rows(self, dataset: str, split: str) -> list[Row]:
        """The rows in one split. Raises cmcc.DataError if there are none, or no such data set."""
        rows = self.rows(dataset, [split])[split]
        if not rows:
            problem = f"no rows that are annotated for the task {self.name}"
            raise DataError(problem, "", "Choose another split with --split.", dataset=dataset, split=split)
        return rows

    def is_hidden(self, row: Row) -> bool:
        """Whether the labels of a row are hidden."""
        return all(name in row and row[name] == value for name, value in self.labels.items())

    def check_labels(self, rows: Iterable[Row], **place: str | int | None) -> None:
        """Raises cmcc.DataError if the labels of any row are hidden."""
        if any(map(self.is_hidden, rows)):
            raise DataError("the labels are hidden, so nothing can be scored", "", _HIDDEN_HINT, **place)

    def gold(self, rows: Iterable[Row]) -> list[Any]:
        """The gold labels as answers: the upper bound of the scores."""
        return [self.copy(row, row) for row in rows]

    def majority(self, train: Iterable[Row], rows: Iterable[Row]) -> list[Any]:
        """The most frequent answer of the training rows, for every row. Raises cmcc.DataError without training rows."""
        source = self.majority_row(self._checked(train))
        return [self.copy(row, source) for row in rows]

    def random(self, train: Iterable[Row], rows: Iterable[Row], seed: int) -> list[Any]:
        """The answer of a random training row (with replacement), for every row; errors as in `majority`."""
        pool, rows = self._checked(train), list(rows)
        indices = np.random.default_rng(seed).integers(len(pool), size=len(rows))
        return [self.copy(row, pool[index]) for row, index in zip(rows, indices, strict=True)]

    def bounds(self, train: Sequence[Row], rows: Sequence[Row], seed: int) -> dict[str, list[Any]]:
        """Name -> answers: gold, the simple baseline, majority, random. Raises cmcc.DataError without training rows."""
        self._checked(train)
        return {
            "gold": self.gold(rows),
            **({self.simple_baseline[0]: self.simple_baseline[1](train, rows)} if self.simple_baseline else {}),
            "majority": self.majority(train, rows),
            "random": self.random(train, rows, seed),
        }

    def _checked(self, train: Iterable[Row]) -> list[Row]:
        """The training rows as a list. Raises cmcc.DataError if there are none."""
        if not (rows := list(train)):
            raise DataError(f"no training rows for the task {self.name}", "", _BUILD, split="train")
        return rows


def answer_line(answer: Any) -> bytes:  # noqa: ANN401  # a dataclass
    """An answer as a line of JSON."""
    return orjson.dumps(asdict(answer), option=orjson.OPT_APPEND_NEWLINE)


def most_frequent(fields: Sequence[str]) -> Callable[[Sequence[Row]], Row]:
    """A function that finds the row with the most frequent values of the fields; ties go to the first in JSON order."""

    def majority_row(rows: Sequence[Row]) -> Row:
        """The first row with the most frequent combination of values."""
        first_rows: dict[bytes, Row] = {}
        counts: Counter[bytes] = Counter()
        for row in rows:
            key = orjson.dumps([row[name] for name in fields])
            first_rows.setdefault(key, row)
            counts[key] += 1
        return first_rows[min(counts, key=lambda key: (-counts[key], key))]

    return majority_row

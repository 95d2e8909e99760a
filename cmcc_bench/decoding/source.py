"""The input of a prediction run, a split of a data set or a SereTOD Track 2 test file, and its result file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cmcc_bench import corpus
from cmcc_bench.decoding.dialogues import DialogueInput, response_dialogues, track2_dialogue
from cmcc_bench.errors import DataError
from cmcc_bench.scoring.track2 import is_track2, read_track2_file
from cmcc_bench.tasks import Prediction
from cmcc_bench.types import Row
from cmcc_bench.vocabulary import SYNTHETIC_ID

FORMATS = ("jsonl", "seretod")


@dataclass(frozen=True)
class DialogueSource:
    """Dialogues to decode, with the facts that a run's record stores.

    dialogues: returns a new iterator over the dialogues at each call. sizes: number of exchanges of each dialogue, in
    the same order. fingerprint: a digest of all rows in order. result: converts sorted predictions to the bytes of the
    result file. rows: the rows of the split; empty for a Track 2 file.
    """

    dataset: str
    split: str | None
    version: str | None
    fingerprint: str
    sizes: Mapping[str, int]
    dialogues: Callable[[], Iterator[DialogueInput]]
    result: Callable[[Sequence[Prediction]], bytes]
    rows: Iterable[Row] = ()

    @property
    def is_synthetic(self) -> bool:
        """Whether any of the dialogues are simulated."""
        return any(dialogue_id.startswith(SYNTHETIC_ID) for dialogue_id in self.sizes)


def open_split(name: str, split: str) -> DialogueSource:
    """Opens a split of the config `response`.

    name: a built folder, a Hub id or `sample`. Raises cmcc.DataError if there is no such data set or split.
    """
    check_not_track2(name)
    rows = corpus.open_split(name, "response", split)
    sizes: dict[str, int] = {}
    for dialogue_id in rows["dialogue_id"]:
        sizes[dialogue_id] = sizes.get(dialogue_id, 0) + 1
    version = str(rows.info.version) if rows.info.version else None
    return DialogueSource(
        name, split, version, corpus.fingerprint_of(rows), sizes, lambda: response_dialogues(rows), _json_lines, rows
    )


def check_not_track2(name: str) -> None:
    """Raises cmcc.DataError if the name of a data set is the path of a Track 2 file."""
    if not _is_built(name) and is_track2(name):
        hint = "Add --format seretod; the result file then has the same form."
        raise DataError("a SereTOD Track 2 file", "a built folder, a Hub id or `sample`", hint, dataset=name)


def open_track2(path: str) -> DialogueSource:
    """Opens a SereTOD Track 2 test file. Raises cmcc.DataError if it is another file or has a dialogue twice."""
    if not Path(path).exists() or _is_built(path):
        problem = (
            "not the raw test file of SereTOD Track 2 (dialogues of id, KB and content) that --format seretod needs"
        )
        hint = "Run cmcc predict MODEL TEST_FILE --format seretod --out RESULT.json, or leave --format out."
        raise DataError(problem, "", hint, dataset=path)
    file = read_track2_file(path)
    sizes = {dialogue.dialogue_id: len(dialogue.exchanges) for dialogue in file.dialogues}
    return DialogueSource(
        path,
        None,
        None,
        corpus.fingerprint_of(file.raw),
        sizes,
        lambda: map(track2_dialogue, file.dialogues),
        lambda predictions: _track2_result(list(sizes), file.raw, predictions),
    )


def _is_built(name: str) -> bool:
    """Whether a path is a built folder."""
    return (Path(name) / "README.md").exists()


def _json_lines(predictions: Sequence[Prediction]) -> bytes:
    return b"".join(orjson.dumps(prediction, option=orjson.OPT_APPEND_NEWLINE) for prediction in predictions)


def _track2_result(ids: Sequence[str], raw: Sequence[Mapping[str, Any]], predictions: Sequence[Prediction]) -> bytes:
    """The unchanged test file with the generated texts added."""
    by_exchange = {(prediction.dialogue_id, prediction.exchange): prediction for prediction in predictions}
    filled = [
        {**value, "content": [_filled(turn, by_exchange[name, number]) for number, turn in enumerate(value["content"])]}
        for name, value in zip(ids, raw, strict=True)
    ]
    return orjson.dumps(filled, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _filled(turn: Mapping[str, Any], prediction: Prediction) -> dict[str, Any]:
    written = {
        "用户意图-生成": prediction.user_intent,
        "客服意图-生成": prediction.acts,
        "客服-生成": prediction.response,
    }
    return {**turn, **written}

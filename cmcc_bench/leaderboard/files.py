"""Writes and reads the files of a leaderboard's repository.

results/TASK.parquet            a row for each system: scores, intervals, ranks, description
counts/TASK.parquet             a row for each system and dialogue: the counts that scores and tests are computed from
comparisons/TASK.parquet        instead of counts if the labels are hidden: a row for each paired test of two systems
history/TASK.parquet            a row for each submission that a later one of the same author and system replaced
texts/TASK.parquet              the user's text of each item; for synthetic data only
submissions/NUMBER-NAME/        submission.json, predictions.jsonl: the parsed content, written again
rejected/NUMBER.json            a pull request that was not accepted, and the reason
leaderboard.json                data set, split and sizes
README.md                       the card, with the tables
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import snapshot_download

from cmcc_bench.corpus import check_name, is_folder
from cmcc_bench.errors import DataError, printable
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.leaderboard.board import Board, BoardEntry, Rejected, TrackBoard
from cmcc_bench.leaderboard.check import read_answer
from cmcc_bench.leaderboard.submission import PREDICTIONS_NAME
from cmcc_bench.reports.facts import check_facts
from cmcc_bench.scoring import Interval, PairedResult
from cmcc_bench.scoring.lines import filled_lines, open_lines
from cmcc_bench.tasks import TASKS, Answer, Task

FACTS_NAME = "leaderboard.json"
SUBMISSIONS, REJECTED = "submissions", "rejected"

Tests: TypeAlias = Mapping[tuple[str, str], Mapping[str, PairedResult]]
_TEST_COLUMNS = dict.fromkeys(("a", "b", "score"), pa.string()) | dict.fromkeys(
    ("difference", "low", "high", "p_value"), pa.float64()
)

_TEXT_COLUMNS = ("key", "system", "kind", "author", "date", "paper", "training_data")
_LIST_COLUMNS = ("flags", "notes")  # each written as one text
_FACTS: Mapping[str, Any] = {  # columns of SystemFacts, null where not known; `kind` is that of the row
    "system_kind": pa.string(),
    "base_model": pa.string(),
    "parameters": pa.int64(),
    "tokens_in": pa.int64(),
    "tokens_out": pa.int64(),
    "cost": pa.float64(),
    "data_cutoff": pa.string(),
}


@dataclass(frozen=True)
class Facts:
    """The content of leaderboard.json. dialogues, items: the numbers of them, by task."""

    dataset: str
    split: str
    synthetic: bool
    dialogues: Mapping[str, int]
    items: Mapping[str, int]


def results_path(task: str) -> str:
    """The path of a track's table."""
    return f"results/{task}.parquet"


def counts_path(task: str) -> str:
    """The path of a track's counts."""
    return f"counts/{task}.parquet"


def comparisons_path(task: str) -> str:
    """The path of a track's paired tests."""
    return f"comparisons/{task}.parquet"


def history_path(task: str) -> str:
    """The path of a track's replaced submissions."""
    return f"history/{task}.parquet"


def texts_path(task: str) -> str:
    """The path of a track's texts."""
    return f"texts/{task}.parquet"


def rejected_path(number: int) -> str:
    """The path of the record of a rejected pull request."""
    return f"{REJECTED}/{number:05d}.json"


def board_files(board: Board) -> dict[str, bytes]:
    """The files of a board, by path; the same board gives the same bytes."""
    tracks = board.tracks.items()
    facts = Facts(
        board.dataset,
        board.split,
        board.synthetic,
        {task: track.dialogues for task, track in tracks},
        {task: track.items for task, track in tracks},
    )
    files = {FACTS_NAME: _json(asdict(facts))}
    for task, track in tracks:
        files[results_path(task)] = _parquet(_table_of_entries(track, track.entries))
        if track.history:
            files[history_path(task)] = _parquet(_table_of_entries(track, track.history))
        if track.tests is None:
            files[counts_path(task)] = _parquet(_table_of_counts(track))
        else:
            files[comparisons_path(task)] = _parquet(_table_of_tests(track.tests))
    for rejected in board.rejected:
        files[rejected_path(rejected.number)] = _json(asdict(rejected))
    return files


def texts_file(texts: Mapping[str, str]) -> bytes:
    """Texts by their key as a Parquet file."""
    return _parquet(pa.table({"key": sorted(texts), "text": [texts[key] for key in sorted(texts)]}))


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _table_of_entries(track: TrackBoard, entries: Sequence[BoardEntry]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [getattr(entry, name) for entry in entries] for name in _TEXT_COLUMNS}
    columns |= {name: ["; ".join(getattr(entry, name)) for entry in entries] for name in _LIST_COLUMNS}
    columns["submission"] = [entry.submission for entry in entries]
    schema = [(name, pa.string()) for name in (*_TEXT_COLUMNS, *_LIST_COLUMNS)] + [("submission", pa.int32())]
    facts = [asdict(entry.facts) if entry.facts else {} for entry in entries]
    for column, kind in _FACTS.items():
        known = (one.get(column.removeprefix("system_")) for one in facts)
        columns[column] = [None if value == "" else value for value in known]
        schema.append((column, kind))
    for name in track.track.headline:
        intervals = [entry.scores.get(name) for entry in entries]
        for suffix, field in (("", "point"), ("_low", "low"), ("_high", "high")):
            values = [getattr(interval, field) if interval else math.nan for interval in intervals]
            columns[f"{name}{suffix}"] = [None if math.isnan(value) else value for value in values]
            schema.append((f"{name}{suffix}", pa.float64()))
        columns[f"{name}_rank"] = [(entry.ranks or {}).get(name) for entry in entries]
        schema.append((f"{name}_rank", pa.int32()))
    return pa.table(columns, schema=pa.schema(schema))


def _table_of_counts(track: TrackBoard) -> pa.Table:
    keys = sorted(track.counts)
    return pa.table(
        {
            "key": [key for key in keys for _ in track.dialogue_ids],
            "dialogue_id": [name for _ in keys for name in track.dialogue_ids],
            "counts": pa.array([row for key in keys for row in track.counts[key].tolist()], pa.list_(pa.int64())),
        }
    )


def _table_of_tests(tests: Tests) -> pa.Table:
    rows = [(a, b, score, *astuple(test)) for (a, b), scores in tests.items() for score, test in scores.items()]
    columns = list(zip(*rows, strict=True)) or [()] * len(_TEST_COLUMNS)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, _TEST_COLUMNS.values(), strict=True)]
    return pa.table(arrays, [*_TEST_COLUMNS])


def load_board(source: str | Path) -> Board:
    """Reads the board in a folder of these files, or in a repository on the Hub.

    Raises cmcc.DataError if there is none, or it cannot be read.
    """
    folder = board_folder(source)
    path = folder / FACTS_NAME
    if not path.exists():
        hint = "Check the name, or score the leaderboard first: cmcc leaderboard update."
        raise DataError(f"{FACTS_NAME} is missing", "", hint, leaderboard=str(source))
    try:
        facts = Facts(**orjson.loads(path.read_bytes()))
        tracks = {task: _read_track(folder, task, facts) for task in TASKS if task in facts.items}
        rejected = read_rejected(folder)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        reason = printable(f"{type(error).__name__}: {error}".split("\n")[0])
        problem, hint = f"the files cannot be read ({reason})", "Write them again: cmcc leaderboard update."
        raise DataError(problem, "", hint, leaderboard=str(source)) from error
    return Board(facts.dataset, facts.split, facts.synthetic, tracks, rejected)


def read_rejected(folder: Path) -> tuple[Rejected, ...]:
    """The rejected pull requests, by number. Raises OSError, TypeError, ValueError for files of another format."""
    return tuple(map(read_rejected_file, sorted((folder / REJECTED).glob("*.json"))))


def read_rejected_file(path: Path) -> Rejected:
    """The record of a rejected pull request. Raises OSError, TypeError, ValueError for a file of another format."""
    rejected = Rejected(**orjson.loads(path.read_bytes()))
    if type(rejected.number) is not int or not all(isinstance(value, str) for value in astuple(rejected)[1:]):
        raise ValueError(f"{path.name}: the fields are not an integer and three strings")
    return rejected


def board_folder(source: str | Path) -> Path:
    """The folder itself, or the download of a repository on the Hub. Raises cmcc.DataError if there is neither."""
    if is_folder(source):
        return Path(source)
    expected = "a folder with the files of a leaderboard, or a Hub id such as ORGANIZATION/NAME"
    check_name(source, expected, "Check the name.", leaderboard=str(source))
    with hub_errors(leaderboard=str(source)):
        return Path(snapshot_download(str(source), repo_type="dataset"))


def _read_track(folder: Path, task: str, facts: Facts) -> TrackBoard:
    track = TASKS[task]
    entries, items, dialogues = (
        _read_entries(folder / results_path(task), track),
        facts.items[task],
        facts.dialogues[task],
    )
    past = folder / history_path(task)
    history = _read_entries(past, track) if past.exists() else ()
    if (folder / comparisons_path(task)).exists():
        return TrackBoard(
            track, entries, {}, (), items, dialogues, _read_tests(folder / comparisons_path(task)), history
        )
    table = pq.read_table(folder / counts_path(task))
    counts: dict[str, list[list[int]]] = {}
    ids: dict[str, list[str]] = {}
    for row in table.to_pylist():
        counts.setdefault(row["key"], []).append(row["counts"])
        ids.setdefault(row["key"], []).append(row["dialogue_id"])
    first = next(iter(ids.values()), [])
    arrays = {key: np.array(rows, dtype=np.int64) for key, rows in counts.items()}
    return TrackBoard(track, entries, arrays, tuple(first), items, dialogues, history=history)


def _read_entries(path: Path, track: Task) -> tuple[BoardEntry, ...]:
    return tuple(_entry(row, track) for row in pq.read_table(path).to_pylist())


def _read_tests(path: Path) -> Tests:
    tests: dict[tuple[str, str], dict[str, PairedResult]] = {}
    for row in pq.read_table(path).to_pylist():
        test = PairedResult(row["difference"], row["low"], row["high"], row["p_value"])
        tests.setdefault((row["a"], row["b"]), {})[row["score"]] = test
    return tests


def _entry(row: Mapping[str, Any], track: Task) -> BoardEntry:
    scores = {
        name: Interval(row[name], _float(row[f"{name}_low"]), _float(row[f"{name}_high"]))
        for name in track.headline
        if row[name] is not None
    }
    ranks = {name: row[f"{name}_rank"] for name in track.headline if row[f"{name}_rank"] is not None}
    texts: dict[str, Any] = {name: row[name] for name in _TEXT_COLUMNS}
    # A board of an earlier version has neither notes, numbers of submissions nor facts.
    texts |= {name: tuple(filter(None, (row.get(name) or "").split("; "))) for name in _LIST_COLUMNS}
    facts = check_facts({name.removeprefix("system_"): row.get(name) for name in _FACTS})
    own_facts = facts if row["kind"] == "submission" else None
    submission = row.get("submission") or 1
    return BoardEntry(**texts, submission=submission, scores=scores, ranks=ranks or None, facts=own_facts)


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def read_texts(folder: Path, task: str) -> dict[str, str]:
    """The user's text of each item of a track, by board.text_key; empty if the texts are not published."""
    path = folder / texts_path(task)
    if not path.exists():
        return {}
    return {row["key"]: row["text"] for row in pq.read_table(path).to_pylist()}


def read_predictions_of(folder: Path, track: Task, key: str) -> list[Answer]:
    """The answers of an accepted submission. Raises cmcc.DataError or OSError if they cannot be read."""
    path = folder / SUBMISSIONS / key / PREDICTIONS_NAME
    name = f"{key}/{path.name}"
    with open_lines(path, name) as stream:
        return [read_answer(line, track, {"file": name, "line": n}) for n, line in filled_lines(stream, name)]

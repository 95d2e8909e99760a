"""A board as tables for the terminal, and as the card of its repository, which loads as a data set."""

from __future__ import annotations

from typing import Any

from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from cmcc_bench.build.card import LICENSED, SYNTHETIC_TAG
from cmcc_bench.corpus import is_licensed
from cmcc_bench.leaderboard.board import Board, Entry, TrackBoard
from cmcc_bench.leaderboard.files import counts_path, results_path
from cmcc_bench.leaderboard.tracks import RESAMPLES, SEED
from cmcc_bench.leaderboard.view import RANK_RULE, rank_texts, shown_score
from cmcc_bench.reports.table import NOTHING, ReportTable, mark, score_name
from cmcc_bench.scoring import bleu

_ABOUT = """\
# Leaderboard of CMCC: results

What was submitted to the leaderboard, and every score, recomputed from the stored predictions (`cmcc leaderboard
update`). A config a track; `counts/` has what scores and paired tests are made of, `rejected/` what was not accepted.
"""


def board_tables(board: Board) -> list[ReportTable]:
    """A table a track, the best main score first."""
    return [_table(track, board.synthetic) for track in board.tracks.values()]


def _table(track: TrackBoard, synthetic: bool) -> ReportTable:
    names = track.track.headline
    ranks = rank_texts(track.entries, names[0])
    rows = [_cells(entry, ranks.get(entry.key, NOTHING), names) for entry in track.sorted_by(names[0])]
    items = f", {track.items} {track.track.items}" if track.track.key else ""
    notes = [
        f"{len(track.dialogue_ids)} dialogues{items}; {RESAMPLES} resamples, seed {SEED}.",
        RANK_RULE,
        "Rows as published are of the licensed corpus, and have no intervals.",
    ]
    if "bleu" in names:
        notes.append(f"BLEU: {bleu.signature()}. Acts without caring: with the caring acts of both sides folded back.")
    title = f"{track.track.title}{mark(synthetic)}"
    return ReportTable(
        title, ("rank", "system", *map(score_name, names), "training data", "by"), tuple(rows), tuple(notes)
    )


def _cells(entry: Entry, rank: str, names: tuple[str, ...]) -> tuple[str, ...]:
    flags = f" ({'; '.join(entry.flags)})" if entry.flags else ""
    scores = [shown_score(entry, name) for name in names]
    by = ", ".join(filter(None, (entry.author, entry.date)))
    return rank, entry.system + flags, *scores, entry.training_data or NOTHING, by or NOTHING


def board_card(board: Board) -> bytes:
    """README.md of the board's repository; what authors wrote is text in it, never Markdown or HTML."""
    data = DatasetCardData(
        language="zh",
        tags=["cmcc", "leaderboard", *([SYNTHETIC_TAG] if board.synthetic else [])],
        pretty_name="CMCC leaderboard: results",
        **_licence(board),
    )
    configs = {task: {"data_files": [{"split": board.split, "path": results_path(task)}]} for task in board.tracks} | {
        f"{task}-counts": {"data_files": [{"split": board.split, "path": counts_path(task)}]} for task in board.tracks
    }
    if configs:
        MetadataConfigs(configs).to_dataset_card_data(data)
    parts = [f"---\n{data.to_yaml()}\n---", _ABOUT, f"Scored on the split {board.split} of `{board.dataset}`."]
    parts += [table.markdown() for table in board_tables(board)]
    return "\n\n".join(parts).encode()


def _licence(board: Board) -> dict[str, Any]:
    """That of the dialogues, as predictions quote what was said in them; results are not gated for it."""
    ids = ({"dialogue_id": name} for track in board.tracks.values() for name in track.dialogue_ids)
    if is_licensed(ids):
        return {key: LICENSED[key] for key in ("license", "license_name", "license_link")}
    return {"license": "apache-2.0"}

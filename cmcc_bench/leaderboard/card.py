"""A board as tables for the terminal, and as the card of its repository, which can be loaded as a data set."""

from __future__ import annotations

from typing import Any

from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from cmcc_bench.dataset.card import LICENSED, SYNTHETIC_TAG
from cmcc_bench.leaderboard.board import BOOTSTRAP, Board, BoardEntry, TrackBoard
from cmcc_bench.leaderboard.files import comparisons_path, counts_path, results_path
from cmcc_bench.leaderboard.view import CUTOFF_NOTE, RANK_RULE, kind_lines, nth_submission, rank_texts, shown_score
from cmcc_bench.reports.table import NOTHING, ReportTable, mark, score_name
from cmcc_bench.tasks import bleu

_ABOUT = """\
# Leaderboard of CMCC: results

All submissions to the leaderboard and their scores, recomputed from the stored predictions by `cmcc leaderboard
update`. There is a config for each track. `rejected/` contains submissions that were not accepted, with the reasons. A
new submission of a system by the same author replaces the earlier one in the table; the earlier one stays in
`submissions/` and, with its scores, in `history/`.
"""

_COUNTS = "`counts/` contains the counts that scores and paired tests are computed from, by system and dialogue."
_HIDDEN = (
    "The labels are hidden, and counts by dialogue would reveal them: `comparisons/` contains the paired tests of all "
    "pairs of systems instead."
)


def board_tables(board: Board) -> list[ReportTable]:
    """One table for each track, the best main score first."""
    return [_table(track, board.synthetic) for track in board.tracks.values()]


def _table(track: TrackBoard, synthetic: bool) -> ReportTable:
    names = track.track.headline
    ranks = rank_texts(track.entries, names[0])
    rows = [_cells(entry, ranks.get(entry.key, NOTHING), names) for entry in track.sorted_by(names[0])]
    notes = [
        f"{track.size}; {BOOTSTRAP.resamples} resamples, seed {BOOTSTRAP.seed}.",
        RANK_RULE,
        "Published rows are results on the licensed corpus; they have no intervals.",
        CUTOFF_NOTE,
    ]
    if "bleu" in names:
        notes.append(
            f"BLEU: {bleu.signature()}. Acts without caring: caring acts of gold and predictions are replaced by the "
            "13 acts without caring."
        )
    title = f"{track.track.title}{mark(synthetic)}"
    return ReportTable(
        title, ("rank", "system", "kind", *map(score_name, names), "training data", "by"), tuple(rows), tuple(notes)
    )


def _cells(entry: BoardEntry, rank: str, names: tuple[str, ...]) -> tuple[str, ...]:
    flags = f" ({'; '.join((*entry.flags, *entry.notes))})" if entry.flags or entry.notes else ""
    scores = [shown_score(entry, name) for name in names]
    by = ", ".join(filter(None, (entry.author, nth_submission(entry), entry.date)))
    return (
        rank,
        entry.system + flags,
        "; ".join(kind_lines(entry)),
        *scores,
        entry.training_data or NOTHING,
        by or NOTHING,
    )


def board_card(board: Board, licensed: bool) -> bytes:
    """README.md of the board's repository. Texts of authors are escaped: no Markdown or HTML.

    licensed: whether any of the dialogues is a real call.
    """
    # The license of the dialogues, because predictions quote the calls. The repository is not gated.
    license_fields: dict[str, Any] = {"license": "apache-2.0"}
    if licensed:
        license_fields = {key: LICENSED[key] for key in ("license", "license_name", "license_link")}
    data = DatasetCardData(
        language="zh",
        tags=["cmcc", "leaderboard", *([SYNTHETIC_TAG] if board.synthetic else [])],
        pretty_name="CMCC leaderboard: results",
        **license_fields,
    )
    paths = {task: results_path(task) for task in board.tracks}
    for task, track in board.tracks.items():
        if track.tests is None:
            paths[f"{task}-counts"] = counts_path(task)
        else:
            paths[f"{task}-comparisons"] = comparisons_path(task)
    configs = {name: {"data_files": [{"split": board.split, "path": path}]} for name, path in paths.items()}
    if configs:
        MetadataConfigs(configs).to_dataset_card_data(data)
    parts = [f"---\n{data.to_yaml()}\n---", _ABOUT, f"Scored on the split {board.split} of `{board.dataset}`."]
    parts.append(_HIDDEN if any(track.tests is not None for track in board.tracks.values()) else _COUNTS)
    parts += [table.markdown() for table in board_tables(board)]
    return "\n\n".join(parts).encode()

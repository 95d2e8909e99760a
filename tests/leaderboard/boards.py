"""Boards of the synthetic sample for tests: systems of known quality, some with hostile names.

python -m tests.leaderboard.boards FOLDER      # writes one, for `cmcc leaderboard show FOLDER --web`
"""

import random
import sys
from functools import cache
from pathlib import Path

from cmcc_bench.leaderboard.board import Board, BoardEntry, Rejected, TrackBoard, text_key, with_ranks
from cmcc_bench.leaderboard.files import board_files, texts_file
from cmcc_bench.leaderboard.standings import published_entries
from cmcc_bench.leaderboard.submission import PREDICTIONS_NAME, slug
from cmcc_bench.reports.facts import SystemFacts
from cmcc_bench.scoring import score
from cmcc_bench.tasks import RESPONSE, TASKS, EmotionAnswer, answer_line
from tests.scoring.rows import gold_predictions

NAN = float("nan")
SCRIPT = "<script>window.ran = 1</script>"
IMAGE = '<img src=x onerror="window.ran = 2">'
QUOTES = "\"'><svg onload=window.ran=3> ${window.ran=4} {{ran}}"

# name, number of correct exchanges out of 10, training data, author, paper
SYSTEMS = (
    ("Markovian GPT-2, variant", 7, "CMCC train", "mei", "https://example.org/variant"),
    ("Markovian GPT-2, baseline", 7, "CMCC train", "mei", None),
    (SCRIPT, 5, f"{IMAGE} and {QUOTES}", IMAGE, "javascript:window.ran=5"),
    (IMAGE, 4, "CMCC train", "mallory", "https://example.org/\"onmouseover='window.ran=6'"),
    (QUOTES, 4, "CMCC train", "mallory", "http://example.org/plain"),
    ("\u202egnp.exe\u202c turned", 3, "\x07\x1b[31mCMCC train", "mallory", None),
    ("نظام الحوار العربي", 6, "CMCC train and other calls", "layla", "https://example.org/ar"),
    ("关怀式客服对话模型（多任务学习、情感识别与共情回复联合训练）", 8, "CMCC 训练集与九万条无标注通话", "李雷", "https://example.org/zh"),
    ("An-unbroken-name-that-goes-" + "on-and-" * 7 + "on", 6, "CMCC train " * 40, "x" * 39, None),
    ("Retrieval of the nearest call", 2, "CMCC train", "tom", None),
    ("Echo", 1, "none", "tom", None),
    ("Too good", 10, "CMCC, all splits", "eve", None),
)  # fmt: skip

FACTS = {
    "Markovian GPT-2, variant": SystemFacts("trained", "", 102_068_736),
    "Echo": SystemFacts("zero-shot", "", 8_200_000_000, 12_345_678, 345_678, 1.2345, "2025-03"),
    IMAGE: SystemFacts("adapter", IMAGE),
    "Retrieval of the nearest call": SystemFacts("few-shot", data_cutoff="2021-09"),
}


@cache
def rows_of(task):
    return TASKS[task].split_rows("sample", "test")


@cache
def answers_of(quality, seed):
    """Gold answers for `quality` of 10 exchanges, and random ones of the test split for the others."""
    rows = rows_of("response")
    draw = random.Random(seed)
    mixed = zip(gold_predictions(rows), RESPONSE.random(rows, rows, seed), strict=True)
    return [gold if draw.random() * 10 < quality else other for gold, other in mixed]


@cache
def response_board(systems=SYSTEMS):
    """The track and the answers of its submissions, by key."""
    track, rows = TASKS["response"], rows_of("response")
    entries, counts, answers = [], {}, {}
    for number, (name, quality, training_data, author, paper) in enumerate(systems, 1):
        key = f"{number:05d}-{slug(name)}"
        answers[key] = answers_of(quality, number)
        scored = score(track, answers[key], rows, measure=track.board_measure)
        counts[key] = scored.counts
        flags = ("exactly perfect: bleu",) if quality == 10 else ()
        date, facts = f"2026-0{1 + number % 9}-1{number % 9}", FACTS.get(name, SystemFacts())
        entries.append(
            BoardEntry(key, name, "submission", scored.scores, author, date, paper, training_data, flags, facts=facts)
        )
    entries = with_ranks(entries, track.headline)
    for name, bound in (("gold", gold_predictions(rows)), ("random", RESPONSE.random(rows, rows, 99))):
        scored = score(track, bound, rows, measure=track.board_measure)
        counts[name] = scored.counts
        entries.append(BoardEntry(name, name, "bound", scored.scores))
    entries += published_entries(track)
    ids = scored.dialogue_ids
    return TrackBoard(track, tuple(entries), counts, ids, scored.items, len(ids)), answers


def emotion_board():
    track, rows = TASKS["emotion"], rows_of("emotion")
    gold = [EmotionAnswer(row["dialogue_id"], row["utterance"], tuple(row["emotions"])) for row in rows]
    plain = [EmotionAnswer(one.dialogue_id, one.utterance, ("neutral",)) for one in gold]
    careful = [a if n % 5 else b for n, (a, b) in enumerate(zip(gold, plain, strict=True))]
    found = {"00021-careful": careful, "00022-plain": plain}
    scored = {key: score(track, answers, rows, measure=track.board_measure) for key, answers in found.items()}
    entries = [BoardEntry(key, key[6:], "submission", one.scores, "mei", "2026-05-05") for key, one in scored.items()]
    ids, items = scored["00022-plain"].dialogue_ids, scored["00022-plain"].items
    ranked = tuple(with_ranks(entries, track.headline))
    counts = {key: one.counts for key, one in scored.items()}
    return TrackBoard(track, ranked, counts, ids, items, len(ids)), found


def small_board(systems=SYSTEMS, synthetic=True):
    """The board and, by task, the answers of its submissions."""
    response, answers = response_board(systems)
    emotion, emotions = emotion_board()
    rejected = (
        Rejected(31, "mallory", SCRIPT, f"line 3: found {IMAGE}, expected a JSON object"),
        Rejected(32, "tom", "Second try", "line 1, dialogue_id: found another split's id"),
    )
    board = Board("cmcc-org/cmcc", "test", synthetic, {"response": response, "emotion": emotion}, rejected)
    return board, {"response": answers, "emotion": emotions}


def write_board(folder, systems=SYSTEMS):
    """Writes the files of a leaderboard's repository into a folder."""
    board, answers = small_board(systems)
    texts = {text_key(row["dialogue_id"], row["exchange"]): row["user"] for row in rows_of("response")}
    files = dict(board_files(board)) | {"texts/response.parquet": texts_file(texts)}
    for found in answers.values():
        for key, lines in found.items():
            files[f"submissions/{key}/{PREDICTIONS_NAME}"] = b"".join(map(answer_line, lines))
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


if __name__ == "__main__":
    write_board(Path(sys.argv[1]))

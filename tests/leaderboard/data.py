"""A small synthetic data set, predictions for it, and boards, for the tests of the leaderboard."""

from __future__ import annotations

from pathlib import Path

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.tasks import TASKS, answer_line
from tests import raw

DIALOGUES = 12  # in the split test


def write_data(folder: Path, prefix: str = cmcc.SYNTHETIC_ID, **options: bool) -> Path:
    """A built folder with dialogues in train and test."""
    source = folder.with_name(f"{folder.name}-raw")
    raw.write(source, "train.json", [raw.dialogue(f"{prefix}train-{n}") for n in range(3)])
    raw.write(source, "test.json", [raw.dialogue(f"{prefix}test-{n:02d}") for n in range(DIALOGUES)])
    build(source, folder, **options)
    return folder


def gold_lines(folder: Path, task: str = "response") -> list[bytes]:
    """The gold answers of the test split as lines of a file."""
    track = TASKS[task]
    rows = track.split_rows(str(folder), "test")
    return [answer_line(answer) for answer in track.gold(rows)]


_SPOILED = {"是十块钱": "是多少钱", "求助-查询": "问候", "通知": "其他", "中性": "抱怨某问题", "安抚": "抱歉"}


def honest(data: Path, count: int = 2) -> list[bytes]:
    """Response predictions with an error in each segment of `count` lines, so that no score is perfect."""
    lines = gold_lines(data)
    for old, new in _SPOILED.items():
        lines = spoiled(lines, count, old, new)
    return lines


def spoiled(lines: list[bytes], count: int, old: str, new: str) -> list[bytes]:
    """The lines with `old` replaced by `new` in the first `count` lines that contain it."""
    made, left = [], count
    for line in lines:
        text = line.decode()
        if left and old in text:
            left -= 1
            text = text.replace(old, new)
        made.append(text.encode())
    return made


def write_lines(path: Path, lines: list[bytes]) -> Path:
    """Writes lines into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))
    return path

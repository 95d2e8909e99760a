"""Writes simulated calls as raw files in the CMCC format: a JSON list with one dialogue per line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson

from cmcc_bench.files import open_replacement
from cmcc_bench.simulate.dialogue import simulate_dialogue

LABELED_PER_FILE = 1_000
UNLABELED_PER_FILE = 10_000
_REPORT_EVERY = 50


def write_corpus(
    out: Path, dialogues: int, unlabeled: int, seed: int, progress: Callable[[int], None] | None = None
) -> list[Path]:
    """Simulates a corpus into the folder `out`: synthetic-labeled-00.json ..., synthetic-unlabeled-00.json ...

    dialogues, unlabeled: numbers of labeled and unlabeled dialogues, 0 or more, not both 0.
    seed: an integer of 0 or more; the same seed gives the same bytes.
    progress: called with the number of dialogues finished since the last call.
    Returns the files in order. Each file appears only when it is complete.
    Raises ValueError for numbers out of range and FileExistsError when `out` has other simulated files, which would
    be read as part of this corpus.
    """
    for name, value in (("dialogues", dialogues), ("unlabeled", unlabeled), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} is {value}: it must be 0 or more")
    if not dialogues + unlabeled:
        raise ValueError("dialogues and unlabeled are both 0: there is nothing to simulate")
    parts = _parts(dialogues, LABELED_PER_FILE, True) + _parts(unlabeled, UNLABELED_PER_FILE, False)
    out.mkdir(parents=True, exist_ok=True)
    others = sorted(path.name for path in out.glob("synthetic-*.json") if path.name not in {name for name, *_ in parts})
    if others:
        raise FileExistsError(f"{out} has {others[0]} of another simulation. Remove it or choose another --out")
    return [_write_file(out / name, indices, labeled, seed, progress) for name, indices, labeled in parts]


def _parts(count: int, size: int, labeled: bool) -> list[tuple[str, range, bool]]:
    """Returns the name of each file, the indices of its dialogues, and `labeled`; the names sort in this order."""
    starts = range(0, count, size)
    width = max(2, len(str(len(starts) - 1)))
    kind = "labeled" if labeled else "unlabeled"
    return [
        (f"synthetic-{kind}-{number:0{width}d}.json", range(start, min(start + size, count)), labeled)
        for number, start in enumerate(starts)
    ]


def _write_file(path: Path, indices: range, labeled: bool, seed: int, progress: Callable[[int], None] | None) -> Path:
    with open_replacement(path) as file:
        for number, index in enumerate(indices, 1):
            file.write(b"[\n" if number == 1 else b",\n")
            file.write(orjson.dumps(simulate_dialogue(seed, index, labeled)))
            if progress and (number % _REPORT_EVERY == 0 or number == len(indices)):
                progress(number % _REPORT_EVERY or _REPORT_EVERY)
        file.write(b"\n]\n")
    return path

"""The plan of a blind double annotation: which calls are whose; some calls have several annotators.

{"seed": 0, "overlap": 0.1, "together": 2, "annotators": {"A": ["call-1", ...], "B": [...]}}
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json
from cmcc_bench.reader.json_stream import read_json
from cmcc_bench.types import Json

_HINT = "Write a plan: cmcc annotate DATA --write-plan plan.json --annotators A B."


def make_plan(ids: Iterable[str], annotators: Sequence[str], overlap: float, together: int, seed: int) -> Json:
    """The plan for calls. Everybody gets the same number of calls, or one more.

    overlap: share of the calls that `together` annotators get; all groups of annotators have equally many. The calls
    of an annotator are in a random order that does not tell which ones are shared.
    Raises cmcc.DataError for fewer annotators than `together`, or a repeated name.
    """
    if not 2 <= together <= len(annotators) or len(set(annotators)) < len(annotators):
        found = f"{len(set(annotators))} annotators, {together} of them for a shared call"
        raise DataError(
            found, "different annotators, 2 or more for a shared call", "Change --annotators or --together."
        )
    draw = random.Random(seed)
    calls = list(dict.fromkeys(ids))
    draw.shuffle(calls)
    shared = round(overlap * len(calls))
    groups = list(itertools.combinations(annotators, together))
    draw.shuffle(groups)
    own: dict[str, list[str]] = {name: [] for name in annotators}
    for dialogue_id, group in zip(calls[:shared], itertools.cycle(groups), strict=False):
        for name in group:
            own[name].append(dialogue_id)
    for dialogue_id in calls[shared:]:
        min(own.values(), key=len).append(dialogue_id)
    for mine in own.values():
        draw.shuffle(mine)
    return {"seed": seed, "overlap": overlap, "together": together, "annotators": own}


def write_plan(path: Path, plan: Json) -> None:
    """Writes a plan. Raises cmcc.DataError if the file exists: annotators may be at work by it."""
    if path.exists():
        hint = "Choose another path or move the existing one."
        raise DataError("the file exists already, and annotators may work by it", "", hint, file=str(path))
    write_json(path, plan)


def read_plan(path: Path, annotator: str) -> list[str]:
    """The dialogue ids of an annotator, in order. Raises cmcc.DataError for another file, or an unknown annotator."""
    plan = read_json(path)
    annotators = plan.get("annotators") if isinstance(plan, dict) else None
    if not isinstance(annotators, dict) or not all(isinstance(ids, list) for ids in annotators.values()):
        raise DataError("this is not a plan: it has no calls by annotator", "", _HINT, file=path.name)
    if annotator not in annotators:
        names = f"one of {', '.join(annotators)}"
        raise DataError(f"the annotator {annotator!r}", names, "Change --annotator.", file=path.name)
    return [str(dialogue_id) for dialogue_id in annotators[annotator]]

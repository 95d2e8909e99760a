"""Pseudo-labels: a trained model labels the unlabeled dialogues; confident labels are used for training.

The labels are stored as JSON lines, one dialogue a line, in the order of the data. While the model labels, the file's
parts grow (see decoding.parts), so a second start continues where the first one stopped, and several processes may
share the work. Labels are filtered by confidence when the file is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cmcc_bench.corpus import fingerprint_of, open_split
from cmcc_bench.decoding.confidence import LABEL_SEGMENTS, label_exchanges
from cmcc_bench.decoding.parts import Parts
from cmcc_bench.decoding.processes import ALONE, Processes
from cmcc_bench.decoding.run import open_model
from cmcc_bench.errors import DataError
from cmcc_bench.files import open_replacement, write_json
from cmcc_bench.models.digest import digest_of_model
from cmcc_bench.models.record import read_training
from cmcc_bench.recognition.run import open_recognizer
from cmcc_bench.tasks import EMOTION, RESPONSE, EmotionAnswer, Row
from cmcc_bench.views.flat import emotion_rows, without_labels
from cmcc_bench.views.response import response_rows
from cmcc_bench.vocabulary import EMOTIONS

_DIALOGUES = 32  # dialogues in a unit of work, the same for any number of processes, so that batches are too
_EMOTIONS = EMOTIONS.names

Labeler = Callable[[Sequence[Row]], list[list[dict[str, Any]]]]  # dialogues -> the rows of each, with labels


def label_unlabeled(
    task: str,
    model_dir: str,
    dataset: str,
    out: Path,
    most: int = 0,
    progress: Callable[[int, int], None] | None = None,
    processes: Processes = ALONE,
) -> None:
    """Labels the config `unlabeled` of a data set and writes the labels to the file `out`.

    task: emotion or response; must be the model's task. most: maximum number of dialogues, from the first on; 0 for
    all. progress: called with the number of labeled dialogues and the total. processes: share the dialogues; the file
    is the same for any number of them. Raises cmcc.DataError if the model has another task, the data set cannot be
    opened, `out` has labels of another model or other data, or another process fails.
    """
    hint = f"Give the folder RUN/best of a {task} model."
    if not Path(model_dir).is_dir():
        raise DataError("no such folder", "", hint, model=model_dir)
    model_task = read_training(model_dir).task
    if model_task != task:
        raise DataError(f"a model of the task {model_task}", f"a model of the task {task}", hint, model=model_dir)
    dialogues = open_split(dataset, "unlabeled", "train")
    total = min(most or len(dialogues), len(dialogues))
    data = {"dataset": dataset, "dialogues": total, "fingerprint": fingerprint_of(dialogues.select(range(total)))}
    identity = {"task": task, "model": digest_of_model(model_dir), **data}
    processes.check_same(identity, "another model or other data", file=str(out))
    units = [range(start, min(start + _DIALOGUES, total)) for start in range(0, total, _DIALOGUES)]
    parts = Parts(out.with_name(f"{out.name}.part"), [len(unit) for unit in units])
    if processes.from_first(lambda: _is_finished(out, parts.path, identity, total)):
        return

    def work(own: Sequence[int], add: Callable[[int], None]) -> Iterator[tuple[int, list[Any]]]:
        """Labels the dialogues of each unit."""
        label = _PSEUDO_LABELINGS[task].open(model_dir)
        for unit in own:
            batch = list(dialogues.select(units[unit]))
            labeled = label([without_labels(row) for row in batch])
            yield (
                unit,
                [{"dialogue_id": row["dialogue_id"], "rows": of} for row, of in zip(batch, labeled, strict=True)],
            )
            add(len(batch))

    parts.finish(work, processes, lambda: _start(out, parts.path, identity), progress)
    processes.from_first(lambda: _join(out, parts))


def _is_finished(out: Path, part: Path, identity: Mapping[str, Any], total: int) -> bool:
    """Whether all labels are there. Raises cmcc.DataError if the file, or its part, is of another model or data.

    Earlier versions wrote the file itself while they labeled: one with too few dialogues is removed.
    """
    before = None
    with suppress(OSError, ValueError):  # no file, truncated, or not JSON: the model of these labels is unknown
        before = json.loads(_facts(out).read_text("utf-8"))
    for path in (out, part):
        if path.exists() and before != identity:
            hint = f"Remove {path.name} to label again."
            raise DataError("the labels in this file are of another model or other data", "", hint, file=str(path))
    if not out.exists():
        return False
    with out.open("rb") as stream:
        is_whole = sum(1 for _ in stream) == total
    if not is_whole:
        out.unlink()
    return is_whole


def _start(out: Path, part: Path, identity: Mapping[str, Any]) -> bool:
    """Writes the facts; returns whether an earlier start left a part."""
    write_json(_facts(out), identity)
    return part.exists()


def _join(out: Path, parts: Parts) -> None:
    with open_replacement(out) as stream:
        for line in parts.lines():
            stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    parts.remove()


def _facts(out: Path) -> Path:
    return out.with_suffix(".json")  # not FILE.run.json, by which reports find predictions


def _emotions(model_dir: str) -> Labeler:
    recognize = open_recognizer(model_dir)

    def label(dialogues: Sequence[Row]) -> list[list[dict[str, Any]]]:
        """The rows of each dialogue with their scores."""
        rows = [emotion_rows(dict(row)) for row in dialogues]
        answers = iter(recognize([row for dialogue in rows for row in dialogue]))
        return [[{**row, "scores": _scores(next(answers))} for row in dialogue] for dialogue in rows]

    return label


def _scores(answer: object) -> tuple[float, ...]:
    assert isinstance(answer, EmotionAnswer) and answer.scores is not None  # what _emotions opens gives scores
    return answer.scores


def _responses(model_dir: str) -> Labeler:
    trained = open_model(model_dir)

    def label(dialogues: Sequence[Row]) -> list[list[dict[str, Any]]]:
        """The labeled exchanges of each dialogue."""
        return label_exchanges(trained, [response_rows(row) for row in dialogues])

    return label


def confidences(task: str, text: str) -> dict[str, float]:
    """The minimum probability of each emotion, or of each generated segment of an exchange.

    text: one number for all names, optionally followed by numbers for single names: `0.9,neutral=0.99`. Raises
    cmcc.DataError for any other text.
    """
    names = _PSEUDO_LABELINGS[task].names
    first, *others = text.split(",")
    least = dict.fromkeys(names, _probability(first, text))
    for other in others:
        name, _, number = other.partition("=")
        if name.strip() not in least:
            hint = "Write a number, then NAME=NUMBER for single labels: 0.9,neutral=0.99."
            raise DataError(repr(name), f"one of {', '.join(names)}", hint, key="pseudo_confidence")
        least[name.strip()] = _probability(number, text)
    return least


def _probability(number: str, text: str) -> float:
    try:
        confidence = float(number)
    except ValueError:
        confidence = -1.0
    if not 0 <= confidence <= 1:
        raise DataError(repr(text), "a number from 0 to 1, for instance 0.9 or 0.9,NAME=0.99", key="pseudo_confidence")
    return confidence


def pseudo_rows(task: str, path: Path, least: Mapping[str, float]) -> Iterator[Row]:
    """Yields the rows of a pseudo-label file whose labels are all confident.

    least: minimum probability by name, see confidences. Emotions: the probability of each emotion is either at least
    its minimum or at most 1 minus the minimum, and at least one emotion is present. Exchanges: each generated segment
    reaches its minimum; a segment's probability is the geometric mean over its tokens.
    """
    with path.open("rb") as stream:
        for line in stream:
            for row in orjson.loads(line)["rows"]:
                if kept := _PSEUDO_LABELINGS[task].sure(row, least):
                    yield kept


def _sure_emotions(row: dict[str, Any], least: Mapping[str, float]) -> Row | None:
    scores = row.pop("scores")
    labels = []
    for index, (score, name) in enumerate(zip(scores, _EMOTIONS, strict=True)):
        if score >= least[name]:
            labels.append(index)
        elif score > 1 - least[name]:
            return None
    return {**row, "emotions": labels} if labels else None


def _sure_exchange(row: dict[str, Any], least: Mapping[str, float]) -> Row | None:
    confidence = row.pop("confidence")
    return row if all(confidence[name] >= least[name] for name in confidence) else None


@dataclass(frozen=True)
class _PseudoLabeling:
    """The functions of a task: opens the labeler; names with a probability; the row if confident, else None."""

    open: Callable[[str], Labeler]
    names: Sequence[str]
    sure: Callable[[dict[str, Any], Mapping[str, float]], Row | None]


_PSEUDO_LABELINGS = {
    EMOTION.name: _PseudoLabeling(_emotions, _EMOTIONS, _sure_emotions),
    RESPONSE.name: _PseudoLabeling(_responses, LABEL_SEGMENTS, _sure_exchange),
}

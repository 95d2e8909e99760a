"""Labels for the unlabeled dialogues by a trained model, and those of them that it is sure of.

A file of JSON lines, a dialogue each, in the order of the data; it grows while the model labels, so that a second start
goes on where the first one stopped. What the model was sure of is chosen when the file is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import orjson

from cmcc_bench.corpus import fingerprint_of, open_split
from cmcc_bench.decoding.confidence import LABEL_SEGMENTS, label_exchanges
from cmcc_bench.decoding.run import open_model
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json
from cmcc_bench.models.digest import digest_of_model
from cmcc_bench.models.record import read_training
from cmcc_bench.recognition.run import open_recognizer
from cmcc_bench.tasks import EMOTION, RESPONSE, EmotionAnswer, Row
from cmcc_bench.views.flat import emotion_rows
from cmcc_bench.views.response import response_rows
from cmcc_bench.vocabulary import EMOTIONS

_DIALOGUES = 32  # labeled together, and the most that a stop loses
_EMOTIONS = EMOTIONS.names

Labeler = Callable[[Sequence[Row]], list[list[dict[str, Any]]]]  # dialogues -> the rows of each, with labels


def label_unlabeled(
    task: str,
    model_dir: str,
    dataset: str,
    out: Path,
    most: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Labels the config `unlabeled` of a data set into the file `out`.

    task: emotion or response, that of the model. most: dialogues, the first of the data; 0 for all.
    Raises cmcc.DataError when the model is of another task, there are no such data, or `out` was begun by another
    model or for other data.
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
    done = _begun(out, {"task": task, "model": digest_of_model(model_dir), **data}, total)
    if done == total:
        return
    label = _PSEUDO_LABELINGS[task].open(model_dir)
    rows = iter(islice(dialogues, done, total))
    with out.open("ab") as stream:
        while batch := list(islice(rows, _DIALOGUES)):
            for dialogue, labeled in zip(batch, label([_as_labeled(row) for row in batch]), strict=True):
                line = {"dialogue_id": dialogue["dialogue_id"], "rows": labeled}
                stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            stream.flush()
            done += len(batch)
            if progress:
                progress(done, total)


def _begun(out: Path, identity: Mapping[str, Any], total: int) -> int:
    """Prepares the file; how many dialogues stand in it. A batch that a stop cut off is taken away, so that the same
    dialogues are labeled together as in a run that was not stopped: another padding may change the last decimal.
    """
    facts = out.with_suffix(".json")  # not FILE.run.json, by which reports find predictions
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists():
        try:
            before = json.loads(facts.read_text("utf-8")) if facts.exists() else None
        except ValueError:  # cut short, or not JSON: it is unknown which model made the labels
            before = None
        if before != identity:
            hint = f"Remove {out.name} to label again."
            raise DataError("the labels in this file are of another model or other data", "", hint, file=str(out))
    write_json(facts, identity)
    if not out.exists():
        return 0
    with out.open("rb+") as stream:
        ends = [0, *accumulate(len(line) for line in stream if line.endswith(b"\n"))]
        done = len(ends) - 1
        done -= 0 if done == total else done % _DIALOGUES
        stream.truncate(ends[done])
    return done


def _as_labeled(row: Row) -> dict[str, Any]:
    """A row of `unlabeled` as one of `labeled` whose user utterances may have emotions, for the task views."""
    nothing: dict[str, Any] = {"intents": None, "acts": None, "entities": [], "triples": []}
    utterances = [{**u, **nothing, "emotions": [] if u["speaker"] == 1 else None} for u in row["utterances"]]
    return {"dialogue_id": row["dialogue_id"], "satisfaction": None, "utterances": utterances}


def _emotions(model_dir: str) -> Labeler:
    recognized = open_recognizer(model_dir)

    def label(dialogues: Sequence[Row]) -> list[list[dict[str, Any]]]:
        rows = [emotion_rows(dict(row)) for row in dialogues]
        answers = iter(recognized([row for found in rows for row in found]))
        return [[{**row, "scores": _scores(next(answers))} for row in found] for found in rows]

    return label


def _scores(answer: object) -> tuple[float, ...]:
    assert isinstance(answer, EmotionAnswer) and answer.scores is not None  # what _emotions opens gives scores
    return answer.scores


def _responses(model_dir: str) -> Labeler:
    trained = open_model(model_dir)

    def label(dialogues: Sequence[Row]) -> list[list[dict[str, Any]]]:
        return label_exchanges(trained, [response_rows(row) for row in dialogues])

    return label


def confidences(task: str, text: str) -> dict[str, float]:
    """The least probability for each label of a task: of all emotions, or of the generated segments.

    text: one number for all, then perhaps others for some: `0.9,neutral=0.99`. Raises cmcc.DataError for other text.
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
    """Rows of the task's config from such a file, those whose labels the model was sure of. least: see confidences.

    Emotions: each is said with at least its probability, or not said with at most one less it, and one is said.
    Exchanges: each generated segment has at least its probability, the geometric mean of its tokens'.
    """
    with path.open("rb") as stream:
        for line in stream:
            for row in orjson.loads(line)["rows"]:
                if kept := _PSEUDO_LABELINGS[task].sure(row, least):
                    yield kept


def _sure_emotions(row: dict[str, Any], least: Mapping[str, float]) -> Row | None:
    scores = row.pop("scores")
    said = []
    for index, (score, name) in enumerate(zip(scores, _EMOTIONS, strict=True)):
        if score >= least[name]:
            said.append(index)
        elif score > 1 - least[name]:
            return None
    return {**row, "emotions": said} if said else None


def _sure_exchange(row: dict[str, Any], least: Mapping[str, float]) -> Row | None:
    found = row.pop("confidence")
    return row if all(found[name] >= least[name] for name in found) else None


@dataclass(frozen=True)
class _PseudoLabeling:
    """Labels of a task: what opens the model, the names that have a probability, and the row where all are sure."""

    open: Callable[[str], Labeler]
    names: Sequence[str]
    sure: Callable[[dict[str, Any], Mapping[str, float]], Row | None]


_PSEUDO_LABELINGS = {
    EMOTION.name: _PseudoLabeling(_emotions, _EMOTIONS, _sure_emotions),
    RESPONSE.name: _PseudoLabeling(_responses, LABEL_SEGMENTS, _sure_exchange),
}

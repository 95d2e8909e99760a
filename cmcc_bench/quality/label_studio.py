"""Label Studio: the labeling configuration, tasks with annotations or predictions, and what annotators made of them.

A task is a call, shown by the tag Paragraphs. An emotion or an act is a region of ParagraphLabels over its utterance,
satisfaction is a choice about the call. Formats: https://labelstud.io/guide/task_format and /tags/paragraphs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson

from cmcc_bench.errors import DataError
from cmcc_bench.files import open_replacement, write_text
from cmcc_bench.quality.exchange import (
    CallLabels,
    ExchangedCall,
    SpokenText,
    add_labels,
    add_satisfaction,
    call_facts,
    read_call,
    shown_names,
    unreadable,
    utf16_length,
    utf16_slice,
)
from cmcc_bench.reader.json_stream import read_json
from cmcc_bench.types import Json
from cmcc_bench.vocabulary import SPEAKERS, VOCABULARIES

_TEXTS = "dialogue"  # the name of the tag that shows the call, and the key of its utterances in a task
_COLORS = {"emotions": "#d9480f", "acts": "#1971c2"}
_MODEL = "cmcc"  # model_version of predictions that are labels of the data


def labeling_config() -> str:
    """The labeling configuration, XML: emotions and acts of utterances, and the satisfaction of the call."""
    lines = ["<View>"]
    for field, color in _COLORS.items():
        lines.append(f'  <ParagraphLabels name="{field}" toName="{_TEXTS}" choice="multiple">')
        for name in VOCABULARIES[field].chinese:
            lines.append(f'    <Label value={quoteattr(name)} background="{color}"/>')
        lines.append("  </ParagraphLabels>")
    shown = f'value="${_TEXTS}" layout="dialogue" nameKey="author" textKey="text" granularity="paragraph"'
    lines.append(f'  <Paragraphs name="{_TEXTS}" {shown}/>')
    lines.append(f'  <Choices name="satisfaction" toName="{_TEXTS}" choice="single">')
    lines += [f"    <Choice value={quoteattr(name)}/>" for name in VOCABULARIES["satisfaction"].chinese]
    return "\n".join([*lines, "  </Choices>", "</View>", ""])


def task(call: ExchangedCall, kind: str = "annotations", model: str = _MODEL) -> dict[str, Any]:
    """A task. kind: whether the labels of the call are `annotations` or `predictions`, which annotators confirm."""
    texts = [{"author": SPEAKERS.chinese[one.speaker], "text": one.text, "turn": one.turn} for one in call.utterances]
    made: dict[str, Any] = {"data": call_facts(call) | {_TEXTS: texts}}
    if call.labels:
        results = [_result(call, number, field, labels) for (number, field), labels in call.labels.items()]
        made[kind] = [{"result": results} | ({"model_version": model} if kind == "predictions" else {})]
    return made


def _result(call: ExchangedCall, number: int | None, field: str, labels: Iterable[int]) -> dict[str, Any]:
    names = shown_names(field, labels)
    common = {"from_name": field, "to_name": _TEXTS}
    if number is None:
        return common | {"id": field, "type": "choices", "value": {"choices": names}}
    text = call.utterances[number].text
    value = {
        "start": str(number),
        "end": str(number),
        "startOffset": 0,
        "endOffset": utf16_length(text),
        "text": text,
        "paragraphlabels": names,
    }
    return common | {"id": f"{field}-{number}", "type": "paragraphlabels", "value": value}


def config_path(out: Path) -> Path:
    """The path of the labeling configuration: tasks.xml for tasks.json."""
    return out.with_suffix(".xml")


def write_tasks(out: Path, calls: Iterable[ExchangedCall], kind: str = "annotations", model: str = _MODEL) -> int:
    """Writes tasks, a JSON list, and the labeling configuration beside it; returns the number of tasks.

    Only the owner may read the tasks. Raises cmcc.DataError if the file is no .json.
    """
    if out.suffix != ".json":
        raise DataError(f"the extension {out.suffix!r}", "a file of tasks, .json", file=out.name)
    written = 0
    with open_replacement(out, private=True) as stream:
        for written, call in enumerate(calls, 1):
            stream.write(b"[\n" if written == 1 else b",\n")
            stream.write(orjson.dumps(task(call, kind, model)))
        stream.write(b"\n]\n" if written else b"[]\n")
    write_text(config_path(out), labeling_config())
    return written


def read_tasks(path: Path, annotator: str | None = None) -> Iterator[ExchangedCall]:
    """Yields the annotated calls of Label Studio's export "JSON". Predictions and cancelled annotations are left out.

    annotator: the number or e-mail address of the user whose annotations are read.
    Raises cmcc.DataError if a task has annotations of several users and `annotator` is None, and for other content.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise unreadable('not a list of tasks: use the export "JSON" of Label Studio', file=path.name)
    for number, one in enumerate(tasks):
        try:
            annotation = _annotation(one, annotator)
            if annotation is not None:
                yield _call(one, annotation)
        except DataError as error:
            raise error.at(file=path.name, task=number) from None


def _annotation(one: Json, annotator: str | None) -> Mapping[str, Any] | None:
    """The annotation of a task; None if it has no annotation."""
    given = one.get("annotations", []) if isinstance(one, dict) else None
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise unreadable('no task with "data" and "annotations": use the export "JSON" of Label Studio')
    kept = [each for each in given if not each.get("was_cancelled")]
    by_user = {_user(each.get("completed_by")): each for each in kept}
    if len(by_user) < len(kept):
        raise DataError("two annotations of one user", "one", "Cancel or remove one of them in Label Studio.")
    if annotator is not None and set(by_user) != {""}:
        return by_user.get(annotator)
    if len(by_user) > 1:
        users = ", ".join(sorted(by_user))
        hint = "Choose one with --annotator, and import the file once for each."
        raise DataError(f"annotations of several users: {users}", "", hint)
    return next(iter(by_user.values()), None)


def _user(completed_by: Json) -> str:
    """The e-mail address or the number of a user; "" if it is not given."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return "" if completed_by is None else str(completed_by)


def _call(one: Mapping[str, Any], annotation: Mapping[str, Any]) -> ExchangedCall:
    data, results = one.get("data"), annotation.get("result")
    if not isinstance(data, dict) or not isinstance(data.get(_TEXTS), list) or not isinstance(results, list):
        raise unreadable("no call in the task, or no result in its annotation")
    spoken = [_spoken(each) for each in data[_TEXTS]]
    labels: CallLabels = {}
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):
            raise unreadable("a result without a value")
        if result.get("from_name") in list(_COLORS):  # a list also takes what is no text
            names = value.get("paragraphlabels") or value.get("labels") or []
            add_labels(labels, spoken, _covered(value, spoken), names)
        elif result.get("from_name") == "satisfaction":
            add_satisfaction(labels, value.get("choices") or [])
    return read_call(data, spoken, labels)


def _spoken(one: Json) -> SpokenText:
    speaker = SPEAKERS.find(one.get("author")) if isinstance(one, dict) else None
    if speaker is None or not isinstance(one.get("turn"), int) or not isinstance(one.get("text"), str):
        raise unreadable("an utterance without author, turn and text")
    return SpokenText(speaker, one["turn"], one["text"])


def _covered(value: Mapping[str, Any], spoken: list[SpokenText]) -> Iterable[int]:
    """The utterances of a region. Raises cmcc.DataError if it is not in the call, or the text there is another."""
    try:
        start, end = int(value["start"]), int(value["end"])
        first, last = int(value.get("startOffset", 0)), int(value["endOffset"])
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(f"a region without its place ({error})") from error
    if not 0 <= start <= end < len(spoken) or first < 0 or last > utf16_length(spoken[end].text):
        raise unreadable(f"a region from utterance {start} to {end}, position {last}, that the call does not have")
    if start < end:  # a selection with the mouse easily begins after an utterance, or ends before the next one
        start += first >= utf16_length(spoken[start].text)
        end -= last == 0
    elif isinstance(value.get("text"), str):
        text = utf16_slice(spoken[start].text, first, last)
        if "".join(text.split()) != "".join(value["text"].split()):
            raise unreadable("a region whose text is not that of the call at its place", utterance=start)
    return range(start, end + 1)

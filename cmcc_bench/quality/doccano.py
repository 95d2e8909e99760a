"""doccano: calls as JSON lines for a project of the type "Intent Detection and Slot Filling", and back.

A line is a call: `text` is its transcript, `entities` are spans [start, end, label] over utterances, `cats` holds the
satisfaction. The project must allow overlapping spans: an utterance can have several labels. Positions are in UTF-16
units, as long as "Count grapheme clusters as one character" is off: https://github.com/doccano/doccano/issues/2290.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

from cmcc_bench.errors import DataError
from cmcc_bench.files import open_replacement, write_json
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
)
from cmcc_bench.types import Json
from cmcc_bench.vocabulary import SPEAKERS, VOCABULARIES

_COLORS = {"emotions": "#d9480f", "acts": "#1971c2", "satisfaction": "#2b8a3e"}
_COLON = "："


def document(call: ExchangedCall) -> dict[str, Any]:
    """The line of a call."""
    lines = [f"{SPEAKERS.chinese[one.speaker]}{_COLON}{one.text}" for one in call.utterances]
    spans = _spans(lines)
    entities, cats = [], []
    for (number, field), labels in call.labels.items():
        names = shown_names(field, labels)
        if number is None:
            cats += names
        else:
            entities += [[*spans[number], name] for name in names]
    turns = [one.turn for one in call.utterances]
    return {"text": "\n".join(lines), "entities": entities, "cats": cats, **call_facts(call), "turns": turns}


def _spans(lines: Iterable[str]) -> list[tuple[int, int]]:
    """(start, end) of each line of a text, in UTF-16 units, without its line break."""
    lengths = [utf16_length(line) for line in lines]
    starts = accumulate((length + 1 for length in lengths[:-1]), initial=0)
    return [(start, start + length) for start, length in zip(starts, lengths, strict=False)]


def label_paths(out: Path) -> dict[Path, tuple[str, ...]]:
    """The files of label types that are written beside `out`, and the fields whose labels they have."""
    return {
        out.with_suffix(".spans.json"): ("emotions", "acts"),
        out.with_suffix(".categories.json"): ("satisfaction",),
    }


def write_documents(out: Path, calls: Iterable[ExchangedCall]) -> int:
    """Writes a line for each call, and the label types beside it; returns the number of calls.

    Only the owner may read the calls. Raises cmcc.DataError if the file is no .jsonl.
    """
    if out.suffix != ".jsonl":
        raise DataError(f"the extension {out.suffix!r}", "a file of calls, .jsonl", file=out.name)
    written = 0
    with open_replacement(out, private=True) as stream:
        for call in calls:
            stream.write(orjson.dumps(document(call), option=orjson.OPT_APPEND_NEWLINE))
            written += 1
    for path, fields in label_paths(out).items():
        types = [
            {"text": name, "background_color": _COLORS[field], "text_color": "#ffffff"}
            for field in fields
            for name in VOCABULARIES[field].chinese
        ]
        write_json(path, types)
    return written


def read_documents(path: Path) -> Iterator[ExchangedCall]:
    """Yields the calls of doccano's export "JSONL". Raises cmcc.DataError, which names the line, for other content."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    yield _call(orjson.loads(line))
                except orjson.JSONDecodeError as error:
                    raise unreadable(f"not valid JSON ({error})", file=path.name, line=number) from error
                except DataError as error:
                    raise error.at(file=path.name, line=number) from None


def _call(one: Json) -> ExchangedCall:
    text, turns = (one.get("text"), one.get("turns")) if isinstance(one, dict) else (None, None)
    lines = text.split("\n") if isinstance(text, str) else []
    if not lines or not isinstance(turns, list) or len(turns) != (len(lines) if text else 0):
        raise unreadable("no text with a line for each of its turns")
    spoken = [_spoken(line, turn) for line, turn in zip(lines, turns, strict=bool(text))]
    spans, labels = _spans(lines), CallLabels()
    entities = one.get("entities") or one.get("label") or []
    if not isinstance(entities, list):
        raise unreadable(f"entities that are not a list: {entities!r:.60}")
    for entity in entities:
        start, end, name = _entity(entity)
        covered = [number for number, (first, last) in enumerate(spans) if start < last and first < end]
        if not covered or end > spans[-1][1]:
            raise unreadable(f"a span from {start} to {end}, which is not in the text")
        add_labels(labels, spoken, covered, [name])
    add_satisfaction(labels, one.get("cats") or [])
    return read_call(one, spoken, labels)


def _spoken(line: str, turn: Json) -> SpokenText:
    name, colon, text = line.partition(_COLON)
    speaker = SPEAKERS.find(name)
    if speaker is None or not colon or not isinstance(turn, int):
        raise unreadable("a line without its speaker, or without the number of its turn")
    return SpokenText(speaker, turn, text)


def _entity(entity: Json) -> tuple[int, int, Json]:
    """Start, end and label; projects with relations write objects instead of lists."""
    if isinstance(entity, dict):
        entity = [entity.get(key) for key in ("start_offset", "end_offset", "label")]
    if not isinstance(entity, list) or len(entity) != 3 or not all(isinstance(each, int) for each in entity[:2]):
        raise unreadable("an entity that is not [start, end, label]")
    return entity[0], entity[1], entity[2]

"""Structural checks of a call: positions, turns, speakers, personal data that was left in; and repeats among calls."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise

from cmcc_bench.masking import CERTAIN_KINDS, find_personal, mask
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import SERVICE, USER, Finding
from cmcc_bench.reader.dialogue import digest_of
from cmcc_bench.reader.report import Report
from cmcc_bench.types import Row
from cmcc_bench.views.flat import transcript_lines
from cmcc_bench.vocabulary import SYNTHETIC_ID

_MENDED = ("wrong_position", "missing_position", "extra_blank")  # counts of the reader, by its names
_AROUND = 6  # characters shown on either side of personal data
_SPEAKER = 3  # characters of the speaker in front of a line of a transcript


def structure_findings(call: Call) -> Iterator[Finding]:
    """What is wrong with a call whatever its labels mean."""
    yield from _turn_findings(call)
    if call.labeled:
        for number, utterance in enumerate(call.row["utterances"]):
            yield from _position_findings(call, number, utterance)
            yield from _foreign_labels(call, number, utterance)
    left_out = Report(repaired=call.repaired).left_out
    if left_out:
        detail = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
        yield Finding("label_left_out", call.dialogue_id, detail=detail)
    mended = sum(call.repaired[kind] for kind in _MENDED)
    if mended:
        yield Finding("repaired_position", call.dialogue_id, detail=f"{mended} in this dialogue")


def _turn_findings(call: Call) -> Iterator[Finding]:
    utterances = call.row["utterances"]
    for number, (first, second) in enumerate(pairwise(utterances), 1):
        if second["turn"] < first["turn"]:
            detail = f"turn {second['turn']} after turn {first['turn']}"
            yield Finding("speaker_order", call.dialogue_id, number, detail)
        elif first["speaker"] == second["speaker"]:
            kind = "speaker_order" if first["turn"] == second["turn"] else "same_speaker_again"
            yield Finding(kind, call.dialogue_id, number, f"turn {second['turn']}")


def _position_findings(call: Call, number: int, utterance: Row) -> Iterator[Finding]:
    text = utterance["text"]
    spans = [(entity["name"], entity) for entity in utterance["entities"] or ()]
    spans += [(triple["value"], triple) for triple in utterance["triples"] or ()]
    for name, span in spans:
        start, end = span["start"], span["end"]
        if start is None or end is None:
            yield Finding("lost_position", call.dialogue_id, number, mask(str(name)))
        elif not 0 <= start <= end <= len(text) or text[start:end] != name:
            found = f"[{start}, {end}) is {mask(text)[max(start, 0) : max(end, 0)]!r:.40}"
            yield Finding("wrong_position", call.dialogue_id, number, f"{found}, not {mask(str(name))!r:.40}")


def _foreign_labels(call: Call, number: int, utterance: Row) -> Iterator[Finding]:
    foreign = {SERVICE: ("emotions", "intents"), USER: ("acts",)}[utterance["speaker"]]
    for field in foreign:
        if utterance[field]:
            yield Finding("label_of_other_speaker", call.dialogue_id, number, field)


def personal_findings(call: Call) -> Iterator[Finding]:
    """Personal data that was left in the texts, with a masked excerpt, at the utterance where it begins.

    In a synthetic dialogue nothing of it is certain: the simulator made it up.
    """
    is_synthetic = call.dialogue_id.startswith(SYNTHETIC_ID)
    lines = transcript_lines(call.row)
    text = "\n".join(lines)
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    masked = mask(text)
    for found in find_personal(text):
        certain = found.kind in CERTAIN_KINDS and not is_synthetic
        kind = "personal_data" if certain else "maybe_personal"
        number = bisect_right(starts, found.start) - 1
        last = bisect_right(starts, found.end - 1)  # a number may end in a later utterance
        first = starts[number] + _SPEAKER
        hidden = masked[max(found.start - _AROUND, first) : min(found.end + _AROUND, starts[last] - 1)]
        yield Finding(kind, call.dialogue_id, number, f"{found.kind}: {hidden.replace(chr(10), ' ')}")


class Repeats:
    """Knows every id and every text that was seen, and finds calls that stand twice."""

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[bytes, str]] = {}
        self._by_text: dict[bytes, tuple[str, str]] = {}

    def has_id(self, dialogue_id: str) -> bool:
        """Whether a call with this id was seen."""
        return dialogue_id in self._by_id

    def findings(self, call: Call) -> Iterator[Finding]:
        """What a call repeats of those before it; it is remembered."""
        row, known_id = call.dialogue_id, self._by_id.get(call.dialogue_id)
        texts = "\n".join(utterance["text"] for utterance in call.row["utterances"])
        content, text = digest_of(call.row), hashlib.blake2b(texts.encode(), digest_size=16).digest()
        known_text = self._by_text.get(text)
        if known_id and known_id[1] != call.split:
            detail = f"the id in {known_id[1]} and in {call.split}"
            yield Finding("split_leakage", row, detail=detail)
        elif known_text and known_text[1] != call.split:
            detail = f"the texts of {known_text[0]:.40} ({known_text[1]}) in {call.split}"
            yield Finding("split_leakage", row, detail=detail)
        elif known_text and (known_id is None or known_id[0] == content):
            yield Finding("repeated_dialogue", row, detail=f"the texts of {known_text[0]:.40}")
        if known_id and known_id[0] != content:
            yield Finding("doubled_id", row, detail="a different dialogue has it")
        self._by_id.setdefault(call.dialogue_id, (content, call.split))
        self._by_text.setdefault(text, (call.dialogue_id, call.split))

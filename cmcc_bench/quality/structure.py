"""Structural checks of calls: positions, turns, speakers and personal data."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise

from cmcc_bench.masking import CERTAIN_KINDS, find_and_mask, mask
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import SERVICE, USER, Finding
from cmcc_bench.reader.report import Report
from cmcc_bench.types import Row
from cmcc_bench.views.flat import transcript_lines
from cmcc_bench.vocabulary import SYNTHETIC_ID

_REPAIRED = ("wrong_position", "missing_position", "extra_blank")  # kinds of repairs that the reader counts
_AROUND = 6  # characters shown on either side of personal data
_SPEAKER = 3  # length of the speaker prefix of a transcript line


def structure_findings(call: Call) -> Iterator[Finding]:
    """Yields findings about turns, speakers, positions and labels of the wrong speaker."""
    yield from _turn_findings(call)
    if call.labeled:
        for number, utterance in enumerate(call.row["utterances"]):
            yield from _position_findings(call, number, utterance)
            yield from _foreign_labels(call, number, utterance)
    left_out = Report(repaired=call.repaired).left_out
    if left_out:
        detail = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
        yield Finding("label_left_out", call.dialogue_id, detail=detail)
    repaired = sum(call.repaired[kind] for kind in _REPAIRED)
    if repaired:
        yield Finding("repaired_position", call.dialogue_id, detail=f"{repaired} in this dialogue")


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
            excerpt = f"[{start}, {end}) is {mask(text)[max(start, 0) : max(end, 0)]!r:.40}"
            yield Finding("wrong_position", call.dialogue_id, number, f"{excerpt}, not {mask(str(name))!r:.40}")


def _foreign_labels(call: Call, number: int, utterance: Row) -> Iterator[Finding]:
    foreign = {SERVICE: ("emotions", "intents"), USER: ("acts",)}[utterance["speaker"]]
    for field in foreign:
        if utterance[field]:
            yield Finding("label_of_other_speaker", call.dialogue_id, number, field)


def personal_findings(call: Call) -> Iterator[Finding]:
    """Yields findings about personal data in the texts, with a masked excerpt, at the utterance where it begins.

    In synthetic dialogues they are suggestions, because the simulator invented the data.
    """
    is_synthetic = call.dialogue_id.startswith(SYNTHETIC_ID)
    lines = transcript_lines(call.row)
    text = "\n".join(lines)
    matches, masked = find_and_mask(text)
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0)) if matches else []
    for match in matches:
        certain = match.kind in CERTAIN_KINDS and not is_synthetic
        kind = "personal_data" if certain else "maybe_personal"
        number = bisect_right(starts, match.start) - 1
        last = bisect_right(starts, match.end - 1)  # a number may end in a later utterance
        first = starts[number] + _SPEAKER
        excerpt = masked[max(match.start - _AROUND, first) : min(match.end + _AROUND, starts[last] - 1)]
        yield Finding(kind, call.dialogue_id, number, f"{match.kind}: {excerpt.replace(chr(10), ' ')}")

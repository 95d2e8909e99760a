"""The findings of quality control, and the checks of labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cmcc_bench.masking import mask
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.lexicon import Lexicon
from cmcc_bench.vocabulary import SPEAKERS

SERVICE, USER = range(len(SPEAKERS))
NEUTRAL = 0


def field_of(speaker: int) -> str:
    """The field of labels that an utterance of a speaker has."""
    return "emotions" if speaker == USER else "acts"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. detail: more information, safe to print.

    utterance: its index in the dialogue, None if the finding concerns the dialogue. field, label: for labels, the field
    and the class index of the label that is missing or wrong. adds: True if it is missing.
    """

    kind: str
    dialogue_id: str
    utterance: int | None = None
    detail: str = ""
    field: str | None = None
    label: int | None = None
    adds: bool = False

    @property
    def is_for_review(self) -> bool:
        """Whether an annotator can decide on it in a review file."""
        return self.field is not None


def label_findings(call: Call, lexicon: Lexicon) -> Iterator[Finding]:
    """Yields missing labels whose cue words occur, labels without their cue words, and conflicting labels."""
    for number, utterance in enumerate(call.row["utterances"]):
        field = field_of(utterance["speaker"])
        labels = utterance[field]
        if labels is None:
            continue  # not annotated: nothing can be missing
        yield from _conflicts(call, number, field, labels)
        for cues in lexicon.checked(field):
            has_label = cues.label in labels
            if not (cues.uncued if has_label else cues.missing):
                continue
            cue = cues.find(utterance["text"])
            if has_label == (cue is None):
                kind = "label_without_cue" if has_label else "missing_label"
                masked_cue = cue and (cues.find(mask(utterance["text"])) or mask(cue))  # a cue can include digits
                yield Finding(kind, call.dialogue_id, number, masked_cue or "", field, cues.label, adds=not has_label)


def _conflicts(call: Call, number: int, field: str, labels: list[int]) -> Iterator[Finding]:
    if field == "emotions" and NEUTRAL in labels and len(set(labels)) > 1:
        yield Finding("conflicting_labels", call.dialogue_id, number, "neutral with another emotion", field, NEUTRAL)
    elif len(set(labels)) < len(labels):
        yield Finding("conflicting_labels", call.dialogue_id, number, "a repeated label")

"""What quality control finds: the kinds of finding, which of them are errors, and the label checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cmcc_bench.masking import mask
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.lexicon import Lexicon
from cmcc_bench.vocabulary import SPEAKERS


@dataclass(frozen=True)
class FindingKind:
    """A kind of finding: an error is wrong for certain and makes exit status 1; a suggestion is for a person to judge.

    meaning: in words, for the table.
    """

    error: bool
    meaning: str


KINDS = {
    "unreadable": FindingKind(True, "a dialogue or a file that the reader refuses"),
    "doubled_id": FindingKind(True, "one id, two different dialogues"),
    "split_leakage": FindingKind(True, "the same id or the same texts in two splits"),
    "label_left_out": FindingKind(True, "a label of the raw file that the reader could not read and left out"),
    "wrong_position": FindingKind(True, "a position that does not slice to its name or value"),
    "speaker_order": FindingKind(True, "a raw turn with two utterances of one speaker, or turns out of order"),
    "label_of_other_speaker": FindingKind(True, "emotions or intents of the service, or acts of the user"),
    "conflicting_labels": FindingKind(True, "neutral beside another emotion, or one label twice"),
    "personal_data": FindingKind(True, "a telephone number, identity card, bank card, number plate or e-mail address"),
    "missing_label": FindingKind(False, "words that suggest a label which is not there"),
    "label_without_cue": FindingKind(False, "a label without any of its words"),
    "satisfaction_sample": FindingKind(False, "a random tenth of the satisfaction labels, to be read again"),
    "maybe_personal": FindingKind(False, "a long number, what may be a name, or any of it in synthetic calls"),
    "repaired_position": FindingKind(False, "a position that the reader mended"),
    "lost_position": FindingKind(False, "a name or value that is nowhere in its turn"),
    "same_speaker_again": FindingKind(False, "two utterances of one speaker with none of the other between them"),
    "repeated_dialogue": FindingKind(False, "the same dialogue again in one split"),
}

SERVICE, USER = range(len(SPEAKERS))
NEUTRAL = 0


@dataclass(frozen=True)
class Finding:
    """One thing that was found; `detail` is safe to print.

    utterance: its index in the dialogue, None for what concerns the dialogue. field, label: the labels in question and
    the index of the one that is missing or too much; adds: whether it is missing.
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
        """Whether an annotator can decide it in a review file."""
        return self.field is not None


def label_findings(call: Call, lexicon: Lexicon) -> Iterator[Finding]:
    """Labels that the words suggest and that are not there, labels without their words, and labels that conflict."""
    for number, utterance in enumerate(call.row["utterances"]):
        field = "emotions" if utterance["speaker"] == USER else "acts"
        labels = utterance[field]
        if labels is None:
            continue  # not annotated: there is nothing to be missed
        yield from _conflicts(call, number, field, labels)
        for cues in lexicon.checked(field):
            has_label = cues.label in labels
            if not (cues.uncued if has_label else cues.missing):
                continue
            cue = cues.find(utterance["text"])
            if has_label == (cue is None):
                kind = "label_without_cue" if has_label else "missing_label"
                shown = cue and (cues.find(mask(utterance["text"])) or mask(cue))  # a cue can span some digits
                yield Finding(kind, call.dialogue_id, number, shown or "", field, cues.label, adds=not has_label)


def _conflicts(call: Call, number: int, field: str, labels: list[int]) -> Iterator[Finding]:
    if field == "emotions" and NEUTRAL in labels and len(set(labels)) > 1:
        yield Finding("conflicting_labels", call.dialogue_id, number, "neutral beside another", field, NEUTRAL)
    elif len(set(labels)) < len(labels):
        yield Finding("conflicting_labels", call.dialogue_id, number, "a label twice")

"""The findings of quality control: their kinds, which of them are errors, and the checks of labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cmcc_bench.masking import mask
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.lexicon import Lexicon
from cmcc_bench.vocabulary import SPEAKERS


@dataclass(frozen=True)
class FindingKind:
    """A kind of finding. An error is certainly wrong and sets exit status 1; a suggestion needs a person's judgment.

    meaning: the description in the table.
    """

    error: bool
    meaning: str


KINDS = {
    "unreadable": FindingKind(True, "a dialogue or file that cannot be read"),
    "doubled_id": FindingKind(True, "two different dialogues with the same id"),
    "split_leakage": FindingKind(True, "the same id or the same texts in two splits"),
    "label_left_out": FindingKind(True, "a label in the raw file that cannot be read and is left out"),
    "wrong_position": FindingKind(True, "a position at which the text is not the name or value"),
    "speaker_order": FindingKind(True, "a raw turn with two utterances of one speaker, or turns out of order"),
    "label_of_other_speaker": FindingKind(True, "emotions or intents of the service, or acts of the user"),
    "conflicting_labels": FindingKind(True, "neutral with another emotion, or a repeated label"),
    "personal_data": FindingKind(
        True, "a telephone, identity card or bank card number, a license plate, or an e-mail address"
    ),
    "missing_label": FindingKind(False, "cue words of a label that is not given"),
    "label_without_cue": FindingKind(False, "a label without any of its cue words"),
    "satisfaction_sample": FindingKind(False, "a random tenth of the satisfaction labels, to review"),
    "maybe_personal": FindingKind(False, "a long number or a possible name; in synthetic calls, any of the above"),
    "repaired_position": FindingKind(False, "a position that the reader repaired"),
    "lost_position": FindingKind(False, "a name or value that does not occur in its turn"),
    "same_speaker_again": FindingKind(False, "two consecutive utterances of the same speaker"),
    "repeated_dialogue": FindingKind(False, "the same dialogue again in one split"),
}

SERVICE, USER = range(len(SPEAKERS))
NEUTRAL = 0


@dataclass(frozen=True)
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
        field = "emotions" if utterance["speaker"] == USER else "acts"
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

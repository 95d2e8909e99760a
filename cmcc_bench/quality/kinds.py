"""The kinds of findings of quality control. The command line lists them, so this file imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


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
    "likely_missing_label": FindingKind(
        False, "a label that is not given, and that a model expects (--doubts, --model)"
    ),
    "likely_wrong_label": FindingKind(False, "a label that a model does not expect (--doubts, --model)"),
    "satisfaction_sample": FindingKind(False, "a random tenth of the satisfaction labels, to review"),
    "maybe_personal": FindingKind(False, "a long number or a possible name; in synthetic calls, any of the above"),
    "repaired_position": FindingKind(False, "a position that the reader repaired"),
    "lost_position": FindingKind(False, "a name or value that does not occur in its turn"),
    "same_speaker_again": FindingKind(False, "two consecutive utterances of the same speaker"),
    "repeated_dialogue": FindingKind(False, "the same dialogue again in one split"),
}

"""What annotators disagree about, on the page side by side; the care file of what is agreed or decided; and its log."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from cmcc_bench.annotate.calls import CallStore
from cmcc_bench.annotate.care import CareFile
from cmcc_bench.annotate.session import CANDIDATE_KEYS, Candidate, ListMode, PageQuestion
from cmcc_bench.annotate.store import Decision, QuestionPlace
from cmcc_bench.quality.decisions import log_path
from cmcc_bench.quality.spreadsheet import json_line
from cmcc_bench.vocabulary import VOCABULARIES

_ABOUT = "Care labels of several annotators: those that all gave, and those decided where they differ; see the log."

Agreed: TypeAlias = Mapping[str, Mapping[QuestionPlace, Decision]]  # dialogue id -> what all annotators gave


@dataclass(frozen=True)
class Dispute:
    """A question on which annotators disagree.

    given: sorted class indices by annotator, without those who did not label it. proposal: what is suggested, such as
    the majority. about: a line to show, such as the probability of the proposal, in English (`en`) and Chinese (`zh`).
    """

    dialogue_id: str
    utterance: int | None
    field: str
    given: Mapping[str, tuple[int, ...]]
    proposal: tuple[int, ...]
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)


def adjudicate_mode(disputes: Iterable[Dispute]) -> ListMode:
    """The questions of an adjudication, by dialogue."""
    questions: dict[str, list[PageQuestion]] = {}
    for dispute in disputes:
        asked = PageQuestion(
            dispute.utterance, dispute.field, dispute.proposal, candidates=candidates(dispute), about=dispute.about
        )
        questions.setdefault(dispute.dialogue_id, []).append(asked)
    return ListMode("adjudicate", questions)


def candidates(dispute: Dispute) -> tuple[Candidate, ...]:
    """The different label sets that annotators gave, each with their names; what most gave comes first."""
    names: dict[tuple[int, ...], list[str]] = {}
    for name, labels in dispute.given.items():
        names.setdefault(labels, []).append(name)
    by_votes = sorted(names.items(), key=lambda item: -len(item[1]))
    keys = [*CANDIDATE_KEYS, *[""] * len(by_votes)]  # one that gets no key can be clicked
    return tuple(Candidate(", ".join(who), key, labels) for (labels, who), key in zip(by_votes, keys, strict=False))


class AdjudicatedFile:
    """The care file, and beside it the log, a line for each dispute that is decided."""

    def __init__(self, annotator: str, calls: CallStore, agreed: Agreed, disputes: Sequence[Dispute]) -> None:
        self._annotator, self._calls = annotator, calls
        self._care = CareFile(annotator, calls, _ABOUT, agreed)
        self._disputes: dict[str, dict[QuestionPlace, tuple[int, Dispute]]] = {}
        for number, one in enumerate(disputes):
            self._disputes.setdefault(one.dialogue_id, {})[one.utterance, one.field] = number, one
        self._lines: dict[int, str] = {}  # by the number of the dispute

    def update(self, dialogue_id: str, decisions: Mapping[QuestionPlace, Decision]) -> None:
        """Takes the decisions about a call in place of earlier ones."""
        self._care.update(dialogue_id, decisions)
        for place, (number, dispute) in self._disputes[dialogue_id].items():
            decision = decisions.get(place, Decision())
            self._lines.pop(number, None)
            if decision.labels is not None:
                self._lines[number] = json_line(self._entry(dispute, decision.labels, decision))

    def contents(self, out: Path) -> dict[Path, bytes]:
        """The care file and its log."""
        log = "".join(line for _, line in sorted(self._lines.items()))
        return {**self._care.contents(out), log_path(out): log.encode()}

    def _entry(self, dispute: Dispute, labels: tuple[int, ...], decision: Decision) -> dict[str, Any]:
        """A line of the log, in the form of those of `cmcc check --apply`, with what each annotator gave.

        add, remove: what the decision changes in the proposal.
        """
        utterances = self._calls[dispute.dialogue_id].row["utterances"]
        names = VOCABULARIES[dispute.field].names

        def named(given: Iterable[int]) -> list[str]:
            """The English names of labels."""
            return [names[label] for label in sorted(given)]

        return {
            "annotator": self._annotator,
            "dialogue_id": dispute.dialogue_id,
            "utterance": dispute.utterance,
            "turn": None if dispute.utterance is None else utterances[dispute.utterance]["turn"],
            "field": dispute.field,
            "decision": decision.choice or "labels",
            "before": named(dispute.proposal),
            "after": named(labels),
            "add": named(set(labels) - set(dispute.proposal)),
            "remove": named(set(dispute.proposal) - set(labels)),
            "applied": True,
            "given": {name: named(given) for name, given in dispute.given.items()},
            **({"note": decision.note} if decision.note else {}),
        }

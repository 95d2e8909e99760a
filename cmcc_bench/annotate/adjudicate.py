"""What annotators disagree about, on the page side by side; the care file of what is agreed or decided; and its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from cmcc_bench.annotate.calls import CallStore
from cmcc_bench.annotate.care import CareFile
from cmcc_bench.annotate.session import CANDIDATE_KEYS, Candidate, ListMode, PageQuestion
from cmcc_bench.annotate.store import Decision, QuestionPlace
from cmcc_bench.quality.adjudication import Decided, Dispute, log_line
from cmcc_bench.quality.decisions import log_path
from cmcc_bench.quality.spreadsheet import json_line

_ABOUT = "Care labels of several annotators: those that all gave, and those decided where they differ; see the log."

Agreed: TypeAlias = Mapping[str, Mapping[QuestionPlace, Decision]]  # dialogue id -> what all annotators gave


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
                decided = Decided(decision.labels, self._annotator, decision.choice or "labels")
                note = {"note": decision.note} if decision.note else {}
                self._lines[number] = json_line(log_line(dispute, decided, self._calls[dialogue_id]) | note)

    def contents(self, out: Path) -> dict[Path, bytes]:
        """The care file and its log."""
        log = "".join(line for _, line in sorted(self._lines.items()))
        return {**self._care.contents(out), log_path(out): log.encode()}

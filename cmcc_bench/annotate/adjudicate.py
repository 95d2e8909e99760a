"""Adjudication on the page: the labels of all annotators side by side. The result is a care file and a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cmcc_bench.annotate.calls import CallStore
from cmcc_bench.annotate.care import CareEntries
from cmcc_bench.annotate.session import CANDIDATE_KEYS, Candidate, ListMode, PageQuestion
from cmcc_bench.annotate.store import OPEN, Decision, QuestionPlace
from cmcc_bench.quality.adjudication import Adjudication, Decided, Dispute, result_of_call
from cmcc_bench.quality.decisions import log_path
from cmcc_bench.quality.spreadsheet import json_line


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
    """The care file, and beside it the log, a line for each dispute that is decided.

    taken: the disputes that were decided before the page, by position. annotator: who decides on the page.
    """

    def __init__(
        self, annotator: str, calls: CallStore, adjudication: Adjudication, taken: Mapping[int, Decided]
    ) -> None:
        self._annotator, self._calls = annotator, calls
        self._adjudication, self._taken = adjudication, taken
        self._entries = CareEntries(adjudication.about, calls)
        self._lines: dict[str, dict[int, bytes]] = {}  # dialogue id -> the lines by position of the dispute
        for dialogue_id in calls:
            self.update(dialogue_id, {})

    def update(self, dialogue_id: str, decisions: Mapping[QuestionPlace, Decision]) -> None:
        """Takes the decisions about a call in place of earlier ones."""
        decided: dict[int, Decided] = {}
        for at in self._adjudication.disputes_of.get(dialogue_id, ()):
            dispute = self._adjudication.disputes[at]
            decision = decisions.get((dispute.utterance, dispute.field), OPEN)
            if decision.labels is not None:
                decided[at] = Decided(decision.labels, self._annotator, decision.choice or "labels", decision.note)
            elif at in self._taken:
                decided[at] = self._taken[at]
        entry, lines = result_of_call(self._adjudication, decided, self._calls[dialogue_id])
        self._entries.set(dialogue_id, entry)
        self._lines[dialogue_id] = {at: json_line(line).encode() for at, line in lines.items()}

    def contents(self, out: Path) -> dict[Path, list[bytes]]:
        """The care file and its log."""
        lines = {at: line for some in self._lines.values() for at, line in some.items()}
        return {out: self._entries.as_file(), log_path(out): [lines[at] for at in sorted(lines)]}

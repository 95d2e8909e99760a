"""The findings of `cmcc check` on the page, and the review file that is made of the decisions, for `--apply`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cmcc_bench.annotate.session import Candidate, ListMode, Mark, PageQuestion
from cmcc_bench.annotate.store import Decision, QuestionPlace
from cmcc_bench.quality.kinds import KINDS
from cmcc_bench.quality.review import ReviewItem, review_head, review_line
from cmcc_bench.vocabulary import VOCABULARIES

ACCEPT, REJECT = "accept", "reject"
_CHINESE = {
    "conflicting_labels": "标签冲突：中性与其他情绪同时出现，或标签重复",
    "missing_label": "有线索词，但没有该标签",
    "label_without_cue": "有该标签，但没有线索词",
    "likely_missing_label": "模型认为可能缺少该标签",
    "likely_wrong_label": "模型认为该标签可能有误",
    "satisfaction_sample": "随机抽取十分之一的满意度标签复核",
}


def review_mode(items: Iterable[ReviewItem]) -> ListMode:
    """The questions of a review, by dialogue."""
    questions: dict[str, list[PageQuestion]] = {}
    for item in items:
        questions.setdefault(item.dialogue_id, []).append(_question(item))
    return ListMode("review", questions)


def _question(item: ReviewItem) -> PageQuestion:
    candidates = [Candidate(ACCEPT, "a", item.proposed)]
    if item.field != "satisfaction" or item.proposed != item.current:  # not a sample, which is only looked at again
        candidates.append(Candidate(REJECT, "r", item.current))
    added = [label for label in item.add if label not in item.current]
    changes = [*((label, "add") for label in added), *((label, "remove") for label in item.remove)]
    marks = [Mark(label, change, "") for label, change in changes]
    cues = f" ({'、'.join(item.cues)})" if item.cues else ""
    about = {
        "en": "; ".join(KINDS[kind].meaning for kind in item.kinds) + cues,
        "zh": "；".join(_CHINESE.get(kind, KINDS[kind].meaning) for kind in item.kinds) + cues,
    }
    # An empty cell of a review file is no decision, so "no act" can only be accepted or kept.
    can_be_none = not item.proposed or not item.current
    return PageQuestion(
        item.utterance, item.field, item.proposed, tuple(marks), tuple(candidates), about, can_be_none
    )  # fmt: skip


class ReviewFile:
    """The review file with the decisions so far: all questions in their order, open ones without a decision."""

    def __init__(self, path: Path, annotator: str, items: Sequence[ReviewItem]) -> None:
        self._path, self._annotator = path, annotator
        self._items: dict[str, dict[QuestionPlace, tuple[int, ReviewItem]]] = {}
        self._lines: list[bytes] = []
        for number, item in enumerate(items):
            self._items.setdefault(item.dialogue_id, {})[item.utterance, item.field] = number, item
            self._lines.append(review_line(path, item.as_dict()).encode())

    def update(self, dialogue_id: str, decisions: Mapping[QuestionPlace, Decision]) -> None:
        """Takes the decisions about a call in place of earlier ones."""
        for place, (number, item) in self._items[dialogue_id].items():
            word = decision_word(item, decisions.get(place, Decision()))
            row = item.as_dict() | ({"decision": word, "annotator": self._annotator} if word else {})
            self._lines[number] = review_line(self._path, row).encode()

    def contents(self, out: Path) -> dict[Path, list[bytes]]:
        """The review file."""
        return {out: [review_head(self._path).encode(), *self._lines]}


def decision_word(item: ReviewItem, decision: Decision) -> str:
    """The cell `decision` of a review file: accept, reject, the names of other labels, or "" while it is open."""
    if decision.labels is None:
        return ""
    if decision.labels == item.proposed:
        return ACCEPT
    if decision.labels == tuple(sorted(item.current)) and item.field != "satisfaction":
        return REJECT
    return ",".join(VOCABULARIES[item.field].names[label] for label in decision.labels)

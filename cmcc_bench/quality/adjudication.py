"""Adjudication: from the labels of several annotators to one care file, and a log of who decided what.

    cmcc agreement care_A.json care_B.json care_C.json --data raw --adjudicate care_adjudicated.json
    cmcc agreement ... --adjudicate care_adjudicated.json --apply care_adjudicated.review.csv

What all annotators of a unit gave is taken. About the rest a proposal is made, and asked in a review file that is
filled in like the one of `cmcc check`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_json, write_text
from cmcc_bench.quality.aggregation import propose_labels
from cmcc_bench.quality.annotations import Annotations
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.decisions import checked_rows, log_path
from cmcc_bench.quality.exchange import KEYS, CallLabels, care_entry, exchanged
from cmcc_bench.quality.review import ReviewItem, ReviewRow, propose, review_item
from cmcc_bench.quality.spreadsheet import json_line
from cmcc_bench.vocabulary import VOCABULARIES

FIELDS = (*KEYS, "satisfaction")
_ABOUT = "Care labels of several annotators: those that all gave, and those decided where they differ; see the log."


@dataclass(frozen=True)
class Dispute:
    """A question on which annotators disagree.

    given: sorted class indices by annotator, without those who did not label it. proposal: what is suggested, such as
    the majority. about: a line to show, such as the probability of the proposal, in English (`en`) and Chinese (`zh`).
    certainty: of the proposal, 0 to 1.
    """

    dialogue_id: str
    utterance: int | None
    field: str
    given: Mapping[str, tuple[int, ...]]
    proposal: tuple[int, ...]
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    certainty: float = 0.0

    @property
    def shared(self) -> tuple[int, ...]:
        """The labels that all annotators gave; neutral if there is no such emotion."""
        common = set.intersection(*map(set, self.given.values()))
        return propose(self.field, common, (), ())


@dataclass(frozen=True)
class Decided:
    """The labels of a dispute, and who or what decided: an annotator, or a method of aggregation.

    decision: accept, reject or labels, as in a review file, or whose labels were chosen; `taken` if a method decided.
    """

    labels: tuple[int, ...]
    by: str
    decision: str
    note: str = ""


@dataclass(frozen=True)
class Adjudication:
    """What annotators agree and disagree about. agreed: labels by dialogue id; alone: how many of them one gave alone.

    method: what made the proposals.
    """

    annotators: tuple[str, ...]
    method: str
    agreed: Mapping[str, CallLabels]
    alone: int
    disputes: tuple[Dispute, ...]

    @cached_property
    def disputes_of(self) -> Mapping[str, Sequence[int]]:
        """The positions of the disputes about each dialogue."""
        positions: dict[str, list[int]] = {}
        for at, one in enumerate(self.disputes):
            positions.setdefault(one.dialogue_id, []).append(at)
        return positions

    @property
    def about(self) -> dict[str, Any]:
        """What the care file says about itself."""
        return {"_about": _ABOUT, "annotators": list(self.annotators)}


def with_short_names(annotators: Sequence[Annotations]) -> list[Annotations]:
    """The annotators, called care_A for my/files/care_A.json where this is clear."""
    short = [Path(one.name).name.removesuffix(".gz").removesuffix(".json") for one in annotators]
    return [
        replace(one, name=name) if name and short.count(name) == 1 else one
        for one, name in zip(annotators, short, strict=True)
    ]


def adjudicate(annotators: Sequence[Annotations], calls: Mapping[str, Call], method: str) -> Adjudication:
    """Compares the labels of annotators, and proposes labels where they differ. calls: by dialogue id, for the order.

    Raises cmcc.DataError without the calls of the annotators, or if two annotators have the same name.
    """
    names = [one.name for one in annotators]
    if len(set(names)) < len(names):
        raise DataError("two annotators have the same name", "", "Name each source of labels once.")
    if not any(one.dialogues & calls.keys() for one in annotators):
        raise DataError("an adjudication needs the calls", "", "Add --data RAW, the calls that the annotators labeled.")
    agreed: dict[str, CallLabels] = {dialogue_id: {} for dialogue_id in calls}
    disputes: list[Dispute] = []
    alone = 0
    for kind in FIELDS:
        given = _given(annotators, kind, calls)
        several = [(place, labels) for place, labels in given.items() if len(labels) > 1]
        alone += len(given) - len(several)
        proposals = propose_labels(kind, [labels for _, labels in several], names, method)
        made = {place: proposal for (place, _), proposal in zip(several, proposals, strict=True)}
        for (dialogue_id, number), labels in given.items():
            if len(set(labels.values())) == 1:
                agreed[dialogue_id][number, kind] = next(iter(labels.values()))
            else:
                proposal = made[dialogue_id, number]
                about = _about(method, proposal.certainty)
                disputes.append(Dispute(dialogue_id, number, kind, labels, proposal.labels, about, proposal.certainty))
    order = {dialogue_id: position for position, dialogue_id in enumerate(calls)}
    disputes.sort(key=lambda one: (order[one.dialogue_id], one.utterance is None, one.utterance or 0))
    return Adjudication(tuple(names), method, {key: x for key, x in agreed.items() if x}, alone, tuple(disputes))


def _about(method: str, certainty: float) -> dict[str, str]:
    chinese = {"majority": "多数", "dawid-skene": "Dawid-Skene"}[method]
    return {"en": f"{method}: {certainty:.2f}", "zh": f"{chinese}：{certainty:.2f}"}


def _given(
    annotators: Sequence[Annotations], kind: str, calls: Mapping[str, Call]
) -> dict[tuple[str, int | None], dict[str, tuple[int, ...]]]:
    """The labels by annotator of each unit (dialogue id, utterance) of a field, in the order of the calls."""
    units: dict[tuple[str, int | None], dict[str, tuple[int, ...]]] = {}
    for one in annotators:
        if kind == "satisfaction":
            for dialogue_id, level in one.satisfaction.items():
                units.setdefault((dialogue_id, None), {})[one.name] = (level,)
        else:
            labeled = one.emotions if kind == "emotions" else one.acts
            for (dialogue_id, number), labels in labeled.items():
                units.setdefault((dialogue_id, number), {})[one.name] = tuple(sorted(labels))
    order = {dialogue_id: position for position, dialogue_id in enumerate(calls)}
    known = sorted((place for place in units if place[0] in order), key=lambda place: (order[place[0]], place[1] or 0))
    return {place: units[place] for place in known}


def review_items(disputes: Iterable[Dispute], calls: Mapping[str, Call]) -> Iterator[ReviewItem]:
    """Turns disputes into questions of a review file: `current` is what all gave, `cues` what each one gave."""
    for one in disputes:
        add, remove = _change(one.shared, one.proposal)
        item = review_item(calls[one.dialogue_id], one.utterance, one.field)
        cues = tuple(f"{name}: {'+'.join(_names(one.field, labels)) or '-'}" for name, labels in one.given.items())
        yield replace(
            item, kinds=("disagreement",), cues=(*cues, one.about["en"]), current=one.shared, add=add, remove=remove
        )


def _change(before: Collection[int], after: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The labels that a change adds, and those that it removes."""
    return tuple(sorted(set(after) - set(before))), tuple(sorted(set(before) - set(after)))


def decide(
    adjudication: Adjudication, calls: Mapping[str, Call], rows: list[ReviewRow], review: str, take: float
) -> dict[int, Decided]:
    """The decided disputes, by position: those in the rows of a review, and proposals of at least the certainty `take`.

    review: the name of the review file, for messages. Raises cmcc.DataError, which lists all such rows, for a row that
    is about no dispute, or whose dispute has changed since the review file was written.
    """
    places = {(one.dialogue_id, one.utterance, one.field): at for at, one in enumerate(adjudication.disputes)}

    def current(row: ReviewRow) -> tuple[int, ...]:
        """The labels that the row should have as current ones."""
        at = places.get((row.dialogue_id, row.utterance, row.field))
        if at is None:
            hint = "The annotations have changed since the review file was written. Write a new one."
            raise DataError("the annotators do not disagree about this", "", hint, **row.place)
        return adjudication.disputes[at].shared

    decided = {
        at: Decided(one.proposal, adjudication.method, "taken")
        for at, one in enumerate(adjudication.disputes)
        if one.certainty >= take
    }
    for row in checked_rows(rows, calls, review, current):
        at = places[row.dialogue_id, row.utterance, row.field]
        decided[at] = Decided(row.after, row.annotator, row.decision)
    return decided


def final_labels(
    adjudication: Adjudication, decided: Mapping[int, Decided], proposed: bool = False
) -> dict[str, CallLabels]:
    """The labels that are agreed or decided, by dialogue. proposed: also the proposals about the rest."""
    labels = {dialogue_id: dict(agreed) for dialogue_id, agreed in adjudication.agreed.items()}
    for at, one in enumerate(adjudication.disputes):
        if at in decided or proposed:
            after = decided[at].labels if at in decided else one.proposal
            labels.setdefault(one.dialogue_id, {})[one.utterance, one.field] = after
    return labels


def result_of_call(
    adjudication: Adjudication, decided: Mapping[int, Decided], call: Call
) -> tuple[dict[str, Any] | None, dict[int, dict[str, Any]]]:
    """The entry of a call in the care file, None without labels; the log lines of its decided disputes, by position.

    A field of a call is written when nothing about it is undecided.
    """
    labels, undecided, lines = (
        dict(adjudication.agreed.get(call.dialogue_id, {})),
        set[str](),
        dict[int, dict[str, Any]](),
    )
    for at in adjudication.disputes_of.get(call.dialogue_id, ()):
        dispute = adjudication.disputes[at]
        if at in decided:
            labels[dispute.utterance, dispute.field] = decided[at].labels
            lines[at] = _log_line(dispute, decided[at], call)
        else:
            undecided.add(dispute.field)
    done = {place: given for place, given in labels.items() if place[1] not in undecided}
    return care_entry(replace(exchanged(call), labels=done)) if done else None, lines


def write_adjudicated(
    out: Path, adjudication: Adjudication, decided: Mapping[int, Decided], calls: Mapping[str, Call]
) -> None:
    """Writes the care file, and the log of decided disputes beside it, a line for each.

    A log line is as `cmcc check --apply` writes it, and has what each annotator gave.
    """
    results = [result_of_call(adjudication, decided, call) for call in calls.values()]
    write_json(out, adjudication.about | {"dialogues": [entry for entry, _ in results if entry]})
    lines = {at: line for _, some in results for at, line in some.items()}
    write_text(log_path(out), "".join(json_line(lines[at]) for at in sorted(lines)))


def _log_line(dispute: Dispute, decided: Decided, call: Call) -> dict[str, Any]:
    """A line of the log. before: the proposal; add, remove: what the decision changes in it."""
    add, remove = _change(dispute.proposal, decided.labels)
    return {
        "annotator": decided.by,
        "dialogue_id": dispute.dialogue_id,
        "utterance": dispute.utterance,
        "turn": None if dispute.utterance is None else call.row["utterances"][dispute.utterance]["turn"],
        "field": dispute.field,
        "decision": decided.decision,
        "before": _names(dispute.field, dispute.proposal),
        "after": _names(dispute.field, sorted(decided.labels)),
        "add": _names(dispute.field, add),
        "remove": _names(dispute.field, remove),
        "applied": True,
        "given": {name: _names(dispute.field, labels) for name, labels in dispute.given.items()},
        **({"certainty": round(dispute.certainty, 4)} if dispute.certainty else {}),
        **({"note": decided.note} if decided.note else {}),
    }


def _names(kind: str, labels: Iterable[int]) -> list[str]:
    """The English names of labels."""
    return [VOCABULARIES[kind].names[label] for label in labels]

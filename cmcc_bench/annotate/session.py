"""What the page can ask for: a call, a decision, undo, what changed, a search. It knows no HTTP.

The session is the same for all modes. A mode says what is asked about a call, which labels are offered, and what is
proposed: `annotate` asks everything, `review` the findings of a check, `adjudicate` what annotators disagree about.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from cmcc_bench.annotate.calls import CallStore, shown
from cmcc_bench.annotate.guide import guide
from cmcc_bench.annotate.store import Decision, DecisionStore, QuestionPlace, WorkProgress
from cmcc_bench.annotate.suggest import Suggestions
from cmcc_bench.errors import DataError
from cmcc_bench.masking import mask_lines
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import NEUTRAL, field_of
from cmcc_bench.types import Json, Row
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS, SATISFACTION, VOCABULARIES

# The keys of labels. Not among them: keys of commands (g, l, n, z) and of candidates.
_LETTERS = "qwetyuio"
CANDIDATE_KEYS = "asdfhjkxcvb"
_LONGEST_NOTE = 2000


@dataclass(frozen=True)
class Mark:
    """A suggested label: where it comes from (data, model, lexicon), and a detail, such as a cue or a probability."""

    label: int
    source: str
    detail: str


@dataclass(frozen=True)
class Candidate:
    """Labels that one key takes. name: whose they are or what taking them means; it is kept as the choice."""

    name: str
    key: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class PageQuestion:
    """A question about a call. proposal: what Enter accepts; None: Enter decides nothing.

    about: a line to show, such as why it is asked, in English and Chinese. can_be_none: whether it may have no label.
    """

    utterance: int | None
    field: str
    proposal: tuple[int, ...] | None
    marks: tuple[Mark, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    can_be_none: bool = True


class Mode(Protocol):
    """What is asked about calls. offered: the labels of each field, as class indices in the order of their keys."""

    @property
    def name(self) -> str:
        """annotate, review or adjudicate."""

    @property
    def offered(self) -> Mapping[str, Sequence[int]]:
        """The labels by field."""

    def asked(self, call: Call) -> list[PageQuestion]:
        """The questions about a call, in the order of the utterances; the one about the whole call is the last."""

    def texts(self, call: Call) -> list[str]:
        """The utterances as they are shown."""

    def prepare(self, dialogue_id: str) -> None:
        """Is called with a call that may be opened soon."""

    def close(self) -> None:
        """Ends what `prepare` began."""


@dataclass(frozen=True)
class AnnotateMode:
    """Asks for all labels: emotions of the user, acts of the service, the satisfaction of the call."""

    suggestions: Suggestions
    acts: Sequence[int] = tuple(map(ACTS.id_of, CARING_ACTS))
    name: str = dataclasses.field(default="annotate", init=False)

    @cached_property
    def offered(self) -> Mapping[str, Sequence[int]]:
        """The labels by field."""
        return {"emotions": range(len(EMOTIONS)), "acts": self.acts, "satisfaction": range(len(SATISFACTION))}

    def asked(self, call: Call) -> list[PageQuestion]:
        """A question for each utterance, and one for the call."""
        opinions = self.suggestions.of(call)
        places: list[QuestionPlace] = [(n, field_of(u["speaker"])) for n, u in enumerate(call.row["utterances"])]
        return [self._asked(place, opinions) for place in [*places, (None, "satisfaction")]]

    def texts(self, call: Call) -> list[str]:
        """The utterances, unmasked: a label may depend on a number or a name."""
        return [utterance["text"] for utterance in call.row["utterances"]]

    def prepare(self, dialogue_id: str) -> None:
        """Begins to compute suggestions."""
        self.suggestions.prepare(dialogue_id)

    def close(self) -> None:
        """Computes no more suggestions."""
        self.suggestions.close()

    def sizes(self, calls: CallStore) -> dict[str, int]:
        """The number of questions of each call."""
        return {dialogue_id: len(calls.speakers[dialogue_id]) + 1 for dialogue_id in calls}

    def _asked(
        self, place: QuestionPlace, opinions: Sequence[tuple[str, Mapping[QuestionPlace, Mapping[int, str]]]]
    ) -> PageQuestion:
        utterance, name = place
        proposal, marks = None, []
        for source, of_source in opinions:
            opinion = of_source.get(place)
            if opinion is None:
                continue
            labels = [label for label in opinion if label in self.offered[name]]
            marks += [Mark(label, source, shown(opinion[label])) for label in labels]
            proposal = tuple(labels) if proposal is None else proposal
        return PageQuestion(utterance, name, whole_proposal(name, proposal or ()), tuple(marks))


@dataclass(frozen=True)
class ListMode:
    """Asks listed questions: the findings of a check (`review`), or what annotators disagree about (`adjudicate`).

    questions: by dialogue id, in the order of the calls.
    """

    name: str
    questions: Mapping[str, Sequence[PageQuestion]]

    @cached_property
    def offered(self) -> Mapping[str, Sequence[int]]:
        """All labels of the three fields."""
        return {name: range(len(VOCABULARIES[name])) for name in ("emotions", "acts", "satisfaction")}

    def asked(self, call: Call) -> list[PageQuestion]:
        """The listed questions about a call, in the order of the utterances."""
        end = len(call.row["utterances"])
        return sorted(self.questions[call.dialogue_id], key=lambda one: end if one.utterance is None else one.utterance)

    def texts(self, call: Call) -> list[str]:
        """The utterances, with personal data masked, as in a review file."""
        return mask_lines(utterance["text"].replace("\n", " ") for utterance in call.row["utterances"])

    def prepare(self, dialogue_id: str) -> None:
        """Does nothing: nothing has to be computed."""

    def close(self) -> None:
        """Does nothing, as `prepare`."""

    def sizes(self) -> dict[str, int]:
        """The number of questions of each call."""
        return {dialogue_id: len(questions) for dialogue_id, questions in self.questions.items()}


def whole_proposal(name: str, labels: Sequence[int]) -> tuple[int, ...] | None:
    """What Enter accepts where these labels are suggested: an utterance without any is neutral, or has no act.

    A call without a suggestion has no proposal: its satisfaction is never guessed.
    """
    if name == "emotions":
        return tuple(sorted(set(labels) - {NEUTRAL})) or (NEUTRAL,)
    return tuple(sorted(set(labels))) if labels or name == "acts" else None


class AnnotationSession:
    """An annotator's work on calls, as the page asks for it. Calls are numbered from 0, in the order of the work."""

    def __init__(
        self, mode: Mode, annotator: str, title: str, calls: CallStore, order: Sequence[str], store: DecisionStore
    ) -> None:
        """order: the dialogue ids of the calls that are shown. title: what is annotated, such as the name of DATA."""
        self._mode, self._annotator, self._title = mode, annotator, title
        self._calls, self._order, self._store = calls, list(order), store
        self._guide = guide(mode.offered)
        self._asked: dict[int, dict[QuestionPlace, PageQuestion]] = {}  # of the calls that were opened
        self._number = {dialogue_id: number for number, dialogue_id in enumerate(self._order)}

    def start(self, number: int = -1) -> Json:
        """What the page needs once: labels with their keys, the guideline, and a call.

        number: the call that was shown before the page was loaded again; else it is the first one that is not done.
        """
        first = number if 0 <= number < len(self._order) else self._next_open(-1) or 0
        fields = {name: self._field(name, labels) for name, labels in self._mode.offered.items()}
        head = {"mode": self._mode.name, "title": self._title, "annotator": self._annotator, "fields": fields}
        return head | {"guide": self._guide, "call": self.open(first)} | self._state(None)

    def open(self, number: int) -> Json:
        """A call: its utterances, its questions and what is decided. Raises cmcc.DataError if there is none."""
        if not 0 <= number < len(self._order):
            raise DataError(f"call {number + 1}", f"1 to {len(self._order)}", "Choose another number.")
        call = self._calls[self._order[number]]
        self._mode.prepare(self._order[(number + 1) % len(self._order)])
        asked = self._mode.asked(call)
        self._asked[number] = {(one.utterance, one.field): one for one in asked}
        decisions = [self._store.get((call.dialogue_id, one.utterance, one.field)) for one in asked]
        questions = [asdict(one) | asdict(decision) for one, decision in zip(asked, decisions, strict=True)]
        texts = zip(call.row["utterances"], self._mode.texts(call), strict=True)
        utterances = [{"speaker": utterance["speaker"], "text": shown(text)} for utterance, text in texts]
        return {
            "number": number,
            "id": shown(call.dialogue_id),
            "utterances": utterances,
            "questions": questions,
            "changes": self._store.changes,
        }

    def decide(self, body: Row) -> Json:
        """Saves a decision; the answer is what changed since the page asked last, and the progress.

        body: call (number), utterance, field, labels (class indices, or None), choice, note, changes; with open_next
        the answer also has the next open call as `next`.
        Raises cmcc.DataError for a decision that cannot be, and OSError if it cannot be saved.
        """
        number, utterance, name = body.get("call"), body.get("utterance"), body.get("field")
        if not isinstance(number, int) or not 0 <= number < len(self._order):
            raise DataError("a decision about no call", "", "Reload the page.")
        if number not in self._asked:  # the page was opened before this process was started
            self.open(number)
        asked = next((one for place, one in self._asked[number].items() if place == (utterance, name)), None)
        if asked is None:
            raise DataError("a decision about something that is not asked", "", "Reload the page.")
        labels = checked_labels(asked, body.get("labels"), self._mode.offered[asked.field])
        decision = Decision(labels, _text(body, "choice"), _text(body, "note"))
        self._store.set((self._order[number], asked.utterance, asked.field), decision)
        following = {"next": self.open_next(number)} if body.get("open_next") else {}
        return self._state(body.get("changes")) | following

    def undo(self, body: Row) -> Json:
        """Takes back the last change. The answer has its call as `undone`, or None where nothing is left."""
        question = self._store.undo()
        undone = None
        if question and question[0] in self._number:
            undone = {"call": self._number[question[0]], "utterance": question[1], "field": question[2]}
        return self._state(body.get("changes")) | {"undone": undone}

    def changed(self, changes: int) -> Json:
        """What changed since then."""
        return self._state(changes)

    def open_next(self, number: int) -> Json:
        """The next call with an open question, after the last one the first; None if there is none."""
        following = self._next_open(number)
        return None if following is None else self.open(following)

    def search(self, text: str) -> Json:
        """The utterances that contain a text."""
        found = self._calls.search(text, self._order)
        return [{"call": self._number[id_], "utterance": n, "text": excerpt} for id_, n, excerpt in found]

    def progress(self) -> WorkProgress:
        """How much is decided."""
        return self._store.progress()

    def close(self) -> None:
        """Writes the file; `problem` says why if that failed."""
        self._mode.close()
        self._store.close()

    @property
    def out(self) -> Path:
        """The file."""
        return self._store.out

    @property
    def problem(self) -> str:
        """Why the file could not be written the last time; "" if it was. The journal has all decisions."""
        return self._store.problem

    def _next_open(self, number: int) -> int | None:
        count = len(self._order)
        for step in range(1, count + 1):
            if not self._store.is_done(self._order[(number + step) % count]):
                return (number + step) % count
        return None

    def _field(self, name: str, labels: Sequence[int]) -> Json:
        vocabulary = VOCABULARIES[name]
        return [
            {
                "label": label, "key": key, "en": vocabulary.names[label].replace("_", " "),
                "zh": vocabulary.chinese[label],
            }
            for label, key in zip(labels, label_keys(name, len(labels)), strict=True)
        ]  # fmt: skip

    def _state(self, changes: object) -> Json:
        """The progress, and the decisions that changed; `changes` is None if the page has to load the call again."""
        questions = self._store.changed_since(changes) if isinstance(changes, int) else None
        changed = None
        if questions is not None:
            changed = [
                {"call": self._number[q[0]], "utterance": q[1], "field": q[2]} | asdict(self._store.get(q))
                for q in dict.fromkeys(questions)
                if q[0] in self._number
            ]
        progress = asdict(self._store.progress())
        return {
            "changed": changed, "changes": self._store.changes, "progress": progress, "problem": self._store.problem
        }  # fmt: skip


def label_keys(name: str, count: int) -> list[str]:
    """The keys of the labels of a field: digits, then letters. 0 is neutral, and no act."""
    start = 0 if name == "emotions" else 1
    keys = [*map(str, range(start, 10)), *_LETTERS]
    return keys[:count]


def checked_labels(asked: PageQuestion, labels: object, offered: Sequence[int]) -> tuple[int, ...] | None:
    """Labels that the page sends, sorted; None if the question is open again.

    Raises cmcc.DataError for labels that are not offered, neutral with another emotion, two levels of satisfaction, or
    no label where there must be one.
    """
    name = asked.field
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(isinstance(x, int) and x in offered for x in labels):
        names = ", ".join(VOCABULARIES[name].names[label] for label in offered)
        raise DataError(f"{labels!r:.60}", f"class indices of {names}", field=name)
    result = tuple(sorted(set(labels)))
    if name == "emotions" and (not result or (NEUTRAL in result and len(result) > 1)):
        raise DataError("no emotion, or neutral with another", "neutral alone, or other emotions", field=name)
    if name == "satisfaction" and len(result) != 1:
        raise DataError(f"{len(result)} labels", "one label", field=name)
    if not result and not asked.can_be_none:
        raise DataError("no label", "one label or more", field=name)
    return result


def _text(body: Row, key: str) -> str:
    value = body.get(key) or ""
    if not isinstance(value, str) or len(value) > _LONGEST_NOTE:
        raise DataError("a text that is too long", f"at most {_LONGEST_NOTE} characters", "Shorten it.", field=key)
    return value

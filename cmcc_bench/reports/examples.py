"""The paper's table 4: exchanges with the gold reply and those of the systems, with emotions, acts and KB values.

Texts are those of the data set, with personal data masked. Of real calls none is shown unless it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from cmcc_bench.corpus import is_licensed
from cmcc_bench.masking import mask
from cmcc_bench.reports.systems import ResponseSystem
from cmcc_bench.reports.table import ReportTable, mark
from cmcc_bench.tasks import Prediction, Row
from cmcc_bench.tasks.strict import mark_values
from cmcc_bench.textform import normalize_labels
from cmcc_bench.vocabulary import ACTS, CARING_ACTS, EMOTIONS

DEFAULT = 8  # examples of synthetic data
_CARING = frozenset(ACTS[name] for name in CARING_ACTS)


@dataclass(frozen=True)
class Reply:
    """A reply in an example.

    name: who replies. emotions: those that the system recognized; None where it writes none. acts: Chinese names.
    parts: the text in pieces, each with whether it is a KB value that answers the request.
    """

    name: str
    emotions: tuple[str, ...] | None
    acts: tuple[str, ...]
    parts: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        """The whole reply."""
        return "".join(text for text, _ in self.parts)


@dataclass(frozen=True)
class Example:
    """An exchange: what the user says, with the gold emotions (Chinese names) and the KB's answer, and the replies."""

    dialogue_id: str
    exchange: int
    user: str
    emotions: tuple[str, ...]
    kb_values: tuple[str, ...]
    replies: tuple[Reply, ...]


@dataclass(frozen=True)
class Examples:
    """Table 4. columns: of its Markdown table, after the user's words. note: how many replies differ, or why none."""

    shown: tuple[Example, ...]
    columns: tuple[str, ...]
    note: str
    licensed: bool

    def table(self, synthetic: bool) -> ReportTable:
        """The examples as a table, without labels."""
        columns = ("exchange", "user", *self.columns)
        rows = tuple(
            (f"{example.dialogue_id} #{example.exchange}", example.user, *(reply.text for reply in example.replies))
            for example in self.shown
        )
        return ReportTable(f"Table 4{mark(synthetic)}", columns, rows, (self.note,))


def find_examples(systems: Mapping[str, ResponseSystem], rows: Sequence[Row], count: int | None) -> Examples:
    """Exchanges in which the systems reply differently; of one system, any exchanges.

    Those with a negative emotion or a caring act, and those that say a KB value, come first.
    systems: column -> system. count: how many; None: DEFAULT of simulated dialogues, none of real calls.
    """
    columns, licensed = ("gold response", *systems), is_licensed(rows)
    answers = {name: {(p.dialogue_id, p.exchange): p for p in system.answers} for name, system in systems.items()}
    candidates = []
    for row in rows:
        key = row["dialogue_id"], row["exchange"]
        replies = {name: given[key] for name, given in answers.items() if key in given}
        if len(replies) == len(systems) and (len(systems) == 1 or _differ(replies)):
            candidates.append((row, replies))
    if count is None and licensed:
        note = "No examples, because the data hold real calls. --examples N shows N exchanges, personal data masked."
        return Examples((), columns, note, licensed)
    shown = islice(_ordered(candidates), DEFAULT if count is None else count)
    examples = tuple(_example(row, replies) for row, replies in shown)
    first = "with negative emotions, caring acts and KB values come first"
    note = f"Exchanges {first}."
    if len(systems) > 1:
        note = f"Replies to {len(candidates)} of {len(rows)} exchanges differ; those {first}."
    return Examples(examples, columns, note, licensed)


def is_negative(row: Row) -> bool:
    """Whether the user of an exchange has a negative emotion, by gold."""
    return bool(set(normalize_labels(row["emotions"], EMOTIONS)) - {EMOTIONS["neutral"]})


def caring_acts(acts: str) -> frozenset[str]:
    """The caring acts in a text of acts, by their Chinese names."""
    return _CARING & set(normalize_labels(acts, ACTS))


def _differ(replies: Mapping[str, Prediction]) -> bool:
    return len({reply.response for reply in replies.values()}) > 1


Answered: TypeAlias = tuple[Row, Mapping[str, Prediction]]  # a row, and the reply of each system


def _ordered(candidates: Sequence[Answered]) -> Iterator[Answered]:
    """The exchanges, in turn one with a KB value and care, one with care, and one with a KB value; the rest last.

    In each of these groups, caring acts come first, then a dialogue's first before any dialogue's second.
    """
    groups: dict[int, Counter[str]] = {3: Counter(), 2: Counter(), 1: Counter(), 0: Counter()}
    keyed = []
    for number, (row, _) in enumerate(candidates):
        has_caring_act = bool(caring_acts(row["acts"]))
        cares = has_caring_act or is_negative(row)
        says_value = any(is_value for _, is_value in mark_values(row["response"], row["kb_result"].split(",")))
        kind = 2 * cares + says_value
        groups[kind][row["dialogue_id"]] += 1
        nth = groups[kind][row["dialogue_id"]]
        keyed.append((kind, not has_caring_act, nth, row["dialogue_id"], row["exchange"], number))
    ranks: Counter[int] = Counter()
    ranked = []
    for kind, *_, number in sorted(keyed):
        ranks[kind] += 1
        ranked.append((kind == 0, ranks[kind], -kind, number))
    yield from (candidates[number] for *_, number in sorted(ranked))


def _example(row: Row, replies: Mapping[str, Prediction]) -> Example:
    values = tuple(value for value in row["kb_result"].split(",") if value)
    shown = [_reply("gold response", None, row["acts"], row["response"], values)]
    for name, reply in replies.items():
        shown.append(_reply(name, reply.emotions, reply.acts, reply.response, values))
    return Example(
        row["dialogue_id"],
        row["exchange"],
        mask(row["user"]),
        normalize_labels(row["emotions"], EMOTIONS),
        tuple(map(mask, values)),
        tuple(shown),
    )


def _reply(name: str, emotions: str | None, acts: str, text: str, values: Sequence[str]) -> Reply:
    recognized = None if emotions is None else normalize_labels(emotions, EMOTIONS)
    return Reply(name, recognized, normalize_labels(acts, ACTS), mark_values(mask(text), values))

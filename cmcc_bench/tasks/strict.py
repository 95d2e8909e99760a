"""The counts of the strict scores, the default version of the task response.

Label sets must match exactly, and replies must give every requested value at or after the exchange that asks for it.
Texts are compared in lower case, without blanks and pauses (_), because models write lower case and decoders drop
blanks. BLEU only lowercases them. Labels are normalized as in the reader: English or Chinese names, in any width and
with any usual separator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cmcc_bench import textform
from cmcc_bench.errors import DataError
from cmcc_bench.tasks.base import Place, PredictedDialogue, Row
from cmcc_bench.tasks.bleu import count_ngrams
from cmcc_bench.tasks.counts import DialogueCounts, LabelCounts, count_labels, sum_bleu, sum_labels
from cmcc_bench.tasks.prediction import Prediction
from cmcc_bench.views.intents import NamedSlot, parse_intent_text, tidy_intent_text
from cmcc_bench.views.kb import NA, LocalKB, UserGoal, goal_from_json, kb_from_json, query
from cmcc_bench.vocabulary import ACTS, EMOTIONS, ENTITY_TYPES, INTENTS, Vocabulary

IntentLabel = tuple[str, frozenset[tuple[str, str]]]  # name, {(entity name or "", slot)}

_BLANKS_AND_PAUSES = re.compile(r"[\s_]+")
_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}  # full-width forms of ASCII

# A number as it is written or spoken: 18, 8.8, 1,800, 十八, 三点八, 百分之八, 第八, 1百. Digits (\d) may be full-width.
# A full-width comma groups full-width digits only: in 套餐18，300兆 it is a comma.
_NUMERAL = r"[\d零〇○一二三四五六七八九十百千万亿两半幺壹贰叁肆伍陆柒捌玖拾佰仟萬億兩廿卅]"
_GROUPED = r"(?:\d{1,3}(?:,\d{3})+|[０-９]{1,3}(?:，[０-９]{3})+)(?!\d)"
_NUMBER = re.compile(rf"第?(?:{_GROUPED}{_NUMERAL}*|{_NUMERAL}+)(?:(?:(?<=\d)[.．](?=\d)|点|分之){_NUMERAL}+)*")


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the user. values: the values, in plain form, that a reply must give in `exchange` or later."""

    exchange: int
    values: tuple[str, ...]


def count_dialogue(
    dialogue: PredictedDialogue[Prediction], fold_caring: bool = False, emotions: bool = False
) -> DialogueCounts:
    """The counts of one dialogue.

    fold_caring: replaces the caring acts of both sides by MobileCS's 13 acts, as the paper does for its baseline.
    emotions: raise cmcc.DataError if the model writes no emotions. Also raises cmcc.DataError if the columns `kb` and
    `goal` are not those of the config `response`.
    """
    pairs = list(zip(dialogue.rows, dialogue.predictions, strict=True))
    asked = requests(dialogue.rows)
    requested = [(request.exchange, value) for request in asked for value in request.values]
    replies = [(prediction.exchange, plain(prediction.response)) for prediction in dialogue.predictions]
    return DialogueCounts(
        sum_labels([count_labels(intent_labels(p.user_intent), intent_labels(row["user_intent"])) for row, p in pairs]),
        sum_labels(
            [count_labels(act_labels(p.acts, fold_caring), act_labels(row["acts"], fold_caring)) for row, p in pairs]
        ),
        sum_labels([count_emotions(p, row, emotions) for row, p in pairs]),
        int(bool(asked) and all(_is_said(value, replies, first=exchange) for exchange, value in requested)),
        int(bool(asked)),
        sum_bleu([count_ngrams(p.response, row["response"]) for row, p in pairs]),
    )


def plain(text: str) -> str:
    """A text in plain form, in which texts are compared: lower case, without blanks and pauses."""
    return _BLANKS_AND_PAUSES.sub("", text.lower())


def says(text: str, value: str) -> bool:
    """Whether a text contains a value, and not only as a part of a longer number. Both are in plain form.

    十八块 and 二百零八块 do not say 八块; 三十八 does not say 三十; 18, 8.5, 0.8 and 8万 do not say 8. But 三月八号
    says 三月八, and 八块五 says 八块, because that value ends with a unit, not a number. Blanks and pauses do not end
    a number (十_八块, 一百_八块): speakers pause inside numbers, and decoders drop blanks, so a reply must score the
    same with and without them. Full-width and half-width characters are equal: some tokenizers turn １８ into 18.
    """
    return any(True for _ in _starts(text, value))


def _starts(text: str, value: str) -> Iterator[int]:
    """Yields the positions at which a text says a value. Both are in plain form."""
    folded, value = text.translate(_WIDTH), value.translate(_WIDTH)
    start = folded.find(value)
    if start < 0:
        return
    # The positions inside a number. A match must not begin or end at one of them.
    inside = {position for number in _NUMBER.finditer(text) for position in range(number.start() + 1, number.end())}
    while start >= 0:
        if start not in inside and start + len(value) not in inside:
            yield start
        start = folded.find(value, start + 1)


def mark_values(text: str, values: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """A text in pieces, as written, each with whether it is one of the values: where `says` finds it, longest first.

    A pause or blank inside a value is part of its piece.
    """
    kept = [(index, low) for index, char in enumerate(text) if plain(char) for low in char.lower()]
    folded = "".join(low for _, low in kept)
    spans: list[tuple[int, int]] = []
    for value in sorted(sorted(filter(None, map(plain, values))), key=len, reverse=True):
        for start in _starts(folded, value):
            begin, end = kept[start][0], kept[start + len(value) - 1][0] + 1
            if all(end <= first or last <= begin for first, last in spans):
                spans.append((begin, end))
    cuts = [0, *(cut for span in sorted(spans) for cut in span), len(text)]
    pieces = [(text[begin:end], bool(number % 2)) for number, (begin, end) in enumerate(pairwise(cuts))]
    return tuple(piece for piece in pieces if piece[0])


def intent_labels(text: str) -> frozenset[IntentLabel]:
    """The user intents of an exchange as labels. A label is an intent with the set of its slots, right only as a whole.

    Intents and entity types are equal by their names in either language and any width. Names of entities are compared
    as written: another name of the same entity makes another slot.
    """
    return frozenset(
        (_known(intent.name, INTENTS), frozenset((plain(slot.name or ""), _slot(slot)) for slot in intent.slots))
        for intent in parse_intent_text(tidy_intent_text(text))
    )


def _slot(slot: NamedSlot) -> str:
    return plain(slot.slot) if slot.name else _known(slot.slot, ENTITY_TYPES)


def _known(name: str, vocabulary: Vocabulary) -> str:
    """A label in the form that is compared: its Chinese name if the vocabulary has it, else the name in plain form."""
    index = vocabulary.find(name)
    return plain(name if index is None else vocabulary.chinese[index])


def act_labels(text: str, fold_caring: bool = False) -> frozenset[str]:
    """The acts of an exchange. An unknown name is kept as a label, which is always wrong."""
    acts = textform.normalize_labels(text, ACTS)
    return frozenset(textform.fold_caring(acts) if fold_caring else acts)


def unknown_labels(prediction: Prediction) -> tuple[tuple[str, str], ...]:
    """The labels that are in no vocabulary, as (field, name). They count as wrong labels."""
    intents = [intent.name for intent in parse_intent_text(tidy_intent_text(prediction.user_intent))]
    unknown = [("user_intent", name) for name in intents if INTENTS.find(name) is None]
    for field, text, vocabulary in (
        ("emotions", prediction.emotions or "", EMOTIONS),
        ("acts", prediction.acts, ACTS),
    ):
        names = textform.normalize_labels(text, vocabulary)
        unknown += [(field, name) for name in names if name not in vocabulary.values()]
    return tuple(dict.fromkeys(unknown))


def count_emotions(prediction: Prediction, row: Row, must_be_written: bool = False) -> LabelCounts:
    """Counts of emotions; zeros if gold has no emotions (not annotated) or the model writes no emotions.

    must_be_written: raise cmcc.DataError if the model writes no emotions.
    """
    if must_be_written and prediction.emotions is None:
        hint = "Score this model without emotions=True."
        place: Place = {"dialogue": prediction.dialogue_id, "exchange": prediction.exchange, "field": "emotions"}
        raise DataError("null: the model writes no emotions", "", hint, **place)
    if prediction.emotions is None or not row["emotions"]:
        return LabelCounts()
    return count_labels(
        frozenset(textform.normalize_labels(prediction.emotions, EMOTIONS)),
        frozenset(textform.normalize_labels(row["emotions"], EMOTIONS)),
    )


def requests(rows: Sequence[Row]) -> tuple[Request, ...]:
    """The requests of the user in a dialogue, from its gold rows in order.

    The values of a request are the KB's answer to the query that training and decoding use, too. Left out are values
    that the user said at or before the exchange that asks, and values that no gold reply says at or after it: no system
    has to give more than the real service did, so gold always succeeds. A request without values is left out.
    """
    kb, goal = _state(rows[0])
    users = [(row["exchange"], plain(row["user"])) for row in rows]
    replies = [(row["exchange"], plain(row["response"])) for row in rows]
    results = []
    for exchange, answer, given in _asked(kb, goal):
        values = dict.fromkeys(value for value in map(plain, answer) if value)
        by_user = {value for value in values if value in given and _is_said(value, users, last=exchange)}
        by_service = [value for value in values if value not in by_user and _is_said(value, replies, first=exchange)]
        if by_service:
            results.append(Request(exchange, tuple(by_service)))
    return tuple(results)


def _state(row: Row) -> tuple[LocalKB, UserGoal]:
    """The local KB and the user's goal of a dialogue. Raises cmcc.DataError if they have another format."""
    try:
        return kb_from_json(row["kb"]), goal_from_json(row["goal"])
    except (KeyError, TypeError, ValueError) as error:
        problem = f"cannot read kb and goal in the format of the config `response` ({error!r})"
        hint = "Score rows of response_rows(compatible=True) with the version seretod."
        raise DataError(problem, "", hint, dialogue=row["dialogue_id"], field="kb, goal") from error


def _asked(kb: LocalKB, goal: UserGoal) -> Iterator[tuple[int, tuple[str, ...], set[str]]]:
    """For each slot or entity type asked for: the first exchange that asks, the KB's answer, the user's own values."""
    given = {
        entity_id: {plain(value) for values in entry.given.values() for value in values}
        for entity_id, entry in goal.entities.items()
    }
    for entity_id, entry in goal.entities.items():
        for slot, exchange in entry.asked.items():
            if entity_id == NA:  # this query searches all entities
                yield exchange, query(kb, slot=slot) or (), set().union(*given.values())
            else:
                yield exchange, query(kb, entity_id=entity_id, slot=slot) or (), given[entity_id]
    names = {plain(name) for entry in goal.entities.values() for name in entry.names}
    for entity_type, exchange in goal.types.items():
        yield exchange, query(kb, type=entity_type) or (), names


def _is_said(value: str, texts: Iterable[tuple[int, str]], first: int = 0, last: int | None = None) -> bool:
    """Whether any of the texts (exchange, text) from exchange `first` to `last`, None for the end, says a value."""
    return any(
        says(text, value) for exchange, text in texts if first <= exchange and (last is None or exchange <= last)
    )

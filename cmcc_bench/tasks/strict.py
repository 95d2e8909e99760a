"""The strict scores of a dialogue, the default: label sets matched exactly, and every requested value said in time.

Texts are compared in lower case without blanks and pauses, as models write lower case and decoders drop blanks; BLEU
takes them as they are, in lower case. Labels are read with the reader's normalization: English or Chinese names, in any
width and with any usual separator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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
    """What the user asks for: `values` (plain form), to be said in the reply of `exchange` or a later one."""

    exchange: int
    values: tuple[str, ...]


def count_dialogue(
    dialogue: PredictedDialogue[Prediction], fold_caring: bool = False, emotions: bool = False
) -> DialogueCounts:
    """The counts of one dialogue.

    fold_caring: the caring acts of both sides are folded back into MobileCS's 13, as the paper's baseline is scored.
    emotions: whether these must be written. Raises cmcc.DataError where they are not, and where `kb` or `goal` are not
    those of the default `response` view.
    """
    pairs = list(zip(dialogue.rows, dialogue.predictions, strict=True))
    asked = requests(dialogue.rows)
    wanted = [(request.exchange, value) for request in asked for value in request.values]
    replies = [(prediction.exchange, plain(prediction.response)) for prediction in dialogue.predictions]
    return DialogueCounts(
        sum_labels([count_labels(intent_labels(p.user_intent), intent_labels(row["user_intent"])) for row, p in pairs]),
        sum_labels(
            [count_labels(act_labels(p.acts, fold_caring), act_labels(row["acts"], fold_caring)) for row, p in pairs]
        ),
        sum_labels([count_emotions(p, row, emotions) for row, p in pairs]),
        int(bool(asked) and all(_is_said(value, replies, first=exchange) for exchange, value in wanted)),
        int(bool(asked)),
        sum_bleu([count_ngrams(p.response, row["response"]) for row, p in pairs]),
    )


def plain(text: str) -> str:
    """A text in the form that is compared: lower case, without blanks and pauses."""
    return _BLANKS_AND_PAUSES.sub("", text.lower())


def says(text: str, value: str) -> bool:
    """Whether a text says a value, both in plain form: no number of the text goes on where the value begins or ends.

    十八块 and 二百零八块 do not say 八块, 三十八 does not say 三十, and 18, 8.5, 0.8 and 8万 do not say 8.
    三月八号 says 三月八. The number alone counts: 八块五 says 八块, because the value ends with a unit. Blanks and
    pauses do not end a number (十_八块, 一百_八块): speakers pause inside numbers, and decoders drop blanks, so a reply
    must score the same with and without them. Width does not count: models whose tokenizer folds it write 18 for １８.
    """
    folded, value = text.translate(_WIDTH), value.translate(_WIDTH)
    start = folded.find(value)
    if start < 0:
        return False
    inside = {position for number in _NUMBER.finditer(text) for position in range(number.start() + 1, number.end())}
    while start >= 0:
        if start not in inside and start + len(value) not in inside:
            return True
        start = folded.find(value, start + 1)
    return False


def intent_labels(text: str) -> frozenset[IntentLabel]:
    """The labels of an exchange: each intent together with the set of its slots is one, right only as a whole.

    Intents and entity types count by their names in any language and width. The name of an entity counts as written:
    another name of the same entity is another slot.
    """
    return frozenset(
        (_known(intent.name, INTENTS), frozenset((plain(slot.name or ""), _slot(slot)) for slot in intent.slots))
        for intent in parse_intent_text(tidy_intent_text(text))
    )


def _slot(slot: NamedSlot) -> str:
    return plain(slot.slot) if slot.name else _known(slot.slot, ENTITY_TYPES)


def _known(name: str, vocabulary: Vocabulary) -> str:
    """A label in the form that is compared: its Chinese name if the vocabulary has it."""
    index = vocabulary.find(name)
    return plain(name if index is None else vocabulary.chinese[index])


def act_labels(text: str, fold_caring: bool = False) -> frozenset[str]:
    """The acts of an exchange; an unknown name is a label, too, and a wrong one."""
    acts = textform.normalize_labels(text, ACTS)
    return frozenset(textform.fold_caring(acts) if fold_caring else acts)


def unknown_labels(prediction: Prediction) -> tuple[tuple[str, str], ...]:
    """(field, name) of each label that is in no vocabulary, as it is counted: as a wrong one."""
    intents = [intent.name for intent in parse_intent_text(tidy_intent_text(prediction.user_intent))]
    found = [("user_intent", name) for name in intents if INTENTS.find(name) is None]
    for field, text, known in (
        ("emotions", prediction.emotions or "", EMOTIONS),
        ("acts", prediction.acts, ACTS),
    ):
        found += [(field, name) for name in textform.normalize_labels(text, known) if name not in known.values()]
    return tuple(dict.fromkeys(found))


def count_emotions(prediction: Prediction, row: Row, must_be_written: bool = False) -> LabelCounts:
    """Emotions against gold; nothing is counted where the gold has none (not annotated) or the model writes none.

    Raises cmcc.DataError for a model that writes none where they must be written.
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
    """The requests of the user of a dialogue, with the values that the service gives, from its gold rows in order.

    The values are what the KB answers, by the query that training and testing share. A value is left out that the user
    gave at or before the exchange that asks, and one that no gold reply says at or after it: no system can be asked
    for more than the service did, so that gold succeeds always. Without any value left it is no request.
    """
    kb, goal = _state(rows[0])
    users = [(row["exchange"], plain(row["user"])) for row in rows]
    replies = [(row["exchange"], plain(row["response"])) for row in rows]
    found = []
    for exchange, answer, given in _asked(kb, goal):
        values = dict.fromkeys(value for value in map(plain, answer) if value)
        known = {value for value in values if value in given and _is_said(value, users, last=exchange)}
        told = [value for value in values if value not in known and _is_said(value, replies, first=exchange)]
        if told:
            found.append(Request(exchange, tuple(told)))
    return tuple(found)


def _state(row: Row) -> tuple[LocalKB, UserGoal]:
    try:
        return kb_from_json(row["kb"]), goal_from_json(row["goal"])
    except (KeyError, TypeError, ValueError) as error:
        problem = f"cannot read kb and goal in the format of the config `response` ({error!r})"
        hint = "Score rows of response_rows(compatible=True) with the version seretod."
        raise DataError(problem, "", hint, dialogue=row["dialogue_id"], field="kb, goal") from error


def _asked(kb: LocalKB, goal: UserGoal) -> Iterator[tuple[int, tuple[str, ...], set[str]]]:
    """(first exchange that asks, the KB's answer, what the user gave of it) for each slot and type asked for."""
    given = {
        entity_id: {plain(value) for values in entry.given.values() for value in values}
        for entity_id, entry in goal.entities.items()
    }
    for entity_id, entry in goal.entities.items():
        for slot, exchange in entry.asked.items():
            if entity_id == NA:  # such a query goes on to all entities
                yield exchange, query(kb, slot=slot) or (), set().union(*given.values())
            else:
                yield exchange, query(kb, entity_id=entity_id, slot=slot) or (), given[entity_id]
    names = {plain(name) for entry in goal.entities.values() for name in entry.names}
    for entity_type, exchange in goal.types.items():
        yield exchange, query(kb, type=entity_type) or (), names


def _is_said(value: str, texts: Iterable[tuple[int, str]], first: int = 0, last: int | None = None) -> bool:
    return any(says(text, value) for at, text in texts if first <= at and (last is None or at <= last))

"""The scores of SereTOD 2022's track 2, bug for bug, so that numbers compare with published ones.

    eval_end_to_end(dialogues).as_dict()                   # dialogues of the reference's result file

The reference is the challenge's own scorer, metrics.py. Functions have its names, and dialogues its format: {"KB",
"goal", "content": [{"用户意图", "客服意图", "客服", "用户意图-生成", "客服意图-生成", "客服-生成"}]}. All its quirks
are kept, and each has a test; use the version strict to compare systems.

Two differences: where the reference divides by zero, precision, recall, F1 and BLEU are 0 here, or nan if there is
nothing to score (no label at all, no request in any dialogue). Where the reference raises an error, at an entity
without a name or an unknown type, this entity or request is skipped here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cmcc_bench.tasks.base import Array
from cmcc_bench.tasks.counts import (
    ACTS,
    BLEU,
    INTENTS,
    ORDERS,
    SUCCESS,
    BleuCounts,
    DialogueCounts,
    LabelCounts,
    f1,
    precision,
    recall,
    success_rate,
    sum_bleu,
    sum_labels,
)
from cmcc_bench.views.seretod import ID_LENGTH, IN_BRACKETS, TYPE_TREE, query

Raw = Mapping[str, Any]
Slots: TypeAlias = list[list[str] | str] | None  # None for an act without brackets
FlatSlots: TypeAlias = list[str] | None

SIGNATURE = "SereTOD 2022 track 2: characters, smoothing 1e-7, empty answers left out"

_BRACKETED = re.compile(r"\(.*?\)")
_SMOOTHING = 1e-7


@dataclass(frozen=True, slots=True)
class SeretodScores:
    """The result of eval_end_to_end.

    user_intent, system_intent: (precision, recall, F1), each in [0, 1]. bleu: in [0, 100.000005]. success: in [0, 1].
    """

    user_intent: tuple[float, float, float]
    system_intent: tuple[float, float, float]
    bleu: float
    success: float

    def as_dict(self) -> dict[str, Any]:
        """The scores under the reference's names."""
        return {
            "P/R/F1 for user intent": self.user_intent,
            "P/R/F1 for system intent": self.system_intent,
            "BLEU": self.bleu,
            "Success": self.success,
        }


def eval_end_to_end(dialogues: Iterable[Raw]) -> SeretodScores:
    """The scores of dialogues in the reference's format. Raises ValueError without dialogues."""
    counts = [count_dialogue(dialogue).flat() for dialogue in dialogues]
    if not counts:
        raise ValueError("no dialogues to score; pass at least one")
    sums = np.array(counts, dtype=np.float64).sum(axis=0)
    user, system = (
        (float(precision(labels)), float(recall(labels)), float(f1(labels))) for labels in (sums[INTENTS], sums[ACTS])
    )
    return SeretodScores(user, system, float(corpus_bleu(sums[BLEU])), float(success_rate(sums[SUCCESS])))


def count_dialogue(dialogue: Raw) -> DialogueCounts:
    """The counts of one dialogue. Turns without 用户意图-生成 are skipped."""
    kb = dialogue["KB"]
    turns = [turn for turn in dialogue["content"] if "用户意图-生成" in turn]
    asked = requested_info(kb, dialogue.get("goal") or {})
    answers = [turn["客服-生成"] for turn in turns]
    bleu = [count_ngrams(turn["客服-生成"], turn["客服"]) for turn in turns]
    return DialogueCounts(
        sum_labels([count_user_intent(turn["用户意图-生成"], turn["用户意图"], kb) for turn in turns]),
        sum_labels([count_system_intent(turn["客服意图-生成"], turn["客服意图"]) for turn in turns]),
        LabelCounts(),
        int(bool(asked) and all(_is_completed(request, answers) for request in asked)),
        int(bool(asked)),
        sum_bleu([*bleu, _EMPTY]),
    )


# --------------------------------------------------------------------------------------------------------------------
# User intent
# --------------------------------------------------------------------------------------------------------------------


def get_intent_dict(intent: str, kb: Raw) -> tuple[dict[str, Slots], dict[str, FlatSlots]]:
    """The acts with their slots, and the same with flat lists of slots.

    A slot of an entity is a list with one text for each name of the entity in the KB. Quirks: ids are cut to 5
    characters, so ent-10 is read as ent-1; slots of unknown ids are dropped; a repeated act replaces the earlier one.
    """
    acts: dict[str, Slots] = {}
    for part in intent.split(","):
        act, bracket, _ = part.partition("(")
        acts[act] = _slots(part, kb) if bracket else None
    return acts, {act: None if slots is None else _flattened(slots) for act, slots in acts.items()}


def _slots(part: str, kb: Raw) -> list[list[str] | str]:
    """The slots in the brackets of an act."""
    slots: list[list[str] | str] = []
    for slot in IN_BRACKETS.findall(part):
        if "ent" not in slot:
            slots.append(slot)
        elif "name" in kb.get(slot[:ID_LENGTH], {}):
            prop = slot.rpartition("-")[2]
            aliases = dict.fromkeys(kb[slot[:ID_LENGTH]]["name"].split(","))
            named = [f"{alias}-{prop}" for alias in aliases]
            if named not in slots:
                slots.append(named)
    return slots


def _flattened(slots: Sequence[list[str] | str]) -> list[str]:
    return [name for slot in slots for name in (slot if isinstance(slot, list) else [slot])]


def count_user_intent(generated: str, true: str, kb: Raw) -> LabelCounts:
    """Counts of the user's acts in an exchange. The same act can be a true positive and a false negative.

    求助-查询 is replaced by 询问 on both sides.
    """
    predicted, _ = get_intent_dict(generated.replace("求助-查询", "询问"), kb)
    gold, flat_gold = get_intent_dict(true.replace("求助-查询", "询问"), kb)
    right = sum(_is_right(act, slots, flat_gold) for act, slots in predicted.items())
    missed = sum(_is_missed(act, slots, predicted) for act, slots in gold.items())
    return LabelCounts(right, len(predicted) - right, missed)


def _is_right(act: str, slots: Slots, gold: Mapping[str, FlatSlots]) -> bool:
    """Whether a generated act is a true positive."""
    if slots is None:
        return act in gold  # with any slots there
    gold_slots = gold.get(act)
    # Gold has ids, 询问(ent-1-业务费用), and models write names, 询问(流量包-业务费用). gold_slots is flat, so any name
    # of the gold entity is right. A generated id became a list, which is never right.
    return gold_slots is not None and all(slot in gold_slots for slot in slots)


def _is_missed(act: str, slots: Slots, predicted: Mapping[str, Slots]) -> bool:
    """Whether a gold act is a false negative."""
    if slots is None:
        return act not in predicted
    predicted_slots = predicted.get(act)
    if predicted_slots is None:
        return True
    # Each gold slot must be predicted under one of its names. With additional slots an act is wrong, but not missed;
    # with too few it is missed, but right: precision and recall have different true positives.
    names = (slot if isinstance(slot, list) else [slot] for slot in slots)
    return any(not any(name in predicted_slots for name in names_of_slot) for names_of_slot in names)


# --------------------------------------------------------------------------------------------------------------------
# System intent, BLEU
# --------------------------------------------------------------------------------------------------------------------


def count_system_intent(generated: str, true: str) -> LabelCounts:
    """Counts of the service's acts in an exchange. Quirk: a substring of the other side's text is a match."""
    generated, true = _BRACKETED.sub("", generated), _BRACKETED.sub("", true)
    predicted = generated.split(",")
    right = sum(act in true for act in predicted)  # `in` a string, not a list: an empty act is always right
    return LabelCounts(right, len(predicted) - right, sum(act not in generated for act in true.split(",")))


_EMPTY = BleuCounts(0, 0, (0,) * ORDERS, (0,) * ORDERS)


def count_ngrams(generated: str, true: str) -> BleuCounts:
    """BLEU's counts over characters, without white space. Quirk: an empty response and its gold are not counted."""
    if not generated:
        return _EMPTY
    predicted, gold = "".join(generated.split()), "".join(true.split())
    matches, totals = [], []
    for order in range(1, ORDERS + 1):
        predicted_ngrams, gold_ngrams = _ngrams(predicted, order), _ngrams(gold, order)
        matches.append(sum(min(count, gold_ngrams[ngram]) for ngram, count in predicted_ngrams.items()))
        totals.append(sum(predicted_ngrams.values()))
    return BleuCounts(len(predicted), len(gold), tuple(matches), tuple(totals))


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))


def corpus_bleu(sums: Array) -> Array:
    """BLEU-4 times 100 from summed counts, (..., 10) to (...), smoothed as in the reference; 0 without any response."""
    predicted, gold = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    # The reference smooths twice: equal texts score a little above 100, and no precision is 0.
    precisions = matches / (totals + _SMOOTHING) + _SMOOTHING  # (..., ORDERS)
    with np.errstate(divide="ignore", invalid="ignore"):
        brevity = np.where(predicted > gold, 1.0, np.exp(1 - gold / predicted))
    score = 100 * brevity * np.exp(np.log(precisions).mean(axis=-1))
    scores: Array = np.where(predicted > 0, score, 0.0)
    return scores


# --------------------------------------------------------------------------------------------------------------------
# Success
# --------------------------------------------------------------------------------------------------------------------


def requested_info(kb: Raw, goal: Raw) -> list[str]:
    """The user's requests: for each one the values or names, joined by commas. Quirk: any one of them is enough."""
    return [request for key, entry in goal.items() for request in _requests(key, entry, kb)]


def _requests(key: str, entry: str | Mapping[str, str], kb: Raw) -> Iterator[str]:
    """The requests in one entry of the goal."""
    if isinstance(entry, str):  # 咨询: the entity types that the user asks for
        for item in entry.split(","):
            entity_type = item.split("-")[-1]
            names = query(kb, ent_type=entity_type) if entity_type.lower() in TYPE_TREE else None
            if names:
                yield ",".join(names)
    elif key in kb:
        for slot, given in entry.items():
            if "?" in given and slot in kb[key]:
                # `given` is a string with "?" and the user's values: a value that is a substring of it counts as given.
                requested = [value for value in kb[key][slot].split(",") if value not in given]
                if requested:
                    yield ",".join(requested)


def _is_completed(request: str, answers: Sequence[str]) -> bool:
    """Whether any answer contains any value: also before the request, or as a part of a longer word or number."""
    return any(value in answer for value in request.split(",") for answer in answers)

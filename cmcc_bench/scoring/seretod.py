"""The scores of SereTOD 2022's track 2, bug for bug, so that numbers compare with published ones.

    eval_end_to_end(dialogues).as_dict()                   # dialogues of the reference's result file

A dialogue is the reference's own: {"KB", "goal", "content": [{"用户意图", "客服意图", "客服", "用户意图-生成",
"客服意图-生成", "客服-生成"}]}. Functions are named as there (metrics.py). Its quirks are kept, each has a test of its
name; use the strict version to compare systems. Where the reference divides by zero, precision, recall, F1 and BLEU are
0 here, and nan where there is nothing to score: no label at all, no dialogue that requests anything. Where it stops at
an entity without a name or an unknown type, that entity or request counts for nothing here.
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
Slots: TypeAlias = list[list[str] | str] | None  # None: an intent without brackets
FlatSlots: TypeAlias = list[str] | None

SIGNATURE = "SereTOD 2022 track 2: characters, smoothing 1e-7, empty answers left out"

_BRACKETED = re.compile(r"\(.*?\)")
_SMOOTHING = 1e-7


@dataclass(frozen=True, slots=True)
class SeretodScores:
    """What eval_end_to_end gives: (precision, recall, F1) twice, BLEU in [0, 100 and 5e-6 more], success in [0, 1]."""

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
    """The scores of the reference's dialogue dicts. Raises ValueError without dialogues."""
    counts = [count_dialogue(dialogue).flat() for dialogue in dialogues]
    if not counts:
        raise ValueError("no dialogues to score; pass at least one")
    sums = np.array(counts, dtype=np.float64).sum(axis=0)
    user, system = (
        (float(precision(labels)), float(recall(labels)), float(f1(labels))) for labels in (sums[INTENTS], sums[ACTS])
    )
    return SeretodScores(user, system, float(corpus_bleu(sums[BLEU])), float(success_rate(sums[SUCCESS])))


def count_dialogue(dialogue: Raw) -> DialogueCounts:
    """The counts of one dialogue; a turn without 用户意图-生成 is skipped."""
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
    """Act -> its slots, a slot of an entity being the list of all the names it has in the KB; and the same flattened.

    Ids are cut to 5 characters, so that ent-10 is read as ent-1; a slot of an unknown id is dropped; a repeated act
    overwrites the earlier one.
    """
    acts: dict[str, Slots] = {}
    for part in intent.split(","):
        act, bracket, _ = part.partition("(")
        acts[act] = _slots(part, kb) if bracket else None
    return acts, {act: None if slots is None else _flattened(slots) for act, slots in acts.items()}


def _slots(part: str, kb: Raw) -> list[list[str] | str]:
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
    """True and false positives among the generated acts, and true acts that are missed: one act can be both.

    求助-查询 is 询问 on both sides.
    """
    made, _ = get_intent_dict(generated.replace("求助-查询", "询问"), kb)
    wanted, flat = get_intent_dict(true.replace("求助-查询", "询问"), kb)
    right = sum(_is_right(act, slots, flat) for act, slots in made.items())
    missed = sum(_is_missed(act, slots, made) for act, slots in wanted.items())
    return LabelCounts(right, len(made) - right, missed)


def _is_right(act: str, slots: Slots, true: Mapping[str, FlatSlots]) -> bool:
    if slots is None:
        return act in true  # whatever slots it has there
    known = true.get(act)
    # Gold has ids, 询问(ent-1-业务费用), and models write names, 询问(流量包-业务费用). `known` is flat: all names
    # of the gold entity, so that any of them is right. An id that was generated is a list here, and never right.
    return known is not None and all(slot in known for slot in slots)


def _is_missed(act: str, slots: Slots, generated: Mapping[str, Slots]) -> bool:
    if slots is None:
        return act not in generated
    made = generated.get(act)
    if made is None:
        return True
    # Each gold slot must be there under one of its names. More slots than gold has make the act wrong, but not missed;
    # fewer make it missed, but right: precision and recall do not share their true positives.
    return any(not any(name in made for name in (slot if isinstance(slot, list) else [slot])) for slot in slots)


# --------------------------------------------------------------------------------------------------------------------
# System intent, BLEU
# --------------------------------------------------------------------------------------------------------------------


def count_system_intent(generated: str, true: str) -> LabelCounts:
    """Acts that are substrings of the other side's whole string, which is what the reference takes for equal."""
    generated, true = _BRACKETED.sub("", generated), _BRACKETED.sub("", true)
    made = generated.split(",")
    right = sum(act in true for act in made)  # in a string, not a list: an empty act is always right
    return LabelCounts(right, len(made) - right, sum(act not in generated for act in true.split(",")))


_EMPTY = BleuCounts(0, 0, (0,) * ORDERS, (0,) * ORDERS)


def count_ngrams(generated: str, true: str) -> BleuCounts:
    """BLEU's counts over characters without white space; an empty answer counts for nothing, nor does its reference."""
    if not generated:
        return _EMPTY
    made, wanted = "".join(generated.split()), "".join(true.split())
    matches, totals = [], []
    for order in range(1, ORDERS + 1):
        found, gold = _ngrams(made, order), _ngrams(wanted, order)
        matches.append(sum(min(count, gold[ngram]) for ngram, count in found.items()))
        totals.append(sum(found.values()))
    return BleuCounts(len(made), len(wanted), tuple(matches), tuple(totals))


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))


def corpus_bleu(sums: Array) -> Array:
    """BLEU-4 times 100 from summed (..., 10) counts, smoothed as there; 0 where nothing was generated."""
    predicted, gold = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    # Smoothed twice, so that equal texts score a little above 100 and no order is ever 0.
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
    """What the user requests: for each request the values or names, joined by commas, any of which will do."""
    return [request for key, entry in goal.items() for request in _requests(key, entry, kb)]


def _requests(key: str, entry: str | Mapping[str, str], kb: Raw) -> Iterator[str]:
    if isinstance(entry, str):  # 咨询: the types asked for
        for item in entry.split(","):
            entity_type = item.split("-")[-1]
            names = query(kb, ent_type=entity_type) if entity_type.lower() in TYPE_TREE else None
            if names:
                yield ",".join(names)
    elif key in kb:
        for slot, known in entry.items():
            if "?" in known and slot in kb[key]:
                # `known` is a string, "?" and what the user gave: a value that is a part of it counts as given.
                unknown = [value for value in kb[key][slot].split(",") if value not in known]
                if unknown:
                    yield ",".join(unknown)


def _is_completed(request: str, answers: Sequence[str]) -> bool:
    """One value is enough, in any answer, even before the request, and as part of a longer word or number."""
    return any(value in answer for value in request.split(",") for answer in answers)

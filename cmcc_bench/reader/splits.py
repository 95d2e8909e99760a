"""Which split a dialogue belongs to: by the name of its file, or else by its id."""

from __future__ import annotations

import hashlib
import re

SPLITS = ("train", "validation", "test")
SPLIT_RANK = {"test": 0, "validation": 1, "train": 2, None: 3}  # of a file; a dialogue of several is the first one's

# What names say a split. Words: those that the `datasets` library takes, and the Chinese ones.
_SPLIT_WORDS = (
    dict.fromkeys(("train", "training", "trainset", "训练集"), "train")
    | dict.fromkeys(("dev", "devset", "val", "valset", "valid", "validation", "验证集", "开发集"), "validation")
    | dict.fromkeys(("test", "testing", "testset", "eval", "evaluation", "测试集"), "test")
)
_SPLIT_FIRST = re.compile(r"(train|dev|valid|validation|test)(?:[-_.].*)?", re.IGNORECASE | re.DOTALL)
_COPY_OF = re.compile(r"copy of |的?副本|复件|拷贝", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+|\d+|[^\W\d_a-z]+")
_AFTER_SPLIT = {"set", "split", "data", "copy", "v", "part", "of", "new", "old", "final", "labeled", "labelled"}
_NEGATIONS = {"no", "non", "not", "without", "but", "except", "pre", "un"}


def split_in_name(name: str) -> str | None:
    """The split that the name of a file, without its suffix, or of a folder fixes; None where it is not certain.

    train, dev, valid, validation and test fix it whatever follows after -, _ or a dot: test-00, train_calls. Any word
    for a split does so alone, after other words, and before numbers and words such as "set" and "copy": training,
    MobileCS_train, "test set (1)", train的副本. A name with words for two splits fixes none, nor does "not_test".
    """
    words = _WORD.findall(_COPY_OF.sub(" ", name).lower())
    places = [place for place, word in enumerate(words) if word in _SPLIT_WORDS]
    if len({_SPLIT_WORDS[words[place]] for place in places}) != 1:
        return None
    first = _SPLIT_FIRST.fullmatch(name)
    before, after = words[: places[0]], words[places[-1] + 1 :]
    known = all(word.isdecimal() or word in _AFTER_SPLIT for word in after) and not _NEGATIONS.intersection(before)
    return _SPLIT_WORDS[words[places[0]]] if first or known else None


def split_of(dialogue_id: str) -> str:
    """The split of a dialogue whose file does not fix it: 8 : 1 : 1 by SHA-256 of the id, so it stays as data grow."""
    bucket = int(hashlib.sha256(dialogue_id.encode()).hexdigest(), 16) % 10
    return "train" if bucket < 8 else SPLITS[bucket - 7]

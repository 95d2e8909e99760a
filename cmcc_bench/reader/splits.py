"""The split of a dialogue: set by the name of its file or folder, or else by its id."""

from __future__ import annotations

import hashlib
import re

SPLITS = ("train", "validation", "test")
SPLIT_RANK = {
    "test": 0,
    "validation": 1,
    "train": 2,
    None: 3,
}  # of files; a dialogue keeps its first split

# Words for splits in names: those of the `datasets` library, and Chinese ones.
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
    """The split in the name of a file (without its suffix) or folder; None if the name does not clearly have one.

    train, dev, valid, validation and test at the beginning set the split, with any text after -, _ or a dot: test-00,
    train_calls. Any word for a split also sets it alone, after other words, and before numbers and words such as "set"
    and "copy": training, MobileCS_train, "test set (1)", train的副本. Names with words for two splits, and names like
    "not_test", set none.
    """
    words = _WORD.findall(_COPY_OF.sub(" ", name).lower())
    indices = [index for index, word in enumerate(words) if word in _SPLIT_WORDS]
    if len({_SPLIT_WORDS[words[index]] for index in indices}) != 1:
        return None
    first = _SPLIT_FIRST.fullmatch(name)
    before, after = words[: indices[0]], words[indices[-1] + 1 :]
    is_clear = all(word.isdecimal() or word in _AFTER_SPLIT for word in after) and not _NEGATIONS.intersection(before)
    return _SPLIT_WORDS[words[indices[0]]] if first or is_clear else None


def split_of(dialogue_id: str) -> str:
    """The split of a dialogue whose file sets none: 8 : 1 : 1 by SHA-256 of the id, so more data does not change it."""
    bucket = int(hashlib.sha256(dialogue_id.encode()).hexdigest(), 16) % 10
    return "train" if bucket < 8 else SPLITS[bucket - 7]

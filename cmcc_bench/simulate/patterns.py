"""Reads patterns.toml: utterance patterns by speaker and situation."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random

from cmcc_bench.vocabulary import SLOTS

LITERAL, PAUSE, BLANK = 0, 1, 2
PERSONAL_SLOTS = frozenset(("用户状态", "流量余额", "用户要求", "持有套餐", "用户需求", "剩余话费", "账户余额", "欠费"))
_ENTITY_SLOTS = frozenset(SLOTS) - PERSONAL_SLOTS


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """An utterance pattern.

    segments: (kind, text). asks: the slots that it asks for. told: the slots whose values it gives. needs: the slots
    that a product must have to fill it.
    """

    segments: tuple[tuple[int, str], ...]
    asks: tuple[str, ...]
    needs: frozenset[str]
    told: frozenset[str]


@dataclass(frozen=True, slots=True)
class Family:
    """Patterns of the same meaning, and their intents or acts (Chinese names)."""

    labels: tuple[str, ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Patterns:
    """The file: families by dotted name, such as "service.hold", and lists of words by placeholder."""

    families: dict[str, Family]
    words: dict[str, tuple[str, ...]]

    def count(self) -> int:
        """The number of utterance patterns, without words."""
        return sum(len(family.patterns) for family in self.families.values())


def compile_pattern(text: str) -> Pattern:
    """Compiles a string of patterns.toml; the head of that file describes the syntax."""
    said, _, asked = text.partition(" | ")
    segments: list[tuple[int, str]] = []
    for piece in re.split(r"(\{[^}]*\}|，)", said):
        if piece == "，":
            segments.append((PAUSE, ""))
        elif piece.startswith("{"):
            segments.append((BLANK, piece[1:-1]))
        elif piece:
            segments.append((LITERAL, piece))
    asks = tuple(asked.split())
    told = frozenset(name for kind, name in segments if kind == BLANK).intersection(SLOTS)
    needs = _ENTITY_SLOTS.intersection(told.union(asks))
    return Pattern(tuple(segments), asks, needs, told)


@cache
def load_patterns() -> Patterns:
    """The compiled patterns.toml, read once."""
    text = files("cmcc_bench.simulate").joinpath("patterns.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    words = {name: tuple(said) for name, said in tables.pop("words").items()}
    families: dict[str, Family] = {}
    for group, members in tables.items():
        for name, table in members.items():
            families.update(_families(f"{group}.{name}", table))
    return Patterns(families, words)


def _families(name: str, table: dict[str, object], labels: tuple[str, ...] = ()) -> dict[str, Family]:
    """Returns the families of a table: its `say`, and each list or table inside it under a dotted name."""
    own = table.get("intents") or table.get("acts")
    labels = tuple(own) if isinstance(own, list) else labels
    families: dict[str, Family] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            families.update(_families(f"{name}.{key}", value, labels))
        elif key == "clarify" and isinstance(value, list):
            families[f"{name}.clarify"] = Family(("询问",), tuple(compile_pattern(row[0]) for row in value))
            for number, row in enumerate(value):
                answers = tuple(compile_pattern(text) for text in row[1:])
                families[f"{name}.clarify.{number}"] = Family(("提供信息",), answers)
        elif key == "qa" and isinstance(value, list):
            families.update(_pairs(name, table, value))
        elif key not in ("intents", "acts") and isinstance(value, list):
            families[name if key == "say" else f"{name}.{key}"] = Family(
                labels, tuple(compile_pattern(text) for text in value)
            )
    return families


def _pairs(name: str, table: dict[str, object], pairs: list[list[str]]) -> dict[str, Family]:
    """Returns two families, of questions and of their answers; pattern i of one belongs to pattern i of the other."""
    families = {}
    for number, (part, key, usual) in enumerate((("question", "intents", "询问"), ("answer", "acts", "通知"))):
        labels = table.get(key)
        said = tuple(compile_pattern(pair[number]) for pair in pairs)
        families[f"{name}.{part}"] = Family(tuple(labels) if isinstance(labels, list) else (usual,), said)
    return families


def pick(rng: Random, family: Family, slots: dict[str, str], said: set[int]) -> Pattern:
    """Picks a pattern that a product with these slots can fill, preferably one that was not used in this call.

    said: ids of the patterns used in this call; the id of the result is added.

    Raises LookupError when no pattern of the family can be filled.
    """
    patterns = family.patterns
    for _ in range(6):
        pattern = patterns[int(rng.random() * len(patterns))]
        if pattern.needs <= slots.keys() and id(pattern) not in said:
            said.add(id(pattern))
            return pattern
    fitting = [pattern for pattern in patterns if pattern.needs <= slots.keys()]
    if not fitting:
        raise LookupError(f"no pattern of {family.labels} can be filled with {sorted(slots)}")
    return fitting[int(rng.random() * len(fitting))]

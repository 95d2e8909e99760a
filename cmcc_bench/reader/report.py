"""Counts of everything that was read, repaired, dropped and rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_LEFT_OUT = {
    "care_entry_without_dialogue", "care_label_beyond_dialogue", "entity_without_name", "triple_without_slot",
    "triple_without_value", "undeclared_entity", "unknown_label", "unknown_satisfaction", "unreadable_care_entry",
    "unreadable_entity_id", "unreadable_id", "unreadable_label",
}  # fmt: skip


@dataclass
class Report:
    """Counts of what was read, repaired and set aside, and the errors of rejected dialogues, which may quote data."""

    read: Counter[str] = field(default_factory=Counter)  # dialogues, by raw format
    repaired: Counter[str] = field(default_factory=Counter)  # repairs, by kind
    set_aside: Counter[str] = field(default_factory=Counter)  # valid dialogues that no config has, by kind
    rejected: list[str] = field(default_factory=list)  # the error of each rejected dialogue

    @property
    def left_out(self) -> Counter[str]:
        """The counts in `repaired` of labels that were dropped because they could not be read."""
        return Counter({kind: count for kind, count in self.repaired.items() if kind.split(":")[0] in _LEFT_OUT})

    def add(self, other: Report) -> None:
        """Adds the counts of another report."""
        self.read += other.read
        self.repaired += other.repaired
        self.set_aside += other.set_aside
        self.rejected += other.rejected

    def as_dict(self) -> dict[str, Any]:
        """The report as a dict for JSON, keys sorted."""
        counts = {name: dict(sorted(getattr(self, name).items())) for name in ("read", "repaired", "set_aside")}
        return counts | {"rejected": self.rejected}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Report:
        """Reads what `as_dict` made, also of earlier versions, which wrote "unlabelled" for "unlabeled"."""
        read, repaired, set_aside = (Counter(value[name]) for name in ("read", "repaired", "set_aside"))
        read.update({"unlabeled": read.pop("unlabelled")} if "unlabelled" in read else {})
        return cls(read, repaired, set_aside, value["rejected"])

    @property
    def split_conflicts(self) -> str:
        """A warning about dialogues that are in files of two splits; "" if there are none."""
        prefix = "split_conflict:"
        counts = {kind.removeprefix(prefix): n for kind, n in sorted(self.repaired.items()) if kind.startswith(prefix)}
        if not counts:
            return ""
        listed = ", ".join(f"{splits.replace('+', ' and ')} {count}" for splits, count in counts.items())
        return (
            f"some dialogues are in files of two splits ({listed}). Only the first split keeps them: test has priority"
            " over validation, validation over train"
        )

"""What a reading counted: nothing is repaired or left out uncounted."""

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
    """What a reading did, by kind; `rejected` alone quotes the data, as its messages say what was found."""

    read: Counter[str] = field(default_factory=Counter)  # dialogues, by raw format
    repaired: Counter[str] = field(default_factory=Counter)  # repairs, by kind
    set_aside: Counter[str] = field(default_factory=Counter)  # what is known but belongs to no config, by kind
    rejected: list[str] = field(default_factory=list)  # the error of each rejected dialogue

    @property
    def left_out(self) -> Counter[str]:
        """Those of `repaired` that cost a label: nothing tells what it was to be."""
        return Counter({kind: count for kind, count in self.repaired.items() if kind.split(":")[0] in _LEFT_OUT})

    def add(self, other: Report) -> None:
        """Counts `other`'s findings too."""
        self.read += other.read
        self.repaired += other.repaired
        self.set_aside += other.set_aside
        self.rejected += other.rejected

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, keys sorted."""
        counts = {name: dict(sorted(getattr(self, name).items())) for name in ("read", "repaired", "set_aside")}
        return counts | {"rejected": self.rejected}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Report:
        """The report of which `as_dict` made this."""
        read, repaired, set_aside = (Counter(value[name]) for name in ("read", "repaired", "set_aside"))
        return cls(read, repaired, set_aside, value["rejected"])

    @property
    def split_conflicts(self) -> str:
        """A sentence for a person on dialogues that stand in files of two splits; "" where there are none."""
        prefix = "split_conflict:"
        found = {kind.removeprefix(prefix): n for kind, n in sorted(self.repaired.items()) if kind.startswith(prefix)}
        if not found:
            return ""
        counts = ", ".join(f"{splits.replace('+', ' and ')} {count}" for splits, count in found.items())
        return (
            f"dialogues in files named after two splits ({counts}) are in the first of the two alone: test goes before"
            " validation, validation before train"
        )

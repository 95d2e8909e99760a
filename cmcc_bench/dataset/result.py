"""What a build made, as the report that is uploaded with it and as lines for a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmcc_bench.dataset.parquet import Sizes
from cmcc_bench.dataset.spool import Spooled
from cmcc_bench.errors import printable
from cmcc_bench.reader.report import Report
from cmcc_bench.vocabulary import SYNTHETIC_ID

_SHOWN = 5  # keys of care labels that a person is shown


@dataclass
class BuildResult:
    """What a build made: the size of each split, and what the reading counted."""

    out: Path
    report: Report = field(default_factory=Report)
    sizes: Sizes = field(default_factory=dict)
    split_ids: dict[str, list[str]] = field(default_factory=dict)
    synthetic: int = 0  # dialogues that the simulator made
    dialogues: int = 0
    without_exchange: int = 0  # labelled dialogues that give no row of `response`
    outside_exchanges: int = 0  # utterances of labelled dialogues that are in no exchange
    care_file: str | None = None
    care_unmatched: list[str] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)  # dialogues by the field that could not be read
    test_labels: str | None = None  # of the split test: "hidden" here, or the "only" split here
    labels: Path | None = None  # the folder with the test split's labels, where they are hidden
    rejects: Path | None = None  # where the raw texts of rejected dialogues are; beside the folder, never in it
    left_over: Path | None = None  # what could not be removed of the folder that was there before

    def count(self, spooled: Spooled, left_out: set[str]) -> None:
        """Adds what came of a file, without the dialogues that an earlier file has."""
        self.report.add(spooled.report)
        self.rejected += spooled.rejected
        for dialogue_id, accepted in spooled.accepted.items():
            if dialogue_id in left_out:
                continue
            self.dialogues += 1
            self.synthetic += dialogue_id.startswith(SYNTHETIC_ID)
            if accepted.split is not None:
                self.split_ids.setdefault(accepted.split, []).append(dialogue_id)
                self.without_exchange += accepted.exchanges == 0
                self.outside_exchanges += accepted.outside

    def as_dict(self) -> dict[str, Any]:
        """report.json: it quotes no dialogue, as it is uploaded; the messages stay beside the rejected dialogues."""
        return (
            self.report.as_dict()
            | {
                "rejected": self.rejected,
                "dialogues": self.dialogues,
                "synthetic_dialogues": self.synthetic,
                "rows": {
                    config: {split: size.rows for split, size in sizes.items()} for config, sizes in self.sizes.items()
                },
                "outside_exchanges": {
                    "utterances": self.outside_exchanges,
                    "dialogues_without_exchange": self.without_exchange,
                },
                "care_file": self.care_file,
                "care_labels_without_dialogue": self.care_unmatched,
            }
            | ({"test_labels": self.test_labels} if self.test_labels else {})
        )

    def summary(self) -> list[str]:
        """What a person wants to know of the build, a line each, safe to print."""
        lines = [*self._made(), *self._counted(), *self._warnings()]
        return [printable(line, len(line)) for line in lines]

    def _made(self) -> list[str]:
        synthetic = f", {self.synthetic} of them SYNTHETIC" if self.synthetic else ""
        lines = [f"{self.out}: {self.dialogues} dialogues{synthetic}"]
        for config, sizes in self.sizes.items():
            lines.append(f"  {config}: " + ", ".join(f"{split} {size.rows}" for split, size in sizes.items()))
        if self.split_ids:
            without = f"dialogues without an exchange: {self.without_exchange}"
            lines.append(f"  utterances that are in no exchange of response: {self.outside_exchanges}; {without}")
        return lines

    def _counted(self) -> list[str]:
        lines = []
        for name in ("repaired", "set_aside"):
            counts = self.report.as_dict()[name]
            if counts:
                lines.append(f"  {name}: " + ", ".join(f"{kind} {count}" for kind, count in counts.items()))
        if self.care_file:
            lines.append(f"  care labels of {self.care_file} merged")
        return lines

    def _warnings(self) -> list[str]:
        lines = []
        if self.labels:
            lines.append(
                f"The labels of the split test are HIDDEN; they are in {self.labels}: keep that folder private"
            )
        if self.care_unmatched:
            keys = ", ".join(printable(key, 40) for key in self.care_unmatched[:_SHOWN])
            more = ", ...: all are in report.json" if len(self.care_unmatched) > _SHOWN else ""
            found = f"{len(self.care_unmatched)} care labels of {self.care_file} have no dialogue"
            lines.append(f"WARNING: {found}: {keys}{more}")
        if self.report.split_conflicts:
            lines.append(f"WARNING: {self.report.split_conflicts}")
        if left_out := self.report.left_out:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
            lines.append(f"WARNING: {left_out.total()} labels could not be read and are left out: {kinds}")
            lines.append("  `cmcc check` on the raw files lists the dialogues.")
        if self.rejects:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.rejected.items()))
            where = f"whole in {self.rejects}; why: {self.rejects.with_suffix('.txt').name}"
            lines.append(f"WARNING: {self.rejected.total()} dialogues REJECTED ({kinds}), {where}")
        if self.out.name == "sample":
            lines.append("Name this folder ./sample in other commands: `sample` alone is the synthetic sample of cmcc")
        if self.left_over:
            lines.append(f"WARNING: the folder of before could not be removed whole; what is left is {self.left_over}")
        return lines

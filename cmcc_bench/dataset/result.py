"""The result of a build: as report.json, and as lines to print."""

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

_SHOWN = 5  # unmatched keys of care labels to print


def number_of(count: int, noun: str) -> str:
    """A count with its noun: 1 dialogue, 2 dialogues."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


@dataclass
class BuildResult:
    """The result of a build: the size of each split, and the counts of the reader."""

    out: Path
    report: Report = field(default_factory=Report)
    sizes: Sizes = field(default_factory=dict)
    split_ids: dict[str, list[str]] = field(default_factory=dict)
    synthetic: int = 0  # number of simulated dialogues
    dialogues: int = 0
    without_exchange: int = 0  # labeled dialogues without a row in `response`
    outside_exchanges: int = 0  # utterances of labeled dialogues that belong to no exchange
    care_file: str | None = None
    care_skipped: list[str] = field(default_factory=list)  # names like care.json.txt, where no care file was merged
    care_unmatched: list[str] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)  # rejected dialogues, by the field that is wrong
    test_labels: str | None = None  # "hidden": removed from the test split; "only": the folder is the test split alone
    labels: Path | None = None  # the folder with the hidden labels of the test split
    rejects: Path | None = None  # the file with the raw texts of rejected dialogues, next to the folder
    left_over: Path | None = None  # the rest of the replaced folder, if it could not be removed

    def count(self, spooled: Spooled, left_out: set[str]) -> None:
        """Adds the counts of a spooled file, without the dialogues that an earlier file has."""
        self.report.add(spooled.report)
        self.rejected += spooled.rejected
        every = spooled.accepted
        columns = zip(every.ids, every.splits, every.exchanges, every.outside, strict=True)
        for dialogue_id, split, exchanges, outside in columns:
            if dialogue_id in left_out:
                continue
            self.dialogues += 1
            self.synthetic += dialogue_id.startswith(SYNTHETIC_ID)
            if split is not None:
                self.split_ids.setdefault(split, []).append(dialogue_id)
                self.without_exchange += exchanges == 0
                self.outside_exchanges += outside

    def as_dict(self) -> dict[str, Any]:
        """The content of report.json. It is uploaded, so it quotes no dialogues; error messages are in the rejects."""
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
        """A summary of the build in lines that are safe to print."""
        lines = [*self._sizes(), *self._repairs(), *self._warnings()]
        return [printable(line, len(line)) for line in lines]

    def _sizes(self) -> list[str]:
        synthetic = f", {self.synthetic} of them SYNTHETIC" if self.synthetic else ""
        lines = [f"{self.out}: {number_of(self.dialogues, 'dialogue')}{synthetic}"]
        for config, sizes in self.sizes.items():
            lines.append(f"  {config}: " + ", ".join(f"{split} {size.rows}" for split, size in sizes.items()))
        if self.split_ids:
            without = f"dialogues without an exchange: {self.without_exchange}"
            lines.append(f"  utterances in no exchange of response: {self.outside_exchanges}; {without}")
        return lines

    def _repairs(self) -> list[str]:
        lines = []
        for name in ("repaired", "set_aside"):
            counts = self.report.as_dict()[name]
            if counts:
                lines.append(f"  {name}: " + ", ".join(f"{kind} {count}" for kind, count in counts.items()))
        if self.care_file:
            lines.append(f"  merged care labels from {self.care_file}")
        return lines

    def _warnings(self) -> list[str]:
        lines = []
        if self.labels:
            lines.append(
                f"The labels of the test split are HIDDEN here and complete in {self.labels}. Keep that folder private."
            )
        if self.care_skipped:
            names = ", ".join(self.care_skipped[:_SHOWN])
            hint = "Rename it, or add --care FILE."
            lines.append(f"WARNING: not read: {names}. Care files are named care*.json or care*.json.gz. {hint}")
        if self.care_unmatched:
            keys = ", ".join(printable(key, 40) for key in self.care_unmatched[:_SHOWN])
            more = ", ... (report.json lists all)" if len(self.care_unmatched) > _SHOWN else ""
            dialogues = number_of(len(self.care_unmatched), "dialogue")
            lines.append(f"WARNING: {self.care_file} has care labels for {dialogues} not in the data: {keys}{more}")
        if self.report.split_conflicts:
            lines.append(f"WARNING: {self.report.split_conflicts}")
        if left_out := self.report.left_out:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
            lines.append(f"WARNING: left out {number_of(left_out.total(), 'label')} that could not be read: {kinds}")
            lines.append("  Run `cmcc check` on the raw files to list the dialogues.")
        if self.rejects:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.rejected.items()))
            paths = f"see {self.rejects}; for the reasons, {self.rejects.with_suffix('.txt').name}"
            lines.append(f"WARNING: {number_of(self.rejected.total(), 'dialogue')} REJECTED ({kinds}): {paths}")
        if self.out.name == "sample":
            lines.append(
                "In other commands write ./sample for this folder: `sample` alone means the synthetic sample of cmcc"
            )
        if self.left_over:
            lines.append(f"WARNING: the replaced folder could not be removed completely. Remove {self.left_over}.")
        return lines

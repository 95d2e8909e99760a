"""Quality control of a data set: runs all checks on all calls, and leaves out findings that were decided before."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from cmcc_bench.errors import DataError, printable
from cmcc_bench.masking import mask_error
from cmcc_bench.quality.calls import Call, CallSource, read_calls
from cmcc_bench.quality.findings import Finding, label_findings
from cmcc_bench.quality.kinds import KINDS
from cmcc_bench.quality.lexicon import Lexicon
from cmcc_bench.quality.repeats import Repeats
from cmcc_bench.quality.structure import personal_findings, structure_findings
from cmcc_bench.reports.table import ReportTable, mark
from cmcc_bench.types import Advance
from cmcc_bench.vocabulary import SATISFACTION, SYNTHETIC_ID, VOCABULARIES, ZH

SAMPLE_SHARE = 0.1  # share of satisfaction labels to review; the paper's section 2.4

# Key of a decision: dialogue id, utterance (None for the dialogue), field, label, and whether to add the label.
Considered = tuple[str, int | None, str, int, bool]


@dataclass
class CheckResult:
    """Counts and findings of a check. decided: number of findings left out because annotators decided them before."""

    dialogues: int = 0
    synthetic: int = 0
    utterances: int = 0
    without_emotions: int = 0  # user utterances of labeled calls that are not annotated
    satisfactions: int = 0
    decided: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(KINDS[finding.kind].error for finding in self.findings)

    def count(self, call: Call) -> None:
        """Adds a call to the counts."""
        self.dialogues += 1
        self.synthetic += call.dialogue_id.startswith(SYNTHETIC_ID)
        self.utterances += len(call.row["utterances"])
        if call.labeled:
            self.without_emotions += sum(u["speaker"] == 1 and u["emotions"] is None for u in call.row["utterances"])
            self.satisfactions += call.row["satisfaction"] is not None


class SatisfactionSample:
    """A random sample of the dialogues with a satisfaction label, chosen by a digest of seed and id.

    The sample does not depend on the order of the dialogues or on earlier decisions.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._labels: list[tuple[bytes, str, int]] = []

    def add(self, call: Call) -> None:
        """Adds a call to the population."""
        satisfaction = call.row.get("satisfaction")
        if satisfaction is not None:
            digest = hashlib.sha256(f"{self._seed} {call.dialogue_id}".encode()).digest()
            self._labels.append((digest, call.dialogue_id, satisfaction))

    def findings(self) -> Iterator[Finding]:
        """Yields a finding for each dialogue of the sample, a tenth of all, rounded up."""
        size = -int(-len(self._labels) * SAMPLE_SHARE // 1)
        for _, dialogue_id, label in heapq.nsmallest(size, self._labels):
            name = SATISFACTION.names[label]
            yield Finding("satisfaction_sample", dialogue_id, detail=name, field="satisfaction", label=label, adds=True)


def check_calls(
    source: CallSource,
    lexicon: Lexicon,
    seed: int = 0,
    decided: Collection[Considered] = (),
    progress: Advance = lambda _: None,
) -> CheckResult:
    """Runs all checks on the calls of a source. Findings are in the order of the calls, the satisfaction sample last.

    decided: keys of earlier decisions, whose findings are left out. Raises cmcc.DataError if the source cannot be read.
    """
    checked, repeats, sample = CheckResult(), Repeats(), SatisfactionSample(seed)

    def unreadable(where: str, error: DataError) -> None:
        """Adds a finding for data that cannot be read."""
        masked = mask_error(error)
        detail = f"found {masked.found}; expected {masked.expected}" if masked.expected else masked.found
        checked.findings.append(Finding("unreadable", where, detail=detail))

    for call in read_calls(source, unreadable, progress):
        checked.count(call)
        is_new = not repeats.has_id(call.dialogue_id)
        checked.findings += repeats.findings(call)
        checked.findings += structure_findings(call)
        checked.findings += personal_findings(call)
        if call.labeled and is_new:
            checked.findings += _undecided(label_findings(call, lexicon), decided, checked)
            sample.add(call)
    checked.findings += _undecided(sample.findings(), decided, checked)
    return checked


def _undecided(findings: Iterable[Finding], decided: Collection[Considered], checked: CheckResult) -> Iterator[Finding]:
    for finding in findings:
        if finding.is_for_review and considered(finding) in decided:
            checked.decided += 1
        else:
            yield finding


def add_findings(checked: CheckResult, findings: Iterable[Finding], decided: Collection[Considered] = ()) -> None:
    """Adds findings to those of a check, without those that were decided before."""
    checked.findings += _undecided(findings, decided, checked)


def considered(finding: Finding) -> Considered:
    """The key of a decision about a finding."""
    assert finding.field is not None and finding.label is not None
    return finding.dialogue_id, finding.utterance, finding.field, finding.label, finding.adds


def summary_table(checked: CheckResult, name: str) -> ReportTable:
    """The number of findings by kind, errors first; kinds without findings are left out."""
    counts = Counter(finding.kind for finding in checked.findings)
    dialogues = Counter(kind for kind, _ in {(finding.kind, finding.dialogue_id) for finding in checked.findings})
    rows = tuple(
        (kind, "ERROR" if info.error else "suggestion", str(counts[kind]), str(dialogues[kind]), info.meaning)
        for kind, info in KINDS.items()
        if counts[kind]
    )
    notes = [f"{checked.dialogues} dialogues, {checked.utterances} utterances"]
    if checked.has_errors:
        notes.append("Fix ERRORs in the raw files. To decide on labels, write a review file with --out")
    if checked.without_emotions:
        notes.append(
            f"user utterances not checked, because their emotions are not annotated: {checked.without_emotions}"
        )
    if checked.decided:
        notes.append(f"findings left out, because annotators decided them before: {checked.decided}")
    title = f"Quality of {name}{mark(checked.synthetic > 0)}"
    return ReportTable(title, ("kind", "level", "findings", "dialogues", "what it is"), rows, tuple(notes))


def label_table(checked: CheckResult) -> ReportTable:
    """The number of suggestions by label."""
    counts = Counter((f.field, f.label, f.adds) for f in checked.findings if f.field in ("emotions", "acts"))
    rows = []
    for kind in ("emotions", "acts"):
        for label, name in enumerate(VOCABULARIES[kind]):
            missing, extra = counts[kind, label, True], counts[kind, label, False]
            if missing or extra:
                rows.append((kind, f"{name} {ZH[name]}", str(missing), str(extra)))
    return ReportTable("Labels to review", ("field", "label", "missing?", "wrong?"), tuple(rows))


def example_lines(checked: CheckResult, shown: int) -> Iterator[str]:
    """The first findings of each kind as lines that are safe to print, with masked texts."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in checked.findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    for kind in KINDS:
        for finding in by_kind.get(kind, [])[:shown]:
            place = f"dialogue {printable(finding.dialogue_id, 40)}"
            if finding.utterance is not None:
                place += f", utterance {finding.utterance}"
            label = _label_name(finding)
            yield f"{kind}: {place}: {label}{printable(finding.detail)}"


def _label_name(finding: Finding) -> str:
    if finding.field is None or finding.label is None or finding.kind == "satisfaction_sample":
        return ""
    is_cue = finding.detail and not finding.kind.startswith("likely_")
    return f"{VOCABULARIES[finding.field].names[finding.label]} " + ("for " if is_cue else "")

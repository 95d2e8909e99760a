"""What was run: of each system its kind, model, recipe, seed, training time and device, as its records say.

The record of a training is RUN/run.json, that of a prediction FILE.run.json. What is not recorded is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cmcc_bench.corpus import name_without_path
from cmcc_bench.files import read_facts
from cmcc_bench.reports.facts import KINDS, SystemFacts, contamination_note, short_count, shown_cost, total
from cmcc_bench.reports.systems import System, training_facts
from cmcc_bench.reports.table import NOTHING, ReportTable
from cmcc_bench.scoring.predictions import facts_path
from cmcc_bench.terminal import counted

_COLUMNS = ("system", "run", "model", "training", "tokens", "device", "training time", "predicted on")


def runs_table(systems: Sequence[System]) -> ReportTable:
    """One row per prediction file. The notes have the versions of the libraries and the commits of the toolkit."""
    records = [(system, training_facts(system.path, system.training.task)) for system in systems]
    rows = tuple(
        (
            system.name,
            system.path.absolute().parent.name,
            _model(facts),
            _training(facts),
            _number(facts.get("tokens")),
            _device(facts),
            _duration(facts.get("seconds")),
            (system.date or NOTHING).replace("T", " ").replace("Z", " UTC"),
        )
        for system, facts in records
    )
    all_facts = [facts for _, facts in records] + [_prediction_facts(system) for system in systems]
    return ReportTable("What was run", _COLUMNS, rows, tuple(_versions(all_facts)))


_FACTS = ("system", "task", "kind", "parameters", "tokens in", "tokens out", "cost", "data cut-off")


def facts_table(systems: Sequence[System], is_licensed: bool) -> ReportTable:
    """What each system is and what its answers took, one row per prediction file. The note is on contamination.

    is_licensed: whether any of the scored dialogues is a real call.
    """
    rows = tuple(
        (
            system.name,
            system.task.name,
            facts.shown_kind,
            _number(facts.parameters),
            _number(facts.tokens_in),
            _number(facts.tokens_out),
            NOTHING if facts.cost is None else shown_cost(facts.cost),
            facts.shown_cutoff,
        )
        for system in systems
        for facts in (system.facts,)
    )
    note = contamination_note([(system.name, system.facts) for system in systems], is_licensed)
    return ReportTable("Systems", _FACTS, rows, (note,) if note else ())


def facts_lines(systems: Sequence[System]) -> list[str]:
    """A line for each kind of system: how many there are, their parameters, and what all of them took."""
    lines = []
    for kind in (*KINDS, ""):
        facts = [system.facts for system in systems if system.facts.kind == kind]
        if facts:
            parts = [counted(len(facts), "prediction file"), _parameters(facts)]
            tokens_in, tokens_out, cost = (
                total(getattr(one, name) for one in facts) for name in ("tokens_in", "tokens_out", "cost")
            )
            if tokens_in is not None and tokens_out is not None:
                parts.append(f"{short_count(int(tokens_in))} tokens in and {short_count(int(tokens_out))} out")
            parts += [f"cost {shown_cost(cost)}"] if cost is not None else []
            lines.append(f"{KINDS.get(kind, 'kind unknown').capitalize()}: {', '.join(parts)}.")
    return lines


def backbone_notes(systems: Sequence[System], simple: str) -> list[str]:
    """That systems learned from more calls than the simple baseline, through a backbone that ships.

    simple: the name of the simple baseline of their table.
    """
    used = Counter(system.training.simulated_calls for system in systems)
    return [
        f"{counted(used[calls], 'system')} had also learned from {calls:,} other simulated calls, through a backbone "
        f"that ships; {simple} learned from the training split alone."
        for calls in sorted(filter(None, used))
    ]


def _parameters(facts: Sequence[SystemFacts]) -> str:
    """The range of the numbers of parameters."""
    known = sorted({one.parameters for one in facts if one.parameters is not None})
    if not known:
        return "parameters unknown"
    return f"{' to '.join(dict.fromkeys((short_count(known[0]), short_count(known[-1]))))} parameters"


def _prediction_facts(system: System) -> Mapping[str, Any]:
    return read_facts(facts_path(system.path), may_lack=True)


def _setting(facts: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401  # as JSON has it
    recipe = facts.get("recipe")
    return recipe.get(key) if isinstance(recipe, Mapping) else None


def _model(facts: Mapping[str, Any]) -> str:
    """Where the weights come from, and how many there are."""
    backbone, layers, width = (_setting(facts, key) for key in ("backbone", "layers", "width"))
    shape = f", {counted(layers, 'layer')} of {width}" if layers and width else ""
    parts = ["from scratch" + shape if backbone == "scratch" else name_without_path(str(backbone)) if backbone else ""]
    if facts.get("parameters"):
        parts.append(f"{_number(facts['parameters'])} parameters")
    return "; ".join(filter(None, parts)) or NOTHING


def _training(facts: Mapping[str, Any]) -> str:
    """Examples, epochs, batch size, learning rate and seed."""
    examples, epochs, best = facts.get("examples"), _setting(facts, "epochs"), facts.get("best_epoch")
    parts = [f"{_number(examples['train'])} examples"] if isinstance(examples, Mapping) and "train" in examples else []
    if epochs:
        kept = "kept" if _setting(facts, "keep") == "last" else "best"
        parts.append(counted(epochs, "epoch") + (f" ({kept}: {best})" if best else ""))
    names = {"batch_size": "batch size", "learning_rate": "learning rate"}
    parts += [f"{name} {value}" for key, name in names.items() if (value := _setting(facts, key)) is not None]
    if facts.get("seed") is not None:
        parts.append(f"seed {facts['seed']}")
    return ", ".join(parts) or NOTHING


def _device(facts: Mapping[str, Any]) -> str:
    hardware = facts.get("hardware") if isinstance(facts.get("hardware"), Mapping) else {}
    assert isinstance(hardware, Mapping)
    gpus = hardware.get("gpus") or []
    is_cpu = str(facts.get("device", "")).startswith("cpu") or not gpus
    name = hardware.get("processor") if is_cpu else ", ".join(dict.fromkeys(map(str, gpus)))
    threads = counted(hardware["threads"], "thread") if is_cpu and hardware.get("threads") else ""
    return ", ".join(filter(None, [str(facts.get("device") or ""), str(name or ""), threads])) or NOTHING


def _duration(seconds: object) -> str:
    """Seconds as people say them: 42 s, 12 min, 3.4 h."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return NOTHING
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else NOTHING


def _versions(records: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The versions of Python and the libraries, all that occur, and the commits of the toolkit."""
    found, commits = dict[str, dict[str, None]](), dict[str, None]()
    for facts in records:
        versions = facts.get("versions")
        for name, version in versions.items() if isinstance(versions, Mapping) else ():
            found.setdefault(str(name), {})[str(version)] = None
        if facts.get("commit"):
            commits[str(facts["commit"])[:12]] = None
    if found:
        yield (
            "Versions: " + "; ".join(f"{name} {', '.join(versions)}" for name, versions in sorted(found.items())) + "."
        )
    if commits:
        yield f"Commit of the toolkit: {', '.join(commits)}."

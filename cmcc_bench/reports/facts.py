"""What a system is and what its answers took, from the records of its prediction and of its training.

Kind, parameters, tokens, cost, and whether its model may have learned the corpus: what a record does not hold is not
known, and shown so. The reports and the leaderboard use the same facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmcc_bench.corpus import name_without_path
from cmcc_bench.errors import DataError
from cmcc_bench.ngrams import OPTION as NGRAMS
from cmcc_bench.paper import PUBLIC_SINCE
from cmcc_bench.reports.table import NOTHING

# kind -> its name in tables
KINDS = {
    "trained": "trained",
    "adapter": "adapter",
    "zero-shot": "prompted, zero-shot",
    "few-shot": "prompted, few-shot",
    "n-grams": NGRAMS,
}
BOUND = "bound"  # the kind of a row without a model: gold, majority, random
PROMPTED = ("zero-shot", "few-shot")
UNKNOWN = "unknown"
_LORA = "LoRA"  # the option that a table adds to the name of an adapter
_LARGE = ("adapter", *PROMPTED)  # kinds with a model whose training text is unknown
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_LONGEST = 200  # characters of the name of a base model
_MOST = 1e12  # of any currency
_UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000, "T": 1_000_000_000_000}


@dataclass(frozen=True)
class SystemFacts:
    """The facts. kind: a key of KINDS. "" and None: not known.

    base_model: the model that an adapter changes, with its revision. parameters: numbers in the model, with those of
    the base. tokens_in, tokens_out: of all requests to an endpoint. cost: those tokens by price, in the currency of the
    price. data_cutoff: the last month of the data that the model learned from, YYYY-MM.
    """

    kind: str = ""
    base_model: str = ""
    parameters: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    data_cutoff: str = ""

    @property
    def may_know_corpus(self) -> bool | None:
        """Whether the model learned from data of a time at which the corpus was public; None if that is not known."""
        if self.data_cutoff:
            return self.data_cutoff >= min(PUBLIC_SINCE.values())
        return None if self.kind in _LARGE else False

    @property
    def shown_kind(self) -> str:
        """The kind in tables, with the base model of an adapter."""
        kind = KINDS.get(self.kind, self.kind) or UNKNOWN
        return f"{kind} of {self.base_model}" if self.base_model else kind

    @property
    def shown_cutoff(self) -> str:
        """The data cut-off in tables; a dash for a model that learned nothing but what its training says."""
        return self.data_cutoff or (UNKNOWN if self.kind in ("", *_LARGE) else NOTHING)

    def lines(self) -> list[str]:
        """The kind, and the other facts that are known, as short texts."""
        texts = [self.shown_kind]
        if self.parameters is not None:
            texts.append(f"{short_count(self.parameters)} parameters")
        if self.tokens_in is not None and self.tokens_out is not None:
            texts.append(f"{short_count(self.tokens_in)} tokens in, {short_count(self.tokens_out)} out")
        if self.cost is not None:
            texts.append(f"cost {shown_cost(self.cost)}")
        if self.kind in _LARGE or self.data_cutoff:
            after = ", after the corpus was public" if self.data_cutoff and self.may_know_corpus else ""
            texts.append(f"data cut-off {self.data_cutoff or UNKNOWN}{after}")
        return texts


def facts_of(prediction: Mapping[str, Any], training: Mapping[str, Any]) -> SystemFacts:
    """The facts of a system. prediction: the content of FILE.run.json. training: of RUN/run.json, empty if not there.

    A record of an earlier version lacks some of the keys; what they would say is not known.
    """
    if not prediction and not training:
        return SystemFacts()
    if endpoint := _mapping(prediction, "endpoint"):
        is_counted = not endpoint.get("uncounted")
        return SystemFacts(
            kind=endpoint["kind"] if endpoint.get("kind") in PROMPTED else "",
            parameters=_count(endpoint.get("parameters")),
            tokens_in=_count(endpoint.get("tokens_in")) if is_counted else None,
            tokens_out=_count(endpoint.get("tokens_out")) if is_counted else None,
            cost=_number(endpoint.get("cost")) if is_counted else None,
            data_cutoff=_month(endpoint.get("data_cutoff")),
        )
    record = {**_mapping(prediction, "training"), **training}
    base = _adapter_base(record)
    options = record.get("options")
    is_ngrams = isinstance(options, Sequence) and NGRAMS in options
    parameters = _count(record.get("parameters"))
    return SystemFacts(
        kind="n-grams" if is_ngrams else "trained" if base is None else "adapter",
        base_model=base or "",
        parameters=_count(prediction.get("parameters")) if parameters is None else parameters,
    )


def _adapter_base(record: Mapping[str, Any]) -> str | None:
    """The base model of an adapter with its revision, "" if it is not known; None for any other model."""
    is_adapter = _mapping(record, "recipe").get("adapter") not in (None, "", "none")
    if not (is_adapter or _mapping(record, "adapter") or _LORA in (record.get("options") or ())):
        return None
    adapter = {"base": record.get("base"), "revision": record.get("base_revision"), **_mapping(record, "adapter")}
    name = adapter.get("base_model") or adapter["base"]
    revision = str(adapter["revision"] or "").removeprefix("sha256-")[:12]
    return f"{name_without_path(str(name))}{f'@{revision}' if revision else ''}"[:_LONGEST] if name else ""


def contamination_note(systems: Iterable[tuple[str, SystemFacts]], is_licensed: bool) -> str:
    """A sentence about the systems, with their names, whose model may have learned the corpus; "" if there is none.

    is_licensed: whether any of the scored dialogues is a real call.
    """
    shown = (f"{name}: {facts.data_cutoff or UNKNOWN}" for name, facts in systems if facts.may_know_corpus is not False)
    names = dict.fromkeys(shown)  # one model may have answers to several tasks
    if not names:
        return ""
    public = ", ".join(f"{name} public since {month}" for name, month in PUBLIC_SINCE.items())
    synthetic = "" if is_licensed else " Simulated dialogues are not in the corpus."
    return f"Contamination is possible ({public}), by data cut-off: {'; '.join(names)}.{synthetic}"


def check_facts(value: object, **place: str | int | None) -> SystemFacts:
    """Facts from decoded JSON; missing ones are not known. Raises cmcc.DataError with the field that is not valid."""
    facts = {} if value is None else value
    if not isinstance(facts, Mapping):
        raise DataError(f"a JSON {type(value).__name__}", "a JSON object", "Leave it out.", **place, field="system")
    number, cost = "a whole number of 0 or more", f"a number from 0 to {_MOST:.0e}"
    rules = {
        "kind": (facts.get("kind") in ("", *KINDS), f"one of {', '.join(KINDS)}"),
        "base_model": (_is_line(facts.get("base_model")), f"a line of at most {_LONGEST} printable characters"),
        "cost": (_number(facts.get("cost")) is not None, cost),
        "data_cutoff": (facts.get("data_cutoff") == _month(facts.get("data_cutoff")), "a month, YYYY-MM"),
    } | {name: (_count(facts.get(name)) is not None, number) for name in ("parameters", "tokens_in", "tokens_out")}
    for name, (is_valid, expected) in rules.items():
        if facts.get(name) is not None and not is_valid:
            found = f"{facts[name]!r:.60}"
            raise DataError(found, expected, "Correct the field or leave it out.", **place, field=f"system.{name}")
    return SystemFacts(**{name: facts[name] for name in rules if facts.get(name) is not None})


def parse_month(text: str) -> str:
    """A month from the command line. Raises ValueError for another text."""
    if not _MONTH.fullmatch(text):
        raise ValueError(f"found {text!r}; expected a month, YYYY-MM")
    return text


def parse_parameters(text: str) -> int:
    """A number of parameters from the command line: 8200000000 or 8.2B. Raises ValueError for another text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMBT]?)", text.strip(), re.IGNORECASE | re.ASCII)
    if not match:
        raise ValueError(f"found {text!r}; expected a number such as 8200000000 or 8.2B")
    return round(float(match[1]) * _UNITS[match[2].upper()])


def short_count(number: int) -> str:
    """A number in three digits: 729 K, 8.2 B."""
    rounded = float(f"{number:.3g}")
    unit = max((unit for unit, size in _UNITS.items() if rounded >= size), key=_UNITS.__getitem__, default="")
    return f"{rounded / _UNITS[unit]:.3g} {unit}".strip() if rounded >= 1000 else str(number)


def shown_cost(cost: float) -> str:
    """A cost with four decimals, or two from 100 on."""
    return f"{cost:,.2f}" if cost >= 100 else f"{cost:.4f}"


def total(values: Iterable[float | int | None]) -> float | int | None:
    """The sum of the values that are known; None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _mapping(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _MOST else None  # type: ignore[operator, arg-type]


def _month(value: object) -> str:
    return value if isinstance(value, str) and _MONTH.fullmatch(value) else ""


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST

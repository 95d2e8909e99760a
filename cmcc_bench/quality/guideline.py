"""The annotation guideline, dataset_card/GUIDELINE.md, written from its declaration and the lexicon of cues.

python -m cmcc_bench.quality.guideline
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from cmcc_bench import vocabulary
from cmcc_bench.errors import DataError
from cmcc_bench.files import resource_folder, write_text
from cmcc_bench.quality.lexicon import Lexicon, load_lexicon
from cmcc_bench.vocabulary import CARING_ACTS, VOCABULARIES

GUIDELINE_NAME = "GUIDELINE.md"
_TITLES = {
    "emotions": "Emotions of the user",
    "acts": "Acts of the service",
    "intents": "Intents of the user",
    "satisfaction": "Satisfaction of the user",
}
_ENTRY_KEYS = {"definition", "not", "examples"}


@dataclass(frozen=True)
class LabelGuide:
    """What the guideline says of a label.

    unlike: what it is not. examples: invented, (Chinese, English). paper: a published one and where, or none. checks:
    where `cmcc check` shows it.
    """

    name: str
    zh: str
    caring: bool
    definition: str
    unlike: str
    examples: tuple[tuple[str, str], ...]
    paper: tuple[str, str, str] | None
    cues: tuple[str, ...]
    unless: tuple[str, ...]
    checks: tuple[str, ...]


def label_guides() -> dict[str, list[LabelGuide]]:
    """All labels by field, in the order of the vocabularies.

    Raises cmcc.DataError when the declaration lacks a label, has one that is unknown, or lacks a part of one.
    """
    declared = tomllib.loads((resource_folder("dataset_card") / "guideline.toml").read_text("utf-8"))
    lexicon = load_lexicon()
    guides = {}
    for field, names in VOCABULARIES.items():
        entries = declared.get(field, {})
        if tuple(entries) != names.names:
            different = ", ".join(sorted(set(entries) ^ set(names))) or "another order"
            raise DataError(different, "every label in the vocabulary's order", file="guideline.toml", table=field)
        guides[field] = [_guide(field, name, entries[name], lexicon) for name in names]
    return guides


def _guide(field: str, name: str, entry: Mapping[str, Any], lexicon: Lexicon) -> LabelGuide:
    if not entry.keys() >= _ENTRY_KEYS or len(entry["examples"]) != 2:
        expected = f"{', '.join(sorted(_ENTRY_KEYS))}, with two examples"
        raise DataError(", ".join(entry), expected, file="guideline.toml", label=f"{field}.{name}")
    cues = lexicon.cues[field][VOCABULARIES[field].id_of(name)]
    checks = ("it is missing",) * cues.missing + ("it stands without a cue",) * cues.uncued
    return LabelGuide(
        name,
        VOCABULARIES[field][name],
        field == "acts" and name in CARING_ACTS,
        entry["definition"],
        entry["not"],
        tuple((zh, en) for zh, en in entry["examples"]),
        tuple(entry["paper"]) if "paper" in entry else None,
        cues.cues,
        cues.unless,
        checks,
    )


def guideline() -> str:
    """The text of the guideline."""
    template = (resource_folder("dataset_card") / f"{GUIDELINE_NAME}.jinja").read_text("utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(titles=_TITLES, labels=label_guides(), cmcc=vocabulary)


def write_guideline(folder: Path | None = None) -> Path:
    """Writes the guideline into the folder of the dataset card, or another one."""
    path = (folder or resource_folder("dataset_card")) / GUIDELINE_NAME
    write_text(path, guideline())
    return path


if __name__ == "__main__":
    write_guideline()

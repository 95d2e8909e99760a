"""Writes the annotation guideline, dataset_card/GUIDELINE.md, from guideline.toml and the lexicon of cue words.

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
    """The section of the guideline about one label.

    unlike: what it does not cover. definition_zh, unlike_zh: both in Chinese, "" for intents. examples: invented ones,
    (Chinese, English). paper: a published example (Chinese, English, section), or None. checks: when `cmcc check` shows
    utterances for it.
    """

    name: str
    zh: str
    caring: bool
    definition: str
    unlike: str
    definition_zh: str
    unlike_zh: str
    examples: tuple[tuple[str, str], ...]
    paper: tuple[str, str, str] | None
    cues: tuple[str, ...]
    unless: tuple[str, ...]
    checks: tuple[str, ...]


def label_guides() -> dict[str, list[LabelGuide]]:
    """The sections of all labels by field, in the order of the vocabularies.

    Raises cmcc.DataError if guideline.toml lacks a label or a key of one, or has an unknown label.
    """
    content = tomllib.loads((resource_folder("dataset_card") / "guideline.toml").read_text("utf-8"))
    lexicon = load_lexicon()
    guides = {}
    for field, names in VOCABULARIES.items():
        entries = content.get(field, {})
        if tuple(entries) != names.names:
            different = ", ".join(sorted(set(entries) ^ set(names)))
            problem = f"missing or unknown labels: {different}" if different else "the labels are in another order"
            hint = f"Write one table per label, in this order: {', '.join(names)}."
            raise DataError(problem, "", hint, file="guideline.toml", table=field)
        guides[field] = [_guide(field, name, entries[name], lexicon) for name in names]
    return guides


def _guide(field: str, name: str, entry: Mapping[str, Any], lexicon: Lexicon) -> LabelGuide:
    if not entry.keys() >= _ENTRY_KEYS or len(entry["examples"]) != 2:
        expected = f"the keys {', '.join(sorted(_ENTRY_KEYS))}, with two examples"
        raise DataError(f"the keys {', '.join(entry)}", expected, file="guideline.toml", label=f"{field}.{name}")
    cues = lexicon.cues[field][VOCABULARIES[field].id_of(name)]
    checks = ("it may be missing",) * cues.missing + ("it is given without a cue",) * cues.uncued
    return LabelGuide(
        name,
        VOCABULARIES[field][name],
        field == "acts" and name in CARING_ACTS,
        entry["definition"],
        entry["not"],
        *_chinese(entry),
        tuple((zh, en) for zh, en in entry["examples"]),
        tuple(entry["paper"]) if "paper" in entry else None,
        cues.cues,
        cues.unless,
        checks,
    )


def _chinese(entry: Mapping[str, Any]) -> tuple[str, str]:
    definition, unlike = entry.get("zh", ("", ""))
    return definition, unlike


def guideline() -> str:
    """The text of the guideline."""
    template = (resource_folder("dataset_card") / f"{GUIDELINE_NAME}.jinja").read_text("utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(titles=_TITLES, labels=label_guides(), cmcc=vocabulary)


def write_guideline(folder: Path | None = None) -> Path:
    """Writes the guideline into `folder`, by default the folder of the dataset card."""
    path = (folder or resource_folder("dataset_card")) / GUIDELINE_NAME
    write_text(path, guideline())
    return path


if __name__ == "__main__":
    write_guideline()

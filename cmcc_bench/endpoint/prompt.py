"""Prompts: a TOML file for each task, with the guideline's label definitions filled in.

The parts of a file are templates with ${placeholders}; PARTS declares them. `--prompt FILE` takes another file.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

import orjson

from cmcc_bench.errors import DataError
from cmcc_bench.quality.guideline import LabelGuide, label_guides
from cmcc_bench.vocabulary import ENTITY_TYPES, PERSONAL_SLOTS, SLOTS, VOCABULARIES

# Task -> part of its file -> the placeholders that the part must have. The placeholders of `system` may be left out.
PARTS: dict[str, dict[str, frozenset[str]]] = {
    "response": {
        "system": frozenset({"intents", "slots", "types", "emotions", "acts"}),
        "user": frozenset({"history", "user"}),
        "knowledge": frozenset({"kb_result"}),
        "oracle": frozenset({"history", "user", "entities", "user_intent", "kb_result", "emotions", "acts"}),
        "markov": frozenset({"names"}),
        "full": frozenset({"turns"}),
    },
    "emotion": {"system": frozenset({"emotions"}), "user": frozenset({"context", "text"})},
    "entities": {"system": frozenset({"types"}), "user": frozenset({"text"})},
    "satisfaction": {"system": frozenset({"satisfaction"}), "user": frozenset({"text"})},
}
_FOLDER = Path(__file__).parent
_COPY = "Copy the shipped file, which cmcc predict --list-prompts names, and change the copy."


@dataclass(frozen=True)
class Prompt:
    """A task's prompt. system: the first message, with the definitions; parts: the other templates, by name.

    digest: SHA-256 of all texts, definitions included: equal if and only if all messages are.
    """

    task: str
    system: str
    parts: Mapping[str, Template]
    digest: str

    def fill(self, part: str, **values: str) -> str:
        """The text of a part. A value is never read as a template."""
        return self.parts[part].substitute(values)


def prompt_path(task: str) -> Path:
    """The file of the prompt that ships for a task."""
    return _FOLDER / "prompts" / f"{task}.toml"


def load_prompt(task: str, file: Path | None = None) -> Prompt:
    """The prompt of a task, from a file or as it ships.

    Raises cmcc.DataError, which names the part, for a file that is no TOML, lacks a part or a placeholder, or has an
    unknown one; OSError if the file cannot be read.
    """
    path = file or prompt_path(task)
    try:
        texts = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"the file is not valid TOML ({error})", "", _COPY, prompt=str(path)) from error
    if texts.keys() != PARTS[task].keys():
        expected = f"the parts {', '.join(PARTS[task])}"
        raise DataError(f"the parts {', '.join(texts) or 'none'}", expected, _COPY, prompt=str(path))
    parts = {name: _template(texts[name], name, needed, path) for name, needed in PARTS[task].items()}
    system = parts.pop("system").substitute({name: definitions_text(name) for name in PARTS[task]["system"]})
    filled = {"system": system} | {name: part.template for name, part in parts.items()}
    digest = hashlib.sha256(orjson.dumps(filled, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Prompt(task, system, parts, digest)


def _template(text: object, name: str, needed: frozenset[str], path: Path) -> Template:
    if not isinstance(text, str):
        raise DataError("a value of another type", "a string", _COPY, prompt=str(path), part=name)
    template = Template(text.strip())
    if not template.is_valid():
        hint = "Write a placeholder as ${name}, and a dollar sign as $$."
        raise DataError("a dollar sign that begins no placeholder", "", hint, prompt=str(path), part=name)
    found = set(template.get_identifiers())
    if unknown := sorted(found - needed):
        expected = f"one of {', '.join(f'${{{known}}}' for known in sorted(needed))}"
        raise DataError(f"the placeholder ${{{unknown[0]}}}", expected, _COPY, prompt=str(path), part=name)
    missing = [] if name == "system" else sorted(needed - found)
    if missing:
        hint = "Add it; the data are filled in there."
        raise DataError(f"the placeholder ${{{missing[0]}}} is missing", "", hint, prompt=str(path), part=name)
    return template


@cache
def definitions_text(field: str) -> str:
    """The labels of a field with their definitions in Chinese and the guideline's examples, a line each.

    field: emotions, acts, intents, satisfaction or types; slots are names only.
    """
    if field == "slots":
        return "、".join(dict.fromkeys((*SLOTS, *PERSONAL_SLOTS)))
    chinese = _definitions()[field]
    if field == "types":
        return "\n".join(f"- {ENTITY_TYPES[name]}：{definition}" for name, (definition, _) in chinese.items())
    return "\n".join(_label_line(guide, *chinese[guide.name]) for guide in label_guides()[field])


def _label_line(guide: LabelGuide, definition: str, unlike: str) -> str:
    examples = "".join(f"“{chinese}”" for chinese, _ in guide.examples)
    return f"- {guide.zh}：{definition}区别：{unlike}例：{examples}"


@cache
def _definitions() -> dict[str, dict[str, tuple[str, str]]]:
    """Field -> label -> definition and what it does not cover; the labels in the vocabulary's order."""
    content = tomllib.loads((_FOLDER / "definitions.toml").read_text("utf-8"))
    fields = {**{field: known.names for field, known in VOCABULARIES.items()}, "types": ENTITY_TYPES.names}
    return {field: {name: tuple(content[field][name]) for name in names} for field, names in fields.items()}


def guideline_digest() -> str:
    """The digest of the guideline's English definitions, which definitions.toml translates."""
    texts = [
        (field, guide.name, guide.definition, guide.unlike)
        for field, guides in label_guides().items()
        for guide in guides
    ]
    return hashlib.sha256(orjson.dumps(texts)).hexdigest()

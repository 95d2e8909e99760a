"""The tables of the documentation, made from the code: name -> Markdown. `python -m tests.write_docs` writes them."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from importlib import import_module

import datasets

import cmcc
from tests.docs.pages import ROOT

_TABLE = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

# The rooms in pipeline order; one that is missing here comes last.
_ROOMS = ("reader", "views", "dataset", "simulate", "backbones", "quality", "statistics", "figures", "tasks", "scoring")
_ROOMS += ("models", "training", "decoding", "recognition", "endpoint", "inspect_tasks", "reports", "cards", "hub")
_ROOMS += ("leaderboard", "chat", "annotate", "commands")


def with_tables(text: str) -> str:
    """A page with its tables as they are now."""
    return _TABLE.sub(lambda match: f"{match[1]}{_made(match[2])}\n{match[3]}", text)


def _made(name: str) -> str:
    kind, _, argument = name.partition(" ")
    return "\n" + _TABLES[kind](argument).strip("\n") + "\n"


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    header = list(header)
    lines = [header, ["---"] * len(header), *([str(cell).replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _labels(name: str) -> str:
    """A vocabulary, its acts with the caring ones marked."""
    vocabulary: Mapping[str, str] = getattr(cmcc, name)
    caring = {"acts": ("caring", lambda label: "yes" if label in cmcc.CARING_ACTS else "")}
    types = {"entity": ("a question about it is answered with", lambda label: ", ".join(cmcc.SUBTYPES[label]))}
    more = caring["acts"] if name == "ACTS" else types["entity"] if name == "ENTITY_TYPES" else None
    header = ["class", "name", "Chinese name", *([more[0]] if more else [])]
    rows = [
        (index, f"`{label}`", chinese, *([more[1](label)] if more else []))
        for index, (label, chinese) in enumerate(vocabulary.items())
    ]
    return _table(header, rows)


def _features(config: str) -> str:
    return _table(("column", "type"), [(f"`{name}`", kind) for name, kind in _columns(cmcc.FEATURES[config](), "")])


def _columns(features: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, feature in features.items():
        marks = ""
        while isinstance(feature, datasets.List):
            feature, marks = feature.feature, f"{marks}[]"
        path = f"{prefix}{name}{marks}"
        if isinstance(feature, Mapping):
            yield from _columns(feature, f"{path}.")
        elif isinstance(feature, datasets.ClassLabel):
            yield path, f"ClassLabel of {feature.num_classes}"
        else:
            yield path, feature.dtype


def _recipes(_: str) -> str:
    from cmcc_bench.training.recipe import list_recipes

    rows = [(f"`{name}`", task, description) for name, task, description in list_recipes()]
    return _table(("recipe", "task", "what it trains"), rows)


def _settings(task: str) -> str:
    recipe = import_module(f"cmcc_bench.training.{task}").RECIPE
    rows = [
        (f"`{item.name}`", item.metadata["help"], "required" if item.default is MISSING else f"`{item.default!r}`")
        for item in fields(recipe)
    ]
    return _table(("setting", "what it is", "default"), rows)


def _tasks(_: str) -> str:
    from cmcc_bench.tasks import TASKS

    rows = [
        (f"`{task.name}`", f"`{task.config}`", task.key or "dialogue", f"`{task.main}`", _code(task.headline))
        for task in TASKS.values()
    ]
    return _table(("task", "config", "one prediction per", "main score", "scores of the leaderboard"), rows)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _findings(_: str) -> str:
    from cmcc_bench.quality.kinds import KINDS

    rows = [(f"`{name}`", "error" if kind.error else "suggestion", kind.meaning) for name, kind in KINDS.items()]
    return _table(("kind", "level", "what it is"), rows)


def _left_out(_: str) -> str:
    from tests.docs.kinds import KINDS

    rows = [
        (f"`{kind}`", "label left out" if cmcc.Report(repaired=Counter({kind: 1})).left_out else "", meaning)
        for kind, meaning in sorted(KINDS.items())
    ]
    return _table(("kind", "", "what it counts"), rows)


def _row(_: str) -> str:
    from tests.readme_row import first_row

    return f"```json\n{first_row()}\n```"


def _rooms(_: str) -> str:
    """The packages of the library and the first sentence of each."""
    found = {path.parent.name: path for path in (ROOT / "cmcc_bench").glob("*/__init__.py")}
    order = [name for name in _ROOMS if name in found] + sorted(found.keys() - set(_ROOMS))
    rows = [(f"`{name}/`", found[name].read_text("utf-8").split("\n")[0].strip('"')) for name in order]
    return _table(("room", "what it does"), rows)


def _extras(_: str) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    rows = [
        (f"`{name}`", ", ".join(re.match(r"[\w-]+", needed)[0] for needed in packages))
        for name, packages in project["optional-dependencies"].items()
    ]
    return _table(("extra", "packages"), rows)


def _commands(_: str) -> str:
    """Every command with its options, from the parsers."""
    from cmcc_bench.cli import _parser

    return "\n\n".join(_described("cmcc", _parser(), "", 1))


def _described(name: str, parser: argparse.ArgumentParser, sentence: str, level: int) -> Iterator[str]:
    if level > 1:
        yield f"{'#' * level} `{name}`"
        yield _sentence(sentence)
    formatter = parser._get_formatter()
    rows, below = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            below = [(f"{name} {key}", found, helps.get(key, "")) for key, found in action.choices.items()]
        elif "--help" not in action.option_strings and action.help is not argparse.SUPPRESS:
            shown = " ".join(action.option_strings) or action.metavar or action.dest
            meaning = formatter._expand_help(action) if action.help else ""
            if action.choices and action.option_strings:
                meaning = f"one of {', '.join(map(str, action.choices))}; {meaning}".removesuffix("; ")
            rows.append((f"`{shown}`", meaning))
    if rows:
        yield _table(("argument", "what it is"), rows)
    for command, found, text in below:
        yield from _described(command, found, text, min(level + 1, 3))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


_TABLES: dict[str, Callable[[str], str]] = {
    "labels": _labels,
    "features": _features,
    "recipes": _recipes,
    "settings": _settings,
    "tasks": _tasks,
    "findings": _findings,
    "report": _left_out,
    "row": _row,
    "rooms": _rooms,
    "extras": _extras,
    "commands": _commands,
}

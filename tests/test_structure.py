"""The structure: files import one another in one direction, and a type name has one definition."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted([ROOT / "cmcc.py", *(ROOT / "cmcc_bench").rglob("*.py")])
}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}

# From the ground up: a file imports only from its own room and from those before it. Files beside the rooms are rooms.
ROOMS = [
    "types", "blocks", "errors", "templates", "distribution", "files", "kept", "paper", "terminal", "vocabulary",
    "features", "backbones", "masking", "reader", "views", "corpus", "textform", "ngrams", "tasks", "scoring", "models",
    "reports", "statistics", "figures", "dataset", "cmcc", "simulate", "quality", "decoding", "recognition", "endpoint",
    "inspect_tasks", "cards", "hub", "leaderboard", "training", "chat", "annotate", "commands", "cli",
]  # fmt: skip


def room(name):
    return name.removeprefix("cmcc_bench.").split(".")[0]


def imports(name):
    """The files that a file imports anywhere in it, also inside functions, where types alone are meant."""
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            found = {f"{source}.{alias.name}" for alias in node.names}  # a submodule, or a name of the module
            yield from found & FILES.keys() or {source} & FILES.keys()


GRAPH = {name: set(imports(name)) - {name} for name in FILES}


def test_no_two_files_import_each_other_not_even_by_way_of_others():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_the_order_has_every_room_once():
    assert sorted(ROOMS) == sorted({room(name) for name in FILES} - {"cmcc_bench"})


def test_no_room_imports_from_one_above_it():
    floor = {name: number for number, name in enumerate(ROOMS)}
    upward = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in sorted(others)
        if room(name) in floor and floor[room(other)] > floor[room(name)]
    ]
    assert not upward, "\n".join(upward)


def is_alias(node):
    """Whether a statement at module level names a type: X: TypeAlias = ..., X = TypeVar(...), X = dict[str, Any]."""
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation) == "TypeAlias"
    if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
        return False
    if isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func) in ("TypeVar", "NewType", "namedtuple", "NamedTuple", "ParamSpec")
    name = node.targets[0].id.lstrip("_")  # a name such as Row; a constant is ROW
    return name[:1].isupper() and not name.isupper()


def test_a_type_name_has_one_definition():
    homes = defaultdict(list)
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node in tree.body:
                homes[node.name.lstrip("_")].append(file)
            elif is_alias(node):
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                homes[target.id.lstrip("_")].append(file)
    twice = [f"{name}: {', '.join(sorted(files))}" for name, files in sorted(homes.items()) if len(files) > 1]
    assert not twice, "\n".join(twice)

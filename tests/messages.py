"""Collects all error and warning messages of the library from its source, so that they can be reviewed together.

`python -m tests.write_golden` writes them to tests/golden/messages.txt. Values in a message are shown as expressions in
braces; alternatives are all shown.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
ERRORS = {
    "DataError", "ValueError", "TypeError", "FileNotFoundError", "FileExistsError", "LookupError", "ChildProcessError",
    "UnknownLabelError", "CompatibilityError", "ArgumentTypeError", "SystemExit",
}  # fmt: skip
WARNINGS = {"warn", "warning"}
METHODS = {"at", "add_note"}


def messages() -> str:
    """The text with all messages: a heading for each file, a line for each message, in the order of the source."""
    text = ""
    for path in [ROOT / "cmcc.py", *sorted((ROOT / "cmcc_bench").rglob("*.py"))]:
        if lines := list(dict.fromkeys(_messages(path))):
            text += f"\n{path.relative_to(ROOT).as_posix()}\n" + "".join(f"  {line}\n" for line in lines)
    return text.lstrip("\n")


def _messages(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    constants = _assigned(tree.body)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.Lambda):
            yield from _in_function(function, constants)


def _in_function(function: ast.FunctionDef | ast.Lambda, constants: Mapping[str, ast.expr]) -> Iterator[str]:
    inner = {id(node) for child in ast.walk(function) if child is not function and isinstance(child, ast.FunctionDef)
             for node in ast.walk(child)}  # fmt: skip
    nodes = [node for node in ast.walk(function) if id(node) not in inner]
    names = dict(constants) | {
        name: value for node in nodes if isinstance(node, ast.Assign) for name, value in _assigned([node]).items()
    }
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        kind = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        before = {name: value for name, value in names.items() if value.lineno <= call.lineno or name in constants}
        if kind == "DataError":
            yield _data_error(call, before)
        elif kind in ERRORS | WARNINGS | METHODS and call.args and _is_text(call.args[0], before):
            yield f"{kind}: {_text(call.args[0], before)}"


def _data_error(call: ast.Call, names: Mapping[str, ast.expr]) -> str:
    place = ", ".join(f"{key.arg} {_shown(key.value, names)}" for key in call.keywords if key.arg)
    if any(key.arg is None for key in call.keywords):
        place = f"{place}, {{place}}" if place else "{place}"
    parts = [_shown(value, names) for value in call.args]
    found, expected, hint = [*parts, "", "", ""][:3]
    problem = f"found {found}; expected {expected}" if expected else found
    return (f"{place}: " if place else "") + problem + (f". {hint}" if hint else "")


def _shown(value: ast.expr, names: Mapping[str, ast.expr]) -> str:
    return _text(value, names) if _is_text(value, names) else f"{{{ast.unparse(value)}}}"


def _is_text(value: ast.expr, names: Mapping[str, ast.expr]) -> bool:
    """Whether an expression contains text from the source."""
    match value:
        case ast.Constant():
            return isinstance(value.value, str)
        case ast.JoinedStr():
            return True
        case ast.Name():
            return value.id in names and _is_text(names[value.id], {})
        case ast.IfExp():
            return _is_text(value.body, names) or _is_text(value.orelse, names)
        case ast.BinOp():
            return _is_text(value.left, names) or _is_text(value.right, names)
    return False


def _text(value: ast.expr, names: Mapping[str, ast.expr]) -> str:
    match value:
        case ast.Constant() if isinstance(value.value, str):
            return value.value.replace("\n", "\\n")
        case ast.JoinedStr():
            return "".join(_text(part, names) for part in value.values)
        case ast.FormattedValue():
            return _shown(value.value, names) if isinstance(value.value, ast.Constant | ast.Name) else (
                f"{{{ast.unparse(value.value)}}}"
            )  # fmt: skip
        case ast.Name() if value.id in names and _is_text(names[value.id], {}):
            return _text(names[value.id], {})
        case ast.IfExp():
            return f"[{_text(value.body, names)} | {_text(value.orelse, names)}]"
        case ast.BinOp():
            return _text(value.left, names) + _text(value.right, names)
    return f"{{{ast.unparse(value)}}}"


def _assigned(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """The assigned values in a body, by name; also from pairs such as `found, hint = "a", "b"`."""
    values: dict[str, ast.expr] = {}
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = zip(target.elts, value.elts, strict=False)
                values |= {name.id: part for name, part in pairs if isinstance(name, ast.Name)}
            elif isinstance(target, ast.Name):
                values[target.id] = value
    return values

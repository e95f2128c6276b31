"""What no generated code may hold: running text as code, shells, other processes, unsafe loading.

Knows constructs by their syntax. Refuses to judge anything else about code: that is for
`compliance.py` and for the tools that `proving.py` runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_CALLS = frozenset(
    {"exec", "eval", "compile", "__import__", "globals", "locals", "vars", "breakpoint", "input"}
)
_MODULES = frozenset(
    [
        "subprocess",
        "pickle",
        "cPickle",
        "dill",
        "cloudpickle",
        "marshal",
        "shelve",
        "ctypes",
        "pty",
        "code",
        "runpy",
    ]
)
_ATTRIBUTES = (
    "os.system",
    "os.popen",
    "os.exec",
    "os.spawn",
    "os.posix_spawn",
    "os.fork",
    "asyncio.create_subprocess",
)
_NAMES = frozenset({"__builtins__", "__subclasses__", "__globals__", "__code__", "__bases__", "__mro__"})


def forbidden_constructs(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and sentence of every construct that generated code may not hold."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports(node)
        elif isinstance(node, ast.Call):
            yield from _call(node)
        elif isinstance(node, ast.Name) and node.id in _NAMES:
            yield node.lineno, f"touches `{node.id}`"
        elif isinstance(node, ast.Attribute):
            yield from _attribute(node)


def _attribute(node: ast.Attribute) -> Iterator[tuple[int, str]]:
    name = f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else node.attr
    if node.attr in _NAMES:
        yield node.lineno, f"touches `{node.attr}`"
    elif name.startswith(_ATTRIBUTES):
        yield node.lineno, f"uses `{name}`"


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str]]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        if module.partition(".")[0] in _MODULES:
            yield node.lineno, f"imports `{module}`"
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            if name.startswith(_ATTRIBUTES) or alias.name == "*":
                yield node.lineno, f"imports `{name}`"


def _call(node: ast.Call) -> Iterator[tuple[int, str]]:
    name = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
    if name in _CALLS or name.removeprefix("builtins.") in _CALLS:
        yield node.lineno, f"calls `{name}`"
    if name.endswith("import_module") and not (node.args and isinstance(node.args[0], ast.Constant)):
        yield node.lineno, "imports a module whose name is computed"
    if any(each.arg == "shell" for each in node.keywords):
        yield node.lineno, "asks for a shell"

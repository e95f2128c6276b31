"""Where values of rows go within generated code, and which of them reach a log.

Knows assignments, loops, and calls from one function of a module to another; starts at what public
methods of operations take and give; where there are none, at whatever is named like a field.
Counts, lengths, types and numbers of places are no values. Refuses to run code, and does not see
what hides in attributes and containers.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_STEPS = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension, ast.Call)
_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_COUNTED = frozenset({"len", "type", "bool", "isinstance"})  # what these say of a value is none itself


def logged_values(tree: ast.Module, operations: Sequence[Mapping[str, object]]) -> Iterator[tuple[int, str]]:
    """Line and name of every value of a row that is handed to a log.

    Args:
        operations: as templates saw them: `name`, `takes`, `gives`.
    """
    found = [_Body(node) for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    fields = {name for each in operations for name in _fields(each)}
    known = _values(tree, {str(each["name"]): _fields(each) for each in operations}, found)
    for body in found:
        values = known.get(body.function.name, set())
        for node in body.steps if values else ():
            if isinstance(node, ast.Call) and _logs(node):
                for each in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    for name in sorted(_read(each, fields) & values):
                        yield node.lineno, name


class _Body:
    """A function and what happens in it, functions within it included; walked once."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.steps = [node for node in ast.walk(function) if isinstance(node, _STEPS)]


def dotted(node: ast.AST) -> str:
    """The name of what is called: `self._log.info`; what is no name in it is a question mark."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def parameters(function: Function) -> list[ast.arg]:
    """Parameters in their order, `self` and `cls` aside."""
    found = function.args
    listed = (*found.posonlyargs, *found.args, *found.kwonlyargs)
    return [each for each in listed if each.arg not in {"self", "cls"}]


def _values(
    tree: ast.Module, operations: Mapping[str, Sequence[str]], bodies: Sequence[_Body]
) -> dict[str, set[str]]:
    """Names in each function that hold values of rows, or something made of them."""
    known = _begun(tree, operations)
    fields = {name for each in operations.values() for name in each}
    if not known:  # code of another shape: whatever is named like a field counts
        known = {body.function.name: set(fields) for body in bodies}
    named_so: dict[str, list[Function]] = {}
    for body in bodies:
        named_so.setdefault(body.function.name, []).append(body.function)
    while True:
        before = sum(map(len, known.values()))
        for body in bodies:
            if body.function.name in known:
                _follow(body, known, named_so, fields)
        if sum(map(len, known.values())) == before:
            return known


def _begun(tree: ast.Module, operations: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """What public methods of operations begin with, in classes that have all of them."""
    known: dict[str, set[str]] = {}
    for owner in tree.body:
        own = [node for node in getattr(owner, "body", ()) if isinstance(node, FUNCTIONS)]
        if not operations or not operations.keys() <= {node.name for node in own}:
            continue
        for node in own:
            named = next((each for each in operations if f"{node.name}_".startswith(f"{each}_")), None)
            if named is not None:
                known[node.name] = {*(each.arg for each in parameters(node)), *operations[named]}
    return known


def _follow(
    body: _Body,
    known: dict[str, set[str]],
    functions: Mapping[str, Sequence[Function]],
    fields: Collection[str],
) -> None:
    """Add what a function makes of values of rows, and what it hands on to others."""
    values = known[body.function.name]
    for node in body.steps:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            if _read(node.value) & values:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                values |= {name for each in targets for name in _bound(each)}
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and _read(node.iter) & values:
            values |= _looped(node.target, node.iter)
        elif isinstance(node, ast.Call) and not _logs(node):
            called = dotted(node.func).rpartition(".")[2]
            for other in functions.get(called, ()):
                known.setdefault(called, set()).update(_taken(node, other, values, fields))


def _taken(call: ast.Call, other: Function, values: set[str], fields: Collection[str]) -> set[str]:
    """Parameters of a function that a call gives values of rows to; what counts places is none."""
    able = parameters(other)
    given = {each.arg: value for each, value in zip(able, call.args, strict=False)}
    given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
    counts = {
        each.arg for each in able if each.annotation is not None and ast.unparse(each.annotation) == "int"
    }
    names = {each.arg for each in able} - (counts - set(fields))
    return {name for name, each in given.items() if name in names and _read(each) & values}


def _bound(target: ast.expr) -> set[str]:
    """Names that an assignment binds; attributes and entries are not followed."""
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return {each.id for each in parts if isinstance(each, ast.Name)}


def _looped(target: ast.expr, over: ast.expr) -> set[str]:
    """Names that a loop binds to values; the number that `enumerate` gives is none."""
    counted = isinstance(over, ast.Call) and dotted(over.func) == "enumerate"
    if counted and isinstance(target, ast.Tuple):
        return _bound(target.elts[-1])
    return _bound(target)


def _logs(call: ast.Call) -> bool:
    owner, _, method = dotted(call.func).rpartition(".")
    return (not owner and method == "_log") or ("log" in owner.lower() and method in _LEVELS)


def _read(node: ast.AST, fields: Collection[str] | None = None) -> set[str]:
    """Names that an expression reads, those aside of which it only takes length or type.

    Args:
        fields: what counts of an attribute that is read and not called; `None` = everything.
    """
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _COUNTED:
        return set()
    if isinstance(node, ast.Attribute) and fields is not None and node.attr not in fields:
        return set()
    inner = ast.iter_child_nodes(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        inner = iter([node.func.value, *node.args, *node.keywords])
    return {name for each in inner for name in _read(each, fields)}


def _fields(operation: Mapping[str, object]) -> list[str]:
    """Names of what an operation takes and gives."""
    listed = [found for key in ("takes", "gives") if isinstance(found := operation.get(key), list)]
    return [str(each["name"]) for found in listed for each in found if isinstance(each, Mapping)]

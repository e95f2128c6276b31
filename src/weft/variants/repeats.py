"""What two parts of a module both bring: the same definition stays once, different ones are an error.

Knows that variants which share a macro print the same class twice when their features are joined.
Two definitions are the same when their syntax trees are. Refuses to format and to judge the code.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from weft.errors import BadSource
from weft.templates.source_environment import Origin, Source

_Named = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign


@lru_cache(maxsize=1)
def parsed(code: str) -> ast.Module | None:
    """The syntax tree of code, to be read and not changed; `None` where the code is no Python.

    The last one is kept: whoever makes a module looks at the same text more than once.
    """
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError):
        return None


def without_repeats(source: Source) -> Source:
    """Keep the first of definitions that are the same, at the top of a module and in its classes.

    A text that is no Python is left as it is: that is told by the first check.

    Raises:
        BadSource: two definitions of one name differ; both template lines are named.
    """
    tree = parsed(source.text)
    if tree is None:
        return source
    gone: set[int] = set()
    for body in [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]:
        gone |= _repeated(body, source.origins)
    if not gone:
        return source
    lines = source.text.split("\n")
    kept = [place for place in range(len(lines)) if place + 1 not in gone]
    return replace(
        source,
        text="\n".join(lines[place] for place in kept),
        origins=tuple(source.origins[place] for place in kept),
    )


def _repeated(body: Sequence[ast.stmt], origins: Sequence[Origin]) -> set[int]:
    """Numbers of the lines that say again what was said before."""
    first: dict[str, _Named] = {}
    gone: set[int] = set()
    for node in body:
        name = _name_of(node)
        if not name or not isinstance(node, _Named):
            continue
        other = first.setdefault(name, node)
        if other is node or _is_variation(node):
            continue
        if ast.dump(other) != ast.dump(node):
            raise _conflict(name, origins[_begin(other) - 1], origins[_begin(node) - 1])
        gone |= set(range(_begin(node), (node.end_lineno or node.lineno) + 1))
    return gone


def _name_of(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return ""


def _is_variation(node: _Named) -> bool:
    """Whether a name is defined anew on purpose: setters of properties and overloads."""
    decorators = () if isinstance(node, ast.Assign | ast.AnnAssign) else node.decorator_list
    return any(ast.unparse(each).endswith((".setter", ".deleter", "overload")) for each in decorators)


def _begin(node: _Named) -> int:
    decorators = [] if isinstance(node, ast.Assign | ast.AnnAssign) else node.decorator_list
    return min([node.lineno, *(each.lineno for each in decorators)])


def _conflict(name: str, one: Origin, other: Origin) -> BadSource:
    inputs = sorted({*one.inputs, *other.inputs})
    return BadSource(
        f"`{name}` is defined twice and differently: by line {one.line} of template `{one.file}` and by "
        f"line {other.line} of `{other.file}`.",
        hint="choose other names for the module and its operations, or do not join these variants.",
        problems=[
            {"check": "definitions", "file": each.file, "line": each.line, "message": name, "inputs": inputs}
            for each in (one, other)
        ],
    )

from __future__ import annotations

import ast

from tests.house.source import Module, house, report

FIRST_LINE = 100  # characters; most stay below 80
MODULE_LINES = range(3, 13)  # ten lines and the empty ones between them
DRAWING = "__init__.py"  # the floors and the eight stops are drawn there
TREES = {"errors.py"}  # the tree of errors is drawn in its docstring


def lines(text: str | None) -> int:
    """Lines of a docstring, empty ones between paragraphs included."""
    return len((text or "").strip().splitlines())


def test_module_says_what_it_knows() -> None:
    """A module has a docstring of three to ten lines: what it knows and what it refuses to know."""
    faults = []
    for m in house():
        if m.path == DRAWING:
            continue
        count = lines(ast.get_docstring(m.tree))
        if count not in MODULE_LINES and not (m.path in TREES and count):
            faults.append(f"{m.path}: {count} lines")

    assert not faults, report(faults)


def test_room_introduces_itself() -> None:
    """A room's door says its floor, what it knows, what it refuses to know, where to start; no code."""
    faults = []
    for m in house():
        if not m.path.endswith("/__init__.py") or m.path.count("/") != 1:
            continue
        text = ast.get_docstring(m.tree) or ""
        if "loor " not in text and "eside the house" not in text:
            faults.append(f"{m.path}: does not say its floor")
        faults += [
            f"{m.path}: does not say {word!r}"
            for word in ("nows", "efuses to know", "tart reading")
            if word not in text
        ]
        if len(m.tree.body) > 1:
            faults.append(f"{m.path}: holds more than its docstring")

    assert not faults, report(faults)


def test_public_names_are_documented() -> None:
    """Every public class, function and method has a docstring."""
    faults = [
        f"{m.path}:{node.lineno} {name}"
        for m in house()
        for name, node in m.public()
        if not ast.get_docstring(node) and not is_overload(node) and not is_told_by_class(m, name)
    ]

    assert not faults, report(faults)


def is_told_by_class(m: Module, name: str) -> bool:
    """Whether an attribute of a protocol is described among its class's attributes."""
    owner, _, attribute = name.rpartition(".")
    classes = {each.name: ast.get_docstring(each) or "" for each in m.classes()}
    return f"{attribute}: " in classes.get(owner, "").partition("Attributes:")[2]


def is_overload(node: ast.AST) -> bool:
    """Whether a function is only a typing overload; the real one has the docstring."""
    return any("overload" in ast.unparse(each) for each in getattr(node, "decorator_list", ()))


def test_first_line_is_short() -> None:
    """A docstring's first line is a sentence, not a paragraph."""
    faults = []
    for m in house():
        for name, node in m.public():
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if len(first) > FIRST_LINE:
                faults.append(f"{m.path}:{node.lineno} {name}: {len(first)} characters")

    assert not faults, report(faults)
